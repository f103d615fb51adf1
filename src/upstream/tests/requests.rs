//! The request as it goes out.

use super::*;

#[test]
fn the_host_goes_out_as_it_was_sent_and_is_the_one_that_was_judged() {
    let sent = |host: &str| {
        let mut call = get("api.stripe.test");
        call.headers.insert(HOST, host.parse().unwrap());
        request(call, Outgoing::Whole(None))
    };
    for host in ["api.stripe.test", "API.stripe.test", "api.stripe.test:443"] {
        let request = sent(host).unwrap();
        assert_eq!(
            request.uri().authority().unwrap().as_str(),
            host,
            "`:authority` of HTTP/2"
        );
        assert_eq!(request.headers()[HOST], host);
    }
    for host in ["other.test", "api.stripe.test:444", "a@api.stripe.test", ""] {
        assert_eq!(sent(host).unwrap_err().outcome, Outcome::NotSent, "{host}");
    }
}

#[test]
fn grpc_goes_over_http_2_alone_and_its_trailers_are_asked_for() {
    let mut call = get("api.stripe.test");
    let plain = request(get("api.stripe.test"), Outgoing::Whole(None)).unwrap();
    assert_eq!((plain.version(), plain.headers().get(TE)), (Version::HTTP_11, None));
    call.headers
        .insert("content-type", "application/grpc+proto".parse().unwrap());
    let request = request(call, Outgoing::Whole(None)).unwrap();
    assert_eq!(
        (request.version(), &request.headers()[TE]),
        (Version::HTTP_2, &HeaderValue::from_static("trailers"))
    );
}

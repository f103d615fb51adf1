use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::proxy::accept;

mod upgrades;

fn caller() -> Caller {
    Caller {
        agent: "support-bot".into(),
        roles: Arc::from([]),
        owner: None,
    }
}

/// What becomes of bytes on the wire: hyper's own refusal is `None`.
async fn wire(tunnel: Option<&str>, bytes: &[u8]) -> Option<Result<Parsed, Refusal>> {
    let authority = tunnel.map(|text| Authority::parse(text, None).unwrap());
    let parsed = Arc::new(Mutex::new(None));
    let seen = parsed.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (head, incoming) = request.into_parts();
        let body = body(&Some(Unread::new(incoming, &head.headers)));
        let settled = authority.as_ref().map(|authority| (Scheme::Https, authority));
        let call = call(settled, CallId::random(), caller(), head, body);
        seen.lock().unwrap().get_or_insert(call);
        async { Ok::<_, std::convert::Infallible>(Response::new(Empty::<bytes::Bytes>::new())) }
    });
    let (mut client, server) = tokio::io::duplex(64 << 10);
    let serve = async { drop(accept::http1().serve_connection(TokioIo::new(server), service).await) };
    let ask = async {
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = Vec::new();
        drop(client.read_to_end(&mut answer).await);
    };
    tokio::join!(serve, ask);
    parsed.lock().unwrap().take()
}

async fn inside(request: &str) -> Result<Parsed, Refusal> {
    wire(Some("api.stripe.test:443"), request.as_bytes())
        .await
        .expect("hyper takes it")
}

async fn reason(request: &str) -> Reason {
    let parsed = wire(Some("api.stripe.test:443"), request.as_bytes()).await;
    parsed.map_or(Reason::Malformed, |parsed| parsed.expect_err(request).reason)
}

/// A request inside the tunnel, with these lines after its Host.
fn with(first: &str, lines: &str) -> String {
    format!("{first} HTTP/1.1\r\nHost: api.stripe.test\r\n{lines}\r\n")
}

#[tokio::test]
async fn what_was_sent_is_what_is_judged() {
    let request = "POST /v1/refunds?expand[]=%41&x HTTP/1.1\r\nHost: API.stripe.test:443\r\nStripe-Account: acct_1\r\n\
                   Stripe-Account: acct_2\r\nContent-Length: 8\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\
                   Proxy-Authorization: Basic cnA6cnA=\r\nTE: trailers\r\nExpect: 100-continue\r\n\r\namount=1";
    let Parsed { call, leaves_http } = inside(request).await.unwrap();
    assert!(!leaves_http);
    assert_eq!(
        (call.scheme, call.authority.to_string().as_str()),
        (Scheme::Https, "api.stripe.test:443")
    );
    assert_eq!(
        (call.path.as_str(), call.query.as_deref()),
        ("/v1/refunds", Some("expand[]=%41&x"))
    );
    assert!(matches!(call.body, Body::Streaming { length: Some(8) }));
    let mut names: Vec<&str> = call.headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "host", "stripe-account"]);
    assert_eq!(call.headers.get_all("stripe-account").iter().count(), 2);
    assert_eq!(call.headers["host"], "API.stripe.test:443", "sent as it came");
}

#[tokio::test]
async fn plain_http_is_a_call_like_any_other() {
    let parsed = wire(
        None,
        b"GET http://Api.Test./v1?a=b HTTP/1.1\r\nHost: api.test:80\r\n\r\n",
    )
    .await
    .unwrap()
    .unwrap();
    assert_eq!(
        (parsed.call.scheme, parsed.call.authority.to_string().as_str()),
        (Scheme::Http, "api.test:80")
    );
    assert_eq!(parsed.call.path, "/v1");
    assert!(matches!(parsed.call.body, Body::Absent));
    let bare = wire(None, b"GET http://api.test?a=b HTTP/1.1\r\nHost: api.test\r\n\r\n")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (bare.call.path.as_str(), bare.call.query.as_deref()),
        ("/", Some("a=b"))
    );
}

/// O35, O37, O44, O45
#[tokio::test]
async fn a_host_other_than_the_tunnels_is_refused() {
    for host in [
        "evil.test",
        "api.stripe.test:8443",
        "api.stripe.test.evil.test",
        "xapi.stripe.test",
        "api.stripe.test:80",
    ] {
        let request = format!("GET /v1/balance HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(reason(&request).await, Reason::AuthorityMismatch, "{host}");
    }
    for host in [
        "api.stripe.test",
        "api.stripe.test:443",
        "API.STRIPE.TEST",
        "api.stripe.test.",
    ] {
        assert!(
            inside(&format!("GET /v1/balance HTTP/1.1\r\nHost: {host}\r\n\r\n"))
                .await
                .is_ok(),
            "{host}"
        );
    }
    let other = wire(None, b"GET http://api.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(other.unwrap_err().reason, Reason::AuthorityMismatch);
}

/// O39, O40, O41, O52, O53
#[tokio::test]
async fn two_hosts_or_none_are_refused() {
    for lines in [
        "",
        "Host: api.stripe.test\r\nHost: evil.test\r\n",
        "Host: api.stripe.test\r\nHost: api.stripe.test\r\n",
        "Host:\r\n",
        "Host: evil.test@api.stripe.test\r\n",
        "Host: api.stripe.test, evil.test\r\n",
        "Host: \u{430}pi.stripe.test\r\n",
        "Host: api.stripe.test:x\r\n",
    ] {
        assert_eq!(
            reason(&format!("GET /v1/balance HTTP/1.1\r\n{lines}\r\n")).await,
            Reason::Malformed,
            "{lines}"
        );
    }
    assert_eq!(reason("GET /v1/balance HTTP/1.0\r\n\r\n").await, Reason::Malformed);
}

/// O38
#[tokio::test]
async fn an_absolute_target_inside_a_tunnel_is_refused() {
    for target in [
        "http://evil.test/",
        "https://api.stripe.test/v1/balance",
        "api.stripe.test:443",
        "*",
    ] {
        assert_eq!(
            reason(&with(&format!("GET {target}"), "")).await,
            Reason::Malformed,
            "{target}"
        );
    }
    assert_eq!(reason(&with("OPTIONS *", "")).await, Reason::Malformed);
}

/// O57
#[tokio::test]
async fn a_tunnel_in_a_tunnel_is_refused() {
    assert_eq!(reason(&with("CONNECT evil.test:443", "")).await, Reason::Malformed);
    assert_eq!(reason(&with("TRACE /v1/balance", "")).await, Reason::Malformed);
}

#[tokio::test]
async fn a_method_spelt_otherwise_is_refused() {
    for method in ["get", "Post", "dELETE", "connect"] {
        assert_eq!(
            reason(&with(&format!("{method} /v1/balance"), "")).await,
            Reason::Malformed,
            "{method}"
        );
    }
    assert!(
        inside(&with("PURGE /v1/balance", "")).await.is_ok(),
        "other methods are judged, as changes"
    );
}

/// O55
#[tokio::test]
async fn what_is_sent_to_the_proxy_itself_is_refused_with_the_way_that_works() {
    let direct = wire(None, b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n")
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(direct.reason, Reason::Malformed);
    assert!(direct.detail.contains("HTTPS_PROXY"), "{direct}");
    let secure = wire(None, b"GET https://api.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n")
        .await
        .unwrap()
        .unwrap_err();
    assert!(secure.detail.contains("CONNECT api.test"), "{secure}");
    let other = wire(None, b"GET ftp://api.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n")
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(other.reason, Reason::Malformed);
}

/// O19 to O25, O27, O30: refused by hyper or by us, or framed anew.
#[tokio::test]
async fn ambiguous_framing_is_refused() {
    for lines in [
        "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\nContent-Length: 3\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Content-Length: 5\r\nContent-Length: 60\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: 1, 1\r\n",
        "Content-Length : 5\r\n",
        "X: a\r\n b\r\n",
        "X: a\rY: b\r\n",
    ] {
        let request = with("POST /v1/charges", lines) + "0\r\n\r\n";
        assert_eq!(reason(&request).await, Reason::Malformed, "{lines}");
    }
    let old = "POST /v1/charges HTTP/1.0\r\nHost: api.stripe.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(reason(old).await, Reason::Malformed);
    for both in [
        "Content-Length: 60\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 60\r\n",
    ] {
        let call = inside(&(with("POST /v1/charges", both) + "3\r\na=1\r\n0\r\n\r\n"))
            .await
            .unwrap()
            .call;
        assert!(
            !call.headers.contains_key("content-length"),
            "framed anew, without the length that was passed over"
        );
        assert!(!call.headers.contains_key("transfer-encoding"));
    }
}

#[tokio::test]
async fn a_name_with_an_underscore_is_refused() {
    assert_eq!(
        reason(&with("GET /v1/balance", "Stripe_Account: acct_2\r\n")).await,
        Reason::Malformed
    );
}

/// O14
#[tokio::test]
async fn a_method_override_is_refused() {
    for name in ["X-HTTP-Method-Override", "X-Http-Method", "x-method-override"] {
        for value in ["DELETE", "POST", "get", ""] {
            let lines = format!("{name}: {value}\r\n");
            assert_eq!(
                reason(&with("GET /v1/balance", &lines)).await,
                Reason::Malformed,
                "{lines}"
            );
            assert_eq!(
                reason(&with("POST /v1/balance", &lines)).await,
                Reason::Malformed,
                "{lines}"
            );
        }
    }
    let read = with(
        "POST /calendar/v3/query",
        "X-HTTP-Method-Override: GET\r\nContent-Length: 0\r\n",
    );
    assert!(inside(&read).await.is_ok());
    let twice = "X-HTTP-Method-Override: GET\r\nX-HTTP-Method-Override: DELETE\r\n";
    assert_eq!(reason(&with("POST /v1/balance", twice)).await, Reason::Malformed);
}

/// O18
#[tokio::test]
async fn a_field_that_names_another_target_is_refused() {
    for name in ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Host"] {
        assert_eq!(
            reason(&with("GET /v1/balance", &format!("{name}: /v1/refunds\r\n"))).await,
            Reason::Malformed
        );
    }
}

#[tokio::test]
async fn a_field_that_makes_the_request_is_not_dropped() {
    for name in ["Host", "Content-Length", "Authorization", "content-TYPE"] {
        let lines = format!("Connection: close, {name}\r\n");
        assert_eq!(
            reason(&with("GET /v1/balance", &lines)).await,
            Reason::Malformed,
            "{name}"
        );
    }
}

/// O34, O67
/// O12
#[tokio::test]
async fn a_fragment_is_never_part_of_what_is_judged_or_sent() {
    let call = inside(&with("GET /v1/charges#/../refunds", "")).await.unwrap().call;
    assert_eq!(call.path, "/v1/charges");
}

/// O41, O42, O43, O46, O52, O53, O45
#[test]
fn connect_names_exactly_one_host_and_port() {
    let read = |target: &str, host: Option<&str>| {
        let uri: Uri = target.parse().map_err(|_| malformed("hyper"))?;
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(HOST, host.parse().unwrap());
        }
        connect(&uri, &headers).map(|authority| authority.to_string())
    };
    for target in ["api.stripe.test:443", "API.Stripe.Test.:443"] {
        assert_eq!(read(target, None).unwrap(), "api.stripe.test:443");
    }
    assert_eq!(read("[::1]:443", Some("[::1]:443")).unwrap(), "[::1]:443");
    assert_eq!(
        read("api.stripe.test:443", Some("api.stripe.test")).unwrap(),
        "api.stripe.test:443"
    );
    for target in [
        "api.stripe.test@evil.test:443",
        "api.stripe.test",
        "api.stripe.test:",
        "api.stripe.test:0",
        "api.stripe.test:99999",
        "/path",
        "http://api.stripe.test/",
        "evil.test\0.stripe.test:443",
        "2130706433:443",
    ] {
        assert_eq!(read(target, None).unwrap_err().reason, Reason::Malformed, "{target}");
    }
    assert_eq!(
        read("api.stripe.test:8443", Some("api.stripe.test")).unwrap(),
        "api.stripe.test:8443"
    );
    let other = read("api.stripe.test:443", Some("evil.test:443")).unwrap_err();
    assert_eq!(other.reason, Reason::AuthorityMismatch);
}

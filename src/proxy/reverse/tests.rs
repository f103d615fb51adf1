use http::header::{AUTHORIZATION, ORIGIN};
use proptest::prelude::*;

use super::*;
use crate::io::drain::Drain;

const LOCAL: &str = "127.0.0.1:8090";

fn route(prefix: Option<&str>, to: &str) -> Route {
    Route {
        prefix: prefix.map(str::to_owned),
        scheme: Scheme::Https,
        authority: Authority::parse(to, Some(443)).unwrap(),
        agent: None,
    }
}

fn house() -> Reverse {
    Reverse {
        routes: vec![
            route(Some("/stripe"), "api.stripe.com"),
            route(Some("/eu/mail"), "mail.test:8443"),
        ],
        hosts: vec![(Host::Name("sidecar.test".into()), None)],
        shared: false,
    }
}

/// What becomes of a request with these fields: its target, Host and provider, or why not.
fn asked(
    reverse: &Reverse,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
) -> Result<(String, String, String), Refusal> {
    let drain = Drain::default();
    let outer = Connection {
        stream: crate::proxy::stream::Slot::default(),
        presence: crate::io::socket::Presence::default(),
        peer: ([127, 0, 0, 1], 5000).into(),
        local: LOCAL.parse().unwrap(),
        tunnel: None,
        reverse: None,
        working: drain.working(),
    };
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let (settled, request) = reverse.enter(&outer, request.body(()).unwrap());
    let (_, authority) = settled.authority()?.unwrap();
    let host = request.headers()[HOST].to_str().unwrap().to_owned();
    Ok((request.uri().to_string(), host, authority.to_string()))
}

fn target(target: &str) -> Option<String> {
    asked(&house(), "GET", target, &[("host", LOCAL)])
        .ok()
        .map(|(target, ..)| target)
}

fn reason(fields: &[(&str, &str)]) -> Option<Reason> {
    asked(&house(), "POST", "/stripe/v1/refunds", fields)
        .err()
        .map(|refusal| refusal.reason)
}

#[test]
fn the_prefix_goes_and_nothing_else_changes() {
    for (sent, arrives) in [
        ("/stripe/v1/refunds", "/v1/refunds"),
        (
            "/stripe/v1/refunds?a=%20x&a=&b=/stripe",
            "/v1/refunds?a=%20x&a=&b=/stripe",
        ),
        ("/stripe/stripe/v1", "/stripe/v1"),
        ("/stripe/%2e%2E/v1%2Fx", "/%2e%2E/v1%2Fx"),
        ("/stripe//v1", "//v1"),
        ("/stripe/../v1", "/../v1"),
        ("/stripe/", "/"),
        ("/stripe", "/"),
        ("/stripe?x=1", "/?x=1"),
        ("/stripe/v1?", "/v1?"),
        ("/eu/mail/send", "/send"),
    ] {
        assert_eq!(target(sent).as_deref(), Some(arrives), "{sent}");
    }
}

#[test]
fn the_host_is_the_providers() {
    let fields = [("host", LOCAL)];
    let (_, host, authority) = asked(&house(), "GET", "/stripe/v1", &fields).unwrap();
    assert_eq!(
        (host.as_str(), authority.as_str()),
        ("api.stripe.com", "api.stripe.com:443")
    );
    let (_, host, authority) = asked(&house(), "GET", "/eu/mail/v1", &fields).unwrap();
    assert_eq!(
        (host.as_str(), authority.as_str()),
        ("mail.test:8443", "mail.test:8443")
    );
}

#[test]
fn a_prefix_is_whole_segments_as_they_are_spelt() {
    for sent in [
        "/stripes/v1",
        "/%73tripe/v1",
        "/STRIPE/v1",
        "/stripe%2Fv1",
        "/stripe;a/v1",
        "//stripe/v1",
        "/./stripe/v1",
        "/x/../stripe/v1",
        "/eu/v1",
        "/eu",
        "/",
    ] {
        assert_eq!(target(sent), None, "{sent}");
    }
}

#[test]
fn a_host_that_is_not_the_listeners_is_refused() {
    for host in [
        "evil.test",
        "evil.test:8090",
        "localhost.evil.test:8090",
        "127.0.0.1",
        "127.0.0.1:8091",
        "10.0.0.1:8090",
        "localhost",
        "api.stripe.com",
        "sidecar.test.evil.test",
    ] {
        assert_eq!(reason(&[("host", host)]), Some(Reason::AuthorityMismatch), "{host}");
    }
    for host in ["", "127.0.0.1:8090:1", "a b", "user@127.0.0.1:8090"] {
        assert_eq!(reason(&[("host", host)]), Some(Reason::Malformed), "{host}");
    }
    assert_eq!(reason(&[]), Some(Reason::Malformed));
    assert_eq!(reason(&[("host", LOCAL), ("host", LOCAL)]), Some(Reason::Malformed));
    for host in [
        LOCAL,
        "localhost:8090",
        "LOCALHOST:8090",
        "[::1]:8090",
        "127.0.0.2:8090",
        "sidecar.test",
        "sidecar.test:9000",
    ] {
        assert_eq!(reason(&[("host", host)]), None, "{host}");
    }
}

#[test]
fn a_web_page_of_another_site_is_refused() {
    let with = |name: &str, value: &str| reason(&[("host", LOCAL), (name, value)]);
    for origin in [
        "https://evil.test",
        "http://localhost:3000",
        "null",
        "http://127.0.0.1:8091",
        "",
    ] {
        assert_eq!(
            with(ORIGIN.as_str(), origin),
            Some(Reason::AuthorityMismatch),
            "{origin}"
        );
    }
    for site in ["cross-site", "same-site", "else"] {
        assert_eq!(with("sec-fetch-site", site), Some(Reason::AuthorityMismatch), "{site}");
    }
    // Clients that are no browsers name where they send to.
    assert_eq!(with(ORIGIN.as_str(), "http://127.0.0.1:8090"), None);
    assert_eq!(with("sec-fetch-site", "none"), None);
    assert_eq!(with("sec-fetch-mode", "cors"), None);
}

#[test]
fn what_is_asked_of_a_proxy_is_refused() {
    let refused = |method: &str, target: &str| {
        let fields = [("host", LOCAL)];
        asked(&house(), method, target, &fields).unwrap_err().detail
    };
    assert!(refused("CONNECT", "api.stripe.com:443").contains("no proxy"));
    assert!(refused("GET", "http://api.stripe.com/stripe/v1").contains("HTTPS_PROXY"));
}

#[test]
fn a_signature_for_our_host_is_refused_with_the_way_that_works() {
    let signed =
        "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=ab";
    let fields = [("host", LOCAL), (AUTHORIZATION.as_str(), signed)];
    let refusal = asked(&house(), "GET", "/stripe/v1", &fields).unwrap_err();
    assert!(refusal.detail.contains("HTTPS_PROXY"), "{refusal}");
}

#[test]
fn the_proxys_own_listener_keeps_what_a_proxy_is_asked() {
    let shared = Reverse {
        shared: true,
        ..house()
    };
    let concerns = |method: Method, target: &str| shared.concerns(&method, &target.parse().unwrap());
    assert!(concerns(Method::GET, "/stripe/v1"));
    assert!(!concerns(Method::GET, "/other"));
    assert!(!concerns(Method::GET, "http://127.0.0.1:8080/stripe/v1"));
    assert!(!concerns(Method::CONNECT, "api.stripe.com:443"));
}

proptest! {
    #[test]
    fn whatever_follows_the_prefix_arrives_as_it_was_sent(rest in "(/[!-\"$->@-~]{0,20}){1,4}", query in proptest::option::of("[!-\"$-~]{0,20}")) {
        let follows = match &query {
            Some(query) => format!("{rest}?{query}"),
            None => rest,
        };
        if let Ok(sent) = format!("/stripe{follows}").parse::<Uri>() && query.as_deref().is_none_or(|query| !query.to_lowercase().contains("signature")) {
            prop_assert_eq!(target(&sent.to_string()), Some(follows));
        }
    }
}

//! O62–O67 over HTTP/2: each ends in a refusal, with nothing at the origin.

use super::{CHARGE, Case};
use crate::harness::{Http2, eventually};

/// A request's head with the case's name; fields of the same name replace these.
fn head<'a>(case: &Case, fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "api.stripe.com"),
        (":path", "/v1/balance"),
        ("authorization", "Bearer sk_test_1"),
        ("x-case", case.name),
    ];
    let replaced = |name: &str| fields.iter().find(|(other, _)| *other == name).copied();
    let mut head: Vec<_> = usual.iter().map(|usual| replaced(usual.0).unwrap_or(*usual)).collect();
    head.extend(
        fields
            .iter()
            .filter(|(name, _)| usual.iter().all(|(other, _)| other != name)),
    );
    head.retain(|(_, value)| *value != "(none)");
    head
}

impl Case {
    fn http2(&self) -> Http2 {
        Http2::to(self.sidecar(), "api.stripe.com")
    }

    /// The answer to one head is a refusal, or the stream or connection ends; and nothing reached the origin.
    #[track_caller]
    fn refuses_head(&self, fields: &[(&str, &str)]) -> Option<u16> {
        let answer = self.http2().head(1, fields, true).answer(1);
        assert!(
            answer.is_none_or(|status| (400..500).contains(&status)),
            "{}: {answer:?} to {fields:?}",
            self.name
        );
        self.assert_nothing_seen();
        answer
    }
}

/// The cases would prove nothing if these did not pass, or were not judged.
#[test]
fn o62_http2_is_judged() {
    let case = Case::new("O62b");
    assert_eq!(case.http2().head(1, &head(&case, &[]), true).answer(1), Some(200));
    assert_eq!(case.seen().len(), 1);
    let case = Case::new("O62c");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let post = |path| head(&case, &[(":method", "POST"), (":path", path), form]);
    let mut client = case.http2();
    assert_eq!(client.post(1, &post("/v1/charges"), CHARGE).answer(1), Some(200));
    assert_eq!(
        client.post(3, &post("/v1/refunds"), "charge=ch_1&amount=1").answer(3),
        Some(403)
    );
    assert_eq!(case.seen().len(), 1);
    case.assert_no_refund();
}

#[test]
fn o63_another_authority() {
    let case = Case::new("O63");
    for authority in [
        "evil.example",
        "api.stripe.com:444",
        "xapi.stripe.com",
        "api.stripe.com.evil.example",
    ] {
        assert_eq!(
            case.refuses_head(&head(&case, &[(":authority", authority)])),
            Some(421),
            "{authority}"
        );
    }
    for authority in [
        "user@api.stripe.com",
        "api.stripe.com,evil.example",
        "api.stripe.com/",
        "",
    ] {
        case.refuses_head(&head(&case, &[(":authority", authority)]));
    }
    // Coalescing: the first request opened the connection, the second is to a host that has an allowed operation too.
    let case = Case::new("O63b");
    let mut client = case.http2();
    assert_eq!(client.head(1, &head(&case, &[]), true).answer(1), Some(200));
    let other = head(&case, &[(":authority", "evil.example")]);
    assert_eq!(client.head(3, &other, true).answer(3), Some(421));
    assert_eq!(case.seen().len(), 1);
}

#[test]
fn o64_host_and_authority_differ() {
    let case = Case::new("O64");
    assert_eq!(case.refuses_head(&head(&case, &[("host", "evil.example")])), Some(421));
    let hidden = [(":authority", "evil.example"), ("host", "api.stripe.com")];
    assert_eq!(case.refuses_head(&head(&case, &hidden)), Some(421));
    let mut twice = head(&case, &[("host", "api.stripe.com")]);
    twice.push(("host", "api.stripe.com"));
    case.refuses_head(&twice);
    case.refuses_head(&head(&case, &[(":authority", "(none)")]));
    let alone = Case::new("O64b");
    let fields = head(&alone, &[(":authority", "(none)"), ("host", "api.stripe.com")]);
    assert_eq!(alone.http2().head(1, &fields, true).answer(1), Some(200));
}

#[test]
fn o65_content_other_than_its_length() {
    let case = Case::new("O65");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (length, content) in [
        ("0", CHARGE),
        ("5", CHARGE),
        ("400", CHARGE),
        ("+39", CHARGE),
        ("1e2", CHARGE),
    ] {
        let fields = head(
            &case,
            &[
                (":method", "POST"),
                (":path", "/v1/charges"),
                form,
                ("content-length", length),
            ],
        );
        let answer = case.http2().post(1, &fields, content).answer(1);
        assert!(
            answer.is_none_or(|status| (400..500).contains(&status)),
            "{length}: {answer:?}"
        );
        case.assert_nothing_seen();
    }
    let length = CHARGE.len().to_string();
    for other in [length.as_str(), "5"] {
        let mut fields = head(
            &case,
            &[
                (":method", "POST"),
                (":path", "/v1/charges"),
                form,
                ("content-length", &length),
            ],
        );
        fields.push(("content-length", other));
        let answer = case.http2().post(1, &fields, CHARGE).answer(1);
        assert!(
            answer.is_none_or(|status| (400..500).contains(&status)),
            "{other}: {answer:?}"
        );
        case.assert_nothing_seen();
    }
}

#[test]
fn o66_fields_of_a_connection() {
    let case = Case::new("O66");
    for field in [
        ("transfer-encoding", "chunked"),
        ("connection", "x-case"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
    ] {
        case.refuses_head(&head(&case, &[field]));
    }
}

#[test]
fn o66_fields_that_would_be_two_in_http_1_1() {
    let case = Case::new("O66b");
    for field in [
        ("x-a", "b\r\nX-Case: other"),
        ("x-a", "b\nPOST /v1/refunds HTTP/1.1"),
        ("x-a", "b\0c"),
        ("x-a\r\nx-b", "c"),
        ("X-Upper", "1"),
        ("x a", "1"),
        ("", "1"),
        ("x_auth", "1"),
    ] {
        case.refuses_head(&head(&case, &[field]));
    }
}

#[test]
fn o66_pseudo_headers_twice_late_or_odd() {
    let case = Case::new("O66c");
    for name in [":method", ":scheme", ":authority", ":path"] {
        let usual = head(&case, &[]);
        let (_, value) = usual.iter().find(|(found, _)| *found == name).unwrap();
        let twice = [&[(name, *value)], &usual[..]].concat();
        case.refuses_head(&twice);
        let late = [&usual[..], &[(name, *value)]].concat();
        case.refuses_head(&late);
        if name != ":authority" {
            case.refuses_head(&head(&case, &[(name, "(none)")]));
        }
    }
    for path in [
        "*",
        "",
        "v1/balance",
        "?a=b",
        "https://evil.example/v1/balance",
        "//v1/balance",
        "/v1/balance HTTP/1.1\r\nX: y",
    ] {
        case.refuses_head(&head(&case, &[(":path", path)]));
    }
    for scheme in ["http", "ftp", "https\0"] {
        case.refuses_head(&head(&case, &[(":scheme", scheme)]));
    }
    case.refuses_head(&head(&case, &[(":unknown", "1")]));
    case.refuses_head(&head(&case, &[(":method", "get")]));
}

#[test]
fn o66_connect_and_what_it_is_extended_by() {
    let case = Case::new("O66d");
    let plain = [
        (":method", "CONNECT"),
        (":authority", "evil.example:443"),
        ("x-case", case.name),
    ];
    assert_eq!(case.refuses_head(&plain), Some(400));
    let own = [
        (":method", "CONNECT"),
        (":authority", "api.stripe.com:443"),
        ("x-case", case.name),
    ];
    assert_eq!(case.refuses_head(&own), Some(400));
    let extended = head(&case, &[(":method", "CONNECT"), (":protocol", "websocket")]);
    assert_eq!(case.refuses_head(&extended), None, "RFC 8441 is not offered");
}

/// A breach of the protocol ends the connection, and is in the trail once.
#[test]
fn o66_frames_out_of_order() {
    let case = Case::new("O66e");
    let refusals = || case.sidecar().trail().of_kind("refused").len();
    let before = refusals();
    let mut client = case.http2();
    // DATA on a stream that nobody opened.
    client.data(1, b"POST /v1/refunds HTTP/1.1\r\n\r\n", true).ended_with();
    eventually("it is in the trail", || refusals() > before);
    case.assert_nothing_seen();
}

#[test]
fn o67_upgrade_inside_http2() {
    let case = Case::new("O67b");
    case.refuses_head(&head(
        &case,
        &[("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQAAP__")],
    ));
}

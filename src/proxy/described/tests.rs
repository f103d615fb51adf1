//! The same checks as on the wire; through the binary in `tests/it/explain.rs`.

use std::sync::Arc;

use super::*;
use crate::gate::{Config, Sources};
use crate::model::Source;
use crate::model::money::Rates;

fn rules() -> Rules {
    let source = |file: &str| Source {
        file: file.to_owned(),
        text: std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap(),
    };
    let sources = Sources {
        vocabulary: source("mappings/actions.yaml"),
        mappings: vec![source("mappings/stripe.yaml")],
        policies: vec![source("policies/baseline.cedar")],
        budgets: Vec::new(),
        prices: None,
        targets: source("policies/targets.yaml"),
    };
    let config = Config {
        rates: Rates::new(Some("usd")),
        ..Config::default()
    };
    Rules::load(&sources, None, config, &Arc::default()).unwrap()
}

const LIMITS: Limits = Limits {
    body: 100,
    codings: coding::Limits {
        decoded: 1000,
        ratio: 100,
    },
};

fn caller() -> Caller {
    Caller {
        agent: "bot".into(),
        roles: Arc::from([]),
        owner: None,
    }
}

fn told(method: &str, url: &str, headers: &[(&str, &str)], content: impl Into<Bytes>) -> Result<Judged, Refusal> {
    let described = Described {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        content: Some(content.into()),
        at: None,
    };
    judge(&rules(), caller(), described, &LIMITS)
}

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

#[test]
fn a_url_names_the_authority_and_the_host_must_agree() {
    for url in [
        "https://api.stripe.com/v1/balance",
        "https://API.stripe.com:443/v1/balance",
    ] {
        let judged = told("GET", url, &[], "").unwrap();
        assert_eq!(judged.call.authority.to_string(), "api.stripe.com:443");
        assert_eq!(&*judged.action.operation, "balance.retrieve");
    }
    let clear = told("GET", "http://example.com", &[], "").unwrap();
    assert_eq!(
        (clear.call.authority.to_string().as_str(), &*clear.call.path),
        ("example.com:80", "/")
    );
    let other = told("GET", "https://api.stripe.com/", &[("Host", "example.com")], "").unwrap_err();
    assert_eq!(other.reason, Reason::AuthorityMismatch);
}

#[test]
fn what_the_wire_refuses_is_refused() {
    let stripe = "https://api.stripe.com/v1/balance";
    for (method, url, header) in [
        ("GET", "ftp://api.stripe.com/", None),
        ("GET", "/v1/balance", None),
        ("GET", "https://user@api.stripe.com/", None),
        ("TRACE", stripe, None),
        ("CONNECT", stripe, None),
        ("get", stripe, None),
        ("GET", stripe, Some(("x-original-url", "/"))),
        ("GET", stripe, Some(("bad name", "x"))),
        ("GET", stripe, Some(("x", "a\nb"))),
        ("GET", stripe, Some(("transfer-encoding", "gzip"))),
    ] {
        let refused = told(method, url, header.as_slice(), "").unwrap_err();
        assert_eq!(refused.reason, Reason::Malformed, "{method} {url} {header:?}");
    }
}

#[test]
fn content_beyond_the_limit_is_too_large_where_it_is_needed() {
    let long = format!("charge={}", "1".repeat(100));
    let refused = told("POST", "https://api.stripe.com/v1/refunds", &FORM, long.clone()).unwrap_err();
    assert_eq!(refused.reason, Reason::TooLarge);
    let unknown = told("POST", "https://example.com/", &FORM, long.clone()).unwrap();
    assert!(matches!(unknown.verdict, Verdict::Block { .. }));
    // A call that waits for people is read whole, whatever it is.
    let held = told("POST", "https://api.stripe.com/v1/nothing_that_is_mapped", &FORM, long).unwrap_err();
    assert_eq!(held.reason, Reason::TooLarge);
}

#[test]
fn what_leaves_http_is_judged_and_not_carried() {
    let upgrade = [("connection", "upgrade"), ("upgrade", "TLS/1.3")];
    let judged = told("GET", "https://example.com/", &upgrade, "").unwrap();
    assert_eq!(&*judged.action.name, "open_stream");
    assert!(matches!(judged.verdict, Verdict::Block { .. }));
    let half = [("connection", "upgrade"), ("upgrade", "websocket")];
    let refused = told("GET", "https://example.com/", &half, "").unwrap_err();
    assert!(refused.detail.contains("Sec-WebSocket-Version"), "{refused}");
}

#[test]
fn a_coding_is_undone_as_on_the_wire() {
    use crate::io::coding::{Coding, tests::encode};

    let refund = |content: Vec<u8>| {
        let headers = [FORM[0], ("content-encoding", "gzip")];
        told("POST", "https://api.stripe.com/v1/refunds", &headers, content)
    };
    let judged = refund(encode(Coding::Gzip, b"charge=ch_1&amount=90000")).unwrap();
    assert_eq!(judged.action.int("amount"), Some(90000));
    assert!(matches!(judged.verdict, Verdict::RequireApproval { .. }));
    let long = encode(
        Coding::Gzip,
        format!("charge=ch_1&amount={}", "1".repeat(2000)).as_bytes(),
    );
    assert!(long.len() < LIMITS.body);
    assert_eq!(refund(long).unwrap_err().reason, Reason::TooLarge);
    assert_eq!(
        refund(b"charge=ch_1".to_vec()).unwrap_err().reason,
        Reason::NotInspectable
    );
}

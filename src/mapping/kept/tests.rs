use proptest::prelude::*;

use super::*;

proptest! {
    /// The short way gives what the long one does.
    #[test]
    fn a_text_that_is_harmless_is_whole(
        pieces in prop::collection::vec("ghp_|sk_live_|[a-z0-9]{1,24}|://|[ .:@/?=-]|PRIVATE KEY-----|eyJ|u:p@", 0..6),
    ) {
        let given = pieces.concat();
        prop_assert!(!is_harmless(&given) || text(&given) == given, "{}", given);
    }
}

#[test]
fn addresses_are_kept_without_what_may_be_secret() {
    for (sent, kept) in [
        ("https://hooks.example.com/in", "https://hooks.example.com/in"),
        ("https://example.com", "https://example.com"),
        (
            "https://u:PASSWORDx@hooks.slack.com/services/T000/B000/SECRETtoken123?token=SECRETQ#frag",
            "https://…@hooks.slack.com/services/…/…/…?token=…#…",
        ),
        (
            "HTTPS://Hooks.Example.com:8443/a/b?x",
            "HTTPS://Hooks.Example.com:8443/a/b?x",
        ),
        ("https:\\\\a:b@example.com\\hunter222", "https:\\\\…@example.com\\…"),
        ("https:u:p@example.com/in", "https:…@example.com/in"),
        ("//u:p@example.com/in", "//…@example.com/in"),
        ("u:p@example.com/in", "…@example.com/in"),
        ("s3://acme-exports/daily", "s3://acme-exports/daily"),
        ("example.com:8080/in?key=SECRETQ", "example.com:8080/in?key=…"),
        ("https://example.com/?SECRETQ1234", "https://example.com/?…"),
        ("https://example.com/%53%45", "https://example.com/…"),
        ("https://[::1]:8080/in", "https://[::1]:8080/in"),
        ("https://exa mple.com/in", "https://…/in"),
        (
            "arn:aws:sqs:us-east-1:123456789012:jobs",
            "arn:aws:sqs:us-east-1:123456789012:jobs",
        ),
        ("+15550001234", "+15550001234"),
        ("jane.doe@example.com", "jane.doe@example.com"),
        ("mailto:jane@example.com", "mailto:jane@example.com"),
        ("AP0123456789abcdef0123456789abcdef", "…"),
        ("endpoint", "endpoint"),
        ("", ""),
    ] {
        assert_eq!(url(sent), kept, "{sent}");
        assert_eq!(url(kept), kept, "what is kept is kept: {kept}");
    }
}

#[test]
fn other_texts_are_whole_but_for_tokens_and_passwords() {
    for whole in [
        "acct_1AbCdEfGhIjKlMnO",
        "arn:aws:iam::123456789012:role/Deploy-01",
        "https://sqs.us-east-1.amazonaws.com/123456789012/jobs",
        "customer",
        "rp_1",
        "rp_daily_transactions_2026",
        "npm_package_downloads_v2",
        "public.orders, public.lines",
        "漢字",
    ] {
        assert_eq!(text(whole), whole);
    }
    for (sent, kept) in [
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "…"),
        ("key=sk_live_SECRETinResource01, b", "key=…, b"),
        (
            "https://me:pw@example.com/a/123456789?sig=SECRETQ",
            "https://…@example.com/a/123456789?sig=…",
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
            "…",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "…"),
    ] {
        assert_eq!(text(sent), kept, "{sent}");
        assert_eq!(text(kept), kept, "what is kept is kept: {kept}");
    }
}

#[test]
fn what_an_agent_says_besides_is_kept_without_what_may_be_secret() {
    let said = said(&serde_json::json!({
        "hook": "https://hooks.slack.com/services/T000/B000/SECRETtoken123",
        "all": ["xoxb-1234567890-SECRETtoken12345678", 5, null],
        "note": "for Jane"
    }));
    let kept = r#"{"hook":"https://hooks.slack.com/services/…/…/…","all":["…",5,null],"note":"for Jane"}"#;
    assert_eq!(said.to_string(), kept);
    for (said, kept) in [
        (
            "post to https://hooks.slack.com/services/T000/B000/SECRETtoken123, then stop",
            "post to https://hooks.slack.com/services/…/…/…, then stop",
        ),
        (
            "see https://a.example/x and https://u:PASSWORD@b.example/",
            "see https://a.example/x and https://…@b.example/",
        ),
        (
            "//hooks.slack.com/services/SECRETtoken123",
            "//hooks.slack.com/services/…",
        ),
        ("http://\u{e9}a.example/SECRETtoken123", "http://\u{e9}a.example/…"),
        (
            "s3://acme-exports/2026/report-123456.csv",
            "s3://acme-exports/2026/report-123456.csv",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "…"),
        ("customer  42", "customer  42"),
    ] {
        assert_eq!(word(said), kept, "{said}");
    }
    let named = super::said(&serde_json::json!({ "https://hooks.slack.com/services/SECRETtoken123": 1 }));
    assert_eq!(named.to_string(), r#"{"https://hooks.slack.com/services/…":1}"#);
}

#[test]
fn numbers_are_kept() {
    for whole in [Value::Int(5), Value::Bool(true)] {
        assert_eq!(value(FieldClass::Url, whole.clone()), whole);
    }
}

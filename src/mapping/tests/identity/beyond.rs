//! What a call says besides its action, fields and target.

use super::*;

fn names(call: &Call) -> Option<Vec<String>> {
    let beyond = identify(call).beyond?;
    Some(beyond.into_iter().map(|saying| saying.name).collect())
}

fn stripe(path: &str, more: &[(&str, &str)], body: &str) -> Call {
    let mut headers = vec![
        ("authorization", "Bearer sk_test_1"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("stripe-version", "2025-09-30"),
        ("idempotency-key", "k1"),
    ];
    headers.extend_from_slice(more);
    call("POST", &format!("https://api.stripe.com{path}"), &headers, Some(body))
}

/// Path, body and more header fields of a call, and the names of what its fields do not tell.
type Case = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

#[test]
fn what_a_field_does_not_tell_whole_is_beyond_it() {
    let cases: [Case; 7] = [
        ("/v1/refunds", "charge=ch_1&amount=90000", &[], &[]),
        ("/v1/charges/ch_1/refund", "amount=90000", &[], &[]),
        (
            "/v1/refunds",
            "charge=ch_1&amount=90000&reason=duplicate",
            &[],
            &["reason"],
        ),
        (
            "/v1/refunds",
            "charge=ch_1&amount=90000&metadata[a]=1",
            &[],
            &["metadata[a]"],
        ),
        (
            "/v1/refunds",
            "charge=ch_1&amount=90000",
            &[("stripe-account", "acct_1")],
            &["stripe-account"],
        ),
        ("/v1/payouts", "amount=90000&currency=usd", &[], &[]),
        (
            "/v1/payouts",
            "amount=90000&currency=usd&method=instant",
            &[],
            &["method"],
        ),
    ];
    for (path, body, headers, beyond) in cases {
        assert_eq!(names(&stripe(path, headers, body)).unwrap(), beyond, "{path} {body}");
    }
    let slack = [("content-type", "application/json"), ("authorization", "Bearer xoxb-1")];
    let post = |body: &str| call("POST", "https://slack.com/api/chat.postMessage", &slack, Some(body));
    let said = names(&post(r#"{"channel":"C1","text":"hi","blocks":[1]}"#)).unwrap();
    assert!(!said.contains(&"channel".to_owned()), "{said:?}");
    assert!(
        ["text", "blocks"].iter().all(|name| said.contains(&(*name).to_owned())),
        "{said:?}"
    );
    let long = format!(r#"{{"channel":"C1","text":"{}"}}"#, "x".repeat(500));
    assert_eq!(names(&post(&long)), None, "more than anybody is shown of a statement");
}

#[test]
fn what_stands_in_text_is_what_was_said_in_json() {
    let saying = |value: Json, text| crate::model::Saying {
        name: "a".to_owned(),
        value,
        text,
    };
    assert!(saying(json!("5"), true).is(&json!(5)) && saying(json!("5"), true).is(&json!("5")));
    assert!(saying(json!("true"), true).is(&json!(true)));
    assert!(!saying(json!("5"), false).is(&json!(5)), "JSON tells them apart");
    assert!(!saying(json!("5.0"), true).is(&json!(5)));
    assert!(!saying(json!(["a", "b"]), false).is(&json!(["b", "a"])));
}

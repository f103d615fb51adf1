//! Two homes are two organisations: neither the keys nor the approvals of one are anything in the other.

use super::{REFUND, stripe};
use crate::harness::{Session, Sidecar};

#[test]
fn a_key_and_an_approval_of_another_home_are_nobodys_and_none() {
    let ((origin, ours), (other_origin, theirs)) = (stripe("1s"), stripe("1s"));
    let our_id = Session::stripe(&ours).call(REFUND).approval();
    let their_id = Session::stripe(&theirs).call(REFUND).approval();
    let (our_key, their_key) = (ours.owner_key(), theirs.owner_key());
    assert_ne!(our_key, their_key);

    let said = serde_json::json!({ "reason": "so" });
    let ask = |method: &str, path: &str, key: &str| {
        let body = (method == "POST").then_some(&said);
        let answer = ours.api(method, &format!("/api/v1/approvals{path}"), key, body);
        (answer.status, answer.text())
    };
    for (method, path) in [
        ("GET", String::new()),
        ("GET", format!("/{our_id}")),
        ("POST", format!("/{our_id}/approve")),
        ("POST", format!("/{our_id}/deny")),
        ("POST", format!("/{their_id}/approve")),
    ] {
        let (status, text) = ask(method, &path, &their_key);
        assert_eq!(status, 401, "{method} {path}: {text}");
        assert!(text.contains("nobody has this key"), "{text}");
    }
    for (method, verb) in [
        ("GET", ""),
        ("POST", "/approve"),
        ("POST", "/deny"),
        ("POST", "/cancel"),
    ] {
        let (status, text) = ask(method, &format!("/{their_id}{verb}"), &our_key);
        assert_eq!(status, 404, "{method} {verb}: {text}");
        assert!(text.contains("no approval begins with"), "{text}");
    }

    let state = |sidecar: &Sidecar| sidecar.approvals("pending").len();
    assert_eq!((state(&ours), state(&theirs)), (1, 1), "nothing was decided in either");
    let tried = ours.trail().of_kind("refused");
    let reasons: Vec<&str> = tried.iter().map(|entry| entry["reason"].as_str().unwrap()).collect();
    let (nobodys, no_approvals) = (["agent_unknown"; 5], ["not_decided"; 3]);
    assert_eq!(
        reasons,
        [&nobodys[..], &no_approvals[..]].concat(),
        "each attempt is on record"
    );
    assert!(theirs.trail().of_kind("refused").is_empty());
    origin.assert_untouched();
    other_origin.assert_untouched();
}

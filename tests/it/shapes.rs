//! Refusals as the provider itself would word them, and answers that say no with a 200.

use crate::harness::{Origin, Reply, Session, Sidecar, Tunnel, eventually};

#[test]
fn slacks_library_gives_up_after_one_refusal_and_shows_why() {
    let origin = Origin::slack();
    let sidecar = Sidecar::new().resolve("slack.com", &origin).hold("1s").start();
    // No mapping names it: a change that a person is asked about.
    let answer = Session::slack(&sidecar).call("unknown made.up");
    answer.assert_refused("approval_pending").assert_refused("NOT executed");
    let error = answer.error();
    assert_eq!((error.class.as_str(), error.http_status), ("SlackApiError", Some(200)));
    assert_eq!(answer.headers["runplane-decision"], "REQUIRE_APPROVAL");
    assert_eq!(sidecar.trail().of_kind("decided").len(), 1, "one attempt");
    origin.assert_untouched();
}

#[test]
fn what_slack_itself_refuses_is_a_failure_in_the_record() {
    let origin = Origin::slack();
    let sidecar = Sidecar::new().resolve("slack.com", &origin).start();
    origin.answer_next_with(Reply::json(
        200,
        &serde_json::json!({"ok": false, "error": "channel_not_found"}),
    ));
    let mut slack = Session::slack(&sidecar);
    slack.call("post C404 hello").assert_refused("channel_not_found");
    slack.call("post C1 hello").assert_ok();
    eventually("both calls have an outcome", || {
        sidecar.trail().of_kind("outcome").len() == 2
    });
    let outcomes = sidecar.trail().of_kind("outcome");
    let ended: Vec<_> = outcomes
        .iter()
        .map(|entry| entry["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(ended, ["failure", "success"]);
}

#[test]
fn what_cannot_be_judged_is_refused_in_the_providers_shape() {
    let origin = Origin::slack();
    let (json, form) = ("application/json", "application/x-www-form-urlencoded");
    let (twice_in_json, twice_in_form) = (r#"{"channel":"C1","channel":"C2"}"#, "amount=1&amount=9");
    // (host, path, where its errors have their code, what it reads, a parameter twice, the status of a no)
    let providers = [
        (
            "slack.com",
            "/api/chat.postMessage",
            "/error",
            json,
            twice_in_json,
            Some(200),
        ),
        (
            "api.sendgrid.com",
            "/v3/mail/send",
            "/errors/0/message",
            json,
            twice_in_json,
            None,
        ),
        (
            "api.stripe.com",
            "/v1/charges",
            "/error/code",
            form,
            twice_in_form,
            None,
        ),
    ];
    let named = providers
        .iter()
        .fold(Sidecar::new(), |sidecar, provider| sidecar.resolve(provider.0, &origin));
    let sidecar = named.section("limits: { body: 1KiB }").start();
    for (host, path, place, kind, twice, no) in providers {
        let large = "x".repeat(2 << 10);
        let kind = format!("Content-Type: {kind}");
        for (code, status, line, content) in [
            ("malformed", 400, kind.as_str(), twice),
            ("malformed", 400, "X-HTTP-Method-Override: DELETE", "x"),
            ("not_inspectable", 415, "Content-Type: text/plain", "x"),
            ("too_large", 413, kind.as_str(), large.as_str()),
        ] {
            let length = content.len();
            let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{line}\r\nContent-Length: {length}\r\n\r\n");
            let answer = Tunnel::to(&format!("{host}:443"))
                .open(&sidecar)
                .ask(format!("{head}{content}"));
            let said = answer.json();
            let found = said.pointer(place).and_then(|code| code.as_str()).unwrap_or_default();
            assert!(found.starts_with(code), "{host}, {line}: {said}");
            assert_eq!(answer.status, no.unwrap_or(status), "{host}, {line}: {said}");
        }
    }
    origin.assert_untouched();
}

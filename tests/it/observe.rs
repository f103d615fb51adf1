//! Observe mode: everything is decided and recorded, nothing that is decided stops a call; whatever is no decision does.

mod page;

use serde_json::{Value, json};

use crate::harness::{Configuration, Curl, Origin, Session, Sidecar, Tunnel, eventually, key};
use crate::streams::handshake;

fn observing(what: &str) -> Configuration {
    Sidecar::new().section(&format!("dangerously_observe: {what}"))
}

fn post(host: &str) -> String {
    format!("POST /orders HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n{{}}")
}

/// The members that tell of it, of each decision.
fn told(sidecar: &Sidecar) -> Vec<[Value; 5]> {
    let decided = sidecar.trail().of_kind("decided");
    let names = ["decision", "basis", "would", "would_reason", "rules"];
    decided
        .iter()
        .map(|entry| names.map(|name| entry[name].clone()))
        .collect()
}

#[test]
fn what_would_be_blocked_or_held_is_sent_and_recorded_as_observed() {
    let (stripe, things) = (Origin::stripe(), Origin::of_things());
    let sidecar = observing("true")
        .resolve("api.stripe.com", &stripe)
        .resolve("things.example", &things)
        .start();
    let mut client = Session::stripe(&sidecar);
    client.call("refund ch_1 amount=100").assert_ok();
    client.call("refund ch_1 amount=90000").assert_ok();
    client.call("refund ch_1").assert_ok();
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    wire.ask(post("things.example"));
    assert_eq!(stripe.calls("POST", "/v1/refunds").len(), 3);
    assert_eq!(things.calls("POST", "/orders").len(), 1);

    let (none, allow, observed) = (Value::Null, json!("ALLOW"), json!("observed"));
    let told = told(&sidecar);
    assert_eq!(told[0][..4], [allow.clone(), none.clone(), none.clone(), none.clone()]);
    let held = |rule: &str| {
        [
            allow.clone(),
            observed.clone(),
            json!("REQUIRE_APPROVAL"),
            none.clone(),
            json!(rule),
        ]
    };
    assert_eq!(told[1], held("refund-over-500"));
    assert_eq!(told[2], held("incomplete_action"));
    let blocked = [allow, observed, json!("BLOCK"), json!("policy_blocked")];
    assert_eq!(told[3][..4], blocked);
    assert!(sidecar.approvals("pending").is_empty());

    // Told wherever people look.
    assert!(sidecar.prints(&["WOULD HOLD support-bot", "Refund $900.00 of ch_1", "refund-over-500"]));
    assert!(sidecar.prints(&["WOULD BLOCK support-bot"]));
    assert!(sidecar.prints(&["DANGER", "dangerously_observe: every agent"]));
    assert_eq!(sidecar.trail().of_kind("boot")[0]["dangerously_observe"], "every agent");
    let shown = sidecar.told(&["audit", "show"]);
    assert!(
        shown.contains("observed, would BLOCK") && shown.contains("observed, would REQUIRE_APPROVAL"),
        "{shown}"
    );
    let metrics = sidecar.api("GET", "/metrics", "", None).text();
    for line in [
        "runplane_observed_total{would=\"BLOCK\"} 1",
        "runplane_observed_total{would=\"REQUIRE_APPROVAL\"} 2",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let ready = sidecar.api("GET", "/ready", "", None);
    assert_eq!(
        (ready.status, &ready.json()["notes"][0]["code"]),
        (200, &json!("observed"))
    );
    let explained = sidecar.told(&[
        "explain",
        "https://api.stripe.com/v1/refunds",
        "-d",
        "charge=ch_1",
        "-d",
        "amount=90000",
    ]);
    assert!(
        explained.contains("REQUIRE_APPROVAL") && explained.contains("sent all the same"),
        "{explained}"
    );
}

#[test]
fn what_is_no_decision_is_enforced_all_the_same() {
    let origin = Origin::stripe();
    let sidecar = observing("true")
        .section("limits: { body: 1KiB }")
        .resolve("api.stripe.com", &origin)
        .start();
    let ask = |request: &str| Tunnel::to("api.stripe.com:443").open(&sidecar).ask(request);
    let get = |path: &str, host: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    // Authority, parse, size.
    assert_eq!(ask(&get("/v1/charges", "api.example.com")).status, 421);
    assert_eq!(ask(&get("/v1/./charges", "api.stripe.com")).status, 400);
    let coded = "POST /v1/refunds HTTP/1.1\r\nHost: api.stripe.com\r\nContent-Encoding: br, gzip\r\nContent-Type: \
                 application/x-www-form-urlencoded\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(ask(coded).status, 415);
    let large = format!(
        "POST /v1/refunds HTTP/1.1\r\nHost: api.stripe.com\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 2000\r\n\r\n{}",
        "x".repeat(2000)
    );
    assert_eq!(ask(&large).status, 413);
    // What leaves HTTP otherwise than by a WebSocket.
    let h2c =
        get("/v1/charges", "api.stripe.com").replace("\r\n\r\n", "\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n");
    assert_eq!(ask(&h2c).status, 415);
    // Where nothing may go: our own door.
    let control = format!("http://127.0.0.1:{}/api/v1/approvals", sidecar.control_port());
    assert_eq!(Curl::call(&sidecar, &[&control]).status, Some(403));
    origin.assert_untouched();
    // The kill switch.
    sidecar.told(&["pause", "--all"]);
    assert_eq!(ask(&get("/v1/charges", "api.stripe.com")).status, 403);
    sidecar.told(&["resume", "--all"]);
    // The trail.
    let database = rusqlite::Connection::open(sidecar.home().join("state/runplane.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(ask(&get("/v1/charges", "api.stripe.com")).status, 503);
    origin.assert_untouched();
    database.execute_batch("ROLLBACK").unwrap();
    eventually("the trail is written again", || {
        ask(&get("/v1/charges", "api.stripe.com")).status != 503
    });
    assert_eq!(
        origin.seen().last().map(|seen| seen.target.clone()).as_deref(),
        Some("/v1/charges")
    );
}

#[test]
fn only_the_agents_that_are_named_are_observed() {
    let origin = Origin::of_things();
    let sidecar = observing("[ new-bot ]")
        .agent("new-bot", "support")
        .agent("old-bot", "support")
        .resolve("things.example", &origin)
        .start();
    let ask = |agent: &str| {
        let field = format!("Proxy-Authorization: Bearer {}", key(agent));
        let mut wire = Tunnel::to("things.example:443").field(&field).open(&sidecar);
        wire.ask(post("things.example")).status
    };
    assert_ne!(ask("new-bot"), 403);
    assert_eq!(ask("old-bot"), 403);
    assert_eq!(origin.calls("POST", "/orders").len(), 1);
    let decisions: Vec<_> = told(&sidecar).into_iter().map(|[decision, ..]| decision).collect();
    assert_eq!(decisions, ["ALLOW", "BLOCK"]);
}

#[test]
fn a_stream_that_is_observed_is_carried_and_closed_by_the_pause_alone() {
    let origin = Origin::of_things();
    let sidecar = observing("true").resolve("feed.example", &origin).start();
    let mut wire = Tunnel::to("feed.example:443").open(&sidecar);
    assert_eq!(wire.ask(handshake("")).status, 101);
    sidecar.puts(
        "policies/none.cedar",
        "@id(\"none\") forbid (principal, action, resource);",
    );
    eventually("other rules are in force", || {
        sidecar.trail().of_kind("reload").len() == 1
    });
    wire.send("hello");
    let mut back = [0; 5];
    std::io::Read::read_exact(&mut wire, &mut back).unwrap();
    assert_eq!(&back, b"hello");
    sidecar.told(&["pause", "--all"]);
    assert!(wire.is_closed());
}

#[test]
fn a_rule_on_trial_is_recorded_and_changes_nothing() {
    let origin = Origin::of_things();
    let rule = r#"
        @id("no-hello") @mode("observe") @reason("Nobody needs it")
        forbid (principal, action, resource) when { context.host == "things.example" };
    "#;
    let sidecar = Sidecar::new().resolve("things.example", &origin).policy(rule).start();
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    assert_eq!(
        wire.ask("GET /hello HTTP/1.1\r\nHost: things.example\r\n\r\n").status,
        200
    );
    assert_eq!(wire.ask(post("things.example")).status, 403);
    let decided = sidecar.trail().of_kind("decided");
    for (entry, decision) in decided.iter().zip(["ALLOW", "BLOCK"]) {
        assert_eq!(
            [&entry["decision"], &entry["trial_rules"], &entry["trial_would"]],
            [&json!(decision), &json!("no-hello"), &json!("BLOCK")],
            "{entry}"
        );
        assert!(!entry["rules"].as_str().unwrap().contains("no-hello"), "{entry}");
    }
    assert_eq!(decided.len(), 2);
}

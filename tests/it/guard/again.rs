//! A request that comes again: it gets what it got, and never more than a new one would.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::{asks, body, house, tells, transfer, verifies};
use crate::budgets::{REFUNDS, used, with_budgets};
use crate::harness::{HttpAnswer, Sidecar, key};

fn post() -> Value {
    json!({ "action": "post_message", "target": "general", "request_id": "r1" })
}

fn ask(sidecar: &Sidecar, statement: &Value) -> HttpAnswer {
    sidecar.api("POST", "/api/v1/guard", &key("support-bot"), Some(statement))
}

/// It is refused for this reason, and that is on record.
#[track_caller]
pub fn assert_refused(sidecar: &Sidecar, statement: &Value, code: &str) -> Value {
    let before = sidecar.trail().of_kind("refused").len();
    let answer = ask(sidecar, statement);
    let told = body(&answer);
    assert_eq!(
        (answer.status, &told["decision"], &told["code"]),
        (403, &"BLOCK".into(), &code.into()),
        "{told}"
    );
    let refused = sidecar.trail().of_kind("refused");
    assert_eq!(refused.len(), before + 1);
    assert_eq!(refused.last().unwrap()["call"], told["decision_id"]);
    told
}

#[test]
fn a_request_that_was_allowed_is_not_allowed_again_while_its_agent_is_paused() {
    let sidecar = house().start();
    let first = asks(&sidecar, "support-bot", &post());
    assert_eq!(first["decision"], "ALLOW");
    for whom in [&["--agent", "support-bot"][..], &["--all"]] {
        let with = |word| [&[word][..], whom].concat();
        sidecar.told(&with("pause"));
        assert_refused(&sidecar, &post(), "paused");
        sidecar.told(&with("resume"));
        assert_eq!(
            asks(&sidecar, "support-bot", &post()),
            first,
            "the same when it is over"
        );
    }
    assert_eq!(sidecar.trail().of_kind("decided").len(), 1);
}

#[test]
fn a_request_that_was_allowed_is_not_allowed_again_once_a_rule_is_against_it() {
    let sidecar = with_budgets(REFUNDS).agent("support-bot", "support").start();
    let refund =
        json!({ "action": "process_refund", "target": "ch_1", "amount": 400, "currency": "usd", "request_id": "r1" });
    let first = asks(&sidecar, "support-bot", &refund);
    assert_eq!(first["decision"], "ALLOW", "{first}");
    let rules = |text: &str| sidecar.puts("policies/again.cedar", text);
    rules(
        "@id(\"no-refunds\") @reason(\"None today\") forbid (principal, action == Action::\"process_refund\", resource);",
    );
    let told = assert_refused(&sidecar, &refund, "policy_blocked");
    assert!(told["detail"].as_str().unwrap().contains("no-refunds"), "{told}");
    rules(
        "@id(\"ask\") @decision(\"REQUIRE_APPROVAL\") @approvers(\"approver\") @reason(\"Ask\")
         forbid (principal, action == Action::\"process_refund\", resource);",
    );
    assert_refused(&sidecar, &refund, "policy_blocked");
    rules("// Nothing any more.\n");
    assert_eq!(
        asks(&sidecar, "support-bot", &refund),
        first,
        "the same when they are gone"
    );
    assert_eq!(used(&sidecar, "refunds_per_day"), 40_000, "counted once");
    assert_eq!(sidecar.trail().of_kind("decided").len(), 1);
}

#[test]
fn what_was_told_as_done_is_not_allowed_again_by_its_request() {
    let sidecar = house().start();
    let first = asks(&sidecar, "support-bot", &post());
    assert_eq!(
        tells(&sidecar, "support-bot", &first, &json!({ "outcome": "success" })).status,
        200
    );
    let told = assert_refused(&sidecar, &post(), "already_executed");
    let detail = told["detail"].as_str().unwrap();
    assert!(
        detail.contains(first["decision_id"].as_str().unwrap()) && detail.contains("success"),
        "{told}"
    );
}

#[test]
fn what_people_approved_is_not_allowed_again_by_its_request_when_its_time_is_over() {
    let sidecar = house().approvals("grant: 5s").start();
    let mut transfer = transfer();
    transfer["request_id"] = "r1".into();
    // Of what nobody knows there is no grant.
    let unknown = json!({ "action": "frobnicate", "target": "x", "request_id": "r2" });
    for (statement, granted) in [(&transfer, true), (&unknown, false)] {
        let held = asks(&sidecar, "support-bot", statement);
        sidecar.approve(held["approval_id"].as_str().unwrap());
        let allowed = asks(&sidecar, "support-bot", statement);
        assert_eq!(
            (&allowed["decision"], allowed["grant"].is_object()),
            (&"ALLOW".into(), granted),
            "{allowed}"
        );
    }
    sleep(Duration::from_secs(5));
    for statement in [&transfer, &unknown] {
        let told = assert_refused(&sidecar, statement, "already_executed");
        assert!(told["detail"].as_str().unwrap().contains("too long ago"), "{told}");
    }
    assert_eq!(sidecar.trail().of_kind("consumed").len(), 2);
}

#[test]
fn after_a_restart_a_request_that_was_allowed_is_not_allowed_again() {
    let sidecar = house().start();
    let mut transfer = transfer();
    transfer["request_id"] = "r2".into();
    let first = asks(&sidecar, "support-bot", &post());
    let other = asks(
        &sidecar,
        "ops-bot",
        &json!({ "action": "post_message", "target": "general", "request_id": "r3" }),
    );
    assert_eq!(
        (&first["decision"], &other["decision"]),
        (&"ALLOW".into(), &"ALLOW".into())
    );
    let held = asks(&sidecar, "support-bot", &transfer);
    sidecar.kill9();
    sidecar.restart();
    let told = assert_refused(&sidecar, &post(), "already_executed");
    assert!(
        told["detail"]
            .as_str()
            .unwrap()
            .contains(first["decision_id"].as_str().unwrap()),
        "{told}"
    );
    // Another agent's request of the same name is its own, and what was held was not executed.
    let mut own = post();
    own["request_id"] = "r3".into();
    assert_eq!(asks(&sidecar, "support-bot", &own)["decision"], "ALLOW");
    sidecar.approve(held["approval_id"].as_str().unwrap());
    assert_eq!(asks(&sidecar, "support-bot", &transfer)["decision"], "ALLOW");
    sidecar.terminate();
    assert!(sidecar.ended().success());
    sidecar.restart();
    for statement in [post(), own, transfer] {
        assert_refused(&sidecar, &statement, "already_executed");
    }
    verifies(&sidecar);
}

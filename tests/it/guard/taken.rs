//! What was stated and then comes as a call through the proxy: counted once, and not held twice.

use serde_json::{Value, json};

use super::again::assert_refused;
use super::{asks, tells, verifies};
use crate::budgets::{REFUNDS, used, with_budgets};
use crate::harness::{Configuration, Origin, Session, Sidecar, eventually, free_port};

fn refund(amount: u32) -> Value {
    json!({ "action": "process_refund", "target": "ch_1", "amount": amount, "currency": "usd" })
}

/// The house with the agent that Stripe's library is wired for.
fn stripe(configuration: Configuration) -> (Origin, Sidecar) {
    let origin = Origin::stripe();
    let sidecar = configuration
        .agent("support-bot", "support")
        .resolve("api.stripe.com", &origin)
        .hold("1s")
        .start();
    (origin, sidecar)
}

fn client(sidecar: &Sidecar) -> Session {
    Session::open("stripe_client.py", sidecar, Some("support-bot"), &[])
}

fn approved(sidecar: &Sidecar, statement: &Value) -> Value {
    let held = asks(sidecar, "support-bot", statement);
    assert_eq!(held["decision"], "REQUIRE_APPROVAL", "{held}");
    sidecar.approve(held["approval_id"].as_str().unwrap());
    let allowed = asks(sidecar, "support-bot", statement);
    assert_eq!(allowed["decision"], "ALLOW", "{allowed}");
    allowed
}

#[test]
fn what_was_approved_as_stated_is_not_held_again_as_a_call_and_that_once() {
    let (origin, sidecar) = stripe(Sidecar::new());
    let allowed = approved(&sidecar, &refund(900));
    assert!(allowed["grant"]["until"].is_string(), "{allowed}");
    let mut client = client(&sidecar);
    client
        .call("refund ch_1 amount=90001")
        .assert_refused("approval_pending");
    client
        .call("refund ch_2 amount=90000")
        .assert_refused("approval_pending");
    client.call("refund ch_1 amount=90000").assert_ok();
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
    // The grant was for one.
    let again = client.call("refund ch_1 amount=90000");
    again.assert_refused("already_executed");
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
    let grants = sidecar.trail().of_kind("grant");
    assert_eq!(grants[0]["approval"], allowed["approval_id"]);
    verifies(&sidecar);
}

#[test]
fn a_yes_to_what_was_stated_is_for_nothing_that_was_not_said() {
    let (origin, sidecar) = stripe(Sidecar::new());
    approved(&sidecar, &refund(900));
    let mut client = client(&sidecar);
    for more in ["reverse_transfer=true", "reason=duplicate", "metadata[order]=7"] {
        client
            .call(&format!("refund ch_1 amount=90000 {more}"))
            .assert_refused("approval_pending");
    }
    // What people were shown by the same name, and as it is.
    let mut said = refund(901);
    said["reason"] = "duplicate".into();
    approved(&sidecar, &said);
    client
        .call("refund ch_1 amount=90100 reason=fraudulent")
        .assert_refused("approval_pending");
    client.call("refund ch_1 amount=90100 reason=duplicate").assert_ok();
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
    // What they saw the beginning of is not what they saw.
    let long = "x".repeat(150);
    let mut said = refund(902);
    said["reason"] = long.clone().into();
    approved(&sidecar, &said);
    client
        .call(&format!("refund ch_1 amount=90200 reason={long}"))
        .assert_refused("approval_pending");
    client.call("refund ch_1 amount=90000").assert_ok();
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 2);
    verifies(&sidecar);
}

#[test]
fn a_yes_to_what_is_for_one_provider_is_for_no_other() {
    let (origin, sidecar) = stripe(Sidecar::new());
    let of = |amount, provider: &str| {
        let mut said = refund(amount);
        said["provider"] = provider.into();
        approved(&sidecar, &said);
    };
    of(900, "paypal");
    let mut client = client(&sidecar);
    client
        .call("refund ch_1 amount=90000")
        .assert_refused("approval_pending");
    origin.assert_untouched();
    of(901, "Stripe");
    client.call("refund ch_1 amount=90100").assert_ok();
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
    verifies(&sidecar);
}

#[test]
fn what_is_told_as_done_is_not_done_again_by_the_grant() {
    let (origin, sidecar) = stripe(Sidecar::new());
    let allowed = approved(&sidecar, &refund(900));
    assert_eq!(
        tells(&sidecar, "support-bot", &allowed, &json!({ "outcome": "success" })).status,
        200
    );
    client(&sidecar)
        .call("refund ch_1 amount=90000")
        .assert_refused("approval_pending");
    origin.assert_untouched();
    verifies(&sidecar);
}

#[test]
fn another_agent_has_no_part_in_it() {
    let (origin, sidecar) = stripe(Sidecar::new().agent("ops-bot", "support"));
    approved(&sidecar, &refund(900));
    let mut other = Session::open("stripe_client.py", &sidecar, Some("ops-bot"), &[]);
    other
        .call("refund ch_1 amount=90000")
        .assert_refused("approval_pending");
    origin.assert_untouched();
}

#[test]
fn a_call_takes_over_what_was_taken_of_budgets_for_what_was_stated() {
    let (origin, sidecar) = stripe(with_budgets(REFUNDS));
    let budget = || used(&sidecar, "refunds_per_day");
    let allowed = asks(&sidecar, "support-bot", &refund(500));
    assert_eq!((&allowed["decision"], budget()), (&"ALLOW".into(), 50_000));
    let mut client = client(&sidecar);
    client.call("refund ch_1 amount=50000").assert_ok();
    assert_eq!(budget(), 50_000, "counted once");
    let decided = sidecar.trail().of_kind("decided");
    assert_eq!(decided.last().unwrap()["repeats"], allowed["decision_id"]);
    // The same again is another one.
    client.call("refund ch_1 amount=50000").assert_ok();
    assert_eq!(budget(), 100_000);
    let over = asks(&sidecar, "support-bot", &refund(1));
    assert_eq!(
        (&over["decision"], &over["code"]),
        (&"BLOCK".into(), &"budget_exceeded".into()),
        "{over}"
    );
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 2);
    sidecar.kill9();
    sidecar.restart();
    assert_eq!(budget(), 100_000, "by the record too");
}

#[test]
fn what_was_made_as_a_call_is_not_allowed_again_by_its_request() {
    let (origin, sidecar) = stripe(with_budgets(REFUNDS));
    let mut counted = refund(400);
    counted["request_id"] = "r1".into();
    assert_eq!(asks(&sidecar, "support-bot", &counted)["decision"], "ALLOW");
    client(&sidecar).call("refund ch_1 amount=40000").assert_ok();
    assert_eq!(used(&sidecar, "refunds_per_day"), 40_000, "taken over");
    let told = assert_refused(&sidecar, &counted, "already_executed");
    assert!(told["detail"].as_str().unwrap().contains("through the proxy"), "{told}");
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
    // Its end may be told all the same.
    let first = json!({ "decision_id": sidecar.trail().of_kind("decided")[0]["call"] });
    assert_eq!(
        tells(&sidecar, "support-bot", &first, &json!({ "outcome": "success" })).status,
        200
    );

    let (_origin, sidecar) = stripe(Sidecar::new());
    let mut granted = refund(900);
    granted["request_id"] = "r2".into();
    approved(&sidecar, &granted);
    client(&sidecar).call("refund ch_1 amount=90000").assert_ok();
    assert_refused(&sidecar, &granted, "already_executed");
    verifies(&sidecar);
}

#[test]
fn a_failure_that_is_told_gives_nothing_back() {
    let (_origin, sidecar) = stripe(with_budgets(REFUNDS));
    let allowed = asks(&sidecar, "support-bot", &refund(500));
    assert_eq!(
        tells(&sidecar, "support-bot", &allowed, &json!({ "outcome": "failure" })).status,
        200
    );
    assert_eq!(used(&sidecar, "refunds_per_day"), 50_000);
    let approved = approved(
        &sidecar,
        &json!({ "action": "transfer_funds", "target": "x", "amount": 1 }),
    );
    assert_eq!(
        tells(&sidecar, "support-bot", &approved, &json!({ "outcome": "failure" })).status,
        200
    );
    let again = asks(
        &sidecar,
        "support-bot",
        &json!({ "action": "transfer_funds", "target": "x", "amount": 1 }),
    );
    assert_eq!(again["code"], "already_executed", "{again}");
}

#[test]
fn a_call_takes_over_only_what_was_taken_for_it() {
    let budgets = "budgets:
  refunds_per_day: { window: 1d, sum: amount_base, actions: [process_refund], per: agent, limit: 100000 }
  refunds_per_charge: { window: 1d, sum: amount_base, actions: [process_refund], per: target, limit: 60000 }
";
    let (_origin, sidecar) = stripe(with_budgets(budgets));
    assert_eq!(asks(&sidecar, "support-bot", &refund(500))["decision"], "ALLOW");
    client(&sidecar).call("refund ch_1 amount=50000").assert_ok();
    // Stripe's charge is not the agent's own target: both count, each in its own.
    assert_eq!(
        (used(&sidecar, "refunds_per_charge"), used(&sidecar, "refunds_per_day")),
        (100_000, 100_000)
    );
    client(&sidecar)
        .call("refund ch_1 amount=20000")
        .assert_refused("budget_exceeded");
}

#[test]
fn what_is_told_as_done_is_not_done_again_by_a_call_that_found_nobody() {
    let (origin, port) = (Origin::stripe(), free_port());
    let nobody = format!("127.0.0.1:{port}");
    let sidecar = Sidecar::new()
        .agent("support-bot", "support")
        .resolve_to("api.stripe.com", &nobody)
        .destination(&nobody)
        .hold("1s")
        .start();
    let allowed = approved(&sidecar, &refund(900));
    let mut client = Session::open(
        "stripe_client.py",
        &sidecar,
        Some("support-bot"),
        &[("STRIPE_RETRIES", "0")],
    );
    client
        .call("refund ch_1 amount=90000")
        .assert_refused("upstream_unreachable");
    eventually("it is given back", || sidecar.trail().of_kind("returned").len() == 1);
    // The tool did it by another way.
    assert_eq!(
        tells(&sidecar, "support-bot", &allowed, &json!({ "outcome": "success" })).status,
        200
    );
    origin.comes_to(port);
    client
        .call("refund ch_1 amount=90000")
        .assert_refused("approval_pending");
    origin.assert_untouched();
    verifies(&sidecar);
}

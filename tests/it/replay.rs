//! Calls on record, decided again by the real binary beside a running sidecar.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::harness::{Origin, Session, Sidecar, eventually, said};

fn replay(sidecar: &Sidecar, arguments: &[&str]) -> Output {
    sidecar.cli(&[&["replay"], arguments].concat())
}

#[track_caller]
fn told(sidecar: &Sidecar, arguments: &[&str]) -> Value {
    let output = replay(sidecar, &[&["--json"], arguments].concat());
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Reads, changes, a call that was held and sent, one that was approved once its client had left, an incomplete one that a
/// person completed, twice over both ways, one that is denied, and one that is blocked.
fn traffic(sidecar: &Sidecar) -> u64 {
    let mut stripe = Session::stripe(sidecar);
    stripe.call("balance").assert_ok();
    stripe.call("refund ch_1 amount=4000").assert_ok();
    stripe.send("refund ch_2 amount=90000");
    sidecar.approve(&sidecar.next_held());
    stripe.receive().assert_ok();
    stripe.send("refund ch_3");
    let id = sidecar.next_held();
    sidecar.told(&["approvals", "approve", &id, "--set", "amount=51200"]);
    stripe.receive().assert_ok();
    stripe.send("refund ch_4 amount=70000");
    sidecar.deny(&sidecar.next_held(), "not this one");
    stripe.receive().assert_refused("approval_denied");
    5
}

#[test]
fn unchanged_policies_change_nothing_of_what_was_allowed_held_completed_and_denied() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let calls = traffic(&sidecar);
    let report = told(&sidecar, &[]);
    assert_eq!(
        (&report["changed"], &report["calls"]),
        (&0.into(), &calls.into()),
        "{report}"
    );
    assert_eq!(report["not_replayed"], serde_json::json!({}), "{report}");
    let output = replay(&sidecar, &["--fail-on-change"]);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_call_that_came_again_once_it_was_approved_counts_as_held() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s").start();
    let mut stripe = Session::stripe(&sidecar);
    for (command, set) in [
        ("refund ch_1 amount=90000", None),
        ("refund ch_2", Some("amount=51200")),
    ] {
        let id = stripe.call(command).approval();
        match set {
            Some(set) => drop(sidecar.told(&["approvals", "approve", &id, "--set", set])),
            None => sidecar.approve(&id),
        }
        stripe.call(command).assert_ok();
    }
    let report = told(&sidecar, &[]);
    assert_eq!(
        (&report["changed"], &report["calls"]),
        (&0.into(), &4.into()),
        "{report}"
    );
}

#[test]
fn other_policies_are_told_by_what_they_would_have_stopped_and_let_through() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    traffic(&sidecar);
    eventually("the ends are on record", || {
        sidecar.trail().of_kind("outcome").len() == 5
    });
    let policies = tempfile::tempdir().unwrap();
    let rule = "@id(\"small-refunds-too\") @decision(\"REQUIRE_APPROVAL\")\n\
                forbid (principal, action == Action::\"process_refund\", resource) when { context.amount_base > 3000 };";
    fs::write(policies.path().join("house.cedar"), rule).unwrap();
    let directory = policies.path().to_str().unwrap();
    let report = told(&sidecar, &["--policies", directory]);
    let held = &report["newly_held"];
    assert_eq!(
        (&held["calls"], &held["amount_base"]),
        (&1.into(), &4000.into()),
        "{report}"
    );
    assert_eq!(
        (&held["carried_out"], &held["was"]["ALLOW"]["calls"]),
        (&1.into(), &1.into()),
        "{report}"
    );
    assert_eq!(held["rules"]["small-refunds-too"]["calls"], 1, "{report}");
    let output = replay(&sidecar, &["--policies", directory, "--fail-on-change"]);
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    for said in ["newly held", "$40.00", "small-refunds-too", "ch_1"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    // What was before the period, or is of others, is none of it.
    assert_eq!(told(&sidecar, &["--policies", directory, "--until", "1h"])["calls"], 0);
    assert_eq!(
        told(&sidecar, &["--policies", directory, "--agent", "somebody-else"])["calls"],
        0
    );
}

#[test]
fn policies_that_are_wrong_or_nowhere_are_told_and_nothing_is_replayed() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let output = replay(&sidecar, &["--policies", "/nowhere/at/all"]);
    assert!(
        !output.status.success() && said(&output).contains("is no directory"),
        "{}",
        said(&output)
    );
    let policies = tempfile::tempdir().unwrap();
    fs::write(
        policies.path().join("house.cedar"),
        "permit (principal, action, resource)",
    )
    .unwrap();
    let output = replay(&sidecar, &["--policies", policies.path().to_str().unwrap()]);
    assert!(
        !output.status.success() && said(&output).contains("house.cedar:1"),
        "{}",
        said(&output)
    );
}

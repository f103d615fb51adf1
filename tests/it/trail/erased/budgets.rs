//! What budgets count of what was erased, or is to be.

use super::*;
use crate::budgets::{stripe, used, with_budgets};

#[test]
fn a_budget_counts_what_was_erased_after_a_restart_also() {
    let (_origin, sidecar) = stripe(crate::budgets::REFUNDS);
    let mut client = Session::stripe(&sidecar);
    client.call(&format!("refund {MARKER} amount=50000")).assert_ok();
    client.call("refund ch_1 amount=10000").assert_ok();
    erase(&sidecar, &["--where", &format!("target={MARKER}")]);
    assert_eq!(found(&sidecar), Vec::<PathBuf>::new());
    sidecar.restart();
    assert_eq!(used(&sidecar, "refunds_per_day"), 60_000);
}

#[test]
fn what_a_budget_of_a_target_still_counts_is_not_erased() {
    let origin = Origin::stripe();
    let yaml = "budgets:\n  per_charge: { window: 1d, sum: amount_base, actions: [process_refund], per: target, limit: 100000 }\n";
    let sidecar = with_budgets(yaml).resolve("api.stripe.com", &origin).hold("1s").start();
    Session::stripe(&sidecar)
        .call(&format!("refund {MARKER} amount=50000"))
        .assert_ok();
    let told = refused(&sidecar, &["--where", &format!("target={MARKER}")]);
    assert!(told.contains("per_charge") && told.contains("until"), "{told}");
    assert!(!found(&sidecar).is_empty());
}

/// Budgets of a target and of an agent count it, the second for longer: both would lose it.
#[test]
fn what_another_budget_than_of_the_target_counts_longer_is_not_erased() {
    let origin = Origin::stripe();
    let yaml = "budgets:
  per_charge: { window: 1h, sum: amount_base, actions: [process_refund], per: target, limit: 100000 }
  refunds_30d: { window: 30d, sum: amount_base, actions: [process_refund], per: agent, limit: 100000 }
";
    let sidecar = with_budgets(yaml).resolve("api.stripe.com", &origin).hold("1s").start();
    Session::stripe(&sidecar)
        .call(&format!("refund {MARKER} amount=50000"))
        .assert_ok();
    let told = refused(&sidecar, &["--where", &format!("target={MARKER}")]);
    assert!(told.contains("refunds_30d") && told.contains("until"), "{told}");
}

#[test]
fn a_budget_that_came_later_does_not_lose_what_is_erased() {
    let (_origin, sidecar) = stripe("budgets: {}\n");
    Session::stripe(&sidecar)
        .call(&format!("refund {MARKER} amount=50000"))
        .assert_ok();
    sidecar.puts("policies/budgets.yaml", crate::budgets::REFUNDS);
    assert_eq!(used(&sidecar, "refunds_per_day"), 50_000);
    let told = refused(&sidecar, &["--where", &format!("target={MARKER}")]);
    assert!(told.contains("refunds_per_day") && told.contains("until"), "{told}");
    sidecar.restart();
    assert_eq!(used(&sidecar, "refunds_per_day"), 50_000);
}

//! The risk of a call: worked out before rules are asked, carried by every decision, learnt from what was executed.

use super::*;
use crate::model::Outcome;
use crate::model::risk::Whose;

const RISKY: &str = r#"@id("risky") @decision("REQUIRE_APPROVAL") @approvers("finance")
    forbid (principal, action, resource) when { context.risk >= 75 };"#;

fn minutes_later(minutes: i64) -> Timestamp {
    Timestamp(NOON.0 + minutes * 60_000)
}

/// A call that was allowed and came to this.
fn ended(gate: &Gate, amount: i64, outcome: Outcome, minutes: i64) {
    let permit = allowed(gate, &refund(amount), None);
    let at = minutes_later(minutes);
    gate.sends(&permit, at).ended(outcome, Some(200), None, at);
}

fn hold_of(decision: Decision) -> Hold {
    match decision {
        Decision::RequireApproval(hold) => hold,
        other @ (Decision::Allow(_) | Decision::Block(_)) => panic!("expected a hold, found {other:?}"),
    }
}

#[test]
fn every_decision_carries_the_risk_that_it_rests_on() {
    let stop = r#"@id("stop") forbid (principal, action == Action::"process_refund", resource) when { context.amount == 4200 };"#;
    let gate = gate(stop);
    assert_eq!(allowed(&gate, &refund(48_000), None).action().score(), Some(74));
    let rules = gate.rules();
    assert_eq!(
        hold_of(rules.decide(call(), refund(90_000), None, NOON)).action.score(),
        Some(76)
    );
    match rules.decide(call(), refund(4_200), None, NOON) {
        Decision::Block(blocked) => assert_eq!(blocked.action.score(), Some(68)),
        other @ (Decision::Allow(_) | Decision::RequireApproval(_)) => panic!("{other:?}"),
    }
    // What came along with an action is not believed.
    let mut told = refund(48_000);
    told.risk = allowed(&gate, &refund(1), None).action().risk.clone();
    assert_eq!(allowed(&gate, &told, None).action().score(), Some(74));
}

#[test]
fn a_call_in_euros_is_as_risky_as_what_it_is_worth() {
    let mut euros = refund(48_000);
    euros.fields.insert("currency".into(), Value::Text("eur".to_owned()));
    let score = hold_of(gate("").rules().decide(call(), euros, None, NOON))
        .action
        .score();
    assert_eq!(score, Some(75), "528 dollars");
}

#[test]
fn what_a_person_states_is_what_the_risk_is_of() {
    let gate = gate(RISKY);
    let full = action("process_refund", &[]);
    let rules = held(&gate, &full, None);
    let ids: Vec<&str> = rules.iter().map(|rule| &*rule.id).collect();
    assert_eq!(ids, [INCOMPLETE_ACTION, "risky"], "without an amount it could be any");
    let states = |amount| evidence(&rules[..1], &[("amount", Value::Int(amount))]);
    assert_eq!(allowed(&gate, &full, Some(&states(2_000))).action().score(), Some(66));
    let hold = hold_of(gate.rules().decide(call(), full.clone(), Some(&states(90_000)), NOON));
    let asked: Vec<&str> = hold.rules.iter().map(|rule| &*rule.id).collect();
    assert_eq!(asked, ["refund-over-500", "risky"]);
    assert_eq!((hold.action.int("amount"), hold.action.score()), (None, Some(76)));
}

#[test]
fn what_was_executed_is_remembered_by_the_rules_that_follow() {
    let gate = gate("");
    (0..40).for_each(|call| ended(&gate, 2_000, Outcome::Success, call * 10));
    let score = |gate: &Gate| {
        let hold = hold_of(gate.rules().decide(call(), refund(90_000), None, minutes_later(400)));
        let risk = hold.action.risk.unwrap();
        assert!(risk.has_baseline());
        risk.score
    };
    let before = score(&gate);
    assert!(before > 76, "{before}");
    gate.replace(super::budgets::with("budgets: {}", "", gate.memory()).unwrap());
    assert_eq!(score(&gate), before);
    // Rules that are read for something else know nothing.
    let fresh = rule_set("", rates()).decide(call(), refund(90_000), None, minutes_later(400));
    assert_eq!(hold_of(fresh).action.score(), Some(76));
}

#[test]
fn what_was_not_executed_teaches_nothing() {
    let gate = gate("");
    for outcome in [Outcome::Failure, Outcome::Error, Outcome::NotSent, Outcome::Abandoned] {
        (0..40).for_each(|call| ended(&gate, 2_000, outcome, call * 10));
    }
    let at = minutes_later(400);
    let habits = gate
        .memory()
        .history
        .habits("support-bot", "api.stripe.com", &completed(2_000), at);
    assert_eq!(habits.sizes, [None; 4]);
    // In doubt it was.
    ended(&gate, 2_000, Outcome::Unknown, 500);
    let habits = gate
        .memory()
        .history
        .habits("support-bot", "api.stripe.com", &completed(2_000), at);
    assert_eq!(
        habits.sizes[0].map(|usual| (usual.by, usual.n)),
        Some((Whose::Agent, 1))
    );
}

fn completed(amount: i64) -> Action {
    rule_set("", rates()).complete(refund(amount), "api.stripe.com")
}

/// What a replay rests on.
#[test]
fn the_same_call_at_the_same_time_has_the_same_risk() {
    let gate = gate("");
    (0..40).for_each(|call| ended(&gate, 2_000, Outcome::Success, call * 10));
    let at = |minutes| {
        let decision = gate
            .rules()
            .decide(call(), refund(90_000), None, minutes_later(minutes));
        hold_of(decision).action.risk
    };
    assert_eq!(at(390), at(390));
    assert_ne!(at(390), at(400), "ten minutes later it is another number within five");
}

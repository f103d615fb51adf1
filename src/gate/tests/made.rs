//! What was made through this sidecar completes calls that name nothing but its id.

use super::*;
use crate::gate::made::{Fields, Made};
use crate::model::{Answer, Outcome};

const OVER_100: &str = r#"@id("over-100") @decision("REQUIRE_APPROVAL") @approvers("finance")
    forbid (principal, action == Action::"process_refund", resource) when { context.amount_base > 10000 };"#;

fn words(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A charge whose answer tells the id that it gets.
fn charge(amount: i64, currency: &str) -> Action {
    let fields = [
        ("amount", Value::Int(amount)),
        ("currency", Value::Text(currency.to_owned())),
    ];
    let mut charge = action("create_charge", &fields);
    charge.target.id = None;
    charge.answer = Arc::new(Answer {
        result_id: Some("$.id".to_owned()),
        remember: words(&["amount", "currency"]),
        ..Answer::default()
    });
    charge
}

/// A refund of all of `ch_1`, or of so much.
fn refund_of(amount: Option<i64>) -> Action {
    let fields = amount.map(|amount| ("amount", Value::Int(amount)));
    let mut refund = action("process_refund", fields.as_slice());
    refund.answer = Arc::new(Answer {
        recall: words(&["amount", "currency"]),
        ..Answer::default()
    });
    refund
}

/// A call that was let go and came to this.
fn done(gate: &Gate, action: &Action, outcome: Outcome, result_id: Option<&str>) {
    let permit = allowed(gate, action, None);
    gate.sends(&permit, NOON).ended(outcome, result_id, NOON);
}

fn after_a_charge(amount: i64, currency: &str) -> Gate {
    let gate = gate("");
    done(&gate, &charge(amount, currency), Outcome::Success, Some("ch_1"));
    gate
}

/// The amount that a refund of the whole is judged by.
fn whole(gate: &Gate) -> Option<i64> {
    gate.rules().complete(refund_of(None), "api.stripe.com").int("amount")
}

#[test]
fn a_refund_of_what_was_made_here_has_its_amount() {
    assert_eq!(
        decided(&gate(""), &refund_of(None), None),
        "REQUIRE_APPROVAL incomplete_action"
    );
    let gate = after_a_charge(40_000, "eur");
    let permit = allowed(&gate, &refund_of(None), None);
    let refund = permit.action();
    assert_eq!(
        (refund.int("amount"), refund.text("currency")),
        (Some(40_000), Some("eur"))
    );
    assert_eq!(refund.int("amount_base"), Some(44_000));
    assert!(
        refund.missing.is_empty() && refund.summary.contains("400.00 EUR"),
        "{refund:?}"
    );
    let mut other = refund_of(None);
    other.target.id = Some("ch_2".to_owned());
    assert_eq!(decided(&gate, &other, None), "REQUIRE_APPROVAL incomplete_action");
    // More of it than rules let go.
    let gate = super::gate(OVER_100);
    done(&gate, &charge(10_001, "usd"), Outcome::Success, Some("ch_1"));
    assert_eq!(decided(&gate, &refund_of(None), None), "REQUIRE_APPROVAL over-100");
}

#[test]
fn what_a_call_tells_itself_stands() {
    let gate = after_a_charge(40_000, "eur");
    let told = gate.rules().complete(refund_of(Some(7)), "api.stripe.com");
    assert_eq!((told.int("amount"), told.text("currency")), (Some(7), Some("usd")));
    let mut garbled = refund_of(None);
    garbled.missing = vec![Missing {
        field: "amount".into(),
        why: Why::Unreadable,
    }];
    assert_eq!(decided(&gate, &garbled, None), "REQUIRE_APPROVAL incomplete_action");
}

#[test]
fn only_what_the_provider_says_that_it_made_is_remembered() {
    for (outcome, id) in [
        (Outcome::Failure, Some("ch_1")),
        (Outcome::Unknown, Some("ch_1")),
        (Outcome::Abandoned, Some("ch_1")),
        (Outcome::Success, None),
    ] {
        let gate = gate("");
        done(&gate, &charge(100, "usd"), outcome, id);
        assert_eq!(whole(&gate), None, "{outcome:?}");
    }
}

#[test]
fn what_is_changed_is_forgotten() {
    let mut by_list = action("modify_record", &[("resource_ids", Value::List(words(&["ch_1"])))]);
    by_list.target.id = None;
    for change in [action("modify_record", &[]), by_list, refund_of(Some(7))] {
        let gate = after_a_charge(40_000, "usd");
        done(&gate, &action("read_record", &[]), Outcome::Success, None);
        done(&gate, &refund_of(None), Outcome::Success, None);
        assert_eq!(
            whole(&gate),
            Some(40_000),
            "neither a read nor what goes by it changes it"
        );
        // Before anybody knows what came of it.
        drop(gate.sends(&allowed(&gate, &change, None), NOON));
        assert_eq!(whole(&gate), None, "{change:?}");
    }
}

#[test]
fn a_change_that_nobody_knows_forgets_all_of_its_provider() {
    let gate = Gate::new(rule_set(
        "@id(\"unmapped\") permit (principal, action, resource);",
        rates(),
    ));
    done(&gate, &charge(40_000, "usd"), Outcome::Success, Some("ch_1"));
    let mut change = action("modify_record", &[]);
    (change.unmapped, change.target.id) = (true, None);
    gate.memory().made.leaves(&Action {
        provider: "paypal".into(),
        ..change.clone()
    });
    assert_eq!(whole(&gate), Some(40_000), "another provider's");
    gate.memory().made.leaves(&change);
    assert_eq!(whole(&gate), None);
}

#[test]
fn what_was_changed_is_not_learnt_again() {
    let gate = after_a_charge(40_000, "usd");
    done(&gate, &action("modify_record", &[]), Outcome::Success, None);
    done(&gate, &charge(40_000, "usd"), Outcome::Success, Some("ch_1"));
    assert_eq!(whole(&gate), None);
    // Nor what two answers tell otherwise.
    let gate = after_a_charge(40_000, "usd");
    done(&gate, &charge(40_000, "usd"), Outcome::Success, Some("ch_1"));
    assert_eq!(whole(&gate), Some(40_000));
    done(&gate, &charge(100, "usd"), Outcome::Success, Some("ch_1"));
    assert_eq!(whole(&gate), None);
}

/// What people saw held is not what would be sent: they are asked anew.
#[test]
fn what_was_recalled_is_looked_up_again() {
    let gate = after_a_charge(40_000, "eur");
    let host = "api.stripe.com";
    let held = gate.rules().complete(refund_of(None), host);
    assert_eq!(gate.rules().complete(held.clone(), host), held);
    done(&gate, &action("modify_record", &[]), Outcome::Success, None);
    let again = gate.rules().complete(held, host);
    assert!(again.is_missing("amount") && again.recalled.is_empty(), "{again:?}");
    assert_eq!(again.text("currency"), Some("usd"), "the account's, as of any other");
    assert!(!again.summary.contains("400.00"), "{}", again.summary);
}

#[test]
fn the_oldest_are_forgotten() {
    let made = Made::default();
    let fields: Fields = vec![("amount".into(), Value::Int(1))];
    for at in 0..=10_000 {
        made.learn(&"stripe".into(), &format!("ch_{at}"), &fields);
    }
    assert_eq!(made.of("stripe", "ch_0"), None);
    assert_eq!(made.of("stripe", "ch_1"), Some(fields.clone()));
    assert_eq!(made.of("stripe", "ch_10000"), Some(fields));
}

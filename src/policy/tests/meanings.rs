//! Calls that mean several things at once.

use proptest::prelude::*;

use super::*;

const RULES: &str = r#"
@id("all") permit (principal, action, resource) unless { action == Action::"delete_records" };
@id("also-all") permit (principal, action == Action::"modify_record", resource);
@id("refund-over-500") @decision("REQUIRE_APPROVAL") @approvers("finance")
forbid (principal, action == Action::"process_refund", resource) when { context.amount_base > 50000 };
@id("large") @decision("REQUIRE_APPROVAL") @approvers("legal")
forbid (principal, action in Action::"payments", resource) when { context.amount_base > 60000 };
@id("refund-cap") forbid (principal, action == Action::"process_refund", resource) when { context.amount_base > 500000 };
@id("spend") forbid (principal, action == Action::"read_record", resource)
when { context has record_count && 9223372036854775807 + context.record_count > 1 };
"#;

fn charge(amount: i64) -> Action {
    let fields = [("amount", Value::Int(amount)), ("amount_base", Value::Int(amount))];
    action("create_charge", &fields)
}

fn both(first: Action, other: Action) -> Action {
    Action {
        also: vec![other],
        ..first
    }
}

#[test]
fn the_strictest_decision_of_all_meanings_wins() {
    let policies = policies(RULES);
    let harmless = || action("modify_record", &[]);
    let unread = || without(refund(0), &["amount", "amount_base"]);
    let overflow = || action("read_record", &[("record_count", Value::Int(1))]);
    for (other, expected) in [
        (refund(1), "ALLOW all also-all"),
        (refund(50_001), "REQUIRE_APPROVAL refund-over-500"),
        (unread(), "REQUIRE_APPROVAL incomplete_action"),
        (refund(500_001), "BLOCK policy_blocked refund-cap"),
        (
            action("delete_records", &[("unbounded", Value::Bool(false))]),
            "BLOCK policy_blocked default",
        ),
        (
            without(action("export_data", &[]), &["record_count"]),
            "BLOCK incomplete_action incomplete_action",
        ),
        (overflow(), "BLOCK policy_error spend"),
        (action("nobody_knows", &[]), "BLOCK policy_error policy_error"),
    ] {
        assert_eq!(decided(&policies, &both(harmless(), other.clone())), expected);
        assert_eq!(decided(&policies, &both(other, harmless())), expected);
    }
    // A hold does not hide a block, nor one block the other.
    assert_eq!(
        decided(&policies, &both(refund(50_001), refund(500_001))),
        "BLOCK policy_blocked refund-cap"
    );
    assert_eq!(
        decided(&policies, &both(unread(), refund(500_001))),
        "BLOCK policy_blocked refund-cap"
    );
    assert_eq!(
        decided(&policies, &both(refund(500_001), overflow())),
        "BLOCK policy_error spend"
    );
    let deletion = || action("delete_records", &[("unbounded", Value::Bool(false))]);
    assert_eq!(
        decided(&policies, &both(refund(500_001), deletion())),
        "BLOCK policy_blocked default refund-cap"
    );
}

#[test]
fn meanings_within_meanings_are_judged() {
    let policies = policies(RULES);
    let nested = both(
        action("modify_record", &[]),
        both(action("modify_record", &[]), refund(500_001)),
    );
    assert_eq!(decided(&policies, &nested), "BLOCK policy_blocked refund-cap");
}

#[test]
fn the_holds_of_all_meanings_are_joined_and_each_wants_its_own_people() {
    let policies = policies(RULES);
    let action = both(refund(50_001), charge(60_001));
    let rules = holds(&policies, &action, None);
    assert_eq!(
        rules.iter().map(|rule| &*rule.id).collect::<Vec<_>>(),
        ["large", "refund-over-500"]
    );
    assert_eq!(rules[0].approvers, names(&["legal"]));
    let finance = evidence(&rules[1..]);
    assert_eq!(holds(&policies, &action, Some(&finance)), rules[..1]);
    // A rule that asks for both is asked once.
    let large = both(refund(60_001), charge(60_001));
    assert_eq!(holds(&policies, &large, None), holds(&policies, &refund(60_001), None));
}

#[test]
fn what_is_missing_in_two_meanings_is_asked_by_one_rule_for_both() {
    let policies = policies(RULES);
    let refund = || without(refund(0), &["amount", "amount_base"]);
    let deletion = || without(action("create_charge", &[]), &["amount_base"]);
    let alone = holds(&policies, &refund(), None);
    assert_eq!(holds(&policies, &both(refund(), refund()), None), alone);
    let joined = holds(
        &policies,
        &both(
            refund(),
            Action {
                fields: BTreeMap::from([("amount".into(), Value::Int(1))]),
                ..deletion()
            },
        ),
        None,
    );
    assert_eq!(joined.len(), 1);
    assert_eq!(&*joined[0].id, INCOMPLETE_ACTION);
    assert_eq!(joined[0].approvers, names(&["finance", "legal"]));
    assert_eq!(joined[0].unchecked, names(&["large", "refund-cap", "refund-over-500"]));
    // Consent to one of the two is none to both.
    assert_ne!(joined[0].digest, alone[0].digest);
    assert!(!evidence(&alone).satisfies(&joined[0]));
}

fn weight(policies: &Policies, action: &Action) -> u8 {
    match policies.evaluate(&facts(), action, &situation(), None) {
        Verdict::Allow { .. } => 0,
        Verdict::RequireApproval { .. } => 1,
        Verdict::Block { .. } => 2,
    }
}

proptest! {
    #[test]
    fn a_meaning_more_never_makes_a_decision_milder(amounts in prop::collection::vec((any::<bool>(), 0..600_000i64, any::<bool>()), 1..5)) {
        static POLICIES: std::sync::LazyLock<Policies> = std::sync::LazyLock::new(|| policies(RULES));
        let policies = &*POLICIES;
        let meanings: Vec<Action> = amounts
            .into_iter()
            .map(|(refunds, amount, known)| {
                let meaning = if refunds { refund(amount) } else { charge(amount) };
                if known { meaning } else { without(meaning, &["amount", "amount_base"]) }
            })
            .collect();
        let strictest = meanings.iter().map(|meaning| weight(policies, meaning)).max().unwrap();
        let (first, also) = meanings.split_first().unwrap();
        let together = Action { also: also.to_vec(), ..first.clone() };
        prop_assert_eq!(weight(policies, &together), strictest);
    }
}

//! Currencies, amounts in the account's currency, and values that people state.

use super::*;
use crate::model::accounts::{Account, Accounts, Whose};

const OVER_5000: &str = r#"@id("over-5000") @decision("REQUIRE_APPROVAL") @approvers("finance")
    forbid (principal, action == Action::"process_refund", resource) when { context.amount_base > 500000 };"#;

fn full_refund() -> Action {
    action("process_refund", &[])
}

fn with_missing(mut action: Action, field: &str, why: Why) -> Action {
    action.fields.remove(field);
    action.missing.retain(|missing| &*missing.field != field);
    action.missing.push(Missing {
        field: field.into(),
        why,
    });
    action
}

#[test]
fn a_call_without_currency_is_in_the_accounts() {
    let permit = allowed(&gate(""), &refund(50_000), None);
    assert_eq!(permit.action().text("currency"), Some("usd"));
    assert_eq!(permit.action().int("amount_base"), Some(50_000));
    // An account without a currency knows no worth.
    let poor = Gate::new(rule_set("", Rates::default()));
    assert_eq!(decided(&poor, &refund(1), None), "REQUIRE_APPROVAL incomplete_action");
}

#[test]
fn a_currency_that_cannot_be_read_is_not_the_accounts() {
    let garbled = with_missing(refund(1), "currency", Why::Unreadable);
    let rules = held(&gate(""), &garbled, None);
    assert_eq!(&*rules[0].id, INCOMPLETE_ACTION);
    assert!(
        rules[0]
            .reason
            .as_ref()
            .unwrap()
            .contains("`currency` could not be read")
    );
    assert_eq!(
        decided(&gate(""), &with_missing(refund(1), "currency", Why::Absent), None),
        "ALLOW changes"
    );
}

#[test]
fn an_amount_base_that_came_with_the_call_is_dropped() {
    let mut cheap = refund(90_000);
    cheap.fields.insert("amount_base".into(), Value::Int(1));
    assert_eq!(decided(&gate(""), &cheap, None), "REQUIRE_APPROVAL refund-over-500");
    let mut unknown = full_refund();
    unknown.fields.insert("amount_base".into(), Value::Int(1));
    assert_eq!(decided(&gate(""), &unknown, None), "REQUIRE_APPROVAL incomplete_action");
}

#[test]
fn an_optional_amount_of_unknown_worth_is_missing_and_an_absent_one_is_not() {
    let change = |fields: &[(&str, Value)]| decided(&gate(""), &action("update_subscription", fields), None);
    assert_eq!(change(&[]), "ALLOW changes");
    assert_eq!(change(&[("amount", Value::Int(1))]), "ALLOW changes");
    let yen = Value::Text("jpy".to_owned());
    assert_eq!(
        change(&[("amount", Value::Int(1)), ("currency", yen)]),
        "REQUIRE_APPROVAL incomplete_action"
    );
}

#[test]
fn a_full_refund_given_its_amount_by_a_person_passes_and_the_permit_carries_it() {
    let gate = gate("");
    let rules = held(&gate, &full_refund(), None);
    assert_eq!(rules[0].unchecked, [Arc::from("refund-over-500")]);
    let consent = evidence(&rules, &[("amount", Value::Int(50_000))]);
    let permit = allowed(&gate, &full_refund(), Some(&consent));
    assert_eq!(permit.action().int("amount"), Some(50_000));
    assert_eq!(permit.action().int("amount_base"), Some(50_000));
    assert_eq!(permit.approval(), Some(&consent.approval));
}

#[test]
fn a_stated_value_meets_the_ordinary_rules_each_with_a_vote_of_its_own() {
    let gate = gate(OVER_5000);
    let incomplete = held(&gate, &full_refund(), None);
    let stated = [("amount", Value::Int(900_000))];
    let consent = evidence(&incomplete, &stated);
    let rules = held(&gate, &full_refund(), Some(&consent));
    let ids: Vec<&str> = rules.iter().map(|rule| &*rule.id).collect();
    assert_eq!(ids, ["over-5000", "refund-over-500"]);
    let all = evidence(&[incomplete.clone(), rules.clone()].concat(), &stated);
    assert_eq!(decided(&gate, &full_refund(), Some(&all)), "ALLOW changes");
    let one = evidence(&[incomplete, rules[1..].to_vec()].concat(), &stated);
    assert_eq!(decided(&gate, &full_refund(), Some(&one)), "REQUIRE_APPROVAL over-5000");
    // What is forbidden stays forbidden, whoever states it.
    let cap = "@id(\"cap\") forbid (principal, action == Action::\"process_refund\", resource) when { context.amount > 800000 };";
    gate.replace(rule_set(cap, rates()));
    let rules = held(&gate, &full_refund(), None);
    let consent = evidence(&rules, &stated);
    assert_eq!(
        decided(&gate, &full_refund(), Some(&consent)),
        "BLOCK policy_blocked cap"
    );
}

#[test]
fn a_hold_speaks_of_the_action_as_the_call_states_it() {
    let gate = gate("");
    let consent = evidence(&held(&gate, &full_refund(), None), &[("amount", Value::Int(90_000))]);
    match gate.rules().decide(call(), full_refund(), Some(&consent), NOON) {
        Decision::RequireApproval(hold) => {
            assert!(hold.action.is_missing("amount") && !hold.action.fields.contains_key("amount"));
        }
        other @ (Decision::Allow(_) | Decision::Block(_)) => panic!("expected a hold, found {other:?}"),
    }
}

#[test]
fn a_stated_value_without_a_vote_for_it_completes_nothing() {
    let gate = gate("");
    let rules = held(&gate, &full_refund(), None);
    let stated = [("amount", Value::Int(1))];
    let held_still = "REQUIRE_APPROVAL incomplete_action";
    let mut none = evidence(&rules, &stated);
    none.votes.clear();
    assert_eq!(decided(&gate, &full_refund(), Some(&none)), held_still);
    // A vote for another rule, even one of the unchecked, is no vote for this.
    let other = evidence(&held(&gate, &refund(90_000), None), &stated);
    assert_eq!(decided(&gate, &full_refund(), Some(&other)), held_still);
    // Nor is one for another text of the rules.
    let mut old = rules.clone();
    old[0].digest = "0000".into();
    assert_eq!(
        decided(&gate, &full_refund(), Some(&evidence(&old, &stated))),
        held_still
    );
    let consent = evidence(&rules, &stated);
    assert_eq!(decided(&gate, &full_refund(), Some(&consent)), "ALLOW changes");
    gate.replace(rule_set(OVER_5000, rates()));
    assert_eq!(decided(&gate, &full_refund(), Some(&consent)), held_still);
}

#[test]
fn a_vote_without_a_value_completes_nothing() {
    let gate = gate("");
    let rules = held(&gate, &full_refund(), None);
    assert_eq!(
        decided(&gate, &full_refund(), Some(&evidence(&rules, &[]))),
        "REQUIRE_APPROVAL incomplete_action"
    );
}

#[test]
fn a_stated_value_of_a_field_that_is_not_missing_is_ignored() {
    let gate = gate("");
    let rules = held(&gate, &refund(90_000), None);
    let lie = evidence(
        &[],
        &[
            ("amount", Value::Int(1)),
            ("amount_base", Value::Int(1)),
            ("nonsense", Value::Int(1)),
        ],
    );
    assert_eq!(
        decided(&gate, &refund(90_000), Some(&lie)),
        "REQUIRE_APPROVAL refund-over-500"
    );
    let consent = evidence(&rules, &[("amount", Value::Int(1))]);
    let permit = allowed(&gate, &refund(90_000), Some(&consent));
    assert_eq!(permit.action().int("amount"), Some(90_000));
}

#[test]
fn a_stated_value_that_is_no_amount_is_blocked() {
    let gate = gate("");
    let rules = held(&gate, &full_refund(), None);
    for wrong in [
        Value::Text("512.00".to_owned()),
        Value::Bool(true),
        Value::List(vec!["1".to_owned()]),
        Value::Int(i64::MAX),
    ] {
        let consent = evidence(&rules, &[("amount", wrong)]);
        assert_eq!(
            decided(&gate, &full_refund(), Some(&consent)),
            "BLOCK policy_error policy_error"
        );
    }
}

#[test]
fn what_no_rate_can_tell_a_person_can() {
    let gate = gate("");
    let fields = [
        ("amount", Value::Int(70_000)),
        ("currency", Value::Text("jpy".to_owned())),
    ];
    let yen = action("process_refund", &fields);
    let rules = held(&gate, &yen, None);
    assert_eq!(
        rules[0].reason.as_deref(),
        Some("`amount_base` could not be worked out")
    );
    let small = evidence(&rules, &[("amount_base", Value::Int(46_900))]);
    assert_eq!(decided(&gate, &yen, Some(&small)), "ALLOW changes");
    let large = evidence(&rules, &[("amount_base", Value::Int(50_001))]);
    assert_eq!(decided(&gate, &yen, Some(&large)), "REQUIRE_APPROVAL refund-over-500");
}

#[test]
fn a_value_that_leaves_another_missing_asks_again() {
    let gate = gate("");
    let garbled = with_missing(full_refund(), "currency", Why::Unreadable);
    let rules = held(&gate, &garbled, None);
    let half = evidence(&rules, &[("amount", Value::Int(1))]);
    let again = held(&gate, &garbled, Some(&half));
    assert_eq!(&*again[0].id, INCOMPLETE_ACTION);
    let whole = evidence(
        &rules,
        &[("amount", Value::Int(1)), ("currency", Value::Text("eur".to_owned()))],
    );
    assert_eq!(
        allowed(&gate, &garbled, Some(&whole)).action().int("amount_base"),
        Some(2)
    );
}

#[test]
fn completing_twice_changes_nothing() {
    let none = BTreeMap::new();
    for action in [
        refund(5),
        full_refund(),
        with_missing(refund(1), "currency", Why::Unreadable),
    ] {
        let rules = rule_set("", rates());
        let once = complete::complete(action, &none, &rules);
        let twice = complete::complete(once.clone(), &none, &rules);
        assert_eq!(once, twice);
    }
}

/// The gate with entries of `money.accounts`, all of Stripe.
fn with_accounts(entries: &[(Whose, Option<&str>)]) -> Rules {
    let mut accounts = Accounts::default();
    for (whose, currency) in entries {
        let account = Account {
            currency: currency.map(Arc::from),
            place: String::new(),
        };
        let unknown = Diagnostic::of_file("", "");
        accounts.insert("stripe", whose.clone(), account, unknown).unwrap();
    }
    let mut rules = rule_set("", rates());
    rules.config.accounts = accounts;
    rules
}

#[test]
fn what_no_mapping_has_read_is_in_the_currency_of_its_provider() {
    let euros = with_accounts(&[(Whose::Provider, Some("eur"))]);
    let action = euros.complete(refund(45_455), "api.stripe.com");
    assert_eq!(action.text("currency"), Some("eur"));
    assert_eq!(action.int("amount_base"), Some(50_001));
    let decided_by = |rules: Rules, action: &Action| decided(&Gate::new(rules), action, None);
    assert_eq!(decided_by(euros, &refund(45_455)), "REQUIRE_APPROVAL refund-over-500");
    let mut other = refund(45_455);
    other.provider = "paypal".into();
    let euros = with_accounts(&[(Whose::Provider, Some("eur"))]);
    assert_eq!(decided_by(euros, &other), "ALLOW changes", "in dollars, as all others");
    let untold = with_accounts(&[(Whose::Provider, None)]);
    assert_eq!(decided_by(untold, &refund(1)), "REQUIRE_APPROVAL incomplete_action");
    let francs = with_accounts(&[(Whose::Provider, Some("chf"))]);
    assert_eq!(
        decided_by(francs, &refund(1)),
        "REQUIRE_APPROVAL incomplete_action",
        "no rate"
    );
}

#[test]
fn a_currency_that_nobody_can_tell_stays_missing_when_it_is_completed_again() {
    let rules = with_accounts(&[(Whose::Provider, None)]);
    let once = rules.complete(refund(5), "api.stripe.com");
    assert!(
        once.is_missing("currency") && once.is_missing("amount_base"),
        "{once:?}"
    );
    assert_eq!(rules.complete(once.clone(), "api.stripe.com"), once);
    // Whoever says the currency says all.
    let wanted: Vec<&str> = once.wanted(&vocabulary()).into_iter().map(AsRef::as_ref).collect();
    assert_eq!(wanted, ["currency"]);
    // Nor does a default that was set since then make it one of its own: it was asked about.
    let euros = with_accounts(&[(Whose::Provider, Some("eur"))]);
    assert!(euros.complete(once, "api.stripe.com").is_missing("currency"));
}

#[test]
fn an_amount_is_settled_once_people_say_its_currency() {
    let mut rules = rule_set("", rates());
    let file = |name: &str, text: &str| Source {
        file: name.to_owned(),
        text: text.to_owned(),
    };
    let stripe = file("mappings/stripe.yaml", include_str!("../../../mappings/stripe.yaml"));
    rules.mappings = Mappings::load(&file("mappings/actions.yaml", VOCABULARY), &[stripe]).unwrap();
    let once = rules.complete(
        with_missing(refund(51_200), "currency", Why::Unreadable),
        "api.stripe.com",
    );
    for (currency, expected) in [
        ("mga", 5_120_000),
        ("MGA", 5_120_000),
        ("isk", 512),
        ("jpy", 51_200),
        ("eur", 51_200),
    ] {
        let stated = BTreeMap::from([("currency".into(), Value::Text(currency.to_owned()))]);
        let settled = complete::complete(once.clone(), &stated, &rules);
        assert_eq!(settled.int("amount"), Some(expected), "{currency}");
        let again = complete::complete(settled.clone(), &stated, &rules);
        assert_eq!(again, settled, "{currency}, and once only");
    }
    // What people say themselves is in minor units.
    let unsaid = with_missing(once, "amount", Why::Absent);
    let both = BTreeMap::from([
        ("amount".into(), Value::Int(7)),
        ("currency".into(), Value::Text("mga".to_owned())),
    ]);
    assert_eq!(complete::complete(unsaid, &both, &rules).int("amount"), Some(7));
    let huge = with_missing(refund(900_000_000_000_000), "currency", Why::Unreadable);
    let stated = BTreeMap::from([("currency".into(), Value::Text("mga".to_owned()))]);
    assert!(
        complete::complete(huge, &stated, &rules).is_missing("amount"),
        "too much to tell"
    );
}

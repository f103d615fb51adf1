//! Budgets with the shipped vocabulary and baseline, and files of their own.

mod at_once;
mod coming;
mod counted;
mod currency;
mod files;

use super::*;
use crate::model::{Outcome, Spent};

const DAY: i64 = 86_400_000;

/// Refunds to $1,000 a day and agent.
const REFUNDS: &str = "budgets:
  refunds_per_day: { window: 1d, sum: amount_base, actions: [process_refund], per: agent, limit: 100000 }
";

pub(super) fn with(budgets: &str, more: &str, memory: &Arc<Memory>) -> Result<Rules, Vec<Diagnostic>> {
    with_targets(TARGETS, budgets, more, memory)
}

fn with_targets(targets: &str, budgets: &str, more: &str, memory: &Arc<Memory>) -> Result<Rules, Vec<Diagnostic>> {
    let file = |name: &str, text: &str| Source {
        file: name.to_owned(),
        text: text.to_owned(),
    };
    let sources = Sources {
        vocabulary: file("mappings/actions.yaml", VOCABULARY),
        mappings: vec![
            file("mappings/stripe.yaml", include_str!("../../../mappings/stripe.yaml")),
            file(
                "mappings/aws-dynamodb.yaml",
                include_str!("../../../mappings/aws-dynamodb.yaml"),
            ),
            // The prices that ship are of Google, too.
            file(
                "mappings/google-oauth.yaml",
                include_str!("../../../mappings/google-oauth.yaml"),
            ),
        ],
        policies: vec![
            file("policies/baseline.cedar", BASELINE),
            file("policies/more.cedar", more),
        ],
        targets: file("policies/targets.yaml", targets),
        budgets: vec![file("policies/budgets.yaml", budgets)],
        prices: Some(file(
            "policies/prices.yaml",
            include_str!("../../../policies/prices.yaml"),
        )),
    };
    let groups = BTreeSet::from(["finance".to_owned()]);
    let config = Config {
        rates: rates(),
        ..Config::default()
    };
    Rules::load(&sources, Some(&groups), config, memory)
}

fn rules(budgets: &str, more: &str) -> Rules {
    with(budgets, more, &Arc::default()).unwrap_or_else(|wrong| {
        let shown: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        panic!("{}", shown.join("\n"))
    })
}

fn decide(rules: &Rules, action: Action) -> Decision {
    rules.decide(call(), action, None, NOON)
}

fn allowed(rules: &Rules, action: Action) -> Permit {
    match decide(rules, action) {
        Decision::Allow(permit) => permit,
        other @ (Decision::Block(_) | Decision::RequireApproval(_)) => panic!("{other:?}"),
    }
}

/// Allowed and executed.
fn executed(rules: &Rules, action: Action) {
    settle(&allowed(rules, action), Outcome::Success, Some(200));
}

fn settle(permit: &Permit, outcome: Outcome, status: Option<u16>) {
    permit.spending().reservation.as_ref().unwrap().settle(outcome, status);
}

fn said(decision: &Decision) -> String {
    match decision {
        Decision::Allow(_) => "ALLOW".to_owned(),
        Decision::Block(blocked) => format!("{} {}", blocked.reason, blocked.rules[0].id),
        Decision::RequireApproval(hold) => hold
            .rules
            .iter()
            .map(|rule| rule.id.to_string())
            .collect::<Vec<_>>()
            .join(" "),
    }
}

fn used(rules: &Rules) -> Vec<(String, i64)> {
    let lines = rules.budget_lines(NOON).into_iter().filter(|line| line.used > 0);
    lines.map(|line| (line.scope.to_string(), line.used)).collect()
}

#[test]
fn what_goes_over_a_limit_is_blocked_and_the_refusal_says_which_and_when_there_is_room() {
    let rules = rules(REFUNDS, "");
    executed(&rules, refund(50_000));
    executed(&rules, refund(40_000));
    let Decision::Block(blocked) = decide(&rules, refund(10_001)) else {
        panic!("it went over the limit")
    };
    assert_eq!(blocked.reason, Reason::BudgetExceeded);
    assert_eq!(&*blocked.rules[0].id, "budget:refunds_per_day");
    assert_eq!(
        blocked.rules[0].reason.as_deref().unwrap(),
        "at most $1000.00 in 1d for agent support-bot; with this call it would be $1000.01; there is room for it from \
         2026-11-21T12:24:00Z on"
    );
    assert_eq!(
        blocked.spending.spent,
        [Spent {
            after: 100_001,
            amount: 10_001,
            before: 90_000,
            budget: "refunds_per_day".into(),
            limit: Some(100_000),
            scope: "support-bot".into(),
        }]
    );
    assert!(blocked.spending.reservation.is_none());
    executed(&rules, refund(10_000));
    assert_eq!(
        said(&decide(&rules, refund(1))),
        "budget_exceeded budget:refunds_per_day"
    );
    assert_eq!(used(&rules), [("support-bot".to_owned(), 100_000)]);
    // Another agent has a budget of its own; other actions are not touched.
    let mut other = call();
    other.caller.agent = "other-bot".into();
    assert_eq!(said(&rules.decide(other, refund(50_000), None, NOON)), "ALLOW");
    assert!(
        allowed(&rules, action("read_balance", &[]))
            .spending()
            .reservation
            .is_none()
    );
}

#[test]
fn only_what_may_have_been_done_counts() {
    let rules = rules(REFUNDS, "");
    let kept = [
        (Outcome::Success, Some(200)),
        (Outcome::Failure, Some(409)),
        (Outcome::Failure, Some(500)),
        (Outcome::Failure, Some(200)),
        (Outcome::Error, None),
        (Outcome::Unknown, None),
        (Outcome::Abandoned, Some(402)),
    ];
    let given_back = [
        (Outcome::Failure, Some(402)),
        (Outcome::Failure, Some(404)),
        (Outcome::NotSent, None),
    ];
    for (outcome, status) in given_back {
        let permit = allowed(&rules, refund(50_000));
        assert_eq!(
            used(&rules),
            [("support-bot".to_owned(), 50_000)],
            "reserved while it is under way"
        );
        settle(&permit, outcome, status);
        assert_eq!(used(&rules), [], "{outcome:?} {status:?}");
    }
    for (outcome, status) in kept {
        settle(&allowed(&rules, refund(100)), outcome, status);
    }
    assert_eq!(used(&rules), [("support-bot".to_owned(), 700)]);
    // A permit that nobody used, as where its commit fails.
    drop(allowed(&rules, refund(1_000)));
    assert_eq!(used(&rules), [("support-bot".to_owned(), 700)]);
}

#[test]
fn what_is_blocked_or_held_takes_nothing_and_is_counted_when_it_is_decided_again() {
    let rules = rules(REFUNDS, "");
    for _ in 0..3 {
        assert_eq!(said(&decide(&rules, refund(60_000))), "refund-over-500");
    }
    assert_eq!(used(&rules), []);
    let Decision::RequireApproval(hold) = decide(&rules, refund(60_000)) else {
        panic!("not held")
    };
    assert_eq!(hold.spending.spent[0].after, 60_000);
    let yes = evidence(&hold.rules, &[]);
    let again = || rules.decide(call(), refund(60_000), Some(&yes), NOON);
    assert_eq!(said(&again()), "ALLOW");
    let Decision::Allow(permit) = again() else {
        panic!("not allowed")
    };
    settle(&permit, Outcome::Success, None);
    assert_eq!(
        said(&again()),
        "budget_exceeded budget:refunds_per_day",
        "consent to the rule is none to the budget"
    );
}

#[test]
fn over_a_limit_people_may_be_asked_and_their_yes_is_about_that_limit() {
    let asks = REFUNDS.replace(
        "limit: 100000",
        "limit: 40000, over: REQUIRE_APPROVAL, approvers: [finance]",
    );
    let rules = rules(&asks, "");
    executed(&rules, refund(30_000));
    let Decision::RequireApproval(hold) = decide(&rules, refund(20_000)) else {
        panic!("not held")
    };
    let rule = &hold.rules[0];
    assert_eq!((&*rule.id, &*rule.approvers[0]), ("budget:refunds_per_day", "finance"));
    assert!(
        rule.reason
            .as_deref()
            .unwrap()
            .contains("with this call it would be $500.00")
    );
    let yes = evidence(&hold.rules, &[]);
    let Decision::Allow(permit) = rules.decide(call(), refund(20_000), Some(&yes), NOON) else {
        panic!("not allowed")
    };
    settle(&permit, Outcome::Success, None);
    assert_eq!(used(&rules), [("support-bot".to_owned(), 50_000)]);
}

#[test]
fn consent_is_to_all_that_a_limit_says() {
    let asks = |changed: &str, to: &str| {
        let text = "budgets:
  money: { window: 1d, sum: amount_base, actions: [process_refund], per: agent, when: { provider: stripe }, limit: 10,
           over: REQUIRE_APPROVAL, approvers: [finance] }
";
        assert!(text.contains(changed), "{changed}");
        rules(&text.replace(changed, to), "")
    };
    let Decision::RequireApproval(hold) = decide(&asks("1d", "1d"), refund(100)) else {
        panic!("not held")
    };
    let yes = evidence(&hold.rules, &[]);
    let with_yes = |rules: &Rules| said(&rules.decide(call(), refund(100), Some(&yes), NOON));
    assert_eq!(with_yes(&asks("1d", "24h")), "ALLOW", "the same in other words");
    for (changed, to) in [
        ("window: 1d", "window: 2d"),
        ("sum: amount_base", "sum: amount"),
        ("actions: [process_refund]", "actions: [process_refund, create_charge]"),
        ("actions: [process_refund]", "groups: [payments]"),
        ("per: agent", "per: role"),
        ("when: { provider: stripe }, ", ""),
        ("limit: 10", "limit: 9"),
        ("approvers: [finance]", "approvers: [owner]"),
    ] {
        assert_eq!(with_yes(&asks(changed, to)), "budget:money", "{changed} became {to}");
    }
}

#[test]
fn rules_see_the_total_with_the_call_without_asking_whether_it_is_there() {
    let rule = r#"@id("slow-down") @decision("REQUIRE_APPROVAL")
        forbid (principal, action == Action::"process_refund", resource) when { context.budgets.refunds_per_day > 45000 };"#;
    let rules = rules(REFUNDS, rule);
    assert_eq!(said(&decide(&rules, refund(45_001))), "slow-down");
    executed(&rules, refund(45_000));
    assert_eq!(said(&decide(&rules, refund(1))), "slow-down");
}

#[test]
fn a_rule_may_ask_for_budgets_of_actions_that_they_cover_and_for_no_others() {
    let wrong = |rule: &str| {
        let wrong = with(REFUNDS, rule, &Arc::default()).err().expect("it was taken");
        wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let elsewhere = r#"@id("x") forbid (principal, action == Action::"create_charge", resource)
        when { context.budgets.refunds_per_day > 1 };"#;
    assert!(wrong(elsewhere).contains("more.cedar:2:"), "{}", wrong(elsewhere));
    let hidden = r#"@id("x") forbid (principal, action == Action::"process_refund", resource)
        when { context has budgets && context.budgets has refunds_per_day && context.budgets.refunds_per_day > 1 };"#;
    assert!(
        wrong(hidden).contains("`budgets` is required of `process_refund`"),
        "{}",
        wrong(hidden)
    );
}

#[test]
fn a_call_that_leaves_out_what_a_budget_sums_is_held() {
    let payments = "budgets:
  money: { window: 1d, sum: amount_base, groups: [payments], per: agent, limit: 100000 }
";
    let rules = rules(payments, "");
    let full = action("process_refund", &[]);
    assert_eq!(said(&decide(&rules, full)), "incomplete_action");
    // Its amount need not be told, but for the budget.
    let cancel = action("update_subscription", &[]);
    let Decision::RequireApproval(hold) = decide(&rules, cancel.clone()) else {
        panic!("not held")
    };
    assert_eq!(hold.action.wanted(rules.vocabulary()), [&Arc::from("amount")]);
    let consent = evidence(&hold.rules, &[("amount", Value::Int(2_000))]);
    let Decision::Allow(permit) = rules.decide(call(), cancel.clone(), Some(&consent), NOON) else {
        panic!("not allowed")
    };
    settle(&permit, Outcome::Success, None);
    assert_eq!(
        used(&rules),
        [("support-bot".to_owned(), 2_000)],
        "what was stated counts"
    );
    // A currency without a rate is as good as none.
    let yen = action(
        "update_subscription",
        &[("amount", Value::Int(5)), ("currency", Value::Text("jpy".to_owned()))],
    );
    assert_eq!(said(&decide(&rules, yen)), "incomplete_action");
    // Where no budget asks, it goes.
    assert_eq!(said(&decide(&self::rules(REFUNDS, ""), cancel)), "ALLOW");
}

#[test]
fn a_negative_amount_makes_no_room() {
    let budget = REFUNDS.replace("process_refund", "update_subscription");
    let rules = rules(&budget, "");
    let change = |amount| action("update_subscription", &[("amount", Value::Int(amount))]);
    executed(&rules, change(90_000));
    executed(&rules, change(-80_000));
    assert_eq!(used(&rules), [("support-bot".to_owned(), 90_000)]);
    assert_eq!(
        said(&decide(&rules, change(10_001))),
        "budget_exceeded budget:refunds_per_day"
    );
}

#[test]
fn each_meaning_of_a_call_counts() {
    let rules = rules(REFUNDS, "");
    let mut twice = refund(30_000);
    twice.also = vec![refund(20_000), action("read_balance", &[])];
    executed(&rules, twice.clone());
    assert_eq!(used(&rules), [("support-bot".to_owned(), 50_000)]);
    twice.also[0] = refund(20_001);
    twice.also.push(refund(1));
    assert_eq!(said(&decide(&rules, twice)), "budget_exceeded budget:refunds_per_day");
}

#[test]
fn budgets_count_per_role_target_group_and_sidecar() {
    let per = |per: &str| format!("budgets:\n  b: {{ window: 1h, groups: [payments], per: {per} }}\n");
    let scopes = |per_whom: &str| {
        let rules = rules(&per(per_whom), "");
        executed(&rules, refund(1));
        executed(&rules, action("read_balance", &[]));
        used(&rules)
    };
    let one = |scope: &str| vec![(scope.to_owned(), 2)];
    assert_eq!(scopes("role"), one("support"));
    assert_eq!(scopes("target"), one("stripe/charge/ch_1"));
    assert_eq!(scopes("group"), one("payments"));
    assert_eq!(scopes("sidecar"), one("sidecar"));
}

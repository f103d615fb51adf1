//! Clocks, reloads, costs, and the files themselves.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::budget::{Past, Steady};

/// Rules whose ledger goes by a clock of the test's.
fn with_clock(budgets: &str) -> (Rules, Arc<AtomicI64>) {
    let clock = Arc::new(AtomicI64::new(NOON.0));
    let shown = clock.clone();
    let steady: Steady = Box::new(move || Timestamp(shown.load(Ordering::Relaxed)));
    let memory = Arc::new(Memory::new(Some(steady)));
    (with(budgets, "", &memory).unwrap(), clock)
}

#[test]
fn a_step_of_the_wall_clock_frees_nothing() {
    let (rules, steady) = with_clock(REFUNDS);
    executed(&rules, refund(50_000));
    executed(&rules, refund(50_000));
    for wall in [NOON.0 - 400 * DAY, NOON.0 + 400 * DAY, NOON.0] {
        let decision = rules.decide(call(), refund(1), None, Timestamp(wall));
        assert_eq!(said(&decision), "budget_exceeded budget:refunds_per_day", "{wall}");
    }
    steady.fetch_add(DAY - 1, Ordering::Relaxed);
    assert_eq!(
        said(&decide(&rules, refund(1))),
        "budget_exceeded budget:refunds_per_day"
    );
    steady.fetch_add(DAY / 60 + 1, Ordering::Relaxed);
    assert_eq!(
        said(&decide(&rules, refund(50_000))),
        "ALLOW",
        "a day and a bucket later it is forgotten"
    );
}

#[test]
fn a_reload_keeps_what_was_used_unless_the_budget_counts_something_else_now() {
    let memory = Arc::default();
    let rules = |budgets: &str| with(budgets, "", &memory).unwrap();
    let first = rules(REFUNDS);
    executed(&first, refund(40_000));
    let under_way = allowed(&first, refund(30_000));
    let raised = rules(&REFUNDS.replace("limit: 100000", "limit: 110000"));
    assert_eq!(used(&raised), [("support-bot".to_owned(), 70_000)]);
    drop(first);
    settle(&under_way, Outcome::Failure, Some(402));
    assert_eq!(
        used(&raised),
        [("support-bot".to_owned(), 40_000)],
        "old and new rules have the same books"
    );
    let hourly = rules(&REFUNDS.replace("1d", "1h"));
    assert_eq!(used(&hourly), [], "another window: the record has to be asked");
}

#[test]
fn a_budget_that_comes_back_is_read_from_the_record_again() {
    let memory = Arc::default();
    let load = |budgets: &str| with(budgets, "", &memory).unwrap();
    let is_known = |rules: &Rules| Past::new(&rules.budgets, &rules.memory.budgets, NOON).is_none();
    let recalled = |rules: Rules| {
        if let Some(past) = Past::new(&rules.budgets, &rules.memory.budgets, NOON) {
            past.end().unwrap();
        }
        rules
    };
    let gate = Gate::new(recalled(load(REFUNDS)));
    // A held call keeps the rules that it was held by.
    let of_a_held_call = gate.rules();
    executed(&of_a_held_call, refund(50_000));
    let raised = load(&REFUNDS.replace("limit: 100000", "limit: 110000"));
    assert!(is_known(&raised));
    gate.replace(raised);
    assert_eq!(used(&gate.rules()), [("support-bot".to_owned(), 50_000)]);
    gate.replace(load("budgets: {}\n"));
    executed_uncounted(&gate.rules());
    let back = load(REFUNDS);
    assert!(!is_known(&back), "what was allowed in between is not in its windows");
    assert_eq!(used(&back), [], "and what was before is read with it");
    let back = recalled(back);
    assert!(is_known(&load(REFUNDS)), "once");
    gate.replace(back);
    // Calls of the rules of before are judged by their own books, and count in those in force.
    executed(&of_a_held_call, refund(1));
    assert_eq!(used(&gate.rules()), [("support-bot".to_owned(), 1)]);
}

/// Allowed where no budget counts it.
fn executed_uncounted(rules: &Rules) {
    assert!(allowed(rules, refund(50_000)).spending().reservation.is_none());
}

#[test]
fn the_cost_of_machines_is_told_summed_and_asked_for_only_where_somebody_asks() {
    let start = |kind: &str, count| Action {
        provider: "aws".into(),
        ..action(
            "provision_instance",
            &[
                ("instance_count", Value::Int(count)),
                ("instance_type", Value::Text(kind.to_owned())),
            ],
        )
    };
    let priced = r#"@id("dear") @decision("REQUIRE_APPROVAL")
        forbid (principal, action == Action::"provision_instance", resource)
        when { context has estimated_monthly_cost && context.estimated_monthly_cost > 50000 };"#;
    let budget = "budgets:\n  machines: { window: 30d, sum: estimated_monthly_cost, actions: [provision_instance], per: sidecar, limit: 100000 }\n";
    let nobody = rules("budgets: {}\n", "");
    assert_eq!(
        said(&decide(&nobody, start("t99.unheard-of", 3))),
        "ALLOW",
        "nobody asks what it costs"
    );
    let permit = allowed(&nobody, start("m5.large", 2));
    assert_eq!(permit.action().int("estimated_monthly_cost"), Some(14_016));
    assert!(
        permit.action().summary.ends_with(" (about $140.16 a month)"),
        "{}",
        permit.action().summary
    );
    let by_rule = rules("budgets: {}\n", priced);
    assert_eq!(said(&decide(&by_rule, start("m5.large", 2))), "ALLOW");
    assert_eq!(said(&decide(&by_rule, start("m5.large", 8))), "dear");
    let by_budget = rules(budget, "");
    executed(&by_budget, start("m5.large", 9));
    assert_eq!(used(&by_budget), [("sidecar".to_owned(), 63_072)]);
    assert_eq!(
        said(&decide(&by_budget, start("m5.large", 9))),
        "budget_exceeded budget:machines"
    );
    for rules in [&by_rule, &by_budget] {
        let Decision::RequireApproval(hold) = decide(rules, start("t99.unheard-of", 1)) else {
            panic!("a cost that nobody knows was let through")
        };
        assert_eq!(said(&decide(rules, start("t99.unheard-of", 1))), "incomplete_action");
        assert_eq!(
            hold.action.wanted(rules.vocabulary()),
            [&Arc::from("estimated_monthly_cost")]
        );
    }
    // What came along with the call is not believed.
    let mut lying = start("m5.24xlarge", 10);
    lying.fields.insert("estimated_monthly_cost".into(), Value::Int(1));
    assert_eq!(said(&decide(&by_rule, lying)), "dear");
}

#[test]
fn all_mistakes_of_the_file_are_told_at_once_with_their_places() {
    let text = "budgets:
  Wrong Name: { window: 1d, per: agent }
  a: { window: 1w, per: agent }
  b: { window: 1d, sum: amuont_base, per: agent }
  c: { window: 1d, sum: currency, per: agent }
  d: { window: 1d, actions: [proces_refund], groups: [payment], per: agent }
  e: { window: 1d, sum: recipient_count, actions: [process_refund], per: agent }
  f: { window: 1d, per: agent, limit: -1 }
  g: { window: 1d, per: agent, over: BLOCK }
  h: { window: 1d, per: agent, limit: 1, approvers: [finance] }
  i: { window: 1d, per: agent, limit: 1, over: REQUIRE_APPROVAL, approvers: [nobody] }
  j: { window: 1d, sum: recipient_count, groups: [payments], per: agent }
  k: { window: 1d, per: agent, when: { provider: strpe } }
";
    let wrong = with(text, "", &Arc::default()).err().expect("it was taken");
    let told: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    let all = told.join("\n");
    for (line, says) in [
        (2, "`Wrong Name` is no name"),
        (3, "expected a window"),
        (4, "unknown field `amuont_base` (did you mean `amount_base`?)"),
        (5, "`currency` is no number"),
        (6, "unknown action `proces_refund` (did you mean `process_refund`?)"),
        (6, "unknown group `payment` (did you mean `payments`?)"),
        (7, "`process_refund` has no field `recipient_count`"),
        (8, "expected a limit of 0 or more"),
        (9, "there is none"),
        (10, "`approvers` are asked only with"),
        (11, "nobody is in the group `nobody`"),
        (12, "no action of these groups"),
        (13, "no mapping is for the provider `strpe` (did you mean `stripe`?)"),
    ] {
        let found = wrong
            .iter()
            .any(|one| one.line == line && one.message.contains(says) && one.snippet.is_some());
        assert!(found, "line {line}: {says}\n{all}");
    }
    assert_eq!(wrong.len(), 13, "{all}");
}

#[test]
fn a_provider_of_a_budget_is_one_of_a_mapping_the_unknown_or_the_guards() {
    for provider in ["stripe", "aws", "unknown", "guard"] {
        let text = format!("budgets:\n  a: {{ window: 1d, per: agent, when: {{ provider: {provider} }} }}\n");
        assert!(with(&text, "", &Arc::default()).is_ok(), "{provider}");
    }
}

#[test]
fn an_environment_that_nobody_gives_is_told_of_and_no_other() {
    let doubtful = |environment: &str, targets: &str| {
        let text =
            format!("budgets:\n  a:\n    window: 1d\n    per: agent\n    when: {{ environment: {environment} }}\n");
        let rules = with_targets(targets, &text, "", &Arc::default()).unwrap_or_else(|wrong| panic!("{wrong:?}"));
        let told = rules.doubtful_budgets();
        told.iter()
            .map(|one| format!("{}: {}", one.line, one.message))
            .collect::<Vec<_>>()
    };
    let told = |name: &str, hint: &str| {
        format!("5: no label and no mapping gives the environment `{name}`: nothing counts here{hint}")
    };
    for (misspelt, meant) in [
        ("produciton", "production"),
        ("prod", "production"),
        ("dev", "development"),
        ("stage", "staging"),
        ("stating", "staging"),
    ] {
        let hint = format!(" (did you mean `{meant}`?)");
        assert_eq!(doubtful(misspelt, TARGETS), [told(misspelt, &hint)]);
    }
    assert_eq!(doubtful("eu-west", TARGETS), [told("eu-west", "")]);
    for known in ["production", "test", "staging", "sandbox", "development", "unknown"] {
        assert!(doubtful(known, TARGETS).is_empty(), "{known}");
    }
    let labelled = "targets:\n  - match: { provider: stripe }\n    label: { environment: stating }\n";
    assert!(doubtful("stating", labelled).is_empty());
    assert_eq!(doubtful("prod", labelled).len(), 1);
}

#[test]
fn the_budgets_that_ship_limit_reads_of_what_nobody_knows() {
    let rules = rules(include_str!("../../../../policies/budgets.yaml"), "");
    let mut read = call();
    read.method = http::Method::GET;
    let unknown = Action {
        unmapped: true,
        ..action("read_record", &[])
    };
    let ask = |action: &Action| {
        rules.decide(
            Call {
                id: CallId::random(),
                ..read.clone()
            },
            action.clone(),
            None,
            NOON,
        )
    };
    for _ in 0..600 {
        match ask(&unknown) {
            Decision::Allow(permit) => settle(&permit, Outcome::Success, None),
            other @ (Decision::Block(_) | Decision::RequireApproval(_)) => panic!("{other:?}"),
        }
    }
    assert_eq!(said(&ask(&unknown)), "budget_exceeded budget:unknown_reads_per_minute");
    assert_eq!(
        said(&ask(&action("read_record", &[]))),
        "ALLOW",
        "others are not counted"
    );
}

//! What calls on record took of budgets is taken again, by whom and when it was taken then.

use super::*;
use crate::model::observed::Would;
use crate::model::{Access, CallId, Spending, Timestamp};

const TWO: &str = "budgets:\n  two: { window: 1d, per: sidecar, limit: 2 }\n";

/// A house with these budgets, and a call that its rules allow.
fn with_budget(budgets: &str) -> (House, &'static Judged) {
    let mut house = house();
    let judged = samples()
        .iter()
        .find(|judged| judged.verdict.as_str() == "ALLOW")
        .unwrap();
    house.rules = rules(&house, budgets);
    (house, judged)
}

fn rules(house: &House, budgets: &str) -> Rules {
    let policies = house.home.policies();
    std::fs::create_dir_all(&policies).unwrap();
    std::fs::write(policies.join("budgets.yaml"), budgets).unwrap();
    app::load_rules(&house.home, None, config()).unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

fn by(judged: &Judged, agent: &str) -> Call {
    let mut call = judged.call.clone();
    (call.id, call.caller.agent) = (CallId::random(), agent.into());
    call
}

fn ruling(spending: Option<&Spending>) -> Ruling<'_> {
    Ruling {
        decision: "ALLOW",
        reason: None,
        rules: &[],
        approval: None,
        spending,
        would: None,
        trial: None,
    }
}

async fn decided(house: &House, judged: &Judged, call: &Call, ruling: &Ruling<'_>) {
    let changes = audit::decided(call, &judged.action, ruling, &Digests::default());
    house.store.write(changes).await.unwrap();
}

async fn ended(house: &House, call: &Call, outcome: Outcome, status: u16) {
    let end = CallClosed {
        call: call.id.clone(),
        time: Timestamp::now(),
        outcome,
        reason: None,
        // 0: no answer came.
        status: (status != 0).then_some(status),
        result_id: None,
        carried: None,
    };
    house.store.write(audit::closed(&call.caller.agent, end)).await.unwrap();
}

/// How many calls would be blocked.
fn blocked(house: &House, rules: &Rules) -> u64 {
    replayed(house, rules).blocked.sum.calls
}

/// What is taken of each window.
fn used(rules: &Rules) -> Vec<i64> {
    let lines = rules.budget_lines(Timestamp::now()).into_iter();
    lines.map(|line| line.used).filter(|used| *used > 0).collect()
}

#[tokio::test]
async fn what_the_provider_refused_gives_back_what_it_took() {
    let (house, judged) = with_budget(TWO);
    for status in [402, 402, 200, 200] {
        let call = by(judged, "support-bot");
        decided(&house, judged, &call, &ruling(None)).await;
        let outcome = if status == 200 {
            Outcome::Success
        } else {
            Outcome::Failure
        };
        ended(&house, &call, outcome, status).await;
    }
    assert_eq!(replayed(&house, &house.rules).changed(), 0);
    decided(&house, judged, &by(judged, "support-bot"), &ruling(None)).await;
    assert_eq!(blocked(&house, &rules(&house, TWO)), 1, "the third that was done");
}

/// What is told of one agent's calls.
fn of_agent(house: &House, rules: &Rules, period: audit::Period) -> Report {
    let mut report = Report::new(period.clone(), None);
    let reader = house.store.reader().unwrap();
    rules.replay(&reader, &period, |replayed| report.add(replayed)).unwrap();
    report
}

#[tokio::test]
async fn agents_that_are_not_told_of_take_their_part_of_shared_budgets() {
    let (house, judged) = with_budget(TWO);
    for agent in ["other-bot", "other-bot", "support-bot"] {
        let call = by(judged, agent);
        decided(&house, judged, &call, &ruling(None)).await;
        ended(&house, &call, Outcome::Success, 200).await;
    }
    let mut of_old = judged.action.clone();
    of_old.name = "an_action_of_old".into();
    for agent in ["other-bot", "support-bot"] {
        let changes = audit::decided(&by(judged, agent), &of_old, &ruling(None), &Digests::default());
        house.store.write(changes).await.unwrap();
    }
    let period = audit::Period {
        agent: Some("support-bot".to_owned()),
        ..everything()
    };
    let report = of_agent(&house, &house.rules, period);
    assert_eq!((report.calls, report.blocked.sum.calls), (1, 1), "{report:?}");
    assert_eq!(report.lost, [(Unreplayable::Vocabulary, 1)].into());
}

#[tokio::test]
async fn what_was_only_observed_takes_whatever_rules_say_of_it() {
    let (house, judged) = with_budget(TWO);
    for number in 0..4 {
        let call = by(judged, "support-bot");
        let would = Would {
            decision: "BLOCK",
            reason: Some(Reason::BudgetExceeded),
        };
        let ruling = Ruling {
            would: (number > 1).then_some(would),
            ..ruling(None)
        };
        decided(&house, judged, &call, &ruling).await;
        ended(&house, &call, Outcome::Success, 200).await;
    }
    // Room for three, so that the third is allowed; the fourth finds three taken.
    assert_eq!(replayed(&house, &house.rules).changed(), 0);
    let three = rules(&house, &TWO.replace("limit: 2", "limit: 3"));
    let report = replayed(&house, &three);
    assert_eq!((report.allowed.sum.calls, report.changed()), (1, 1), "{report:?}");
    let stopped = "@id(\"none\") forbid (principal, action, resource);";
    std::fs::write(house.home.policies().join("house.cedar"), stopped).unwrap();
    let none = rules(&house, TWO);
    assert_eq!(blocked(&house, &none), 2, "those that were allowed");
    assert_eq!(used(&none), [2], "by the two that left all the same");
}

#[tokio::test]
async fn calls_before_the_period_fill_budgets_and_are_not_told() {
    let (house, judged) = with_budget(TWO);
    for _ in 0..3 {
        decided(&house, judged, &by(judged, "support-bot"), &ruling(None)).await;
    }
    // When the first was decided cannot be read any more.
    let database = rusqlite::Connection::open(house.home.database()).unwrap();
    let unread = "DROP TRIGGER entries_stay; UPDATE entries SET bytes = CAST('{\"v\":1}' AS BLOB) WHERE seq = 1;";
    database.execute_batch(unread).unwrap();
    let third = "SELECT time FROM entries WHERE seq = 3";
    let third: i64 = database.query_row(third, [], |row| row.get(0)).unwrap();
    let since = std::iter::repeat_with(Timestamp::now)
        .find(|now| now.0 > third)
        .unwrap();
    decided(&house, judged, &by(judged, "support-bot"), &ruling(None)).await;
    let period = audit::Period { since, ..everything() };
    let report = of_agent(&house, &house.rules, period);
    assert_eq!((report.calls, report.blocked.sum.calls), (1, 1), "{report:?}");
    assert!(report.lost.is_empty(), "{report:?}");
}

#[tokio::test]
async fn the_same_request_again_counts_once_unless_the_first_counts_for_nothing() {
    let (house, judged) = with_budget(TWO);
    let first = by(judged, "support-bot");
    let again = Spending {
        repeats: Some(first.id.clone()),
        ..Spending::default()
    };
    for (call, spending) in [(&first, None), (&by(judged, "support-bot"), Some(&again))] {
        decided(&house, judged, call, &ruling(spending)).await;
        ended(&house, call, Outcome::Success, 200).await;
    }
    let with_rule = |rule: &str| {
        std::fs::write(house.home.policies().join("house.cedar"), rule).unwrap();
        let rules = rules(&house, TWO);
        (blocked(&house, &rules), used(&rules))
    };
    assert_eq!(with_rule(""), (0, vec![1]));
    let asks = "@id(\"ask\") @decision(\"REQUIRE_APPROVAL\") forbid (principal, action, resource);";
    assert_eq!(with_rule(asks), (0, vec![1]), "both are held, and were sent");
    let first = "@id(\"first\") forbid (principal, action, resource) when { context.budgets.two >= 1 };";
    assert_eq!(
        with_rule(first),
        (2, vec![]),
        "the second is the first where that is blocked"
    );
    // A third, which people were asked about before it was sent.
    let third = by(judged, "support-bot");
    let held = Ruling {
        decision: "REQUIRE_APPROVAL",
        ..ruling(None)
    };
    decided(&house, judged, &third, &held).await;
    decided(&house, judged, &third, &ruling(Some(&again))).await;
    ended(&house, &third, Outcome::Success, 200).await;
    assert_eq!(with_rule(asks), (0, vec![1]));
}

#[tokio::test]
async fn what_only_a_budget_of_then_needed_is_missing_no_more() {
    let summed = "budgets:\n  sent: { window: 1d, sum: recipient_count, actions: [post_message], per: agent }\n";
    let (house, judged) = with_budget(summed);
    let post = Action {
        name: "post_message".into(),
        fields: [].into(),
        missing: Vec::new(),
        access: Access::Write,
        also: Vec::new(),
        ..judged.action.clone()
    };
    let call = by(judged, "support-bot");
    let then = house.rules.complete(post, &call.facts().host);
    assert!(then.lacks("recipient_count"));
    let was = house.rules.review(&call.facts(), &then, None, Timestamp::now());
    house.store.write(recorded(&call, &then, &was)).await.unwrap();
    assert_eq!(replayed(&house, &house.rules).changed(), 0);
    let counts = rules(&house, TWO);
    let report = replayed(&house, &counts);
    assert_eq!((report.allowed.sum.calls, report.changed()), (1, 1), "{report:?}");
}

/// Held, approved, and ended so.
async fn approved(house: &House, judged: &Judged, call: &Call, sent: &Action, (outcome, status): (Outcome, u16)) {
    let held = Ruling {
        decision: "REQUIRE_APPROVAL",
        ..ruling(None)
    };
    decided(house, judged, call, &held).await;
    let changes = audit::decided(call, sent, &ruling(None), &Digests::default());
    house.store.write(changes).await.unwrap();
    ended(house, call, outcome, status).await;
}

const ASK: &str = "@id(\"ask\") @decision(\"REQUIRE_APPROVAL\") forbid (principal, action, resource);";

#[tokio::test]
async fn a_call_that_was_approved_counts_unless_it_failed_for_certain() {
    let ends = [
        (Outcome::Success, 200, 1),
        (Outcome::Error, 0, 1),
        (Outcome::Abandoned, 200, 1),
        (Outcome::Unknown, 0, 1),
        (Outcome::Failure, 500, 1),
        (Outcome::Failure, 409, 1),
        (Outcome::Failure, 402, 0),
        (Outcome::NotSent, 0, 0),
    ];
    let each = "budgets:\n  each: { window: 1d, per: agent, limit: 2 }\n";
    let (house, judged) = with_budget(each);
    std::fs::write(house.home.policies().join("house.cedar"), ASK).unwrap();
    let calls: Vec<Call> = (0..ends.len())
        .map(|number| by(judged, &format!("bot-{number}")))
        .collect();
    for (call, (outcome, status, _)) in calls.iter().zip(ends) {
        approved(&house, judged, call, &judged.action, (outcome, status)).await;
    }
    let used = || {
        let rules = rules(&house, each);
        let changed = replayed(&house, &rules).changed();
        let lines = rules.budget_lines(Timestamp::now()).into_iter();
        let of_agents: std::collections::BTreeMap<String, i64> =
            lines.map(|line| (line.scope.to_string(), line.used)).collect();
        let used = (0..ends.len()).map(|number| of_agents.get(&format!("bot-{number}")).copied().unwrap_or(0));
        (used.collect::<Vec<i64>>(), changed)
    };
    assert_eq!(used(), (ends.map(|(.., counts)| counts).to_vec(), 0));
    // The same request again counts once in all, with the first or in its place.
    for call in &calls {
        let again = Spending {
            repeats: Some(call.id.clone()),
            ..Spending::default()
        };
        let second = by(judged, &call.caller.agent);
        decided(&house, judged, &second, &ruling(Some(&again))).await;
        ended(&house, &second, Outcome::Success, 200).await;
    }
    assert_eq!(used().0, [1; 8]);
}

#[tokio::test]
async fn what_people_stated_counts() {
    const MONEY: &str =
        "budgets:\n  money: { window: 1d, sum: amount_base, actions: [process_refund], per: agent, limit: 60000 }\n";
    let (house, judged) = with_budget(MONEY);
    let refund = |amount: Option<i64>| Action {
        name: "process_refund".into(),
        fields: amount
            .into_iter()
            .flat_map(|amount| [("amount", amount), ("amount_base", amount)])
            .map(|(name, amount)| (name.into(), crate::model::Value::Int(amount)))
            .collect(),
        missing: Vec::new(),
        access: Access::Write,
        also: Vec::new(),
        ..judged.action.clone()
    };
    let call = by(judged, "support-bot");
    let unstated = Action {
        missing: vec![crate::model::Missing {
            field: "amount".into(),
            why: crate::model::Why::Absent,
        }],
        ..refund(None)
    };
    let as_called = Judged {
        call: call.clone(),
        action: house.rules.complete(unstated, &call.facts().host),
        verdict: Verdict::RequireApproval { rules: Vec::new() },
        took: judged.took,
    };
    assert!(as_called.action.lacks("amount"));
    let stated = house.rules.complete(refund(Some(51_200)), &call.facts().host);
    approved(&house, &as_called, &call, &stated, (Outcome::Success, 200)).await;
    let other = by(&as_called, "support-bot");
    let over = Judged {
        action: house.rules.complete(refund(Some(10_000)), &call.facts().host),
        ..as_called
    };
    let blocked = Ruling {
        decision: "BLOCK",
        reason: Some(Reason::BudgetExceeded),
        ..ruling(None)
    };
    decided(&house, &over, &other, &blocked).await;
    let rules = rules(&house, MONEY);
    let report = replayed(&house, &rules);
    assert_eq!((used(&rules), report.changed()), (vec![51_200], 0), "{report:?}");
}

#[tokio::test]
async fn a_request_whose_first_call_cannot_be_read_counts_with_the_next() {
    let (house, judged) = with_budget(TWO);
    let first = by(judged, "support-bot");
    decided(&house, judged, &first, &ruling(None)).await;
    ended(&house, &first, Outcome::Success, 200).await;
    let database = rusqlite::Connection::open(house.home.database()).unwrap();
    database.execute("DELETE FROM entry_values", []).unwrap();
    let again = Spending {
        repeats: Some(first.id.clone()),
        ..Spending::default()
    };
    for _ in 0..2 {
        let call = by(judged, "support-bot");
        decided(&house, judged, &call, &ruling(Some(&again))).await;
        ended(&house, &call, Outcome::Success, 200).await;
    }
    let report = replayed(&house, &house.rules);
    assert_eq!(report.lost, [(Unreplayable::Erased, 1)].into());
    assert_eq!(used(&house.rules), [1], "once");
}

use super::*;
use crate::model::risk::{Basis, Risk};
use crate::model::time::Zone;
use crate::risk::tests::{action, vocabulary};
use crate::risk::{Settings, Subject, assess};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60;

fn at(minute: i64) -> Timestamp {
    Timestamp(1_795_176_000_000 + minute * MINUTE)
}

fn refund(cents: i64) -> Action {
    action("process_refund", "live", &[("amount", cents), ("amount_base", cents)])
}

fn deed(agent: &str, host: &str, action: &Action) -> Deed {
    Deed::of(&agent.into(), host, action)
}

/// One executed call of the agent, as the proxy tells of it.
fn executed(history: &History, agent: &str, action: &Action, minute: i64) {
    let deed = deed(agent, "api.stripe.com", action);
    history.leaves(&deed, at(minute));
    history.learn(&deed, at(minute));
}

fn score(history: &History, agent: &str, action: &Action, minute: i64) -> Risk {
    let time = Zone::default().at(at(minute));
    let subject = Subject {
        action,
        vocabulary: vocabulary(),
        time: &time,
    };
    let habits = |meaning: &Action| history.habits(agent, "api.stripe.com", meaning, at(minute));
    *assess(&Settings::default(), &subject, |_| None, habits).unwrap()
}

fn size(risk: &Risk) -> Option<(i64, i64, i64)> {
    risk.factors.iter().find_map(|factor| {
        let Basis::Size { mean, sd, n, .. } = factor.basis else {
            return None;
        };
        Some((mean, sd, n))
    })
}

fn x(risk: &Risk, name: &str) -> i64 {
    let factor = risk.factors.iter().find(|factor| factor.basis.name() == name);
    factor.map_or(0, |factor| factor.x)
}

/// An agent that refunds about 20 once every ten minutes.
fn usual_agent(calls: i64) -> History {
    let history = History::default();
    for call in 0..calls {
        executed(&history, "a", &refund(1_600 + 100 * (call % 9)), call * 10 - calls * 10);
    }
    history
}

#[test]
fn an_agent_is_held_against_what_it_did_before() {
    let history = usual_agent(60);
    let usual = score(&history, "a", &refund(2_000), 0);
    assert!(usual.has_baseline());
    assert_eq!((x(&usual, "size"), x(&usual, "rate"), x(&usual, "novelty")), (0, 0, 0));
    let (mean, sd, n) = size(&usual).unwrap();
    assert_eq!(n, 60);
    assert!((7_500_000..7_700_000).contains(&mean) && sd < 250_000, "{mean} {sd}");
    assert_eq!(x(&score(&history, "a", &refund(90_000), 0), "size"), 10_000);
    // Smaller than usual is nothing to fear.
    assert_eq!(x(&score(&history, "a", &refund(1), 0), "size"), 0);
}

#[test]
fn there_is_no_baseline_before_30_calls() {
    let history = usual_agent(29);
    let cold = score(&history, "a", &refund(90_000), 0);
    assert_eq!((x(&cold, "size"), cold.has_baseline()), (0, false));
    assert!(cold.in_one_line().ends_with("; no baseline yet"));
    executed(&history, "a", &refund(2_000), 0);
    assert_eq!(x(&score(&history, "a", &refund(90_000), 1), "size"), 10_000);
}

#[test]
fn an_agent_without_habits_is_held_against_everybodys() {
    let history = usual_agent(60);
    let stranger = score(&history, "b", &refund(90_000), 0);
    assert_eq!(x(&stranger, "size"), 10_000);
    let everybody = |factor: &crate::model::risk::Factor| {
        matches!(
            factor.basis,
            Basis::Size {
                by: Whose::Everybody,
                n: 60,
                ..
            }
        )
    };
    assert!(stranger.factors.iter().any(everybody));
    // Nothing is known of what the stranger does, so nothing is new to it.
    assert_eq!(x(&stranger, "novelty"), 0);
}

#[test]
fn more_than_usual_within_five_minutes_is_noticed_while_it_happens() {
    let history = usual_agent(60);
    let mut last = 0;
    for calls in 1..=12 {
        let now = x(&score(&history, "a", &refund(2_000), 20), "rate");
        assert!(now >= last, "{calls} calls");
        last = now;
        history.leaves(&deed("a", "api.stripe.com", &refund(2_000)), at(20));
    }
    assert_eq!(last, 10_000);
    assert_eq!(
        x(&score(&history, "a", &refund(2_000), 25), "rate"),
        0,
        "five minutes later"
    );
}

#[test]
fn something_new_counts_the_more_the_more_is_known() {
    let history = usual_agent(60);
    let deletion = action("delete_record", "live", &[]);
    assert_eq!(x(&score(&history, "a", &deletion, 0), "novelty"), 10_000);
    executed(&history, "a", &deletion, 0);
    assert_eq!(x(&score(&history, "a", &deletion, 1), "novelty"), 0);
    let elsewhere = history.habits("a", "api.example.com", &refund(1), at(1));
    assert_eq!(elsewhere.novelty[1], Some((New::Host, 61, 0)));
    // Of 61 things the agent did one once.
    let other = history.habits("a", "api.stripe.com", &action("send_sms", "live", &[]), at(1));
    assert_eq!(other.novelty[0], Some((New::Action, 61, 1)));
}

#[test]
fn only_what_was_executed_is_learnt() {
    let history = History::default();
    for minute in 0..100 {
        history.leaves(&deed("a", "api.stripe.com", &refund(90_000)), at(minute));
    }
    let risk = score(&history, "a", &refund(90_000), 200);
    assert_eq!((size(&risk), x(&risk, "rate")), (None, 0));
}

/// Slow poisoning: 5 % more with each call, as fast as it can, for a day.
#[test]
fn an_agent_that_creeps_up_does_not_move_its_baseline() {
    let history = usual_agent(300);
    let (before, spread, _) = size(&score(&history, "a", &refund(2_000), 0)).unwrap();
    let mut cents = 2_000.0_f64;
    let mut noticed = None;
    for minute in 0..DAY {
        // Ten calls a minute: one of them is learnt.
        for _ in 0..10 {
            cents = (cents * 1.05).min(1e14);
            let refund = refund(cents as i64);
            if noticed.is_none() && x(&score(&history, "a", &refund, minute), "size") == 10_000 {
                noticed = Some(cents);
            }
            executed(&history, "a", &refund, minute);
        }
    }
    let risk = score(&history, "a", &refund(cents as i64), DAY);
    let (after, wider, _) = size(&risk).unwrap();
    // Half as much again, and a deviation a quarter wider than the least that counts; the day may fall into two.
    assert!(after - before <= 2 * 405_465, "{before} {after}");
    assert!(wider <= spread.max(250_000) * 25 / 16, "{spread} {wider}");
    assert_eq!(x(&risk, "size"), 10_000, "and it stands out at the end");
    assert!(
        noticed.is_some_and(|cents| cents < 60_000.0),
        "and long before: {noticed:?}"
    );
    assert_eq!(x(&risk, "rate"), 10_000);
}

#[test]
fn new_things_are_learnt_one_a_minute() {
    let history = usual_agent(60);
    for number in 0..100 {
        let deed = deed("a", &format!("{number}.example.com"), &refund(2_000));
        history.learn(&deed, at(0));
    }
    let novelty = history.habits("a", "other.example.com", &refund(1), at(1)).novelty[1];
    assert_eq!(novelty, Some((New::Host, 61, 1)));
}

#[test]
fn what_is_forgotten_is_new_again() {
    let history = usual_agent(60);
    for minute in 0..600 {
        let deed = deed("a", &format!("{minute}.example.com"), &refund(2_000));
        history.learn(&deed, at(minute));
    }
    let known = |host: &str| history.habits("a", host, &refund(1), at(600)).novelty[1];
    assert_eq!(known("599.example.com"), None);
    assert_eq!(known("api.stripe.com"), Some((New::Host, 660, 512)));
    // The baselines stay.
    assert!(score(&history, "a", &refund(2_000), 600).has_baseline());
}

#[test]
fn what_was_written_is_as_it_was() {
    let history = usual_agent(60);
    let rows = history.changed();
    assert_eq!(rows.len(), 2, "the agent and the action");
    assert!(history.changed().is_empty());
    history.unwritten(&rows);
    assert_eq!(history.changed().len(), 2);
    let again = History::default();
    again.recall(rows).unwrap();
    assert!(again.changed().is_empty());
    for cents in [2_000, 90_000] {
        for agent in ["a", "b"] {
            let scores = [&history, &again].map(|history| score(history, agent, &refund(cents), 3));
            assert_eq!(scores[0], scores[1]);
        }
    }
}

#[test]
fn what_cannot_be_read_is_not_taken_for_nothing() {
    let row = HabitsRow {
        of_agent: true,
        name: "a".into(),
        state: "{\"habits\":{}}".to_owned(),
    };
    assert!(
        History::default()
            .recall(vec![row])
            .unwrap_err()
            .to_string()
            .contains("`a`")
    );
}

#[test]
fn what_is_told_by_its_name_and_its_whole_arn_is_one_call() {
    let named = |id: &str| {
        let mut action = refund(2_000);
        action.target.id = Some(id.to_owned());
        action
    };
    let mut both = named("payroll");
    both.also = vec![named("arn:aws:rds:eu-west-1:123456789012:snapshot:payroll")];
    assert_eq!(deed("a", "api.stripe.com", &both).meanings.len(), 1);
    both.also.push(named("payroll"));
    assert_eq!(deed("a", "api.stripe.com", &both).meanings.len(), 2);
}

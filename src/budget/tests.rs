//! The books by themselves: what the trail brings back, and what a call costs.

use super::*;
use crate::mapping::Mappings;
use crate::model::{CallId, Outcome, Timestamp};
use crate::store::Kept;

const VOCABULARY: &str = include_str!("../../mappings/actions.yaml");
const REFUNDS: &str = "budgets:
  refunds: { window: 1h, sum: amount_base, actions: [process_refund], per: agent }
";
/// 2026-11-20, noon UTC.
const NOON: i64 = 1_795_176_000_000;
const MINUTE: i64 = 60_000;

fn budgets(ledger: &Ledger) -> Budgets {
    let source = |file: &str, text: &str| Source {
        file: file.to_owned(),
        text: text.to_owned(),
    };
    let vocabulary = Mappings::read_vocabulary(&source("actions.yaml", VOCABULARY)).unwrap();
    Budgets::load(
        &[source("budgets.yaml", REFUNDS)],
        &vocabulary,
        Known::default(),
        ledger,
    )
    .unwrap()
}

fn entry(members: serde_json::Value, amount: Option<i64>) -> Kept {
    let fields = amount.map(|amount| ("fields".to_owned(), format!("{{\"amount_base\":{amount}}}")));
    Kept {
        bytes: members.to_string().into_bytes(),
        values: fields.into_iter().collect(),
        changed: Vec::new(),
        erased: Vec::new(),
    }
}

/// An allowed refund so many minutes before noon.
fn refund(call: &str, before: i64, amount: i64) -> Kept {
    let members = serde_json::json!({
        "kind": "decided", "decision": "ALLOW", "call": call, "time": NOON - before * MINUTE, "agent": "bot", "roles": "a,b",
        "action": "process_refund", "access": "write", "environment": "unknown", "provider": "stripe", "unmapped": 0,
    });
    entry(members, Some(amount))
}

fn repeat(call: &str, of: &str, before: i64, amount: i64) -> Kept {
    let mut kept = refund(call, before, amount);
    let mut members: serde_json::Value = serde_json::from_slice(&kept.bytes).unwrap();
    members["repeats"] = of.into();
    kept.bytes = members.to_string().into_bytes();
    kept
}

fn outcome(call: &str, before: i64, outcome: &str, status: Option<u16>) -> Kept {
    let time = NOON - before * MINUTE;
    entry(
        serde_json::json!({"kind": "outcome", "call": call, "time": time, "outcome": outcome, "status": status}),
        None,
    )
}

/// What is used after the trail, oldest first, was read back.
fn recalled(trail: &[Kept]) -> i64 {
    try_recalled(trail).unwrap()
}

fn try_recalled(trail: &[Kept]) -> Result<i64, RecallError> {
    let ledger = Ledger::new(None);
    let budgets = budgets(&ledger);
    let mut past = Past::new(&budgets, &ledger, Timestamp(NOON)).unwrap();
    for kept in trail.iter().rev() {
        if !past.see(kept) {
            break;
        }
    }
    past.end()?;
    assert!(
        Past::new(&budgets, &ledger, Timestamp(NOON)).is_none(),
        "once is enough"
    );
    Ok(budgets.lines(&ledger, Timestamp(NOON), &Wording::default())[0].used)
}

#[test]
fn the_trail_brings_back_what_may_have_been_done_within_the_window() {
    let trail = [
        refund("old", 65, 1),
        refund("done", 50, 10),
        outcome("done", 50, "success", Some(200)),
        refund("refused", 40, 100),
        outcome("refused", 40, "failure", Some(402)),
        refund("not sent", 30, 1_000),
        outcome("not sent", 30, "not_sent", None),
        refund("conflict", 20, 10_000),
        outcome("conflict", 20, "failure", Some(409)),
        refund("unknown", 15, 100_000),
        outcome("unknown", 1, "unknown", None),
        refund("under way", 0, 1_000_000),
    ];
    assert_eq!(recalled(&trail), 1_110_010);
}

#[test]
fn a_refusal_of_a_host_that_nobody_knows_is_no_proof_on_record_either() {
    let changed = |kept: Kept, name: &str, value: serde_json::Value| {
        let mut members: serde_json::Value = serde_json::from_slice(&kept.bytes).unwrap();
        members[name] = value;
        Kept {
            bytes: members.to_string().into_bytes(),
            ..kept
        }
    };
    let trail = [
        changed(refund("unmapped", 9, 1), "unmapped", 1.into()),
        outcome("unmapped", 9, "failure", Some(404)),
        changed(refund("unknown", 8, 10), "provider", "unknown".into()),
        outcome("unknown", 8, "failure", Some(404)),
        changed(refund("not sent", 7, 100), "unmapped", 1.into()),
        outcome("not sent", 7, "not_sent", None),
    ];
    assert_eq!(recalled(&trail), 11);
}

#[test]
fn a_request_that_was_repeated_is_one_whichever_of_them_came_through() {
    let first_done = [
        refund("a", 9, 5),
        outcome("a", 8, "unknown", None),
        repeat("b", "a", 7, 5),
    ];
    assert_eq!(recalled(&first_done), 5);
    let second_done = [
        refund("a", 9, 5),
        repeat("b", "a", 8, 5),
        outcome("a", 7, "failure", Some(402)),
        outcome("b", 6, "success", Some(200)),
    ];
    assert_eq!(recalled(&second_done), 5);
    let neither = [
        refund("a", 9, 5),
        repeat("b", "a", 8, 5),
        outcome("a", 7, "not_sent", None),
        outcome("b", 6, "not_sent", None),
    ];
    assert_eq!(recalled(&neither), 0);
}

#[test]
fn what_was_before_a_clock_was_set_forward_is_not_taken_for_old() {
    let gap = |before: i64, forward: i64| {
        let time = NOON - before * MINUTE;
        entry(
            serde_json::json!({"kind": "gap", "time": time, "set_forward_ms": forward * MINUTE}),
            None,
        )
    };
    // Ten minutes ago it was; the clock has said 12 hours more since.
    assert_eq!(recalled(&[refund("a", 10 + 720, 5), gap(9, 720)]), 5);
    assert_eq!(recalled(&[refund("a", 10 + 720, 5)]), 0);
    // A clock that was set back leaves entries that seem to come: they count from now on.
    assert_eq!(recalled(&[refund("a", -500, 5)]), 5);
}

#[test]
fn what_was_taken_is_not_told_from_a_trail_that_was_changed() {
    let broken = Kept {
        bytes: b"{".to_vec(),
        values: BTreeMap::new(),
        changed: Vec::new(),
        erased: Vec::new(),
    };
    let error = try_recalled(&[broken, refund("a", 9, 5)]).unwrap_err();
    assert!(matches!(error, RecallError::Unreadable), "{error}");
    for name in ["fields", "target", "also"] {
        let mut changed = refund("changed", 5, 3);
        changed.changed.push(name.to_owned());
        let error = try_recalled(&[changed.clone(), refund("a", 4, 5)]).unwrap_err();
        assert!(
            error.to_string().contains(name) && error.to_string().contains("changed"),
            "{error}"
        );
        // Before the window, nobody asks.
        assert_eq!(
            recalled(&[changed, refund("a", 4, 5)].map(|kept| before(kept, 70))[..1]),
            0
        );
    }
    let mut summary = refund("a", 9, 5);
    summary.changed.push("summary".to_owned());
    assert_eq!(recalled(&[summary]), 5, "it does not count by that");
}

/// Of what it said nothing is left but what it took.
#[test]
fn what_was_erased_counts_by_what_it_took_then() {
    let mut erased = refund("erased", 9, 0);
    let taken = |budget: &str| format!(r#"[{{"after":7,"amount":7,"before":0,"budget":"{budget}","scope":"bot"}}]"#);
    erased.erased = ["fields", "target"].map(str::to_owned).to_vec();
    erased.values = BTreeMap::from([("budgets".to_owned(), taken("refunds"))]);
    assert_eq!(recalled(&[erased.clone(), refund("a", 4, 5)]), 12);
    let refused = outcome("erased", 8, "failure", Some(402));
    assert_eq!(recalled(&[erased.clone(), refused]), 0, "given back as before");
    erased.values = BTreeMap::from([("budgets".to_owned(), taken("another"))]);
    assert_eq!(recalled(&[erased.clone()]), 0, "of another budget");
    erased.changed.push("budgets".to_owned());
    let error = try_recalled(&[erased]).unwrap_err();
    assert!(error.to_string().contains("`budgets`"), "{error}");
}

#[test]
fn what_budgets_in_force_would_count_otherwise_is_told() {
    let budgets = budgets(&Ledger::new(None));
    let said = refund("a", 9, 7);
    let left = |taken: &[(&str, &str, i64)]| {
        let taken: Vec<serde_json::Value> = taken
            .iter()
            .map(|(budget, scope, amount)| serde_json::json!({"amount": amount, "budget": budget, "scope": scope}))
            .collect();
        Kept {
            values: BTreeMap::from([("budgets".to_owned(), serde_json::json!(taken).to_string())]),
            erased: vec!["fields".to_owned()],
            ..said.clone()
        }
    };
    let done = Some((Outcome::Success, Some(200)));
    let told = |before: &Kept, after: &Kept, end| budgets.counts_otherwise((before, after), end, Timestamp(NOON));
    // The hour, a bucket more, and what clocks may differ by.
    let until = Some(("refunds".into(), Timestamp(NOON + 62 * MINUTE + 10_000)));
    assert_eq!(told(&said, &left(&[("refunds", "bot", 7)]), done), None);
    for otherwise in [
        &[][..],
        &[("another", "bot", 7)],
        &[("refunds", "bot", 6)],
        &[("refunds", "stripe/charge/ch_1", 7)],
        &[("refunds", "bot", 7), ("refunds", "bot", 1)],
    ] {
        assert_eq!(told(&said, &left(otherwise), done), until, "{otherwise:?}");
        assert_eq!(told(&said, &left(otherwise), None), until, "{otherwise:?}");
        assert_eq!(told(&said, &left(otherwise), Some((Outcome::NotSent, None))), None);
        assert_eq!(told(&said, &left(otherwise), Some((Outcome::Failure, Some(402)))), None);
    }
    let again = repeat("b", "a", 9, 7);
    let after = Kept {
        bytes: again.bytes.clone(),
        ..left(&[("refunds", "bot", 7)])
    };
    assert_eq!(told(&again, &after, done), until, "it counts where the first does not");
    // What is counted only by what is left goes on so.
    let before = left(&[("refunds", "bot", 7)]);
    assert_eq!(told(&before, &left(&[("refunds", "bot", 7)]), done), None);
    assert_eq!(told(&before, &left(&[]), done), until);
}

/// The same so many minutes earlier.
fn before(kept: Kept, minutes: i64) -> Kept {
    let mut members: serde_json::Value = serde_json::from_slice(&kept.bytes).unwrap();
    members["time"] = (members["time"].as_i64().unwrap() - minutes * MINUTE).into();
    Kept {
        bytes: members.to_string().into_bytes(),
        ..kept
    }
}

#[test]
fn a_check_costs_the_same_after_a_hundred_thousand_calls() {
    let ledger = Ledger::new(None);
    let budgets = budgets(&ledger);
    let slot = budgets.all[0].slot.clone();
    let scope: Arc<str> = "bot".into();
    for call in 0..100_000 {
        let mut account = ledger.open(Timestamp(NOON + call));
        let reservation = account.reserve(
            &CallId::random(),
            None,
            (&[(slot.clone(), scope.clone(), 1)], &[]),
            false,
        );
        drop(account);
        reservation.settle(Outcome::Success, Some(200));
    }
    // Nothing is kept of a call: one ring, of as many numbers as ever, is all that is looked at.
    assert_eq!(ledger.kept(), (1, 0, 0));
    assert_eq!(
        budgets.lines(&ledger, Timestamp(NOON + 100_000), &Wording::default())[0].used,
        100_000
    );
}

#[test]
fn requests_that_are_remembered_are_bounded_and_forgotten_after_a_day() {
    let ledger = Ledger::new(None);
    let budgets = budgets(&ledger);
    let parts = [(budgets.all[0].slot.clone(), Arc::from("bot"), 1)];
    let print = |number: u32| {
        let mut print = [0; 32];
        print[..4].copy_from_slice(&number.to_be_bytes());
        print
    };
    for number in 0..70_000 {
        let mut account = ledger.open(Timestamp(NOON));
        let reservation = account.reserve(&CallId::random(), Some(print(number)), (&parts, &[]), false);
        drop(account);
        reservation.settle(Outcome::Success, None);
    }
    assert_eq!(ledger.kept(), (1, 0, 65_536));
    let known = |number, at| ledger.open(Timestamp(at)).counted_for(&print(number)).is_some();
    assert!(known(69_999, NOON + 24 * 60 * MINUTE - 1) && !known(0, NOON));
    assert!(!known(69_999, NOON + 24 * 60 * MINUTE));
    assert_eq!(ledger.kept().2, 0);
}

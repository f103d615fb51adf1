use std::collections::{BTreeMap, HashMap};

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::audit::tests::scene::{Made, Scene, consent};
use crate::audit::{consumed, denied, expired, held};
use crate::model::change::{ApprovalRow, Denial};
use crate::model::{CallId, Change, Outcome, State, Timestamp};
use crate::store::tests::sample;

/// How a call goes.
#[derive(Clone, Copy, Debug)]
enum Course {
    Allowed(Option<Outcome>),
    Blocked,
    /// Held, and sent on the same connection.
    Sent(Outcome),
    /// Held and left, and people can still consent.
    Waiting,
    Denied,
    Expired,
    /// Held and left; came again after people consented.
    Again(Outcome),
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop::sample::select(vec![
        Outcome::Success,
        Outcome::Failure,
        Outcome::Error,
        Outcome::Unknown,
        Outcome::NotSent,
        Outcome::Abandoned,
    ])
}

fn course() -> impl Strategy<Value = Course> {
    prop_oneof![
        prop::option::of(outcome()).prop_map(Course::Allowed),
        Just(Course::Blocked),
        outcome().prop_map(Course::Sent),
        Just(Course::Waiting),
        Just(Course::Denied),
        Just(Course::Expired),
        outcome().prop_map(Course::Again),
    ]
}

fn money() -> impl Strategy<Value = Option<(i64, &'static str, Option<i64>)>> {
    let largest: i64 = 1_000_000_000_000_000;
    let currency = prop::sample::select(vec!["usd", "EUR", "jpy", ""]);
    prop::option::of((-largest..=largest, currency, prop::option::of(-largest..=largest)))
}

fn made() -> impl Strategy<Value = Made> {
    let agent = prop::sample::select(vec!["a", "b"]);
    let action = prop::sample::select(vec!["process_refund", "create_charge", "read_balance"]);
    (agent, action, money(), money(), 0..50_i64).prop_map(|(agent, action, money, also, received)| Made {
        agent,
        action,
        money,
        also,
        received,
        ..Made::default()
    })
}

fn left(made: &Made, id: &CallId, row: &ApprovalRow) -> Vec<Change> {
    let mut changes = made.decided(id, "REQUIRE_APPROVAL", Some(&row.id));
    changes.extend(held(row));
    changes.extend(made.ended(id, Outcome::NotSent));
    changes
}

fn changes(made: &Made, course: Course) -> Vec<Change> {
    let id = CallId::random();
    let row = made.asked(&id);
    let ended = |state| ApprovalRow {
        revision: 1,
        state,
        decided: Some(Timestamp(3_000)),
        denial: (state == State::Denied).then(|| Denial::new(&"bob".into(), "no")),
        ..row.clone()
    };
    match course {
        Course::Allowed(outcome) => {
            let mut changes = made.decided(&id, "ALLOW", None);
            changes.extend(outcome.into_iter().flat_map(|outcome| made.ended(&id, outcome)));
            changes
        }
        Course::Blocked => made.decided(&id, "BLOCK", None),
        Course::Sent(outcome) => {
            let (granted, consented) = consent(&row, "alice");
            let mut changes = made.decided(&id, "REQUIRE_APPROVAL", Some(&row.id));
            changes.extend(held(&row));
            changes.extend(consented);
            changes.extend(made.decided(&id, "ALLOW", Some(&row.id)));
            changes.extend(consumed(&sample::spent(&granted, &id)));
            changes.extend(made.ended(&id, outcome));
            changes
        }
        Course::Waiting => left(made, &id, &row),
        Course::Denied => [left(made, &id, &row), denied(&ended(State::Denied))].concat(),
        Course::Expired => [left(made, &id, &row), expired(&ended(State::Expired))].concat(),
        Course::Again(outcome) => {
            let second = CallId::random();
            let (granted, consented) = consent(&row, "alice");
            let mut changes = left(made, &id, &row);
            changes.extend(consented);
            changes.extend(made.decided(&second, "ALLOW", Some(&row.id)));
            changes.extend(consumed(&sample::spent(&granted, &second)));
            changes.extend(made.ended(&second, outcome));
            changes
        }
    }
}

type Sums = BTreeMap<String, (u64, i128)>;

fn add(sums: &mut Sums, name: String, amount: i128) {
    let sum = sums.entry(name).or_default();
    *sum = (sum.0 + 1, sum.1 + amount);
}

/// The same figures, straight from entries and values, without any table of calls or approvals.
fn folded(scene: &Scene) -> Sums {
    let reader = scene.reader();
    let entries = reader.written(1, i64::MAX, &[], u32::MAX).unwrap();
    let mut calls: HashMap<String, (Json, Json, Option<String>)> = HashMap::new();
    let mut approvals: HashMap<String, &'static str> = HashMap::new();
    for entry in &entries {
        let members: Json = serde_json::from_slice(&entry.bytes).unwrap();
        let text = |name: &str| members[name].as_str().map(str::to_owned);
        match &*entry.kind {
            "decided" => {
                let values = serde_json::from_str(entry.committed.as_deref().unwrap()).unwrap();
                calls.insert(text("call").unwrap(), (members, values, None));
            }
            "outcome" => calls.get_mut(&text("call").unwrap()).unwrap().2 = text("outcome"),
            "held" => drop(approvals.insert(text("approval").unwrap(), "open")),
            "consumed" => drop(approvals.insert(text("approval").unwrap(), "spent")),
            "denied" | "expired" => drop(approvals.insert(text("approval").unwrap(), "no")),
            _ => {}
        }
    }
    let mut sums = Sums::new();
    for (decided, values, outcome) in calls.values() {
        let decision = decided["decision"].as_str().unwrap();
        let approval = decided["approval"].as_str();
        let verdict = match (decision, approval) {
            ("ALLOW", None) => "allowed",
            ("ALLOW", Some(_)) => "approved",
            ("BLOCK", _) => "blocked",
            _ => "held",
        };
        let standing = match (decision, outcome.as_deref()) {
            ("BLOCK", _) => "stopped",
            ("ALLOW", Some("success")) => "done",
            ("ALLOW", Some("failure" | "not_sent")) => "failed",
            ("ALLOW", _) => "doubtful",
            _ => match approvals[approval.unwrap()] {
                "open" => "waiting",
                "spent" => "again",
                _ => "stopped",
            },
        };
        add(&mut sums, "all".to_owned(), 0);
        add(&mut sums, format!("decided {verdict}"), 0);
        add(&mut sums, format!("stood {standing}"), 0);
        add(&mut sums, format!("action {}", decided["action"].as_str().unwrap()), 0);
        add(&mut sums, format!("agent {}", decided["agent"].as_str().unwrap()), 0);
        let also = values["also"]["value"].as_array().cloned().unwrap_or_default();
        let fields = std::iter::once(&values["fields"]["value"]).chain(also.iter().map(|also| &also["fields"]));
        let mut money: BTreeMap<String, i128> = BTreeMap::new();
        for fields in fields {
            let currency = fields["currency"].as_str().unwrap_or_default().to_ascii_lowercase();
            if let Some(amount) = fields["amount"].as_i64() {
                *money.entry(format!("money {currency} {standing}")).or_default() += i128::from(amount);
            }
            if let Some(amount) = fields["amount_base"].as_i64() {
                *money.entry(format!("base {standing}")).or_default() += i128::from(amount);
            }
        }
        money
            .into_iter()
            .for_each(|(name, amount)| add(&mut sums, name, amount));
    }
    sums
}

fn told(figures: &Figures) -> Sums {
    let whole = &figures.whole;
    let mut sums = Sums::from([("all".to_owned(), (whole.all.calls, 0))]);
    for (verdict, count) in &whole.verdicts {
        sums.insert(format!("decided {}", verdict.as_str()), (count.calls, 0));
    }
    for (standing, count) in &whole.standings {
        sums.insert(format!("stood {}", standing.as_str()), (count.calls, 0));
    }
    for (name, tally) in &figures.actions {
        sums.insert(format!("action {name}"), (tally.all.calls, 0));
    }
    for (name, tally) in &figures.agents {
        sums.insert(format!("agent {name}"), (tally.all.calls, 0));
    }
    for (currency, of) in &whole.money {
        for (standing, sum) in of {
            let name = format!("money {currency} {}", standing.as_str());
            sums.insert(name, (sum.count.calls, sum.amount));
        }
    }
    for (standing, sum) in &whole.base {
        sums.insert(format!("base {}", standing.as_str()), (sum.count.calls, sum.amount));
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn figures_are_those_of_a_plain_fold_over_entries(courses in vec((made(), course()), 1..40)) {
        let scene = Scene::new();
        scene.write(courses.iter().flat_map(|(made, course)| changes(made, *course)).collect());
        let figures = Figures::of(&scene.reader(), &Choice::default()).unwrap();
        prop_assert_eq!(told(&figures), folded(&scene));
        let whole = &figures.whole;
        let calls = |counts: Vec<&Count>| counts.iter().map(|count| count.calls).sum::<u64>();
        prop_assert_eq!(calls(whole.verdicts.values().collect()), whole.all.calls, "each decided once");
        prop_assert_eq!(calls(whole.standings.values().collect()), whole.all.calls, "each stands once");
        for parts in [&figures.actions, &figures.agents] {
            prop_assert_eq!(parts.values().map(|tally| tally.all.calls).sum::<u64>(), whole.all.calls);
        }
        prop_assert!(whole.unread.calls == 0 && whole.all.listed.len() <= LISTED);
    }
}

#[test]
fn a_call_whose_values_were_erased_is_counted_and_told() {
    let scene = Scene::new();
    scene.call(&Made::default(), "ALLOW", Some(Outcome::Success));
    scene.call(&Made::default(), "ALLOW", Some(Outcome::Success));
    let path = scene.home.path().join(crate::store::FILE);
    crate::store::tests::erase(&path, 1);
    let figures = Figures::of(&scene.reader(), &Choice::default()).unwrap();
    let whole = figures.whole;
    assert_eq!((whole.all.calls, whole.unread.calls), (2, 1));
    assert_eq!(whole.money["usd"][&Standing::Done].amount, 90_000);
}

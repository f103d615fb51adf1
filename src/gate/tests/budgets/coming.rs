//! Budgets that come into force while calls go on, and what the record brings into them.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::audit::{self, Digests, Ruling};
use crate::model::change::CallClosed;
use crate::store::Store;

const NONE: &str = "budgets: {}\n";

/// A record of its own, and rules that share one memory.
struct House {
    _directory: tempfile::TempDir,
    store: Store,
    memory: Arc<Memory>,
}

impl House {
    fn new() -> House {
        let directory = tempfile::tempdir().unwrap();
        House {
            store: Store::open(&directory.path().join("state/runplane.db")).unwrap(),
            _directory: directory,
            memory: Arc::default(),
        }
    }

    fn rules(&self, budgets: &str) -> Rules {
        with(budgets, "", &self.memory).unwrap_or_else(|wrong| panic!("{wrong:?}"))
    }

    /// What the data path does of an allowed call.
    async fn records(&self, permit: &Permit) {
        let ruling = Ruling {
            decision: "ALLOW",
            reason: None,
            rules: permit.rules(),
            approval: None,
            spending: Some(permit.spending()),
            would: None,
            trial: None,
        };
        // Under the digests of whichever rules: which they are must not matter.
        let changes = audit::decided(permit.call(), permit.action(), &ruling, &Digests::default());
        self.store.write(changes).await.unwrap();
        permit.spending().passage.ends();
    }

    async fn ends(&self, permit: &Permit, outcome: Outcome, status: u16) {
        if let Some(reservation) = &permit.spending().reservation {
            reservation.settle(outcome, Some(status));
        }
        let (call, agent) = (&permit.call().id, &permit.call().caller.agent);
        let end = CallClosed {
            call: call.clone(),
            time: Timestamp::now(),
            outcome,
            reason: None,
            status: Some(status),
            result_id: None,
            carried: None,
        };
        self.store.write(audit::closed(agent, end)).await.unwrap();
    }

    fn recalled(&self, rules: &Rules) {
        rules.recall(&self.store.reader().unwrap(), Timestamp::now()).unwrap();
    }
}

fn now_allowed(rules: &Rules, action: Action) -> Permit {
    match rules.decide(call(), action, None, Timestamp::now()) {
        Decision::Allow(permit) => permit,
        other @ (Decision::Block(_) | Decision::RequireApproval(_)) => panic!("{other:?}"),
    }
}

/// The total of all windows of all budgets.
fn total(rules: &Rules) -> i64 {
    rules.budget_lines(Timestamp::now()).iter().map(|line| line.used).sum()
}

#[tokio::test]
async fn what_other_rules_allow_while_a_budget_comes_into_force_is_in_it_once() {
    let house = House::new();
    let gate = Gate::new(house.rules(NONE));
    let before = now_allowed(&gate.rules(), refund(1));
    house.records(&before).await;
    let late = now_allowed(&gate.rules(), refund(10));
    let coming = house.rules(REFUNDS);
    let announced = coming.announce();
    // Allowed before, and not on record: nothing may be read yet.
    assert!(timeout(Duration::from_millis(20), announced.alone()).await.is_err());
    house.records(&late).await;
    announced.alone().await;
    let meanwhile = now_allowed(&gate.rules(), refund(100));
    let given_back = now_allowed(&gate.rules(), refund(1_000));
    house.records(&meanwhile).await;
    house.records(&given_back).await;
    house.recalled(&coming);
    assert_eq!(
        total(&coming),
        1_111,
        "those on record, and those that are in it by themselves, once"
    );
    let unrecorded = now_allowed(&gate.rules(), refund(10_000));
    let held = gate.rules();
    gate.replace(coming);
    drop(announced);
    let after = now_allowed(&held, refund(20_000));
    assert_eq!(total(&gate.rules()), 31_111, "by rules of before, too");
    house.ends(&given_back, Outcome::Failure, 402).await;
    drop((unrecorded, after));
    assert_eq!(total(&gate.rules()), 111, "and is given back as ever");
}

#[tokio::test]
async fn a_call_that_nobody_records_keeps_no_budget_waiting() {
    let house = House::new();
    let gate = Gate::new(house.rules(NONE));
    let given_up = now_allowed(&gate.rules(), refund(1));
    let coming = house.rules(REFUNDS);
    let announced = coming.announce();
    drop(given_up);
    announced.alone().await;
}

#[tokio::test]
async fn a_budget_that_did_not_come_is_read_anew_when_it_does() {
    let house = House::new();
    let gate = Gate::new(house.rules(NONE));
    house.records(&now_allowed(&gate.rules(), refund(1))).await;
    let first = house.rules(REFUNDS);
    let announced = first.announce();
    house.recalled(&first);
    let between = now_allowed(&gate.rules(), refund(10));
    drop(announced);
    house.records(&between).await;
    // The first may still be held by somebody.
    let second = house.rules(REFUNDS);
    assert_eq!(total(&second), 0);
    let announced = second.announce();
    announced.alone().await;
    house.recalled(&second);
    assert_eq!(total(&second), 11);
    gate.replace(second);
    drop((announced, first));
}

#[tokio::test]
async fn the_same_request_before_and_after_an_announcement_is_in_it_until_both_failed() {
    let house = House::new();
    let gate = Gate::new(house.rules("budgets:\n  other: { window: 1h, actions: [process_refund], per: agent }\n"));
    let mut keyed = call();
    keyed.headers.insert("idempotency-key", "k1".parse().unwrap());
    let ask = || {
        let again = Call {
            id: CallId::random(),
            ..keyed.clone()
        };
        match gate.rules().decide(again, refund(40_000), None, Timestamp::now()) {
            Decision::Allow(permit) => permit,
            other @ (Decision::Block(_) | Decision::RequireApproval(_)) => panic!("{other:?}"),
        }
    };
    let first = ask();
    house.records(&first).await;
    let coming = house.rules(REFUNDS);
    let announced = coming.announce();
    announced.alone().await;
    let again = ask();
    assert!(again.spending().repeats.is_some());
    house.ends(&first, Outcome::Failure, 402).await;
    // The record has that the first failed, and of the second nothing yet.
    house.recalled(&coming);
    assert_eq!(total(&coming), 40_000);
    house.records(&again).await;
    house.ends(&again, Outcome::Failure, 402).await;
    assert_eq!(total(&coming), 0);
    drop(announced);
}

/// Calls of many at once.
struct Load {
    house: House,
    gate: Gate,
    stop: AtomicBool,
    asked: AtomicI64,
    allowed: AtomicI64,
}

impl Load {
    /// Allows, records and ends calls until it is told to stop.
    async fn calls(self: Arc<Self>) {
        while !self.stop.load(Ordering::Relaxed) {
            if let Decision::Allow(permit) = self.gate.rules().decide(call(), refund(100), None, Timestamp::now()) {
                self.allowed.fetch_add(1, Ordering::Relaxed);
                // Others decide between this one's decision and its record.
                tokio::task::yield_now().await;
                self.house.records(&permit).await;
                self.house.ends(&permit, Outcome::Success, 200).await;
            }
            self.asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    }

    async fn asked(&self, more: i64) {
        let until = self.asked.load(Ordering::Relaxed) + more;
        while self.asked.load(Ordering::Relaxed) < until {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_budget_that_comes_into_force_under_load_has_every_call() {
    let house = House::new();
    let load = Arc::new(Load {
        gate: Gate::new(house.rules(NONE)),
        house,
        stop: AtomicBool::new(false),
        asked: AtomicI64::new(0),
        allowed: AtomicI64::new(0),
    });
    let callers: Vec<_> = (0..8).map(|_| tokio::spawn(load.clone().calls())).collect();
    load.asked(50).await;
    let calls =
        |window: &str, limit: i64| format!("budgets:\n  calls: {{ window: {window}, per: sidecar, limit: {limit} }}\n");
    // One that does not come, the same again, and others: all of each is read anew.
    for (window, comes) in [("1h", false), ("1h", true), ("2h", true), ("3h", true)] {
        let coming = load.house.rules(&calls(window, 1_000_000));
        let announced = coming.announce();
        announced.alone().await;
        load.house.store.flush().await.unwrap();
        load.house.recalled(&coming);
        load.asked(10).await;
        if comes {
            load.gate.replace(coming);
        }
        drop(announced);
    }
    load.asked(10).await;
    load.stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    let allowed = load.allowed.load(Ordering::Relaxed);
    assert_eq!(total(&load.gate.rules()), allowed, "each that was allowed, once");
    let rules = load.house.rules(&calls("3h", allowed + 1));
    executed(&rules, refund(100));
    assert_eq!(said(&decide(&rules, refund(100))), "budget_exceeded budget:calls");
}

#[tokio::test]
async fn what_else_a_call_did_is_recalled_in_its_own_environment() {
    let targets = "targets:
  - match: { id: to }
    label: { environment: staging }
  - match: { id: from }
    label: { environment: production }
";
    let budgets =
        "budgets:\n  reads: { window: 1d, actions: [read_record], per: agent, when: { environment: production } }\n";
    let house = House::new();
    let load = || with_targets(targets, budgets, "", &Arc::default()).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let of = |id: &str, name: &str| {
        let mut action = action(name, &[]);
        action.target.id = Some(id.to_owned());
        action
    };
    let copy = Action {
        also: vec![of("from", "read_record")],
        ..of("to", "read_balance")
    };
    let live = load();
    let sent = now_allowed(&live, copy);
    house.records(&sent).await;
    assert_eq!(total(&live), 1);
    let again = load();
    house.recalled(&again);
    assert_eq!(total(&again), 1, "by the record as it was live");
}

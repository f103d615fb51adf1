//! Budgets that come into force under load, that cannot, and what a step of the clock across a restart makes of them: through
//! the whole binary.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::budgets::{REFUNDS, stripe, try_read, used, with_budgets};
use crate::harness::{Origin, Session, Sidecar, eventually};

const DAY: i64 = 86_400_000;

/// Says so when it is gone, however that came.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_budget_that_a_reload_brings_under_load_holds_from_its_first_call() {
    let origin = Origin::of_things_in_clear();
    let sidecar = with_budgets("budgets: {}\n").resolve("things.example", &origin).start();
    let reads = |window: &str, limit: usize| {
        format!("budgets:\n  reads: {{ window: {window}, actions: [read_record], per: sidecar, limit: {limit} }}\n")
    };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(try_read(&sidecar).unwrap(), 200);
                }
            });
        }
        let _ends = Ends(&stop);
        // Another window is another budget: each time all of the record is read, while calls go on.
        for window in ["1h", "2h", "3h"] {
            let before = origin.seen().len();
            eventually("calls go on", || origin.seen().len() > before + 20);
            sidecar.puts("policies/budgets.yaml", reads(window, 100_000));
        }
    });
    let seen = origin.seen().len();
    assert_eq!(used(&sidecar, "reads"), i64::try_from(seen).unwrap(), "each call, once");
    sidecar.puts("policies/budgets.yaml", reads("3h", seen + 1));
    assert_eq!([(); 3].map(|()| try_read(&sidecar).unwrap()), [200, 403, 403]);
}

/// A connection to the record that is not the sidecar's.
fn database(sidecar: &Sidecar) -> rusqlite::Connection {
    rusqlite::Connection::open(sidecar.home().join("state/runplane.db")).unwrap()
}

#[test]
fn a_budget_whose_past_cannot_be_read_does_not_come_and_the_record_never_says_so() {
    let (_origin, sidecar) = stripe("budgets: {}\n");
    let mut client = Session::stripe(&sidecar);
    client.call("refund ch_1 amount=50000").assert_ok();
    let database = database(&sidecar);
    let values = "(SELECT seq FROM entries WHERE kind = 'decided')";
    let kept: String = database
        .query_row(
            &format!("SELECT committed FROM entry_values WHERE seq = {values}"),
            [],
            |row| row.get(0),
        )
        .unwrap();
    database.execute_batch("DROP TRIGGER entry_values_stay").unwrap();
    let put = |text: &str| {
        let changed = format!("UPDATE entry_values SET committed = ?1 WHERE seq = {values}");
        assert_eq!(database.execute(&changed, [text]).unwrap(), 1);
    };
    put("no JSON");
    sidecar.put("policies/budgets.yaml", REFUNDS);
    assert!(sidecar.prints(&["RELOAD REFUSED", "what was taken of budgets cannot be read"]));
    let ready = sidecar.api("GET", "/ready", &sidecar.owner_key(), None);
    assert_eq!(ready.json()["notes"][0]["code"], "reload_refused");
    let results = || -> Vec<Value> {
        let reloads = sidecar.trail().of_kind("reload");
        reloads.iter().map(|entry| entry["result"].clone()).collect()
    };
    eventually("the refusal is on record", || !results().is_empty());
    client.call("refund ch_2 amount=50000").assert_ok();
    assert_eq!(results(), ["refused"]);
    put(&kept);
    eventually("it comes into force once it can", || {
        sidecar.printed().contains("RELOADED:")
    });
    assert_eq!(results(), ["refused", "applied"]);
    assert_eq!(used(&sidecar, "refunds_per_day"), 100_000);
    let ready = sidecar.api("GET", "/ready", &sidecar.owner_key(), None);
    assert!(ready.json().get("notes").is_none(), "{}", ready.text());
}

fn unsign(sidecar: &Sidecar, database: &rusqlite::Connection) {
    let guards = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name IN ('checkpoints', 'tiles')";
    let mut guards = database.prepare(guards).unwrap();
    let guards: Vec<(String, String)> = guards
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (name, _) in &guards {
        database.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    database
        .execute_batch("DELETE FROM checkpoints; DELETE FROM tiles")
        .unwrap();
    for (_, made) in &guards {
        database.execute_batch(made).unwrap();
    }
    std::fs::remove_file(sidecar.home().join("state/log.last")).unwrap();
}

/// Makes all that is on record so much older, as a clock makes it that is set forward.
fn set_forward(sidecar: &Sidecar, by: i64) {
    let database = database(sidecar);
    let guard = "SELECT sql FROM sqlite_master WHERE name = 'entries_stay'";
    let guard: String = database.query_row(guard, [], |row| row.get(0)).unwrap();
    database.execute_batch("DROP TRIGGER entries_stay").unwrap();
    // As if the key had signed nothing of it yet.
    unsign(sidecar, &database);
    let mut statement = database.prepare("SELECT seq, bytes FROM entries").unwrap();
    let entries: Vec<(i64, Vec<u8>)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (seq, bytes) in entries {
        let mut entry: Value = serde_json::from_slice(&bytes).unwrap();
        let time = entry["time"].as_i64().unwrap() - by;
        entry["time"] = time.into();
        if let Some(clock) = entry["clock_ms"].as_str() {
            entry["clock_ms"] = (clock.parse::<i64>().unwrap() - by).to_string().into();
        }
        let change = "UPDATE entries SET time = ?2, bytes = ?3 WHERE seq = ?1";
        let bytes = entry.to_string().into_bytes();
        database.execute(change, rusqlite::params![seq, time, bytes]).unwrap();
    }
    database.execute_batch(&guard).unwrap();
}

#[test]
fn a_clock_that_is_set_forward_across_a_kill_9_frees_nothing() {
    let (_origin, sidecar) = stripe(REFUNDS);
    let mut client = Session::stripe(&sidecar);
    client.call("refund ch_1 amount=50000").assert_ok();
    client.call("refund ch_1 amount=40000").assert_ok();
    sidecar.kill9();
    set_forward(&sidecar, 2 * DAY);
    sidecar.restart();
    assert_eq!(used(&sidecar, "refunds_per_day"), 90_000, "it is not two days old");
    client
        .call("refund ch_1 amount=10001")
        .assert_refused("budget_exceeded");
    let gaps = sidecar.trail().of_kind("gap");
    let forward: Vec<i64> = gaps.iter().filter_map(|gap| gap["set_forward_ms"].as_i64()).collect();
    assert!(
        matches!(forward[..], [by] if (2 * DAY - 10_000..2 * DAY + 60_000).contains(&by)),
        "{gaps:?}"
    );
    sidecar.restart_hard();
    assert_eq!(used(&sidecar, "refunds_per_day"), 90_000, "nor at the next start");
    assert_eq!(sidecar.trail().of_kind("gap").len(), 1, "told once");
}

//! Months are pruned: what is left proves itself as before, and both verifiers tell what went from what is missing.

mod goes_on;
mod missing;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use runplane::audit::Sealer;
use runplane::io::keys::{LastNote, LogKeys};
use runplane::model::Timestamp;
use runplane::model::month::Month;
use runplane::store::Store;
use rusqlite::Connection;

use super::{GRANT, Recorded, database, second, stop, triggers};
use crate::harness::{Origin, Session, Sidecar, said};

const REASON: [&str; 2] = ["--reason", "they are old"];

/// The first month that is always kept.
fn last_month() -> Month {
    Month::of(Timestamp::now()).before(1)
}

fn prune(sidecar: &Sidecar, more: &[&str]) -> String {
    let before = last_month().to_string();
    sidecar.told(&[&["audit", "prune", "--before", &before][..], &REASON, more].concat())
}

/// Signs all that is recorded, as a sidecar would have that ran before the machine was started. It is stopped.
fn seal(sidecar: &Sidecar) {
    let state = sidecar.home().join("state");
    let store = Store::open(&database(sidecar)).unwrap();
    let (keys, _) = LogKeys::load_or_create(&state).unwrap();
    let mut sealer = Sealer::open(&store, keys, LastNote::of(&state), false).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let signed = runtime.block_on(sealer.seal(&store)).unwrap();
    assert_eq!(signed.size, store.entries());
}

/// Makes all that is recorded so much older, on a machine that was started since, and not signed any more. The sidecar is stopped.
fn age(sidecar: &Sidecar, days: i64) {
    let connection = Connection::open(database(sidecar)).unwrap();
    let triggers = triggers(&connection);
    for (trigger, _) in &triggers {
        connection.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    let by = days * 24 * 60 * 60 * 1_000;
    connection
        .execute(
            "UPDATE entries SET time = time - ?1, bytes = CAST(replace(replace(CAST(bytes AS TEXT),
                '\"time\":' || time || ',', '\"time\":' || (time - ?1) || ','), '\"boot_id\":\"', '\"boot_id\":\"x') AS BLOB)",
            [by],
        )
        .unwrap();
    connection
        .execute_batch("DELETE FROM checkpoints; DELETE FROM tiles")
        .unwrap();
    for (_, made) in &triggers {
        connection.execute_batch(made).unwrap();
    }
    for file in ["state/log.last", "published.checkpoint"] {
        let _was_there = fs::remove_file(sidecar.home().join(file)).is_ok();
    }
}

fn verify(key: &str, path: &Path, sidecar: &Sidecar) -> String {
    let told = sidecar.told(&["audit", "verify", "--key", key, path.to_str().unwrap()]);
    assert!(told.starts_with("OK: "), "{told}");
    assert_eq!(second(key, &[], &[path.to_owned()]), [true]);
    told
}

/// A trail with one of each row, and nobody is asked any more. Its sidecar is stopped.
fn answered(calls: u32) -> Recorded {
    let recorded = Recorded::with_calls(calls);
    let sidecar = &recorded.sidecar;
    sidecar.restart();
    for pending in sidecar.approvals("pending") {
        sidecar.deny(pending["id"].as_str().unwrap(), "no");
    }
    stop(sidecar);
    recorded
}

/// A trail of which the first half is old, its sidecar running.
fn old(calls: u32) -> Recorded {
    let recorded = answered(calls);
    age(&recorded.sidecar, 200);
    recorded.sidecar.restart();
    Session::stripe(&recorded.sidecar).call("balance").assert_ok();
    recorded
}

/// Of which the first half was pruned, its sidecar stopped.
pub(super) fn pruned() -> Recorded {
    let recorded = old(3);
    prune(&recorded.sidecar, &[]);
    stop(&recorded.sidecar);
    recorded
}

#[test]
fn months_that_are_over_are_pruned_and_what_is_kept_verifies_as_before() {
    let recorded = old(130);
    let (sidecar, key) = (&recorded.sidecar, &recorded.key);
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    let call = sidecar.trail().of_kind("outcome")[0]["call"]
        .as_str()
        .unwrap()
        .to_owned();
    sidecar.told(&["audit", "prove", &call, "--out", out]);
    let proof = fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
    let early = directory.path().join("early.checkpoint");
    fs::copy(sidecar.home().join("published.checkpoint"), &early).unwrap();
    let before = sidecar.trail().entries().len();
    let would = prune(sidecar, &["--dry-run"]);
    assert!(would.starts_with("Would prune ") && would.contains(" KiB"), "{would}");
    assert_eq!(sidecar.trail().entries().len(), before);
    let told = prune(sidecar, &[]);
    assert!(
        told.starts_with("Pruned ") && told.contains("proofs hold as before"),
        "{told}"
    );
    let left = sidecar.trail().entries();
    assert!(left.len() < before / 4, "{} of {before}", left.len());
    let said_by = sidecar.trail().of_kind("pruned");
    let events: Vec<&str> = said_by.iter().filter_map(|entry| entry["event"].as_str()).collect();
    assert_eq!(events[..2], ["ordered", "done"]);
    assert!(events[2..].iter().all(|event| *event == "done"), "{events:?}");
    assert_eq!(events.len() > 2, cfg!(debug_assertions), "in pieces: {events:?}");
    let month = Month::of(Timestamp(left[0]["time"].as_i64().unwrap()));
    let done = said_by.last().unwrap();
    assert_eq!((&said_by[1]["from"], &done["person"]), (&1.into(), &"owner".into()));
    assert_eq!(said_by[0]["to"], done["to"]);
    assert_eq!(done["months"].as_str(), Some(&*month.to_string()));

    // Beside the running sidecar, after its next start, and after the file was written anew.
    let told = verify(key, &database(sidecar), sidecar);
    assert!(
        told.contains(&format!(
            "  pruned       entries 1 to {} were pruned, the last of them (",
            done["to"]
        )) && told.contains(", ordered by owner; "),
        "{told}"
    );
    assert!(told.contains("what the entries up to"), "{told}");
    let mut client = Session::stripe(sidecar);
    client.call("balance").assert_ok();
    sidecar.restart();
    let mut client = Session::stripe(sidecar);
    client.call("balance").assert_ok();
    let held = client.call("refund ch_9 amount=90000").approval();
    sidecar.approve(&held);
    client.call("refund ch_9 amount=90000").assert_ok();
    let agents = sidecar.told(&["agents", "list"]);
    assert!(agents.contains("ops-bot") && agents.contains("old-bot"), "{agents}");
    sidecar.told(&["resume", "--agent", "ops-bot"]);
    stop(sidecar);
    Connection::open(database(sidecar))
        .unwrap()
        .execute_batch("VACUUM")
        .unwrap();
    verify(key, &database(sidecar), sidecar);

    // What was proven before is proven still; of what went, nothing more can be.
    assert_eq!(second(key, &[], std::slice::from_ref(&proof)), [true]);
    let continued = directory.path().join("consistency");
    fs::write(
        &continued,
        sidecar.told(&["audit", "consistency", early.to_str().unwrap()]),
    )
    .unwrap();
    assert_eq!(second(key, &["--old", early.to_str().unwrap()], &[continued]), [true]);
    let output = sidecar.cli(&[
        "audit",
        "verify",
        "--key",
        key,
        "--checkpoint",
        early.to_str().unwrap(),
        database(sidecar).to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", said(&output));
    let gone = sidecar.cli(&["audit", "prove", "100", "--out", out]);
    assert!(
        gone.status.code() == Some(1) && said(&gone).contains("entry 100 was pruned on "),
        "{}",
        said(&gone)
    );
    let last = left.last().unwrap()["seq"].to_string();
    sidecar.told(&["audit", "prove", &last, "--out", out]);
    for command in [
        &["audit", "stats"][..],
        &["audit", "export"],
        &["replay", "--since", "300d"],
        &["targets"],
    ] {
        let output = sidecar.cli(command);
        assert!(
            output.status.success() && said(&output).contains("were pruned on"),
            "{command:?}: {}",
            said(&output)
        );
    }
    let page = directory.path().join("report.html");
    sidecar.told(&["audit", "report", "--from", "300d", "-o", page.to_str().unwrap()]);
    assert!(
        fs::read_to_string(page)
            .unwrap()
            .contains("Not all of the period is there")
    );
}

/// What stayed the first time goes with the second where it counts no more, and rows are counted on.
#[test]
fn a_trail_is_pruned_again() {
    let recorded = answered(3);
    let (sidecar, key) = (&recorded.sidecar, &recorded.key);
    age(sidecar, 100);
    sidecar.restart();
    let mut client = Session::stripe(sidecar);
    client.call("balance").assert_ok();
    let denied = client.call("refund ch_8 amount=90000").approval();
    sidecar.deny(&denied, "no");
    sidecar.told(&["resume", "--agent", "ops-bot"]);
    sidecar.told(&["agents", "disable", "ops-bot"]);
    stop(sidecar);
    age(sidecar, 100);
    sidecar.restart();
    Session::stripe(sidecar).call("balance").assert_ok();
    let first = Month::of(Timestamp::now()).before(5).to_string();
    let told = sidecar.told(&[&["audit", "prune", "--before", &first][..], &REASON].concat());
    assert!(told.starts_with("Pruned "), "{told}");
    let of_ops_bot = |kind: &str| {
        let entries = sidecar.trail().of_kind(kind);
        let name = if kind == "pause" { "agent" } else { "name" };
        entries.iter().filter(|entry| entry[name] == "ops-bot").count()
    };
    assert_eq!((of_ops_bot("registry"), of_ops_bot("pause")), (2, 2));
    verify(key, &database(sidecar), sidecar);
    assert!(prune(sidecar, &[]).starts_with("Pruned "));
    assert_eq!((of_ops_bot("registry"), of_ops_bot("pause")), (1, 0));
    assert!(prune(sidecar, &[]).starts_with("Nothing is pruned"));
    verify(key, &database(sidecar), sidecar);
    sidecar.restart();
    Session::stripe(sidecar).call("refund ch_3 amount=90000").approval();
    stop(sidecar);
    verify(key, &database(sidecar), sidecar);
}

#[test]
fn what_is_open_is_not_pruned() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s").start();
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    let mut client = Session::stripe(&sidecar);
    client.call("balance").assert_ok();
    sidecar.told(&[&GRANT[..], &["--uses", "2"]].concat());
    let pending = client.call("refund ch_1 amount=99000").approval();
    client.call("balance").assert_ok();
    stop(&sidecar);
    age(&sidecar, 100);
    sidecar.restart();
    let before = Month::of(Timestamp::now()).to_string();
    let output = sidecar.cli(&[&["audit", "prune", "--before", &before][..], &REASON].concat());
    assert!(
        !output.status.success() && said(&output).contains("the last whole one are always kept"),
        "{}",
        said(&output)
    );
    let told = prune(&sidecar, &[]);
    assert!(
        told.starts_with("Pruned ") && told.contains(" 1 approvals, 1 grants)"),
        "{told}"
    );
    assert_eq!(sidecar.trail().of_kind("grant").len(), 1);
    sidecar.deny(&pending, "no");
    assert_eq!(sidecar.trail().of_kind("held").len(), 1);
    stop(&sidecar);
    verify(&key, &database(&sidecar), &sidecar);
}

#[test]
fn a_kill_in_the_middle_leaves_it_pruned_or_not() {
    let recorded = old(60);
    let (sidecar, key) = (&recorded.sidecar, &recorded.key);
    let first_outcome = || sidecar.trail().of_kind("outcome")[0]["seq"].as_i64().unwrap();
    let begins = first_outcome();
    for wait in [0, 20, 60, 90, 120, 150, 180, 240, 400] {
        thread::scope(|scope| {
            let before = last_month().to_string();
            let pruning =
                scope.spawn(move || sidecar.cli(&[&["audit", "prune", "--before", &before][..], &REASON].concat()));
            thread::sleep(Duration::from_millis(wait));
            sidecar.kill9();
            pruning.join().unwrap();
        });
        verify(key, &database(sidecar), sidecar);
        let done = sidecar
            .trail()
            .of_kind("pruned")
            .iter()
            .any(|entry| entry["event"] == "done");
        assert_eq!(done, first_outcome() > begins, "{wait} ms");
        sidecar.restart();
    }
    // What is left goes by an order of its own, on from the piece that went last.
    prune(sidecar, &[]);
    assert!(prune(sidecar, &[]).starts_with("Nothing is pruned"));
    stop(sidecar);
    verify(key, &database(sidecar), sidecar);
}

#[test]
fn what_is_older_than_the_configuration_keeps_goes_by_itself() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .section("audit: { retention: { months: 5, clock_settles: 1s } }")
        .start();
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    let output = sidecar.cli(&["check"]);
    assert!(
        output.status.success() && said(&output).contains("Articles 19(1) and 26(6)"),
        "{}",
        said(&output)
    );
    let mut client = Session::stripe(&sidecar);
    for _ in 0..5 {
        client.call("balance").assert_ok();
    }
    stop(&sidecar);
    age(&sidecar, 60);
    seal(&sidecar);
    sidecar.restart();
    Session::stripe(&sidecar).call("balance").assert_ok();
    stop(&sidecar);
    assert_eq!(sidecar.trail().of_kind("pruned").len(), 0, "two months are kept");
    age(&sidecar, 200);
    seal(&sidecar);
    sidecar.restart();
    let until = Instant::now() + Duration::from_secs(20);
    let all_is_gone = || {
        let pruned = sidecar.trail().of_kind("pruned");
        pruned.len() > 1 && pruned.first().map(|entry| &entry["to"]) == pruned.last().map(|entry| &entry["to"])
    };
    while !all_is_gone() {
        assert!(Instant::now() < until, "nothing was pruned");
        thread::sleep(Duration::from_millis(100));
    }
    Session::stripe(&sidecar).call("balance").assert_ok();
    stop(&sidecar);
    assert_eq!(sidecar.trail().of_kind("pruned")[1]["retention"], 5);
    assert_eq!(sidecar.trail().of_kind("outcome").len(), 1);
    verify(&key, &database(&sidecar), &sidecar);
}

//! kill -9 at every point of a call's life, then the invariants I1 to I7: the origin's log joined with the trail. What was
//! found is written to `target/kill-table.md`.

mod asks;
mod books;
pub mod faults;
mod load;

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpListener;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asks::{Ask, FILES, STRIPE, THINGS, house, tunnel};
use books::{Answered, Found};
use load::{Dice, fresh};

use crate::harness::{Gate, Origin, Reply, Seen, Sidecar, died_at, eventually, found_at};
use crate::trail::second;

/// Random points of one round, with a sidecar and a trail of its own.
const ROUND: u64 = 25;

/// Kills, starts again, and checks everything. `unannounced`: what reached the origin too early.
fn kill_and_check(
    sidecar: &Sidecar,
    origin: &Origin,
    answered: &[Answered],
    unannounced: &Mutex<Vec<String>>,
) -> Found {
    sidecar.kill9();
    check_after(sidecar, origin, answered, unannounced)
}

fn check_after(sidecar: &Sidecar, origin: &Origin, answered: &[Answered], unannounced: &Mutex<Vec<String>>) -> Found {
    let crash = books::last(sidecar.home());
    let seen = settled(origin);
    sidecar.restart();
    let found = books::check(sidecar.home(), crash, &seen, answered);
    let early = unannounced.lock().unwrap();
    assert!(early.is_empty(), "I1: at the origin before it was on disk: {early:?}");
    assert_eq!(origin.seen().len(), seen.len(), "I2: recovery sends nothing");
    found
}

/// What arrived, once nothing more comes of what was written before the kill.
fn settled(origin: &Origin) -> Vec<Seen> {
    loop {
        let before = origin.seen();
        std::thread::sleep(Duration::from_millis(40));
        let complete = |seen: &[Seen]| seen.iter().filter(|seen| seen.complete).count();
        let now = origin.seen();
        if (now.len(), complete(&now)) == (before.len(), complete(&before)) {
            return now;
        }
    }
}

/// I7: without any repair, an allowed call goes through.
fn assert_works(sidecar: &Sidecar, host: &str) {
    let ask = if host == STRIPE { Ask::Read } else { Ask::Download };
    let answer = tunnel(sidecar, host).ask(ask.bytes(&fresh()));
    assert_eq!(answer.status, 200, "I7: {answer:?}");
}

#[test]
fn killed_before_the_record() {
    let (origin, sidecar) = house();
    let early = asks::unannounced(&origin, sidecar.home());
    let bytes = Ask::Refund.bytes(&fresh());
    let mut wire = tunnel(&sidecar, STRIPE);
    // The content decides, and half of it never comes: there cannot be a decision yet.
    wire.send(&bytes[..bytes.len() - 5]);
    std::thread::sleep(Duration::from_millis(100));
    let found = kill_and_check(&sidecar, &origin, &[], &early);
    assert_eq!((found.calls, found.at_origin), (0, 0));
    origin.assert_untouched();

    // Decided, but the commit waits for a lock of somebody else's.
    let database = rusqlite::Connection::open(sidecar.home().join("state/runplane.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut wire = tunnel(&sidecar, STRIPE);
    wire.send(Ask::Refund.bytes(&fresh()));
    std::thread::sleep(Duration::from_millis(100));
    sidecar.kill9();
    database.execute_batch("ROLLBACK").unwrap();
    drop(database);
    let found = check_after(&sidecar, &origin, &[], &early);
    assert_eq!((found.calls, found.at_origin), (0, 0));
    origin.assert_untouched();
    assert_works(&sidecar, STRIPE);
    found_at(
        0,
        "before the record (content incomplete; commit under way)",
        "no call in the trail, nothing at the origin",
    );
}

#[test]
fn killed_between_record_and_send() {
    let origin = Origin::of_things();
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = provider.local_addr().unwrap().to_string();
    // The system takes the connection, but nobody answers the TLS handshake: the call is recorded and cannot be sent.
    let sidecar = asks::configured(&origin)
        .resolve_to(STRIPE, &address)
        .destination(&address)
        .start();
    let early = asks::unannounced(&origin, sidecar.home());
    let marker = fresh();
    let mut wire = tunnel(&sidecar, STRIPE);
    wire.send(Ask::Refund.bytes(&marker));
    eventually("the call is recorded", || books::intends(sidecar.home(), &marker));
    let found = kill_and_check(&sidecar, &origin, &[], &early);
    assert_eq!((found.calls, found.unknown), (1, 1));
    assert!(
        !everything(&provider).contains(&marker),
        "no byte of the call was written"
    );
    assert_works(&sidecar, THINGS);
    found_at(
        1,
        "between record and send",
        "`unknown`; no byte of the call at the provider, not sent after the restart",
    );
}

/// What was ever written to a listener that takes no connection; nothing is under way any more.
fn everything(listener: &TcpListener) -> String {
    let mut all = Vec::new();
    listener.set_nonblocking(true).unwrap();
    while let Ok((mut stream, _)) = listener.accept() {
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let _ = stream.read_to_end(&mut all);
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn killed_in_the_middle_of_an_upload() {
    let (origin, sidecar) = house();
    let early = asks::unannounced(&origin, sidecar.home());
    let (marker, mut wire) = (fresh(), tunnel(&sidecar, FILES));
    let bytes = Ask::Upload.bytes(&marker);
    wire.send(&bytes[..bytes.len() / 2]);
    eventually("the head is at the origin", || origin.seen().len() == 1);
    let found = kill_and_check(&sidecar, &origin, &[], &early);
    assert_eq!((found.calls, found.unknown, found.at_origin), (1, 1, 1));
    assert!(!origin.seen()[0].complete, "half of it never came");
    assert_works(&sidecar, STRIPE);
    found_at(
        2,
        "in the middle of an upload",
        "`unknown`; once at the origin, incomplete, not sent again",
    );
}

#[test]
fn killed_after_the_head_of_the_answer() {
    let (origin, sidecar) = house();
    let early = asks::unannounced(&origin, sidecar.home());
    let gate = Gate::shut();
    origin.answer_next_with(Reply::new(200).bytes("first").gate(&gate).bytes("last"));
    let (marker, mut wire) = (fresh(), tunnel(&sidecar, STRIPE));
    wire.send(Ask::Refund.bytes(&marker));
    let mut head = [0; 15];
    wire.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    let answered = [Answered { marker, status: 200 }];
    let found = kill_and_check(&sidecar, &origin, &answered, &early);
    assert_eq!((found.calls, found.unknown, found.at_origin), (1, 1, 1));
    gate.open();
    assert_works(&sidecar, STRIPE);
    found_at(
        3,
        "after the head of the answer",
        "`unknown`; once at the origin, not sent again",
    );
}

#[test]
fn killed_during_a_hold() {
    let (origin, sidecar) = house();
    let early = asks::unannounced(&origin, sidecar.home());
    let (marker, mut wire) = (fresh(), tunnel(&sidecar, STRIPE));
    wire.send(Ask::Hold.bytes(&marker));
    let id = sidecar.next_held();
    let found = kill_and_check(&sidecar, &origin, &[], &early);
    assert_eq!((found.calls, found.not_sent, found.at_origin), (1, 1, 0));
    assert!(wire.answer().is_none(), "its connection is gone");
    assert_eq!(sidecar.approvals("pending").len(), 1);
    sidecar.approve(&id);
    origin.assert_untouched();
    assert_goes_once(&sidecar, &marker);
    let found = kill_and_check(&sidecar, &origin, &[], &early);
    assert_eq!((found.unknown, found.at_origin), (0, 1));
    found_at(
        4,
        "during a hold",
        "pending again; approved, the same call went through once; a third was `already_executed`",
    );
}

/// An approved call, made again twice: one goes through.
fn assert_goes_once(sidecar: &Sidecar, marker: &str) {
    let mut wire = tunnel(sidecar, STRIPE);
    let first = wire.ask(Ask::Hold.bytes(marker));
    assert_eq!(first.status, 200, "{first:?}");
    assert_spent(sidecar, marker);
}

fn assert_spent(sidecar: &Sidecar, marker: &str) {
    let answer = tunnel(sidecar, STRIPE).ask(Ask::Hold.bytes(marker));
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.text().contains("already_executed"), "{answer:?}");
}

#[test]
fn killed_between_consume_and_send() {
    let origin = Origin::of_things();
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = provider.local_addr().unwrap().to_string();
    let sidecar = asks::configured(&origin)
        .resolve_to(STRIPE, &address)
        .destination(&address)
        .start();
    let early = asks::unannounced(&origin, sidecar.home());
    let (marker, mut wire) = (fresh(), tunnel(&sidecar, STRIPE));
    wire.send(Ask::Hold.bytes(&marker));
    sidecar.approve(&sidecar.next_held());
    eventually("the approval is spent", || {
        books::count(sidecar.home(), "consumed") == 1
    });
    let found = kill_and_check(&sidecar, &origin, &[], &early);
    assert_eq!((found.calls, found.unknown), (1, 1));
    assert_spent(&sidecar, &marker);
    assert!(
        !everything(&provider).contains(&marker),
        "no byte of the call was written"
    );
    assert_works(&sidecar, THINGS);
    found_at(
        5,
        "between consume and send",
        "`unknown`; the approval stays spent: `already_executed`, nothing at the provider",
    );
}

/// `RUNPLANE_TEST_KILLS=500` is the long form.
#[test]
fn killed_at_random_points_under_mixed_load() {
    let given = |name: &str| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    let seed = given("RUNPLANE_TEST_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let kills = given("RUNPLANE_TEST_KILLS").unwrap_or(ROUND);
    assert!(
        kills > 0,
        "RUNPLANE_TEST_KILLS=0 would find nothing, and say that all is well"
    );
    println!("the seed of this run: RUNPLANE_TEST_SEED={seed}");
    let (mut all, mut released) = (Found::default(), 0);
    for first in (0..kills).step_by(ROUND.try_into().unwrap()) {
        let (found, of_round) = round(seed, first..kills.min(first + ROUND));
        all.add(&found);
        released += of_round;
    }
    found_at(
        6,
        &format!("at {kills} random points under mixed load (seed {seed})"),
        &format!(
            "I1 to I7 after each: {} calls, {} at the origin, {} `unknown`, {} `not_sent`; {released} held calls released \
             after a restart, once each",
            all.calls, all.at_origin, all.unknown, all.not_sent
        ),
    );
}

/// What was found on a trail of its own, and how many held calls were released on it.
fn round(seed: u64, points: Range<u64>) -> (Found, usize) {
    let (origin, sidecar) = house();
    let early: Arc<Mutex<Vec<String>>> = asks::unannounced(&origin, sidecar.home());
    let mut dice = Dice::new(seed.wrapping_add(points.start));
    let (mut answered, mut released) = (Vec::new(), 0);
    for point in points {
        let span = Duration::from_millis(20 + dice.below(400));
        let (got, died) = load::until_killed(&sidecar, seed.wrapping_add(1000 * point), span);
        answered.extend(got);
        let before = books::standing(sidecar.home());
        check_after(&sidecar, &origin, &answered, &early);
        tell(&origin, &died, [&before, &books::standing(sidecar.home())]);
        assert_works(&sidecar, STRIPE);
        // What was pending is pending again, and goes through once.
        let pending = sidecar.approvals("pending");
        if let Some(held) = pending.first() {
            sidecar.api(
                "POST",
                &approve_path(held),
                &sidecar.owner_key(),
                Some(&serde_json::json!({})),
            );
            assert_goes_once(&sidecar, held["target_id"].as_str().unwrap());
            released += 1;
        }
    }
    // I3, as others check it.
    sidecar.terminate();
    assert!(sidecar.ended().success());
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    let database = sidecar.home().join("state/runplane.db");
    let told = sidecar.told(&["audit", "verify", "--key", &key, database.to_str().unwrap()]);
    assert!(told.starts_with("OK: "), "I3: {told}");
    assert_eq!(second(&key, &[], &[database]), [true], "I3");
    // What went through since the last kill, too.
    (check_after(&sidecar, &origin, &answered, &early), released)
}

/// Puts what was under way into the table: what the trail said of it when the process died, what the origin saw, and what the
/// trail says after the restart.
fn tell(origin: &Origin, died: &[String], [before, after]: [&BTreeMap<String, String>; 2]) {
    let seen = origin.seen();
    for marker in died {
        let at_origin = seen.iter().find(|seen| seen.header("x-marker") == Some(marker));
        let at_origin = match at_origin.map(|seen| seen.complete) {
            None => "nothing",
            Some(false) => "a part",
            Some(true) => "all of it",
        };
        let said =
            |trail: &BTreeMap<String, String>| trail.get(marker).cloned().unwrap_or_else(|| "nothing".to_owned());
        died_at([said(before), at_origin.to_owned(), said(after)]);
    }
}

fn approve_path(held: &serde_json::Value) -> String {
    format!("/api/v1/approvals/{}/approve", held["id"].as_str().unwrap())
}

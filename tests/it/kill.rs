//! kill -9 at every point of a call's life, then the invariants I1 to I7: the origin's log joined with the trail. What was
//! found is written to `target/kill-table.md`.

mod asks;
mod books;
mod load;

use std::io::Read;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asks::{Ask, FILES, STRIPE, THINGS, house, tunnel};
use books::{Answered, Found};
use load::{Dice, fresh};

use crate::harness::{Gate, Origin, Reply, Sidecar, eventually, found_at};

/// How many random points there are.
const POINTS: u64 = 25;

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
    let seen = origin.seen();
    sidecar.restart();
    let found = books::check(sidecar.home(), crash, &seen, answered);
    let early = unannounced.lock().unwrap();
    assert!(early.is_empty(), "I1: at the origin before it was on disk: {early:?}");
    assert_eq!(origin.seen().len(), seen.len(), "I2: recovery sends nothing");
    found
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

#[test]
fn killed_at_random_points_under_mixed_load() {
    let given = std::env::var("RUNPLANE_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = given.unwrap_or_else(|| u64::from(std::process::id()));
    println!("the seed of this run: RUNPLANE_TEST_SEED={seed}");
    let (origin, sidecar) = house();
    let early: Arc<Mutex<Vec<String>>> = asks::unannounced(&origin, sidecar.home());
    let (mut dice, mut answered, mut last) = (Dice::new(seed), Vec::new(), Found::default());
    let mut released = 0;
    for point in 0..POINTS {
        let span = Duration::from_millis(20 + dice.below(400));
        answered.extend(load::until_killed(&sidecar, seed.wrapping_add(1000 * point), span));
        last = check_after(&sidecar, &origin, &answered, &early);
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
    found_at(
        6,
        &format!("at {POINTS} random points under mixed load (seed {seed})"),
        &format!(
            "I1 to I7 after each: {} calls, {} at the origin, {} `unknown`, {} `not_sent`; {released} held calls released \
             after a restart, once each",
            last.calls, last.at_origin, last.unknown, last.not_sent
        ),
    );
}

fn approve_path(held: &serde_json::Value) -> String {
    format!("/api/v1/approvals/{}/approve", held["id"].as_str().unwrap())
}

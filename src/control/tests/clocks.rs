//! A wall clock that was set back before the sidecar was killed, and by the next start tells what the last entry does, or more.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use rusqlite::Connection;
use serde_json::{Value as Json, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::whole::{NINE_HUNDRED, Sidecar, refund};
use crate::approval::Uptime;
use crate::control::{StepError, Watch};
use crate::model::{GrantId, Timestamp};
use crate::{audit, control};

fn up(minutes: u64) -> Uptime {
    Uptime {
        boot: "a".to_owned(),
        since: Duration::from_secs(60 * minutes),
    }
}

/// A call that waits for people, whose client is gone. Its id.
async fn held(sidecar: &Sidecar) -> String {
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    client.abort();
    assert!(client.await.is_err());
    id
}

/// A sidecar that started as the machine was up for 5 minutes, with an approved call that waits for its client. Its id.
async fn approved() -> (Sidecar, String) {
    let sidecar = Sidecar::start();
    let id = held(&sidecar).await;
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 200);
    let start: Vec<_> = control::uptime_members(Some(up(5)), Timestamp::now()).collect();
    sidecar.parts.store.write(audit::boot(start)).await.unwrap();
    (sidecar, id)
}

/// A start that many minutes after the machine's, by the clock as it is.
async fn start(sidecar: &Sidecar, minutes: u64) -> Result<(), StepError> {
    let (approvals, store) = (&sidecar.parts.approvals, &sidecar.parts.store);
    control::mind_the_clock(approvals, store, Timestamp::now(), Some(&up(minutes))).await
}

async fn state(sidecar: &Sidecar, id: &str) -> Json {
    let path = format!("/approvals/{id}");
    sidecar.api("alice", Method::GET, &path, Json::Null).await.1["state"].clone()
}

async fn last_kinds(sidecar: &Sidecar, count: usize) -> Vec<String> {
    let kinds = sidecar.kinds().await;
    kinds[kinds.len() - count..].to_vec()
}

/// A grant for calls like that approval's.
async fn give(sidecar: &Sidecar, id: &str) {
    let row = sidecar.parts.approvals.get(&id.parse().unwrap()).unwrap().row;
    let grant = json!({
        "agent": "bot", "action": "process_refund", "kind": row.action.target.kind, "max": {"amount": "950usd"},
        "seconds": 1_800, "uses": 2, "reason": "the lost shipment",
    });
    let (status, given) = sidecar.api("alice", Method::POST, "/grants", grant).await;
    assert_eq!(status, 200, "{given}");
}

#[tokio::test]
async fn a_clock_that_was_set_back_and_ran_on_makes_no_yes_longer() {
    let (sidecar, id) = approved().await;
    start(&sidecar, 5).await.unwrap();
    assert_eq!(state(&sidecar, &id).await, "approved");
    start(&sidecar, 12).await.unwrap();
    assert_eq!(state(&sidecar, &id).await, "expired");
    assert_eq!(last_kinds(&sidecar, 2).await, ["expired", "gap"]);
}

#[tokio::test]
async fn a_clock_that_was_set_back_and_ran_on_makes_no_grant_longer() {
    let (sidecar, id) = approved().await;
    give(&sidecar, &id).await;
    start(&sidecar, 12).await.unwrap();
    assert_eq!(last_kinds(&sidecar, 3).await, ["expired", "grant", "gap"]);
    let grants = sidecar.parts.store.grants().unwrap();
    assert!(grants.iter().all(|row| row.ended.is_some()), "{grants:?}");
}

#[tokio::test]
async fn a_start_that_could_not_end_what_was_given_finds_the_step_again() {
    let (sidecar, id) = approved().await;
    let other = Connection::open(sidecar.database()).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON approvals BEGIN SELECT RAISE(ABORT, 'no'); END";
    other.execute_batch(refuse).unwrap();
    start(&sidecar, 12).await.unwrap_err();
    other.execute_batch("DROP TRIGGER refuse").unwrap();
    let sidecar = sidecar.restart();
    assert_eq!(state(&sidecar, &id).await, "approved");
    assert!(!sidecar.kinds().await.contains(&"gap".to_owned()));
    start(&sidecar, 12).await.unwrap();
    assert_eq!(state(&sidecar, &id).await, "expired");
}

/// The last entry's time tells, where the machine was started since, or does not tell its age.
#[tokio::test]
async fn a_clock_set_back_while_the_machine_was_down_is_told_and_ends_what_was_given() {
    for up in [
        Some(Uptime {
            boot: "b".to_owned(),
            ..up(9)
        }),
        None,
    ] {
        let (sidecar, id) = approved().await;
        let (approvals, store) = (&sidecar.parts.approvals, &sidecar.parts.store);
        let last = store.last_time().unwrap();
        for fine in [last, last.plus(Duration::from_secs(86_400)), Timestamp(last.0 - 4_000)] {
            control::mind_the_clock(approvals, store, fine, up.as_ref())
                .await
                .unwrap();
        }
        assert_eq!(state(&sidecar, &id).await, "approved");
        control::mind_the_clock(approvals, store, Timestamp(last.0 - 7_000), up.as_ref())
            .await
            .unwrap();
        assert_eq!(state(&sidecar, &id).await, "expired");
        assert_eq!(last_kinds(&sidecar, 2).await, ["expired", "gap"]);
    }
}

/// An entry's time is never before the last one's; what the clock said at the last start tells that nothing happened since.
#[tokio::test]
async fn a_start_behind_the_last_entrys_time_ends_nothing_again() {
    let (sidecar, id) = approved().await;
    let (approvals, store) = (&sidecar.parts.approvals, &sidecar.parts.store);
    let behind = Timestamp(Timestamp::now().0 - 3_600_000);
    let start: Vec<_> = control::uptime_members(Some(up(6)), behind).collect();
    store.write(audit::boot(start)).await.unwrap();
    let (now, later) = (behind.plus(Duration::from_secs(60)), up(7));
    control::mind_the_clock(approvals, store, now, Some(&later))
        .await
        .unwrap();
    assert_eq!(state(&sidecar, &id).await, "approved");
    assert_eq!(last_kinds(&sidecar, 1).await, ["boot"]);
}

/// What is on record is of the twenty minutes since a start as the machine was up for 5: when that start was.
async fn put_back(sidecar: &Sidecar) -> Timestamp {
    let store = &sidecar.parts.store;
    let earlier = Timestamp(Timestamp::now().0 - 1_200_000);
    let start: Vec<_> = control::uptime_members(Some(up(5)), earlier).collect();
    store.write(audit::boot(start)).await.unwrap();
    // As if that start was made then, and not by a clock that was behind already.
    let time = store.last_time().unwrap().0;
    let changed = format!(
        "DROP TRIGGER entries_stay; UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"time\":{time}', \
         '\"time\":{}') AS BLOB) WHERE kind = 'boot'",
        earlier.0
    );
    Connection::open(sidecar.database())
        .unwrap()
        .execute_batch(&changed)
        .unwrap();
    earlier
}

/// By its age nothing happened since its start: what is on record does not fit.
#[tokio::test]
async fn a_machine_that_was_put_back_to_an_earlier_moment_is_told_by_the_last_entry() {
    let (sidecar, id) = approved().await;
    let (approvals, store) = (&sidecar.parts.approvals, &sidecar.parts.store);
    let now = put_back(&sidecar).await.plus(Duration::from_secs(60));
    control::mind_the_clock(approvals, store, now, Some(&up(6)))
        .await
        .unwrap();
    assert_eq!(state(&sidecar, &id).await, "expired");
    assert_eq!(last_kinds(&sidecar, 2).await, ["expired", "gap"]);
}

/// Its clock is behind the record, and ahead by its age: what was taken of budgets is not free for the one, and no yes counts for the
/// other.
#[tokio::test]
async fn a_clock_that_is_behind_the_record_and_ahead_by_the_machines_age_is_told_of_as_both() {
    let (sidecar, id) = approved().await;
    let (approvals, store) = (&sidecar.parts.approvals, &sidecar.parts.store);
    let now = put_back(&sidecar).await.plus(Duration::from_secs(15 * 60));
    control::mind_the_clock(approvals, store, now, Some(&up(6)))
        .await
        .unwrap();
    assert_eq!(state(&sidecar, &id).await, "expired");
    assert_eq!(last_kinds(&sidecar, 3).await, ["expired", "gap", "gap"]);
    // What is told is known then.
    control::mind_the_clock(approvals, store, now, Some(&up(6)))
        .await
        .unwrap();
    assert_eq!(last_kinds(&sidecar, 3).await, ["expired", "gap", "gap"]);
}

/// More than the store takes at a time.
#[tokio::test]
async fn however_many_grants_a_step_ends_the_start_goes_on() {
    let (sidecar, id) = approved().await;
    let (approvals, store) = (&sidecar.parts.approvals, &sidecar.parts.store);
    give(&sidecar, &id).await;
    let row = store.grants().unwrap().remove(0);
    for _ in 0..1_100 {
        let mut row = row.clone();
        row.grant.id = GrantId::random();
        approvals.put_grant(row);
    }
    start(&sidecar, 12).await.unwrap();
    assert!(approvals.list_grants().iter().all(|given| !given.stands));
}

/// Looks at the clocks until it is told to stop.
fn watched(sidecar: &Sidecar) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let watch = Watch {
        approvals: sidecar.parts.approvals.clone(),
        store: sidecar.parts.store.clone(),
        gate: sidecar.parts.gate.clone(),
        notices: sidecar.lines.clone(),
        home_option: String::new(),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let task = control::expire(watch, async { stopped.await.unwrap_or_default() });
    (stop, tokio::spawn(task))
}

async fn until_told(sidecar: &Sidecar) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !sidecar.kinds().await.contains(&"gap".to_owned()) {
        assert!(Instant::now() < deadline, "no entry tells that the clock was set back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Told first, the next start of a sidecar that was killed in between would trust what has no end on disk.
#[tokio::test]
async fn a_step_back_is_told_behind_the_end_of_what_somebody_else_was_changing() {
    let moved = Arc::new(AtomicI64::new(0));
    let sidecar = Sidecar::with_clocks(moved.clone());
    let id = held(&sidecar).await;
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 200);
    let (stop, task) = watched(&sidecar);
    let Ok(turn) = sidecar.parts.approvals.veto(&id.parse().unwrap()) else {
        panic!("it is open");
    };
    moved.store(-3_600, Ordering::SeqCst);
    // Longer than a look takes.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(!sidecar.kinds().await.contains(&"gap".to_owned()));
    drop(turn);
    until_told(&sidecar).await;
    assert_eq!(last_kinds(&sidecar, 2).await, ["expired", "gap"]);
    stop.send(()).unwrap();
    task.await.unwrap();
}

/// A yes that could not be recorded, and that she may leave at that: a trail that says nothing of the step for as long as the
/// call waits is not what `audit verify` takes for an honest one. Found by a reader.
#[tokio::test]
async fn a_step_back_is_told_once_it_is_known_whether_a_yes_is_on_disk() {
    let moved = Arc::new(AtomicI64::new(0));
    let sidecar = Sidecar::with_clocks(moved.clone());
    let id = held(&sidecar).await;
    let other = Connection::open(sidecar.home.path().join("state/runplane.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 503);
    let (stop, task) = watched(&sidecar);
    moved.store(-3_600, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    other.execute_batch("ROLLBACK").unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !sidecar.parts.store.is_writable() {
        assert!(Instant::now() < deadline, "it writes no more");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    until_told(&sidecar).await;
    assert_eq!(state(&sidecar, &id).await, "pending");
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 200);
    assert_eq!(
        state(&sidecar, &id).await,
        "approved",
        "she said so by the clock that is"
    );
    stop.send(()).unwrap();
    task.await.unwrap();
}

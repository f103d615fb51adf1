//! A wall clock that was set back before the sidecar was killed, and by the next start tells what the last entry does, or more.

use std::time::Duration;

use http::Method;
use rusqlite::Connection;
use serde_json::{Value as Json, json};

use super::whole::{NINE_HUNDRED, Sidecar, refund};
use crate::approval::Uptime;
use crate::control::StepError;
use crate::model::Timestamp;
use crate::{audit, control};

fn up(minutes: u64) -> Uptime {
    Uptime {
        boot: "a".to_owned(),
        since: Duration::from_secs(60 * minutes),
    }
}

/// A sidecar that started as the machine was up for 5 minutes, with an approved call that waits for its client. Its id.
async fn approved() -> (Sidecar, String) {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    client.abort();
    assert!(client.await.is_err());
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 200);
    let start: Vec<_> = control::uptime_members(Some(up(5)), Timestamp::now()).collect();
    sidecar.parts.store.write(audit::boot(start)).await.unwrap();
    (sidecar, id)
}

/// A start that many minutes after the machine's, by the clock as it is.
async fn start(sidecar: &Sidecar, minutes: u64) -> Result<(), StepError> {
    let (approvals, store) = (&sidecar.parts.approvals, &sidecar.parts.store);
    control::mind_the_step(approvals, store, Timestamp::now(), Some(&up(minutes))).await
}

async fn state(sidecar: &Sidecar, id: &str) -> Json {
    let path = format!("/approvals/{id}");
    sidecar.api("alice", Method::GET, &path, Json::Null).await.1["state"].clone()
}

async fn last(sidecar: &Sidecar, count: usize) -> Vec<String> {
    let kinds = sidecar.kinds().await;
    kinds[kinds.len() - count..].to_vec()
}

#[tokio::test]
async fn a_clock_that_was_set_back_and_ran_on_makes_no_yes_longer() {
    let (sidecar, id) = approved().await;
    start(&sidecar, 5).await.unwrap();
    assert_eq!(state(&sidecar, &id).await, "approved");
    start(&sidecar, 12).await.unwrap();
    assert_eq!(state(&sidecar, &id).await, "expired");
    assert_eq!(last(&sidecar, 2).await, ["expired", "gap"]);
}

#[tokio::test]
async fn a_clock_that_was_set_back_and_ran_on_makes_no_grant_longer() {
    let (sidecar, id) = approved().await;
    let row = sidecar.parts.approvals.get(&id.parse().unwrap()).unwrap().row;
    let grant = json!({
        "agent": "bot", "action": "process_refund", "kind": row.action.target.kind, "max": {"amount": "950usd"},
        "seconds": 1_800, "uses": 2, "reason": "the lost shipment",
    });
    let (status, given) = sidecar.api("alice", Method::POST, "/grants", grant).await;
    assert_eq!(status, 200, "{given}");
    start(&sidecar, 12).await.unwrap();
    assert_eq!(last(&sidecar, 3).await, ["expired", "grant", "gap"]);
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

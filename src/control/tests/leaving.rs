//! A client that leaves while it is answered.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use super::whole::{Sidecar, key_of};
use crate::model::Timestamp;
use crate::model::pause::{Pause, Whom};

fn statement(request: Option<&str>) -> Json {
    json!({ "action": "process_refund", "target": "ch_1", "amount": 900, "currency": "usd", "request_id": request })
}

async fn ask(sidecar: &Sidecar, statement: &Json) -> Json {
    let answer = sidecar.api("bot", Method::POST, "/guard", statement.clone()).await;
    answer.1
}

/// Asks, and is gone before the answer once it was waited for so many times; true: it was answered before.
async fn asks_and_leaves(sidecar: &Sidecar, statement: &Json, after: usize) -> bool {
    let request = Request::post("/api/v1/guard")
        .header("host", "127.0.0.1:8081")
        .header("authorization", format!("Bearer {}", key_of("bot")))
        .header("content-type", "application/json")
        .body(Body::from(statement.to_string()))
        .unwrap();
    let mut asking = pin!(sidecar.router().oneshot(request));
    let mut waited = 0;
    poll_fn(move |context| match asking.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(true),
        Poll::Pending if waited == after => Poll::Ready(false),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}

/// Calls that may be made by what people said of statements.
fn grants(sidecar: &Sidecar) -> usize {
    let grants = sidecar.parts.approvals.list_grants();
    grants.iter().filter(|given| given.stands).count()
}

/// In whichever moment the client leaves.
async fn leaving(request: Option<&str>) {
    for after in 0.. {
        let (sidecar, statement) = (Sidecar::start(), statement(request));
        let held = ask(&sidecar, &statement).await;
        let approval = held["approval_id"].as_str().unwrap();
        let (status, approved) = sidecar.approve("alice", approval, json!({})).await;
        assert_eq!((status, &approved["state"]), (200, &json!("approved")));
        let answered = asks_and_leaves(&sidecar, &statement, after).await;
        // What goes on without it comes to its end.
        tokio::time::sleep(Duration::from_millis(100)).await;
        sidecar.parts.store.flush().await.unwrap();
        let again = ask(&sidecar, &statement).await;
        assert!(
            grants(&sidecar) <= 1,
            "{after}: one yes, and {} calls: {again}",
            grants(&sidecar)
        );
        if !answered {
            assert_eq!(
                again["decision"], "ALLOW",
                "{after}: nobody was told, so nothing was done: {again}"
            );
        }
        let once_more = ask(&sidecar, &statement).await;
        match request {
            Some(_) => assert_eq!(once_more["decision_id"], again["decision_id"], "{after}"),
            None => assert_eq!(once_more["code"], "already_executed", "{after}: {once_more}"),
        }
        let entries = sidecar.entries().await;
        let given = entries.iter().filter(|entry| entry["event"] == "given").count();
        let ended = entries.iter().filter(|entry| entry["event"] == "expired").count();
        assert!(given <= ended + 1, "{after}: {given} were given, {ended} ended");
        if answered {
            assert!(after > 0, "it is left in the middle, too");
            return;
        }
    }
}

#[tokio::test]
async fn whenever_the_client_leaves_one_yes_is_one_execution() {
    leaving(None).await;
}

#[tokio::test]
async fn whenever_the_client_leaves_its_request_is_one_execution() {
    leaving(Some("r1")).await;
}

/// What was paused before it was answered may be done once it is resumed, and once.
#[tokio::test]
async fn a_pause_in_the_moment_of_a_yes_leaves_no_grant() {
    for step in 0..24 {
        let (sidecar, statement) = (Sidecar::start(), statement(None));
        let held = ask(&sidecar, &statement).await;
        let (status, _) = sidecar
            .approve("alice", held["approval_id"].as_str().unwrap(), json!({}))
            .await;
        assert_eq!(status, 200);
        let parts = sidecar.parts.clone();
        let pausing = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(200 * step));
            parts.gate.paused().put(&Pause {
                whom: Whom::Everyone,
                by: "olga".into(),
                reason: None,
                since: Timestamp::now(),
            });
        });
        let first = ask(&sidecar, &statement).await;
        pausing.join().unwrap();
        let before = grants(&sidecar);
        assert_eq!(before, usize::from(first["decision"] == "ALLOW"), "{step}: {first}");
        sidecar.parts.gate.paused().lift(&Whom::Everyone);
        let again = ask(&sidecar, &statement).await;
        assert_ne!(first["decision"], again["decision"], "{step}: {first} {again}");
        assert_eq!(grants(&sidecar), 1, "{step}: {first} {again}");
    }
}

//! Time goes by and nobody answers: what the sidecar's own task makes of it, on a machine whose clocks are moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::{Value as Json, json};
use tokio::sync::oneshot;

use super::whole::{Sidecar, refund, rules};
use crate::control::{Watch, expire};
use crate::model::outbox::{Channel, OutboxChange, REQUESTED, Receiver};
use crate::model::{Change, Reason, Timestamp};

/// Half of ten minutes is for approvers alone.
const ESCALATED: &str = r#"
@id("slow") @decision("REQUIRE_APPROVAL") @approvers("approver") @timeout("10m") @escalate("security at 50%")
forbid (principal, action == Action::"process_refund", resource);
"#;

struct Scene {
    sidecar: Sidecar,
    /// Seconds by which the clocks were moved.
    moved: Arc<AtomicI64>,
    _stop: oneshot::Sender<()>,
}

impl Scene {
    /// With both groups to be told by mail, and the task that looks at the clocks.
    async fn start() -> Self {
        let moved = Arc::new(AtomicI64::new(0));
        let sidecar = Sidecar::with_clocks(moved.clone());
        sidecar.parts.gate.replace(rules(ESCALATED));
        let mailbox = |group: &str| Receiver {
            name: group.into(),
            channel: Channel::Email,
            place: "a".repeat(64),
            groups: Some(vec![group.into()]),
            events: vec![REQUESTED.into()],
        };
        let receivers = ["approver", "security"].map(mailbox).to_vec();
        let change = Change::Outbox(OutboxChange::Receivers(receivers, Timestamp::now()));
        sidecar.parts.store.write(vec![change]).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let watch = Watch {
            approvals: sidecar.parts.approvals.clone(),
            store: sidecar.parts.store.clone(),
            gate: sidecar.parts.gate.clone(),
            notices: sidecar.lines.clone(),
            home_option: String::new(),
        };
        tokio::spawn(expire(watch, async {
            stopped.await.unwrap_or_default();
        }));
        Self {
            sidecar,
            moved,
            _stop: stop,
        }
    }

    /// Who is to be told, or was.
    async fn told(&self) -> Vec<String> {
        self.sidecar.parts.store.flush().await.unwrap();
        let reader = self.sidecar.parts.store.reader().unwrap();
        let all = reader.deliveries(true, 100).unwrap();
        let mut told: Vec<String> = all.iter().map(|delivery| delivery.receiver.to_string()).collect();
        told.sort();
        told
    }

    /// Moves the clocks to so many seconds, and waits until the task has seen it.
    async fn move_to(&self, seconds: i64, kind: &str) {
        self.moved.store(seconds, Ordering::SeqCst);
        for _ in 0..600 {
            if self.sidecar.kinds().await.iter().any(|found| found == kind) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nothing `{kind}`: {:?}", self.sidecar.kinds().await);
    }

    /// Waits until it stands on the terminal.
    async fn prints(&self, words: &str) {
        let lines = || self.sidecar.lines.0.lock().unwrap().join("\n");
        for _ in 0..100 {
            if lines().contains(words) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{}", lines());
    }

    async fn approve(&self, who: &str, id: &str) -> u16 {
        self.sidecar.approve(who, id, json!({})).await.0
    }
}

#[tokio::test]
async fn after_half_the_time_the_second_group_is_told_and_may_decide() {
    let scene = Scene::start().await;
    let client = scene.sidecar.send(refund("charge=ch_1&amount=9000", "a"));
    let id = scene.sidecar.pending().await;
    assert_eq!(scene.told().await, ["approver"]);
    assert_eq!(scene.approve("sam", &id).await, 403, "not yet");
    // The clock is looked at each second: what came of less than half of the time would be seen by then.
    scene.moved.store(240, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(scene.told().await, ["approver"]);
    assert_eq!(scene.approve("sam", &id).await, 403, "nor a moment before");
    scene.move_to(301, "escalated").await;
    assert_eq!(scene.told().await, ["approver", "security"]);
    scene.prints("nobody has answered, asks approver or security now").await;
    assert_eq!(scene.approve("zoe", &id).await, 403, "of neither group");
    assert_eq!(scene.approve("sam", &id).await, 200);
    assert!(client.await.unwrap().is_ok());
}

#[tokio::test]
async fn the_first_group_still_may_and_what_nobody_answers_is_denied() {
    let scene = Scene::start().await;
    let client = scene.sidecar.send(refund("charge=ch_1&amount=9000", "a"));
    let id = scene.sidecar.pending().await;
    scene.move_to(301, "escalated").await;
    // On record it is a moment before it may be decided again.
    scene.prints("nobody has answered, asks approver or security now").await;
    assert_eq!(scene.approve("alice", &id).await, 200);
    assert!(client.await.unwrap().is_ok());

    let other = scene.sidecar.send(refund("charge=ch_2&amount=9000", "b"));
    let id = scene.sidecar.pending().await;
    // Its own ten minutes begin where the first one was answered.
    scene.move_to(301 + 601, "expired").await;
    let Err(refused) = other.await.unwrap() else {
        panic!("nobody approved it")
    };
    assert_eq!(refused.refusal.reason, Reason::ApprovalExpired);
    assert_ne!(scene.approve("sam", &id).await, 200);
    let (_, seen) = scene
        .sidecar
        .api("olga", Method::GET, &format!("/approvals/{id}"), Json::Null)
        .await;
    assert_eq!(seen["state"], "expired", "{seen}");
}

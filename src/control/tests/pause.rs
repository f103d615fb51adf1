//! The kill switch by its API: who may throw it, what it does to what is held, and what stands when the disk fails.

use http::Method;
use serde_json::{Value as Json, json};

use super::whole::{NINE_HUNDRED, Sidecar, refund};
use crate::model::Reason;

async fn switch(sidecar: &Sidecar, who: &str, path: &str, whom: Json) -> (u16, Json) {
    sidecar.api(who, Method::POST, path, whom).await
}

#[tokio::test]
async fn a_pause_is_lifted_by_owners_and_by_who_made_it() {
    let sidecar = Sidecar::start();
    let bot = json!({"agent": "bot"});
    for (lifts, status) in [("sam", 403), ("zoe", 403), ("alice", 200)] {
        assert_eq!(switch(&sidecar, "alice", "/pause", bot.clone()).await.0, 200);
        let (found, told) = switch(&sidecar, lifts, "/resume", bot.clone()).await;
        assert_eq!(found, status, "{lifts}: {told}");
    }
    // Whoever may decide nothing else may stop.
    assert_eq!(switch(&sidecar, "zoe", "/pause", json!({"all": true})).await.0, 200);
    assert_eq!(switch(&sidecar, "olga", "/resume", json!({"all": true})).await.0, 200);
    assert!(sidecar.parts.gate.paused().list().is_empty());
    let people: Vec<_> = sidecar
        .entries()
        .await
        .iter()
        .map(|entry| entry["by"].clone())
        .collect();
    assert_eq!(people, ["alice", "alice", "zoe", "olga"]);
}

#[tokio::test]
async fn a_pause_stays_that_of_who_made_it() {
    let sidecar = Sidecar::start();
    let (bot, again) = (
        json!({"agent": "bot", "reason": "looks stolen"}),
        json!({"agent": "bot", "reason": "mine now"}),
    );
    assert_eq!(switch(&sidecar, "olga", "/pause", bot).await.0, 200);
    let (status, told) = switch(&sidecar, "alice", "/pause", again).await;
    assert_eq!(
        (status, &told["already"], &told["by"]),
        (200, &json!(true), &json!("olga")),
        "{told}"
    );
    assert_eq!(told["reason"], "looks stolen");
    let (status, told) = switch(&sidecar, "alice", "/resume", json!({"agent": "bot"})).await;
    assert_eq!(status, 403, "{told}");
    assert!(told["detail"].as_str().unwrap().contains("olga"), "{told}");
    assert_eq!(sidecar.kinds().await, ["pause"]);
}

#[tokio::test]
async fn agents_and_strangers_throw_no_switch() {
    let sidecar = Sidecar::start();
    for path in ["/pause", "/resume"] {
        assert_eq!(switch(&sidecar, "bot", path, json!({"all": true})).await.0, 403);
        assert_eq!(switch(&sidecar, "mallory", path, json!({"all": true})).await.0, 401);
    }
    assert_eq!(sidecar.api("bot", Method::GET, "/pause", Json::Null).await.0, 403);
    assert!(sidecar.parts.gate.paused().list().is_empty());
    assert_eq!(sidecar.kinds().await, ["refused"; 5]);
}

#[tokio::test]
async fn a_switch_without_one_meaning_switches_nothing() {
    let sidecar = Sidecar::start();
    for wrong in [
        json!({}),
        json!({"all": false}),
        json!({"agent": "bot", "all": true}),
        json!({"agent": "Bot"}),
        json!({"agent": "*"}),
        json!({"agent": ""}),
        json!({"agents": "bot"}),
        json!({"all": true, "reason": " "}),
        json!({"all": true, "reason": "x".repeat(1_001)}),
    ] {
        let (status, told) = switch(&sidecar, "olga", "/pause", wrong.clone()).await;
        assert_eq!(status, 422, "{wrong}: {told}");
    }
    for whom in [json!({"agent": "bot"}), json!({"all": true})] {
        assert_eq!(switch(&sidecar, "olga", "/resume", whom).await.0, 404);
    }
    switch(&sidecar, "olga", "/pause", json!({"all": true})).await;
    let (status, told) = switch(&sidecar, "olga", "/resume", json!({"agent": "bot"})).await;
    assert_eq!(status, 404);
    assert!(told["detail"].as_str().unwrap().contains("resume --all"), "{told}");
    assert!(sidecar.parts.gate.paused().check("bot").is_err());
}

#[tokio::test]
async fn a_pause_stands_though_it_could_not_be_recorded() {
    let sidecar = Sidecar::start();
    std::fs::remove_file(sidecar.database()).unwrap();
    let (status, told) = switch(&sidecar, "olga", "/pause", json!({"agent": "bot"})).await;
    assert_eq!(status, 503);
    assert!(
        told["detail"]
            .as_str()
            .unwrap()
            .contains("for as long as this sidecar runs"),
        "{told}"
    );
    assert!(sidecar.parts.gate.paused().check("bot").is_err());
    // What could not be lifted on disk is not lifted.
    assert_eq!(
        switch(&sidecar, "olga", "/resume", json!({"agent": "bot"})).await.0,
        503
    );
    assert!(sidecar.parts.gate.paused().check("bot").is_err());
}

#[tokio::test]
async fn what_waits_is_answered_by_the_pause_and_its_grant_waits_for_the_resume() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    assert_eq!(switch(&sidecar, "olga", "/pause", json!({"agent": "bot"})).await.0, 200);
    let refused = client.await.unwrap().unwrap_err();
    assert_eq!(refused.refusal.reason, Reason::Paused);
    assert!(refused.refusal.detail.starts_with("NOT executed: "), "{refused:?}");
    assert_eq!(refused.approval.map(|id| id.to_string()), Some(id.clone()));
    // People go on deciding; what they say is not worth anything yet.
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 200);
    let refused = sidecar.send(refund(NINE_HUNDRED, "k1")).await.unwrap().unwrap_err();
    assert_eq!(refused.refusal.reason, Reason::Paused);
    assert!(!sidecar.kinds().await.contains(&"consumed".to_owned()));
    assert_eq!(
        switch(&sidecar, "olga", "/resume", json!({"agent": "bot"})).await.0,
        200
    );
    let permit = sidecar.send(refund(NINE_HUNDRED, "k1")).await.unwrap().unwrap();
    assert_eq!(permit.get().approval().map(ToString::to_string), Some(id));
}

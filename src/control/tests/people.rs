//! Several people and one call: who may state what, who may still say no, and whose yes still counts.

use http::Method;
use serde_json::{Value as Json, json};

use super::whole::{NINE_HUNDRED, Sidecar, refund, rules};
use crate::audit;
use crate::model::change::CallClosed;
use crate::model::{Outcome, Reason, State, Timestamp, Vote};

/// Security looks at every refund, whatever its amount.
const EVERY_REFUND: &str = r#"
@id("every-refund") @decision("REQUIRE_APPROVAL") @approvers("security") @reason("Security looks at refunds")
forbid (principal, action == Action::"process_refund", resource);
"#;

fn detail(problem: &Json) -> &str {
    problem["detail"].as_str().unwrap_or_default()
}

/// Approved; perhaps used already by the client that is connected.
fn is_granted(approval: &Json) -> bool {
    matches!(approval["state"].as_str(), Some("approved" | "consumed"))
}

async fn shown(sidecar: &Sidecar, id: &str) -> Json {
    sidecar
        .api("alice", Method::GET, &format!("/approvals/{id}"), Json::Null)
        .await
        .1
}

#[tokio::test]
async fn a_missing_value_is_stated_by_those_who_may_and_by_nobody_else() {
    let sidecar = Sidecar::start();
    sidecar.parts.gate.replace(rules(EVERY_REFUND));
    let client = sidecar.send(refund("charge=ch_1", "k1"));
    let id = sidecar.pending().await;

    // Security does not speak for the amount: it is not asked for one, and one that it gives is not taken.
    let (status, problem) = sidecar.approve("sam", &id, json!({"amount": "5"})).await;
    assert_eq!(status, 403, "{problem}");
    assert!(detail(&problem).contains("approver (incomplete_action)"), "{problem}");
    let (status, first) = sidecar.approve("sam", &id, json!({})).await;
    assert_eq!((status, &first["state"]), (200, &json!("pending")), "{first}");
    assert_eq!(first["stated"], json!({}));
    assert_eq!(first["missing"][0]["wanted"], json!(true), "{first}");

    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 422);
    let (status, second) = sidecar.approve("alice", &id, json!({"amount": "51200"})).await;
    assert_eq!((status, is_granted(&second)), (200, true), "{second}");
    assert_eq!(second["stated"], json!({"amount": 51_200}));
    assert!(client.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_person_who_consented_may_still_deny() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund("charge=ch_1&amount=600000", "k1"));
    let id = sidecar.pending().await;
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.1["state"], "pending");
    let path = format!("/approvals/{id}/deny");
    let no = json!({"reason": "I looked again"});
    assert_eq!(sidecar.api("zoe", Method::POST, &path, no.clone()).await.0, 403);
    let (status, denied) = sidecar.api("alice", Method::POST, &path, no).await;
    assert_eq!((status, &denied["state"]), (200, &json!("denied")), "{denied}");
    assert_eq!(
        client.await.unwrap().unwrap_err().refusal.reason,
        Reason::ApprovalDenied
    );
}

/// A person added at run time, who can be disabled; their key.
async fn add(sidecar: &Sidecar, name: &str, group: &str) -> String {
    let new = json!({"name": name, "groups": [group]});
    let (status, added) = sidecar.api("olga", Method::POST, "/people", new).await;
    assert_eq!(status, 201, "{added}");
    added["key"].as_str().unwrap().to_owned()
}

async fn disable(sidecar: &Sidecar, name: &str) {
    let path = format!("/people/{name}/disable");
    assert_eq!(sidecar.api("olga", Method::POST, &path, json!({})).await.0, 200);
}

#[tokio::test]
async fn the_grant_of_a_person_who_was_disabled_meanwhile_asks_again() {
    let sidecar = Sidecar::start();
    let dana = add(&sidecar, "dana", "approver").await;
    let client = sidecar.send(refund("charge=ch_1", "k1"));
    let id = sidecar.pending().await;
    client.abort();
    assert!(client.await.is_err());
    let approve = format!("/approvals/{id}/approve");
    let yes = json!({"set": {"amount": "51200"}});
    assert_eq!(sidecar.api_with(&dana, Method::POST, &approve, yes).await.0, 200);
    disable(&sidecar, "dana").await;

    let client = sidecar.send(refund("charge=ch_1", "k1"));
    assert_eq!(sidecar.pending().await, id, "the same approval asks again");
    let asks = shown(&sidecar, &id).await;
    assert_eq!((&asks["votes"], &asks["stated"]), (&json!([]), &json!({})), "{asks}");
    let (status, approved) = sidecar.approve("alice", &id, json!({"amount": "60000"})).await;
    assert_eq!((status, is_granted(&approved)), (200, true), "{approved}");
    assert!(client.await.unwrap().is_ok());
}

#[tokio::test]
async fn the_vote_of_a_person_who_was_disabled_meanwhile_is_not_added_to_anothers() {
    let sidecar = Sidecar::start();
    let dana = add(&sidecar, "dana", "security").await;
    let client = sidecar.send(refund("charge=ch_1&amount=600000", "k1"));
    let id = sidecar.pending().await;
    let approve = format!("/approvals/{id}/approve");
    let (status, first) = sidecar.api_with(&dana, Method::POST, &approve, json!({})).await;
    assert_eq!(
        (status, &first["rules"][0]["id"]),
        (200, &json!("refund-over-500")),
        "{first}"
    );
    disable(&sidecar, "dana").await;
    let (status, still) = sidecar.approve("alice", &id, json!({})).await;
    assert_eq!((status, &still["state"]), (200, &json!("pending")), "{still}");
    assert_eq!(still["rules"][0]["id"], "refund-over-5000", "{still}");
    assert_eq!(sidecar.approve("sam", &id, json!({})).await.0, 200);
    assert!(client.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_yes_counts_for_what_its_person_saw() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund("charge=ch_1&amount=600000", "k1"));
    let id = sidecar.pending().await;
    let seen = shown(&sidecar, &id).await["revision"].clone();
    assert_eq!(seen, json!(0));
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 200);
    let path = format!("/approvals/{id}/approve");
    let (status, problem) = sidecar.api("sam", Method::POST, &path, json!({"revision": seen})).await;
    assert_eq!(status, 409, "{problem}");
    assert!(detail(&problem).contains("look at it again"), "{problem}");
    let (status, approved) = sidecar.api("sam", Method::POST, &path, json!({"revision": 1})).await;
    assert_eq!((status, is_granted(&approved)), (200, true), "{approved}");
    assert!(client.await.unwrap().is_ok());
}

#[tokio::test]
async fn what_is_on_disk_though_its_commit_failed_is_learnt() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    // The record of a yes reached the disk, but whoever wrote it was told that nobody knows.
    let Ok(review) = sidecar.parts.approvals.review(&id.parse().unwrap()) else {
        panic!("expected it to be pending");
    };
    let vote = Vote {
        person: "alice".into(),
        time: Timestamp::now(),
        proof: "key".into(),
        reason: None,
        rules: review
            .row()
            .rules
            .iter()
            .map(|rule| (rule.id.clone(), rule.digest.clone()))
            .collect(),
    };
    let draft = review.approve(vote.clone(), std::collections::BTreeMap::new());
    let changes = audit::approved(draft.row(), &vote, &draft.row().stated);
    sidecar.parts.store.write(changes).await.unwrap();
    drop(draft);
    assert_eq!(shown(&sidecar, &id).await["state"], "pending");

    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 409);
    assert!(is_granted(&shown(&sidecar, &id).await));
    assert!(client.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_grant_spent_on_disk_though_its_commit_failed_is_learnt_with_its_end() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    client.abort();
    assert!(client.await.is_err());
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 200);
    // Spent on a call of which nothing was sent, as the disk knows and we do not.
    sidecar.parts.store.flush().await.unwrap();
    let mut row = sidecar.parts.approvals.get(&id.parse().unwrap()).unwrap().row;
    row.revision += 1;
    row.state = State::Consumed;
    row.consumed = Some(Timestamp::now());
    row.consumed_by = Some(row.first_call.clone());
    sidecar.parts.store.write(audit::consumed(&row)).await.unwrap();

    let refused = sidecar.send(refund(NINE_HUNDRED, "k2")).await.unwrap().unwrap_err();
    assert_eq!(refused.refusal.reason, Reason::AuditUnavailable);
    assert_eq!(shown(&sidecar, &id).await["outcome"], "not_sent");
    let again = sidecar.send(refund(NINE_HUNDRED, "k3"));
    assert_ne!(sidecar.pending().await, id, "people are asked again");
    again.abort();
}

#[tokio::test]
async fn what_could_not_be_recorded_is_not_called_blocked() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    client.abort();
    assert!(client.await.is_err());
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 200);
    let held = sidecar.decide(refund(NINE_HUNDRED, "k2"));
    let freeze = r#"@id("freeze") forbid (principal, action == Action::"process_refund", resource);"#;
    sidecar.parts.gate.replace(rules(freeze));
    sidecar.parts.store.flush().await.unwrap();
    std::fs::remove_file(sidecar.database()).unwrap();
    let refused = Sidecar::wait(&sidecar.parts, held).await.unwrap_err();
    assert_eq!(refused.refusal.reason, Reason::AuditUnavailable);
    let lines = sidecar.lines.0.lock().unwrap().clone();
    assert!(lines.iter().all(|line| line.starts_with("HELD")), "{lines:?}");
}

#[tokio::test]
async fn a_call_that_was_never_sent_is_not_called_executed_after_a_restart() {
    for (outcome, expected) in [
        (Outcome::NotSent, Reason::ApprovalPending),
        (Outcome::Failure, Reason::AlreadyExecuted),
    ] {
        let sidecar = Sidecar::start();
        let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
        let id = sidecar.pending().await;
        assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 200);
        let permit = client.await.unwrap().unwrap();
        let closed = CallClosed {
            call: permit.get().call().id.clone(),
            time: Timestamp::now(),
            outcome,
            reason: None,
            status: Some(402).filter(|_| outcome == Outcome::Failure),
            result_id: None,
            carried: None,
        };
        drop(permit);
        let changes = audit::closed(&"bot".into(), closed);
        sidecar.parts.store.write(changes).await.unwrap();

        let sidecar = sidecar.restart();
        let again = sidecar.send(refund(NINE_HUNDRED, "k1"));
        if expected == Reason::ApprovalPending {
            assert_ne!(sidecar.pending().await, id, "people are asked again");
            sidecar.stop();
        }
        let refused = again.await.unwrap().unwrap_err();
        assert_eq!(refused.refusal.reason, expected, "{}", refused.refusal.detail);
        if outcome == Outcome::Failure {
            let told = &refused.refusal.detail;
            assert!(told.contains("the provider refused it (HTTP 402)"), "{told}");
        }
    }
}

//! What was approved goes through, once.

use super::*;

#[tokio::test]
async fn an_approved_call_gets_its_permit_on_the_same_connection_and_a_repetition_is_refused() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    let line = sidecar.lines.0.lock().unwrap().join("\n");
    assert!(
        line.starts_with(&format!("HELD {} bot: ", &id[..12])) && line.contains("waits 300 s"),
        "{line}"
    );

    let (status, shown) = sidecar
        .api("alice", Method::GET, &format!("/approvals/{}", &id[..12]), Json::Null)
        .await;
    assert_eq!((status, shown["clients"].as_u64()), (200, Some(1)));
    assert_eq!(shown["fields"]["amount"], 90_000);
    assert_eq!(shown["rules"][0]["id"], "refund-over-500");

    let (status, approved) = sidecar.approve("alice", &id, json!({})).await;
    assert_eq!(
        (status, &approved["votes"][0]["person"]),
        (200, &json!("alice")),
        "{approved}"
    );
    let permit = client.await.unwrap().unwrap();
    assert_eq!(permit.get().approval().unwrap().as_str(), id);
    assert_eq!(permit.get().call().body.captured().unwrap(), NINE_HUNDRED.as_bytes());

    let again = sidecar.send(refund(NINE_HUNDRED, "k2")).await.unwrap().unwrap_err();
    assert_eq!(again.refusal.reason, Reason::AlreadyExecuted);
    assert!(again.refusal.detail.contains(permit.get().call().id.as_str()));
    assert_eq!(again.approval.unwrap().as_str(), id);
    assert_eq!(
        sidecar.kinds().await,
        [
            "decided", "held", "approved", "decided", "consumed", "decided", "outcome"
        ]
    );
    let calls = sidecar.calls().await;
    assert_eq!((calls[0].row.decision, calls[0].row.outcome), ("ALLOW", None));
    assert_eq!(
        (calls[1].row.reason, calls[1].row.outcome),
        (Some(Reason::AlreadyExecuted), Some(Outcome::NotSent))
    );
}

#[tokio::test]
async fn a_client_that_leaves_spends_nothing_and_its_next_call_goes_through_once() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    client.abort();
    assert!(client.await.is_err());
    let calls = sidecar.calls().await;
    assert_eq!(
        (calls[0].row.outcome, calls[0].row.reason),
        (Some(Outcome::NotSent), Some(Reason::ApprovalPending))
    );
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 200);
    assert_eq!(sidecar.calls().await.len(), 1, "nothing is sent for nobody");

    let sidecar = sidecar.restart();
    let clients: Vec<_> = (0..20).map(|_| sidecar.send(refund(NINE_HUNDRED, "k2"))).collect();
    let mut permits = 0;
    for client in clients {
        match client.await.unwrap() {
            Ok(_) => permits += 1,
            Err(refused) => assert_eq!(refused.refusal.reason, Reason::AlreadyExecuted),
        }
    }
    assert_eq!(permits, 1);
}

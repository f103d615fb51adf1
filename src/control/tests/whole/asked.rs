//! Who is asked, and for what.

use super::*;

#[tokio::test]
async fn a_refund_of_everything_is_held_until_its_amount_is_stated() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund("charge=ch_1", "k1"));
    let id = sidecar.pending().await;
    assert!(sidecar.lines.0.lock().unwrap()[0].ends_with("--set amount=…"));
    let (status, problem) = sidecar.approve("alice", &id, json!({})).await;
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("`amount`"), "{problem}");
    assert_eq!(sidecar.approve("alice", &id, json!({"amount": "512.00"})).await.0, 422);
    assert_eq!(sidecar.approve("alice", &id, json!({"charge": "ch_2"})).await.0, 422);
    let (status, approved) = sidecar.approve("alice", &id, json!({"amount": "51200"})).await;
    assert_given(status, &approved);
    assert_eq!(approved["stated"]["amount"], 51_200);
    let permit = client.await.unwrap().unwrap();
    assert_eq!(
        permit.get().call().body.captured().unwrap(),
        b"charge=ch_1",
        "what was asked for is what is sent"
    );
}

#[tokio::test]
async fn rules_of_two_groups_want_a_person_of_each() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund("charge=ch_1&amount=600000", "k1"));
    let id = sidecar.pending().await;
    assert_eq!(sidecar.approve("zoe", &id, json!({})).await.0, 403);
    let (status, first) = sidecar.approve("alice", &id, json!({})).await;
    assert_eq!((status, &first["state"]), (200, &json!("pending")), "{first}");
    assert_eq!(first["rules"][0]["id"], "refund-over-5000");
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 403);
    let (status, second) = sidecar.approve("sam", &id, json!({})).await;
    assert_given(status, &second);
    assert!(client.await.unwrap().is_ok());
}

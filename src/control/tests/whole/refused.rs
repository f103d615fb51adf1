//! What is not given, and to whom.

use super::*;

#[tokio::test]
async fn a_denial_reaches_the_agent_with_its_reason_and_holds_for_the_next_call() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    let path = format!("/approvals/{id}/deny");
    assert_eq!(
        sidecar
            .api("alice", Method::POST, &path, json!({"reason": " "}))
            .await
            .0,
        422
    );
    assert_eq!(
        sidecar.api("zoe", Method::POST, &path, json!({"reason": "no"})).await.0,
        403
    );
    assert_eq!(
        sidecar
            .api("alice", Method::POST, &path, json!({"reason": "customer never asked"}))
            .await
            .0,
        200
    );
    let refused = client.await.unwrap().unwrap_err();
    assert_eq!(refused.refusal.reason, Reason::ApprovalDenied);
    assert!(refused.refusal.detail.contains("customer never asked"));
    let again = sidecar.send(refund(NINE_HUNDRED, "k2")).await.unwrap().unwrap_err();
    assert_eq!(again.refusal.reason, Reason::ApprovalDenied);
    let (status, problem) = sidecar.approve("alice", &id, json!({})).await;
    assert_eq!(status, 409);
    assert!(
        problem["detail"].as_str().unwrap().contains("is denied by alice"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_policy_that_changed_meanwhile_blocks_or_asks_again() {
    let sidecar = Sidecar::start();
    let change = |extra: &str| sidecar.parts.gate.replace(rules(extra));
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    client.abort();
    assert!(client.await.is_err());
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 200);

    let freeze = r#"@id("freeze") @reason("No refunds today")
        forbid (principal, action == Action::"process_refund", resource);"#;
    change(freeze);
    // The gate blocks such a call before it looks for approvals; here the policy changes after that.
    change(SECURITY);
    let held = sidecar.decide(refund(NINE_HUNDRED, "k1"));
    change(freeze);
    let blocked = Sidecar::wait(&sidecar.parts, held).await.unwrap_err();
    assert_eq!(
        (blocked.refusal.reason, &*blocked.rules[0].id),
        (Reason::PolicyBlocked, "freeze")
    );
    let lines = sidecar.lines.0.lock().unwrap().clone();
    let last = lines.last().unwrap();
    assert!(
        last.starts_with("BLOCKED bot: ") && last.contains(" (freeze), risk "),
        "{last}"
    );

    change(&SECURITY.replace("500000", "80000"));
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    assert_eq!(sidecar.pending().await, id, "the same approval asks again");
    let (status, approved) = sidecar.approve("sam", &id, json!({})).await;
    assert_given(status, &approved);
    assert!(client.await.unwrap().is_ok());
    let kinds = sidecar.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "held").count(), 2);
    assert_eq!(kinds.iter().filter(|kind| *kind == "consumed").count(), 1);
}

#[tokio::test]
async fn a_call_that_would_be_blocked_by_now_is_not_approved() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    let freeze = r#"@id("freeze") forbid (principal, action == Action::"process_refund", resource);"#;
    sidecar.parts.gate.replace(rules(freeze));
    let (status, problem) = sidecar.approve("olga", &id, json!({})).await;
    assert_eq!(status, 409);
    assert!(problem["detail"].as_str().unwrap().contains("freeze"), "{problem}");
    assert_eq!(sidecar.pending().await, id);
    client.abort();
}

#[tokio::test]
async fn stopping_answers_held_calls_and_keeps_what_is_pending() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    sidecar.draining.send_replace(true);
    let refused = client.await.unwrap().unwrap_err();
    assert_eq!(refused.refusal.reason, Reason::ApprovalPending);
    assert!(refused.refusal.detail.contains(&id));
    let sidecar = sidecar.restart();
    assert_eq!(sidecar.pending().await, id);
}

#[tokio::test]
async fn an_agents_key_decides_nothing_and_trying_it_is_recorded() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    assert_eq!(sidecar.approve("bot", &id, json!({})).await.0, 403);
    assert_eq!(sidecar.approve("nobody", &id, json!({})).await.0, 401);
    assert_eq!(sidecar.api("bot", Method::GET, "/approvals", Json::Null).await.0, 403);
    assert_eq!(
        sidecar.kinds().await.iter().filter(|kind| *kind == "refused").count(),
        3
    );
    assert_eq!(sidecar.pending().await, id);
    client.abort();
}

#[tokio::test]
async fn an_agents_owner_may_be_kept_from_approving_it() {
    let sidecar = Sidecar::start_in(tempfile::tempdir().unwrap(), false);
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    assert_eq!(sidecar.approve("olga", &id, json!({})).await.0, 403);
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 200);
    assert!(client.await.unwrap().is_ok());
}

#[tokio::test]
async fn only_owners_change_who_may_do_what() {
    let sidecar = Sidecar::start();
    let new = json!({"name": "dana", "groups": ["owner"]});
    assert_eq!(sidecar.api("alice", Method::POST, "/people", new.clone()).await.0, 403);
    let (status, dana) = sidecar.api("olga", Method::POST, "/people", new.clone()).await;
    assert_eq!(status, 201, "{dana}");
    assert!(dana["key"].as_str().unwrap().starts_with("rp_"));
    assert_eq!(sidecar.api("olga", Method::POST, "/people", new).await.0, 409);
    let agent = json!({"name": "ops-bot", "roles": ["sre"], "owner": "dana"});
    assert_eq!(
        sidecar.api("alice", Method::POST, "/agents", agent.clone()).await.0,
        403
    );
    assert_eq!(sidecar.api("olga", Method::POST, "/agents", agent).await.0, 201);
    let (_, agents) = sidecar.api("alice", Method::GET, "/agents", Json::Null).await;
    let text = agents.to_string();
    assert!(
        text.contains("ops-bot") && !text.contains("sha256") && !text.contains("rp_"),
        "{text}"
    );
    assert_eq!(
        sidecar
            .api("olga", Method::POST, "/agents/ops-bot/disable", json!({}))
            .await
            .0,
        200
    );
    assert_eq!(
        sidecar
            .api("olga", Method::POST, "/agents/ops-bot/disable", json!({}))
            .await
            .0,
        409
    );
    assert_eq!(
        sidecar
            .api("olga", Method::POST, "/agents/nobody/disable", json!({}))
            .await
            .0,
        404
    );
    assert_eq!(
        sidecar
            .api("olga", Method::POST, "/people/dana/disable", json!({}))
            .await
            .0,
        200
    );
}

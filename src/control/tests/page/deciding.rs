//! Decisions by form.

use serde_json::{Value as Json, json};

use super::Browser;
use crate::control::tests::whole::{NINE_HUNDRED, Sidecar, refund};
use crate::model::Reason;

async fn state(sidecar: &Sidecar, id: &str) -> Json {
    let path = format!("/approvals/{id}");
    sidecar.api("olga", http::Method::GET, &path, Json::Null).await.1
}

#[tokio::test]
async fn an_approved_call_goes_through_and_its_record_names_person_and_proof() {
    for by_link in [false, true] {
        let sidecar = Sidecar::start();
        let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
        let id = sidecar.pending().await;
        let browser = match by_link {
            false => Browser::of(&sidecar, "alice").await,
            true => {
                let (_, made) = sidecar.api("alice", http::Method::POST, "/page/link", json!({})).await;
                let path = made["url"]
                    .as_str()
                    .unwrap()
                    .strip_prefix("http://127.0.0.1:8081")
                    .unwrap()
                    .to_owned();
                let browser = Browser::new(&sidecar);
                let form = browser.get(&path).await.form();
                assert_eq!(browser.post(&path, &[("form", &form)]).await.status, 303);
                browser
            }
        };
        let answer = browser
            .submit(&id, "approve", &[("reason", " the parcel is lost ")])
            .await;
        assert_eq!(
            (answer.status, answer.leads_to()),
            (303, &*format!("/approvals/{id}")),
            "{}",
            answer.text
        );
        let permit = client.await.unwrap().unwrap();
        assert_eq!(permit.get().approval().unwrap().as_str(), id);
        let entries = sidecar.entries().await;
        let approved: Vec<&Json> = entries.iter().filter(|entry| entry["kind"] == "approved").collect();
        assert_eq!(approved.len(), 1);
        let proof = if by_link { "link" } else { "key" };
        assert_eq!(
            (&approved[0]["person"], &approved[0]["proof"]),
            (&json!("alice"), &json!(proof))
        );
        let shown = browser.get(&format!("/approvals/{id}")).await;
        shown.has("the parcel is lost").has_not("/approve\"");
    }
}

#[tokio::test]
async fn a_form_that_we_did_not_show_changes_nothing() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    let (alice, olga) = (
        Browser::of(&sidecar, "alice").await,
        Browser::of(&sidecar, "olga").await,
    );
    let path = format!("/approvals/{id}/approve");
    let theirs = olga.get("/").await.form();
    for token in ["", "0", theirs.as_str()] {
        let answer = alice.post(&path, &[("form", token), ("revision", "0")]).await;
        assert_eq!(answer.status, 403, "{token}");
        answer.has("nothing was changed");
    }
    assert_eq!(alice.post(&path, &[("revision", "0")]).await.status, 403);
    let own = alice.get("/").await.form();
    let twice = [("form", own.as_str()), ("revision", "0"), ("revision", "0")];
    assert_eq!(alice.post(&path, &twice).await.status, 422);
    // What no form of ours is sent as: by a script of another site without asking first, or as the API takes it.
    let text = format!("form={own}&revision=0");
    for kind in ["text/plain", "application/json", "multipart/form-data"] {
        let answer = alice
            .ask(http::Method::POST, &path, &[("content-type", kind)], text.clone())
            .await;
        assert_eq!(answer.status, 415, "{kind}");
    }
    let long = "x".repeat(70_000);
    assert_eq!(
        alice.post(&path, &[("form", &own), ("reason", &long)]).await.status,
        413
    );
    for path in [&path, "/", "/sign-out"] {
        let answer = alice.get(path).await;
        assert_ne!(answer.status, 303, "a look at {path} changes nothing");
    }
    assert_eq!(state(&sidecar, &id).await["state"], "pending");
    assert_eq!(alice.get("/").await.status, 200, "nor signs out");
    client.abort();
}

#[tokio::test]
async fn a_denial_wants_a_reason_and_the_agent_is_told_it() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    let browser = Browser::of(&sidecar, "alice").await;
    let without = browser.submit(&id, "deny", &[("reason", "  ")]).await;
    assert_eq!(without.status, 422);
    without.has("expected a reason").has(r#"role="alert""#);
    assert_eq!(
        browser
            .submit(&id, "deny", &[("reason", "not <b>that</b> customer")])
            .await
            .status,
        303
    );
    let refused = client.await.unwrap().unwrap_err();
    assert_eq!(refused.refusal.reason, Reason::ApprovalDenied);
    assert!(refused.refusal.detail.contains("<b>that</b> customer"));
    let shown = browser.get(&format!("/approvals/{id}")).await;
    shown.has("not &#60;b&#62;that&#60;/b&#62; customer").has_not("<b>that");
}

#[tokio::test]
async fn who_may_not_decide_is_told_so_and_trying_it_is_on_record() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    let zoe = Browser::of(&sidecar, "zoe").await;
    let shown = zoe.get(&format!("/approvals/{id}")).await;
    shown
        .has("You may not approve this")
        .has_not("/approve\"")
        .has_not("/deny\"");
    for (step, fields) in [("approve", &[][..]), ("deny", &[("reason", "no")])] {
        let mut all = fields.to_vec();
        let form = zoe.get("/").await.form();
        all.extend([("form", form.as_str()), ("revision", "0")]);
        let answer = zoe.post(&format!("/approvals/{id}/{step}"), &all).await;
        assert_eq!(answer.status, 403, "{step}");
        answer.has("may not decide this");
    }
    let entries = sidecar.entries().await;
    let tried = entries
        .iter()
        .filter(|entry| entry["reason"] == "not_decided" && entry["person"] == "zoe");
    assert_eq!(tried.count(), 2);
    assert_eq!(state(&sidecar, &id).await["state"], "pending");
    client.abort();
}

#[tokio::test]
async fn a_missing_amount_is_stated_as_people_write_it() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund("charge=ch_1", "k1"));
    let id = sidecar.pending().await;
    let browser = Browser::of(&sidecar, "alice").await;
    let shown = browser.get(&format!("/approvals/{id}")).await;
    shown.has(r#"name="set-amount.amount""#).has("USD");
    for (amount, status) in [("", 422), ("1,000.50", 422), ("5e2", 422), ("-3", 422)] {
        let answer = browser
            .submit(
                &id,
                "approve",
                &[("set-amount.amount", amount), ("reason", "kept words")],
            )
            .await;
        assert_eq!(answer.status, status, "{amount}");
        answer.has("amount").has("kept words");
    }
    let answer = browser.submit(&id, "approve", &[("set-amount.amount", "512.00")]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(state(&sidecar, &id).await["stated"], json!({"amount": 51_200}));
    assert!(client.await.unwrap().is_ok());
}

#[tokio::test]
async fn what_was_changed_since_it_was_shown_is_shown_again() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund("charge=ch_1&amount=600000", "k1"));
    let id = sidecar.pending().await;
    let (alice, sam) = (Browser::of(&sidecar, "alice").await, Browser::of(&sidecar, "sam").await);
    let path = format!("/approvals/{id}");
    let seen = sam.get(&path).await.form();
    alice
        .get(&path)
        .await
        .has("goes out only when these have said yes, too: security (refund-over-5000)");
    assert_eq!(alice.submit(&id, "approve", &[]).await.status, 303);
    alice.get(&path).await.has("<strong>alice</strong> said yes");
    let stale = [("form", seen.as_str()), ("revision", "0"), ("reason", "mine")];
    let answer = sam.post(&format!("{path}/approve"), &stale).await;
    assert_eq!(answer.status, 409);
    answer.has("look at it again").has(r#"data-revision="1""#).has("mine");
    assert_eq!(sam.submit(&id, "approve", &[]).await.status, 303);
    assert!(client.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_denial_may_say_what_would_be_right() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    let browser = Browser::of(&sidecar, "alice").await;
    let nothing = [
        ("corrects", "yes"),
        ("reason", "too much"),
        ("correct-amount.amount", ""),
    ];
    let answer = browser.submit(&id, "deny", &nothing).await;
    assert_eq!(answer.status, 422);
    assert_eq!(state(&sidecar, &id).await["state"], "pending", "{}", answer.text);
    let so = [
        ("corrects", "yes"),
        ("reason", "too much"),
        ("correct-amount.amount", "600.00"),
    ];
    let answer = browser.submit(&id, "deny", &so).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let denied = state(&sidecar, &id).await;
    assert_eq!(denied["denial"]["correction"]["fields"], json!({"amount": 60_000}));
    assert!(client.await.unwrap().unwrap_err().refusal.detail.contains("60000"));
    browser
        .get(&format!("/approvals/{id}"))
        .await
        .has("$600.00")
        .has("too much");
    let next = sidecar.send(refund("charge=ch_1&amount=60000", "k2")).await.unwrap();
    assert!(next.is_ok(), "the corrected call goes by the same word");
}

#[tokio::test]
async fn a_grant_from_the_page_is_for_such_calls_of_this_agent_and_within_its_bounds() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    let browser = Browser::of(&sidecar, "alice").await;
    browser
        .get(&format!("/approvals/{id}"))
        .await
        .has(r#"name="max-amount.amount" inputmode="decimal" autocomplete="off" value="900.00""#);
    let fields = [
        ("minutes", "30"),
        ("uses", "2"),
        ("reason", "the lost shipment"),
        ("max-amount.amount", "950.00"),
        // What the form does not ask for is not taken from it.
        ("agent", "other"),
        ("action", "transfer_funds"),
        ("environment", "production"),
    ];
    let unbounded: Vec<_> = fields
        .iter()
        .copied()
        .filter(|(name, _)| *name != "max-amount.amount")
        .collect();
    assert_eq!(browser.submit(&id, "grant", &unbounded).await.status, 422);
    let answer = browser.submit(&id, "grant", &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let (_, grants) = sidecar.api("olga", http::Method::GET, "/grants", Json::Null).await;
    let grant = &grants["items"][0];
    assert_eq!(
        (&grant["agent"], &grant["action"]),
        (&json!("bot"), &json!("process_refund")),
        "{grant}"
    );
    assert_eq!(
        (&grant["max"], &grant["uses"]),
        (&json!({"amount": "$950.00"}), &json!(2)),
        "{grant}"
    );
    assert_eq!(
        (&grant["environment"], &grant["target"]),
        (&json!("test"), &Json::Null),
        "{grant}"
    );
    assert_eq!(state(&sidecar, &id).await["state"], "pending", "this one still waits");
    browser.get(&format!("/approvals/{id}")).await.has("Granted beforehand");
    assert!(
        sidecar
            .send(refund("charge=ch_2&amount=80000", "k2"))
            .await
            .unwrap()
            .is_ok()
    );
    client.abort();
}

#[tokio::test]
async fn a_grant_from_the_page_is_for_what_was_shown_there() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund("charge=ch_1&amount=600000", "k1"));
    let id = sidecar.pending().await;
    let browser = Browser::of(&sidecar, "sam").await;
    let form = browser.get(&format!("/approvals/{id}")).await.form();
    // It was changed since.
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 200);
    let fields = |revision: &'static str| {
        let bounds = [
            ("minutes", "30"),
            ("uses", "2"),
            ("reason", "lost"),
            ("max-amount.amount", "6000.00"),
        ];
        [&[("form", form.as_str()), ("revision", revision)][..], &bounds].concat()
    };
    let path = format!("/approvals/{id}/grant");
    let answer = browser.post(&path, &fields("0")).await;
    answer.has("look at it again");
    assert_eq!(answer.status, 409);
    assert!(sidecar.parts.approvals.list_grants().is_empty());
    assert_eq!(browser.post(&path, &fields("1")).await.status, 303);
    client.abort();
}

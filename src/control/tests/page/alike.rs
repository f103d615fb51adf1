//! Calls that are alike, on one card.

use http::Method;
use serde_json::Value as Json;

use super::Browser;
use crate::control::tests::whole::{Sidecar, refund};

/// The ids of all that waits, oldest first, once they are so many.
async fn pending(sidecar: &Sidecar, count: usize) -> Vec<String> {
    for _ in 0..500 {
        let (_, list) = sidecar
            .api("alice", Method::GET, "/approvals?state=pending", Json::Null)
            .await;
        let items = list["items"].as_array().unwrap();
        if items.len() == count {
            return items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned())
                .collect();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{count} were to wait");
}

#[tokio::test]
async fn what_is_alike_is_one_card_with_what_differs_and_each_is_decided_for_itself() {
    let sidecar = Sidecar::start();
    let mut clients = Vec::new();
    for (at, content) in [
        "charge=ch_1&amount=90000",
        "charge=ch_2&amount=90000",
        "charge=ch_1&amount=80000",
    ]
    .into_iter()
    .enumerate()
    {
        clients.push(sidecar.send(refund(content, &format!("k{at}"))));
        pending(&sidecar, at + 1).await;
    }
    let ids = pending(&sidecar, 3).await;
    let browser = Browser::of(&sidecar, "alice").await;
    let inbox = browser.get("/").await;
    inbox
        .has("For you <span class=\"count\">3</span>")
        .has("2nd of 2 similar, which differs from the first:");
    assert_eq!(inbox.text.matches("<li class=\"alike\"").count(), 1);
    let place = |words: &str| inbox.text.find(words).unwrap_or_else(|| panic!("no `{words}`"));
    let row = |id: &str| place(&format!("<li class=\"row\" id=\"{id}\""));
    assert!(
        row(&ids[0]) < row(&ids[2]) && row(&ids[2]) < row(&ids[1]),
        "those of a card stand together"
    );
    let shown = browser.get(&format!("/approvals/{}", ids[2])).await;
    shown
        .has("Calls like this one")
        .has("<strong><bdi>$800.00</bdi></strong> <span class=\"quiet\">(the first: <bdi>$900.00</bdi>)")
        .has(&format!("/approvals/{}/similar", ids[2]));
    let similar = browser.get(&format!("/approvals/{}/similar", ids[2])).await;
    similar
        .has(&ids[0])
        .has(&ids[2])
        .has_not(&ids[1])
        .has("Each is decided for itself");

    // A yes to the one is none to the other; a no to the one is told with the other.
    assert_eq!(browser.submit(&ids[2], "approve", &[]).await.status, 303);
    assert!(clients.pop().unwrap().await.unwrap().is_ok());
    assert_eq!(pending(&sidecar, 2).await, ids[..2]);
    let again = sidecar.send(refund("charge=ch_1&amount=70000", "k9"));
    let newest = pending(&sidecar, 3).await.pop().unwrap();
    let no = [("reason", "<b>not \u{202e}this</b>")];
    assert_eq!(browser.submit(&ids[0], "deny", &no).await.status, 303);
    assert!(clients.remove(0).await.unwrap().is_err());
    let told = "a similar call was denied just now by alice: &#60;b&#62;not <mark class=\"hidden-character\"";
    browser
        .get(&format!("/approvals/{newest}"))
        .await
        .has(told)
        .has_not("similar, which differs");
    browser.get("/").await.has(told).has("a similar call was let through");
    for client in [clients.remove(0), again] {
        client.abort();
        assert!(client.await.is_err());
    }
}

#[tokio::test]
async fn a_card_shows_ten_counts_the_others_and_calls_none_of_them_news() {
    let sidecar = Sidecar::start();
    let mut clients = Vec::new();
    for at in 0..13 {
        let content = format!("charge=ch_1&amount={}", 90_000 + at);
        clients.push(sidecar.send(refund(&content, &format!("k{at}"))));
    }
    let ids = pending(&sidecar, 13).await;
    let browser = Browser::of(&sidecar, "alice").await;
    let inbox = browser.get("/").await;
    assert_eq!(inbox.text.matches("<li class=\"row\"").count(), 10);
    inbox
        .has(&format!(
            "<a class=\"button small\" href=\"/approvals/{}/similar\">and 3 more</a>",
            ids[0]
        ))
        .has(&format!("data-hidden=\"{} {} {}\"", ids[10], ids[11], ids[12]))
        .has_not("are not listed here");
    let all = browser.get(&format!("/approvals/{}/similar", ids[0])).await;
    assert_eq!(all.text.matches("<li class=\"row\"").count(), 13);
    sidecar.stop();
    for client in clients {
        assert!(client.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn what_is_alike_is_shown_to_people_who_are_signed_in_alone() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund("charge=ch_1&amount=90000", "k1"));
    let id = sidecar.pending().await;
    let path = format!("/approvals/{id}/similar");
    let outside = Browser::new(&sidecar).get(&path).await;
    assert!(outside.status == 303 || outside.status == 401, "{}", outside.status);
    outside.has_not(&id[..12]);
    let browser = Browser::of(&sidecar, "alice").await;
    browser.get("/").await.has_not("class=\"alike\"");
    assert_eq!(browser.get("/approvals/apr_zzzzzzzz/similar").await.status, 404);
    assert_eq!(browser.get(&path).await.status, 200);
    client.abort();
    assert!(client.await.is_err());
}

#[tokio::test]
async fn ten_harmless_calls_hide_no_dangerous_one() {
    let sidecar = Sidecar::start();
    let mut clients = Vec::new();
    for at in 0..11 {
        let content = format!("charge=ch_1&amount={}", 60_000 + at);
        clients.push(sidecar.send(refund(&content, &format!("k{at}"))));
    }
    pending(&sidecar, 11).await;
    clients.push(sidecar.send(refund("charge=ch_1&amount=500000000", "k12")));
    let ids = pending(&sidecar, 12).await;
    let browser = Browser::of(&sidecar, "alice").await;
    let inbox = browser.get("/").await;
    let first = inbox.text.split("<li class=\"row\" id=\"").nth(1).unwrap();
    assert!(first.starts_with(&ids[11]), "the riskiest is the first: {first}");
    inbox.has("and 2 more</a>");
    sidecar.stop();
    for client in clients {
        assert!(client.await.unwrap().is_err());
    }
}

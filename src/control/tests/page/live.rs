//! What is told without being asked for.

use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use http::Request;
use tokio::time::timeout;
use tower::ServiceExt;

use super::Browser;
use crate::control::tests::whole::{NINE_HUNDRED, Sidecar, refund};

async fn stream(browser: &Browser<'_>) -> http::Response<Body> {
    let cookie = browser.cookie.borrow().clone().unwrap();
    let request = Request::get("/events")
        .header("host", browser.host)
        .header("cookie", cookie);
    browser
        .sidecar
        .router()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

/// What comes until it holds these words.
async fn until(events: &mut axum::body::BodyDataStream, words: &str) -> String {
    let mut said = String::new();
    let read = async {
        while !said.contains(words) {
            let event = events.next().await.expect("it goes on").unwrap();
            said.push_str(std::str::from_utf8(&event).unwrap());
        }
    };
    timeout(Duration::from_secs(60), read).await.unwrap();
    said
}

#[tokio::test]
async fn what_comes_to_wait_and_what_does_not_any_more_is_told_at_once() {
    let sidecar = Sidecar::start();
    let browser = Browser::of(&sidecar, "alice").await;
    let response = stream(&browser).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let mut events = response.into_body().into_data_stream();
    until(&mut events, "event: waiting").await;
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    let said = until(&mut events, &format!("data: {id} 0")).await;
    assert!(!said.contains("Refund"), "ids, nothing else: {said}");
    assert_eq!(browser.submit(&id, "deny", &[("reason", "no")]).await.status, 303);
    until(&mut events, "data: 0\n").await;
    assert!(client.await.unwrap().is_err());
}

#[tokio::test]
async fn who_signs_out_is_told_nothing_more() {
    let sidecar = Sidecar::start();
    let browser = Browser::of(&sidecar, "alice").await;
    let mut events = stream(&browser).await.into_body().into_data_stream();
    until(&mut events, "event: waiting").await;
    let form = browser.get("/").await.form();
    assert_eq!(browser.post("/sign-out", &[("form", &form)]).await.status, 303);
    let ends = async { while events.next().await.is_some() {} };
    timeout(Duration::from_secs(60), ends).await.unwrap();
}

#[tokio::test]
async fn streams_leave_room_for_decisions() {
    let sidecar = Sidecar::start();
    let browser = Browser::of(&sidecar, "alice").await;
    let mut open = Vec::new();
    for _ in 0..4 {
        let response = stream(&browser).await;
        assert_eq!(response.status(), 200);
        open.push(response);
    }
    assert_eq!(stream(&browser).await.status(), 503);
    assert_eq!(
        stream(&Browser::of(&sidecar, "sam").await).await.status(),
        200,
        "others have their own"
    );
    open.pop();
    assert_eq!(stream(&browser).await.status(), 200);
    assert_eq!(browser.get("/").await.status, 200);
}

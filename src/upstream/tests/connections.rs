//! Connections that break, are kept, or end in something else.

use super::*;

#[tokio::test]
async fn a_break_after_the_request_is_in_doubt_and_not_repeated() {
    let provider = provider("api.stripe.test", Habit::BreaksOff).await;
    let error = send(&provider.upstream("api.stripe.test"), get("api.stripe.test"))
        .await
        .unwrap_err();
    assert_eq!(error.refusal.reason, Reason::UpstreamUnreachable);
    assert!(matches!(error.outcome, Outcome::Error | Outcome::Unknown), "{error:?}");
    assert_eq!(provider.requests(), 1);
}

#[tokio::test]
async fn a_break_on_a_kept_connection_is_not_repeated() {
    let provider = provider("api.stripe.test", Habit::AnswersOnce).await;
    let upstream = provider.upstream("api.stripe.test");
    send(&upstream, get("api.stripe.test")).await.unwrap();
    let charge = call(
        "api.stripe.test",
        Method::POST,
        Body::Captured(Bytes::from_static(b"amount=100")),
    );
    let error = send(&upstream, charge).await.unwrap_err();
    assert_ne!(error.outcome, Outcome::NotSent);
    assert_eq!(
        (provider.requests(), provider.connections()),
        (2, 1),
        "written once, so never written again"
    );
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_loses_nothing() {
    let provider = provider("api.stripe.test", Habit::AnswersAndCloses).await;
    let upstream = provider.upstream("api.stripe.test");
    for _ in 0..20 {
        send(&upstream, get("api.stripe.test")).await.unwrap();
    }
    assert_eq!(provider.requests(), 20);
}

#[tokio::test]
async fn an_approved_call_has_a_connection_of_its_own() {
    let provider = provider("api.stripe.test", Habit::Answers(OK)).await;
    let upstream = provider.upstream("api.stripe.test");
    send(&upstream, get("api.stripe.test")).await.unwrap();
    let approved = upstream
        .deliver(get("api.stripe.test"), Content::FromCall, true)
        .await
        .unwrap();
    approved.into_body().collect().await.unwrap();
    send(&upstream, get("api.stripe.test")).await.unwrap();
    assert_eq!((provider.requests(), provider.connections()), (3, 2));
}

#[tokio::test]
async fn a_call_that_signs_in_its_connection_never_shares_one() {
    let provider = provider("api.stripe.test", Habit::Answers(OK)).await;
    let upstream = provider.upstream("api.stripe.test");
    for scheme in ["NTLM TlRMTVNTUAAB", "negotiate YII"] {
        let mut signs_in = get("api.stripe.test");
        signs_in.headers.insert(AUTHORIZATION, scheme.parse().unwrap());
        send(&upstream, signs_in).await.unwrap();
    }
    send(&upstream, get("api.stripe.test")).await.unwrap();
    assert_eq!(provider.connections(), 3);
}

#[tokio::test]
async fn a_switch_of_protocols_that_nobody_asked_for_is_refused() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let provider = provider("api.stripe.test", Habit::Answers(switch)).await;
    let error = send(&provider.upstream("api.stripe.test"), get("api.stripe.test"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.refusal.reason, error.outcome),
        (Reason::UpstreamUnreachable, Outcome::Unknown)
    );
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_in_doubt() {
    let provider = provider("api.stripe.test", Habit::Answers("SSH-2.0-OpenSSH\r\n\r\n")).await;
    let error = send(&provider.upstream("api.stripe.test"), get("api.stripe.test"))
        .await
        .unwrap_err();
    assert_eq!(error.outcome, Outcome::Error);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let redirect = "HTTP/1.1 302 Found\r\nLocation: https://api.stripe.test/elsewhere\r\nContent-Length: 0\r\n\r\n";
    let provider = provider("api.stripe.test", Habit::Answers(redirect)).await;
    let response = provider
        .upstream("api.stripe.test")
        .deliver(get("api.stripe.test"), Content::FromCall, false)
        .await;
    assert_eq!(response.unwrap().status().as_u16(), 302);
    assert_eq!(provider.requests(), 1);
}

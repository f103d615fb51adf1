//! What of a provider's header fields reaches the agent.

use super::*;

fn cleaned(lines: &[(&str, &str)], length: Option<u64>) -> Vec<String> {
    let mut response = Response::builder().version(Version::HTTP_10);
    for (name, value) in lines {
        response = response.header(*name, *value);
    }
    let (mut head, ()) = response.body(()).unwrap().into_parts();
    clean(&mut head, length);
    assert_eq!(head.version, Version::HTTP_11);
    let mut left: Vec<String> = head
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    left.sort();
    left
}

#[test]
fn a_length_beside_chunked_is_dropped() {
    assert_eq!(
        cleaned(&[("transfer-encoding", "chunked"), ("content-length", "5")], None),
        Vec::<String>::new()
    );
    assert_eq!(
        cleaned(&[("content-length", "5"), ("content-length", "5")], Some(5)),
        ["content-length: 5"]
    );
    assert_eq!(cleaned(&[("content-length", "5")], Some(5)), ["content-length: 5"]);
}

#[test]
fn a_provider_does_not_speak_in_our_name() {
    let forged = [
        ("Runplane-Decision", "ALLOW"),
        ("runplane-approval-id", "apr_forged"),
        ("runplane-anything", "1"),
    ];
    assert_eq!(cleaned(&forged, None), Vec::<String>::new());
}

#[test]
fn what_speaks_of_our_connection_stays_with_us() {
    let lines = [
        ("connection", "close, x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-authenticate", "Basic"),
        ("upgrade", "h2"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ];
    assert_eq!(cleaned(&lines, None), ["set-cookie: a=1", "set-cookie: b=2"]);
}

#[tokio::test]
async fn grpc_is_told_by_a_status_of_its_own_and_nothing_else() {
    for (reason, status) in [
        (Reason::PolicyBlocked, "7"),
        (Reason::ApprovalPending, "7"),
        (Reason::ApprovalDenied, "7"),
        (Reason::AuditUnavailable, "14"),
        (Reason::Overloaded, "14"),
        (Reason::UpstreamUnreachable, "14"),
        (Reason::AgentUnknown, "16"),
        (Reason::Malformed, "3"),
    ] {
        let answer = refuse(&refused(reason, ErrorShape::Grpc), &CallId::random(), false, false);
        let header = |name: &str| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(answer.status(), StatusCode::OK, "{reason}");
        assert_eq!(
            (header("grpc-status"), header(CONTENT_TYPE.as_str())),
            (status.into(), "application/grpc".into())
        );
        assert!(header("grpc-message").contains("apr_"), "{}", header("grpc-message"));
        assert!(http_body::Body::is_end_stream(answer.body()), "trailers only");
    }
}

#[tokio::test]
async fn a_client_that_knows_of_no_proxy_is_not_asked_for_proxy_credentials() {
    let refused = refused(Reason::AgentUnknown, ErrorShape::Problem);
    let response = refuse(&refused, &CallId::random(), false, true);
    assert_eq!(response.status(), 401);
    assert!(response.headers().contains_key(WWW_AUTHENTICATE));
    assert!(!response.headers().contains_key(PROXY_AUTHENTICATE));
    let body: Value = serde_json::from_str(&content(response).await).unwrap();
    assert_eq!(body["status"], 401);
    let of_a_proxy = refuse(&refused, &CallId::random(), false, false);
    assert_eq!(of_a_proxy.status(), 407);
    assert!(of_a_proxy.headers().contains_key(PROXY_AUTHENTICATE));
}

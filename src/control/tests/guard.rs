use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde::Deserialize;
use tower::ServiceExt;

use super::super::guard::Listener;
use super::super::guarded;
use super::super::problem::{Problem, ProblemBody};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    reason: String,
}

fn router() -> Router {
    let take = |input: Result<axum::Json<Input>, axum::extract::rejection::JsonRejection>| async move {
        input.map(|input| input.0.reason).map_err(Problem::from)
    };
    guarded(
        Router::new().route("/x", post(take)),
        Listener {
            address: SocketAddr::from(([10, 1, 2, 3], 8081)),
            secure: false,
            public: Some("runplane.corp".parse().unwrap()),
        },
    )
}

async fn ask(headers: &[(&str, &str)], body: &str) -> Response<axum::body::Body> {
    let mut request = Request::post("/x");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    router()
        .oneshot(request.body(Body::from(body.to_owned())).unwrap())
        .await
        .unwrap()
}

async fn status(headers: &[(&str, &str)]) -> u16 {
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    ask(&all, r#"{"reason":"r"}"#).await.status().as_u16()
}

#[tokio::test]
async fn only_names_that_cannot_be_pointed_at_us_are_ours() {
    for host in [
        "localhost:8081",
        "LOCALHOST",
        "127.0.0.1:8081",
        "127.9.9.9",
        "[::1]:8081",
        "10.1.2.3:8081",
        "127.0.0.1:1",
        "runplane.corp",
        "Runplane.corp:8443",
    ] {
        assert_eq!(status(&[("host", host)]).await, 200, "{host}");
    }
    for host in [
        "evil.test:8081",
        "localhost.evil.test",
        "127.0.0.1.evil.test",
        "evil.test@127.0.0.1",
        "10.1.2.4:8081",
        "0.0.0.0:8081",
        "localhost.",
        "[::1].evil.test",
        "[::1]evil.test",
        "127.0.0.1:80:evil.test",
        "127.0.0.1:evil",
        "[localhost]evil",
        "",
    ] {
        assert_eq!(status(&[("host", host)]).await, 421, "{host}");
    }
    assert_eq!(status(&[]).await, 400);
    assert_eq!(status(&[("host", "localhost"), ("host", "localhost")]).await, 400);
}

#[tokio::test]
async fn web_pages_of_other_sites_are_refused() {
    let host = ("host", "127.0.0.1:8081");
    assert_eq!(status(&[host, ("origin", "http://127.0.0.1:8081")]).await, 200);
    assert_eq!(status(&[host, ("sec-fetch-site", "same-origin")]).await, 200);
    assert_eq!(status(&[host, ("sec-fetch-site", "none")]).await, 200);
    for origin in [
        "http://evil.test",
        "https://127.0.0.1:8081",
        "http://127.0.0.1:8082",
        "http://localhost:8081",
        "null",
        "",
    ] {
        assert_eq!(status(&[host, ("origin", origin)]).await, 403, "{origin}");
    }
    let public = ("host", "runplane.corp");
    assert_eq!(status(&[public, ("origin", "https://runplane.corp")]).await, 200);
    assert_eq!(status(&[public, ("origin", "https://evil.corp")]).await, 403);
    for site in ["cross-site", "same-site", "Same-Origin", ""] {
        assert_eq!(status(&[host, ("sec-fetch-site", site)]).await, 403, "{site}");
    }
    let twice = [host, ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")];
    assert_eq!(status(&twice).await, 403);
}

#[tokio::test]
async fn a_whole_uri_is_refused() {
    let request = Request::post("http://127.0.0.1:8081/x").header("host", "127.0.0.1:8081");
    let response = router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn errors_are_problems_that_say_what_was_expected() {
    let host = ("host", "127.0.0.1:8081");
    let json = ("content-type", "application/json");
    let text = ("content-type", "text/plain");
    let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(70_000));
    for (headers, body, expected) in [
        (vec![host, text], r#"{"reason":"r"}"#, 415),
        (vec![host], r#"{"reason":"r"}"#, 415),
        (vec![host, json], "{", 400),
        (vec![host, json], r#"{"reason":"r","x":1}"#, 422),
        (vec![host, json], "{}", 422),
        (vec![host, json], long.as_str(), 413),
    ] {
        let response = ask(&headers, body).await;
        assert_eq!(response.status(), expected, "{}", &body[..body.len().min(40)]);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let problem: ProblemBody = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((problem.status, problem.kind.as_str()), (expected, "about:blank"));
        assert!(!problem.detail.is_empty());
    }
    let missing = Request::get("/nothing")
        .header("host", "localhost")
        .body(Body::empty())
        .unwrap();
    let response = router().oneshot(missing).await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["content-type"]),
        (StatusCode::NOT_FOUND, &"application/problem+json".parse().unwrap())
    );
    let method = Request::get("/x")
        .header("host", "localhost")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        router().oneshot(method).await.unwrap().status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
}

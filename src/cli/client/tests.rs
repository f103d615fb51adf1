use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::control::problem::Problem;

const KEY: &str = "rp_0123456789012345678901234567890123456789abc";

/// A server on a free port that is served as the control API is, and knows the key.
async fn served(router: Router) -> Client {
    served_by_who_knows(KEY, router).await
}

async fn served_by_who_knows(known: &'static str, router: Router) -> Client {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let prove = move |Query(challenge): Query<Challenge>| async move {
        axum::Json(challenge.answer(&keys::digest(known), address))
    };
    let router = router.route(proof::PATH, get(prove));
    tokio::spawn(crate::control::serve(
        listener,
        None,
        router,
        crate::control::Bounds::CONTROL,
        std::future::pending(),
    ));
    Client::new(address, Secret::new(KEY.to_owned()))
}

async fn said(client: &Client, path: &str) -> String {
    client.get::<serde_json::Value>(path).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_problem_is_told_in_its_own_words_and_inert() {
    let refuse = || async { Problem::new(StatusCode::CONFLICT, "apr_x is denied\u{1b}[2J: nothing was changed") };
    let client = served(Router::new().route("/p", get(refuse))).await;
    assert_eq!(
        said(&client, "/p").await,
        "apr_x is denied\\u{1b}[2J: nothing was changed"
    );
}

#[tokio::test]
async fn the_key_goes_as_bearer_and_the_answer_comes_back() {
    let echo = |headers: http::HeaderMap| async move {
        let value = headers["authorization"].to_str().unwrap().to_owned();
        axum::Json(serde_json::json!({ "value": value }))
    };
    let client = served(Router::new().route("/echo", get(echo))).await;
    let answer: serde_json::Value = client.get("/echo").await.unwrap();
    assert_eq!(answer["value"], format!("Bearer {KEY}"));
    assert!(!format!("{client:?}").contains(KEY));
}

#[tokio::test]
async fn who_cannot_prove_to_know_the_key_is_not_sent_it() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let curious = move |headers: http::HeaderMap| {
        let count = count.clone();
        async move {
            count.fetch_add(1 + usize::from(headers.contains_key("authorization")), SeqCst);
            "{}"
        }
    };
    let router = || Router::new().route("/p", get(curious.clone()));
    let other = "rp_other678901234567890123456789012345678901234";
    let client = served_by_who_knows(other, router()).await;
    assert!(
        said(&client, "/p")
            .await
            .contains("cannot prove that it knows this key")
    );

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let client = Client::new(listener.local_addr().unwrap(), Secret::new(KEY.to_owned()));
    let anything = router().fallback(curious.clone());
    tokio::spawn(crate::control::serve(
        listener,
        None,
        anything,
        crate::control::Bounds::CONTROL,
        std::future::pending(),
    ));
    assert!(
        said(&client, "/p")
            .await
            .contains("cannot prove that it knows this key")
    );
    assert_eq!(
        asked.load(SeqCst),
        1,
        "only the path of the proof was asked for, without a key"
    );
}

#[tokio::test]
async fn something_else_on_the_port_is_named_as_such() {
    let client = served(Router::new().route("/x", get(|| async { "hello" }))).await;
    assert!(
        said(&client, "/x")
            .await
            .contains("is no runplane control API (HTTP 200)")
    );
    assert!(
        said(&client, "/y")
            .await
            .contains("is no runplane control API (HTTP 404)")
    );
}

#[tokio::test]
async fn a_sidecar_that_does_not_run_is_named_with_what_to_do() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = Client::new(address, Secret::new(KEY.to_owned()));
    let said = said(&client, "/x").await;
    assert!(
        said.contains(&address.to_string()) && said.contains("runplane run"),
        "{said}"
    );
}

#[test]
fn the_key_comes_from_the_environment_else_from_the_home() {
    let state = tempfile::tempdir().unwrap();
    let missing = key_from(None, state.path()).unwrap_err().to_string();
    assert!(
        missing.contains("RUNPLANE_KEY") && missing.contains("owner.key"),
        "{missing}"
    );
    let owners = keys::owner_key_or_create(state.path()).unwrap();
    assert_eq!(key_from(None, state.path()).unwrap().expose(), owners.expose());
    assert_eq!(
        key_from(Some(String::new()), state.path()).unwrap().expose(),
        owners.expose()
    );
    let other = keys::generate();
    let given = key_from(Some(format!("{}\n", other.expose())), state.path()).unwrap();
    assert_eq!(given.expose(), other.expose());
    let wrong = key_from(Some("sk_live_secret".to_owned()), state.path())
        .unwrap_err()
        .to_string();
    assert!(wrong.contains("RUNPLANE_KEY") && !wrong.contains("sk_live"), "{wrong}");
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let state = tempfile::tempdir().unwrap();
    keys::owner_key_or_create(state.path()).unwrap();
    let file = state.path().join("owner.key");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = key_from(None, state.path()).unwrap_err().to_string();
    assert!(refused.contains("chmod 600"), "{refused}");
}

#[test]
fn what_is_typed_stays_one_segment_of_the_path() {
    assert_eq!(segment("../people/x?y#z"), "%2E%2E%2Fpeople%2Fx%3Fy%23z");
}

/// Whoever proves and then makes room for somebody else at the same address.
#[tokio::test]
async fn the_key_goes_nowhere_but_where_the_proof_came_from() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let hears = heard.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let query = head
                .split_once('?')
                .and_then(|(_, rest)| rest.split_once(' '))
                .map(|(query, _)| query);
            let challenge = query.and_then(|query| query.strip_prefix("key=")?.split_once("&nonce="));
            let challenge = challenge.map(|(key, nonce)| Challenge {
                key: key.to_owned(),
                nonce: nonce.to_owned(),
            });
            hears.lock().unwrap().push(head);
            let content = challenge.map_or("{}".to_owned(), |challenge| {
                serde_json::to_string(&challenge.answer(&keys::digest(KEY), address)).unwrap()
            });
            let length = content.len();
            let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{content}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let client = Client::new(address, Secret::new(KEY.to_owned()));
    let said = said(&client, "/p").await;
    assert!(said.contains("broke off"), "{said}");
    let heard = heard.lock().unwrap().join("\n");
    assert!(
        heard.contains("/proof?") && !heard.to_lowercase().contains("authorization"),
        "{heard}"
    );
}

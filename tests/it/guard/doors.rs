//! Who may ask where, and what is not even judged.

use std::time::Duration;

use serde_json::{Value, json};

use super::{asks, body, ended, house, tells, transfer};
use crate::harness::{Curl, Sidecar, api, key};

#[test]
fn neither_key_opens_what_is_the_others() {
    let sidecar = house().start();
    let id = asks(&sidecar, "support-bot", &transfer())["approval_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let approve = format!("/api/v1/approvals/{id}/approve");
    for (method, path) in [
        ("POST", approve.as_str()),
        ("POST", &approve.replace("/approve", "/deny")),
        ("GET", "/api/v1/approvals"),
        ("GET", "/api/v1/agents"),
        ("POST", "/api/v1/grants"),
        ("POST", "/api/v1/pause"),
    ] {
        let answer = sidecar.api(method, path, &key("support-bot"), Some(&json!({})));
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
    }
    let outcome = "/api/v1/guard/call_00000000000000000000000000/outcome";
    let wait = format!("/api/v1/approvals/{id}/wait");
    for (method, path) in [("POST", "/api/v1/guard"), ("POST", outcome), ("GET", &wait)] {
        for shown in [
            Some(sidecar.owner_key()),
            Some(key("alice")),
            Some("rp_x".to_owned()),
            None,
        ] {
            let answer = api::request(
                sidecar.control_port(),
                method,
                path,
                shown.as_deref(),
                Some(&transfer()),
            )
            .unwrap();
            assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
        }
    }
    assert_eq!(
        sidecar.approvals("pending").len(),
        1,
        "nothing was decided, and nothing more asked"
    );
    assert_eq!(
        sidecar.trail().of_kind("refused").len(),
        6 + 12,
        "each attempt is on record"
    );
    let other = sidecar.api("GET", &wait, &key("ops-bot"), None);
    assert_eq!(other.status, 404, "another agent's approval is as none: {other:?}");
}

#[test]
fn an_agent_speaks_for_itself_alone() {
    let sidecar = house().start();
    let mut statement = transfer();
    statement["agent"] = "ops-bot".into();
    let answer = sidecar.api("POST", "/api/v1/guard", &key("support-bot"), Some(&statement));
    assert_eq!(
        (answer.status, &body(&answer)["decision"]),
        (403, &"BLOCK".into()),
        "{answer:?}"
    );
    assert_eq!(asks(&sidecar, "ops-bot", &statement)["decision"], "REQUIRE_APPROVAL");
    let allowed = asks(
        &sidecar,
        "support-bot",
        &json!({ "action": "post_message", "target": "general" }),
    );
    assert_eq!(allowed["decision"], "ALLOW");
    assert_eq!(
        tells(&sidecar, "ops-bot", &allowed, &json!({ "outcome": "success" })).status,
        404
    );
    assert_eq!(
        tells(&sidecar, "support-bot", &allowed, &json!({ "outcome": "not_sent" })).status,
        422
    );
}

#[test]
fn what_cannot_be_judged_is_a_block_and_on_record() {
    let sidecar = house().start();
    let deep = format!(
        "{{\"action\":\"send_email\",\"target\":\"x\",\"a\":{}{}}}",
        "[".repeat(500),
        "]".repeat(500)
    );
    let long = format!(
        "{{\"action\":\"send_email\",\"target\":\"x\",\"a\":\"{}\"}}",
        "x".repeat(70_000)
    );
    let cases = [
        (r#"{"action":"transfer_funds","target":"x","amount":"a lot"}"#, 422),
        (r#"{"action":"transfer_funds","target":"x","amount":1e400}"#, 422),
        (
            r#"{"action":"transfer_funds","target":"x","amount":99999999999999999999999}"#,
            422,
        ),
        (r#"{"action":"transfer_funds","target":"x\u202e"}"#, 422),
        (r#"{"action":5,"target":"x"}"#, 422),
        (r#"{"target":"x"}"#, 422),
        ("[]", 422),
        (
            r#"{"action":"read_record","action":"transfer_funds","target":"x"}"#,
            400,
        ),
        (r#"{"action":"transfer_funds","target":"x","amount":NaN}"#, 400),
        ("not json", 400),
        ("", 400),
        (&deep, 400),
        (&long, 413),
    ];
    let port = sidecar.control_port();
    let send = |kind: &str, text: &str| {
        let head = format!(
            "POST /api/v1/guard HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            key("support-bot"),
            text.len()
        );
        api::raw(port, &format!("{head}{text}")).unwrap()
    };
    for (text, status) in cases {
        let answer = send("application/json", text);
        assert_eq!(answer.status, status, "{text}: {answer:?}");
        let told = body(&answer);
        assert_eq!(
            (&told["decision"], &told["status"]),
            (&"BLOCK".into(), &status.into()),
            "{told}"
        );
        assert!(told["detail"].is_string() && told["decision_id"].is_string(), "{told}");
    }
    assert_eq!(send("text/plain", &transfer().to_string()).status, 415);
    let trail = sidecar.trail();
    assert_eq!(trail.of_kind("refused").len(), cases.len() + 1);
    assert!(trail.of_kind("decided").is_empty());
}

#[test]
fn a_web_page_asks_nothing() {
    let sidecar = Sidecar::new().start();
    let port = sidecar.control_port();
    let text = transfer().to_string();
    let page = format!(
        "POST /api/v1/guard HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nOrigin: https://evil.example\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    assert_eq!(api::raw(port, &page).unwrap().status, 403);
    assert!(sidecar.trail().of_kind("decided").is_empty());
}

#[test]
fn agents_that_wait_leave_places_to_people() {
    let sidecar = house().start();
    let answer = asks(&sidecar, "support-bot", &transfer());
    let path = answer["wait_url"].as_str().unwrap();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..40)
            .map(|_| scope.spawn(|| sidecar.api("GET", path, &key("support-bot"), None).status))
            .collect();
        let start = std::time::Instant::now();
        sidecar.approve(answer["approval_id"].as_str().unwrap());
        assert!(start.elapsed() < Duration::from_secs(20), "people were kept waiting");
        let told: Vec<u16> = all.into_iter().map(|one| one.join().unwrap()).collect();
        assert!(told.iter().all(|status| [200, 429].contains(status)), "{told:?}");
    });
}

#[test]
fn an_agent_that_reaches_only_the_proxy_asks_there() {
    let sidecar = house().start();
    let credentials = format!("support-bot:{}", key("support-bot"));
    let post = |place: &str, statement: &Value| {
        let text = statement.to_string();
        let place = format!("http://runplane.internal{place}");
        let arguments = [
            "-X",
            "POST",
            "-H",
            "content-type: application/json",
            "-d",
            &text,
            &place,
        ];
        let answer = Curl::start_as(&sidecar, Some(&credentials), &arguments).finish();
        (
            answer.status,
            serde_json::from_str::<Value>(answer.value.as_str().unwrap()).unwrap_or_default(),
        )
    };
    let (status, held) = post("/api/v1/guard", &transfer());
    assert_eq!(
        (status, &held["decision"]),
        (Some(200), &"REQUIRE_APPROVAL".into()),
        "{held}"
    );
    let wait = held["wait_url"].as_str().unwrap().replace("=60", "=0");
    let state = Curl::start_as(&sidecar, Some(&credentials), &[&wait]).finish();
    assert!(
        state.assert_ok().value.as_str().unwrap().contains("\"pending\""),
        "{state:?}"
    );
    sidecar.approve(held["approval_id"].as_str().unwrap());
    let (_, allowed) = post("/api/v1/guard", &transfer());
    assert_eq!(allowed["decision"], "ALLOW", "{allowed}");
    let path = format!("/api/v1/guard/{}/outcome", allowed["decision_id"].as_str().unwrap());
    assert_eq!(post(&path, &json!({ "outcome": "success" })).0, Some(200));
    assert_eq!(ended(&sidecar, &allowed)[0]["outcome"], "success");
    assert_eq!(post("/api/v1/guard", &json!({ "action": 5 })).0, Some(422));
    assert_eq!(
        post("/api/v1/approvals", &json!({})).0,
        Some(405),
        "nothing of people's is here"
    );
}

//! Who comes in.

use http::Method;
use serde_json::json;

use super::{Answer, Browser};
use crate::control::tests::whole::{NINE_HUNDRED, Sidecar, key_of, refund};

async fn link(sidecar: &Sidecar, who: &str, content: serde_json::Value) -> String {
    let (status, made) = sidecar.api(who, Method::POST, "/page/link", content).await;
    assert_eq!((status, &made["person"]), (200, &json!(who)), "{made}");
    let url = made["url"].as_str().unwrap();
    let path = url
        .strip_prefix("http://127.0.0.1:8081")
        .unwrap_or_else(|| panic!("{url}"));
    path.to_owned()
}

#[tokio::test]
async fn nothing_is_seen_without_signing_in() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    let call = sidecar.calls().await[0].row.id.to_string();
    let stranger = Browser::new(&sidecar);
    for path in ["/", &format!("/approvals/{id}"), &format!("/decisions/{call}")] {
        let answer = stranger.get(path).await;
        assert_eq!(answer.status, 303, "{path}");
        assert!(answer.leads_to().starts_with("/sign-in"), "{}", answer.leads_to());
        answer.has_not("Refund");
    }
    assert_eq!(stranger.get("/events").await.status, 401);
    for step in ["approve", "deny", "grant"] {
        let answer = stranger
            .post(&format!("/approvals/{id}/{step}"), &[("reason", "r")])
            .await;
        assert_eq!(answer.status, 401, "{step}");
    }
    assert_eq!(sidecar.pending().await, id);
    client.abort();
}

/// An agent that has the page's address, and all that an agent has.
#[tokio::test]
async fn nothing_is_reached_with_an_agents_key() {
    let sidecar = Sidecar::start();
    let browser = Browser::new(&sidecar);
    let key = key_of("bot");
    let refused = browser.sign_in(&key).await;
    assert_eq!(refused.status, 403);
    refused.has("agents decide nothing").has_not(&key);
    let bearer = format!("Bearer {key}");
    for credentials in [
        ("authorization", bearer.as_str()),
        ("proxy-authorization", bearer.as_str()),
    ] {
        let answer = browser.ask(Method::GET, "/", &[credentials], String::new()).await;
        assert_eq!(answer.leads_to(), "/sign-in");
        let (path, json) = ("/api/v1/page/link", ("content-type", "application/json"));
        let answer = browser
            .ask(Method::POST, path, &[credentials, json], "{}".to_owned())
            .await;
        assert!([401, 403].contains(&answer.status), "{}", answer.status);
    }
    let with_nothing = browser.sign_in("rp_nobody").await;
    assert_eq!(with_nothing.status, 401);
    let entries = sidecar.entries().await;
    let of_the_agent = entries
        .iter()
        .filter(|entry| entry["kind"] == "refused" && entry["agent"] == "bot");
    assert!(of_the_agent.count() >= 2, "{entries:?}");
}

#[tokio::test]
async fn a_link_signs_in_who_made_it_and_nobody_else() {
    let sidecar = Sidecar::start();
    let path = link(&sidecar, "alice", json!({})).await;
    let browser = Browser::new(&sidecar);
    // Mail programs and chats look at links before people do.
    for _ in 0..3 {
        let shown = browser.get(&path).await;
        assert_eq!(shown.status, 200);
        shown.has("signs you in as <strong>alice</strong>");
        assert_eq!(browser.get("/").await.status, 303, "a look changes nothing");
    }
    let form = browser.get(&path).await.form();
    let other = Browser::new(&sidecar);
    assert_eq!(
        other.post(&path, &[("form", &form)]).await.status,
        403,
        "the form is the other's"
    );
    let entered = browser.post(&path, &[("form", &form)]).await;
    assert_eq!((entered.status, entered.leads_to()), (303, "/"));
    browser.get("/").await.has("<strong>alice</strong>");
    let again = Browser::new(&sidecar);
    let shown = again.get(&path).await;
    assert_eq!(shown.status, 404);
    let form = again.get("/sign-in").await.form();
    assert_eq!(again.post(&path, &[("form", &form)]).await.status, 404, "it was used");
    assert_eq!(again.get("/").await.status, 303);
}

#[tokio::test]
async fn a_link_may_lead_to_an_approval_and_nowhere_else() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    let path = link(&sidecar, "alice", json!({ "to": &id[..12] })).await;
    let browser = Browser::new(&sidecar);
    let shown = browser.get(&path).await;
    shown.has(&format!(r#"name="to" value="/approvals/{id}""#));
    let to = format!("/approvals/{id}");
    let entered = browser.post(&path, &[("form", &shown.form()), ("to", &to)]).await;
    assert_eq!(entered.leads_to(), to);
    for elsewhere in [
        "//evil.test",
        "https://evil.test/",
        "/\\evil.test",
        "javascript:alert(1)",
    ] {
        let browser = Browser::new(&sidecar);
        let form = browser.get("/sign-in").await.form();
        let fields = [("form", form.as_str()), ("key", &key_of("alice")), ("to", elsewhere)];
        assert_eq!(browser.post("/sign-in", &fields).await.leads_to(), "/", "{elsewhere}");
    }
    let (status, _) = sidecar
        .api("alice", Method::POST, "/page/link", json!({"to": "apr_nothing"}))
        .await;
    assert_eq!(status, 404);
    client.abort();
}

#[tokio::test]
async fn who_signs_in_gets_another_cookie_than_the_one_that_was_there() {
    let sidecar = Sidecar::start();
    let browser = Browser::new(&sidecar);
    browser.get("/sign-in").await;
    let before = browser.cookie.borrow().clone();
    assert_eq!(browser.sign_in(&key_of("alice")).await.status, 303);
    let after = browser.cookie.borrow().clone();
    assert_ne!(before, after);
    let thief = Browser::new(&sidecar);
    *thief.cookie.borrow_mut() = before;
    assert_eq!(thief.get("/").await.status, 303, "what was put there is worth nothing");

    let form = browser.get("/").await.form();
    assert_eq!(browser.post("/sign-out", &[("form", &form)]).await.status, 303);
    *thief.cookie.borrow_mut() = after;
    assert_eq!(thief.get("/").await.status, 303, "nor is what was signed out");
}

#[tokio::test]
async fn who_is_disabled_is_out_at_once() {
    let sidecar = Sidecar::start();
    let new = json!({"name": "dana", "groups": ["approver"]});
    let (_, added) = sidecar.api("olga", Method::POST, "/people", new).await;
    let browser = Browser::new(&sidecar);
    assert_eq!(browser.sign_in(added["key"].as_str().unwrap()).await.status, 303);
    let link = {
        let key = added["key"].as_str().unwrap();
        let (_, made) = sidecar.api_with(key, Method::POST, "/page/link", json!({})).await;
        made["url"]
            .as_str()
            .unwrap()
            .strip_prefix("http://127.0.0.1:8081")
            .unwrap()
            .to_owned()
    };
    assert_eq!(browser.get("/").await.status, 200);
    let (status, _) = sidecar
        .api("olga", Method::POST, "/people/dana/disable", json!({}))
        .await;
    assert_eq!(status, 200);
    assert_eq!(browser.get("/").await.status, 303);
    let form = browser.get("/sign-in").await.form();
    assert_eq!(browser.post(&link, &[("form", &form)]).await.status, 404);
}

fn cookie(answer: &Answer) -> &str {
    answer.headers["set-cookie"].to_str().unwrap()
}

#[tokio::test]
async fn the_cookie_is_strict_and_by_tls_of_this_host_alone() {
    let sidecar = Sidecar::start();
    let answer = Browser::new(&sidecar).get("/sign-in").await;
    let set = cookie(&answer);
    assert!(
        set.starts_with("runplane=") && set.ends_with("; HttpOnly; SameSite=Strict"),
        "{set}"
    );
    assert!(set.contains("; Path=/;") && !set.contains("Domain"), "{set}");

    let sidecar = Sidecar::at("https://runplane.corp");
    let browser = Browser {
        host: "runplane.corp",
        ..Browser::new(&sidecar)
    };
    let answer = browser.get("/sign-in").await;
    let set = cookie(&answer);
    assert!(
        set.starts_with("__Host-runplane=") && set.ends_with("; Secure"),
        "{set}"
    );
    assert!(
        set.contains("; Path=/;") && set.contains("; HttpOnly; SameSite=Strict"),
        "{set}"
    );
    assert_eq!(browser.sign_in(&key_of("alice")).await.status, 303);
    assert_eq!(browser.get("/").await.status, 200);
    // What was set in clear, by whoever can, is not looked at.
    let plain = browser.cookie.borrow().clone().unwrap().replace("__Host-", "");
    *browser.cookie.borrow_mut() = Some(plain);
    assert_eq!(browser.get("/").await.status, 303);
    let (_, made) = sidecar.api("alice", Method::POST, "/page/link", json!({})).await;
    assert!(
        made["url"]
            .as_str()
            .unwrap()
            .starts_with("https://runplane.corp/sign-in/"),
        "{made}"
    );
}

#[tokio::test]
async fn every_page_forbids_frames_inline_code_and_keeping() {
    let sidecar = Sidecar::start();
    let browser = Browser::of(&sidecar, "alice").await;
    for path in [
        "/",
        "/sign-in",
        "/sign-in/x",
        "/approvals/apr_nothing",
        "/decisions/x",
        "/assets/page.js",
        "/events",
    ] {
        let stranger = Browser::new(&sidecar);
        let by = if path == "/events" { &stranger } else { &browser };
        let answer = by.get(path).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["referrer-policy"], "same-origin", "{path}");
        for inline in [" style=", "<style", " onclick", " onload", "javascript:"] {
            assert!(
                path.starts_with("/assets") || !answer.text.contains(inline),
                "{path} has `{inline}`"
            );
        }
        let scripts = answer.text.matches("<script").count();
        assert_eq!(
            scripts,
            answer.text.matches(r#"<script src="/assets/"#).count(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_link_from_another_site_leads_to_a_page_without_anything_of_ours() {
    let sidecar = Sidecar::start();
    let browser = Browser::of(&sidecar, "alice").await;
    let visit = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    let path = format!("/approvals/{id}");
    let landed = browser.ask(Method::GET, &path, &visit, String::new()).await;
    assert_eq!(landed.status, 200);
    landed
        .has(&format!(r#"content="0; url={path}?go""#))
        .has_not("Refund")
        .has_not("alice");
    assert_eq!(landed.headers["x-frame-options"], "DENY");
    let again = browser
        .ask(Method::GET, &format!("{path}?go"), &visit, String::new())
        .await;
    again.has("Go on").has_not("http-equiv");
    // Frames, scripts, forms, and what is no page.
    let framed = [visit[0], visit[1], ("sec-fetch-dest", "iframe")];
    let fetched = [visit[0], ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
    let formed = [visit[0], visit[1], visit[2], ("origin", "null")];
    for headers in [&framed[..], &fetched, &formed] {
        let answer = browser.ask(Method::GET, &path, headers, String::new()).await;
        assert_eq!(answer.status, 403, "{headers:?}");
        answer.has_not("Refund");
    }
    for path in [
        "/api/v1/approvals",
        "/metrics",
        "/events",
        "/assets/page.js",
        "//evil.test",
        "/approvals/%2f%2fevil",
    ] {
        assert_eq!(
            browser.ask(Method::GET, path, &visit, String::new()).await.status,
            403,
            "{path}"
        );
    }
    let post = browser
        .ask(Method::POST, &format!("{path}/deny"), &visit, String::new())
        .await;
    assert_eq!(post.status, 403);
    assert_eq!(sidecar.pending().await, id);
    client.abort();
}

#[tokio::test]
async fn no_name_but_ours_reaches_the_page() {
    let sidecar = Sidecar::start();
    let browser = Browser::of(&sidecar, "alice").await;
    let rebound = Browser {
        host: "evil.test:8081",
        cookie: browser.cookie.clone(),
        ..Browser::new(&sidecar)
    };
    assert_eq!(rebound.get("/").await.status, 421);
    let foreign = browser
        .ask(Method::GET, "/", &[("origin", "http://evil.test")], String::new())
        .await;
    assert_eq!(foreign.status, 403);
}

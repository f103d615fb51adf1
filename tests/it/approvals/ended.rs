//! A decision on what has ended, through each door: why it is none, no change, and an entry.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::refund;
use crate::harness::{HttpAnswer, Origin, Sidecar, Signed, Tunnel, Workspace, api, button_of, eventually, key, said};

/// A person at the page, by its forms.
struct Visitor<'a> {
    sidecar: &'a Sidecar,
    cookie: String,
    form: String,
}

/// The value of `name="form"` on a page.
fn form_of(page: &HttpAnswer) -> String {
    let text = page.text();
    let rest = text.split(r#"name="form" value=""#).nth(1).unwrap_or_default();
    rest.split('"').next().unwrap_or_default().to_owned()
}

fn cookie_of(page: &HttpAnswer) -> String {
    let set = page
        .header("set-cookie")
        .unwrap_or_else(|| panic!("no cookie: {page:?}"));
    set.split(';').next().unwrap().to_owned()
}

impl<'a> Visitor<'a> {
    fn of(sidecar: &'a Sidecar, person: &str) -> Self {
        let asked = ask(sidecar, "GET", "/sign-in", "", &[]);
        let (cookie, form) = (cookie_of(&asked), form_of(&asked));
        let signed_in = ask(
            sidecar,
            "POST",
            "/sign-in",
            &cookie,
            &[("form", &form), ("key", &key(person))],
        );
        assert_eq!(signed_in.status, 303, "{signed_in:?}");
        let cookie = cookie_of(&signed_in);
        let form = form_of(&ask(sidecar, "GET", "/", &cookie, &[]));
        Self { sidecar, cookie, form }
    }

    fn submits(&self, path: &str, fields: &[(&str, &str)]) -> HttpAnswer {
        let all = [&[("form", self.form.as_str())], fields].concat();
        ask(self.sidecar, "POST", path, &self.cookie, &all)
    }
}

fn ask(sidecar: &Sidecar, method: &str, path: &str, cookie: &str, fields: &[(&str, &str)]) -> HttpAnswer {
    let port = sidecar.control_port();
    let content = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let typed = match method {
        "POST" => format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            content.len()
        ),
        _ => String::new(),
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nCookie: {cookie}\r\n{typed}\r\n"
    );
    api::raw(port, &format!("{head}{content}")).unwrap()
}

/// All that is known of it.
fn shown(sidecar: &Sidecar, id: &str) -> Value {
    let answer = sidecar.api("GET", &format!("/api/v1/approvals/{id}"), &sidecar.owner_key(), None);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// One approval of each end.
fn ended(sidecar: &Sidecar) -> BTreeMap<&'static str, String> {
    let call = |amount: u64| Tunnel::to("api.stripe.com:443").open(sidecar).ask(refund(amount));
    let held = |amount: u64| {
        let answer = call(amount);
        answer.header("runplane-approval-id").unwrap().to_owned()
    };
    let expired = held(90_001);
    eventually("it expires", || shown(sidecar, &expired)["state"] == "expired");
    let consumed = held(90_002);
    sidecar.approve(&consumed);
    assert_eq!(call(90_002).status, 200);
    let denied = held(90_003);
    sidecar.deny(&denied, "no");
    let cancelled = held(90_004);
    sidecar.told(&["approvals", "cancel", &cancelled]);
    [
        ("expired", expired),
        ("consumed", consumed),
        ("denied", denied),
        ("cancelled", cancelled),
    ]
    .into()
}

#[test]
fn what_has_ended_is_decided_through_no_door_and_each_attempt_is_on_record() {
    let (origin, workspace) = (Origin::stripe(), Workspace::new());
    let configuration = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .hold("1s")
        .approvals("pending: 8s")
        .person("alice", "approver")
        .person("bob", "marketing");
    let sidecar = workspace.asked_by(configuration).start();
    let ids = ended(&sidecar);
    eventually("Slack shows something", || !workspace.messages().is_empty());
    let visitor = Visitor::of(&sidecar, "alice");
    let mut whispers = 0;
    for (state, id) in &ids {
        let (before, trail) = (shown(&sidecar, id), sidecar.trail().entries().len());
        assert_eq!(before["state"], **state);
        let says = |door: &str, status: Option<u16>, text: &str| {
            assert_eq!(status, Some(409), "{state} by {door}: {text}");
            for words in [&format!("is {state}"), "nothing was changed"] {
                assert!(text.contains(words), "{state} by {door}: {text}");
            }
        };
        let reason = json!({ "reason": "so" });
        for verb in ["approve", "deny", "cancel"] {
            let path = format!("/api/v1/approvals/{id}/{verb}");
            let answer = sidecar.api("POST", &path, &key("alice"), Some(&reason));
            let told = answer.json();
            assert_eq!((&told["status"], &told["title"]), (&json!(409), &json!("Conflict")));
            says("the API", Some(answer.status), told["detail"].as_str().unwrap());

            let typed = ["approvals", verb, id, "--reason", "so"];
            let output = sidecar.cli_as(Some(&key("alice")), &typed);
            assert!(!output.status.success());
            says("the command line", Some(409), &said(&output));
        }
        for (verb, fields) in [("approve", &[("revision", "0")][..]), ("deny", &[("reason", "so")])] {
            let answer = visitor.submits(&format!("/approvals/{id}/{verb}"), fields);
            says("the page", Some(answer.status), &answer.text());
        }
        for button in ["runplane_approve", "runplane_deny"] {
            let click = workspace.said("U0ALICE", button, &button_of(id, 0));
            assert_eq!(Signed::now(&click).send(&sidecar).status, 200);
            whispers += 1;
            says("Slack", Some(409), &workspace.whispers(whispers));
        }
        let entries = sidecar.trail().entries();
        let refused: Vec<&Value> = entries[trail..].iter().filter(|it| it["kind"] == "refused").collect();
        assert_eq!(refused.len(), 3 + 3 + 2 + 2, "{state}: {refused:#?}");
        for entry in refused {
            assert_eq!(
                (&entry["status"], &entry["reason"], &entry["person"]),
                (&json!(409), &json!("not_decided"), &json!("alice")),
                "{entry}"
            );
        }
        assert_eq!(shown(&sidecar, id), before, "{state}: nothing was changed");
    }
    assert_eq!(super::refunds(&origin), 1, "the one that was approved in time");
    let trail = sidecar.trail();
    let of = |kind: &str| trail.of_kind(kind).len();
    let steps = ["approved", "denied", "cancelled", "consumed", "expired"].map(of);
    assert_eq!(steps, [1; 5], "no step more than there was");
}

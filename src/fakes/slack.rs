//! A stand-in for Slack's Web API: a method per path, `ok` in every answer, 200 for all of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, Request};

/// A workspace where whatever is posted is shown to nobody.
#[derive(Debug, Default)]
pub struct Slack;

impl Slack {
    /// Answers as Slack would.
    pub fn answer(&self, request: &Request<'_>) -> Answer {
        let parameters = parameters(request);
        let text = |name: &str| parameters.get(name).map_or("", String::as_str);
        let channel = text("channel");
        let (value, done) = match request.path().trim_start_matches("/api/") {
            "auth.test" => (
                json!({"ok": true, "team": "Acme", "user": "bot", "team_id": "T1", "user_id": "U0"}),
                None,
            ),
            "chat.postMessage" => (
                json!({
                    "ok": true, "channel": channel, "ts": "1405894322.002768",
                    "message": {"text": text("text"), "user": "U0", "type": "message", "ts": "1405894322.002768"},
                }),
                Some(format!("message in {channel}")),
            ),
            "chat.delete" => (
                json!({"ok": true, "channel": channel, "ts": text("ts")}),
                Some(format!("message {} in {channel} deleted", text("ts"))),
            ),
            "conversations.invite" => (
                json!({"ok": true, "channel": {"id": channel}}),
                Some(format!("{} invited to {channel}", text("users"))),
            ),
            method => (
                json!({"ok": false, "error": "unknown_method", "req_method": method}),
                None,
            ),
        };
        Answer {
            done,
            ..Answer::json(200, &value)
        }
    }
}

/// Of query and content, JSON or form.
fn parameters(request: &Request<'_>) -> BTreeMap<String, String> {
    let query = form_urlencoded::parse(request.query().as_bytes());
    let mut all: BTreeMap<String, String> = query.into_owned().collect();
    match serde_json::from_slice::<BTreeMap<String, Value>>(request.body) {
        Ok(members) => all.extend(
            members
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))),
        ),
        Err(_) => all.extend(form_urlencoded::parse(request.body).into_owned()),
    }
    all
}

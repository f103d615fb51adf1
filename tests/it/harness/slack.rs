//! A stand-in for Slack's Web API: a method per path, `ok` in every answer, 200 for all of them.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Reply, Seen};

pub fn answer(seen: &Seen) -> Reply {
    let parameters = parameters(seen);
    let text = |name: &str| parameters.get(name).cloned().unwrap_or_default();
    let value = match seen.path().trim_start_matches("/api/") {
        "auth.test" => json!({"ok": true, "team": "Acme", "user": "bot", "team_id": "T1", "user_id": "U0"}),
        "chat.postMessage" => json!({
            "ok": true, "channel": text("channel"), "ts": "1405894322.002768",
            "message": {"text": text("text"), "user": "U0", "type": "message", "ts": "1405894322.002768"},
        }),
        "chat.delete" => json!({"ok": true, "channel": text("channel"), "ts": text("ts")}),
        "conversations.invite" => json!({"ok": true, "channel": {"id": text("channel")}}),
        method => json!({"ok": false, "error": "unknown_method", "req_method": method}),
    };
    Reply::json(200, &value)
}

/// Of query and content, JSON or form.
fn parameters(seen: &Seen) -> HashMap<String, String> {
    let query = seen.target.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let mut all: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    match serde_json::from_slice::<HashMap<String, Value>>(&seen.body) {
        Ok(members) => all.extend(
            members
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))),
        ),
        Err(_) => all.extend(form_urlencoded::parse(&seen.body).into_owned()),
    }
    all
}

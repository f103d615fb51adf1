//! Slack's Web API as far as an app that posts needs it. It refuses what Slack refuses, and presses buttons as Slack does.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use runplane::fakes;
use runplane::model::Timestamp;
use runplane::model::entry::hmac_sha256;
use serde_json::{Value, json};

use super::{Configuration, HttpAnswer, Origin, Sidecar, api, eventually};

const TOKEN: &str = "xoxb-1-2-abcDEF";
const SECRET: &str = "8f742231b10e8888abcd99baac885a5f";
pub const CHANNEL: &str = "C0123456789";
const PATH: &str = "/api/v1/slack/interactions";

/// A workspace with one channel.
pub struct Workspace {
    origin: Origin,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// What stands in the channel.
    messages: Vec<Value>,
    /// What was said to one user.
    whispers: Vec<Value>,
    /// Forms that were opened.
    views: Vec<Value>,
    triggers: Vec<String>,
    /// Calls that are answered 429 yet.
    busy: u32,
    /// How long it thinks about each call.
    slow: Duration,
    /// A method that is answered 429 always.
    overrun: Option<&'static str>,
    /// A word that it takes for no block.
    allergic: Option<String>,
    calls: Vec<String>,
    moments: Vec<Instant>,
    removed: bool,
}

impl Workspace {
    pub fn new() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let origin = Origin::of_slack_app(move |request| {
            let slow = shared.lock().unwrap().slow;
            std::thread::sleep(slow);
            shared.lock().unwrap().answer(request)
        });
        Self { origin, state }
    }

    /// A sidecar to be that asks here, with buttons for alice and bob.
    pub fn asked_by(&self, configuration: Configuration) -> Configuration {
        let people = "signing_secret_file: slack.secret, people: { U0ALICE: alice, U0BOB: bob }";
        self.asked(configuration, TOKEN, people)
            .control("public_url: \"https://runplane.test\"")
    }

    /// The same with this token and these keys.
    pub fn asked(&self, configuration: Configuration, token: &str, keys: &str) -> Configuration {
        configuration.home.write("slack.token", format!("{token}\n"));
        configuration.home.write("slack.secret", format!("{SECRET}\n"));
        configuration
            .resolve_to("slack.com", &self.origin.address().to_string())
            .section(&format!(
                "notifications:\n  slack: {{ token_file: slack.token, groups: {{ approver: [ {CHANNEL} ] }}, {keys} }}\n  \
                 destinations: [ slack.com ]"
            ))
    }

    /// The next calls are too many.
    pub fn is_busy(&self, calls: u32) {
        self.state.lock().unwrap().busy = calls;
    }

    /// Each call from now on takes so long.
    pub fn is_slow(&self, slow: Duration) {
        self.state.lock().unwrap().slow = slow;
    }

    /// Calls of this method are too many, for an hour.
    pub fn is_overrun(&self, method: &'static str) {
        self.state.lock().unwrap().overrun = Some(method);
    }

    pub fn is_allergic_to(&self, word: &str) {
        self.state.lock().unwrap().allergic = Some(word.to_owned());
    }

    pub fn calls(&self) -> Vec<String> {
        self.state.lock().unwrap().calls.clone()
    }

    /// When each of the calls came.
    pub fn moments(&self) -> Vec<Instant> {
        self.state.lock().unwrap().moments.clone()
    }

    /// Somebody removes what stands in the channel.
    pub fn remove_all(&self) {
        let mut state = self.state.lock().unwrap();
        state.messages.clear();
        state.removed = true;
    }

    pub fn messages(&self) -> Vec<Value> {
        self.state.lock().unwrap().messages.clone()
    }

    /// The only message, once it says this.
    pub fn shows(&self, words: &str) -> Value {
        let says = || {
            self.messages()
                .last()
                .is_some_and(|message| message.to_string().contains(words))
        };
        eventually(&format!("Slack shows {words}"), says);
        let mut messages = self.messages();
        assert_eq!(messages.len(), 1, "{messages:#?}");
        messages.remove(0)
    }

    /// The latest word to one user, once there are so many.
    pub fn whispers(&self, number: usize) -> String {
        let all = || self.state.lock().unwrap().whispers.clone();
        eventually("Slack was to tell somebody", || all().len() >= number);
        let all = all();
        assert_eq!(all.len(), number, "{all:#?}");
        let last = &all[number - 1];
        format!("{}: {}", last["user"].as_str().unwrap(), last["text"].as_str().unwrap())
    }

    /// The form that was opened last, once there is one.
    pub fn form(&self) -> Value {
        eventually("a form is opened", || !self.state.lock().unwrap().views.is_empty());
        self.state.lock().unwrap().views.last().unwrap().clone()
    }

    /// How many forms were opened so far.
    pub fn forms(&self) -> usize {
        self.state.lock().unwrap().views.len()
    }

    /// What Slack sends when `user` presses this button of the message.
    pub fn pressed(&self, user: &str, button: &str) -> Value {
        let message = self.messages().pop().unwrap();
        let value = buttons(&message).into_iter().find(|(id, _)| id == button);
        let (_, value) = value.unwrap_or_else(|| panic!("no such button: {message:#}"));
        self.said(user, button, &value)
    }

    /// The same with a button that may not be there.
    pub fn said(&self, user: &str, button: &str, value: &str) -> Value {
        let trigger = format!("{}.1.2", Timestamp::now().0);
        self.state.lock().unwrap().triggers.push(trigger.clone());
        json!({"type": "block_actions", "user": {"id": user, "team_id": "T1"}, "team": {"id": "T1"}, "api_app_id": "A1",
            "trigger_id": trigger, "channel": {"id": CHANNEL, "name": "approvals"}, "message": self.messages().pop(),
            "response_url": "https://hooks.slack.com/actions/T1/1/2",
            "actions": [{"type": "button", "action_id": button, "value": value, "block_id": "b", "action_ts": "1.2"}]})
    }

    /// What Slack sends when `user` fills in the form.
    pub fn filled_in(&self, user: &str, reason: &str) -> Value {
        let mut view = self.form();
        let field = view["blocks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|block| block["type"] == "input")
            .unwrap();
        let (block, action) = (
            field["block_id"].as_str().unwrap(),
            field["element"]["action_id"].as_str().unwrap(),
        );
        let state = json!({"values": {block: {action: {"type": "plain_text_input", "value": reason}}}});
        view["state"] = state;
        json!({"type": "view_submission", "user": {"id": user}, "team": {"id": "T1"}, "view": view})
    }

    /// Presses a button, which must be acknowledged.
    #[track_caller]
    pub fn press(&self, sidecar: &Sidecar, user: &str, button: &str) {
        let answer = Signed::now(&self.pressed(user, button)).send(sidecar);
        assert_eq!((answer.status, answer.text().as_str()), (200, ""), "{answer:?}");
    }
}

/// The value of a button of this revision.
pub fn button_of(approval: &str, revision: u32) -> String {
    let about = format!("button:{approval}:{revision}");
    let mark = hex::encode(hmac_sha256(SECRET.as_bytes(), about.as_bytes()));
    format!("{approval}:{revision}:{mark}")
}

/// `action_id` and `value` of the buttons of a message.
pub fn buttons(message: &Value) -> Vec<(String, String)> {
    let blocks = message["blocks"].as_array().unwrap().iter();
    let elements = blocks.filter_map(|block| block["elements"].as_array()).flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    elements
        .map(|button| (text(&button["action_id"]), text(&button["value"])))
        .collect()
}

/// A request that Slack signed.
#[derive(Clone)]
pub struct Signed {
    pub content: String,
    pub timestamp: i64,
    pub signature: String,
}

impl Signed {
    pub fn now(payload: &Value) -> Self {
        Self::at(Timestamp::now().0 / 1000, payload)
    }

    pub fn at(timestamp: i64, payload: &Value) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let content = form.append_pair("payload", &payload.to_string()).finish();
        let signed = format!("v0:{timestamp}:{content}");
        let signature = format!("v0={}", hex::encode(hmac_sha256(SECRET.as_bytes(), signed.as_bytes())));
        Self {
            content,
            timestamp,
            signature,
        }
    }

    pub fn send(&self, sidecar: &Sidecar) -> HttpAnswer {
        let headers = format!(
            "X-Slack-Request-Timestamp: {}\r\nX-Slack-Signature: {}\r\n",
            self.timestamp, self.signature
        );
        self.send_with(sidecar, &headers)
    }

    /// With these headers instead of Slack's.
    pub fn send_with(&self, sidecar: &Sidecar, headers: &str) -> HttpAnswer {
        let (port, length) = (sidecar.control_port(), self.content.len());
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Type: \
             application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        api::raw(port, &format!("{head}{}", self.content)).unwrap()
    }
}

impl State {
    fn answer(&mut self, request: &fakes::Request<'_>) -> fakes::Answer {
        let method = request.target.trim_start_matches("/api/").to_owned();
        self.calls.push(method.clone());
        self.moments.push(Instant::now());
        if self.busy > 0 {
            self.busy -= 1;
            let limited = json!({"ok": false, "error": "ratelimited"});
            return answer(429, vec![("retry-after", "1".to_owned())], &limited);
        }
        if self.overrun == Some(&*method) {
            let limited = json!({"ok": false, "error": "ratelimited"});
            return answer(429, vec![("retry-after", "3600".to_owned())], &limited);
        }
        let header = |name: &str| {
            request
                .headers
                .iter()
                .find(|(found, _)| found == name)
                .map(|(_, value)| value.as_str())
        };
        let body: Value = serde_json::from_slice(request.body).unwrap_or_default();
        let result = match (header("authorization"), header("content-type")) {
            (None, _) => Err("not_authed"),
            (Some(token), _) if token != format!("Bearer {TOKEN}") => Err("invalid_auth"),
            (_, Some("application/json; charset=utf-8")) if body.is_object() => self.call(&method, &body),
            _ => Err("invalid_json"),
        };
        let result = result.unwrap_or_else(|error| json!({"ok": false, "error": error}));
        answer(200, Vec::new(), &result)
    }

    fn call(&mut self, method: &str, body: &Value) -> Result<Value, &'static str> {
        if method == "views.open" {
            let trigger = body["trigger_id"].as_str().unwrap_or_default();
            let at = self
                .triggers
                .iter()
                .position(|known| known == trigger)
                .ok_or("invalid_trigger_id")?;
            self.triggers.remove(at);
            is_view(&body["view"])?;
            self.views.push(body["view"].clone());
            return Ok(json!({"ok": true, "view": {"id": "V1"}}));
        }
        if body["channel"] != CHANNEL {
            return Err("channel_not_found");
        }
        let text = body["text"].as_str().unwrap_or_default();
        match text.chars().count() {
            0 => return Err("no_text"),
            1..=40_000 => {}
            _ => return Err("msg_too_long"),
        }
        let blocks = body["blocks"].as_array().ok_or("invalid_blocks_format")?;
        let allergic = self.allergic.as_ref();
        let all_fit = blocks.len() <= 50 && blocks.iter().all(is_block);
        if !all_fit || allergic.is_some_and(|word| body["blocks"].to_string().contains(word)) {
            return Err("invalid_blocks");
        }
        let mut message = json!({"text": text, "blocks": blocks, "user": body["user"], "ts": body["ts"],
            "thread_ts": body["thread_ts"], "reply_broadcast": body["reply_broadcast"]});
        match method {
            "chat.postMessage" => {
                let parent = body["thread_ts"].as_str();
                let stands = |ts: &str| {
                    self.messages
                        .iter()
                        .any(|known| known["ts"] == ts && known["thread_ts"].is_null())
                };
                if parent.is_some_and(|ts| !stands(ts)) {
                    return Err("thread_not_found");
                }
                let ts = format!("1405894322.{:06}", self.messages.len() + 1 + usize::from(self.removed));
                message["ts"] = ts.as_str().into();
                self.messages.push(message);
                Ok(json!({"ok": true, "channel": CHANNEL, "ts": ts, "message": body}))
            }
            "chat.update" => {
                let found = self.messages.iter_mut().find(|known| known["ts"] == body["ts"]);
                let found = found.ok_or("message_not_found")?;
                message["thread_ts"] = found["thread_ts"].clone();
                *found = message;
                Ok(json!({"ok": true, "channel": CHANNEL, "ts": body["ts"], "text": text}))
            }
            "chat.postEphemeral" => {
                self.whispers.push(message);
                Ok(json!({"ok": true, "message_ts": "1405894322.9"}))
            }
            _ => Err("unknown_method"),
        }
    }
}

fn answer(status: u16, mut headers: Vec<(&'static str, String)>, body: &Value) -> fakes::Answer {
    headers.push(("content-type", "application/json".to_owned()));
    fakes::Answer {
        status,
        headers,
        body: body.to_string(),
        done: None,
    }
}

fn is_text(value: &Value, longest: usize) -> bool {
    let length = value["text"].as_str().map_or(0, |text| text.chars().count());
    value["type"] == "plain_text" && (1..=longest).contains(&length)
}

fn is_block(block: &Value) -> bool {
    match block["type"].as_str() {
        Some("header") => is_text(&block["text"], 150),
        Some("section") => is_text(&block["text"], 3_000),
        Some("input") => is_text(&block["label"], 2_000) && block["element"]["type"] == "plain_text_input",
        Some("actions") => {
            let elements = block["elements"].as_array().unwrap();
            let short = |value: &Value, longest| value.as_str().is_none_or(|text| text.len() <= longest);
            let is_button = |button: &Value| {
                button["type"] == "button"
                    && is_text(&button["text"], 75)
                    && short(&button["value"], 2_000)
                    && short(&button["url"], 3_000)
                    && short(&button["action_id"], 255)
            };
            (1..=25).contains(&elements.len()) && elements.iter().all(is_button)
        }
        _ => false,
    }
}

fn is_view(view: &Value) -> Result<(), &'static str> {
    let words = ["title", "submit", "close"]
        .iter()
        .all(|name| is_text(&view[*name], 24));
    let blocks = view["blocks"]
        .as_array()
        .is_some_and(|blocks| blocks.iter().all(is_block));
    let kept = view["private_metadata"]
        .as_str()
        .is_some_and(|kept| kept.len() <= 3_000);
    let good = view["type"] == "modal" && words && blocks && kept;
    if good { Ok(()) } else { Err("invalid_arguments") }
}

//! A call: what was decided, why, and what happened, as the record has it.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use serde_json::Value as Json;

use super::answer::{Frame, rendered, wrong_for};
use super::approval::currency_of;
use super::door::Carried;
use super::words::{Field, Long, Text};
use super::{Page, Shared};
use crate::agent::Person;
use crate::control::problem::Problem;
use crate::gate::Rules;
use crate::model::change::CallRow;
use crate::model::erasure::ERASED;
use crate::model::risk::Band;
use crate::model::{CallId, Outcome, Risk, Timestamp, Value};
use crate::store::{CallRecord, Kept, Store};

/// Members of entries that are shown elsewhere, or that say nothing to people.
const UNTOLD: [&str; 11] = [
    "v",
    "seq",
    "time",
    "kind",
    "call",
    "agent",
    "action",
    "access",
    "provider",
    "operation",
    "environment",
];

#[derive(Template)]
#[template(path = "decision.html", config = "src/control/page/askama.toml")]
struct Shown {
    frame: Frame,
    id: String,
    /// `None`: it was refused before there was anything to decide.
    decided: Option<Decided>,
    events: Vec<Event>,
}

struct Decided {
    decision: &'static str,
    /// Of a call that was only observed: what would have been decided.
    would: &'static str,
    why: String,
    rules: Vec<(String, Option<Text>)>,
    time: String,
    summary: Long,
    agent: Text,
    action: String,
    provider: String,
    operation: Text,
    target: Text,
    environment: Text,
    request: Long,
    approval: Option<String>,
    outcome: String,
    risk: Option<(i64, &'static str, String)>,
    fields: Vec<Field>,
}

struct Event {
    time: String,
    kind: String,
    said: Vec<(String, Text)>,
    /// Names of values that are not what the record commits to.
    changed: String,
    /// Of those that were erased, as another entry says.
    erased: String,
}

pub(super) async fn show(
    State(page): State<Shared>,
    Extension(person): Extension<Person>,
    Extension(carried): Extension<Carried>,
    Path(name): Path<String>,
) -> Response {
    let frame = Frame::new(&page, &person, &carried, "Decision");
    match found(&page, &name).await {
        Ok((id, call, entries)) => {
            let shown = Shown {
                frame,
                decided: call.map(|call| Decided::new(&call, &entries, &page.parts.gate.rules())),
                events: entries.iter().map(Event::new).collect(),
                id: id.to_string(),
            };
            rendered(StatusCode::OK, &shown)
        }
        Err(problem) => wrong_for(frame, &problem),
    }
}

type Found = (CallId, Option<CallRecord>, Vec<Kept>);

async fn found(page: &Page, name: &str) -> Result<Found, Problem> {
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "no such call is on record");
    let id: CallId = name.parse().map_err(|_| unknown())?;
    let (store, wanted) = (page.parts.store.clone(), id.clone());
    let read = tokio::task::spawn_blocking(move || read(&store, &wanted)).await;
    let unreadable = || {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the record cannot be read at this moment",
        )
    };
    let (call, entries) = read.ok().flatten().ok_or_else(unreadable)?;
    match entries.is_empty() {
        true => Err(unknown()),
        false => Ok((id, call, entries)),
    }
}

fn read(store: &Store, id: &CallId) -> Option<(Option<CallRecord>, Vec<Kept>)> {
    let reader = store.reader().ok()?;
    let call = reader.call(id).ok()?;
    let approval = call.as_ref().and_then(|call| call.row.approval.as_ref());
    let entries = reader.entries_about(id, approval).ok()?;
    Some((call, entries))
}

impl Decided {
    fn new(call: &CallRecord, entries: &[Kept], rules: &Rules) -> Self {
        let row = &call.row;
        let is_decided = |entry: &&Kept| members(entry).get("kind").is_some_and(|kind| kind == "decided");
        let last = entries.iter().rev().find(is_decided);
        let in_force = last.and_then(|entry| members(entry).get("policies").map(plain));
        // The reasons of today's rules are those of then only if the rules are.
        let same = in_force.is_some_and(|then| !then.is_empty() && rules.digests().policies.starts_with(&then));
        let reason = |id: &str| rules.policies().reason(id).filter(|_| same).map(Text::new);
        Self {
            decision: row.decision,
            would: row.would.unwrap_or_default(),
            why: row.reason.map(|reason| reason.to_string()).unwrap_or_default(),
            rules: row.rules.iter().map(|id| (id.to_string(), reason(id))).collect(),
            time: row.time.to_string(),
            summary: Long::new(&row.summary),
            agent: Text::new(&row.agent),
            action: row.action.to_string(),
            provider: row.provider.to_string(),
            operation: Text::new(&row.operation),
            target: target(row),
            environment: Text::new(&row.environment),
            request: Long::new(&row.request_line),
            approval: row.approval.as_ref().map(ToString::to_string),
            outcome: outcome(call),
            risk: last.and_then(risk),
            fields: last.map(fields).unwrap_or_default(),
        }
    }
}

fn outcome(call: &CallRecord) -> String {
    let outcome = match call.row.outcome {
        Some(Outcome::Success) => "The provider did it",
        Some(Outcome::Failure) => "The provider refused it",
        Some(Outcome::Error) => "It was sent, and no answer came",
        Some(Outcome::Unknown) => "Nobody knows whether it was done",
        Some(Outcome::NotSent) => "Nothing of it was sent",
        Some(Outcome::Abandoned) => "It was sent, and the agent left before the end of the answer",
        None => "It waits, or is under way",
    };
    let status = call
        .status
        .map(|status| format!(" (HTTP {status})"))
        .unwrap_or_default();
    let made = call
        .result_id
        .as_deref()
        .map(|id| format!(": {id}"))
        .unwrap_or_default();
    format!("{outcome}{status}{}", crate::model::inert(&made))
}

fn risk(entry: &Kept) -> Option<(i64, &'static str, String)> {
    let risk: Risk = serde_json::from_str(entry.values.get("risk")?).ok()?;
    Some((risk.score, Band::of(risk.score).as_str(), risk.in_one_line()))
}

fn fields(entry: &Kept) -> Vec<Field> {
    let kept = entry.values.get("fields");
    let kept = kept.map(|text| values_of(text)).unwrap_or_default();
    let currency = currency_of(&kept, &BTreeMap::new());
    let fields = kept.iter();
    fields
        .map(|(name, value)| Field::new(name, value, currency.as_deref()))
        .collect()
}

/// Each for itself: one that is no value of ours (an older record, or a changed one) is shown as it stands there.
fn values_of(text: &str) -> BTreeMap<Arc<str>, Value> {
    let members = serde_json::from_str::<BTreeMap<Arc<str>, Json>>(text);
    let read = |(name, json): (Arc<str>, Json)| {
        let value = serde_json::from_str(&json.to_string()).unwrap_or_else(|_| Value::Text(json.to_string()));
        (name, value)
    };
    match members {
        Ok(members) => members.into_iter().map(read).collect(),
        Err(_) => BTreeMap::from([("fields".into(), Value::Text(format!("(cannot be read) {text}")))]),
    }
}

/// What was erased is so as a whole: `erased`, and not twice.
fn target(call: &CallRow) -> Text {
    let id = call.target_id.as_deref().unwrap_or_default();
    match &*call.target_kind == ERASED && id == ERASED {
        true => Text::new(ERASED),
        false => Text::new(format!("{} {id}", call.target_kind).trim()),
    }
}

impl Event {
    fn new(entry: &Kept) -> Self {
        let members = members(entry);
        let told = |name: &str| !UNTOLD.contains(&name) && !name.starts_with("commit_");
        let members_said = members.iter().filter(|(name, _)| told(name));
        let values = ["reason", "detail", "stated", "result_id", "correction"];
        let values_said = values
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), entry.values.get(name)?.clone())));
        let said = members_said
            .map(|(name, value)| (name.clone(), plain(value)))
            .chain(values_said);
        let time = members.get("time").and_then(Json::as_i64);
        Self {
            time: time.map(|time| Timestamp(time).to_string()).unwrap_or_default(),
            kind: members.get("kind").map(plain).unwrap_or_default(),
            said: said.map(|(name, value)| (name, Text::new(&value))).collect(),
            changed: entry.changed.join(", "),
            erased: entry.erased.join(", "),
        }
    }
}

fn members(entry: &Kept) -> BTreeMap<String, Json> {
    serde_json::from_slice(&entry.bytes).unwrap_or_default()
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_cannot_be_read_hides_no_other() {
        let all = values_of(r#"{"amount":5,"was":{"a":1.5},"currency":"eur"}"#);
        assert_eq!(all.get("amount"), Some(&Value::Int(5)));
        assert_eq!(all.get("currency"), Some(&Value::Text("eur".to_owned())));
        assert_eq!(all.get("was"), Some(&Value::Text(r#"{"a":1.5}"#.to_owned())));
        let none = values_of("[1");
        assert_eq!(none.get("fields"), Some(&Value::Text("(cannot be read) [1".to_owned())));
    }
}

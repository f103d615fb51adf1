//! What people see of an approval in a message: as much as they need to decide, what the agent wrote harmless and bounded.

mod alike;
mod lines;
mod room;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::Words;
use crate::approval::shortened;
use crate::model::change::ApprovalRow;
use crate::model::inert::inert;
use crate::model::outbox::Delivery;
use crate::model::time::span;
use crate::model::{Action, State, Timestamp, Value, money};
use crate::store::CallRecord;

pub(super) use alike::{Alike, LATELY, SIMILAR};
pub(super) use lines::unlinked;

/// Longest text of the agent's, in characters.
const LONGEST: usize = 500;
/// Bytes of all fields together.
const FIELDS: usize = 8 * 1024;
/// Of what else a call does.
const MOST_ALSO: usize = 10;
/// Of its rules, and of the people who said yes.
const MOST_RULES: usize = 20;
const MOST_VOTES: usize = 20;

/// An approval, ready to be told. Every text in it is inert.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Message {
    #[serde(skip)]
    pub(super) id: String,
    #[serde(skip)]
    pub(super) event: String,
    #[serde(skip)]
    pub(super) time: Timestamp,
    pub(super) approval: String,
    #[serde(skip)]
    pub(super) short: String,
    pub(super) revision: u32,
    state: &'static str,
    pub(super) summary: String,
    pub(super) agent: String,
    owner: Option<String>,
    roles: Vec<String>,
    action: String,
    provider: String,
    operation: String,
    environment: String,
    target: Thing,
    risk: Option<Risk>,
    rules: Vec<Rule>,
    fields: BTreeMap<String, serde_json::Value>,
    /// Fields that are left out because they are many or long.
    fields_left_out: usize,
    /// What is not known and must be stated.
    missing: Vec<String>,
    /// Values of those, as people stated them.
    stated: BTreeMap<String, serde_json::Value>,
    /// What the call does besides.
    also: Vec<String>,
    /// What the agent did just before, oldest first.
    before: Vec<String>,
    /// Its place among those like it that wait, behind the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    similar: Option<alike::Similar>,
    /// What people answered in the last 24 hours to such a call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lately: Vec<String>,
    #[serde(skip)]
    still_waiting: usize,
    /// How much of the lists and reasons is left out because it has no room.
    left_out: usize,
    votes: Vec<Vote>,
    denial: Option<Denial>,
    /// When it was decided.
    #[serde(skip)]
    decided: Option<String>,
    created: String,
    expires: String,
    /// How long that is from when this is written.
    #[serde(skip)]
    left: String,
    /// What a yes is worth.
    approving: String,
    /// What to type to decide; only while people are asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    approve: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deny: Option<String>,
    /// Where a program reads the whole of it, with a person's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Where a person sees it, and decides once they have signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) page: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Thing {
    kind: String,
    id: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Risk {
    score: i64,
    text: String,
    factors: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Rule {
    id: String,
    reason: Option<String>,
    asks: String,
}

#[derive(Clone, Debug, Serialize)]
struct Vote {
    person: String,
    time: String,
    reason: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Denial {
    person: String,
    reason: String,
}

/// A call that the agent made before.
#[derive(Clone, Debug)]
pub(super) struct Before(String);

impl From<CallRecord> for Before {
    fn from(call: CallRecord) -> Self {
        let outcome = call.row.outcome.map(|outcome| format!(", {}", outcome.as_str()));
        Self(format!(
            "{} {}{}: {}",
            call.row.time,
            call.row.decision,
            outcome.unwrap_or_default(),
            told(&call.row.summary, 200)
        ))
    }
}

fn told(text: &str, limit: usize) -> String {
    shortened(&inert(text), limit).into_owned()
}

fn names(names: &[Arc<str>]) -> Vec<String> {
    names.iter().map(|name| told(name, 63)).collect()
}

impl Message {
    pub(super) fn new(
        words: &Words,
        owner: Option<&str>,
        delivery: &Delivery,
        row: &ApprovalRow,
        before: &[Before],
    ) -> Self {
        let action = &row.action;
        let (state, now) = (row.state, Timestamp::now());
        let expired = state == State::Pending && row.expires <= now;
        let pending = state == State::Pending && !expired;
        let currency = currency(row);
        let (stated, stated_left_out) = fields(&row.stated, currency);
        let (fields, fields_left_out) = fields(&action.fields, currency);
        let minutes = words.grant.as_secs().div_ceil(60);
        let deny = format!(
            "runplane approvals deny {} --reason REASON{}",
            row.id.short(),
            words.home_option
        );
        let message = Self {
            id: delivery.event_id(),
            event: delivery.event.clone(),
            time: delivery.created,
            approval: row.id.to_string(),
            short: row.id.short().to_owned(),
            revision: row.revision,
            state: if expired {
                State::Expired.as_str()
            } else {
                state.as_str()
            },
            summary: told(&action.summary, LONGEST),
            agent: told(&row.facts.agent, 63),
            owner: owner.map(|owner| told(owner, 63)),
            roles: names(&row.facts.roles),
            action: told(&action.name, 100),
            provider: told(&action.provider, 100),
            operation: told(&action.operation, 200),
            environment: told(action.environment(), 100),
            target: Thing {
                kind: told(&action.target.kind, 100),
                id: action.target.id.as_deref().map(|id| told(id, 200)),
            },
            risk: action.risk.as_deref().map(|risk| Risk {
                score: risk.score,
                text: risk.in_one_line(),
                factors: risk
                    .reasons()
                    .iter()
                    .map(|factor| {
                        told(
                            &format!("{} {}: {}", factor.basis.name(), factor.points, factor.basis),
                            200,
                        )
                    })
                    .collect(),
            }),
            rules: rules(row),
            fields,
            fields_left_out,
            missing: action
                .all_missing()
                .iter()
                .map(|missing| format!("{} ({})", missing.field, missing.why.as_str()))
                .collect(),
            stated,
            also: also(action),
            before: before.iter().map(|before| before.0.clone()).collect(),
            similar: None,
            lately: Vec::new(),
            still_waiting: 0,
            left_out: stated_left_out
                + action.also.len().saturating_sub(MOST_ALSO)
                + row.rules.len().saturating_sub(MOST_RULES)
                + row.votes.len().saturating_sub(MOST_VOTES),
            votes: votes(row),
            denial: row.denial.as_ref().map(|denial| Denial {
                person: told(&denial.person, 63),
                reason: told(&denial.reason, LONGEST),
            }),
            decided: row.decided.map(|time| time.to_string()),
            created: row.created.to_string(),
            expires: row.expires.to_string(),
            left: span(row.expires.since(now)),
            approving: format!(
                "lets exactly this call through, once, if it comes within {minutes} min of the approval"
            ),
            approve: pending.then(|| (words.command)(row)),
            deny: pending.then_some(deny),
            url: words
                .public_url
                .as_ref()
                .map(|url| format!("{url}/api/v1/approvals/{}", row.id)),
            page: words
                .public_url
                .as_ref()
                .map(|url| format!("{url}/approvals/{}", row.id)),
        };
        message.fitted()
    }
}

fn rules(row: &ApprovalRow) -> Vec<Rule> {
    let rules = row.rules.iter();
    let rules = rules.map(|rule| Rule {
        id: told(&rule.id, 100),
        reason: rule.reason.as_deref().map(|reason| told(reason, LONGEST)),
        asks: told(&rule.asks(), 200),
    });
    rules.take(MOST_RULES).collect()
}

fn votes(row: &ApprovalRow) -> Vec<Vote> {
    let votes = row.votes.iter();
    let votes = votes.map(|vote| Vote {
        person: told(&vote.person, 63),
        time: vote.time.to_string(),
        reason: vote.reason.as_deref().map(|reason| told(reason, LONGEST)),
    });
    votes.take(MOST_VOTES).collect()
}

/// What its amounts are in, by the call or by who stated it.
fn currency(row: &ApprovalRow) -> Option<&str> {
    let known = row.action.fields.get("currency").or_else(|| row.stated.get("currency"));
    match known {
        Some(Value::Text(currency)) => Some(currency),
        Some(Value::Bool(_) | Value::Int(_) | Value::List(_)) | None => None,
    }
}

/// Canonical fields, the shortest first where not all have room; and how many are left out.
fn fields(fields: &BTreeMap<Arc<str>, Value>, currency: Option<&str>) -> (BTreeMap<String, serde_json::Value>, usize) {
    let mut all: Vec<(String, serde_json::Value)> = Vec::new();
    for (name, value) in fields {
        all.push((name.to_string(), shown(value)));
        if let ("amount", Value::Int(amount), Some(currency)) = (&**name, value, currency) {
            all.push((
                "amount_shown".to_owned(),
                told(&money::show(*amount, currency), 100).into(),
            ));
        }
    }
    all.sort_by_key(|(_, value)| value.to_string().len());
    let (mut room, mut kept) = (FIELDS, BTreeMap::new());
    let found = all.len();
    for (name, value) in all {
        let size = name.len() + value.to_string().len() + 4;
        if size > room {
            break;
        }
        room -= size;
        kept.insert(name, value);
    }
    let left_out = found - kept.len();
    (kept, left_out)
}

fn shown(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Text(text) => told(text, LONGEST).into(),
        Value::List(items) => told(&items.join(", "), LONGEST).into(),
    }
}

fn also(action: &Action) -> Vec<String> {
    let each = action.also.iter().map(|also| {
        let target = also.target.id.as_deref().unwrap_or("(not named)");
        let text = format!("{} ({}), {} {target}", also.name, also.operation, also.target.kind);
        told(&text, 300)
    });
    each.take(MOST_ALSO).collect()
}

#[cfg(test)]
pub(super) mod tests;

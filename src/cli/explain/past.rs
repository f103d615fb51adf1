//! What did happen to a call, by the record alone, whether the sidecar runs or not.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::bail;
use serde_json::Value as Json;

use super::again;
use super::show::{self, line, list, shown_place};
use crate::config::home::Home;
use crate::gate::Rules;
use crate::model::change::Carried;
use crate::model::{CallId, Outcome, Risk, Timestamp};
use crate::risk;
use crate::store::{CallRecord, Kept, Reader};

/// Members of entries that are told elsewhere, or that tell people nothing.
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

pub(super) fn tell(id: &CallId, home: &Home, rules: Option<&Rules>, out: &mut impl Write) -> anyhow::Result<()> {
    let reader = Reader::open(&home.database())?;
    let call = reader.call(id)?;
    let approval = call.as_ref().and_then(|call| call.row.approval.as_ref());
    let entries = reader.entries_about(id, approval)?;
    if entries.is_empty() {
        bail!("no call {id} is on record in {}", home.database().display());
    }
    line(out, "call", id.as_str())?;
    match &call {
        Some(call) => decided(call, &entries, rules, out)?,
        None => line(
            out,
            "decision",
            "none: the request was refused before there was anything to decide",
        )?,
    }
    writeln!(out, "\nWhat happened:")?;
    for entry in &entries {
        writeln!(out, "  {}", event(entry))?;
    }
    // A retry of the same approval has decisions of its own.
    let is_own = |entry: &&Kept| members(entry).get("call").is_some_and(|call| call == id.as_str());
    let first = entries.iter().filter(is_own).find(|entry| is_decided(entry));
    if let (Some(first), Some(rules)) = (first, rules) {
        again::tell(first, &reader, rules, out)?;
    }
    Ok(out.flush()?)
}

fn decided(call: &CallRecord, entries: &[Kept], rules: Option<&Rules>, out: &mut impl Write) -> anyhow::Result<()> {
    let row = &call.row;
    let last = entries.iter().rev().find(|entry| is_decided(entry));
    let entry = last.map(members).unwrap_or_default();
    let text = |name: &str| entry.get(name).map(plain).unwrap_or_default();
    line(out, "time", &row.time.to_string())?;
    line(out, "agent", &row.agent)?;
    line(out, "provider", &row.provider)?;
    line(out, "operation", &row.operation)?;
    line(out, "action", &row.action)?;
    line(out, "access", &text("access"))?;
    list(out, "fields", &fields(last))?;
    let missing = text("missing");
    line(out, "missing", if missing.is_empty() { "-" } else { &missing })?;
    line(
        out,
        "target",
        format!("{} {}", row.target_kind, row.target_id.as_deref().unwrap_or_default()).trim_end(),
    )?;
    line(out, "environment", &row.environment)?;
    list(out, "labels", &labels(&entry))?;
    line(out, "summary", &row.summary)?;
    line(out, "request", &row.request_line)?;
    risk(last, out)?;
    list(out, "budgets", &budgets(last))?;
    let reason = row.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let observed = row
        .would
        .map(|would| format!(" (only observed: would be {would}, by the rules below)"))
        .unwrap_or_default();
    line(out, "decision", &format!("{}{reason}{observed}", row.decision))?;
    // What is said of today's rules is said of those of then only if they are the same.
    let same = rules.filter(|rules| {
        let policies = text("policies");
        !policies.is_empty() && rules.digests().policies.starts_with(&policies)
    });
    for id in &row.rules {
        let reason = same.and_then(|rules| rules.policies().reason(id));
        let place = same.and_then(|rules| rules.policies().place(id)).map(shown_place);
        let told = [Some(&**id), reason, place.as_deref()];
        line(
            out,
            "  rule",
            &told.into_iter().flatten().collect::<Vec<_>>().join("  "),
        )?;
    }
    if let Some(approval) = &row.approval {
        line(out, "approval", approval.as_str())?;
    }
    let status = call.status.map(|status| format!(", HTTP {status}")).unwrap_or_default();
    let result = call
        .result_id
        .as_deref()
        .map(|id| format!(", {id}"))
        .unwrap_or_default();
    let outcome = row
        .outcome
        .map_or("none yet: it waits, or is under way", Outcome::as_str);
    let carried = call.carried.map(|carried| {
        let Carried {
            sent,
            received,
            milliseconds,
        } = carried;
        format!(", {sent} bytes sent, {received} received, {milliseconds} ms")
    });
    let carried = carried.unwrap_or_default();
    line(out, "outcome", &format!("{outcome}{status}{result}{carried}"))?;
    Ok(())
}

/// What the call was to budgets then, in their own units: the file may say otherwise by now.
fn budgets(decided: Option<&Kept>) -> Vec<String> {
    let Some(entry) = decided.filter(|entry| members(entry).contains_key("commit_budgets")) else {
        return Vec::new();
    };
    let kept = entry.values.get("budgets");
    let Some(spent) = kept.map(|text| serde_json::from_str::<Vec<BTreeMap<String, Json>>>(text)) else {
        return vec!["(erased)".to_owned()];
    };
    let told = |spent: &BTreeMap<String, Json>| {
        let text = |name: &str| spent.get(name).map(plain);
        let [name, scope, before, after] =
            ["budget", "scope", "before", "after"].map(|name| text(name).unwrap_or_default());
        let limit = text("limit").map_or_else(|| "no limit".to_owned(), |limit| format!("at most {limit}"));
        format!("{name}: {before} used, {after} with this call, {limit} for {scope}")
    };
    match spent {
        Ok(spent) => spent.iter().map(told).collect(),
        Err(error) => vec![format!("cannot be read: {error}")],
    }
}

/// How the target was labelled then.
fn labels(entry: &BTreeMap<String, Json>) -> Vec<String> {
    let text = |name: &str| entry.get(name).map(plain);
    let Some(lines) = text("label_lines") else {
        return Vec::new();
    };
    let environment = text("environment_mapped").and_then(|_| text("environment"));
    let others = ["sensitivity", "owner", "tags"].map(|name| (name, text(name)));
    let all = std::iter::once(("environment", environment)).chain(others);
    let all = all.filter_map(|(name, value)| Some(format!("{name} = {}", value?)));
    let all: Vec<String> = all.collect();
    vec![format!("{}  targets.yaml, lines {lines}", all.join(", "))]
}

/// The score as it is on record, and what comes of it when it is worked out again.
fn risk(decided: Option<&Kept>, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(entry) = decided.filter(|entry| members(entry).contains_key("commit_risk")) else {
        return Ok(line(out, "risk", "not on record")?);
    };
    let Some(kept) = entry.values.get("risk") else {
        return Ok(line(out, "risk", "(erased)")?);
    };
    let found = match serde_json::from_str::<Risk>(kept) {
        Ok(risk) => {
            show::risk(&risk, out)?;
            risk::check(&risk).map_err(|error| error.to_string())
        }
        Err(error) => Err(format!("it cannot be read: {error}")),
    };
    let found = match entry.changed.iter().any(|name| name == "risk") {
        true => Err("it is not what the entry commits to".to_owned()),
        false => found,
    };
    let told = match found {
        Ok(()) => "the same, from what is on record".to_owned(),
        Err(why) => format!("NOT the same, the record was changed: {why}"),
    };
    Ok(line(out, "  worked out", &told)?)
}

fn fields(decided: Option<&Kept>) -> Vec<String> {
    let kept = decided.and_then(|entry| entry.values.get("fields"));
    let fields = kept.map(|text| serde_json::from_str::<BTreeMap<String, Json>>(text).unwrap_or_default());
    match fields {
        Some(fields) => fields
            .iter()
            .map(|(name, value)| format!("{name} = {}", plain(value)))
            .collect(),
        None => vec!["(erased)".to_owned()],
    }
}

/// `2026-01-02T03:04:05Z  approved  person owner, rules refund-over-500`
fn event(entry: &Kept) -> String {
    let members = members(entry);
    let text = |name: &str| members.get(name).map(plain).unwrap_or_default();
    let time = members
        .get("time")
        .and_then(Json::as_i64)
        .map_or_else(String::new, |time| Timestamp(time).to_string());
    let told = |name: &str| !UNTOLD.contains(&name) && !name.starts_with("commit_");
    let mut said: Vec<String> = members
        .iter()
        .filter(|(name, _)| told(name))
        .map(|(name, value)| format!("{name} {}", plain(value)))
        .collect();
    // Values that belong to the event; those of the call are told above.
    for name in ["reason", "detail", "stated", "result_id"] {
        if let Some(value) = entry.values.get(name) {
            said.push(format!("{name} {value}"));
        }
    }
    let line = format!("{time}  {:<9}  {}", text("kind"), said.join(", "));
    crate::model::inert(line.trim_end()).into_owned()
}

fn is_decided(entry: &Kept) -> bool {
    members(entry).get("kind").is_some_and(|kind| kind == "decided")
}

fn members(entry: &Kept) -> BTreeMap<String, Json> {
    serde_json::from_slice(&entry.bytes).unwrap_or_default()
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

//! A call: decided, closed, recovered; and what never became one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;

use super::{Digests, Ruling, joined, recorded, short};
use crate::model::change::{CallClosed, CallRow, Carried};
use crate::model::entry::{Committed, Kind};
use crate::model::labels::{Label, Labels, Sensitivity};
use crate::model::observed::Trial;
use crate::model::{Action, Call, CallId, Change, Entry, Outcome, Reason, Refusal, Spent, Timestamp, Value};
use crate::store::OpenCall;

/// A call's target as it was sent. Members in the order of RFC 8785.
#[derive(Serialize)]
struct Request<'a> {
    authority: String,
    method: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a str>,
}

#[derive(Serialize)]
struct TargetValue<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    kind: &'a str,
}

/// `decided` with its commitments, and the call's projection. A block is closed at once as not sent.
pub fn decided(call: &Call, action: &Action, ruling: &Ruling<'_>, digests: &Digests) -> Vec<Change> {
    let blocked = ruling.decision == "BLOCK";
    let spent = ruling.spending.map_or(&[][..], |spending| &spending.spent);
    let entry = Entry::new(Kind::Decided)
        .call(&call.id)
        .agent(&call.caller.agent)
        .with("access", action.access.as_str())
        .with("began", call.received.0)
        .with("action", &*action.name)
        .with_some("also", also(action))
        .with_some("approval", ruling.approval.map(|approval| approval.as_str()))
        .with_some("budgets", budgets(spent))
        .with("decision", ruling.decision)
        .with("environment", &**action.environment())
        .with("inspected", i64::from(action.inspected))
        .with("mappings", short(&digests.mappings))
        .with_some("lacks", lacks(action))
        .with_some("missing", missing(action))
        // SECURITY: an unmapped operation is the agent's path, where its secrets may lie; entries are kept for ever.
        // Test: `an_unmapped_operation_stays_out_of_entry_and_projection`.
        .with_some("operation", (!action.unmapped).then_some(&*action.operation))
        .with("policies", short(&digests.policies))
        .with("provider", &*action.provider)
        .with_some("reason", ruling.reason.map(Reason::as_str))
        .with_some("recalled", recalled(action))
        .with_some(
            "repeats",
            ruling
                .spending
                .and_then(|spending| spending.repeats.as_ref())
                .map(|call| call.as_str()),
        )
        .with("roles", joined(call.caller.roles.iter()))
        .with("rules", joined(ruling.rules))
        .with("unmapped", i64::from(action.unmapped))
        .with_some("basis", ruling.would.map(|_| "observed"))
        .with_some("would", ruling.would.map(|would| would.decision))
        .with_some(
            "would_reason",
            ruling.would.and_then(|would| would.reason).map(Reason::as_str),
        )
        .commit("fields", Committed::keep(&action.fields))
        .commit("request", Committed::hide(&request(call)))
        .commit("request_line", Committed::keep(&action.request_line))
        .commit("summary", Committed::keep(&action.summary))
        .commit("target", Committed::keep(&target(action)));
    let entry = match action.labels.as_deref() {
        Some(labels) => labelled(entry, labels, &action.environment),
        None => entry,
    };
    let entry = match recorded::is_told(action) {
        true => entry,
        false => entry.commit("operation", Committed::keep(&action.operation)),
    };
    let entry = match action.also.is_empty() {
        true => entry,
        false => entry.commit("also", Committed::keep(&all_also(action))),
    };
    let entry = match spent.is_empty() {
        true => entry,
        false => entry.commit("budgets", Committed::keep(&spent)),
    };
    let entry = match ruling.trial {
        Some(trial) => on_trial(entry, trial),
        None => entry,
    };
    let entry = match &action.risk {
        Some(risk) => entry.commit("risk", Committed::keep(risk)),
        None => entry,
    };
    let row = CallRow {
        id: call.id.clone(),
        time: call.received,
        agent: call.caller.agent.clone(),
        provider: action.provider.clone(),
        operation: match action.unmapped {
            true => Arc::from(action.request_line.as_str()),
            false => action.operation.clone(),
        },
        action: action.name.clone(),
        environment: action.environment().clone(),
        decision: ruling.decision,
        would: ruling.would.map(|would| would.decision),
        rules: ruling.rules.to_vec(),
        approval: ruling.approval.cloned(),
        reason: ruling.reason,
        outcome: blocked.then_some(Outcome::NotSent),
        summary: action.summary.clone(),
        request_line: action.request_line.clone(),
        target_kind: action.target.kind.clone(),
        target_id: action.target.id.clone(),
        risk: action.score(),
    };
    vec![Change::Append(entry), Change::CallDecided(Box::new(row))]
}

fn budgets(spent: &[Spent]) -> Option<String> {
    let mut names: Vec<&Arc<str>> = spent.iter().map(|spent| &spent.budget).collect();
    names.dedup();
    (!names.is_empty()).then(|| joined(names))
}

/// What the operator said of the target when the call was decided, and on which lines of the file. The words are theirs.
fn labelled(entry: Entry, labels: &Labels, mapped: &Arc<str>) -> Entry {
    let said = |label| labels.by.iter().any(|(given, _)| *given == label);
    let lines: BTreeSet<usize> = labels.by.iter().map(|(_, place)| place.line).collect();
    let lines: Vec<String> = lines.into_iter().map(|line| line.to_string()).collect();
    let tags = |tags: &Vec<Arc<str>>| joined(tags.iter());
    entry
        .with("label_lines", lines.join(","))
        .with_some("label_doubt", labels.doubtful.then_some(1_i64))
        // The mapping's own word, where another one counts.
        .with_some("environment_mapped", labels.environment.is_some().then_some(&**mapped))
        .with_some("owner", said(Label::Owner).then(|| labels.owner()))
        .with_some(
            "sensitivity",
            said(Label::Sensitivity).then(|| labels.sensitivity.as_str()),
        )
        .with_some("tags", said(Label::Tags).then(|| tags(&labels.tags)))
        .with_some("tags_certain", labels.certain_tags.as_ref().map(tags))
}

/// `trial_rules` are satisfied, `trial_failed` could not be evaluated, `trial_would` is what they would have made of the call.
fn on_trial(entry: Entry, trial: &Trial) -> Entry {
    let ids = |ids: &[Arc<str>]| (!ids.is_empty()).then(|| joined(ids));
    entry
        .with_some("trial_failed", ids(&trial.failed))
        .with_some("trial_rules", ids(&trial.rules))
        .with("trial_would", trial.would.decision)
}

/// Fields that the call does not tell: they are as its target was made.
fn recalled(action: &Action) -> Option<String> {
    let names = action.tie.recalled();
    (!names.is_empty()).then(|| joined(names))
}

fn missing(action: &Action) -> Option<String> {
    let missing = action.all_missing();
    (!missing.is_empty()).then(|| joined(missing.into_iter().map(|missing| &missing.field)))
}

/// What the action itself lacks, without what else the call does: each field with why.
fn lacks(action: &Action) -> Option<String> {
    (!action.missing.is_empty()).then(|| reasons(action).join(","))
}

/// `amount:absent`
fn reasons(action: &Action) -> Vec<String> {
    let missing = action.missing.iter();
    missing
        .map(|missing| format!("{}:{}", missing.field, missing.why.as_str()))
        .collect()
}

/// The names of all it does besides.
pub(super) fn also(action: &Action) -> Option<String> {
    (!action.also.is_empty()).then(|| joined(action.also.iter().map(|meaning| &meaning.name)))
}

/// What a call does besides its action. Members in the order of RFC 8785.
#[derive(Serialize)]
struct Also<'a> {
    access: &'static str,
    action: &'a str,
    /// As rules see it, if that is another than the action's.
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'a str>,
    fields: &'a BTreeMap<Arc<str>, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    /// What a message or document names it, if that is another than the action's.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'a str>,
    /// How its target was labelled, if something else than unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    sensitivity: Option<&'static str>,
    target: TargetValue<'a>,
    /// If it is the one and the action the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    unmapped: Option<bool>,
}

fn all_also(action: &Action) -> Vec<Also<'_>> {
    let also = action.also.iter().map(|meaning| Also {
        access: meaning.access.as_str(),
        action: &meaning.name,
        environment: Some(&**meaning.environment()).filter(|own| *own != &**action.environment()),
        fields: &meaning.fields,
        missing: reasons(meaning),
        operation: Some(&*meaning.operation)
            .filter(|own| *own != &*action.operation && !(meaning.unmapped && recorded::is_told(meaning))),
        sensitivity: sensitivity(meaning),
        target: target(meaning),
        unmapped: Some(meaning.unmapped).filter(|own| *own != action.unmapped),
    });
    also.collect()
}

fn sensitivity(action: &Action) -> Option<&'static str> {
    let said = action.labels.as_ref().map(|labels| labels.sensitivity);
    said.filter(|said| *said != Sensitivity::Unknown)
        .map(Sensitivity::as_str)
}

fn request(call: &Call) -> Request<'_> {
    Request {
        authority: call.authority.to_string(),
        method: call.method.as_str(),
        path: &call.path,
        query: call.query.as_deref(),
    }
}

fn target(action: &Action) -> TargetValue<'_> {
    TargetValue {
        id: action.target.id.as_deref(),
        kind: &action.target.kind,
    }
}

/// `outcome`, and the closing of the projection.
pub fn closed(agent: &Arc<str>, closed: CallClosed) -> Vec<Change> {
    let mut entry = Entry::new(Kind::Outcome)
        .call(&closed.call)
        .agent(agent)
        .with("ended", closed.time.0)
        .with("outcome", closed.outcome.as_str())
        .with_some("reason", closed.reason.map(Reason::as_str))
        .with_some("status", closed.status.map(i64::from));
    if let Some(Carried {
        sent,
        received,
        milliseconds,
    }) = closed.carried
    {
        entry = entry
            .with("milliseconds", milliseconds)
            .with("received", received)
            .with("sent", sent);
    }
    if let Some(id) = &closed.result_id {
        entry = entry.commit("result_id", Committed::keep(id));
    }
    vec![Change::Append(entry), Change::CallClosed(closed)]
}

/// At start: an end for each call that the last run left open. What was allowed may have been sent: `unknown`. What
/// was only held was not.
pub fn recover(open_calls: Vec<OpenCall>) -> Vec<Change> {
    let now = Timestamp::now();
    open_calls
        .into_iter()
        .flat_map(|open| {
            let outcome = match open.allowed {
                true => Outcome::Unknown,
                false => Outcome::NotSent,
            };
            let end = CallClosed {
                call: open.id,
                time: now,
                outcome,
                reason: None,
                status: None,
                result_id: None,
                carried: None,
            };
            closed(&open.agent, end)
        })
        .collect()
}

/// `refused`: a connection or request that never became a decided call.
pub fn refused(call: Option<&CallId>, agent: Option<&Arc<str>>, peer: SocketAddr, refusal: &Refusal) -> Vec<Change> {
    let mut entry = Entry::new(Kind::Refused)
        .with("reason", refusal.reason.as_str())
        .commit("detail", Committed::keep(&refusal.detail))
        .commit("peer", Committed::keep(&peer.to_string()));
    if let Some(call) = call {
        entry = entry.call(call);
    }
    if let Some(agent) = agent {
        entry = entry.agent(agent);
    }
    vec![Change::Append(entry)]
}

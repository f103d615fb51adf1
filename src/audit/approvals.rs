//! An approval: held, approved, denied, expired, cancelled, consumed, returned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::calls::also;
use super::{joined, short};
use crate::model::change::ApprovalRow;
use crate::model::entry::{Committed, Kind};
use crate::model::{CallId, Change, Entry, Value, Vote};

/// An entry about an approval and the call that asked for it.
fn about(kind: Kind, row: &ApprovalRow) -> Entry {
    Entry::new(kind)
        .call(&row.first_call)
        .agent(&row.facts.agent)
        .with("approval", row.id.as_str())
}

/// The entry commits to the row as it is from then on, so that nobody changes it unseen.
fn with_row(entry: Entry, row: &ApprovalRow) -> Entry {
    entry.commit("row", Committed::hide(row))
}

fn moved(entry: Entry, row: &ApprovalRow) -> Vec<Change> {
    let entry = with_row(entry, row);
    vec![Change::Append(entry), Change::ApprovalMoved(Box::new(row.clone()))]
}

/// A new request for consent; or one that asks again (its revision is not 0), because a rule is new or was changed.
pub fn held(row: &ApprovalRow) -> Vec<Change> {
    let digests: Vec<&str> = row.rules.iter().map(|rule| short(&rule.digest)).collect();
    let entry = about(Kind::Held, row)
        .with("action", &*row.action.name)
        .with("digests", digests.join(","))
        .with("expires", row.expires.0)
        .with("fingerprint", hex::encode(row.fingerprint))
        .with("provider", &*row.action.provider)
        .with("rules", joined(row.rules.iter().map(|rule| &rule.id)))
        .commit("fields", Committed::keep(&row.action.fields))
        .commit("summary", Committed::keep(&row.action.summary));
    let entry = entry.with_some("also", also(&row.action));
    match row.revision {
        0 => vec![
            Change::Append(with_row(entry, row)),
            Change::ApprovalHeld(Box::new(row.clone())),
        ],
        _ => moved(entry, row),
    }
}

/// One person's vote, with the values they stated; `row` is the approval after it (approved, or still pending for other
/// rules).
pub fn approved(row: &ApprovalRow, vote: &Vote, stated: &BTreeMap<Arc<str>, Value>) -> Vec<Change> {
    let mut entry = about(Kind::Approved, row)
        .with_some("grant_expires", row.grant_expires.map(|time| time.0))
        .with("person", &*vote.person)
        .with("proof", &*vote.proof)
        .with("revision", i64::from(row.revision))
        .with("rules", joined(vote.rules.iter().map(|(id, _)| id)))
        .with("state", row.state.as_str());
    if !stated.is_empty() {
        entry = entry.commit("stated", Committed::keep(stated));
    }
    moved(entry, row)
}

/// What people said beforehand is the consent to a call; a use of each of their grants is spent on it. `row` is the approval
/// after it: a new one, or one that they were being asked about.
pub fn granted(row: &ApprovalRow, votes: &[Vote]) -> Vec<Change> {
    let mut changes = match row.revision {
        0 => held(row),
        _ => vec![Change::ApprovalMoved(Box::new(row.clone()))],
    };
    for vote in votes {
        let entry = about(Kind::Approved, row)
            .with_some("grant", vote.grant().map(String::from))
            .with_some("grant_expires", row.grant_expires.map(|time| time.0))
            .with("person", &*vote.person)
            .with("proof", "grant")
            .with("revision", i64::from(row.revision))
            .with("rules", joined(vote.rules.iter().map(|(id, _)| id)))
            .with("state", row.state.as_str());
        changes.push(Change::Append(with_row(entry, row)));
        changes.extend(vote.grant().map(Change::GrantUsed));
    }
    changes
}

/// A person's no, with the reason they gave.
pub fn denied(row: &ApprovalRow) -> Vec<Change> {
    let mut entry = about(Kind::Denied, row);
    if let Some(denial) = &row.denial {
        entry = entry
            .with("person", &*denial.person)
            .commit("reason", Committed::keep(&denial.reason));
        if let Some(correction) = &denial.correction {
            entry = entry
                .with("grant", correction.grant.as_str())
                .commit("correction", Committed::keep(&correction.fields));
        }
    }
    moved(entry, row)
}

/// A person withdrew the question, with the reason they gave, if any.
pub fn cancelled(row: &ApprovalRow) -> Vec<Change> {
    let mut entry = about(Kind::Cancelled, row);
    if let Some(denial) = &row.denial {
        entry = entry.with("person", &*denial.person);
        if !denial.reason.is_empty() {
            entry = entry.commit("reason", Committed::keep(&denial.reason));
        }
    }
    moved(entry, row)
}

/// Given back by `call`, of which no byte was sent.
pub fn returned(row: &ApprovalRow, call: &CallId) -> Vec<Change> {
    let entry = about(Kind::Returned, row)
        .call(call)
        .with("times", i64::from(row.returned))
        .with_some("grant_expires", row.grant_expires.map(|time| time.0));
    moved(entry, row)
}

/// Nobody answered in part of the time: the rules that came to ask further people, and whom they ask now.
pub fn escalated(row: &ApprovalRow) -> Vec<Change> {
    let rules = row.rules.iter().filter(|rule| row.escalated.contains(&rule.id));
    let groups: BTreeSet<&Arc<str>> = rules.clone().flat_map(|rule| &rule.approvers).collect();
    let entry = about(Kind::Escalated, row)
        .with("groups", joined(groups))
        .with("revision", i64::from(row.revision))
        .with("rules", joined(rules.map(|rule| &rule.id)));
    moved(entry, row)
}

/// Nobody decided in time, or the approved call did not come in time.
pub fn expired(row: &ApprovalRow) -> Vec<Change> {
    moved(about(Kind::Expired, row), row)
}

/// `row` after the claim: state consumed, by `row.consumed_by`, which the entry is about.
pub fn consumed(row: &ApprovalRow) -> Vec<Change> {
    let mut entry = about(Kind::Consumed, row);
    if let Some(call) = &row.consumed_by {
        entry = entry.call(call);
    }
    moved(entry, row)
}

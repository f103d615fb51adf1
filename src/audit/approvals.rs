//! An approval: held, approved, denied, expired, consumed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calls::also;
use super::{joined, short};
use crate::model::change::ApprovalRow;
use crate::model::entry::{Committed, Kind};
use crate::model::{Change, Entry, Value, Vote};

/// An entry about an approval and the call that asked for it.
fn about(kind: Kind, row: &ApprovalRow) -> Entry {
    Entry::new(kind)
        .call(&row.first_call)
        .agent(&row.facts.agent)
        .with("approval", row.id.as_str())
}

fn moved(entry: Entry, row: &ApprovalRow) -> Vec<Change> {
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
        0 => vec![Change::Append(entry), Change::ApprovalHeld(Box::new(row.clone()))],
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

/// A person's no, with the reason they gave.
pub fn denied(row: &ApprovalRow) -> Vec<Change> {
    let mut entry = about(Kind::Denied, row);
    if let Some(denial) = &row.denial {
        entry = entry
            .with("person", &*denial.person)
            .commit("reason", Committed::keep(&denial.reason));
    }
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

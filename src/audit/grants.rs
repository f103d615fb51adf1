//! What people consent to beforehand: given, and ended before it was used up. A use is told by the `approved` of its call.

use super::{joined, short};
use crate::model::entry::{Committed, Kind};
use crate::model::grant::{Grant, GrantEnd, Scope};
use crate::model::{Change, Entry, GrantId};
use crate::store::CommitError;

fn about(grant: &Grant, event: &'static str) -> Entry {
    Entry::new(Kind::Grant)
        .agent(&grant.agent)
        .with("event", event)
        .with("grant", grant.id.as_str())
}

/// A person consents to calls that are still to come.
pub fn given(grant: &Grant) -> Vec<Change> {
    let digests: Vec<&str> = grant.vote.rules.iter().map(|(_, digest)| short(digest)).collect();
    let of_approval = match &grant.scope {
        Scope::Within(_) => None,
        Scope::Exactly(corrected) => Some(corrected.approval.as_str()),
        Scope::Stated(approved) => Some(approved.approval.as_str()),
    };
    let mut entry = about(grant, "given")
        .with("action", &**grant.scope.action())
        .with_some("approval", of_approval)
        .with("digests", digests.join(","))
        .with("expires", grant.expires.0)
        .with("person", &*grant.vote.person)
        .with("proof", &*grant.vote.proof)
        .with("rules", joined(grant.vote.rules.iter().map(|(id, _)| id)))
        .with("uses", i64::from(grant.uses))
        .commit("row", Committed::hide(grant))
        .commit("scope", Committed::keep(&grant.scope));
    if let Some(reason) = &grant.vote.reason {
        entry = entry.commit("reason", Committed::keep(reason));
    }
    vec![Change::Append(entry), Change::GrantGiven(Box::new(grant.clone()))]
}

/// A person revoked it, or its time is over.
pub fn grant_ended(grant: &Grant, end: &GrantEnd) -> Vec<Change> {
    let event = if end.by.is_some() { "revoked" } else { "expired" };
    let entry = about(grant, event)
        .with("ended", end.time.0)
        .with_some("person", end.by.as_deref());
    vec![Change::Append(entry), Change::GrantEnded(grant.id.clone(), end.clone())]
}

/// To be queued where grants could not be written. If that is in doubt they may be on disk all the same, where nobody who goes by
/// what memory has could revoke them: then so are their ends.
pub fn never_given(grants: &[Grant], error: &CommitError) -> Vec<Change> {
    let ended = |grant: &Grant| {
        let end = GrantEnd {
            time: grant.created,
            by: None,
        };
        grant_ended(grant, &end)
    };
    match error {
        CommitError::Unavailable(_) => grants.iter().flat_map(ended).collect(),
        CommitError::Lost | CommitError::Overloaded => Vec::new(),
    }
}

/// The same changes, where the decision among them rests on these grants.
pub fn by_grants(mut changes: Vec<Change>, grants: &[GrantId]) -> Vec<Change> {
    if let (Some(Change::Append(decided)), false) = (changes.first_mut(), grants.is_empty()) {
        let ids: Vec<&str> = grants.iter().map(GrantId::as_str).collect();
        *decided = decided.clone().with("grants", ids.join(","));
    }
    changes
}

//! The sidecar itself: who may use it, its start and its end.

use super::{Digests, joined, short};
use crate::model::change::{AgentRow, PersonRow};
use crate::model::entry::{Committed, Kind};
use crate::model::pause::{Pause, Whom};
use crate::model::time::Jump;
use crate::model::{Change, Entry, Timestamp};

/// An agent was added, changed or disabled, by the person `by` (or `first start`).
pub fn agent_put(row: &AgentRow, by: &str) -> Vec<Change> {
    let entry = Entry::new(Kind::Registry)
        .with("by", by)
        .with("disabled", i64::from(row.disabled.is_some()))
        .with("entity", "agent")
        .with("key", short(&row.key_sha256))
        .with("name", &*row.name)
        .with_some("owner", row.owner.as_deref())
        .with("roles", joined(&row.roles));
    vec![Change::Append(entry), Change::AgentPut(row.clone())]
}

/// A person was added, changed or disabled, by the person `by` (or `first start`).
pub fn person_put(row: &PersonRow, by: &str) -> Vec<Change> {
    let entry = Entry::new(Kind::Registry)
        .with("by", by)
        .with("disabled", i64::from(row.disabled.is_some()))
        .with("entity", "person")
        .with("groups", joined(&row.groups))
        .with("key", short(&row.key_sha256))
        .with("name", &*row.name);
    vec![Change::Append(entry), Change::PersonPut(row.clone())]
}

/// The sidecar started, in this state (names of ours and their values; no secrets: entries are kept for ever).
pub fn boot(members: Vec<(&'static str, String)>) -> Vec<Change> {
    let entry = members
        .into_iter()
        .fold(Entry::new(Kind::Boot), |entry, (name, value)| entry.with(name, value));
    vec![Change::Append(entry)]
}

/// The files of mappings and policies were read again: `in_force` from here on. `wrong`, one text for each error: they were
/// refused, and what was in force stays.
pub fn reload(in_force: &Digests, wrong: &[String]) -> Vec<Change> {
    let entry = Entry::new(Kind::Reload)
        .with("mappings", short(&in_force.mappings))
        .with("policies", short(&in_force.policies));
    let entry = match wrong {
        [] => entry.with("result", "applied"),
        wrong => entry
            .with("errors", i64::try_from(wrong.len()).unwrap_or(i64::MAX))
            .with("result", "refused")
            .commit("wrong", Committed::keep(&wrong)),
    };
    vec![Change::Append(entry)]
}

/// The authority with this fingerprint is to be trusted besides the one in force, and signs from then on. `None`: none is, after
/// all.
pub fn authority_next(next: Option<(&str, Timestamp)>) -> Vec<Change> {
    let entry = Entry::new(Kind::Authority);
    let entry = match next {
        Some((fingerprint, signs_from)) => entry
            .with("event", "next")
            .with("fingerprint", fingerprint)
            .with("signs_from", signs_from.0),
        None => entry.with("event", "withdrawn"),
    };
    vec![Change::Append(entry)]
}

/// The authority with this fingerprint signs from here on, and no other is trusted.
pub fn authority_in_force(fingerprint: &str) -> Vec<Change> {
    let entry = Entry::new(Kind::Authority)
        .with("event", "in_force")
        .with("fingerprint", fingerprint);
    vec![Change::Append(entry)]
}

/// A person paused an agent, or every agent.
pub fn paused(pause: &Pause) -> Vec<Change> {
    let entry = about_pause(&pause.whom, "paused", &pause.by);
    let entry = match &pause.reason {
        Some(reason) => entry.commit("reason", Committed::keep(reason)),
        None => entry,
    };
    vec![Change::Append(entry), Change::Paused(pause.clone())]
}

/// The person `by` lifted what [`paused`] made.
pub fn resumed(whom: &Whom, by: &str) -> Vec<Change> {
    let entry = about_pause(whom, "resumed", by);
    vec![Change::Append(entry), Change::Resumed(whom.clone())]
}

fn about_pause(whom: &Whom, event: &str, by: &str) -> Entry {
    let entry = Entry::new(Kind::Pause).with("by", by).with("event", event);
    match whom {
        Whom::Everyone => entry.with("whom", "everyone"),
        Whom::Agent(name) => entry.agent(name).with("whom", "agent"),
    }
}

/// The sidecar ended in order.
pub fn shutdown() -> Vec<Change> {
    vec![Change::Append(Entry::new(Kind::Shutdown))]
}

/// The wall clock jumped: times before and after cannot be compared.
pub fn gap(jump: Jump) -> Vec<Change> {
    let (name, by) = match jump {
        Jump::Back(by) => ("set_back_ms", by),
        Jump::Forward(by) => ("set_forward_ms", by),
    };
    let milliseconds = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    vec![Change::Append(Entry::new(Kind::Gap).with(name, milliseconds))]
}

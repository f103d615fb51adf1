//! The sidecar itself: who may use it, its start and its end.

use std::time::Duration;

use super::verify::PauseRow;
use super::{Digests, joined, short};
use crate::model::change::{AgentRow, PersonRow};
use crate::model::entry::{Committed, Kind};
use crate::model::outbox::OutboxChange;
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
        .with("roles", joined(&row.roles))
        .commit("row", Committed::hide(row));
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
        .with("name", &*row.name)
        .commit("row", Committed::hide(row));
    vec![Change::Append(entry), Change::PersonPut(row.clone())]
}

/// The sidecar started, in this state (names of ours and their values; no secrets: entries are kept for ever).
pub fn boot(members: Vec<(&'static str, String)>) -> Vec<Change> {
    let entry = members
        .into_iter()
        .fold(Entry::new(Kind::Boot), |entry, (name, value)| entry.with(name, value));
    vec![Change::Append(entry)]
}

/// Checkpoints are signed by this key from here on, and none before it was.
pub fn log_key(public: &str) -> Vec<Change> {
    let entry = Entry::new(Kind::Key).with("event", "made").with("log_key", public);
    vec![Change::Append(entry)]
}

/// Checkpoints are signed by the first key from here on, and until `until` (seconds since 1970) by the second, too.
pub fn log_key_follows(public: &str, previous: &str, until: u64) -> Vec<Change> {
    let until = Timestamp(i64::try_from(until).unwrap_or(i64::MAX).saturating_mul(1_000));
    let entry = Entry::new(Kind::Key)
        .with("event", "rotated")
        .with("log_key", public)
        .with("previous", previous)
        .with("until", until.0);
    vec![Change::Append(entry)]
}

/// This key, which signed beside another one, signs no more.
pub fn log_key_retired(public: &str) -> Vec<Change> {
    let entry = Entry::new(Kind::Key).with("event", "retired").with("log_key", public);
    vec![Change::Append(entry)]
}

/// Checkpoints cannot be published from here on: why, in a word. `to`: where, if that is not the file. `unrecorded`: how often it
/// came and went since the last entry about it.
pub(super) fn anchor_failed(to: Option<&str>, reason: &'static str, unrecorded: i64) -> Vec<Change> {
    let entry = Entry::new(Kind::Anchor).with("event", "failed").with("reason", reason);
    anchor(entry, to, unrecorded)
}

/// They can again.
pub(super) fn anchor_published(to: Option<&str>, unrecorded: i64) -> Vec<Change> {
    anchor(Entry::new(Kind::Anchor).with("event", "published"), to, unrecorded)
}

fn anchor(entry: Entry, to: Option<&str>, unrecorded: i64) -> Vec<Change> {
    let unrecorded = (unrecorded > 0).then_some(unrecorded);
    vec![Change::Append(
        entry.with_some("to", to).with_some("unrecorded", unrecorded),
    )]
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

/// A person tried to decide what they may not, or what is not to be decided any more. `path`: of the request.
pub fn not_decided(person: &str, status: u16, path: &str, detail: &str) -> Vec<Change> {
    let entry = Entry::new(Kind::Refused)
        .with("door", "control")
        .with("person", person)
        .with("reason", "not_decided")
        .with("status", i64::from(status))
        .commit("detail", Committed::keep(&detail))
        .commit("path", Committed::keep(&path));
    vec![Change::Append(entry)]
}

/// A person paused an agent, or every agent.
pub fn paused(pause: &Pause) -> Vec<Change> {
    let entry = about_pause(&pause.whom, "paused", &pause.by);
    let entry = match &pause.reason {
        Some(reason) => entry.commit("reason", Committed::keep(reason)),
        None => entry,
    };
    let row = PauseRow {
        agent: match &pause.whom {
            Whom::Everyone => None,
            Whom::Agent(name) => Some(name),
        },
        by: &pause.by,
        reason: pause.reason.as_deref(),
        since: pause.since.0,
    };
    let entry = entry.commit("row", Committed::hide(&row));
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

/// No checkpoint was signed for so long, though the sidecar ran: it was stopped, the machine slept, or nothing could be written.
pub fn silence(lasted: Duration) -> Vec<Change> {
    let milliseconds = i64::try_from(lasted.as_millis()).unwrap_or(i64::MAX);
    vec![Change::Append(Entry::new(Kind::Gap).with("silent_ms", milliseconds))]
}

/// The wall clock jumped: times before and after cannot be compared.
pub fn gap(jump: Jump) -> Vec<Change> {
    let (name, by) = match jump {
        Jump::Back(by) => ("set_back_ms", by),
        Jump::Forward(by) => ("set_forward_ms", by),
    };
    let milliseconds = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    let entry = Change::Append(Entry::new(Kind::Gap).with(name, milliseconds));
    // Nobody is told late of what people have minutes to answer because an hour came twice.
    let due = matches!(jump, Jump::Back(_)).then_some(Change::Outbox(OutboxChange::AtOnce));
    std::iter::once(entry).chain(due).collect()
}

//! What is written of each event: an entry of the trail and the projections that go with it, as [`Change`] values.
//! Stage, floor 2.
//!
//! An entry has `v`, `seq`, `time`, `kind`, and `call` and `agent` where there are such. Its further members, and what
//! it commits to (`commit_NAME`), are these; a member in `[]` is there only if there is something to say. Members are
//! kept for ever, so they are codes, names of ours, digests and counts; whatever comes from the call is a commitment,
//! its value beside the trail where it can be erased. `members/*.json` holds one of each, byte for byte.
//!
//! | kind | members | commitments |
//! |---|---|---|
//! | `decided` | `access` `action` `[also]` `[approval]` `began` `[budgets]` `decision` `environment` `[grants]` `inspected` `[lacks]` `mappings` `[missing]` `[operation]` `policies` `provider` `[reason]` `[repeats]` `roles` `rules` `unmapped` | `[also]` `[budgets]` `fields` `[operation]` `request` (hidden) `request_line` `[risk]` `summary` `target` |
//! | `held` | `action` `approval` `digests` `expires` `fingerprint` `provider` `rules` | `fields` `row` (hidden) `summary` |
//! | `approved` | `approval` `[grant]` `[grant_expires]` `person` `proof` (`key`, `link`, `grant`) `revision` `rules` `state` | `[stated]` `row` (hidden) |
//! | `denied` | `approval` `[grant]` `[person]` | `[correction]` `[reason]` `row` (hidden) |
//! | `expired` | `approval` | `row` (hidden) |
//! | `escalated` | `approval` `groups` `revision` `rules` | `row` (hidden) |
//! | `cancelled` | `approval` `person` | `[reason]` `row` (hidden) |
//! | `consumed` | `approval` | `row` (hidden) |
//! | `returned` | `approval` `grant_expires` `times` | `row` (hidden) |
//! | `grant` | `[action]` `[approval]` `[digests]` `[ended]` `event` (`given`, `revoked`, `expired`) `[expires]` `grant` `[person]` `[proof]` `[rules]` `[uses]` | `[reason]` `[row]` (hidden) `[scope]` |
//! | `outcome` | `ended` `[milliseconds]` `outcome` `[reason]` `[received]` `[sent]` `[status]` | `[result_id]` |
//! | `refused` | `reason` | `detail` `peer` |
//! | `refused` of a person's decision | `door` (`control`) `person` `reason` (`not_decided`) `status` | `detail` `path` |
//! | `registry` | `by` `disabled` `entity` (`agent`, `person`) `groups` or `roles` `key` `name` `[owner]` | `row` (hidden) |
//! | `boot` | as given; `[boot_id]` `[uptime_ms]` of the machine, `[clock_ms]` on its wall then | |
//! | `reload` | `[errors]` `mappings` `policies` (what is in force from here on) `result` (`applied`, `refused`) | `[wrong]` |
//! | `notification` | `[approval]` `[by]` `channel` `[event]` `result` (`given_up`, `disabled`, `enabled`) | `[error]` `receiver` |
//! | `pruned` | `[approvals]` `[before]` `[calls]` `entries` `event` (`ordered`, `done`) `from` `[grants]` `[kept]` `months` `[open_approvals]` `[open_calls]` `[open_grants]` (ordinals of rows that stay) `[order]` `[person]` `[retention]` (months) `to` | `[reason]` |
//! | `shutdown` | | |
//! | `gap` | `set_back_ms`, `set_forward_ms` or `silent_ms` (no checkpoint for so long) | |
//! | `key` | `event` (`made`, `rotated`, `retired`) `log_key` (of checkpoints from here on; until here, if `retired`) `previous`? `until`? (ms; it signs, too) | |
//! | `anchor` | `event` (`failed`, `published`: from here on, and once for each time that it changes) `[reason]` (`unwritable`, `changed`; elsewhere `unreachable`, `refused`, `invalid`, `ahead`, `forked`, `unproven`) `[to]` (`webhook`, `witness:NAME`; else the file) | |
//!
//! - A BLOCK is its own end: its `decided` closes the call, there is no `outcome`.
//! - A `decided` names the set that decided: the one in force once what was read of the call's content was there. A `reload`
//!   is recorded before its set comes into force, so calls that were judged in between, or whose record was under way, follow
//!   it with the set of before; no call that begins once `RELOADED` is printed does.
//! - `budgets` names the budgets that count the call; what it commits to by that name says of each `before`, `amount` and
//!   `after`. `repeats` is the call that was counted for the same request. Only an ALLOW takes anything.
//! - Of what an agent stated to the Guard API `provider` is `guard`, `environment` what is known without its word, and the
//!   environment that it claims that of its `also`. Its `outcome` is the agent's word.
//! - `rules`, `roles`, `groups`, `missing`, `digests` are names joined by `,`, in the order of `rules`.
//! - `missing` names what the call lacks in whatever it means; `lacks` what the action itself lacks, each with why
//!   (`amount:absent`), and each of `also` tells the same of itself, and its environment where it has another. A call can
//!   be decided again from its `decided`
//!   ([`RecordedCall`]): host, method and the operation of an unmapped call stand in `request_line`.
//! - `mappings`, `policies`, `digests` and `key` are the first half of a SHA-256, in hex.
//! - `milliseconds`, and `received` and `sent` in bytes, are there for connections that were opened and not read.
//! - `operation` is a member of mapped operations only: of an unmapped one it is text of the agent's, which follows from the
//!   request line, or is kept beside the entry where a message or document names it.
//! - `began` is when the call came in, `ended` when its end was known; both are the projection's.
//! - `row` commits to the row of the projection as the entry left it, so that a changed one shows.
//! - `erased` names the `entries` whose values of these `names` it took away, and how many `values`; by which `field` they were
//!   looked for. Another one commits to what is left of the row of an `approval` or `grant`.
//! - `pruned` is `ordered` first, and `done` once a checkpoint is over that `order`: entries `from` one `to` another went, but for those that were
//!   `kept`; the ordinals of the next `calls`, `approvals` and `grants` follow these.
//! - `request` commits to `{"authority", "method", "path", "query"}` as sent, secrets and all; it is never kept.

mod anchor;
mod approvals;
mod calls;
mod choice;
mod disclosure;
mod erase;
mod export;
mod figures;
mod grants;
mod history;
mod notifications;
mod proof;
mod prune;
mod recorded;
mod review;
mod seal;
mod sidecar;
mod standing;
mod turns;
mod verify;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use crate::model::observed::{Trial, Would};
use crate::model::{ApprovalId, Reason, Spending};

pub use anchor::{Anchor, Held, PublishError, RollbackError, read_note};
pub use approvals::{approved, cancelled, consumed, denied, escalated, expired, granted, held, returned};
pub use calls::{closed, decided, recover, refused};
pub use choice::{Choice, Range, calls, entries, latest};
pub use disclosure::{BEGINNING as DISCLOSURE_BEGINNING, Disclosure, disclose};
pub use erase::{EraseError, Erasure, TARGET, Wanted};
pub use export::{Exporter, Format};
pub use figures::{Count, Figures, Sum, Tally};
pub use grants::{by_grants, given, grant_ended, never_given};
pub use history::{Ended, Event, Period, as_called, history};
pub use notifications::{attempted, receiver_disabled, receiver_enabled};
pub use proof::{HEADER as PROOF_HEADER, Proof, ProofError, ProveError, consistency, extension, prove};
pub use prune::{By, Prune, PruneError, hold as hold_before_pruning};
pub use recorded::{RecordedCall, Unreplayable};
pub use review::{Happened, Person, Review, Version, median};
pub use seal::{Last, SealError, Sealer, Signed};
pub use sidecar::{
    agent_put, authority_in_force, authority_next, boot, gap, log_key, log_key_follows, log_key_retired, not_decided,
    paused, person_put, reload, resumed, shutdown, silence,
};
pub use standing::{Money, Standing, Stood, Verdict};
pub use turns::{Failed, Failing, Fault, Turns, contradicts, fails};
pub use verify::{Against, Finding, Findings, Place, Point, PrunedPart, Report, recallable, verify, with_earlier};

/// The sets in force, as SHA-256 (hex), for the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    pub mappings: Arc<str>,
    pub policies: Arc<str>,
}

/// What the gate said of a call.
#[derive(Debug)]
pub struct Ruling<'a> {
    /// `ALLOW`, `BLOCK` or `REQUIRE_APPROVAL`.
    pub decision: &'static str,
    /// The refusal's code, for whatever is not ALLOW.
    pub reason: Option<Reason>,
    /// Ids of the rules that decided.
    pub rules: &'a [Arc<str>],
    pub approval: Option<&'a ApprovalId>,
    /// What it takes of budgets, or would.
    pub spending: Option<&'a Spending>,
    /// Of a call that is only observed: what would have been decided, by `rules`.
    pub would: Option<Would>,
    /// What rules on trial made of it.
    pub trial: Option<&'a Trial>,
}

/// Half of a SHA-256 in hex: 128 bits tell any two sets apart, even if someone looks for two that look alike.
fn short(digest: &str) -> &str {
    digest.get(..32).unwrap_or(digest)
}

fn joined<'a>(names: impl IntoIterator<Item = &'a Arc<str>>) -> String {
    let names: Vec<&str> = names.into_iter().map(|name| &**name).collect();
    names.join(",")
}

//! What a stage wants written. Plain data: a stage never sees a transaction, the store never sees a stage.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::call::Facts;
use super::grant::{Grant, GrantEnd, Remainder};
use super::merkle::Tile;
use super::outbox::OutboxChange;
use super::pause::{Pause, Whom};
use super::{Action, ApprovalId, CallId, Entry, GrantId, HoldRule, Outcome, Reason, State, Timestamp, Value, Vote};

/// One change of the store. The changes of one commit are written all or none.
#[derive(Clone, Debug)]
pub enum Change {
    /// Append to the trail.
    Append(Entry),
    /// Put what is known of a call after a decision, in place of what was known before.
    CallDecided(Box<CallRow>),
    /// Close a call that is not closed yet. Finding it closed or absent fails the commit's call.
    CallClosed(CallClosed),
    /// A new request for consent.
    ApprovalHeld(Box<ApprovalRow>),
    /// Replace an approval; `row.revision` is one more than what must be found, else the change fails its call.
    ApprovalMoved(Box<ApprovalRow>),
    /// Add an agent, or replace its key and roles.
    AgentPut(AgentRow),
    /// Add a person, or replace their key and groups.
    PersonPut(PersonRow),
    /// A new grant.
    GrantGiven(Box<Grant>),
    /// One more use of a grant. One that is used up, has ended or is not there fails the commit's call.
    GrantUsed(GrantId),
    /// The end of a grant that has none yet; else it fails the commit's call.
    GrantEnded(GrantId, GrantEnd),
    /// A pause, in place of one for the same.
    Paused(Pause),
    /// Lift a pause. Finding none fails the commit's call.
    Resumed(Whom),
    /// What is known of somebody's habits, in place of what was known before.
    HabitsPut(HabitsRow),
    /// A checkpoint of the trail and the tree below it. Another one in its place fails the commit's call.
    Sealed(Box<Seal>),
    /// Who is told of approvals, or what came of telling them.
    Outbox(OutboxChange),
    /// Take values away with their salts, each with its entry's place and its name, as the entry says that was appended right
    /// before. Finding one gone fails the commit's call. Of none: the file is only cleaned.
    ValuesErased(Vec<(i64, Vec<String>)>),
    /// What a call's row has of values. One that has no outcome yet fails the commit's call.
    CallErased(CallErased),
    /// As `ApprovalMoved`, of one that is finished.
    ApprovalErased(Box<ApprovalRow>),
    /// In place of a grant that has ended or is used up.
    GrantErased(Box<Grant>),
    /// The first entries go, as the entry says that was appended right before. Finding other rows fails the commit's call.
    Pruned(Box<Pruning>),
}

impl Change {
    /// Whether somebody may have to be told of it.
    pub fn is_of_an_approval(&self) -> bool {
        matches!(self, Change::ApprovalHeld(_) | Change::ApprovalMoved(_))
    }
}

/// What a checkpoint puts into the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// One more than that of the last checkpoint; the first is 1.
    pub ordinal: i64,
    /// Entries that it is over.
    pub size: u64,
    /// C2SP signed note.
    pub note: String,
    /// Tiles that are new or have grown.
    pub tiles: Vec<Tile>,
}

/// The projection of a call that people query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRow {
    pub id: CallId,
    pub time: Timestamp,
    pub agent: Arc<str>,
    pub provider: Arc<str>,
    pub operation: Arc<str>,
    pub action: Arc<str>,
    pub environment: Arc<str>,
    /// `ALLOW`, `BLOCK` or `REQUIRE_APPROVAL`.
    pub decision: &'static str,
    /// What would have been decided, of a call that is only observed.
    pub would: Option<&'static str>,
    /// Ids of the rules that decided.
    pub rules: Vec<Arc<str>>,
    pub approval: Option<ApprovalId>,
    /// The refusal's code, where it was refused.
    pub reason: Option<Reason>,
    /// Set for what is closed by its decision (a block); `None` while something is to come.
    pub outcome: Option<Outcome>,
    pub summary: String,
    pub request_line: String,
    pub target_kind: Arc<str>,
    pub target_id: Option<String>,
    /// Its score, 0 to 100.
    pub risk: Option<i64>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallClosed {
    pub call: CallId,
    pub time: Timestamp,
    pub outcome: Outcome,
    pub reason: Option<Reason>,
    /// The provider's HTTP status.
    pub status: Option<u16>,
    /// What the provider made.
    pub result_id: Option<String>,
    /// Of a connection that was opened and not read.
    pub carried: Option<Carried>,
}

/// A call whose values are erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallErased {
    pub call: CallId,
    /// Its operation is text of the agent's.
    pub unmapped: bool,
}

/// What goes of the beginning of the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruning {
    /// The last of the entries.
    pub upto: i64,
    /// Places among them that stay, in order.
    pub kept: Vec<i64>,
    /// How many entries go now.
    pub entries: i64,
    /// The last row of the calls, approvals and grants that are told of there, by its ordinal.
    pub rows: [i64; 3],
    /// The ids of those of each that stay: they are open, or go on behind the entries.
    pub open: [Vec<String>; 3],
    /// What the ordinal of the next row of each is one more than, as the entry says.
    pub follows: [i64; 3],
}

/// What went through an open connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Bytes of the agent's that were handed to the provider.
    pub sent: i64,
    /// Bytes of the provider's that were handed to the agent.
    pub received: i64,
    pub milliseconds: i64,
}

/// A request for consent with all that is needed to judge it, and to go on after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRow {
    pub id: ApprovalId,
    /// Counts changes from 0; the store accepts a change only upon the revision before it.
    pub revision: u32,
    pub state: State,
    /// HMAC-SHA256 over what the call is.
    #[serde(with = "hex::serde")]
    pub fingerprint: [u8; 32],
    /// What stays the same of the call when a person corrects it; `None` where nothing of it can be told from the rest.
    #[serde(default)]
    pub remainder: Option<Remainder>,
    /// Keyed hash of the provider's idempotency key, if the call had one.
    pub idempotency: Option<String>,
    pub facts: Facts,
    pub action: Action,
    pub rules: Vec<HoldRule>,
    pub votes: Vec<Vote>,
    /// Missing values, as an approver stated them.
    pub stated: BTreeMap<Arc<str>, Value>,
    /// Of one that was denied or cancelled.
    pub denial: Option<Denial>,
    /// Rules that ask further people by now, for nobody answered in part of the time.
    #[serde(default)]
    pub escalated: Vec<Arc<str>>,
    /// Since when people are asked, if not since `created`.
    #[serde(default)]
    pub asked: Option<Timestamp>,
    /// How often it was given back by a call that was not sent.
    #[serde(default)]
    pub returned: u8,
    pub created: Timestamp,
    /// Until when people may decide.
    pub expires: Timestamp,
    /// Until when the approved call may come.
    pub grant_expires: Option<Timestamp>,
    /// When it left `pending`.
    pub decided: Option<Timestamp>,
    /// The call that asked first.
    pub first_call: CallId,
    /// The call it was spent on, and when.
    pub consumed_by: Option<CallId>,
    pub consumed: Option<Timestamp>,
}

impl ApprovalRow {
    /// How long people have in all.
    pub fn life(&self) -> Duration {
        self.expires.since(self.asked.unwrap_or(self.created))
    }

    /// When a rule asks further people, if it has any and has not yet.
    pub fn escalates(&self, rule: &HoldRule) -> Option<Timestamp> {
        let escalation = rule
            .escalation
            .as_ref()
            .filter(|_| !self.escalated.contains(&rule.id))?;
        let asked = self.asked.unwrap_or(self.created);
        Some(asked.plus(self.life() * escalation.percent / 100))
    }

    /// A rule of the files as it asks people about this call by now.
    pub fn as_asked(&self, rule: HoldRule) -> HoldRule {
        match self.escalated.contains(&rule.id) {
            true => rule.escalated(),
            false => rule,
        }
    }
}

/// A person's no, or that they withdrew the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    pub person: Arc<str>,
    /// Empty where they gave none, which is for a withdrawal only.
    pub reason: String,
    /// What would have been right.
    #[serde(default)]
    pub correction: Option<Correction>,
}

impl Denial {
    /// Without a correction.
    pub fn new(person: &Arc<str>, reason: impl Into<String>) -> Self {
        Self {
            person: person.clone(),
            reason: reason.into(),
            correction: None,
        }
    }
}

/// What a person says a call should have said, and the grant that waits for the call that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    pub fields: BTreeMap<Arc<str>, Value>,
    pub grant: GrantId,
    pub until: Timestamp,
}

/// An agent of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRow {
    pub name: Arc<str>,
    pub roles: Vec<Arc<str>>,
    pub owner: Option<Arc<str>>,
    /// SHA-256 (hex) of the key.
    pub key_sha256: String,
    pub created: Timestamp,
    pub disabled: Option<Timestamp>,
}

/// A person who may decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRow {
    pub name: Arc<str>,
    pub groups: Vec<Arc<str>>,
    /// SHA-256 (hex) of the key.
    pub key_sha256: String,
    pub created: Timestamp,
    pub disabled: Option<Timestamp>,
}

/// What an agent did so far, or what all agents did with an action: what the risk of a call is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HabitsRow {
    /// Of an agent; else of an action.
    pub of_agent: bool,
    pub name: Arc<str>,
    /// As `risk::History` reads it.
    pub state: String,
}

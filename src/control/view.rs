//! What the control API shows. Also what the command line reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod around;
mod budget;
mod grant;
mod lately;
mod notification;
mod pruned;
mod registry;

use super::alike::Cards;
use super::stated;
use crate::agent::Registry;
use crate::approval::Standing;
use crate::model::alike::Beside;
use crate::model::change::ApprovalRow;
use crate::model::pause::Whom;
use crate::model::vocabulary::FieldType;
use crate::model::{
    Action, ApprovalId, CallId, GrantId, HoldRule, Outcome, Risk, State, Timestamp, Value, Vocabulary, Why,
};

pub use around::{Before, Changes};
pub use budget::{Budget, Shown};
pub use grant::Grant;
pub use lately::Lately;
pub use notification::{Notification, Notifications, Receiver};
pub use pruned::Pruned;
pub use registry::{Added, Agent, Person};

/// A list, in an object so that it can grow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Items<T> {
    pub items: Vec<T>,
}

/// A page of the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    pub items: Vec<Approval>,
    /// What to ask for the next page with, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A request for consent. Times are RFC 3339, UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub id: ApprovalId,
    /// Counts its changes: whoever approves may say which they saw.
    pub revision: u32,
    pub state: State,
    pub agent: Arc<str>,
    pub roles: Vec<Arc<str>>,
    /// Whoever is answerable for the agent now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Arc<str>>,
    /// The agent's words may be in it: show it inert.
    pub summary: String,
    pub request_line: String,
    pub provider: Arc<str>,
    pub operation: Arc<str>,
    pub action: Arc<str>,
    pub environment: Arc<str>,
    pub target_kind: Arc<str>,
    pub target_id: Option<String>,
    pub fields: BTreeMap<Arc<str>, Value>,
    /// What else the same call does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Also>,
    /// How risky it is, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    pub missing: Vec<Missing>,
    pub stated: BTreeMap<Arc<str>, Value>,
    /// The rules that want consent; of a pending approval, those that still do.
    pub rules: Vec<Rule>,
    pub votes: Vec<Vote>,
    pub denial: Option<Denial>,
    pub created: String,
    /// Until when people may decide.
    pub expires: String,
    /// Until when the approved call may come.
    pub grant_expires: Option<String>,
    /// How long that is from now on; of what may still be decided or come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
    pub decided: Option<String>,
    /// Connected clients that wait for it now.
    pub clients: usize,
    pub first_call: CallId,
    pub consumed_by: Option<CallId>,
    pub consumed: Option<String>,
    /// How the call it was spent on ended, where that is known.
    pub outcome: Option<Outcome>,
    /// The provider's HTTP status.
    pub status: Option<u16>,
    /// Its place among the calls like it that wait, where there are others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similar: Option<Beside>,
    /// What people answered in the last 24 hours to such a call; of one that waits. Not there: it was not looked up, or could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lately: Option<Vec<Lately>>,
    /// What the agent did just before, the last first; of one that was asked for by its id. Not there: it was not looked up, or could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Vec<Before>>,
    /// What a yes of the person who asks comes to; of one that waits and was asked for by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approving: Option<String>,
}

/// What a call does besides its action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Also {
    pub operation: Arc<str>,
    pub action: Arc<str>,
    pub target_kind: Arc<str>,
    pub target_id: Option<String>,
    pub fields: BTreeMap<Arc<str>, Value>,
}

/// A value that the call does not say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    pub field: Arc<str>,
    #[serde(rename = "type")]
    pub kind: Option<FieldType>,
    pub why: Why,
    pub description: String,
    /// An approver is to state it; else it follows from one that is.
    pub wanted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub id: Arc<str>,
    pub reason: Option<String>,
    pub approvers: Vec<Arc<str>>,
    pub quorum: u32,
    /// Rules that could not be checked, because a value is missing.
    pub unchecked: Vec<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    pub person: Arc<str>,
    pub time: String,
    pub proof: Arc<str>,
    pub reason: Option<String>,
    pub rules: Vec<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    pub person: Arc<str>,
    pub reason: String,
    /// What would have been right, and the grant that waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    pub fields: BTreeMap<Arc<str>, Value>,
    pub grant: GrantId,
    pub until: String,
}

impl Approval {
    pub(crate) fn new(standing: &Standing, vocabulary: &Vocabulary) -> Self {
        let row = &standing.row;
        let action = &row.action;
        Self {
            id: row.id.clone(),
            revision: row.revision,
            state: standing.state,
            agent: row.facts.agent.clone(),
            roles: row.facts.roles.to_vec(),
            owner: None,
            summary: action.summary.clone(),
            request_line: action.request_line.clone(),
            provider: action.provider.clone(),
            operation: action.operation.clone(),
            action: action.name.clone(),
            environment: action.environment().clone(),
            target_kind: action.target.kind.clone(),
            target_id: action.target.id.clone(),
            fields: action.fields.clone(),
            also: action.also.iter().map(Also::from).collect(),
            risk: action.risk.as_deref().cloned(),
            missing: missing(row, standing.state, vocabulary),
            stated: row.stated.clone(),
            rules: row.rules.iter().map(Rule::from).collect(),
            votes: row.votes.iter().map(Vote::from).collect(),
            denial: row.denial.as_ref().map(|denial| Denial {
                person: denial.person.clone(),
                reason: denial.reason.clone(),
                correction: denial.correction.as_ref().map(|correction| Correction {
                    fields: correction.fields.clone(),
                    grant: correction.grant.clone(),
                    until: correction.until.to_string(),
                }),
            }),
            created: row.created.to_string(),
            expires: row.expires.to_string(),
            grant_expires: shown(row.grant_expires),
            seconds_left: seconds_left(standing),
            decided: shown(row.decided),
            clients: standing.clients,
            first_call: row.first_call.clone(),
            consumed_by: row.consumed_by.clone(),
            consumed: shown(row.consumed),
            outcome: standing.ended.map(|(outcome, _)| outcome),
            status: standing.ended.and_then(|(_, status)| status),
            similar: None,
            lately: None,
            before: None,
            approving: None,
        }
    }

    /// With whoever is answerable for its agent.
    pub(super) fn with_owner(mut self, registry: &Registry) -> Self {
        self.owner = registry.named(&self.agent).and_then(|caller| caller.owner);
        self
    }

    /// With what goes with it because of calls like it.
    pub(super) fn among(mut self, cards: &Cards) -> Self {
        let now = Timestamp::now();
        self.similar = cards.beside(&self.id).cloned();
        self.lately = cards
            .lately(&self.id)
            .map(|all| all.iter().map(|past| Lately::new(past, now)).collect());
        self
    }
}

fn shown(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}

fn seconds_left(standing: &Standing) -> Option<u64> {
    let until = match standing.state {
        State::Pending => Some(standing.row.expires),
        State::Approved | State::Returned => standing.row.grant_expires,
        State::Denied | State::Expired | State::Cancelled | State::Consumed => None,
    };
    until.map(|until| until.since(Timestamp::now()).as_secs())
}

fn missing(row: &ApprovalRow, state: State, vocabulary: &Vocabulary) -> Vec<Missing> {
    let wanted: Vec<&Arc<str>> = stated::incomplete(row)
        .filter(|_| state == State::Pending)
        .map(|_| row.action.wanted(vocabulary))
        .unwrap_or_default();
    row.action
        .all_missing()
        .into_iter()
        .map(|missing| {
            let definition = vocabulary.fields.get(&missing.field);
            Missing {
                field: missing.field.clone(),
                kind: definition.map(|definition| definition.kind),
                why: missing.why,
                description: definition
                    .map(|definition| definition.description.clone())
                    .unwrap_or_default(),
                wanted: wanted.contains(&&missing.field),
            }
        })
        .collect()
}

impl From<&Action> for Also {
    fn from(action: &Action) -> Self {
        Self {
            operation: action.operation.clone(),
            action: action.name.clone(),
            target_kind: action.target.kind.clone(),
            target_id: action.target.id.clone(),
            fields: action.fields.clone(),
        }
    }
}

impl From<&HoldRule> for Rule {
    fn from(rule: &HoldRule) -> Self {
        Self {
            id: rule.id.clone(),
            reason: rule.reason.clone(),
            approvers: rule.approvers.clone(),
            quorum: rule.quorum,
            unchecked: rule.unchecked.clone(),
        }
    }
}

impl From<&crate::model::Vote> for Vote {
    fn from(vote: &crate::model::Vote) -> Self {
        Self {
            person: vote.person.clone(),
            time: vote.time.to_string(),
            proof: vote.proof.clone(),
            reason: vote.reason.clone(),
            rules: vote.rules.iter().map(|(id, _)| id.clone()).collect(),
        }
    }
}

/// A pause that stands. Times are RFC 3339, UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// `None`: every agent.
    pub agent: Option<Arc<str>>,
    pub by: Arc<str>,
    pub reason: Option<String>,
    pub since: String,
    /// Whether an agent of this name may call, or could before it was disabled.
    pub known: bool,
}

impl Pause {
    pub(super) fn new(pause: &crate::model::pause::Pause, registry: &Registry) -> Self {
        let agent = match &pause.whom {
            Whom::Everyone => None,
            Whom::Agent(name) => Some(name.clone()),
        };
        let known = |name: &Arc<str>| registry.knows(name);
        Self {
            known: agent.as_ref().is_none_or(known),
            agent,
            by: pause.by.clone(),
            reason: pause.reason.clone(),
            since: pause.since.to_string(),
        }
    }
}

/// What was erased, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    pub values: usize,
    /// Beside which they stood.
    pub entries: usize,
    pub calls: usize,
    pub approvals: usize,
    pub grants: usize,
    /// Nothing is left to erase, as it was erased before or never was: the file is only cleaned of what may be left.
    #[serde(default)]
    pub again: bool,
    /// Why something of it may still be found in the file.
    pub traces: Option<String>,
}

/// What came of a pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    #[serde(flatten)]
    pub pause: Pause,
    /// It stood before, and stays as it was.
    pub already: bool,
}

//! Consent of people: what asked for it, who gave it, and what it is worth.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ApprovalId, Timestamp, Value};

/// The group of people who may consent to anything and say who else may do what; also the person of the first start.
pub const OWNERS: &str = "owner";

/// Group of people who may consent where nobody is named.
pub const DEFAULT_APPROVERS: &str = "approver";

/// Id of the built-in hold for calls that do not state all they must.
pub const INCOMPLETE_ACTION: &str = "incomplete_action";

/// One rule that wants people asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRule {
    /// The rule's `@id`, or `incomplete_action` for the built-in hold.
    pub id: Arc<str>,
    /// The rule's `@reason`, in its author's words.
    pub reason: Option<String>,
    /// Groups of people who may consent. Never empty.
    pub approvers: Vec<Arc<str>>,
    /// How many people must consent.
    pub quorum: u32,
    /// Life of the pending approval, if the rule says so.
    pub timeout: Option<Duration>,
    /// Who may consent as well once part of that time is over.
    #[serde(default)]
    pub escalation: Option<Escalation>,
    /// SHA-256 (hex) of the rule's text and annotations: a changed rule asks again.
    pub digest: Arc<str>,
    /// For `incomplete_action`: ids of the rules that could not be checked.
    pub unchecked: Vec<Arc<str>>,
}

/// `@escalate("managers at 50%")`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Groups of people. Never empty.
    pub approvers: Vec<Arc<str>>,
    /// Of the time people have: 1 to 99.
    pub percent: u32,
}

impl HoldRule {
    /// The same with those asked, too, whom it comes to when nobody answers.
    pub fn escalated(mut self) -> Self {
        let more = self.escalation.iter().flat_map(|escalation| &escalation.approvers);
        let more: Vec<Arc<str>> = more.filter(|group| !self.approvers.contains(group)).cloned().collect();
        self.approvers.extend(more);
        self
    }

    /// Whom it asks: `finance`, or `2 of finance or legal`.
    pub fn asks(&self) -> String {
        asked(&self.approvers, self.quorum)
    }
}

/// Whom a rule with these approvers and this quorum asks.
pub fn asked(approvers: &[impl AsRef<str>], quorum: u32) -> String {
    let groups: Vec<&str> = approvers.iter().map(AsRef::as_ref).collect();
    let groups = groups.join(" or ");
    match quorum {
        1 => groups,
        more => format!("{more} of {groups}"),
    }
}

/// One person's consent to the rules they may speak for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    pub person: Arc<str>,
    pub time: Timestamp,
    /// How the person proved who they are: `key`, `link` or `slack`; or the id of the grant by which they said so beforehand.
    pub proof: Arc<str>,
    /// What the person said to it, if anything.
    #[serde(default)]
    pub reason: Option<String>,
    /// (rule id, rule digest) this vote counts for.
    pub rules: Vec<(Arc<str>, Arc<str>)>,
}

/// What a held call brings to the gate when it is decided again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub approval: ApprovalId,
    pub votes: Vec<Vote>,
    /// Values of missing fields, stated by an approver.
    pub stated: BTreeMap<Arc<str>, Value>,
}

impl Evidence {
    /// How many different people consented to exactly this text of the rule.
    pub fn consents(&self, rule: &HoldRule) -> usize {
        let mut people: Vec<&str> = self
            .votes
            .iter()
            .filter(|vote| {
                vote.rules
                    .iter()
                    .any(|(id, digest)| *id == rule.id && *digest == rule.digest)
            })
            .map(|vote| &*vote.person)
            .collect();
        people.sort_unstable();
        people.dedup();
        people.len()
    }

    /// Whether the rule's quorum is met.
    pub fn satisfies(&self, rule: &HoldRule) -> bool {
        u32::try_from(self.consents(rule)).is_ok_and(|consents| consents >= rule.quorum)
    }
}

/// Where a request for consent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Pending,
    Approved,
    /// It was spent on a call of which no byte was sent, and counts on as before.
    Returned,
    Denied,
    Expired,
    /// Withdrawn by a person before anybody decided.
    Cancelled,
    /// Spent on one call, on disk before that call's first byte left.
    Consumed,
}

impl State {
    pub const ALL: [State; 7] = [
        State::Pending,
        State::Approved,
        State::Returned,
        State::Denied,
        State::Expired,
        State::Cancelled,
        State::Consumed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Approved => "approved",
            State::Returned => "returned",
            State::Denied => "denied",
            State::Expired => "expired",
            State::Cancelled => "cancelled",
            State::Consumed => "consumed",
        }
    }

    /// People consented, and that is still to be used.
    pub fn is_given(self) -> bool {
        matches!(self, State::Approved | State::Returned)
    }

    /// Something may still come of it.
    pub fn is_open(self) -> bool {
        self == State::Pending || self.is_given()
    }

    /// The steps there are. A trigger of the store is the same table.
    pub fn may_become(self, next: State) -> bool {
        use State as S;
        match self {
            S::Pending => matches!(next, S::Pending | S::Approved | S::Denied | S::Expired | S::Cancelled),
            S::Approved | S::Returned => matches!(next, S::Consumed | S::Expired | S::Denied | S::Pending),
            S::Consumed => next == S::Returned,
            S::Denied | S::Expired | S::Cancelled => false,
        }
    }

    pub fn parse(text: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

//! What was answered lately.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::alike::Past;
use crate::model::{ApprovalId, Outcome, State, Timestamp};

/// What people answered to a call that is equal to one that waits, or like it; the last time, where there were more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lately {
    pub approval: ApprovalId,
    /// Exactly this call; else one like it.
    pub equal: bool,
    /// `denied`, or `consumed` for what was let through.
    pub state: State,
    pub outcome: Option<Outcome>,
    /// RFC 3339, UTC.
    pub time: String,
    pub people: Vec<Arc<str>>,
    pub reason: Option<String>,
    /// How often, this time included.
    pub times: usize,
    /// All of it in one sentence, as of now. People's words are in it: show it inert.
    pub text: String,
}

impl Lately {
    pub(super) fn new(past: &Past, now: Timestamp) -> Self {
        Self {
            approval: past.approval.clone(),
            equal: past.equal,
            state: past.state,
            outcome: past.outcome,
            time: past.time.to_string(),
            people: past.people.clone(),
            reason: past.reason.clone(),
            times: past.times,
            text: past.in_words(now),
        }
    }
}

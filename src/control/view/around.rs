//! What goes with approvals beside what they are about.

use serde::{Deserialize, Serialize};

use super::Approval;
use crate::model::{CallId, Outcome};
use crate::store::CallRecord;

/// A call that the agent made before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    pub call: CallId,
    /// RFC 3339, UTC.
    pub time: String,
    pub decision: String,
    pub outcome: Option<Outcome>,
    /// The agent's words may be in it: show it inert.
    pub summary: String,
}

impl From<&CallRecord> for Before {
    fn from(call: &CallRecord) -> Self {
        Self {
            call: call.row.id.clone(),
            time: call.row.time.to_string(),
            decision: call.row.decision.to_owned(),
            outcome: call.row.outcome,
            summary: call.row.summary.clone(),
        }
    }
}

/// What changed among the approvals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    pub items: Vec<Approval>,
    /// To be asked for next time, as `since`.
    pub next: u64,
}

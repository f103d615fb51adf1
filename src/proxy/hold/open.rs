//! A call that stands in the trail without an end.

use std::sync::Arc;

use super::Parts;
use crate::approval::Approvals;
use crate::metrics::{Ruled, Tally};
use crate::model::change::CallClosed;
use crate::model::{ApprovalId, CallId, Outcome, Reason, Timestamp};
use crate::policy::Hold;
use crate::proxy::record;
use crate::store::Store;

/// Closes its call as not sent when dropped, if the call is in the trail and nobody else will: when it is refused, and
/// when its client leaves.
pub(super) struct OpenCall {
    store: Store,
    approvals: Approvals,
    agent: Arc<str>,
    call: CallId,
    reason: Reason,
    recorded: bool,
    spent: Option<ApprovalId>,
    tally: Tally,
}

impl OpenCall {
    /// Of a call that is not in the trail yet.
    pub(super) fn new(parts: &Parts, hold: &Hold) -> Self {
        Self {
            store: parts.store.clone(),
            approvals: parts.approvals.clone(),
            agent: hold.call.caller.agent.clone(),
            call: hold.call.id.clone(),
            reason: Reason::ApprovalPending,
            recorded: false,
            spent: None,
            tally: parts.metrics.tally(Ruled::RequireApproval(hold.action.access)),
        }
    }

    /// Why it was not sent, if it ends now.
    pub(super) fn because(&mut self, reason: Reason) {
        self.reason = reason;
    }

    /// It is in the trail from now on.
    pub(super) fn recorded(&mut self) {
        self.recorded = true;
    }

    pub(super) fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// An approval was spent on it.
    pub(super) fn spent(&mut self, approval: ApprovalId) {
        self.spent = Some(approval);
        self.reason = Reason::ApprovedRepeat;
    }

    /// Somebody else tells its end and counts it, or it is told.
    pub(super) fn hand_over(mut self) {
        self.recorded = false;
        self.tally.hand_over();
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if !self.recorded {
            return;
        }
        let closed = CallClosed {
            call: self.call.clone(),
            time: Timestamp::now(),
            outcome: Outcome::NotSent,
            reason: Some(self.reason),
            status: None,
            result_id: None,
            carried: None,
        };
        let spent = self.spent.as_ref().map(|approval| (&self.approvals, approval));
        record::end(&self.store, &self.agent, closed, spent);
    }
}

//! What waits for the writer, and who waits for it.

use tokio::sync::oneshot;

use crate::model::Change;
use crate::store::CommitError;

/// Changes of one caller, written all or none.
#[derive(Debug)]
pub(in crate::store) struct Submission {
    pub(in crate::store) changes: Vec<Change>,
    pub(in crate::store) answer: Answer,
}

/// Who waits for a submission.
#[derive(Debug)]
pub(in crate::store) enum Answer {
    /// A commit. The receiver may be gone: then nobody waits any more, and that is all.
    Waiting(oneshot::Sender<Result<(), CommitError>>),
    /// Nobody; it is kept until it is written.
    Nobody,
}

impl Submission {
    /// Tells who waits, and gives back what there is to be freed.
    pub(in crate::store) fn answer(self, verdict: Result<(), CommitError>) -> Vec<Change> {
        if let (Answer::Nobody, Err(error)) = (&self.answer, &verdict) {
            tracing::warn!(%error, call = self.call(), "not recorded");
        }
        if let Answer::Waiting(sender) = self.answer {
            // Whoever dropped the future does not want to know.
            drop(sender.send(verdict));
        }
        self.changes
    }

    /// Whether something is to be gone with it.
    pub(in crate::store) fn erases(&self) -> bool {
        let erases = |change: &Change| matches!(change, Change::ValuesErased(_));
        self.changes.iter().any(erases)
    }

    /// The call that changes are about, for a log line; the changes themselves hold what a log must not.
    pub(in crate::store) fn call(&self) -> &str {
        let call = self.changes.iter().find_map(|change| match change {
            Change::Append(entry) => entry.call.as_ref(),
            Change::CallDecided(row) => Some(&row.id),
            Change::CallClosed(closed) => Some(&closed.call),
            Change::CallErased(erased) => Some(&erased.call),
            Change::ApprovalHeld(row) | Change::ApprovalMoved(row) | Change::ApprovalErased(row) => {
                Some(&row.first_call)
            }
            Change::GrantGiven(_)
            | Change::GrantUsed(_)
            | Change::GrantEnded(..)
            | Change::AgentPut(_)
            | Change::PersonPut(_)
            | Change::HabitsPut(_)
            | Change::Sealed(_)
            | Change::Outbox(_)
            | Change::Paused(_)
            | Change::ValuesErased(_)
            | Change::GrantErased(_)
            | Change::Pruned(_)
            | Change::Resumed(_) => None,
        });
        call.map_or("none", |call| call.as_str())
    }
}

//! A change of an approval on its way to the disk.

use std::time::Duration;

use super::Turn;
use super::memory::left;
use crate::model::Change;
use crate::model::change::ApprovalRow;
use crate::store::{CommitError, ReadError, Store};

/// A change of an approval that is not on disk yet. Dropped, nothing has happened.
#[must_use]
pub struct Draft {
    turn: Turn,
    row: Box<ApprovalRow>,
    worth: Option<Duration>,
}

impl Draft {
    pub(super) fn new(turn: Turn, row: Box<ApprovalRow>, worth: Option<Duration>) -> Self {
        Self { turn, row, worth }
    }

    /// The row to commit.
    pub fn row(&self) -> &ApprovalRow {
        &self.row
    }

    /// Puts the change on disk by `changes`, which hold the row, and only then in memory.
    ///
    /// # Errors
    /// As [`CommitError`] says; nothing has changed then.
    pub async fn write(self, store: &Store, changes: Vec<Change>) -> Result<ApprovalRow, CommitError> {
        match store.write(changes).await {
            Ok(()) => Ok(self.committed()),
            Err(error) => {
                self.failed(store, &error);
                Err(error)
            }
        }
    }

    /// To be called once the row is on disk: only then the change is seen.
    pub fn committed(self) -> ApprovalRow {
        let Draft { mut turn, row, worth } = self;
        let until = worth.map(|worth| turn.approvals.now().running + worth);
        turn.approvals.memory().apply((*row).clone(), until);
        turn.over = true;
        *row
    }

    /// To be called where its commit failed. A commit that was in doubt before may have reached the disk: then every change
    /// from here is lost, until what is there is learnt.
    pub fn failed(self, store: &Store, error: &CommitError) {
        if !matches!(error, CommitError::Lost) {
            return;
        }
        let mut turn = self.turn;
        match learn(&mut turn, store) {
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "an approval that was changed on disk could not be read"),
        }
    }
}

fn learn(turn: &mut Turn, store: &Store) -> Result<(), ReadError> {
    let Some(found) = store.approval(&turn.row.id)? else {
        return Ok(());
    };
    if found.revision <= turn.row.revision {
        return Ok(());
    }
    let approvals = turn.approvals.clone();
    let (now, consumed) = (approvals.now(), found.consumed);
    let until = now.running + left(&approvals.shared.config, &found, now.wall);
    approvals.memory().apply(found, Some(until));
    turn.over = true;
    for spent in consumed
        .map(|since| store.spent(since))
        .transpose()?
        .unwrap_or_default()
    {
        approvals.ended(&spent.approval, &spent.call, spent.outcome, spent.status);
    }
    Ok(())
}

//! A change of an approval on its way to the disk.

use std::time::Duration;

use tokio::time::Instant;

use super::doubt::learn;
use super::{CLOCK_SLACK, Turn, Veto};
use crate::model::change::{ApprovalRow, Denial};
use crate::model::{Change, State, Vote};
use crate::store::{CommitError, Store};

/// A change of an approval that is not on disk yet. Dropped, nothing has happened.
#[must_use]
pub struct Draft {
    turn: Turn,
    row: Box<ApprovalRow>,
    worth: Option<Duration>,
    made: Instant,
    /// What is queued where its commit is in doubt.
    undo: Vec<Change>,
}

impl Draft {
    pub(super) fn new(turn: Turn, row: Box<ApprovalRow>, worth: Option<Duration>) -> Self {
        Self {
            made: turn.approvals.now().running,
            turn,
            row,
            worth,
            undo: Vec::new(),
        }
    }

    /// The first change of an approval that nobody need be asked about: people said so beforehand.
    pub fn granted(self, votes: Vec<Vote>) -> Self {
        let mut draft = self.turn.granted(votes);
        draft.row.revision = 0;
        draft
    }

    /// The row to commit.
    pub fn row(&self) -> &ApprovalRow {
        &self.row
    }

    /// With the end, as `changes` makes it of its row, of an approval that nobody asked for before, should its commit fail and have
    /// reached the disk: memory does not know it, and nobody is to be asked for a call that is gone. It is queued while it
    /// still has its turn, so that a step of the clock is told behind it.
    pub fn or_undone(mut self, changes: impl FnOnce(&ApprovalRow) -> Vec<Change>) -> Self {
        if self.row.revision == 0 {
            self.undo = changes(&ApprovalRow {
                revision: 1,
                state: State::Expired,
                decided: Some(self.turn.approvals.now().wall),
                ..(*self.row).clone()
            });
        }
        self
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
        let Draft {
            mut turn,
            row,
            worth,
            made,
            ..
        } = self;
        let now = turn.approvals.now();
        // SECURITY: the clock was set back while this was under way, and no look found it yet, or it was set forward meanwhile and is
        // right again: the end that stands on disk comes that much later (test
        // `a_yes_by_a_clock_that_was_ahead_counts_no_more`). What a look found, `apply` ends.
        let is_ahead = row.decided.is_some_and(|decided| decided > now.wall.plus(CLOCK_SLACK));
        let until = worth.map(|worth| {
            if row.state == State::Pending {
                // People are asked until what stands on disk, however long that took: behind it a yes is on record as late.
                made + worth
            } else if row.state.is_given() && is_ahead {
                now.running
            } else {
                now.running + worth
            }
        });
        // Nobody was asked about what is approved from the first.
        if turn.row.state == State::Pending && row.revision > 0 {
            let waited = row.decided.map(|decided| decided.since(row.created));
            turn.approvals.shared.decisions.count(row.state, waited);
        }
        turn.approvals.memory().apply((*row).clone(), until, now);
        turn.over = true;
        *row
    }

    /// To be called where its commit failed. A commit that was in doubt before may have reached the disk: then every change
    /// from here is lost, until what is there is learnt.
    pub fn failed(self, store: &Store, error: &CommitError) {
        let mut turn = self.turn;
        match error {
            CommitError::Lost => {}
            CommitError::Unavailable(_) => {
                store.later(self.undo);
                if self.row.state.is_given() {
                    turn.approvals.memory().doubt(&self.row.id);
                }
                return;
            }
            CommitError::Overloaded => return,
        }
        match learn(&mut turn, store) {
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "an approval that was changed on disk could not be read"),
        }
    }
}

impl Veto {
    /// Puts a person's no on disk by what `changes` makes of its row. One that loses to a consent that reached the disk when
    /// its COMMIT was in doubt is tried once more, on top of that.
    ///
    /// SECURITY: the turn is kept meanwhile: learning of that consent first would let the waiting call through (test
    /// `a_no_to_a_consent_that_was_in_doubt_lets_nothing_through`).
    ///
    /// # Errors
    /// As [`CommitError`] says.
    pub async fn write(
        self,
        store: &Store,
        denial: Denial,
        changes: impl Fn(&ApprovalRow) -> Vec<Change>,
    ) -> Result<ApprovalRow, CommitError> {
        let draft = self.deny(denial.clone());
        match store.write(changes(draft.row())).await {
            Ok(()) => Ok(draft.committed()),
            Err(CommitError::Lost) => {
                let draft = match draft.on_disk(store) {
                    Ok(veto) => veto.deny(denial),
                    Err(draft) => draft,
                };
                let changes = changes(draft.row());
                draft.write(store, changes).await
            }
            Err(error @ (CommitError::Unavailable(_) | CommitError::Overloaded)) => Err(error),
        }
    }
}

impl Draft {
    /// The turn, on what is on disk, if that is newer and may still be denied.
    fn on_disk(mut self, store: &Store) -> Result<Veto, Self> {
        match store.approval(&self.turn.row.id) {
            Ok(Some(found))
                if found.revision > self.turn.row.revision && found.state.is_open() && store.is_ours(&found) =>
            {
                *self.turn.row = found;
                Ok(Veto(self.turn))
            }
            Ok(_) => Err(self),
            Err(error) => {
                tracing::warn!(%error, "an approval that was changed on disk could not be read");
                Err(self)
            }
        }
    }
}

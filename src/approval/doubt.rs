//! What people gave by a commit that failed: it may be on disk all the same.

use super::memory::left;
use super::{Approvals, Turn};
use crate::store::{ReadError, Store};

impl Approvals {
    /// Learns what became of that which a step of the wall clock waits for (`Sweep::busy`), where the store writes again: what is
    /// not on disk by then never will be, and what is ends. To be called about once a second: people may try again much later.
    ///
    /// SECURITY: nothing else is learnt before somebody decides again. A no that could not be recorded either would come too late
    /// for a yes that counts by itself. Test: `a_yes_in_doubt_counts_not_by_itself`.
    pub fn settle(&self, store: &Store) {
        if !store.is_writable() {
            return;
        }
        let doubted = self.memory().doubted();
        for id in doubted {
            // Where somebody changes it at this moment the store tells them, or the next look comes to it.
            let Ok(mut turn) = self.take(&id, |_| true) else {
                continue;
            };
            // Asked again with the turn: nobody adds a doubt now, and the failure that this one came of is over.
            if !store.is_writable() {
                return;
            }
            if let Err(error) = learn(&mut turn, store) {
                tracing::warn!(%error, approval = %id, "whether it was approved on disk could not be read");
            }
        }
    }
}

/// Has memory know what is on disk.
///
/// SECURITY: who can write the database, and makes our next change lose, must not have their own yes taken for what reached the
/// disk. Test: `an_approval_that_somebody_else_put_on_disk_lets_nothing_through`.
pub(super) fn learn(turn: &mut Turn, store: &Store) -> Result<(), ReadError> {
    let found = store.approval(&turn.row.id)?;
    let Some(found) = found.filter(|found| found.revision > turn.row.revision) else {
        turn.approvals.memory().doubt_no_more(&turn.row.id);
        return Ok(());
    };
    if !store.is_ours(&found) {
        let (approval, state) = (&found.id, found.state.as_str());
        tracing::error!(%approval, state, "an approval in the database is not what this sidecar wrote: it counts for nothing");
        turn.approvals.memory().doubt_no_more(&turn.row.id);
        return Ok(());
    }
    let approvals = turn.approvals.clone();
    let (now, consumed) = (approvals.now(), found.consumed);
    let until = now.running + left(&approvals.shared.config, &found, now.wall);
    approvals.memory().apply(found, Some(until), now);
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

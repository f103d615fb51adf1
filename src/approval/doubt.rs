//! What people gave by a commit that failed: it may be on disk all the same.

use super::memory::left;
use super::{Approvals, Turn};
use crate::store::{ReadError, Store};

impl Approvals {
    /// Learns what became of it, where the store writes again: what is not on disk by then never will be. To be called about
    /// once a second: a step of the wall clock is not told before (`Sweep::busy`), and people may try again much later.
    pub fn settle(&self, store: &Store) {
        let doubted = self.memory().doubted();
        // Asked behind the look: a failure that is over by then is the one that these came of, or a later one.
        if doubted.is_empty() || !store.is_writable() {
            return;
        }
        for id in doubted {
            // Where somebody changes it at this moment the store tells them, or the next look comes to it.
            let Ok(mut turn) = self.take(&id, |_| true) else {
                continue;
            };
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

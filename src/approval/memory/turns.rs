//! How turns end, what is in doubt by then, and what is waited for where the wall clock was set back meanwhile.

use tokio::time::Instant;

use super::{Memory, Now};
use crate::model::ApprovalId;
use crate::model::change::ApprovalRow;

impl Memory {
    /// Ends a turn without a change. What was never on disk is gone.
    pub(in crate::approval) fn put_back(&mut self, id: &ApprovalId) {
        let Some(slot) = self.slots.get_mut(id) else {
            return;
        };
        slot.taken = false;
        slot.tell();
        // What may be on disk is waited for until it is known.
        if !slot.in_doubt {
            self.unsettled.remove(id);
        }
        if slot.parking {
            self.forget(id);
        }
    }

    /// The commit that its turn was for failed, and what people gave may be on disk by it: until that is known, it is waited for.
    pub(in crate::approval) fn doubt(&mut self, id: &ApprovalId) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.in_doubt = true;
        }
    }

    /// Those of which that is so that a step of the wall clock waits for.
    pub(in crate::approval) fn doubted(&self) -> Vec<ApprovalId> {
        let in_doubt = |id: &&ApprovalId| self.slots.get(id).is_some_and(|slot| slot.in_doubt && !slot.taken);
        self.unsettled.iter().filter(in_doubt).cloned().collect()
    }

    /// The row in memory is the one on disk.
    pub(in crate::approval) fn doubt_no_more(&mut self, id: &ApprovalId) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.in_doubt = false;
        }
    }

    /// Ends a turn with what is now on disk. `until`: `None` where its time goes on.
    ///
    /// SECURITY: what was given counts no more where the clock was set back meanwhile: its stored end comes that much later. Tests:
    /// `a_yes_that_was_under_way_as_the_clock_was_set_back_counts_no_more`,
    /// `what_was_being_given_back_as_the_clock_was_set_back_counts_no_more`.
    pub(in crate::approval) fn apply(&mut self, row: ApprovalRow, until: Option<Instant>, now: Now) {
        let is_unsettled = self.unsettled.remove(&row.id);
        let change = self.next_change();
        if let Some(slot) = self.slots.get_mut(&row.id) {
            let (agent, before, after) = (row.facts.agent.clone(), slot.row.state, row.state);
            slot.change = change;
            slot.row = row;
            slot.until = until.unwrap_or(slot.until);
            if slot.row.state.is_given() {
                slot.given_until = Some(slot.until);
            }
            if is_unsettled {
                slot.end_grant(now);
            }
            slot.taken = false;
            slot.parking = false;
            slot.in_doubt = false;
            slot.tell();
            self.count(&agent, before, after);
        }
    }

    /// The wall clock was set back: what is under way or in doubt now may be what people gave before.
    pub(in crate::approval) fn leave_unsettled(&mut self) {
        let given = self.slots.iter().filter(|(_, slot)| slot.taken || slot.in_doubt);
        self.unsettled.extend(given.map(|(id, _)| id.clone()));
    }

    /// Whether something of that still is.
    pub(in crate::approval) fn is_unsettled(&self) -> bool {
        !self.unsettled.is_empty()
    }
}

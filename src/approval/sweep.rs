//! What time does to approvals.

use super::turn::Turn;
use super::{Approvals, Draft};
use crate::model::State;
use crate::model::change::ApprovalRow;
use crate::model::time::Jump;

/// What a look at the clocks found.
pub struct Sweep {
    /// Approvals whose time is over: to be put on disk as expired.
    pub expired: Vec<Draft>,
    /// How the wall clock jumped since the last look, if by more than 5 s. Where it was set back, grants are expired: their
    /// stored end cannot be trusted. Pending approvals stay; set forward, all stays.
    pub jump: Option<Jump>,
}

impl Approvals {
    /// Finds what is over and forgets what is past mattering. To be called about once a second.
    pub fn sweep(&self) -> Sweep {
        let now = self.now();
        let mut memory = self.memory();
        let jump = memory.clocks.replace(now).and_then(|before| now.jump_since(before));
        let mut expired = Vec::new();
        for slot in memory.all().filter(|slot| slot.on_disk() && !slot.taken) {
            if matches!(jump, Some(Jump::Back(_))) && slot.row.state == State::Approved {
                slot.until = now.running;
            }
            let open = matches!(slot.row.state, State::Pending | State::Approved);
            if open && slot.state(now) == State::Expired {
                slot.taken = true;
                expired.push(self.expiring(slot.row.clone()));
            }
        }
        memory.forget_finished(now);
        Sweep { expired, jump }
    }

    /// Ends all that is pending or approved, where the secret is lost that their fingerprints were made with: no call
    /// would ever match them again.
    pub fn end_all(&self) -> Vec<Draft> {
        self.end(|state| matches!(state, State::Pending | State::Approved))
    }

    /// Ends all grants, where the wall clock was set back while nobody looked: their stored end cannot be trusted.
    pub fn end_grants(&self) -> Vec<Draft> {
        self.end(|state| state == State::Approved)
    }

    fn end(&self, which: impl Fn(State) -> bool) -> Vec<Draft> {
        let mut memory = self.memory();
        let open = memory
            .all()
            .filter(|slot| slot.on_disk() && !slot.taken && which(slot.row.state));
        open.map(|slot| {
            slot.taken = true;
            self.expiring(slot.row.clone())
        })
        .collect()
    }

    fn expiring(&self, row: ApprovalRow) -> Draft {
        let now = self.now().wall;
        let remembered = Self::remembered(&self.shared.config);
        Turn::new(self, row).draft(Some(remembered), |row| {
            row.state = State::Expired;
            row.decided = Some(now);
        })
    }
}

//! What time does to approvals.

use std::time::Duration;

use tokio::time::Instant;

use super::Approvals;
use super::memory::CLOCK_SLACK;
use super::turn::{Draft, Turn};
use crate::model::State;
use crate::model::change::ApprovalRow;

/// What a look at the clocks found.
pub struct Sweep {
    /// Approvals whose time is over: to be put on disk as expired.
    pub expired: Vec<Draft>,
    /// By how much the wall clock was set back since the last look, if by more than 5 s. Grants are expired then: their
    /// stored end cannot be trusted. Pending approvals stay.
    pub set_back: Option<Duration>,
}

impl Approvals {
    /// Finds what is over and forgets what is past mattering. To be called about once a second.
    pub fn sweep(&self) -> Sweep {
        let now = self.now();
        let mut memory = self.memory();
        let monotonic = Instant::now();
        let set_back = memory
            .clocks
            .replace((monotonic, now))
            .map(|(since, wall)| wall.plus(monotonic - since).since(now))
            .filter(|lost| *lost > CLOCK_SLACK);
        let mut expired = Vec::new();
        for slot in memory.all().filter(|slot| slot.on_disk() && !slot.taken) {
            if set_back.is_some() && slot.row.state == State::Approved {
                slot.until = monotonic;
            }
            let open = matches!(slot.row.state, State::Pending | State::Approved);
            if open && slot.state(now) == State::Expired {
                slot.taken = true;
                expired.push(self.expiring(slot.row.clone()));
            }
        }
        memory.forget_finished(now);
        Sweep { expired, set_back }
    }

    /// Ends all that is pending or approved, where the secret is lost that their fingerprints were made with: no call
    /// would ever match them again.
    pub fn end_all(&self) -> Vec<Draft> {
        let mut memory = self.memory();
        let open = memory
            .all()
            .filter(|slot| slot.on_disk() && !slot.taken)
            .filter(|slot| matches!(slot.row.state, State::Pending | State::Approved));
        open.map(|slot| {
            slot.taken = true;
            self.expiring(slot.row.clone())
        })
        .collect()
    }

    fn expiring(&self, row: ApprovalRow) -> Draft {
        let now = self.now();
        let remembered = Self::remembered(&self.shared.config);
        Turn::new(self, row).draft(Some(remembered), |row| {
            row.state = State::Expired;
            row.decided = Some(now);
        })
    }
}

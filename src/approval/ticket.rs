//! A connected client that waits for an approval.

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::turn::{Claim, Turn};
use super::{Approvals, Standing, Wait};
use crate::model::{ApprovalId, State};

/// One connected client of an approval. Dropped, the client is gone; the approval stays.
#[must_use]
pub struct Ticket {
    approvals: Approvals,
    id: ApprovalId,
    number: u64,
    moved: watch::Receiver<u64>,
}

/// How a wait ended.
pub enum Wake {
    /// Approved, with time enough left to send: ask the gate again, then spend it.
    Approved(Claim),
    /// Approved, but the client would not hear the answer: not spent, for the same call made again.
    TooLate(Box<Standing>),
    Denied(Box<Standing>),
    /// A person withdrew the question.
    Cancelled(Box<Standing>),
    Expired,
    /// Spent on another connection of the same call.
    Executed(Box<Standing>),
    /// The connection's time is over; the approval stays pending.
    TimeUp(Box<Standing>),
}

/// What a look at the approval says.
enum Look {
    Done(Wake),
    /// Nothing to do until it moves, its connection's time is over, or it is over itself.
    Wait {
        over: Instant,
    },
}

impl Ticket {
    pub(super) fn new(approvals: &Approvals, id: ApprovalId, number: u64, moved: watch::Receiver<u64>) -> Self {
        Self {
            approvals: approvals.clone(),
            id,
            number,
            moved,
        }
    }

    pub fn approval(&self) -> &ApprovalId {
        &self.id
    }

    /// The approval as it stands; `None` once it is forgotten.
    pub fn standing(&self) -> Option<Standing> {
        self.approvals.get(&self.id)
    }

    /// Waits until people decided or the connection's time is over. May be dropped at any point: nothing is spent but by
    /// the [`Claim`] that it gives.
    pub async fn decided(&mut self, wait: &Wait) -> Wake {
        loop {
            self.moved.borrow_and_update();
            let over = match self.look(wait) {
                Look::Done(wake) => return wake,
                Look::Wait { over } => over,
            };
            tokio::select! {
                // An error says that the approval is gone; the next look says so too.
                _ = self.moved.changed() => {}
                () = sleep_until(over) => {}
            }
        }
    }

    fn look(&self, wait: &Wait) -> Look {
        let now = self.approvals.now();
        let time_is_up = Instant::now() >= wait.ends();
        let mut memory = self.approvals.memory();
        let Some(slot) = memory.get_mut(&self.id) else {
            return Look::Done(Wake::Expired);
        };
        let standing = Box::new(slot.standing(now));
        match standing.state {
            State::Denied => Look::Done(Wake::Denied(standing)),
            State::Cancelled => Look::Done(Wake::Cancelled(standing)),
            State::Expired => Look::Done(Wake::Expired),
            State::Consumed => Look::Done(Wake::Executed(standing)),
            State::Approved | State::Returned if !wait.can_still_send() => Look::Done(Wake::TooLate(standing)),
            State::Approved | State::Returned if !slot.taken => {
                slot.taken = true;
                Look::Done(Wake::Approved(Claim(Turn::new(&self.approvals, slot.row.clone()))))
            }
            State::Pending if time_is_up => Look::Done(Wake::TimeUp(standing)),
            // Another claimant is writing, and who waits for nobody has no time that could end: until that moves.
            State::Approved | State::Returned if time_is_up => Look::Wait {
                over: Instant::now() + slot.until.saturating_duration_since(now.running),
            },
            State::Approved | State::Returned | State::Pending => Look::Wait {
                over: (Instant::now() + slot.until.saturating_duration_since(now.running)).min(wait.ends()),
            },
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(slot) = self.approvals.memory().get_mut(&self.id) {
            slot.clients.remove(&self.number);
        }
    }
}

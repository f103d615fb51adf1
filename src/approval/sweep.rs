//! What time does to approvals.

use std::sync::Arc;

use super::turn::Turn;
use super::{Approvals, Draft};
use crate::model::change::ApprovalRow;
use crate::model::grant::Grant;
use crate::model::time::Jump;
use crate::model::{GrantId, HoldRule, State};

/// A grant that is over, and who took it back, if anybody did.
pub(super) type Over = (Grant, Option<Arc<str>>);

/// What a look at the clocks found.
pub struct Sweep {
    /// Approvals whose time is over: to be put on disk as expired.
    pub expired: Vec<Draft>,
    /// Approvals that people left unanswered for so long that further people are asked.
    pub escalated: Vec<Draft>,
    /// Grants whose time is over, or that cannot be trusted any more, or that a person took back: to be put on disk as ended,
    /// by that person.
    pub grants: Vec<Over>,
    /// How the wall clock jumped since the last look, if by more than 5 s. Where it was set back, grants are expired: their
    /// stored end cannot be trusted. Pending approvals stay; set forward, all stays.
    pub jump: Option<Jump>,
    /// What is over, or was given before the last step back, is being put on disk by somebody else, or may be there already
    /// ([`Approvals::settle`]): its end comes with a later look.
    pub busy: bool,
}

impl Approvals {
    /// Finds what is over and forgets what is past mattering. To be called about once a second.
    pub fn sweep(&self) -> Sweep {
        let now = self.now();
        let mut memory = self.memory();
        let jump = memory.clocks.replace(now).and_then(|before| now.jump_since(before));
        let (mut expired, mut escalated) = (Vec::new(), Vec::new());
        if let Some(Jump::Back(_)) = jump {
            memory.all().for_each(|slot| slot.end_grant(now));
            memory.leave_unsettled();
        }
        let mut busy = memory.is_unsettled();
        for slot in memory.all().filter(|slot| slot.on_disk()) {
            if slot.taken {
                busy |= slot.row.state.is_open() && slot.state(now) == State::Expired;
            } else if slot.row.state.is_open() && slot.state(now) == State::Expired {
                slot.taken = true;
                expired.push(self.expiring(slot.row.clone()));
            } else if slot.row.state == State::Pending {
                let due = slot.escalating(now);
                if !due.is_empty() {
                    slot.taken = true;
                    escalated.push(self.escalating(slot.row.clone(), due));
                }
            }
        }
        memory.forget_finished(now);
        let named = memory.grants();
        drop(memory);
        if let Some(Jump::Back(_)) = jump {
            self.distrust_grants();
        }
        Sweep {
            expired,
            escalated,
            busy: busy || self.has_unsettled_grants(),
            grants: self.over(&named),
            jump,
        }
    }

    /// Ends all that is pending or approved, where the secret is lost that their fingerprints were made with: no call
    /// would ever match them again.
    pub fn end_all(&self) -> Vec<Draft> {
        self.end(State::is_open)
    }

    /// Ends what was approved by a grant, and not spent or given back.
    pub fn end_by_grant(&self, grant: &GrantId) -> Vec<Draft> {
        self.end_where(|row| row.state.is_given() && row.votes.iter().any(|vote| vote.grant().as_ref() == Some(grant)))
    }

    /// Ends all that people gave, where the wall clock was set back while nobody looked: its stored end cannot be trusted. Told
    /// are what is approved and not spent, and the grants, with who took them back.
    pub fn distrust(&self) -> (Vec<Draft>, Vec<Over>) {
        let given = self.end(State::is_given);
        self.distrust_grants();
        let named = self.memory().grants();
        (given, self.over(&named))
    }

    fn end(&self, which: impl Fn(State) -> bool) -> Vec<Draft> {
        self.end_where(|row| which(row.state))
    }

    fn end_where(&self, which: impl Fn(&ApprovalRow) -> bool) -> Vec<Draft> {
        let mut memory = self.memory();
        let open = memory
            .all()
            .filter(|slot| slot.on_disk() && !slot.taken && which(&slot.row));
        open.map(|slot| {
            slot.taken = true;
            self.expiring(slot.row.clone())
        })
        .collect()
    }

    /// The rules of these ids ask further people from now on. Its expiry stays.
    fn escalating(&self, row: ApprovalRow, rules: Vec<Arc<str>>) -> Draft {
        Turn::new(self, row).draft(None, |row| {
            row.escalated.extend(rules);
            let asked: Vec<HoldRule> = row.rules.iter().cloned().map(|rule| row.as_asked(rule)).collect();
            row.rules = asked;
        })
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

//! What is on record, back into the books: at start, and for budgets that a reload brings or changes.
//!
//! The trail is read from its end backwards, as far as the longest window reaches. Every call that was allowed counts as it
//! would now, unless its outcome says that nothing was done. What has no outcome yet counts.

use std::collections::{HashMap, HashSet};

use super::counting::refuses;
use super::taken::{self, Members, reach};
use super::{Budgets, Ledger, Uses};
use crate::model::{Outcome, Timestamp};
use crate::store::{Kept, ReadError};

/// Why it cannot be told what was taken of budgets. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RecallError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("an entry of the trail cannot be read: {WHAT_TO_DO}")]
    Unreadable,
    #[error("`{name}` of the call {call} is not what its entry commits to, or was taken away: {WHAT_TO_DO}")]
    Changed { call: String, name: String },
}

const WHAT_TO_DO: &str = "something changed the database. Keep a copy, look at it with `runplane audit verify`, and restore it from a backup";

/// Books being filled from the trail.
pub struct Past<'a> {
    budgets: &'a Budgets,
    ledger: &'a Ledger,
    now: Timestamp,
    /// Budgets whose windows are not filled yet, and those that are.
    filled: Vec<bool>,
    /// Nothing before this matters.
    since: i64,
    /// By how much older entries are newer than they look: the clock was set forward after them.
    forward: i64,
    /// Calls that were not sent.
    unsent: HashSet<String>,
    /// Calls of which nothing was done, if who answered is known.
    refused: HashSet<String>,
    /// Why it cannot be told what was taken.
    wrong: Option<RecallError>,
    /// By the call that they repeat: requests that were not counted because that one was.
    leaning: HashMap<String, (i64, Uses)>,
}

impl<'a> Past<'a> {
    /// `None`: the books have all of it already.
    pub fn new(budgets: &'a Budgets, ledger: &'a Ledger, now: Timestamp) -> Option<Self> {
        let mut account = ledger.open(now);
        let filled: Vec<bool> = budgets.all.iter().map(|one| account.is_recalled(&one.slot)).collect();
        drop(account);
        let open = budgets.all.iter().zip(&filled).filter(|(_, filled)| !**filled);
        let longest = open.map(|(budget, _)| budget.length).max()?;
        Some(Self {
            budgets,
            ledger,
            now,
            filled,
            since: now.0.saturating_sub(reach(longest)),
            forward: 0,
            unsent: HashSet::new(),
            refused: HashSet::new(),
            wrong: None,
            leaning: HashMap::new(),
        })
    }

    /// Takes an entry, each before those that were written before it. False: nothing older matters, or this one is not as it was
    /// written.
    ///
    /// SECURITY: what was taken away would be zero, and a budget full again after a restart. Test:
    /// `what_was_taken_is_not_told_from_a_trail_that_was_changed`.
    pub fn see(&mut self, entry: &Kept) -> bool {
        let Ok(members) = serde_json::from_slice::<Members>(&entry.bytes) else {
            self.wrong = Some(RecallError::Unreadable);
            return false;
        };
        let time = members.time.saturating_add(self.forward);
        if time < self.since {
            return false;
        }
        match (members.kind.as_str(), members.decision.as_deref()) {
            ("gap", _) => self.forward = self.forward.saturating_add(members.set_forward_ms.max(0)),
            ("outcome", _) => {
                if members.outcome == Some(Outcome::NotSent) {
                    self.unsent.extend(members.call);
                } else if members.outcome == Some(Outcome::Failure) && refuses(members.status) {
                    self.refused.extend(members.call);
                }
            }
            ("decided", Some("ALLOW")) => match taken::changed(entry) {
                Some(name) => {
                    self.wrong = Some(RecallError::Changed {
                        call: members.call.unwrap_or_default(),
                        name: name.clone(),
                    });
                }
                None => self.allowed(&members, entry, time),
            },
            _ => {}
        }
        self.wrong.is_none()
    }

    fn allowed(&mut self, members: &Members, entry: &Kept, time: i64) {
        let Some(call) = &members.call else {
            return;
        };
        let leaning = self.leaning.remove(call);
        if self.ledger.has_counted(call) {
            return;
        }
        let uses = match self.unsent.contains(call) {
            true => None,
            false => self.budgets.taken(members, entry),
        };
        let uses = uses.filter(|uses| uses.unproven || !self.refused.contains(call));
        match (uses, &members.repeats) {
            // Counted with the first of its kind, unless nothing was done by that one.
            (Some(uses), Some(first)) => drop(self.leaning.insert(first.clone(), (time, uses))),
            (Some(uses), None) => self.count(time, &uses),
            (None, _) => {
                if let Some((time, uses)) = leaning {
                    self.count(time, &uses);
                }
            }
        }
    }

    fn count(&self, time: i64, uses: &Uses) {
        let mut account = self.ledger.open(self.now);
        for one in &uses.parts {
            if self.filled.get(one.budget) == Some(&false)
                && let Some(budget) = self.budgets.all.get(one.budget)
            {
                // The ledger's clock may tell another time than the wall's.
                let time = account.now.saturating_sub(self.now.0.saturating_sub(time).max(0));
                account.recall(&budget.slot, &one.scope, time, one.amount);
            }
        }
    }

    /// To be called when all that matters was seen.
    ///
    /// # Errors
    /// If something of it was not as it was written: then the books are not filled.
    pub fn end(self) -> Result<(), RecallError> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let mut account = self.ledger.open(self.now);
        for budget in &self.budgets.all {
            account.recalled(&budget.slot);
        }
        Ok(())
    }
}

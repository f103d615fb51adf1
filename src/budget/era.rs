//! Budgets that come into force while calls go on.
//!
//! Whatever is allowed counts in the budgets in force, whichever rules allow it, and in those about to be: these are
//! announced first. Then what was decided before is waited for until it is on record, and the record is read; from the
//! announcement on, each call that is allowed counts in them by itself. So none is missing when they come into force.

use std::sync::Arc;

use tokio::sync::Notify;

use super::ledger::{Ledger, Part};
use super::{Budgets, Uses};
use crate::model::{Action, Facts};

/// The time from one announcement to the next. Who decides a call has it from before until the call is on record.
#[derive(Debug, Default)]
pub struct Era {
    /// In force, or about to be.
    budgets: Option<Arc<Budgets>>,
    /// Told when the last who had it is gone.
    over: Arc<Notify>,
}

impl Drop for Era {
    fn drop(&mut self) {
        self.over.notify_one();
    }
}

impl Era {
    pub(super) fn of(budgets: Option<Arc<Budgets>>) -> Arc<Era> {
        Arc::new(Era {
            budgets,
            over: Arc::default(),
        })
    }

    pub(super) fn is_of(&self, budgets: &Arc<Budgets>) -> bool {
        self.budgets.as_ref().is_some_and(|own| Arc::ptr_eq(own, budgets))
    }

    /// What a call takes of budgets that are not those it is judged by.
    fn beside(&self, judging: &Budgets, facts: &Facts, action: &Action) -> Option<Uses> {
        let budgets = self.budgets.as_deref().filter(|own| !std::ptr::eq(*own, judging))?;
        let uses = budgets.uses(facts, action)?;
        let beside = budgets.parts(&uses, |_, amount| Some(amount));
        let counts = |(slot, _, _): &Part| judging.slots().any(|own| own == slot);
        let beside: Vec<Part> = beside.into_iter().filter(|part| !counts(part)).collect();
        (!beside.is_empty()).then(|| Uses {
            beside,
            unproven: uses.unproven,
            ..Uses::default()
        })
    }
}

impl Budgets {
    /// What a call that is decided in this era is to the budgets that count it; `None`: none does, and nothing need be locked.
    pub fn uses_in(&self, era: &Era, facts: &Facts, action: &Action) -> Option<Uses> {
        match (self.uses(facts, action), era.beside(self, facts, action)) {
            (Some(own), Some(Uses { beside, .. })) => Some(Uses { beside, ..own }),
            (own, beside) => own.or(beside),
        }
    }

    /// From now on, whatever is allowed counts in these, too.
    pub fn announce(self: &Arc<Self>, ledger: &Ledger) -> Coming {
        let before = ledger.announce(self);
        Coming {
            ledger: ledger.clone(),
            before: before.budgets.clone(),
            over: before.over.clone(),
        }
    }

    /// From now on these are in force, and no others.
    pub fn come_into_force(self: &Arc<Self>, ledger: &Ledger) {
        ledger.come_into_force(self);
    }
}

/// Budgets that were announced. Dropped before they are in force, they are not to come.
#[must_use]
pub struct Coming {
    ledger: Ledger,
    before: Option<Arc<Budgets>>,
    over: Arc<Notify>,
}

impl Coming {
    /// Waits until each call that was allowed before the announcement is on its way to the disk, or given up.
    pub async fn alone(&self) {
        self.over.notified().await;
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.ledger.give_up(self.before.as_ref());
    }
}

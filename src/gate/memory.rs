//! What the gate remembers of calls: it outlives every set of rules.

use std::sync::Arc;

use super::made::{Made, Way};
use super::stated::Statements;
use super::{Paused, Rules};
use crate::budget::{Ledger, Steady};
use crate::model::{Facts, Outcome, Timestamp};
use crate::policy::Permit;
use crate::risk::{Deed, History};

/// Shared by old and new rules. A replay has one of its own.
pub struct Memory {
    /// Who may not call.
    pub paused: Paused,
    /// What was taken of budgets.
    pub budgets: Ledger,
    /// What is usual of agents.
    pub history: History,
    /// What agents stated and may do.
    pub stated: Statements,
    /// What was made through this sidecar.
    pub(super) made: Made,
}

impl Memory {
    /// Empty. `steady`: a clock that nobody sets; without one, time is what is said with each call.
    pub fn new(steady: Option<Steady>) -> Self {
        let steady = steady.map(Arc::new);
        let shared = steady.clone().map(|steady| -> Steady { Box::new(move || steady()) });
        Self {
            paused: Paused::default(),
            budgets: Ledger::new(shared),
            history: History::default(),
            stated: Statements::default(),
            made: Made::new(steady),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Rules {
    /// What calls are counted and remembered by from now on.
    pub(super) fn come_into_force(&self) {
        self.budgets.come_into_force(&self.memory.budgets);
        self.memory.made.lives(self.config.recall);
    }
}

/// A call on its way to the provider.
pub struct Sent {
    memory: Arc<Memory>,
    deed: Deed,
    way: Option<Arc<Way>>,
}

impl Sent {
    /// It leaves at `at`.
    pub(super) fn new(rules: &Rules, permit: &Permit, at: Timestamp) -> Sent {
        let Facts { agent, host, .. } = permit.call().facts();
        let deed = Deed::of(&agent, &host, permit.action());
        rules.memory.history.leaves(&deed, at);
        Sent {
            memory: rules.memory.clone(),
            deed,
            way: Way::of(rules, permit).map(Arc::new),
        }
    }

    /// Its way, if that is about what calls made: to be asked last before anything is sent.
    pub fn way(&self) -> Option<Arc<Way>> {
        self.way.clone()
    }

    /// How it ended, by which status, and the id of what it made. What was executed, or may have been, is learnt from.
    pub fn ended(self, outcome: Outcome, status: Option<u16>, result_id: Option<&str>, at: Timestamp) {
        if let Some(way) = &self.way {
            way.ended(outcome, status, result_id, at);
        }
        match outcome {
            Outcome::Success | Outcome::Unknown => self.memory.history.learn(&self.deed, at),
            Outcome::Failure | Outcome::Error | Outcome::NotSent | Outcome::Abandoned => {}
        }
    }
}

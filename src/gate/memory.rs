//! What the gate remembers of calls: it outlives every set of rules.

use std::sync::Arc;

use super::Paused;
use super::stated::Statements;
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
}

impl Memory {
    /// Empty. `steady`: a clock that nobody sets; without one, time is what is said with each call.
    pub fn new(steady: Option<Steady>) -> Self {
        Self {
            paused: Paused::default(),
            budgets: Ledger::new(steady),
            history: History::default(),
            stated: Statements::default(),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(None)
    }
}

/// A call on its way to the provider.
pub struct Sent {
    memory: Arc<Memory>,
    deed: Deed,
}

impl Sent {
    /// It leaves at `at`.
    pub(super) fn new(memory: &Arc<Memory>, permit: &Permit, at: Timestamp) -> Sent {
        let Facts { agent, host, .. } = permit.call().facts();
        let deed = Deed::of(&agent, &host, permit.action());
        memory.history.leaves(&deed, at);
        Sent {
            memory: memory.clone(),
            deed,
        }
    }

    /// How it ended. What was executed, or may have been, is learnt from.
    pub fn ended(self, outcome: Outcome, at: Timestamp) {
        match outcome {
            Outcome::Success | Outcome::Unknown => self.memory.history.learn(&self.deed, at),
            Outcome::Failure | Outcome::Error | Outcome::NotSent | Outcome::Abandoned => {}
        }
    }
}

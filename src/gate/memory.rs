//! What the gate remembers of calls: it outlives every set of rules.

use super::Paused;
use crate::budget::{Ledger, Steady};

/// Shared by old and new rules. A replay has one of its own.
pub struct Memory {
    /// Who may not call.
    pub paused: Paused,
    /// What was taken of budgets.
    pub budgets: Ledger,
}

impl Memory {
    /// Empty. `steady`: a clock that nobody sets; without one, time is what is said with each call.
    pub fn new(steady: Option<Steady>) -> Self {
        Self {
            paused: Paused::default(),
            budgets: Ledger::new(steady),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(None)
    }
}

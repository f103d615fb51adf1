//! What outlives the rules: learnt while running, and kept when others come into force.

use std::sync::Arc;

use crate::model::{Facts, Outcome, Timestamp};
use crate::policy::Permit;
use crate::risk::{Deed, History};

/// What calls that were decided before leave behind for those to come. A replay starts with none.
#[derive(Debug, Default)]
pub struct Memory {
    /// What is usual of agents.
    pub history: History,
}

/// A call on its way to the provider.
#[derive(Debug)]
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

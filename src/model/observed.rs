//! What is only looked at: calls that are sent whatever is decided of them, and rules that are asked and not obeyed.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::Reason;

/// Whose calls no decision stops (`dangerously_observe`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Observe {
    #[default]
    Nobody,
    Everyone,
    /// By name.
    Agents(BTreeSet<Arc<str>>),
}

impl Observe {
    pub fn covers(&self, agent: &str) -> bool {
        match self {
            Observe::Nobody => false,
            Observe::Everyone => true,
            Observe::Agents(names) => names.contains(agent),
        }
    }
}

/// As it is logged and recorded.
impl fmt::Display for Observe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Observe::Nobody => f.write_str("nobody"),
            Observe::Everyone => f.write_str("every agent"),
            Observe::Agents(names) => {
                let names: Vec<&str> = names.iter().map(|name| &**name).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}

/// What a decision would be that is not carried out. Never ALLOW for a call that is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Would {
    /// `ALLOW`, `BLOCK` or `REQUIRE_APPROVAL`.
    pub decision: &'static str,
    /// Of a block.
    pub reason: Option<Reason>,
}

/// What rules on trial (`@mode("observe")`) made of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Ids of those that are satisfied, sorted.
    pub rules: Vec<Arc<str>>,
    /// Ids of those that could not be evaluated, sorted.
    pub failed: Vec<Arc<str>>,
    /// What would be decided if they were in force.
    pub would: Would,
}

//! The kill switch: whose calls are not sent until somebody says otherwise.

use std::fmt;
use std::sync::Arc;

use super::Timestamp;
use super::inert::inert;

/// Whom a pause is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Every agent there is and will be.
    Everyone,
    /// The agent of this name, whether or not it is registered.
    Agent(Arc<str>),
}

/// For a terminal.
impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whom::Everyone => f.write_str("every agent"),
            Whom::Agent(name) => f.write_str(&inert(name)),
        }
    }
}

/// A pause that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub whom: Whom,
    /// The person who said so.
    pub by: Arc<str>,
    /// For people; agents are not told.
    pub reason: Option<String>,
    pub since: Timestamp,
}

impl Pause {
    /// Whether it stops this agent's calls.
    pub fn is_of(&self, agent: &str) -> bool {
        match &self.whom {
            Whom::Everyone => true,
            Whom::Agent(name) => **name == *agent,
        }
    }
}

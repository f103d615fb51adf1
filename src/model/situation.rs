//! What rules see of a call besides what it says: worked out by the gate before they are asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::budget::Over;
use super::time::LocalTime;

/// When and under what circumstances a call is decided. Data only, so that a decision can be made again from its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation {
    /// In the configured time zone.
    pub time: LocalTime,
    /// What each budget of the action would come to with this call; a budget that is not here is not known, because the
    /// call leaves out what it sums. 0 where the call does not count.
    pub budgets: BTreeMap<Arc<str>, i64>,
    /// Limits that the call would go over.
    pub over: Vec<Over>,
    /// The call's score, 0 to 100.
    pub risk: i64,
}

impl Situation {
    /// Without any budget.
    pub fn at(time: LocalTime, risk: i64) -> Self {
        Self {
            time,
            risk,
            budgets: BTreeMap::new(),
            over: Vec::new(),
        }
    }
}

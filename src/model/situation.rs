//! What rules see of a call besides what it says: worked out by the gate before they are asked.

use super::time::LocalTime;

/// When and under what circumstances a call is decided. Data only, so that a decision can be made again from its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation {
    /// In the configured time zone.
    pub time: LocalTime,
    /// The call's score, 0 to 100.
    pub risk: i64,
}

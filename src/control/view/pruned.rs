//! What was taken out of the record.

use serde::{Deserialize, Serialize};

/// What was pruned, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// The first and the last of the entries; `None`: nothing.
    pub range: Option<(i64, i64)>,
    pub entries: i64,
    /// `2025-01..2025-03`.
    pub months: String,
    /// What keeps others of those months.
    pub held: Option<String>,
    /// How much it is, if only that was asked.
    pub bytes: Option<i64>,
}

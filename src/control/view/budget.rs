//! A budget as the control API shows it.

use serde::{Deserialize, Serialize};

use crate::budget::Line;

/// One window of a budget in use; a budget that nobody used has one without a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    pub budget: String,
    /// The field that is summed, or `calls`.
    pub measure: String,
    /// As typed: `1d`.
    pub window: String,
    /// `agent`, `role`, `target`, `group` or `sidecar`.
    pub per: String,
    /// Whose window it is. May hold text of an agent's: show it inert.
    pub scope: Option<String>,
    pub used: i64,
    pub limit: Option<i64>,
    /// What may still come; `None` without a limit.
    pub left: Option<i64>,
    /// The same as people read them.
    pub shown: Shown,
    /// When the oldest of it falls out (RFC 3339, UTC).
    pub oldest_ends: Option<String>,
}

/// Numbers with their units; `-` where there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    pub used: String,
    pub limit: String,
    pub left: String,
}

impl From<Line> for Budget {
    fn from(line: Line) -> Self {
        let [used, limit, left] = line.shown;
        Self {
            budget: line.budget.to_string(),
            measure: line.measure.to_string(),
            window: line.window.to_string(),
            per: line.per.to_owned(),
            scope: (!line.scope.is_empty()).then(|| line.scope.to_string()),
            used: line.used,
            limit: line.limit,
            left: line.left,
            shown: Shown { used, limit, left },
            oldest_ends: line.oldest_ends.map(|time| time.to_string()),
        }
    }
}

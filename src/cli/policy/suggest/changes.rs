//! What the drafted rules alone would change of the very calls, by action.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::audit::RecordedCall;
use crate::cli::client::table;
use crate::cli::replay::{amount, shown_amount};
use crate::model::inert;
use crate::policy::Verdict;

#[derive(Default)]
pub(super) struct Changes {
    /// Of all sums of money.
    currency: Option<Arc<str>>,
    /// What calls of an action would newly be.
    rows: BTreeMap<(&'static str, Arc<str>), Row>,
}

#[derive(Default)]
struct Row {
    calls: u64,
    /// By what was decided then.
    was: BTreeMap<&'static str, u64>,
    money: i128,
}

impl Changes {
    pub(super) fn new(currency: Option<Arc<str>>) -> Self {
        Self {
            currency,
            rows: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, recorded: &RecordedCall, verdict: &Verdict) {
        if verdict.as_str() == recorded.decision {
            return;
        }
        let newly = match verdict {
            Verdict::Allow { .. } => "newly allowed",
            Verdict::Block { .. } => "newly blocked",
            Verdict::RequireApproval { .. } => "newly held",
        };
        let row = self.rows.entry((newly, recorded.action.name.clone())).or_default();
        row.calls += 1;
        *row.was.entry(recorded.decision).or_default() += 1;
        row.money += i128::from(amount(recorded));
    }

    /// As comments.
    pub(super) fn told(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let rows = self.rows.iter().map(|((newly, action), row)| {
            let was = |decision| row.was.get(decision).copied().unwrap_or_default().to_string();
            let mut cells = vec![(*newly).to_owned(), inert(action).into_owned(), row.calls.to_string()];
            cells.extend(["ALLOW", "REQUIRE_APPROVAL", "BLOCK"].map(was));
            cells.push(shown_amount(self.currency.as_deref(), row.money));
            cells
        });
        let rows: Vec<Vec<String>> = rows.collect();
        let head = ["", "ACTION", "CALLS", "WERE ALLOWED", "HELD", "BLOCKED", "MONEY"];
        let mut lines = Vec::new();
        // Writing into memory cannot fail.
        let _ = table(&mut lines, &head, &rows);
        let lines = String::from_utf8_lossy(&lines);
        let lines: Vec<String> = lines
            .lines()
            .map(|line| format!("//   {line}").trim_end().to_owned())
            .collect();
        format!(
            "//\n// Replayed by these rules alone, in the place of those in force:\n{}\n",
            lines.join("\n")
        )
    }
}

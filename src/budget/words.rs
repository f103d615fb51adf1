//! Budgets in words: for agents that are refused, and for people who look.

use std::sync::Arc;

use super::{Budget, Budgets, Ledger, Limit, Measure, Per, Reading, Uses};
use crate::model::number::grouped;
use crate::model::{Timestamp, money};

/// How numbers are shown.
#[derive(Clone, Debug, Default)]
pub struct Wording {
    /// What money is in.
    pub account_currency: Option<Arc<str>>,
}

/// When there is room again.
pub(super) enum Room {
    At(Timestamp),
    /// The call alone is more than the limit.
    Never,
    Unknown,
}

/// One window in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub budget: Arc<str>,
    /// `amount_base`, or `calls`.
    pub measure: Arc<str>,
    pub window: Arc<str>,
    pub per: &'static str,
    pub scope: Arc<str>,
    pub used: i64,
    pub limit: Option<i64>,
    /// What may still come; `None` without a limit.
    pub left: Option<i64>,
    /// The same as people read them.
    pub shown: [String; 3],
    /// When the oldest of it falls out.
    pub oldest_ends: Option<Timestamp>,
}

/// `at most $5,000.00 in 1d for agent support-bot; with this call it would be $5,120.00; there is room for it from … on`
pub(super) fn over(budget: &Budget, limit: &Limit, scope: &str, after: i128, free: Room, wording: &Wording) -> String {
    let number = |number: i64| budget.show(number, wording);
    let whose = budget.whose(scope);
    let free = match free {
        Room::At(time) => format!("there is room for it from {time} on"),
        Room::Never => "this call alone is more than that".to_owned(),
        Room::Unknown => "when there is room for it is not known".to_owned(),
    };
    format!(
        "at most {} in {} for {whose}; with this call it would be {}; {free}",
        number(limit.at_most),
        budget.window,
        number(super::shown(after)),
    )
}

impl Budget {
    fn whose(&self, scope: &str) -> String {
        match self.per {
            Per::Sidecar => "all agents together".to_owned(),
            Per::Agent | Per::Role | Per::Target | Per::Group => format!("{} {scope}", self.per.as_str()),
        }
    }

    fn show(&self, number: i64, wording: &Wording) -> String {
        match (&self.measure, &wording.account_currency) {
            (Measure::Sum { money: true, .. }, Some(currency)) => money::show(number, currency),
            (Measure::Sum { field, .. }, _) => format!("{} ({field})", grouped(number)),
            (Measure::Calls, _) if number == 1 => "1 call".to_owned(),
            (Measure::Calls, _) => format!("{} calls", grouped(number)),
        }
    }
}

impl Budgets {
    /// What a call is to each window that counts it, a line each:
    /// `refunds_per_day: $900.00 used, $1,100.00 with this call, at most $1,000.00 in 1d for agent support-bot`.
    pub fn told(&self, reading: &Reading, uses: &Uses, wording: &Wording) -> Vec<String> {
        let known = reading.spent.iter().filter_map(|spent| {
            let budget = self.all.iter().find(|budget| budget.name == spent.budget)?;
            let show = |number: i64| budget.show(number, wording);
            let limit = match spent.limit {
                Some(limit) => format!("at most {}", show(limit)),
                None => "no limit".to_owned(),
            };
            Some(format!(
                "{}: {} used, {} with this call, {limit} in {} for {}",
                budget.name,
                show(spent.before),
                show(spent.after),
                budget.window,
                budget.whose(&spent.scope)
            ))
        });
        let unknown = uses.unknown.iter().filter_map(|place| self.all.get(*place));
        let unknown = unknown.map(|budget| format!("{}: not known, the call leaves out what it sums", budget.name));
        known.chain(unknown).collect()
    }

    /// Every window in use; a budget that nobody used has one line, without a scope.
    pub fn lines(&self, ledger: &Ledger, at: Timestamp, wording: &Wording) -> Vec<Line> {
        let mut account = ledger.open(at);
        let mut lines = Vec::new();
        for budget in &self.all {
            let limit = budget.limit.as_ref().map(|limit| limit.at_most);
            let mut line = |scope: Arc<str>, used: i64, oldest_ends| {
                let left = limit.map(|limit| limit.saturating_sub(used).max(0));
                let show = |number: i64| budget.show(number, wording);
                let shown = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), show);
                lines.push(Line {
                    budget: budget.name.clone(),
                    measure: match &budget.measure {
                        Measure::Calls => "calls".into(),
                        Measure::Sum { field, .. } => field.clone(),
                    },
                    window: budget.window.clone(),
                    per: budget.per.as_str(),
                    scope,
                    used,
                    limit,
                    left,
                    shown: [show(used), shown(limit), shown(left)],
                    oldest_ends,
                });
            };
            let states = account.states(&budget.slot);
            if states.is_empty() {
                line("".into(), 0, None);
            }
            for (state, ends) in states {
                line(state.scope.clone(), super::shown(state.used), ends);
            }
        }
        lines
    }

    /// What is left of each limit, as a part of it: of the window that has the least.
    pub fn left(&self, ledger: &Ledger, at: Timestamp) -> Vec<(Arc<str>, f64)> {
        let mut account = ledger.open(at);
        let limited = self
            .all
            .iter()
            .filter_map(|budget| Some((budget, budget.limit.as_ref()?)));
        limited
            .map(|(budget, limit)| {
                let used = super::shown(account.largest(&budget.slot));
                let left = limit.at_most.saturating_sub(used).max(0);
                let ratio = if limit.at_most == 0 {
                    0.0
                } else {
                    left as f64 / limit.at_most as f64
                };
                (budget.name.clone(), ratio)
            })
            .collect()
    }
}

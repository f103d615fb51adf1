//! Budgets: how much of something there may be in a while. Stage, floor 2; knows neither Cedar nor the database.
//!
//! A budget is a sliding window over the count of calls, or over the sum of a field, for each agent, role, target, group of
//! actions, or the sidecar. A call that a budget counts is judged with the books open ([`Ledger::open`]): nobody else reads
//! or changes a total between this call's reading and its reservation. Only what is allowed reserves; a reservation is part
//! of the decision's commit and is given back where that fails, or where nothing was done for certain.
//!
//! - **Missing is never zero.** Where a call leaves out what a budget sums, that budget's total is not known, and the action
//!   is incomplete ([`Budgets::needs`]). A negative amount makes no room: it counts as nothing.
//! - **Late, never early.** What is forgotten is older than the window; what cannot be told apart is counted together.
//! - **Doubt counts.** Only an answer by which the provider did nothing gives back; after a crash all that was reserved and
//!   is not known to have failed is read back from the trail ([`past`]).

mod conditions;
mod counting;
mod era;
mod file;
mod ledger;
mod past;
mod ring;
mod taken;
mod window;
mod words;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::action::MAX_INT;

use crate::model::budget::Over;
use crate::model::{Action, CallId, Diagnostic, Facts, Reservation, Source, Spending, Spent, Vocabulary};
use serde::Deserialize;

use conditions::{Conditions, Doubt};
pub use counting::{is_unproven, keeps, print};
pub use era::{Coming, Era};
pub(crate) use ledger::REPEATED_WITHIN;
pub use ledger::{Account, Ledger, Print, Steady};
use ledger::{Part, Slot};
pub use past::{Past, RecallError};
pub use taken::End;
pub use words::{Line, Wording};

/// What budgets may name besides the vocabulary; `None` where nobody knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Of people, besides those that are always there.
    pub groups: Option<&'a BTreeSet<String>>,
    pub providers: Option<&'a [&'a str]>,
}

/// One budget of the file.
#[derive(Debug)]
pub struct Budget {
    name: Arc<str>,
    /// For people who write rules.
    description: Arc<str>,
    /// As typed: `1d`.
    window: Arc<str>,
    /// Milliseconds.
    length: i64,
    measure: Measure,
    per: Per,
    /// With `per: group`: those that it counts each action in.
    groups: HashMap<Arc<str>, Vec<Arc<str>>>,
    conditions: Conditions,
    /// Its environment, if that is likely misspelt.
    doubt: Option<Doubt>,
    limit: Option<Limit>,
    /// Where its limit can be changed: `policies/budgets.yaml:2:97`; without one, where it stands.
    place: String,
    /// Where the ledger has its totals.
    slot: Slot,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Measure {
    Calls,
    Sum {
        field: Arc<str>,
        /// In minor units of the account's currency.
        money: bool,
    },
}

/// Whose calls are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Per {
    Agent,
    Role,
    Target,
    Group,
    Sidecar,
}

impl Per {
    fn as_str(self) -> &'static str {
        match self {
            Per::Agent => "agent",
            Per::Role => "role",
            Per::Target => "target",
            Per::Group => "group",
            Per::Sidecar => "sidecar",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Limit {
    at_most: i64,
    /// Who is asked over it; `None`: it blocks.
    approvers: Option<Vec<Arc<str>>>,
    /// SHA-256 (hex) of what people consent to.
    digest: Arc<str>,
}

/// All budgets of a home, against its vocabulary.
#[derive(Debug, Default)]
pub struct Budgets {
    all: Vec<Budget>,
    by_action: HashMap<Arc<str>, Vec<usize>>,
}

/// What a call is to the budgets that count it.
#[derive(Debug, Default)]
pub struct Uses {
    parts: Vec<Use>,
    /// Budgets that sum what the call leaves out.
    unknown: BTreeSet<usize>,
    /// What it takes of others than those it is judged by.
    beside: Vec<Part>,
    /// What its host answers proves nothing.
    unproven: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    budget: usize,
    scope: Arc<str>,
    amount: i64,
}

/// What rules see of the budgets of a call.
#[derive(Debug, Default)]
pub struct Reading {
    pub totals: BTreeMap<Arc<str>, i64>,
    pub over: Vec<Over>,
    pub spent: Vec<Spent>,
}

impl Budgets {
    /// Reads the files, and has a place for each budget in `ledger`.
    ///
    /// # Errors
    /// All that is wrong in the files, with its places.
    pub fn load(
        sources: &[Source],
        vocabulary: &Vocabulary,
        known: Known<'_>,
        ledger: &Ledger,
    ) -> Result<Budgets, Vec<Diagnostic>> {
        let mut budgets = Budgets::default();
        for file::Read { mut budget, actions } in file::read_all(sources, vocabulary, known)? {
            budget.slot = ledger.slot(&budget.slot, budget.length);
            let place = budgets.all.len();
            for action in actions {
                budgets.by_action.entry(action).or_default().push(place);
            }
            budgets.all.push(budget);
        }
        Ok(budgets)
    }

    /// What is wrong with the form of the files: all that can be told of them without a vocabulary.
    pub fn misshapen(sources: &[Source]) -> Vec<Diagnostic> {
        file::misshapen(sources)
    }

    /// Where the limit of this id (`budget:refunds_per_day`) stands.
    pub fn place(&self, limit: &str) -> Option<&str> {
        let name = limit.strip_prefix(counting::LIMIT)?;
        let budget = self.all.iter().find(|budget| &*budget.name == name)?;
        Some(&budget.place)
    }

    /// The vocabulary with what the budgets add to the context of its actions.
    pub fn extend(&self, vocabulary: &Vocabulary) -> Vocabulary {
        let mut extended = vocabulary.clone();
        for (name, definition) in &mut extended.actions {
            let covering = self.covering(name).map(|(_, budget)| budget);
            definition.budgets = covering
                .map(|budget| (budget.name.clone(), budget.description.clone()))
                .collect();
        }
        extended
    }

    /// Budgets of an environment that nobody gives. `given`: whether a label or a mapping does.
    pub fn doubtful(&self, given: impl Fn(&str) -> bool) -> Vec<Diagnostic> {
        let doubts = self.all.iter().filter_map(|budget| budget.doubt.as_ref());
        let doubts = doubts.filter(|(name, _)| !given(name));
        doubts.map(|(_, doubtful)| doubtful.clone()).collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    fn covering(&self, action: &str) -> impl Iterator<Item = (usize, &Budget)> {
        let places = self.by_action.get(action).into_iter().flatten();
        places.filter_map(|place| Some((*place, self.all.get(*place)?)))
    }

    fn counting<'a>(&'a self, action: &'a Action) -> impl Iterator<Item = (usize, &'a Budget)> + 'a {
        self.covering(&action.name)
            .filter(|(_, budget)| budget.conditions.hold(action))
    }

    /// Whether a budget that counts this action sums the field: the call has to tell it.
    pub fn needs(&self, action: &Action, field: &str) -> bool {
        let sums = |budget: &Budget| matches!(&budget.measure, Measure::Sum { field: sum, .. } if **sum == *field);
        self.counting(action).any(|(_, budget)| sums(budget))
    }

    /// All fields that budgets which count this action sum.
    pub fn needed<'a>(&'a self, action: &'a Action) -> impl Iterator<Item = &'a Arc<str>> {
        self.counting(action).filter_map(|(_, budget)| match &budget.measure {
            Measure::Sum { field, .. } => Some(field),
            Measure::Calls => None,
        })
    }

    /// Names of the budgets whose totals rules about this action may ask for, each meaning counted.
    fn visible<'a>(&'a self, action: &'a Action) -> impl Iterator<Item = (usize, &'a Budget)> {
        action.meanings().flat_map(|meaning| self.covering(&meaning.name))
    }

    /// What the call is to the budgets that count it; `None`: none does, and nothing need be locked.
    pub fn uses(&self, facts: &Facts, action: &Action) -> Option<Uses> {
        let mut uses = Uses {
            unproven: is_unproven(action),
            ..Uses::default()
        };
        for meaning in action.deeds() {
            for (place, budget) in self.counting(meaning) {
                let Some(amount) = budget.amount(meaning) else {
                    uses.unknown.insert(place);
                    continue;
                };
                for scope in budget.scopes(facts, meaning) {
                    let known = uses
                        .parts
                        .iter_mut()
                        .find(|one| one.budget == place && one.scope == scope);
                    match known {
                        // One call, several meanings: each counts.
                        Some(one) => one.amount = one.amount.saturating_add(amount),
                        None => uses.parts.push(Use {
                            budget: place,
                            scope,
                            amount,
                        }),
                    }
                }
            }
        }
        uses.parts.sort();
        (!uses.parts.is_empty() || !uses.unknown.is_empty()).then_some(uses)
    }

    /// What rules see of an action that no budget counts: 0 of those that cover it.
    pub fn uncounted(&self, action: &Action) -> BTreeMap<Arc<str>, i64> {
        self.visible(action)
            .map(|(_, budget)| (budget.name.clone(), 0))
            .collect()
    }

    /// What the budgets come to with a call. `counted`: it is the same request as one that was counted already, or it stands
    /// already and is only judged again.
    pub fn read(
        &self,
        account: &mut Account<'_>,
        action: &Action,
        uses: &Uses,
        counted: bool,
        wording: &Wording,
    ) -> Reading {
        let mut reading = Reading {
            totals: self.uncounted(action),
            ..Reading::default()
        };
        for one in &uses.parts {
            let Some(budget) = self.all.get(one.budget) else {
                continue;
            };
            let before = account.total(&budget.slot, &one.scope);
            let amount = if counted { 0 } else { one.amount };
            let after = before + i128::from(amount);
            if let Some(total) = reading.totals.get_mut(&budget.name) {
                *total = (*total).max(shown(after));
            }
            if let Some(limit) = budget
                .limit
                .as_ref()
                .filter(|limit| amount > 0 && after > i128::from(limit.at_most))
            {
                let room = after - i128::from(limit.at_most);
                let free = match i128::from(amount) > i128::from(limit.at_most) {
                    true => words::Room::Never,
                    false => account
                        .room_at(&budget.slot, &one.scope, room)
                        .map_or(words::Room::Unknown, words::Room::At),
                };
                reading.over.push(budget.over(limit, &one.scope, after, free, wording));
            }
            reading.spent.push(Spent {
                after: shown(after),
                amount,
                before: shown(before),
                budget: budget.name.clone(),
                limit: budget.limit.as_ref().map(|limit| limit.at_most),
                scope: one.scope.clone(),
            });
        }
        for budget in uses.unknown.iter().filter_map(|place| self.all.get(*place)) {
            reading.totals.remove(&budget.name);
        }
        reading
    }

    /// How far back the longest window reaches, in milliseconds; 0 without any budget.
    pub fn longest(&self) -> i64 {
        self.all.iter().map(|budget| budget.length).max().unwrap_or(0)
    }

    /// Takes what an allowed call needs.
    pub fn reserve(&self, account: &mut Account<'_>, call: &CallId, uses: &Uses, print: Option<Print>) -> Spending {
        let repeats = print.and_then(|print| account.counted_for(&print));
        Spending {
            repeats,
            reservation: Some(self.take(account, call, uses, print, |_, amount| Some(amount))),
            ..Spending::default()
        }
    }

    /// Takes of each budget of the call what `amount` makes of its name and of what the call needs.
    pub fn take(
        &self,
        account: &mut Account<'_>,
        call: &CallId,
        uses: &Uses,
        print: Option<Print>,
        amount: impl Fn(&str, i64) -> Option<i64>,
    ) -> Reservation {
        let parts = self.parts(uses, amount);
        account.reserve(call, print, (&parts, &uses.beside), uses.unproven)
    }

    fn parts(&self, uses: &Uses, amount: impl Fn(&str, i64) -> Option<i64>) -> Vec<Part> {
        let part = |one: &Use| {
            let budget = self.all.get(one.budget)?;
            Some((
                budget.slot.clone(),
                one.scope.clone(),
                amount(&budget.name, one.amount)?,
            ))
        };
        uses.parts.iter().filter_map(part).collect()
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.all.iter().map(|budget| &budget.slot)
    }

    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.all.iter().map(|budget| &budget.name)
    }
}

/// As rules see it: bounded as every number is, so that no sum in a rule overflows.
fn shown(total: i128) -> i64 {
    i64::try_from(total.clamp(0, i128::from(MAX_INT))).unwrap_or(MAX_INT)
}

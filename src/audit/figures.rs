//! What the calls of a record come to: how many, what was decided, what came of it, and the money in it. Every figure keeps
//! the first entries that it is counted from.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::choice::{self, Choice};
use super::standing::{Standing, Stood, Verdict};
use crate::store::{Found, Order, ReadError, Reader};

/// Entries that a figure keeps.
pub(super) const LISTED: usize = 50;

/// A number of calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub calls: u64,
    /// Places in the trail of the decisions of the first of them.
    pub listed: Vec<i64>,
}

impl Count {
    pub(super) fn add(&mut self, place: Option<i64>) {
        self.calls += 1;
        if self.listed.len() < LISTED {
            self.listed.extend(place);
        }
    }
}

/// Money in calls, in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub amount: i128,
    /// Calls, each once, however often they have money of this kind.
    pub count: Count,
}

/// What some calls come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub all: Count,
    /// Adds up to `all`.
    pub verdicts: BTreeMap<Verdict, Count>,
    /// Adds up to `all`.
    pub standings: BTreeMap<Standing, Count>,
    /// By currency (empty: none was named), in its minor units, and by what came of the call.
    pub money: BTreeMap<Arc<str>, BTreeMap<Standing, Sum>>,
    /// In minor units of the account's currency, by the rates of then.
    pub base: BTreeMap<Standing, Sum>,
    /// Calls with an amount that has no worth in the account's currency on record.
    pub unconverted: Count,
    /// Calls whose values are not on record: money in them is not counted.
    pub unread: Count,
}

/// What the calls of a record come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub whole: Tally,
    pub actions: BTreeMap<Arc<str>, Tally>,
    pub agents: BTreeMap<Arc<str>, Tally>,
    /// Calls by the rules that decided them; a call has any number of these.
    pub rules: BTreeMap<Arc<str>, Count>,
}

impl Tally {
    fn add(&mut self, place: Option<i64>, stood: &Stood) {
        self.all.add(place);
        self.verdicts.entry(stood.verdict).or_default().add(place);
        self.standings.entry(stood.standing).or_default().add(place);
        if stood.unread {
            self.unread.add(place);
        }
        let mut sums: BTreeMap<&Arc<str>, i128> = BTreeMap::new();
        let (mut base, mut unconverted) = (None, false);
        for money in &stood.money {
            if let Some(amount) = money.amount {
                *sums.entry(&money.currency).or_default() += i128::from(amount);
            }
            match money.base {
                Some(amount) => *base.get_or_insert(0) += i128::from(amount),
                None => unconverted = true,
            }
        }
        for (currency, amount) in sums {
            let of_currency = self.money.entry(currency.clone()).or_default();
            of_currency.entry(stood.standing).or_default().add(place, amount);
        }
        if let Some(amount) = base {
            self.base.entry(stood.standing).or_default().add(place, amount);
        }
        if unconverted {
            self.unconverted.add(place);
        }
    }
}

impl Sum {
    fn add(&mut self, place: Option<i64>, amount: i128) {
        self.amount += amount;
        self.count.add(place);
    }
}

impl Figures {
    /// Counts one more call.
    pub fn add(&mut self, found: &Found, stood: &Stood) {
        let place = found.decided.as_ref().map(|decided| decided.seq);
        let row = &found.call.row;
        self.whole.add(place, stood);
        self.actions.entry(row.action.clone()).or_default().add(place, stood);
        self.agents.entry(row.agent.clone()).or_default().add(place, stood);
        for rule in &row.rules {
            self.rules.entry(rule.clone()).or_default().add(place);
        }
    }

    /// Counts the calls that fit.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn of(reader: &Reader, choice: &Choice) -> Result<Self, ReadError> {
        let mut figures = Self::default();
        choice::calls::<ReadError>(reader, choice, Order::OldestFirst, None, |found, stood| {
            figures.add(found, stood);
            Ok(true)
        })?;
        Ok(figures)
    }
}

#[cfg(test)]
mod tests;

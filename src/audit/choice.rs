//! Which calls and entries people ask for, and the walk over them: page by page, whatever the size of the record.

use std::collections::HashMap;
use std::sync::Arc;

use super::standing::Stood;
use crate::model::Timestamp;
use crate::model::change::CallRow;
use crate::store::{CallQuery, Cursor, Found, Order, ReadError, Reader, Written};

/// Calls or entries read at once: few enough that no reader holds up a running sidecar's log.
const PAGE: u32 = 500;
/// Calls that are remembered from page to page while entries are read.
const REMEMBERED: usize = 2_000;

/// Which calls; what is not asked for is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub query: CallQuery,
    pub money: Option<Range>,
}

/// Amounts of money, the ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// Lower case; `None`: in the account's currency, as it was worth when the call was decided.
    pub currency: Option<Arc<str>>,
    /// In minor units.
    pub least: Option<i64>,
    pub most: Option<i64>,
}

impl Range {
    /// Whether any meaning of the call has such an amount.
    fn holds(&self, stood: &Stood) -> bool {
        let mut amounts = stood.money.iter().filter_map(|money| match &self.currency {
            None => money.base,
            Some(currency) => money.amount.filter(|_| money.currency == *currency),
        });
        amounts
            .any(|amount| self.least.is_none_or(|least| amount >= least) && self.most.is_none_or(|most| amount <= most))
    }
}

impl Choice {
    /// Of a period, and nothing else asked for.
    pub fn of_period(since: Option<Timestamp>, until: Option<Timestamp>, agent: Option<String>) -> Self {
        Self {
            query: CallQuery {
                since,
                until,
                agent,
                ..CallQuery::default()
            },
            money: None,
        }
    }

    fn money_fits(&self, stood: &Stood) -> bool {
        self.money.as_ref().is_none_or(|range| range.holds(stood))
    }

    /// Whether a call fits, whenever it was made.
    fn fits(&self, found: &Found) -> bool {
        let (query, row): (_, &CallRow) = (&self.query, &found.call.row);
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let approved = query.approvals.as_ref().is_none_or(|approvals| {
            let id = row.approval.as_ref().map(|approval| approval.as_str());
            id.is_some_and(|id| approvals.iter().any(|approval| approval == id))
        });
        is(&query.agent, &row.agent)
            && is(&query.action, &row.action)
            && is(&query.provider, &row.provider)
            && query.decision.is_none_or(|decision| decision == row.decision)
            && approved
            && (self.money.is_none() || self.money_fits(&Stood::of(found)))
    }

    /// Whether it asks for calls by something that only calls have.
    fn is_of_calls(&self) -> bool {
        let query = &self.query;
        query.action.is_some()
            || query.provider.is_some()
            || query.decision.is_some()
            || query.approvals.is_some()
            || self.money.is_some()
    }
}

/// Gives the calls that fit to `each`, from `start` on in `order`, until it says `false`.
///
/// # Errors
/// If the database cannot be read, or as `each` says.
pub fn calls<E: From<ReadError>>(
    reader: &Reader,
    choice: &Choice,
    order: Order,
    mut start: Option<Cursor>,
    mut each: impl FnMut(&Found, &Stood) -> Result<bool, E>,
) -> Result<(), E> {
    loop {
        let page = reader.find(&choice.query, order, start, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        start = Some(last.cursor.next(order));
        for found in &page {
            let stood = Stood::of(found);
            if choice.money_fits(&stood) && !each(found, &stood)? {
                return Ok(());
            }
        }
    }
}

/// Where the latest `count` calls that fit begin; `None`: with the first.
///
/// # Errors
/// If the database cannot be read.
pub fn latest(reader: &Reader, choice: &Choice, count: u32) -> Result<Option<Cursor>, ReadError> {
    let (mut left, mut begin) = (count, None);
    calls::<ReadError>(reader, choice, Order::NewestFirst, None, |found, _| {
        left = left.saturating_sub(1);
        begin = (left == 0).then_some(found.cursor);
        Ok(left > 0)
    })?;
    Ok(begin)
}

/// Gives the entries behind `after` that fit to `each`, in their order, with the call that each is about: those of the period
/// that are about calls that fit; those about no call, where nothing is asked for that only calls have.
///
/// # Errors
/// If the database cannot be read, or as `each` says.
pub fn entries<E: From<ReadError>>(
    reader: &Reader,
    choice: &Choice,
    after: i64,
    mut each: impl FnMut(&Written, Option<&Found>) -> Result<(), E>,
) -> Result<(), E> {
    let first = choice.query.since.map_or(Ok(1), |since| reader.first_at(since))?;
    let until = choice.query.until.unwrap_or(Timestamp(i64::MAX));
    let (mut from, behind) = (first.max(after.saturating_add(1)), reader.first_at(until)?);
    let mut known: HashMap<String, Option<Found>> = HashMap::new();
    while from < behind {
        let page = reader.written(from, behind, &[], PAGE)?;
        from = page.last().map_or(behind, |last| last.seq.saturating_add(1));
        if known.len() > REMEMBERED {
            known.clear();
        }
        for entry in &page {
            let call = match &entry.call {
                None => None,
                Some(id) => call_of(reader, &mut known, id, entry)?,
            };
            let fits = match call {
                Some(found) => choice.fits(found),
                None => !choice.is_of_calls() && is_of(entry, choice.query.agent.as_deref()),
            };
            if fits {
                each(entry, call)?;
            }
        }
    }
    Ok(())
}

/// The call as it stands. What was remembered of it is read again where this entry moves it.
fn call_of<'a>(
    reader: &Reader,
    known: &'a mut HashMap<String, Option<Found>>,
    id: &str,
    entry: &Written,
) -> Result<Option<&'a Found>, ReadError> {
    if entry.kind == "decided" {
        known.remove(id);
    }
    if !known.contains_key(id) {
        known.insert(id.to_owned(), reader.found(id)?);
    }
    Ok(known.get(id).and_then(Option::as_ref))
}

fn is_of(entry: &Written, agent: Option<&str>) -> bool {
    #[derive(serde::Deserialize)]
    struct Whose {
        agent: Option<String>,
    }
    agent.is_none_or(|agent| {
        // What cannot be read is no agent's; `verify` is what tells of it.
        let whose: Option<Whose> = serde_json::from_slice(&entry.bytes).ok();
        whose.and_then(|whose| whose.agent).as_deref() == Some(agent)
    })
}

#[cfg(test)]
mod tests;

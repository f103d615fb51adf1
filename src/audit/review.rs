//! A period of the record as people want it told: what calls came to, who was asked and how fast they were, which rules were in
//! force, and what happened to the sidecar.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::choice::{self, Choice};
use super::figures::{Count, Figures};
use crate::model::entry::Kind;
use crate::model::{ApprovalId, Timestamp};
use crate::store::{Found, Order, ReadError, Reader, Written};

/// Events that are told one by one; the rest are counted.
const TOLD: usize = 200;
/// Entries read at once.
const PAGE: u32 = 500;

/// Kinds that are read for it, besides what calls are found by.
const KINDS: [Kind; 19] = [
    Kind::Held,
    Kind::Approved,
    Kind::Denied,
    Kind::Expired,
    Kind::Cancelled,
    Kind::Escalated,
    Kind::Grant,
    Kind::Refused,
    Kind::Registry,
    Kind::Boot,
    Kind::Reload,
    Kind::Authority,
    Kind::Shutdown,
    Kind::Gap,
    Kind::Pause,
    Kind::Key,
    Kind::Anchor,
    Kind::Erased,
    Kind::Pruned,
];

/// Those of them that are counted and not told one by one: they are many, and each is about a call.
const COUNTED: [Kind; 6] = [
    Kind::Held,
    Kind::Expired,
    Kind::Cancelled,
    Kind::Escalated,
    Kind::Grant,
    Kind::Refused,
];

/// What happened in a period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Review {
    pub figures: Figures,
    /// How long each decision of a person took since they were asked, in milliseconds, in order.
    pub waits: Vec<u64>,
    /// By name.
    pub people: BTreeMap<Arc<str>, Person>,
    /// By the digests of policies and mappings that calls were decided by.
    pub versions: BTreeMap<(String, String), Version>,
    /// Of each kind that was read: `held` are the questions to people.
    pub kinds: BTreeMap<&'static str, Count>,
    /// The last start before the period.
    pub before: Option<Happened>,
    /// To the sidecar, the first of them.
    pub happened: Vec<Happened>,
    /// Events that `happened` has not.
    pub untold: u64,
    /// Places in the trail of the first entry of the period, and of the one behind its last.
    pub entries: (i64, i64),
}

/// What a person decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    pub approved: Count,
    /// Consents that they gave beforehand and that were used.
    pub by_grant: Count,
    pub denied: Count,
    /// As [`Review::waits`].
    pub waits: Vec<u64>,
}

/// Rules that were in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub decided: Count,
    /// When calls were first and last decided by them.
    pub first: Timestamp,
    pub last: Timestamp,
}

/// Something that happened to the sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    pub seq: i64,
    pub time: Timestamp,
    pub kind: &'static str,
    /// The members of its entry, but for those that every entry has.
    pub members: Map<String, Json>,
}

/// The middle of numbers in order; of two, the lower.
pub fn median(sorted: &[u64]) -> Option<u64> {
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

impl Review {
    /// Reads a period, which has both ends. Of one agent if so asked: then events that are of no agent are told all the same.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn of(reader: &Reader, choice: &Choice) -> Result<Self, ReadError> {
        let mut review = Self::default();
        choice::calls::<ReadError>(reader, choice, Order::OldestFirst, None, |found, stood| {
            review.figures.add(found, stood);
            review.version(found);
            Ok(true)
        })?;
        let since = choice.query.since.unwrap_or(Timestamp(i64::MIN));
        let until = choice.query.until.unwrap_or(Timestamp(i64::MAX));
        let (mut from, behind) = (reader.first_at(since)?, reader.first_at(until)?);
        review.entries = (from, behind);
        review.before = last_start(reader, since)?;
        let kinds = KINDS.map(Kind::as_str);
        while from < behind {
            let page = reader.written(from, behind, &kinds, PAGE)?;
            from = page.last().map_or(behind, |last| last.seq.saturating_add(1));
            for entry in &page {
                review.entry(reader, entry, choice.query.agent.as_deref())?;
            }
        }
        review.waits.sort_unstable();
        review
            .people
            .values_mut()
            .for_each(|person| person.waits.sort_unstable());
        Ok(review)
    }

    fn version(&mut self, found: &Found) {
        let Some(decided) = &found.decided else { return };
        let members: Map<String, Json> = serde_json::from_slice(&decided.bytes).unwrap_or_default();
        let text = |name: &str| members.get(name).and_then(Json::as_str).unwrap_or("unknown").to_owned();
        let version = self.versions.entry((text("policies"), text("mappings")));
        let version = version.or_insert_with(|| Version {
            decided: Count::default(),
            first: decided.time,
            last: decided.time,
        });
        version.decided.add(Some(decided.seq));
        version.first = version.first.min(decided.time);
        version.last = version.last.max(decided.time);
    }

    fn entry(&mut self, reader: &Reader, entry: &Written, agent: Option<&str>) -> Result<(), ReadError> {
        let Some(kind) = KINDS.into_iter().find(|kind| kind.as_str() == entry.kind) else {
            return Ok(());
        };
        let members: Map<String, Json> = serde_json::from_slice(&entry.bytes).unwrap_or_default();
        let text = |name: &str| members.get(name).and_then(Json::as_str);
        if let (Some(wanted), Some(found)) = (agent, text("agent"))
            && wanted != found
        {
            return Ok(());
        }
        let place = Some(entry.seq);
        self.kinds.entry(kind.as_str()).or_default().add(place);
        if matches!(kind, Kind::Approved | Kind::Denied) {
            let person: Arc<str> = text("person").unwrap_or("unknown").into();
            if text("proof") == Some("grant") {
                self.people.entry(person).or_default().by_grant.add(place);
                return Ok(());
            }
            let wait = waited(reader, text("approval"), entry.time)?;
            let of = self.people.entry(person).or_default();
            let count = if kind == Kind::Denied {
                &mut of.denied
            } else {
                &mut of.approved
            };
            count.add(place);
            of.waits.extend(wait);
            self.waits.extend(wait);
        } else if !COUNTED.contains(&kind) {
            match self.happened.len() < TOLD {
                true => self.happened.push(Happened::new(kind, entry.seq, entry.time, members)),
                false => self.untold += 1,
            }
        }
        Ok(())
    }
}

impl Happened {
    fn new(kind: Kind, seq: i64, time: Timestamp, members: Map<String, Json>) -> Self {
        Self {
            seq,
            time,
            kind: kind.as_str(),
            members: own(members),
        }
    }
}

/// The last start before `since`.
fn last_start(reader: &Reader, since: Timestamp) -> Result<Option<Happened>, ReadError> {
    let mut found = None;
    reader.starts(|kept| {
        let members: Map<String, Json> = serde_json::from_slice(&kept.bytes).unwrap_or_default();
        let number = |name: &str| members.get(name).and_then(Json::as_i64).unwrap_or_default();
        let (seq, time) = (number("seq"), Timestamp(number("time")));
        let is_start = members.get("kind").and_then(Json::as_str) == Some(Kind::Boot.as_str());
        if is_start && time < since {
            found = Some(Happened::new(Kind::Boot, seq, time, members));
        }
        found.is_none()
    })?;
    Ok(found)
}

/// Without what every entry has, and without commitments.
fn own(members: Map<String, Json>) -> Map<String, Json> {
    let members = members.into_iter();
    let told = members
        .filter(|(name, _)| !matches!(name.as_str(), "kind" | "seq" | "time" | "v") && !name.starts_with("commit_"));
    told.collect()
}

/// How long since people were asked.
fn waited(reader: &Reader, approval: Option<&str>, decided: Timestamp) -> Result<Option<u64>, ReadError> {
    let Some(id) = approval.and_then(|id| id.parse::<ApprovalId>().ok()) else {
        return Ok(None);
    };
    let Some(row) = reader.approval(&id)? else {
        return Ok(None);
    };
    // Who was asked again later had decided before.
    let asked = row.asked.filter(|asked| *asked <= decided).unwrap_or(row.created);
    Ok(u64::try_from(decided.since(asked).as_millis()).ok())
}

#[cfg(test)]
mod tests;

//! The calls of a period as the trail tells them, in the order in which they were decided.

use std::collections::HashMap;

use serde::Deserialize;

use super::recorded::{Recorded, Unreplayable};
use crate::model::change::ApprovalRow;
use crate::model::entry::Kind;
use crate::model::{Action, CallId, Outcome, Timestamp};
use crate::store::{Kept, ReadError, Reader};

/// Entries read at once: few enough that no reader holds up a running sidecar's log.
const PAGE: u32 = 1_000;

/// Which calls of a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    pub since: Timestamp,
    /// Not any more.
    pub until: Timestamp,
    /// Of this agent only.
    pub agent: Option<String>,
}

/// What the trail tells of a call.
#[derive(Debug)]
pub enum Event {
    /// The gate decided it for the first time, asked nobody yet.
    Decided(Box<Recorded>),
    Ended(Ended),
    /// It was decided, but cannot be decided again.
    Lost {
        why: Unreplayable,
        /// `None` where that cannot be read.
        agent: Option<String>,
        /// Its place in the trail.
        seq: i64,
    },
}

/// How a call ended.
#[derive(Debug, Deserialize)]
pub struct Ended {
    pub call: CallId,
    pub outcome: Outcome,
    /// The provider's HTTP status, where it gave one.
    pub status: Option<u16>,
    pub time: Timestamp,
    /// Of a call that was held: the one that was counted for the same request when it was sent.
    #[serde(skip)]
    pub repeats: Option<CallId>,
}

/// Calls that were held and have not ended, and what they repeat, once they were sent.
type Held = HashMap<CallId, Option<CallId>>;

/// Tells the calls of a period. What is written meanwhile does not belong to it.
///
/// What the gate said *first* of a call is told: a call that was held and then sent is told as held, once, with the values
/// that it stated itself.
///
/// # Errors
/// If the database cannot be read.
pub fn history(reader: &Reader, period: &Period, mut tell: impl FnMut(Event)) -> Result<(), ReadError> {
    let (mut from, behind) = (reader.first_at(period.since)?, reader.first_at(period.until)?);
    let kinds = [Kind::Decided.as_str(), Kind::Outcome.as_str()];
    let mut held = Held::new();
    while from < behind {
        let page = reader.page(from, behind, kinds, PAGE)?;
        from = page.last().map_or(behind, |last| last.seq + 1);
        for entry in page {
            let event = match (entry.kept, entry.kind == kinds[0]) {
                (None, true) => Some(Event::Lost {
                    why: Unreplayable::Unreadable,
                    agent: None,
                    seq: entry.seq,
                }),
                (None, false) => None,
                (Some(kept), true) => decided(reader, period, (entry.seq, &kept), &mut held)?,
                (Some(kept), false) => ended(&kept, &mut held),
            };
            event.into_iter().for_each(&mut tell);
        }
    }
    Ok(())
}

fn decided(
    reader: &Reader,
    period: &Period,
    (seq, kept): (i64, &Kept),
    held: &mut Held,
) -> Result<Option<Event>, ReadError> {
    let lost = |why| Event::Lost {
        why,
        agent: agent_of(kept),
        seq,
    };
    if let Some(agent) = &period.agent
        && agent_of(kept).is_some_and(|found| found != *agent)
    {
        return Ok(None);
    }
    let recorded = match Recorded::read(kept) {
        Ok(recorded) => recorded,
        Err(why) => return Ok(Some(lost(why))),
    };
    if let Some(repeats) = held.get_mut(&recorded.call) {
        *repeats = recorded.repeats;
        return Ok(None);
    }
    if recorded.decision == "REQUIRE_APPROVAL" {
        held.insert(recorded.call.clone(), None);
    }
    let Some(approval) = recorded
        .approval
        .clone()
        .filter(|_| recorded.decision != "REQUIRE_APPROVAL")
    else {
        return Ok(Some(Event::Decided(Box::new(recorded))));
    };
    // It went by an approval, so it was held first: in an entry of its own, which lies before the period, or in none.
    let began = reader.call(&recorded.call)?.map(|call| call.row.time);
    if began.is_some_and(|began| began < period.since) {
        return Ok(None);
    }
    let asked = reader.approval(&approval)?;
    let as_called = asked.and_then(|asked| as_called(recorded, asked));
    Ok(Some(as_called.map_or_else(
        || lost(Unreplayable::Approval),
        |recorded| Event::Decided(Box::new(recorded)),
    )))
}

/// The call as it stood before people consented: held, and without the values that they stated.
fn as_called(mut recorded: Recorded, asked: ApprovalRow) -> Option<Recorded> {
    recorded.decision = "REQUIRE_APPROVAL";
    recorded.reason = None;
    recorded.rules = asked.rules.iter().map(|rule| rule.id.clone()).collect();
    if asked.stated.is_empty() {
        return Some(recorded);
    }
    let unstated = |action: &mut Action, called: Action| {
        let alike = action.name == called.name;
        (action.fields, action.missing) = (called.fields, called.missing);
        alike
    };
    let mut called = asked.action;
    let others = std::mem::take(&mut called.also);
    let mut alike = others.len() == recorded.action.also.len() && unstated(&mut recorded.action, called);
    for (action, called) in recorded.action.also.iter_mut().zip(others) {
        alike &= unstated(action, called);
    }
    alike.then_some(recorded)
}

/// Whose call an entry is about, without reading the rest of it.
fn agent_of(kept: &Kept) -> Option<String> {
    #[derive(Deserialize)]
    struct Agent {
        agent: String,
    }
    serde_json::from_slice(&kept.bytes).ok().map(|Agent { agent }| agent)
}

fn ended(kept: &Kept, held: &mut Held) -> Option<Event> {
    // An end that cannot be read changes no decision: the call's own entry is told.
    let mut ended: Ended = serde_json::from_slice(&kept.bytes).ok()?;
    ended.repeats = held.remove(&ended.call).flatten();
    Some(Event::Ended(ended))
}

//! The calls of a period as the trail tells them, in the order in which they were decided.

use std::collections::HashSet;

use serde::Deserialize;

use super::recorded::{RecordedCall, Unreplayable};
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
    Decided(Box<RecordedCall>),
    /// A call that was held may leave, after people consented: as it left, with the values that they stated.
    Released {
        recorded: Box<RecordedCall>,
        /// That it was held was told before.
        told: bool,
    },
    Ended(Ended),
    /// It was decided, but cannot be decided again.
    Lost {
        why: Unreplayable,
        /// `None` where that cannot be read; nor can its agent then.
        call: Option<CallId>,
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
}

/// Calls that were held and have not ended.
type Held = HashSet<CallId>;

/// Tells the calls of a period. What is written meanwhile does not belong to it.
///
/// What the gate said *first* of a call is what it decided: a call that was held and then sent is told as held, once, with the
/// values that it stated itself, and then as released.
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
            match (entry.kept, entry.kind == kinds[0]) {
                (None, true) => tell(Event::Lost {
                    why: Unreplayable::Unreadable,
                    call: None,
                    agent: None,
                    seq: entry.seq,
                }),
                (None, false) => {}
                (Some(kept), true) => decided(reader, period, (entry.seq, &kept), &mut held, &mut tell)?,
                (Some(kept), false) => ended(&kept, &mut held).into_iter().for_each(&mut tell),
            }
        }
    }
    Ok(())
}

fn decided(
    reader: &Reader,
    period: &Period,
    (seq, kept): (i64, &Kept),
    held: &mut Held,
    tell: &mut impl FnMut(Event),
) -> Result<(), ReadError> {
    let whose = Whose::of(kept);
    if let (Some(wanted), Some(found)) = (&period.agent, &whose.agent)
        && wanted != found
    {
        return Ok(());
    }
    let lost = |why| Event::Lost {
        why,
        call: whose.call,
        agent: whose.agent,
        seq,
    };
    let recorded = match RecordedCall::read(kept) {
        Ok(recorded) => Box::new(recorded),
        Err(why) => {
            tell(lost(why));
            return Ok(());
        }
    };
    let asked = recorded.decision == "REQUIRE_APPROVAL";
    let released = recorded.decision == "ALLOW";
    if held.contains(&recorded.call) {
        if released {
            tell(Event::Released { recorded, told: true });
        }
        return Ok(());
    }
    if asked {
        held.insert(recorded.call.clone());
    }
    let Some(approval) = recorded.approval.clone().filter(|_| !asked) else {
        tell(Event::Decided(recorded));
        return Ok(());
    };
    // It went by an approval, so it was held first: in an entry of its own, which lies before the period, or in none.
    let began = reader.call(&recorded.call)?.map(|call| call.row.time);
    let mut told = began.is_none_or(|began| began >= period.since);
    if told {
        let asked = reader.approval(&approval)?;
        let as_called = asked.and_then(|asked| as_called((*recorded).clone(), asked));
        told = as_called.is_some();
        tell(as_called.map_or_else(
            || lost(Unreplayable::Approval),
            |recorded| Event::Decided(Box::new(recorded)),
        ));
    }
    if released {
        tell(Event::Released { recorded, told });
    }
    Ok(())
}

/// The call as it stood before people consented: held, and without the values that they stated.
pub fn as_called(mut recorded: RecordedCall, asked: ApprovalRow) -> Option<RecordedCall> {
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

/// Which call an entry is about, and whose it is, without reading the rest of it.
#[derive(Default, Deserialize)]
struct Whose {
    agent: Option<String>,
    call: Option<CallId>,
}

impl Whose {
    fn of(kept: &Kept) -> Whose {
        serde_json::from_slice(&kept.bytes).unwrap_or_default()
    }
}

fn ended(kept: &Kept, held: &mut Held) -> Option<Event> {
    // An end that cannot be read changes no decision: the call's own entry is told.
    let ended: Ended = serde_json::from_slice(&kept.bytes).ok()?;
    held.remove(&ended.call);
    Some(Event::Ended(ended))
}

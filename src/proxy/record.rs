//! What the trail gets of a call: its decision before anything else happens, and its outcome, whatever happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use super::{Connection, Parts, Refused, respond, say};
use crate::approval::Approvals;
use crate::audit::{self, Ruling};
use crate::gate::{Rules, Way};
use crate::metrics::{Ruled, Tally};
use crate::model::change::{CallClosed, Carried};
use crate::model::{ApprovalId, CallId, ErrorShape, Origin, Outcome, Reason, Refusal, Timestamp};
use crate::policy::{Blocked, Permit};
use crate::store::{CommitError, Recorded, Store};
use crate::upstream::SendError;

/// A request that never became a call to decide on.
pub(super) struct Unheard {
    /// If it proved who it is.
    pub(super) agent: Option<Arc<str>>,
    pub(super) refusal: Refusal,
}

impl Unheard {
    pub(super) fn new(agent: Option<&Arc<str>>, refusal: Refusal) -> Self {
        let agent = agent.cloned();
        Self { agent, refusal }
    }
}

/// Refuses before there is a decision, and has it in the trail first.
pub(super) async fn turned_away(
    parts: &Parts,
    connection: &Connection,
    id: &CallId,
    shape: ErrorShape,
    unheard: Unheard,
) -> Refused {
    let Unheard { agent, refusal } = unheard;
    parts.metrics.undecided(refusal.reason);
    let changes = audit::refused(Some(id), agent.as_ref(), connection.peer, &refusal);
    let refusal = match parts.store.write(changes).await {
        Ok(()) => respond::told(&refusal),
        Err(error) => respond::unrecorded(&error),
    };
    let (call, rules) = (Some(id.clone()), Vec::new());
    Refused {
        refusal,
        call,
        approval: None,
        rules,
        correction: None,
        shape,
        written: false,
        harmless: false,
    }
}

/// THE commit of a call that nobody need be asked about: from here on it may leave, and its outcome is owed.
pub(super) async fn allowed(
    parts: &Parts,
    rules: &Rules,
    permit: Permit,
    asked: Instant,
) -> Result<(Recorded<Permit>, Record), Refused> {
    let ruling = Ruling {
        decision: "ALLOW",
        reason: None,
        rules: permit.rules(),
        approval: None,
        spending: Some(permit.spending()),
        would: permit.would(),
        trial: permit.trial(),
    };
    let changes = audit::decided(permit.call(), permit.action(), &ruling, &rules.digests());
    let record = Record::open(parts, &permit, None);
    match parts.store.commit(permit, changes).await {
        Ok(permit) => {
            permit.get().spending().passage.ends();
            parts.metrics.decided(asked, permit.get().action().score());
            if let Some(would) = permit.get().would() {
                parts.metrics.observed(would);
                parts.notices.line(say::observed(permit.get(), would));
            }
            Ok((permit, record))
        }
        Err((error, permit)) => {
            match error {
                CommitError::Lost | CommitError::Overloaded => record.forget(),
                // The decision may be on disk all the same: then its end must follow. Nothing was sent.
                CommitError::Unavailable(_) => record.close(Ending {
                    reason: Some(Reason::AuditUnavailable),
                    ..Ending::of(Outcome::NotSent)
                }),
            }
            Err(say::Draft::of(&permit).with(respond::unrecorded(&error)))
        }
    }
}

/// A block is in the trail before it is answered.
pub(super) async fn blocked(parts: &Parts, judged_by: &Rules, blocked: Blocked, asked: Instant) -> Refused {
    drop(parts.metrics.tally(Ruled::Block(blocked.action.access)));
    let rules: Vec<Arc<str>> = blocked.rules.iter().map(|rule| rule.id.clone()).collect();
    let ruling = Ruling {
        decision: "BLOCK",
        reason: Some(blocked.reason),
        rules: &rules,
        approval: None,
        spending: Some(&blocked.spending),
        would: None,
        trial: blocked.trial.as_deref(),
    };
    let changes = audit::decided(&blocked.call, &blocked.action, &ruling, &judged_by.digests());
    let refusal = match parts.store.write(changes).await {
        Ok(()) => {
            parts.metrics.decided(asked, blocked.action.score());
            parts.notices.line(say::blocked(&blocked));
            respond::told(&Refusal::new(blocked.reason, say::why_blocked(&blocked)))
        }
        Err(error) => respond::unrecorded(&error),
    };
    let (call, shape) = (Some(blocked.call.id), blocked.action.answer.error);
    Refused {
        refusal,
        call,
        approval: None,
        rules: blocked.rules,
        correction: None,
        shape,
        written: false,
        harmless: false,
    }
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    pub(super) reason: Option<Reason>,
    pub(super) status: Option<u16>,
    pub(super) result_id: Option<String>,
    /// Of a connection that was carried unread.
    pub(super) carried: Option<Carried>,
}

impl Ending {
    pub(super) fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            reason: None,
            status: None,
            result_id: None,
            carried: None,
        }
    }
}

impl Ending {
    /// Of a call that did not get an answer.
    pub(super) fn unsent(error: &SendError) -> Self {
        Self {
            reason: Some(error.refusal.reason),
            ..Self::of(error.outcome)
        }
    }
}

/// The outcome a decided call is owed. Dropped unpaid (the agent left, a panic), it pays itself with what is known.
pub(super) struct Record {
    close: Option<Box<dyn FnOnce(Ending) + Send + Sync>>,
    /// The outcome if it is dropped now.
    otherwise: Outcome,
    status: Option<u16>,
    meter: Option<Arc<Meter>>,
    tally: Option<Tally>,
    way: Option<Arc<Way>>,
}

/// Has the end of a call written. `spent`: the approval that was spent on it; where nothing of the call was sent it is given
/// back, by the same commit.
///
/// It is given back in memory at once, and spent again only by a commit behind this one: the store keeps their order.
pub(super) fn end(store: &Store, agent: &Arc<str>, closed: CallClosed, spent: Option<(&Approvals, &ApprovalId)>) {
    let mut back = None;
    if let Some((approvals, approval)) = spent {
        approvals.ended(approval, &closed.call, closed.outcome, closed.status);
        // SECURITY: any doubt whether a byte left is no `not_sent`, and what was spent stays spent. Tests:
        // `what_could_not_be_sent_is_given_back_three_times`, `in_doubt_nothing_is_given_back`.
        if closed.outcome == Outcome::NotSent {
            back = approvals.give_back(approval, &closed.call);
        }
    }
    let call = closed.call.clone();
    let mut changes = audit::closed(agent, closed);
    if let Some(draft) = &back {
        changes.extend(audit::returned(draft.row(), &call));
    }
    store.later(changes);
    if let Some(draft) = back {
        draft.committed();
    }
}

/// What goes through a connection that nobody reads.
pub(super) struct Meter {
    sent: AtomicU64,
    received: AtomicU64,
    since: Instant,
}

impl Meter {
    pub(super) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn total(&self) -> u64 {
        self.sent.load(Relaxed).wrapping_add(self.received.load(Relaxed))
    }

    fn so_far(&self) -> Carried {
        let count = |number| i64::try_from(number).unwrap_or(i64::MAX);
        Carried {
            sent: count(self.sent.load(Relaxed)),
            received: count(self.received.load(Relaxed)),
            milliseconds: i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX),
        }
    }
}

impl Record {
    /// Opened before the commit: if the agent leaves while it is being written, the trail still gets its end.
    ///
    /// `spent`: the approval that was spent on it, whether or not the permit rests on it.
    pub(super) fn open(parts: &Parts, permit: &Permit, spent: Option<&ApprovalId>) -> Self {
        let (call, access) = (permit.call(), permit.action().access);
        let ruled = match spent {
            None => Ruled::Allow(access),
            Some(_) => Ruled::RequireApproval(access),
        };
        let tally = parts.metrics.tally(ruled);
        let (store, agent, call) = (parts.store.clone(), call.caller.agent.clone(), call.id.clone());
        let spent = spent.map(|approval| (parts.approvals.clone(), approval.clone()));
        let reservation = permit.spending().reservation.clone();
        let sent = parts.gate.sends(permit, Timestamp::now());
        let way = sent.way();
        let memory = parts.gate.memory().clone();
        let stated = permit.call().origin == Origin::Guard;
        let mut record = Self::new(move |ending| {
            if stated {
                memory.stated.end(&agent, &call);
            }
            if let Some(reservation) = reservation {
                reservation.settle(ending.outcome, ending.status);
            }
            let Ending {
                outcome,
                reason,
                status,
                result_id,
                carried,
            } = ending;
            let time = Timestamp::now();
            sent.ended(outcome, status, result_id.as_deref(), time);
            let closed = CallClosed {
                call,
                time,
                outcome,
                reason,
                status,
                result_id,
                carried,
            };
            let spent = spent.as_ref().map(|(approvals, approval)| (approvals, approval));
            end(&store, &agent, closed, spent);
        });
        record.tally = Some(tally);
        record.way = way;
        record
    }

    pub(super) fn new(close: impl FnOnce(Ending) + Send + Sync + 'static) -> Self {
        Self {
            close: Some(Box::new(close)),
            otherwise: Outcome::NotSent,
            status: None,
            meter: None,
            tally: None,
            way: None,
        }
    }

    /// The last look before the network: [`Record::sending`], or the end of the call if its agent was paused meanwhile, or
    /// what it is about was changed.
    // SECURITY: from its decision to here a call waits for the disk, and the kill switch is for it too. Test:
    // `a_call_that_is_being_recorded_when_its_agent_is_paused_is_not_sent`.
    pub(super) async fn leaving(mut self, parts: &Parts, permit: &Permit) -> Result<Self, Refused> {
        let left = match &self.way {
            Some(way) => way.leaves().await.map_err(say::hindered),
            None => Ok(()),
        };
        match left.and_then(|()| parts.gate.paused().check(&permit.call().caller.agent)) {
            Ok(()) => {
                self.sending();
                Ok(self)
            }
            Err(refusal) => {
                self.close(Ending {
                    reason: Some(refusal.reason),
                    ..Ending::of(Outcome::NotSent)
                });
                Err(say::Draft::of(permit).with(respond::told(&refusal)))
            }
        }
    }

    /// The provider's answer is none that it gave before.
    pub(super) fn answered_anew(&self) {
        if let Some(way) = &self.way {
            way.answered_anew();
        }
    }

    /// From here on something may be written upstream.
    pub(super) fn sending(&mut self) {
        self.otherwise = Outcome::Abandoned;
        if let Some(tally) = &mut self.tally {
            tally.sending();
        }
    }

    /// The provider's answer has begun.
    pub(super) fn answered(&mut self, status: u16) {
        self.status = Some(status);
        if let Some(tally) = &mut self.tally {
            tally.answered(status);
        }
    }

    /// Bytes go both ways from here on, and nobody reads them.
    pub(super) fn carries(&mut self) -> Arc<Meter> {
        let meter = Arc::new(Meter {
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            since: Instant::now(),
        });
        self.meter = Some(meter.clone());
        meter
    }

    /// With the status that the provider answered with, if it did.
    pub(super) fn close_as_answered(self, ending: Ending) {
        let status = self.status;
        self.close(Ending { status, ..ending });
    }

    pub(super) fn close(mut self, ending: Ending) {
        self.pay(ending);
    }

    /// Nothing was recorded, so nothing is owed.
    pub(super) fn forget(mut self) {
        self.close = None;
    }

    fn pay(&mut self, ending: Ending) {
        if let Some(close) = self.close.take() {
            if let (Some(tally), Some(reason)) = (&self.tally, ending.reason) {
                tally.refused(reason);
            }
            let carried = self.meter.as_ref().map(|meter| meter.so_far());
            close(Ending { carried, ..ending });
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let status = self.status;
        self.pay(Ending {
            status,
            ..Ending::of(self.otherwise)
        });
    }
}

#[cfg(test)]
pub(super) mod tests;

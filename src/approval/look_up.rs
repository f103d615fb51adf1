//! What a call that needs people finds: a grant, a request like it, a no, its own past, or nothing.

use super::clock::Now;
use super::memory::{Memory, Slot};
use super::turn::{Claim, Settling, Turn};
use super::{Approvals, Draft, Fingerprint, Standing, Ticket};
use crate::model::change::ApprovalRow;
use crate::model::{ApprovalId, Outcome, State};
use crate::policy::Hold;

/// What became of a call that asked for consent.
pub enum Found {
    /// Consent is there: ask the gate again with it, then spend it.
    Approved(Claim, Ticket),
    /// People are being asked already: wait with the others.
    Pending(Ticket),
    /// Nobody was asked yet: put the request on disk, then wait.
    New(Draft, Ticket),
    /// A person said no, not long ago.
    Denied(Box<Standing>),
    /// This call was approved and came, not long ago.
    Executed(Box<Standing>),
    /// This agent has as many calls waiting for people as it may: nobody is to be asked. It may still go by what people said
    /// beforehand.
    Full {
        pending: usize,
        draft: Draft,
        ticket: Ticket,
    },
    /// The approval this call would join is changing: wait, then look again.
    Settling(Settling),
}

/// What to do with the approval that was chosen.
enum Choice {
    Claim(ApprovalId),
    Join(ApprovalId),
    Answer(Box<Standing>),
    Wait(Settling),
    New,
}

impl Approvals {
    /// Looks for consent to a call that the gate holds, and asks for it where nobody did.
    ///
    /// Where several approvals are about the same call: the one for this very request (same idempotency key) first; then
    /// a grant, then a pending one nobody is connected for, then one whose client may be the same; then a past no, a past
    /// execution. A pending approval whose connected client has another idempotency key is another request's.
    pub fn look_up(&self, fingerprint: &Fingerprint, hold: &Hold) -> Found {
        let now = self.now();
        let mut memory = self.memory();
        let choice = choose(&memory, fingerprint, now);
        let (id, approved) = match choice {
            Choice::Claim(id) => (id, true),
            Choice::Join(id) => (id, false),
            Choice::Answer(standing) if standing.state == State::Denied => return Found::Denied(standing),
            Choice::Answer(standing) => return Found::Executed(standing),
            Choice::Wait(settling) => return Found::Settling(settling),
            Choice::New => return self.park(&mut memory, fingerprint, hold, now),
        };
        let connected = memory.connect(&id, fingerprint.idempotency.clone());
        let (Some((number, moved)), Some(slot)) = (connected, memory.get_mut(&id)) else {
            // Chosen under this same lock, so it is there; were it not, asking anew is right.
            return self.park(&mut memory, fingerprint, hold, now);
        };
        let ticket = Ticket::new(self, id, number, moved);
        match approved {
            true => {
                slot.taken = true;
                Found::Approved(Claim(Turn::new(self, slot.row.clone())), ticket)
            }
            false => Found::Pending(ticket),
        }
    }

    /// Reserves the place of a new approval, so that the same call in the same moment joins it.
    fn park(&self, memory: &mut Memory, fingerprint: &Fingerprint, hold: &Hold, now: Now) -> Found {
        let most = self.shared.config.max_pending_per_agent;
        let pending = memory.pending_of(&fingerprint.place.agent, most, now);
        let life = self.life(&hold.rules);
        let row = ApprovalRow {
            id: ApprovalId::random(),
            revision: 0,
            state: State::Pending,
            fingerprint: fingerprint.place.fingerprint,
            remainder: fingerprint.remainder.clone(),
            idempotency: fingerprint.idempotency.clone(),
            facts: hold.call.facts(),
            action: hold.action.clone(),
            rules: hold.rules.clone(),
            votes: Vec::new(),
            stated: std::collections::BTreeMap::new(),
            denial: None,
            escalated: Vec::new(),
            asked: None,
            returned: 0,
            created: now.wall,
            expires: now.wall.plus(life),
            grant_expires: None,
            decided: None,
            first_call: hold.call.id.clone(),
            consumed_by: None,
            consumed: None,
        };
        let id = row.id.clone();
        let (number, moved) = memory.park(row.clone(), now.running + life, fingerprint.idempotency.clone());
        let (draft, ticket) = (Turn::new(self, row).first(), Ticket::new(self, id, number, moved));
        match pending >= most {
            true => Found::Full { pending, draft, ticket },
            false => Found::New(draft, ticket),
        }
    }
}

fn choose(memory: &Memory, fingerprint: &Fingerprint, now: Now) -> Choice {
    let idempotency = fingerprint.idempotency.as_deref();
    let slots: Vec<&Slot> = memory
        .about(&fingerprint.place)
        .into_iter()
        .filter(|slot| counts(slot, now))
        .collect();
    let (given, pending) = (State::is_given, |state| state == State::Pending);
    let (denied, consumed) = (|state| state == State::Denied, |state| state == State::Consumed);
    let own = |is: fn(State) -> bool| {
        slots
            .iter()
            .find(move |slot| slot.is_same_request(idempotency) && is(slot.state(now)))
    };
    let any = |is: fn(State) -> bool| {
        slots
            .iter()
            .find(move |slot| is(slot.state(now)) && !slot.serves_another(idempotency))
    };
    let alone = slots
        .iter()
        .find(|slot| slot.state(now) == State::Pending && slot.clients.is_empty());
    let last = |is: fn(State) -> bool| slots.iter().rev().find(move |slot| is(slot.state(now)));
    own(given)
        .or_else(|| own(pending))
        .or_else(|| own(consumed))
        .or_else(|| own(denied))
        .or_else(|| any(given))
        .or(alone)
        .or_else(|| any(pending))
        .or_else(|| last(denied))
        .or_else(|| last(consumed))
        .map_or(Choice::New, |slot| take(slot, now))
}

/// Whether an approval still says something about a call that comes now.
fn counts(slot: &Slot, now: Now) -> bool {
    match slot.state(now) {
        State::Pending | State::Approved | State::Returned => true,
        State::Denied => !slot.is_over(now),
        // Spent on a call of which nothing was sent: nothing was executed, so people may be asked again.
        State::Consumed => !slot.is_over(now) && !matches!(slot.ended, Some((Outcome::NotSent, _))),
        State::Expired | State::Cancelled => false,
    }
}

fn take(slot: &Slot, now: Now) -> Choice {
    match slot.state(now) {
        State::Approved | State::Returned | State::Pending
            if !slot.on_disk() || (slot.taken && slot.row.state.is_given()) =>
        {
            Choice::Wait(Settling(slot.moved.subscribe()))
        }
        State::Approved | State::Returned => Choice::Claim(slot.row.id.clone()),
        State::Pending => Choice::Join(slot.row.id.clone()),
        State::Denied | State::Consumed | State::Expired | State::Cancelled => {
            Choice::Answer(Box::new(slot.standing(now)))
        }
    }
}

//! The approvals in memory. Locked for moments only, never across an await.

mod turns;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::clock::{CLOCK_SLACK, Now};
use super::fingerprint::Place;
use super::{Config, Standing};
use crate::model::change::ApprovalRow;
use crate::model::{ApprovalId, GrantId, HoldRule, Outcome, State, Timestamp, Vote};

/// One approval.
pub(super) struct Slot {
    /// As it is on disk, or as it shall be where it is still being parked.
    pub(super) row: ApprovalRow,
    /// When its state stops being worth anything, by the clock that nobody sets.
    pub(super) until: Instant,
    /// Until when what people gave counts, also while it is spent on a call that may turn out not to be sent.
    pub(super) given_until: Option<Instant>,
    /// Not on disk yet: its first commit is under way.
    parking: bool,
    /// Somebody is committing a change.
    pub(super) taken: bool,
    /// Connected clients: ticket number and idempotency hash.
    pub(super) clients: BTreeMap<u64, Option<String>>,
    /// Counts what became of changes, done or not.
    pub(super) moved: watch::Sender<u64>,
    pub(super) ended: Option<(Outcome, Option<u16>)>,
    /// Its last change, as all changes are counted.
    pub(super) change: u64,
    /// A commit failed that may have put on disk all the same what people gave.
    in_doubt: bool,
}

impl Slot {
    fn new(row: ApprovalRow, until: Instant, parking: bool) -> Self {
        Self {
            given_until: row.state.is_given().then_some(until),
            row,
            until,
            parking,
            taken: parking,
            clients: BTreeMap::new(),
            moved: watch::Sender::new(0),
            ended: None,
            change: 0,
            in_doubt: false,
        }
    }

    fn connect(&mut self, number: u64, idempotency: Option<String>) -> (u64, watch::Receiver<u64>) {
        self.clients.insert(number, idempotency);
        (number, self.moved.subscribe())
    }

    pub(super) fn on_disk(&self) -> bool {
        !self.parking
    }

    /// Its time is over, by the clock that nobody sets.
    pub(super) fn is_over(&self, now: Now) -> bool {
        now.running >= self.until
    }

    /// The rules that nobody answered for so long that they ask further people, by the clock that nobody sets.
    pub(super) fn escalating(&self, now: Now) -> Vec<Arc<str>> {
        let (life, left) = (self.row.life(), self.until.saturating_duration_since(now.running));
        let due = |rule: &&HoldRule| {
            let escalation = rule
                .escalation
                .as_ref()
                .filter(|_| !self.row.escalated.contains(&rule.id));
            escalation.is_some_and(|escalation| left <= life * 100_u32.saturating_sub(escalation.percent) / 100)
        };
        self.row.rules.iter().filter(due).map(|rule| rule.id.clone()).collect()
    }

    /// What people gave counts no more, spent or not.
    pub(super) fn end_grant(&mut self, now: Now) {
        self.given_until = None;
        if self.row.state.is_given() {
            self.until = now.running;
        }
    }

    /// The state as it counts now.
    pub(super) fn state(&self, now: Now) -> State {
        match self.row.state {
            state if state.is_open() && self.is_over(now) => State::Expired,
            state => state,
        }
    }

    pub(super) fn standing(&self, now: Now) -> Standing {
        Standing {
            row: self.row.clone(),
            state: self.state(now),
            clients: self.clients.len(),
            ended: self.ended,
        }
    }

    /// The request with this idempotency hash is the one this approval is for.
    pub(super) fn is_same_request(&self, idempotency: Option<&str>) -> bool {
        let is = |other: &Option<String>| idempotency.is_some() && other.as_deref() == idempotency;
        is(&self.row.idempotency) || self.clients.values().any(is)
    }

    /// A connected client makes a request with another idempotency key: not the same request.
    pub(super) fn serves_another(&self, idempotency: Option<&str>) -> bool {
        self.clients
            .values()
            .any(|other| matches!((other.as_deref(), idempotency), (Some(other), Some(asked)) if other != asked))
    }

    fn tell(&self) {
        self.moved.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// All approvals by id, and by what they are about.
#[derive(Default)]
pub(super) struct Memory {
    slots: BTreeMap<ApprovalId, Slot>,
    places: HashMap<Place, Vec<ApprovalId>>,
    /// How many of each agent are pending as their rows have it, also where their time is over.
    pending: HashMap<Arc<str>, usize>,
    tickets: u64,
    /// Counts changes on disk, from a number on that no earlier start came to.
    pub(super) changes: u64,
    /// Monotonic and wall clock when they were last compared.
    pub(super) clocks: Option<Now>,
    /// Those of which a change was under way or in doubt as the wall clock was set back, and is still.
    unsettled: BTreeSet<ApprovalId>,
}

/// Changes in a millisecond that are never reached: a start begins to count behind what one before it came to.
const CHANGES_IN_A_MILLISECOND: u64 = 1_000;

impl Memory {
    /// From the rows of the store. Time that passed while we were down counts by the wall clock, but no life is longer
    /// than it was meant to be, and a grant given in the future of this clock is worthless: the clock was set back.
    pub(super) fn restore(config: &Config, rows: Vec<ApprovalRow>, now: Now) -> Self {
        let mut memory = Memory {
            clocks: Some(now),
            changes: u64::try_from(now.wall.0)
                .unwrap_or(0)
                .saturating_mul(CHANGES_IN_A_MILLISECOND),
            ..Memory::default()
        };
        for row in rows {
            let until = now.running + left(config, &row, now.wall);
            memory.insert(Slot::new(row, until, false));
        }
        memory
    }

    /// Adds an approval whose first commit is under way, with the client that asks; its turn is taken.
    pub(super) fn park(
        &mut self,
        row: ApprovalRow,
        until: Instant,
        idempotency: Option<String>,
    ) -> (u64, watch::Receiver<u64>) {
        let mut slot = Slot::new(row, until, true);
        self.tickets = self.tickets.wrapping_add(1);
        let client = slot.connect(self.tickets, idempotency);
        self.insert(slot);
        client
    }

    fn insert(&mut self, mut slot: Slot) {
        slot.change = self.next_change();
        let place = Place {
            agent: slot.row.facts.agent.clone(),
            fingerprint: slot.row.fingerprint,
        };
        self.count(&place.agent, State::Expired, slot.row.state);
        self.places.entry(place).or_default().push(slot.row.id.clone());
        self.slots.insert(slot.row.id.clone(), slot);
    }

    fn next_change(&mut self) -> u64 {
        self.changes = self.changes.saturating_add(1);
        self.changes
    }

    pub(super) fn forget(&mut self, id: &ApprovalId) {
        self.unsettled.remove(id);
        let Some(slot) = self.slots.remove(id) else {
            return;
        };
        let place = Place {
            agent: slot.row.facts.agent,
            fingerprint: slot.row.fingerprint,
        };
        self.count(&place.agent, slot.row.state, State::Expired);
        if let Some(ids) = self.places.get_mut(&place) {
            ids.retain(|other| other != id);
            if ids.is_empty() {
                self.places.remove(&place);
            }
        }
    }

    pub(super) fn get(&self, id: &ApprovalId) -> Option<&Slot> {
        self.slots.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &ApprovalId) -> Option<&mut Slot> {
        self.slots.get_mut(id)
    }

    /// All that is on disk.
    pub(super) fn settled(&self) -> impl Iterator<Item = &Slot> {
        self.slots.values().filter(|slot| slot.on_disk())
    }

    /// The grants by which consent was given that may still come to count: also that to a call that may turn out not to be sent.
    pub(super) fn grants(&self) -> BTreeSet<GrantId> {
        let votes = self.slots.values().flat_map(|slot| &slot.row.votes);
        votes.filter_map(Vote::grant).collect()
    }

    /// The approvals about one call, oldest first.
    pub(super) fn about(&self, place: &Place) -> Vec<&Slot> {
        let mut slots: Vec<&Slot> = self
            .places
            .get(place)
            .into_iter()
            .flatten()
            .filter_map(|id| self.slots.get(id))
            .collect();
        // Stable: those of one moment stay in the order they were asked in.
        slots.sort_by_key(|slot| slot.row.created);
        slots
    }

    /// One of an agent's changes its state.
    fn count(&mut self, agent: &Arc<str>, before: State, after: State) {
        match (before == State::Pending, after == State::Pending) {
            (false, true) => *self.pending.entry(agent.clone()).or_default() += 1,
            (true, false) => {
                if let Some(count) = self.pending.get_mut(agent) {
                    *count -= 1;
                    if *count == 0 {
                        self.pending.remove(agent);
                    }
                }
            }
            (true, true) | (false, false) => {}
        }
    }

    /// How many calls of an agent wait for people, those being parked included; all are looked at only where these may be as many
    /// as `most`.
    pub(super) fn pending_of(&self, agent: &str, most: usize, now: Now) -> usize {
        let counted = self.pending.get(agent).copied().unwrap_or_default();
        if counted < most {
            return counted;
        }
        self.slots
            .values()
            .filter(|slot| &*slot.row.facts.agent == agent && slot.state(now) == State::Pending)
            .count()
    }

    /// Adds a connected client to an approval.
    pub(super) fn connect(
        &mut self,
        id: &ApprovalId,
        idempotency: Option<String>,
    ) -> Option<(u64, watch::Receiver<u64>)> {
        let slot = self.slots.get_mut(id)?;
        self.tickets = self.tickets.wrapping_add(1);
        Some(slot.connect(self.tickets, idempotency))
    }

    /// These are on disk without their values, and finished.
    pub(super) fn erased(&mut self, rows: Vec<ApprovalRow>) {
        for row in rows {
            if let Some(slot) = self.slots.get_mut(&row.id) {
                let (agent, before, after) = (row.facts.agent.clone(), slot.row.state, row.state);
                slot.row = row;
                slot.tell();
                self.count(&agent, before, after);
            }
        }
    }

    /// Forgets what is finished and past mattering.
    pub(super) fn forget_finished(&mut self, now: Now) {
        let finished: Vec<ApprovalId> = self
            .slots
            .values()
            .filter(|slot| !slot.row.state.is_open())
            .filter(|slot| !slot.taken && slot.is_over(now))
            .map(|slot| slot.row.id.clone())
            .collect();
        for id in finished {
            self.forget(&id);
        }
    }

    /// Whether the counts are what a look at all says.
    #[cfg(test)]
    pub(super) fn is_counted(&self) -> bool {
        let pending = self.slots.values().filter(|slot| slot.row.state == State::Pending);
        let mut counts = HashMap::new();
        for slot in pending {
            *counts.entry(slot.row.facts.agent.clone()).or_default() += 1;
        }
        self.pending == counts
    }

    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.slots.values_mut()
    }
}

/// For how long a row that was read from the store still counts.
pub(super) fn left(config: &Config, row: &ApprovalRow, now: Timestamp) -> Duration {
    match row.state {
        State::Pending => row.expires.since(now).min(row.life()),
        State::Approved | State::Returned if row.decided.is_none_or(|decided| decided > now.plus(CLOCK_SLACK)) => {
            Duration::ZERO
        }
        State::Approved | State::Returned => row.grant_expires.unwrap_or(now).since(now).min(config.grant),
        State::Denied => finished_for(row.decided, config.cool_down, now),
        State::Expired | State::Cancelled => finished_for(row.decided, config.grant.max(config.cool_down), now),
        State::Consumed => finished_for(row.consumed, config.grant, now),
    }
}

fn finished_for(since: Option<Timestamp>, span: Duration, now: Timestamp) -> Duration {
    since.map_or(Duration::ZERO, |since| since.plus(span).since(now).min(span))
}

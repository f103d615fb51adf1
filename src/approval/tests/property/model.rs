//! What the machine is held to: the store, and a model of each approval that is worked out from the commits alone.

use std::collections::{BTreeSet, HashMap};

use super::super::*;

/// A change that is worked out and not on disk yet.
pub(super) struct Drafted {
    pub(super) draft: Draft,
    made: Instant,
    /// Until when it may be decided or spent, and what was given counts, as that was then.
    over: Option<Instant>,
    given: Option<Instant>,
    /// By how much the clock had been set back in all.
    back: Duration,
    /// That was found while it was under way.
    pub(super) is_caught: bool,
    /// The consent that is in it.
    vote: Option<Said>,
    /// What a call that is sent by it is held for, and how it is read.
    wanted: HoldRule,
    reading: u32,
}

/// A person's yes: to the text of a rule, and to a call as it was read then.
#[derive(Clone, Debug)]
struct Said {
    person: &'static str,
    digest: Arc<str>,
    reading: u32,
}

/// The store: takes a row only upon the revision before it.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) rows: HashMap<ApprovalId, ApprovalRow>,
    pub(super) fails: bool,
    /// Calls that an approval was spent on, those apart of which nothing was sent.
    spent: HashMap<ApprovalId, usize>,
    said: HashMap<ApprovalId, Vec<Said>>,
    /// When what is open is over, by the clock that nobody sets.
    over: HashMap<ApprovalId, Instant>,
    /// Until when what people gave counts, spent or not.
    given: HashMap<ApprovalId, Instant>,
    /// When people gave it, and by how much the clock had been set back by then.
    decided: HashMap<ApprovalId, (Instant, Duration)>,
    /// What was given while the clock was set back: its stored end is that of the clock before.
    astray: Vec<ApprovalId>,
    /// What was being spent as the clock was found to be set back: it is not ended then, and a crash leaves it as it was given.
    caught: Option<ApprovalId>,
    /// Calls that ended in doubt or well: what they were spent on is never given back.
    pub(super) ended: Vec<CallId>,
}

impl Drafted {
    pub(super) fn new(draft: Draft, disk: &Disk, (wanted, reading): (HoldRule, u32), back: Duration) -> Self {
        let id = &draft.row().id;
        Self {
            made: Instant::now(),
            over: disk.over.get(id).copied(),
            given: disk.given.get(id).copied(),
            back,
            is_caught: false,
            vote: None,
            wanted,
            reading,
            draft,
        }
    }

    pub(super) fn said_by(self, person: &'static str) -> Self {
        let row = self.draft.row();
        let vote = Said {
            person,
            digest: row.rules[0].digest.clone(),
            reading: row.action.operation.parse().unwrap(),
        };
        Self {
            vote: Some(vote),
            ..self
        }
    }

    pub(super) fn is_of(&self, id: &ApprovalId) -> bool {
        self.draft.row().id == *id
    }
}

impl Disk {
    /// On disk, then in memory; or neither.
    pub(super) fn commit(&mut self, drafted: Drafted, back: Duration) -> bool {
        if !self.write(&drafted, back) {
            return false;
        }
        let row = drafted.draft.row().clone();
        let committed = drafted.draft.committed();
        assert_eq!((&committed.id, committed.revision), (&row.id, row.revision));
        true
    }

    pub(super) fn write(&mut self, drafted: &Drafted, back: Duration) -> bool {
        let row = drafted.draft.row();
        let before = self.rows.get(&row.id).cloned();
        let found = before.as_ref().map(|row| row.revision + 1).unwrap_or(0);
        assert_eq!(found, row.revision, "memory and disk agree");
        if self.fails {
            return false;
        }
        let from = before.as_ref().map(|row| row.state);
        assert!(steps(from).contains(&row.state), "{from:?} → {:?}", row.state);
        assert!(from.is_none_or(|from| from.may_become(row.state)));
        self.said
            .entry(row.id.clone())
            .or_default()
            .extend(drafted.vote.clone());
        self.timed(drafted, before.as_ref(), back);
        match row.state {
            State::Approved => self.approved(drafted),
            State::Consumed => self.consumed(drafted, &before.unwrap()),
            State::Returned => self.returned(row, &before.unwrap()),
            State::Pending | State::Denied | State::Expired | State::Cancelled => {}
        }
        self.rows.insert(row.id.clone(), row.clone());
        true
    }

    /// Time is held against the model, as it was when the change was worked out, before it is set anew.
    fn timed(&mut self, drafted: &Drafted, before: Option<&ApprovalRow>, back: Duration) {
        let (row, now) = (drafted.draft.row(), Instant::now());
        let in_time = |until: Option<Instant>| until.is_some_and(|until| drafted.made < until);
        // Time that the commit takes is not taken from what was given.
        let late = now - drafted.made;
        match (row.state, before.map(|row| row.state)) {
            (State::Pending, None) => {
                self.over.insert(row.id.clone(), drafted.made + row.life());
            }
            // A further yes or further people asked make nothing longer.
            (State::Pending, Some(State::Pending)) | (State::Expired, _) => {}
            (State::Pending, Some(_)) => {
                self.over.insert(row.id.clone(), drafted.made + row.life());
                self.given.remove(&row.id);
            }
            (State::Approved, _) => {
                assert!(
                    in_time(drafted.over) && row.decided.unwrap() < row.expires,
                    "approved after its expiry"
                );
                self.decided.insert(row.id.clone(), (drafted.made, drafted.back));
                self.give(drafted, back, now + Config::default().grant);
            }
            (State::Consumed, _) => assert!(in_time(drafted.over), "spent after its expiry"),
            (State::Returned, _) => {
                assert!(in_time(drafted.given), "given back after its expiry");
                self.give(drafted, back, drafted.given.unwrap() + late);
            }
            (State::Denied | State::Cancelled, _) => assert!(in_time(drafted.over), "decided after its expiry"),
        }
        if row.state.is_given() && drafted.back != back {
            self.astray.push(row.id.clone());
        }
    }

    /// What was under way as the clock was found to be set back counts no more; nor what was given by that clock, found or not.
    fn give(&mut self, drafted: &Drafted, back: Duration, until: Instant) {
        let id = &drafted.draft.row().id;
        let (now, (decided, back_then)) = (Instant::now(), self.decided[id]);
        let is_ahead = back.saturating_sub(back_then).saturating_sub(now - decided) > CLOCK_SLACK;
        let until = if drafted.is_caught || is_ahead { now } else { until };
        self.over.insert(id.clone(), until);
        self.given.insert(id.clone(), until);
    }

    fn approved(&self, drafted: &Drafted) {
        let row = drafted.draft.row();
        let reading: u32 = row.action.operation.parse().unwrap();
        for rule in &row.rules {
            assert!(
                self.who_said(&row.id, rule, reading).len() >= rule.quorum as usize,
                "approved by too few"
            );
        }
    }

    fn consumed(&mut self, drafted: &Drafted, before: &ApprovalRow) {
        let (row, rule) = (drafted.draft.row(), &drafted.wanted);
        assert!(before.state.is_given(), "spent without a yes");
        let people = self.who_said(&row.id, rule, drafted.reading);
        assert!(
            people.len() >= rule.quorum as usize,
            "{people:?} did not say yes to this"
        );
        assert_eq!(*row.action.operation, *drafted.reading.to_string());
        *self.spent.entry(row.id.clone()).or_default() += 1;
    }

    fn returned(&mut self, row: &ApprovalRow, before: &ApprovalRow) {
        assert!(row.returned <= 3 && row.consumed_by.is_none());
        let call = before.consumed_by.as_ref().unwrap();
        assert!(!self.ended.contains(call), "given back though it may have been sent");
        *self.spent.get_mut(&row.id).unwrap() -= 1;
    }

    fn who_said(&self, id: &ApprovalId, rule: &HoldRule, reading: u32) -> BTreeSet<&'static str> {
        let said = self.said[id].iter();
        said.filter(|said| said.digest == rule.digest && said.reading == reading)
            .map(|said| said.person)
            .collect()
    }

    /// How long people still have.
    pub(super) fn left(&self, id: &ApprovalId) -> Duration {
        self.over[id].saturating_duration_since(Instant::now())
    }

    /// The clock was found to be set back: what was given counts no more, spent or not.
    pub(super) fn distrusts(&mut self, under_way: Option<&ApprovalId>) {
        let now = Instant::now();
        self.caught = under_way.cloned();
        for row in self.rows.values().filter(|row| row.state.is_given()) {
            let over = self.over.get_mut(&row.id).unwrap();
            *over = (*over).min(now);
        }
        self.given.clear();
    }

    /// Read anew at `wall`, by a clock that was set back by `back` in all. No life is longer for that than by as much.
    /// `distrusted`: what was given is ended right after.
    pub(super) fn reopened(&mut self, wall: Timestamp, back: Duration, reached: Option<&ApprovalId>, distrusted: bool) {
        self.given.clear();
        let (now, caught) = (Instant::now(), self.caught.take());
        for row in self.rows.values().filter(|row| row.state.is_open()) {
            let until = now + memory::left(&Config::default(), row, wall);
            assert!(until <= now + row.life().max(Config::default().grant));
            // What was given is ended right after, also what was given by the clock that was set back.
            let is_ended = row.state.is_given() && distrusted;
            if !is_ended && reached != Some(&row.id) && caught.as_ref() != Some(&row.id) {
                let longer = match row.state.is_given() && !self.astray.contains(&row.id) {
                    true => Duration::ZERO,
                    false => back,
                };
                assert!(until <= self.over[&row.id].max(now) + longer, "longer by a restart");
            }
            self.over.insert(row.id.clone(), until);
            if row.state.is_given() {
                self.given.insert(row.id.clone(), until);
            }
        }
    }

    pub(super) fn check(&self, approvals: &Approvals) {
        assert!(approvals.memory().is_counted());
        assert!(self.spent.values().all(|times| *times <= 1), "spent twice");
        let now = Instant::now();
        for row in self.rows.values() {
            let standing = approvals.get(&row.id);
            match row.state.is_open() {
                true if now < self.over[&row.id] => assert_eq!(standing.unwrap().state, row.state),
                true => assert!(standing.is_none_or(|standing| standing.state == State::Expired)),
                false => assert!(standing.is_none_or(|standing| standing.state == row.state)),
            }
        }
    }
}

/// What an approval may be next.
fn steps(from: Option<State>) -> &'static [State] {
    match from {
        None => &[State::Pending],
        Some(State::Pending) => &[
            State::Pending,
            State::Approved,
            State::Denied,
            State::Cancelled,
            State::Expired,
        ],
        Some(State::Approved | State::Returned) => &[State::Consumed, State::Denied, State::Expired, State::Pending],
        Some(State::Consumed) => &[State::Returned],
        Some(State::Denied | State::Cancelled | State::Expired) => &[],
    }
}

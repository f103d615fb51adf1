//! The exclusive right to change one approval.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Approvals, Draft};
use crate::model::approval::INCOMPLETE_ACTION;
use crate::model::change::{ApprovalRow, Denial};
use crate::model::{Action, ApprovalId, CallId, Evidence, HoldRule, Risk, State, Timestamp, Value, Vote};

/// The right to change one approval. While it lives nobody else can; dropped, all is as before.
#[must_use]
pub struct Turn {
    pub(super) approvals: Approvals,
    pub(super) row: Box<ApprovalRow>,
    /// Ended with a change.
    pub(super) over: bool,
}

impl Turn {
    pub(super) fn new(approvals: &Approvals, row: ApprovalRow) -> Self {
        Self {
            approvals: approvals.clone(),
            row: Box::new(row),
            over: false,
        }
    }

    /// `worth`: for how long the new state will count; `None` where the time it has goes on.
    pub(super) fn draft(self, worth: Option<Duration>, change: impl FnOnce(&mut ApprovalRow)) -> Draft {
        let mut row = self.row.clone();
        change(&mut row);
        row.revision = row.revision.saturating_add(1);
        Draft::new(self, row, worth)
    }

    /// The change that parks a new approval: its row as it is.
    pub(super) fn first(self) -> Draft {
        let row = self.row.clone();
        Draft::new(self, row, None)
    }

    fn now(&self) -> Timestamp {
        self.approvals.now().wall
    }

    /// Drops what people consented to and may not speak for any more. Where nobody is left who answers for the values that
    /// were stated, those go too, and with them every vote that was given to them.
    ///
    /// SECURITY: a person is disabled, or moved to another group, because their word is not to count. Tests:
    /// `the_grant_of_a_person_who_was_disabled_meanwhile_asks_again`,
    /// `the_vote_of_a_person_who_was_disabled_meanwhile_is_not_added_to_anothers`,
    /// `a_yes_does_not_outlive_its_givers_group`.
    fn keep_votes(&mut self, speaks: impl Fn(&Vote, &(Arc<str>, Arc<str>)) -> bool) {
        let row = &mut self.row;
        let count = |row: &ApprovalRow| row.votes.iter().map(|vote| vote.rules.len()).sum::<usize>();
        let before = count(row);
        for vote in &mut row.votes {
            let mut rules = std::mem::take(&mut vote.rules);
            rules.retain(|rule| speaks(vote, rule));
            vote.rules = rules;
        }
        row.votes.retain(|vote| !vote.rules.is_empty());
        let answered = |vote: &Vote| vote.rules.iter().any(|(id, _)| &**id == INCOMPLETE_ACTION);
        if count(row) < before && !row.stated.is_empty() && !row.votes.iter().any(answered) {
            row.stated.clear();
            row.votes.clear();
        }
    }

    pub(super) fn granted(self, votes: Vec<Vote>) -> Draft {
        let (now, grant) = (self.now(), self.approvals.shared.config.grant);
        let change = |row: &mut ApprovalRow| {
            row.votes.extend(votes);
            row.state = State::Approved;
            row.decided = Some(now);
            row.grant_expires = Some(now.plus(grant));
        };
        self.draft(Some(grant), change)
    }

    /// What people consented to so far.
    fn evidence(&self) -> Evidence {
        Evidence {
            approval: self.row.id.clone(),
            votes: self.row.votes.clone(),
            stated: self.row.stated.clone(),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.over {
            self.approvals.memory().put_back(&self.row.id);
        }
    }
}

/// An approved, unexpired grant, held by one claimant.
#[must_use]
pub struct Claim(pub(super) Turn);

impl Claim {
    pub fn row(&self) -> &ApprovalRow {
        &self.0.row
    }

    /// Leaves only what people consented to for whom `speaks` of the rule (id and digest).
    pub fn keep_votes(&mut self, speaks: impl Fn(&Vote, &(Arc<str>, Arc<str>)) -> bool) {
        self.0.keep_votes(speaks);
    }

    /// What the gate is asked again with.
    pub fn evidence(&self) -> Evidence {
        self.0.evidence()
    }

    /// Spends the grant on a call. From its commit on it is spent, whatever becomes of the call.
    pub fn consume(self, call: &CallId, fingerprint: &super::Fingerprint) -> Draft {
        let now = self.0.now();
        let grant = self.0.approvals.shared.config.grant;
        self.0.draft(Some(grant), |row| {
            row.state = State::Consumed;
            row.consumed_by = Some(call.clone());
            row.consumed = Some(now);
            row.idempotency.clone_from(&fingerprint.idempotency);
        })
    }

    /// Asks people again: `rules` want consent that the votes do not give, because a rule is new or its text is.
    pub fn reopen(self, rules: Vec<HoldRule>) -> Draft {
        let life = self.0.approvals.life(&rules);
        let now = self.0.now();
        let expires = now.plus(life);
        self.0.draft(Some(life), |row| {
            row.state = State::Pending;
            row.asked = Some(now);
            row.escalated.clear();
            row.rules = rules;
            row.expires = expires;
            row.grant_expires = None;
            row.decided = None;
        })
    }

    /// The call is as risky as this by now, should people be asked again.
    pub fn weighed(mut self, risk: Option<Box<Risk>>) -> Claim {
        self.0.row.action.risk = risk;
        self
    }

    /// Asks people from the beginning: the call is read as another `action` by now than the one they consented to.
    pub fn ask_anew(mut self, action: Action, rules: Vec<HoldRule>) -> Draft {
        let row = &mut self.0.row;
        row.action = action;
        // It goes by where another mapping read the fields.
        row.remainder = None;
        row.votes.clear();
        row.stated.clear();
        self.reopen(rules)
    }
}

/// A pending, unexpired approval under a person's eyes.
#[must_use]
pub struct Review(pub(super) Turn);

impl Review {
    pub fn row(&self) -> &ApprovalRow {
        &self.0.row
    }

    /// Leaves only what people consented to for whom `speaks` of the rule (id and digest).
    pub fn keep_votes(&mut self, speaks: impl Fn(&Vote, &(Arc<str>, Arc<str>)) -> bool) {
        self.0.keep_votes(speaks);
    }

    /// A moment for a vote.
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// What people consented to so far.
    pub fn given(&self) -> Evidence {
        self.0.evidence()
    }

    /// What consent would come to with one more vote.
    pub fn evidence(&self, vote: &Vote, stated: &BTreeMap<Arc<str>, Value>) -> Evidence {
        let row = &self.0.row;
        Evidence {
            approval: row.id.clone(),
            votes: row.votes.iter().chain([vote]).cloned().collect(),
            stated: row
                .stated
                .iter()
                .chain(stated)
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }

    /// The last consent that was wanted.
    pub fn approve(self, vote: Vote, stated: BTreeMap<Arc<str>, Value>) -> Draft {
        let now = self.0.now();
        let grant = self.0.approvals.shared.config.grant;
        self.0.draft(Some(grant), |row| {
            row.votes.push(vote);
            row.stated.extend(stated);
            row.state = State::Approved;
            row.decided = Some(now);
            row.grant_expires = Some(now.plus(grant));
        })
    }

    /// What people said beforehand is all the consent that is wanted.
    pub fn granted(self, votes: Vec<Vote>) -> Draft {
        self.0.granted(votes)
    }

    /// A consent that is not enough: `rules` still want people. Its expiry stays.
    pub fn consent(self, vote: Vote, stated: BTreeMap<Arc<str>, Value>, rules: Vec<HoldRule>) -> Draft {
        self.0.draft(None, |row| {
            row.votes.push(vote);
            row.stated.extend(stated);
            row.rules = rules;
        })
    }
}

impl Review {
    /// Withdraws the question: nobody is to answer it any more, and the same call asks anew.
    pub fn cancel(self, person: &Arc<str>, reason: String) -> Draft {
        let now = self.0.now();
        let remembered = Approvals::remembered(&self.0.approvals.shared.config);
        self.0.draft(Some(remembered), |row| {
            row.state = State::Cancelled;
            row.decided = Some(now);
            row.denial = Some(Denial::new(person, reason));
        })
    }
}

/// An approval that a person may say no to: pending, or given and not spent yet.
#[must_use]
pub struct Veto(pub(super) Turn);

impl Veto {
    pub fn row(&self) -> &ApprovalRow {
        &self.0.row
    }

    pub fn deny(self, denial: Denial) -> Draft {
        let now = self.0.now();
        let cool_down = self.0.approvals.shared.config.cool_down;
        self.0.draft(Some(cool_down), |row| {
            row.state = State::Denied;
            row.grant_expires = None;
            row.decided = Some(now);
            row.denial = Some(denial);
        })
    }
}

/// Somebody is changing the approval: wait, then look again.
pub struct Settling(pub(super) watch::Receiver<u64>);

impl Settling {
    pub async fn settled(mut self) {
        // An error says that the approval is gone: settled as well.
        let _ = self.0.changed().await;
    }
}

/// How often a grant is given back by a call that was not sent.
const MOST_RETURNS: u8 = 3;

impl Approvals {
    /// Gives back what was spent on a call of which no byte was sent, for as long as it would have counted. `None` where it
    /// was spent on another, was given back often enough, or counts no more.
    pub fn give_back(&self, id: &ApprovalId, call: &CallId) -> Option<Draft> {
        let now = self.now();
        let mut memory = self.memory();
        let slot = memory.get_mut(id)?;
        let left = slot.given_until?.saturating_duration_since(now.running);
        let is_spent = slot.row.state == State::Consumed && slot.row.consumed_by.as_ref() == Some(call);
        if !is_spent || slot.taken || slot.row.returned >= MOST_RETURNS || left.is_zero() {
            return None;
        }
        slot.taken = true;
        slot.ended = None;
        Some(Turn::new(self, slot.row.clone()).draft(Some(left), |row| {
            row.state = State::Returned;
            row.returned = row.returned.saturating_add(1);
            row.consumed_by = None;
            row.consumed = None;
        }))
    }

    /// Takes a pending approval's turn, for a person's decision.
    ///
    /// # Errors
    /// If it is not pending any more, somebody else decides at this moment, or it is gone.
    pub fn review(&self, id: &ApprovalId) -> Result<Review, NotOpen> {
        self.take(id, |state| state == State::Pending).map(Review)
    }

    /// Takes the turn of one that is pending, or given and not spent, for a person's no.
    ///
    /// # Errors
    /// If it is finished, somebody else decides or spends it at this moment, or it is gone.
    pub fn veto(&self, id: &ApprovalId) -> Result<Veto, NotOpen> {
        self.take(id, State::is_open).map(Veto)
    }

    pub(super) fn take(&self, id: &ApprovalId, open: impl Fn(State) -> bool) -> Result<Turn, NotOpen> {
        let now = self.now();
        let mut memory = self.memory();
        let slot = memory.get_mut(id).filter(|slot| slot.on_disk()).ok_or(NotOpen::Gone)?;
        if !open(slot.state(now)) {
            return Err(NotOpen::Decided(Box::new(slot.standing(now))));
        }
        if slot.taken {
            return Err(NotOpen::Taken(Settling(slot.moved.subscribe())));
        }
        slot.taken = true;
        Ok(Turn::new(self, slot.row.clone()))
    }
}

/// Why an approval cannot be decided.
pub enum NotOpen {
    Gone,
    Taken(Settling),
    Decided(Box<super::Standing>),
}

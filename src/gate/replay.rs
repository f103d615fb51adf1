//! Recorded calls decided again, by the rules given and as if nothing had been before them: what other rules would have
//! changed.

use std::collections::{HashMap, HashSet};

use super::Rules;
use crate::audit::{Ended, Event, Period, RecordedCall, Unreplayable, history};
use crate::budget;
use crate::model::{Action, CallId, Missing, Outcome, Reason, Reservation, Timestamp, Why};
use crate::policy::Verdict;
use crate::risk::Deed;
use crate::store::{ReadError, Reader};

/// What comes of a call when it is decided again.
#[derive(Debug)]
pub enum Replayed {
    Decided {
        recorded: Box<RecordedCall>,
        verdict: Verdict,
    },
    /// How a call ended that was told before.
    Ended { call: CallId, outcome: Outcome },
    /// It cannot be decided again.
    Lost(Unreplayable),
}

impl Rules {
    /// Where the record begins to count in a replay of what was called `since` then: as far back as the longest budget reaches.
    /// `None`: all of it counts, for what is usual was learnt from all calls before.
    pub fn replay_begins(&self, since: Timestamp) -> Option<Timestamp> {
        let counts = || Timestamp(since.0.saturating_sub(self.budgets.longest()));
        (!self.policies.read("risk")).then(counts)
    }

    /// Decides the calls of a period again, in the order and at the times of their record. Nothing is written. What they take
    /// of budgets, and what is usual of agents, goes into these rules' own memory, which is to be empty; calls before the
    /// period fill it as far as the longest budget reaches back, or all of them where a rule reads the risk, and so do those of agents that are not told of. Ends may be
    /// told of calls that were not.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn replay(&self, reader: &Reader, period: &Period, mut tell: impl FnMut(Replayed)) -> Result<(), ReadError> {
        let counts_from = Timestamp(period.since.0.saturating_sub(self.budgets.longest()));
        let longer = Period {
            since: self.replay_begins(period.since).unwrap_or(Timestamp(0)),
            until: period.until,
            // Agents share budgets: what others took is not there for this one.
            agent: None,
        };
        let (counts, begins) = (reader.first_at(counts_from)?, reader.first_at(period.since)?);
        let is_of = |agent: &str| period.agent.as_deref().is_none_or(|wanted| wanted == agent);
        let mut again = Again {
            rules: self,
            under_way: HashMap::new(),
            counts_from,
            uncounted: HashSet::new(),
        };
        history(reader, &longer, |event| {
            let (replayed, told) = match event {
                Event::Decided(recorded) => {
                    let told = recorded.time >= period.since && is_of(&recorded.facts.agent);
                    (again.decide(recorded), told)
                }
                Event::Ended(ended) => {
                    again.end(&ended);
                    let Ended {
                        call, outcome, time, ..
                    } = ended;
                    (Replayed::Ended { call, outcome }, time >= period.since)
                }
                Event::Released { recorded, told } => return again.release(&recorded, told),
                Event::Lost { why, call, agent, seq } => {
                    again.uncounted.extend(call.filter(|_| seq >= counts));
                    let told = seq >= begins && agent.as_deref().is_none_or(is_of);
                    (Replayed::Lost(why), told)
                }
            };
            if told {
                tell(replayed);
            }
        })
    }

    /// A recorded action as these rules complete it.
    pub fn completed_again(&self, recorded: &RecordedCall) -> Action {
        let mut action = recorded.action.clone();
        self.forget_needs(&mut action);
        action.also.iter_mut().for_each(|meaning| self.forget_needs(meaning));
        self.complete(action, &recorded.facts.host)
    }

    /// What the vocabulary does not require was missing because a rule or a budget of then asked for it: those of now are asked
    /// anew. What could not be read stays so.
    fn forget_needs(&self, action: &mut Action) {
        let Some(definition) = self.vocabulary().actions.get(&action.name) else {
            return;
        };
        let stays = |missing: &Missing| missing.why == Why::Unreadable || definition.required.contains(&missing.field);
        action.missing.retain(stays);
    }

    /// Whether each action and field of the call is one of the vocabulary.
    pub(super) fn has_words_for(&self, recorded: &RecordedCall) -> bool {
        recorded.action.meanings().all(|meaning| {
            let definition = self.vocabulary().actions.get(&meaning.name);
            definition.is_some_and(|definition| {
                let known = |field| definition.required.contains(field) || definition.optional.contains(field);
                let missing = meaning.missing.iter().map(|missing| &missing.field);
                meaning.fields.keys().chain(missing).all(known)
            })
        })
    }
}

struct Again<'a> {
    rules: &'a Rules,
    /// Calls that are decided and have not ended yet.
    under_way: HashMap<CallId, UnderWay>,
    /// No budget reaches further back: of what was before, only the risk is told.
    counts_from: Timestamp,
    /// Requests that came since and count for nothing: stopped, asked about, refused by the provider, or not to be decided again.
    /// The next of the same counts.
    uncounted: HashSet<CallId>,
}

enum UnderWay {
    Sent {
        reservation: Option<Reservation>,
        /// The first call of this request.
        first: CallId,
        deed: Deed,
        /// What was answered says nothing of what was done.
        unproven: bool,
    },
    /// For people, who may have consented: their answer is on record, not foretold.
    Asked {
        recorded: Box<RecordedCall>,
        action: Box<Action>,
    },
}

impl Again<'_> {
    fn decide(&mut self, recorded: Box<RecordedCall>) -> Replayed {
        if !self.rules.has_words_for(&recorded) {
            self.counts_for_nothing(&recorded.call, recorded.time);
            return Replayed::Lost(Unreplayable::Vocabulary);
        }
        let verdict = match recorded.reason {
            None
            | Some(Reason::PolicyBlocked | Reason::PolicyError | Reason::IncompleteAction | Reason::BudgetExceeded) => {
                self.judge(&recorded)
            }
            // What leaves HTTP is not carried, whatever rules say of it.
            Some(reason @ Reason::NotInspectable) => Verdict::Block {
                reason,
                rules: Vec::new(),
            },
            Some(_) => {
                self.counts_for_nothing(&recorded.call, recorded.time);
                return Replayed::Lost(Unreplayable::OtherReason);
            }
        };
        Replayed::Decided { recorded, verdict }
    }

    fn judge(&mut self, recorded: &RecordedCall) -> Verdict {
        let (rules, facts, at) = (self.rules, &recorded.facts, recorded.time);
        let action = rules.weighed(facts, rules.completed_again(recorded), at);
        let first = recorded.repeats.as_ref().unwrap_or(&recorded.call).clone();
        let (verdict, reservation) = rules.review_counted(recorded, &action, self.is_counted(&recorded.call, &first));
        if reservation.is_some() {
            self.uncounted.remove(&first);
        } else if recorded.repeats.is_none() {
            self.counts_for_nothing(&first, at);
        }
        let under_way = match &verdict {
            // What was only observed left, whatever is said of it.
            Verdict::Block { .. } if !recorded.observed => return verdict,
            Verdict::RequireApproval { .. } if !recorded.observed => UnderWay::Asked {
                recorded: Box::new(recorded.clone()),
                action: Box::new(action),
            },
            Verdict::Allow { .. } | Verdict::Block { .. } | Verdict::RequireApproval { .. } => {
                self.leaves(recorded, &action, first, reservation)
            }
        };
        self.under_way.insert(recorded.call.clone(), under_way);
        verdict
    }

    /// People consented to what these rules ask about, too; or nobody knows what they would have said of it.
    fn release(&mut self, recorded: &RecordedCall, told: bool) {
        let waits = match self.under_way.get(&recorded.call) {
            Some(UnderWay::Asked { .. }) => true,
            Some(UnderWay::Sent { .. }) => false,
            // These rules block it.
            None => !told,
        };
        if waits && self.rules.has_words_for(recorded) {
            let action = self.rules.completed_again(recorded);
            let action = self.rules.weighed(&recorded.facts, action, recorded.time);
            let sent = self.counted(recorded, &action);
            self.under_way.insert(recorded.call.clone(), sent);
        }
    }

    /// It was sent, so it counts, whatever rules say of it.
    fn counted(&mut self, recorded: &RecordedCall, action: &Action) -> UnderWay {
        let RecordedCall { call, facts, time, .. } = recorded;
        let first = recorded.repeats.as_ref().unwrap_or(call).clone();
        let reservation = match self.is_counted(call, &first) {
            true => None,
            false => self.rules.count(call, facts, action, *time),
        };
        if reservation.is_some() {
            self.uncounted.remove(&first);
        }
        self.leaves(recorded, action, first, reservation)
    }

    fn leaves(
        &self,
        recorded: &RecordedCall,
        action: &Action,
        first: CallId,
        reservation: Option<Reservation>,
    ) -> UnderWay {
        let facts = &recorded.facts;
        let deed = Deed::of(&facts.agent, &facts.host, action);
        self.rules.memory.history.leaves(&deed, recorded.time);
        UnderWay::Sent {
            reservation,
            first,
            deed,
            unproven: budget::is_unproven(action),
        }
    }

    /// A year of calls is not remembered for the sake of an hour.
    fn counts_for_nothing(&mut self, first: &CallId, at: Timestamp) {
        // What repeats it may count a day later.
        if at.plus(budget::REPEATED_WITHIN) >= self.counts_from {
            self.uncounted.insert(first.clone());
        }
    }

    /// Whether the request was counted with another call. One of before the record that is read was.
    fn is_counted(&self, call: &CallId, first: &CallId) -> bool {
        call != first && !self.uncounted.contains(first)
    }

    fn end(&mut self, ended: &Ended) {
        let under_way = match self.under_way.remove(&ended.call) {
            // Rules of then asked nobody, or nobody consented.
            Some(UnderWay::Asked { recorded, action }) if ended.outcome != Outcome::NotSent => {
                Some(self.counted(&recorded, &action))
            }
            other => other,
        };
        let Some(UnderWay::Sent {
            reservation,
            first,
            deed,
            unproven,
        }) = under_way
        else {
            return;
        };
        if let Some(reservation) = reservation {
            reservation.settle(ended.outcome, ended.status);
            if !budget::keeps(Some((ended.outcome, ended.status)), unproven) {
                self.counts_for_nothing(&first, ended.time);
            }
        }
        if matches!(ended.outcome, Outcome::Success | Outcome::Unknown) {
            self.rules.memory.history.learn(&deed, ended.time);
        }
    }
}

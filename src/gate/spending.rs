//! A call and its budgets: read, decided and reserved with the books open.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Rules;
use super::prepare::{self, Prepared};
use super::stated;
use crate::audit::RecordedCall;
use crate::budget::{self, Coming, Line, Past, Print, RecallError, Wording};
use crate::model::budget::Passage;
use crate::model::{
    Action, Call, CallId, Diagnostic, Evidence, Facts, Origin, Reservation, Situation, Spending, Timestamp,
};
use crate::policy::{Blocked, Decision, Hold, Verdict};
use crate::store::{Kept, Reader};

impl Rules {
    /// What rules see besides call and action, at this moment; the books are open for no longer than it takes.
    pub fn situation(&self, facts: &Facts, action: &Action, at: Timestamp) -> Situation {
        self.situation_if(facts, action, at, false)
    }

    /// `stands`: the call was counted when it was allowed, and is only judged again.
    pub(super) fn situation_if(&self, facts: &Facts, action: &Action, at: Timestamp, stands: bool) -> Situation {
        let plain = self.moment(action, at);
        let Some(uses) = self.budgets.uses(facts, action) else {
            let budgets = self.budgets.uncounted(action);
            return Situation { budgets, ..plain };
        };
        let mut account = self.memory.budgets.open(at);
        let reading = self.budgets.read(&mut account, action, &uses, stands, &self.wording);
        Situation {
            budgets: reading.totals,
            over: reading.over,
            ..plain
        }
    }

    /// Decides what is complete, or lacks what nobody stated.
    pub(super) fn decide_counted(
        &self,
        call: Call,
        facts: &Facts,
        action: Action,
        evidence: Option<&Evidence>,
        at: Timestamp,
    ) -> Decision {
        // SECURITY: before anything is looked at, or a budget that comes into force meanwhile would not have this call. Test:
        // `a_budget_that_comes_into_force_under_load_has_every_call`.
        let era = self.memory.budgets.era();
        let mut situation = self.moment(&action, at);
        let Some(uses) = self.budgets.uses_in(&era, facts, &action) else {
            situation.budgets = self.budgets.uncounted(&action);
            let passage = Passage::new(era);
            return match self.policies.decide(call, action, &situation, evidence) {
                Decision::Allow(permit) => Decision::Allow(permit.with_spending(Spending {
                    passage,
                    ..Spending::default()
                })),
                stopped @ (Decision::Block(_) | Decision::RequireApproval(_)) => stopped,
            };
        };
        let own_print = self.print(&call, &action);
        let (origin, agent) = (call.origin, facts.agent.clone());
        // SECURITY: whoever decides between another's reading and reservation would find room that is taken. Test:
        // `a_thousand_calls_at_once_never_go_over`.
        let mut account = self.memory.budgets.open(at);
        let stated = match origin {
            Origin::Guard => None,
            Origin::Wire => self.memory.stated.find(&agent, &action, &uses, &self.digests.policies),
        };
        let print = stated.as_ref().map(stated::print).or(own_print);
        let counted = print.is_some_and(|print| account.counted_for(&print).is_some());
        let reading = self.budgets.read(&mut account, &action, &uses, counted, &self.wording);
        (situation.budgets, situation.over) = (reading.totals, reading.over);
        let spent = reading.spent;
        match self.policies.decide(call, action, &situation, evidence) {
            Decision::Allow(permit) => {
                let taken = self.budgets.reserve(&mut account, &permit.call().id, &uses, print);
                match (&stated, origin) {
                    (Some(stated), _) => self.memory.stated.take(&agent, stated),
                    (None, Origin::Guard) => {
                        let (call, action) = (&permit.call().id, permit.action());
                        self.memory
                            .stated
                            .allowed(&agent, call, action, uses, &self.digests.policies);
                    }
                    (None, Origin::Wire) => {}
                }
                let passage = Passage::new(era);
                Decision::Allow(permit.with_spending(Spending {
                    spent,
                    passage,
                    ..taken
                }))
            }
            Decision::Block(blocked) => Decision::Block(Blocked {
                spending: only(spent),
                ..blocked
            }),
            Decision::RequireApproval(hold) => Decision::RequireApproval(Hold {
                spending: only(spent),
                ..hold
            }),
        }
    }

    /// What rules say of a call of the record, and what is taken for it if they allow it or it was sent all the same. `counted`:
    /// the request was counted before.
    pub(super) fn review_counted(
        &self,
        recorded: &RecordedCall,
        action: &Action,
        counted: bool,
    ) -> (Verdict, Option<Reservation>) {
        let (facts, at) = (&recorded.facts, recorded.time);
        let mut situation = self.moment(action, at);
        let Some(uses) = self.budgets.uses(facts, action) else {
            situation.budgets = self.budgets.uncounted(action);
            return (self.policies.evaluate(facts, action, &situation, None), None);
        };
        let mut account = self.memory.budgets.open(at);
        let reading = self.budgets.read(&mut account, action, &uses, counted, &self.wording);
        (situation.budgets, situation.over) = (reading.totals, reading.over);
        let verdict = self.policies.evaluate(facts, action, &situation, None);
        let takes = (recorded.observed || matches!(verdict, Verdict::Allow { .. })) && !counted;
        let reservation = takes.then(|| {
            self.budgets
                .reserve(&mut account, &recorded.call, &uses, None)
                .reservation
        });
        (verdict, reservation.flatten())
    }

    /// As if so much had been taken already, of budgets by name, by whoever the call counts for: until what is given back is
    /// dropped. Budgets that do not count the call are left as they are.
    pub fn suppose_taken(
        &self,
        facts: &Facts,
        action: &Action,
        at: Timestamp,
        totals: &BTreeMap<Arc<str>, i64>,
    ) -> Option<Reservation> {
        let action = self.weigh(facts, action.clone(), at);
        let uses = self.budgets.uses(facts, &action)?;
        let mut account = self.memory.budgets.open(at);
        Some(
            self.budgets
                .take(&mut account, &CallId::random(), &uses, None, |name, _| {
                    totals.get(name).copied()
                }),
        )
    }

    /// What a completed call is to the budgets that count it, in words, a line for each.
    pub fn budgets_told(&self, facts: &Facts, action: &Action, at: Timestamp) -> Vec<String> {
        let Some(uses) = self.budgets.uses(facts, action) else {
            return Vec::new();
        };
        let mut account = self.memory.budgets.open(at);
        let reading = self.budgets.read(&mut account, action, &uses, false, &self.wording);
        self.budgets.told(&reading, &uses, &self.wording)
    }

    /// Where a limit stands that blocks or holds (`budget:refunds_per_day`); `None`: the id is a rule's.
    pub fn limit_place(&self, id: &str) -> Option<&str> {
        self.budgets.place(id)
    }

    /// Names of all budgets.
    pub fn budget_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.budgets.names()
    }

    /// Takes what a call needs, whatever rules say of it: it was sent.
    pub(super) fn count(&self, call: &CallId, facts: &Facts, action: &Action, at: Timestamp) -> Option<Reservation> {
        let uses = self.budgets.uses(facts, action)?;
        let mut account = self.memory.budgets.open(at);
        self.budgets.reserve(&mut account, call, &uses, None).reservation
    }

    /// Which request it is, where the provider would know it again.
    fn print(&self, call: &Call, action: &Action) -> Option<Print> {
        if call.origin == Origin::Guard {
            return Some(stated::print(&call.id));
        }
        // A content that was not read tells no two calls apart.
        call.body.captured()?;
        let identity = self.mappings.identify(call, action).ok()?;
        budget::print(call, action, &identity)
    }

    /// From now on whatever is allowed, by whichever rules, counts in the budgets of these, too. To be waited for before
    /// [`Rules::recall`], and kept until they are in force.
    pub fn announce(&self) -> Coming {
        self.budgets.announce(&self.memory.budgets)
    }

    /// Fills the books of budgets that are new to them from the record.
    ///
    /// # Errors
    /// If the record cannot be read, or is not as it was written.
    pub fn recall(&self, record: &Reader, now: Timestamp) -> Result<(), RecallError> {
        if let Some(mut past) = Past::new(&self.budgets, &self.memory.budgets, now) {
            record.backwards(|entry| past.see(entry))?;
            past.end()?;
        }
        Ok(())
    }

    /// Whether a rule or a budget needs a field of this action that need not be there.
    pub(super) fn asks_for(&self, action: &Action, field: &str) -> bool {
        self.policies.asks_for(&action.name, field) || self.budgets.needs(action, field)
    }

    /// The budget in force that reaches back furthest, and since when it counts.
    pub fn counts_since(&self, now: Timestamp) -> Option<(Arc<str>, Timestamp)> {
        self.budgets.counts_since(now)
    }

    /// The budget in force that would count a call of `time` otherwise, and until when it counts it.
    pub fn counts_otherwise(
        &self,
        decided: (&Kept, &Kept),
        end: budget::End,
        time: Timestamp,
    ) -> Option<(Arc<str>, Timestamp)> {
        self.budgets.counts_otherwise(decided, end, time)
    }

    /// Every budget and each of its windows in use.
    pub fn budget_lines(&self, at: Timestamp) -> Vec<Line> {
        self.budgets.lines(&self.memory.budgets, at, &self.wording)
    }

    /// Budgets of an environment that no target is labelled with, and that no mapping tells.
    pub fn doubtful_budgets(&self) -> Vec<Diagnostic> {
        let given = |name: &str| self.labels.gives_environment(name) || self.mappings.gives_environment(name);
        self.budgets.doubtful(given)
    }

    /// What is left of each limit, as a part of it.
    pub fn budgets_left(&self, at: Timestamp) -> Vec<(Arc<str>, f64)> {
        self.budgets.left(&self.memory.budgets, at)
    }

    pub(super) fn decide_prepared(
        &self,
        call: Call,
        facts: &Facts,
        prepared: Prepared,
        evidence: Option<&Evidence>,
        at: Timestamp,
    ) -> Decision {
        match prepared {
            Prepared::Complete { action, as_called } => {
                let decision = self.decide_counted(call, facts, action, evidence, at);
                match as_called {
                    Some(as_called) => prepare::with_action(decision, *as_called),
                    None => decision,
                }
            }
            Prepared::Stopped { action, verdict } => prepare::refused(call, action, verdict),
        }
    }
}

/// What it would be, without having it.
fn only(spent: Vec<crate::model::Spent>) -> Spending {
    Spending {
        spent,
        ..Spending::default()
    }
}

pub(super) fn wording(config: &super::Config) -> Wording {
    Wording {
        account_currency: config.rates.account.clone(),
    }
}

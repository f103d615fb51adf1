//! Action → Decision. Used by every door. Floor 3.
//!
//! The order is budgets, risk, policy: what a later part needs to know, an earlier one has worked out. Before any of them
//! the action is completed: the account's currency where the call names none, amounts in it, and, where people were asked,
//! the values they stated.
//!
//! **Stated values.** Stating a missing value is consent to an incomplete action, so it must come from a person who may
//! speak for `incomplete_action`. The action is first judged as the call states it; only if the evidence holds a vote for
//! the very `incomplete_action` that comes of that (same missing fields, same text of the rules that could not be checked)
//! are the values filled in, and then the ordinary rules apply, each hold with a vote of its own.

mod complete;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::model::money::Rates;
use crate::model::{Action, Call, Evidence, Facts, HoldRule, Reason, Vocabulary};
use crate::policy::{Blocked, Decision, Hold, INCOMPLETE_ACTION, Policies, Verdict};

/// The one place where calls are decided.
pub struct Gate {
    /// Swapped whole by a reload. A decision keeps the set it began with.
    policies: ArcSwap<Policies>,
    vocabulary: Arc<Vocabulary>,
    rates: Rates,
}

impl Gate {
    pub fn new(policies: Arc<Policies>, vocabulary: Arc<Vocabulary>, rates: Rates) -> Gate {
        Gate {
            policies: ArcSwap::new(policies),
            vocabulary,
            rates,
        }
    }

    /// Decides a call; with `evidence`, decides it again after people were asked. A permit carries the action with the
    /// values they stated, a block or a hold carries it as the call states it.
    pub fn decide(&self, call: Call, action: Action, evidence: Option<&Evidence>) -> Decision {
        let policies = self.policies.load_full();
        match self.prepare(&policies, &call.facts(), action, evidence) {
            Prepared::Complete { action, as_called } => {
                let decision = policies.decide(call, action, evidence);
                match as_called {
                    Some(as_called) => with_action(decision, as_called),
                    None => decision,
                }
            }
            Prepared::Stopped { action, verdict } => refused(call, action, verdict),
        }
    }

    /// The same without a call to permit: what an approver's consent would come to.
    pub fn review(&self, facts: &Facts, action: &Action, evidence: Option<&Evidence>) -> Verdict {
        let policies = self.policies.load_full();
        match self.prepare(&policies, facts, action.clone(), evidence) {
            Prepared::Complete { action, .. } => policies.evaluate(facts, &action, evidence),
            Prepared::Stopped { verdict, .. } => verdict,
        }
    }

    /// Completes the action; with values that people stated only if they may state them.
    fn prepare(&self, policies: &Policies, facts: &Facts, action: Action, evidence: Option<&Evidence>) -> Prepared {
        let complete =
            |action, stated: &BTreeMap<_, _>| complete::complete(action, stated, &self.vocabulary, &self.rates);
        let action = complete(action, &BTreeMap::new());
        let states = |evidence: &&Evidence| evidence.stated.keys().any(|field| action.is_missing(field));
        let Some(evidence) = evidence.filter(states) else {
            return Prepared::Complete {
                action,
                as_called: None,
            };
        };
        // SECURITY: a value without a vote for just this incomplete action, or one voted for while other rules were in
        // force, completes nothing. Test: a_stated_value_without_a_vote_for_it_completes_nothing.
        let consents = |rule: &HoldRule| &*rule.id == INCOMPLETE_ACTION && evidence.satisfies(rule);
        match policies.evaluate(facts, &action, Some(evidence)) {
            Verdict::RequireApproval { rules } if rules.iter().any(consents) => Prepared::Complete {
                action: complete(action.clone(), &evidence.stated),
                as_called: Some(action),
            },
            verdict @ (Verdict::Allow { .. } | Verdict::Block { .. } | Verdict::RequireApproval { .. }) => {
                Prepared::Stopped { action, verdict }
            }
        }
    }

    /// The rules in force.
    pub fn policies(&self) -> Arc<Policies> {
        self.policies.load_full()
    }

    /// Puts another set of rules in force, for all decisions that begin from now on.
    pub fn replace(&self, policies: Arc<Policies>) {
        self.policies.store(policies);
    }
}

/// An action ready for the rules, or decided on the way.
enum Prepared {
    Complete {
        action: Action,
        /// The action without the values that people stated, if they stated any.
        as_called: Option<Action>,
    },
    Stopped {
        action: Action,
        verdict: Verdict,
    },
}

/// Blocks and holds speak of the action as the call states it.
fn with_action(decision: Decision, action: Action) -> Decision {
    match decision {
        Decision::Allow(permit) => Decision::Allow(permit),
        Decision::Block(blocked) => Decision::Block(Blocked { action, ..blocked }),
        Decision::RequireApproval(hold) => Decision::RequireApproval(Hold { action, ..hold }),
    }
}

/// A decision that is no permit. Only `Policies::decide` allows: a verdict of `Allow` does not belong here, and blocks.
fn refused(call: Call, action: Action, verdict: Verdict) -> Decision {
    let (reason, rules) = match verdict {
        Verdict::RequireApproval { rules } => return Decision::RequireApproval(Hold { call, action, rules }),
        Verdict::Block { reason, rules } => (reason, rules),
        Verdict::Allow { .. } => (Reason::PolicyError, Vec::new()),
    };
    Decision::Block(Blocked {
        call,
        action,
        reason,
        rules,
    })
}

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
mod replay;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::audit::Digests;
use crate::mapping::Mappings;
use crate::model::money::Rates;
use crate::model::time::Zone;
use crate::model::{
    Action, Call, Diagnostic, Evidence, Facts, HoldRule, Reason, Situation, Source, Timestamp, Vocabulary,
};
use crate::policy::{Blocked, Decision, Hold, INCOMPLETE_ACTION, Policies, Verdict};

pub use replay::Replayed;

/// The rules in force, for every door.
pub struct Gate {
    rules: ArcSwap<Rules>,
    changed: watch::Sender<()>,
}

impl Gate {
    pub fn new(rules: Rules) -> Gate {
        Gate {
            rules: ArcSwap::from_pointee(rules),
            changed: watch::Sender::new(()),
        }
    }

    /// The rules as they are at this moment. Whoever judges a call maps and decides it by one such set, and takes another if
    /// anything long lies between.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// Puts others in force, for all calls that are judged from now on.
    pub fn replace(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
        self.changed.send_replace(());
    }

    /// Tells when other rules are in force: whatever was allowed once and goes on has to ask again.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// What the gate is told besides its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    pub rates: Rates,
    /// Of `context.time`.
    pub zone: Zone,
}

/// The files that rules are made of.
pub struct Sources {
    pub vocabulary: Source,
    pub mappings: Vec<Source>,
    pub policies: Vec<Source>,
}

impl Sources {
    /// Names of the files that are not shipped.
    pub fn own(&self) -> BTreeSet<String> {
        let files = self.mappings.iter().chain(&self.policies).chain([&self.vocabulary]);
        let own = files.filter(|source| !source.is_embedded());
        own.map(|source| source.file.clone()).collect()
    }

    /// Which set they would be, for the record.
    pub fn digests(&self) -> Digests {
        Digests {
            mappings: Mappings::digest_of(&self.vocabulary, &self.mappings),
            policies: Policies::digest_of(&self.policies),
        }
    }
}

/// Mappings and policies that were checked against each other: one value, so that no call is read by the mappings of one
/// moment and judged by the policies of another. The one place where calls are decided.
pub struct Rules {
    mappings: Mappings,
    policies: Policies,
    config: Config,
}

impl Rules {
    /// Reads the files; the policies against the vocabulary of the mappings. `groups` as for [`Policies::load`].
    ///
    /// # Errors
    /// Everything that is wrong in mappings and policies; in the vocabulary, what is wrong there.
    pub fn load(
        sources: &Sources,
        groups: Option<&BTreeSet<String>>,
        config: Config,
    ) -> Result<Rules, Vec<Diagnostic>> {
        let vocabulary = Mappings::read_vocabulary(&sources.vocabulary)?;
        let mappings = Mappings::load(&sources.vocabulary, &sources.mappings);
        let policies = Policies::load(&sources.policies, vocabulary, groups);
        let (mappings, policies) = match (mappings, policies) {
            (Ok(mappings), Ok(policies)) => (mappings, policies),
            (mappings, policies) => {
                let wrong = mappings.err().into_iter().chain(policies.err()).flatten();
                return Err(wrong.collect());
            }
        };
        let mappings = mappings.with_account_currency(config.rates.account.as_deref());
        Ok(Rules {
            mappings,
            policies,
            config,
        })
    }

    pub fn mappings(&self) -> &Mappings {
        &self.mappings
    }

    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        self.mappings.vocabulary()
    }

    /// Which set this is, for the record.
    pub fn digests(&self) -> Digests {
        Digests {
            mappings: self.mappings.digest().clone(),
            policies: self.policies.digest().clone(),
        }
    }

    /// One line for people.
    pub fn describe(&self) -> String {
        let titles: Vec<&str> = self.mappings.titles().collect();
        format!(
            "{} actions; mappings for {}; {} rules",
            self.vocabulary().actions.len(),
            titles.join(", "),
            self.policies.rules()
        )
    }

    /// The action with all that follows from its fields. Completing twice changes nothing.
    pub fn complete(&self, action: Action) -> Action {
        complete::complete(action, &BTreeMap::new(), self.vocabulary(), &self.config.rates)
    }

    /// Decides a call; with `evidence`, decides it again after people were asked. A permit carries the action with the
    /// values they stated, a block or a hold carries it as the call states it.
    pub fn decide(&self, call: Call, action: Action, evidence: Option<&Evidence>, at: Timestamp) -> Decision {
        let situation = self.situation(at);
        match self.prepare(&call.facts(), action, &situation, evidence) {
            Prepared::Complete { action, as_called } => {
                let decision = self.policies.decide(call, action, &situation, evidence);
                match as_called {
                    Some(as_called) => with_action(decision, *as_called),
                    None => decision,
                }
            }
            Prepared::Stopped { action, verdict } => refused(call, action, verdict),
        }
    }

    /// The same without a call to permit: what an approver's consent would come to.
    pub fn review(&self, facts: &Facts, action: &Action, evidence: Option<&Evidence>, at: Timestamp) -> Verdict {
        let situation = self.situation(at);
        match self.prepare(facts, action.clone(), &situation, evidence) {
            Prepared::Complete { action, .. } => self.policies.evaluate(facts, &action, &situation, evidence),
            Prepared::Stopped { verdict, .. } => verdict,
        }
    }

    /// Every rule that wants people asked of an action, as it is called and with the values that were stated, whoever
    /// consented already.
    pub fn wanted(&self, facts: &Facts, action: &Action, evidence: &Evidence, at: Timestamp) -> Vec<HoldRule> {
        let mut stated = evidence.clone();
        for vote in &mut stated.votes {
            vote.rules.retain(|(id, _)| &**id == INCOMPLETE_ACTION);
        }
        let verdicts = [None, Some(&stated)].map(|evidence| self.review(facts, action, evidence, at));
        let rules = verdicts.into_iter().flat_map(|verdict| match verdict {
            Verdict::RequireApproval { rules } => rules,
            Verdict::Allow { .. } | Verdict::Block { .. } => Vec::new(),
        });
        rules.collect()
    }

    /// What rules see besides call and action, at this moment.
    pub fn situation(&self, at: Timestamp) -> Situation {
        Situation {
            time: self.config.zone.at(at),
        }
    }

    /// Completes the action; with values that people stated only if they may state them.
    fn prepare(&self, facts: &Facts, action: Action, situation: &Situation, evidence: Option<&Evidence>) -> Prepared {
        let action = self.complete(action);
        let states = |evidence: &&Evidence| evidence.stated.keys().any(|field| action.lacks(field));
        let Some(evidence) = evidence.filter(states) else {
            return Prepared::Complete {
                action,
                as_called: None,
            };
        };
        // SECURITY: a value without a vote for just this incomplete action, or one voted for while other rules were in
        // force, completes nothing. Test: a_stated_value_without_a_vote_for_it_completes_nothing.
        let consents = |rule: &HoldRule| &*rule.id == INCOMPLETE_ACTION && evidence.satisfies(rule);
        match self.policies.evaluate(facts, &action, situation, Some(evidence)) {
            Verdict::RequireApproval { rules } if rules.iter().any(consents) => Prepared::Complete {
                action: complete::complete(action.clone(), &evidence.stated, self.vocabulary(), &self.config.rates),
                as_called: Some(Box::new(action)),
            },
            verdict @ (Verdict::Allow { .. } | Verdict::Block { .. } | Verdict::RequireApproval { .. }) => {
                Prepared::Stopped { action, verdict }
            }
        }
    }
}

/// An action ready for the rules, or decided on the way.
enum Prepared {
    Complete {
        action: Action,
        /// The action without the values that people stated, if they stated any.
        as_called: Option<Box<Action>>,
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

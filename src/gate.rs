//! Action → Decision. Used by every door. Floor 3.
//!
//! The order is budgets, risk, policy: what a later part needs to know, an earlier one has worked out. Before any of them
//! the action is completed: the account's currency where the call names none, amounts in it, how many recipients are
//! outside, the labels of its target, and, where people were asked, the values they stated.
//!
//! **Stated values.** Stating a missing value is consent to an incomplete action, so it must come from a person who may
//! speak for `incomplete_action`. The action is first judged as the call states it; only if the evidence holds a vote for
//! the very `incomplete_action` that comes of that (same missing fields, same text of the rules that could not be checked)
//! are the values filled in, and then the ordinary rules apply, each hold with a vote of its own.

mod complete;
mod made;
mod memory;
mod money;
mod paused;
mod prepare;
mod prices;
mod recall;
mod replay;
mod sources;
mod spending;
mod stated;
#[cfg(test)]
mod tests;
mod timed;
mod wrong;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use self::prepare::Prepared;
use self::prices::Prices;
use crate::audit::Digests;
use crate::budget::{self, Budgets, Wording};
use crate::io::background;
use crate::labels::Labelling;
use crate::mapping::Mappings;
use crate::model::accounts::Accounts;
use crate::model::money::Rates;
use crate::model::observed::Observe;
use crate::model::time::Zone;
use crate::model::{
    Action, Call, Diagnostic, Evidence, Facts, HoldRule, Sensitivity, Situation, Timestamp, Value, Vocabulary,
};
use crate::policy::{Decision, INCOMPLETE_ACTION, Permit, Policies, Verdict};
use crate::risk::{self, Subject};

pub use self::made::{Hindered, Way};
pub use self::memory::{Memory, Sent};
pub use self::paused::Paused;
pub use self::replay::Replayed;
pub use self::sources::Sources;
pub use self::timed::Took;

/// The rules in force, for every door.
pub struct Gate {
    rules: ArcSwap<Rules>,
    memory: Arc<Memory>,
    changed: watch::Sender<()>,
}

impl Gate {
    pub fn new(rules: Rules) -> Gate {
        rules.come_into_force();
        Gate {
            memory: rules.memory().clone(),
            rules: ArcSwap::from_pointee(rules),
            changed: watch::Sender::new(()),
        }
    }

    /// Who is paused: to be asked first, and once more before anything is sent.
    pub fn paused(&self) -> &Paused {
        &self.memory.paused
    }

    /// The rules as they are at this moment. Whoever judges a call maps and decides it by one such set, and takes another if
    /// anything long lies between.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// Puts others in force, for all calls that are judged from now on. They remember what those before them did.
    pub fn replace(&self, rules: Rules) {
        rules.come_into_force();
        let before = self.rules.swap(Arc::new(rules));
        self.changed.send_replace(());
        forget(before);
    }

    pub fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// A call that may leave does so, at `at`.
    pub fn sends(&self, permit: &Permit, at: Timestamp) -> Sent {
        Sent::new(&self.rules(), permit, at)
    }

    /// Tells when other rules are in force: whatever was allowed once and goes on has to ask again.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// Thousands of rules take milliseconds to take apart: not the time of the last call that is judged by them.
fn forget(rules: Arc<Rules>) {
    const LOOK_EVERY: Duration = Duration::from_millis(100);
    let wait = move || {
        while Arc::strong_count(&rules) > 1 {
            thread::sleep(LOOK_EVERY);
        }
    };
    if let Err(error) = background::start("forget", wait) {
        tracing::warn!(%error, "no thread to forget the rules of before: whoever used them last does");
    }
}

/// What the gate is told besides its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    pub rates: Rates,
    /// Which currency single accounts are in.
    pub accounts: Accounts,
    /// Of `context.time`.
    pub zone: Zone,
    /// Whose calls no decision stops.
    pub observe: Observe,
    /// Of `context.risk`.
    pub risk: risk::Settings,
    /// For how long what was made through here is remembered; zero: not at all.
    pub recall: Duration,
}

/// Mappings and policies that were checked against each other: one value, so that no call is read by the mappings of one
/// moment and judged by the policies of another. The one place where calls are decided.
pub struct Rules {
    mappings: Mappings,
    policies: Policies,
    labels: Labelling,
    budgets: Arc<Budgets>,
    prices: Prices,
    memory: Arc<Memory>,
    config: Config,
    wording: Wording,
    digests: Digests,
}

impl Rules {
    /// Reads the files; the policies against the vocabulary of the mappings. `groups` as for [`Policies::load`].
    ///
    /// # Errors
    /// Everything that is wrong in any file; where the vocabulary is, of the others what can be told without it.
    pub fn load(
        sources: &Sources,
        groups: Option<&BTreeSet<String>>,
        config: Config,
        memory: &Arc<Memory>,
    ) -> Result<Rules, Vec<Diagnostic>> {
        let vocabulary = Mappings::read_vocabulary(&sources.vocabulary).map_err(|wrong| {
            wrong
                .into_iter()
                .chain(wrong::without_vocabulary(sources))
                .collect::<Vec<_>>()
        })?;
        let mappings = Mappings::load(&sources.vocabulary, &sources.mappings);
        let providers: Option<Vec<&str>> = mappings.as_ref().ok().map(|mappings| mappings.providers().collect());
        let providers = providers.as_deref();
        let prices = sources.prices.as_ref();
        let prices = prices.map_or(Ok(Prices::default()), |prices| Prices::load(prices, providers));
        let budgets = Budgets::load(
            &sources.budgets,
            &vocabulary,
            budget::Known { groups, providers },
            &memory.budgets,
        );
        let covered = budgets.as_ref().map(|budgets| Arc::new(budgets.extend(&vocabulary)));
        let policies = Policies::load(&sources.policies, covered.unwrap_or(vocabulary.clone()), groups);
        let kinds = mappings.as_ref().ok().map(Mappings::kinds);
        let labels = Labelling::load(&sources.targets, kinds.as_ref().filter(|kinds| !kinds.is_empty()));
        let mut strange = config.risk.unknown(&vocabulary);
        strange.extend(providers.iter().flat_map(|known| config.accounts.strange(known)));
        let (mappings, policies, labels, budgets, prices) = match (mappings, policies, labels, budgets, prices) {
            (Ok(mappings), Ok(policies), Ok(labels), Ok(budgets), Ok(prices)) if strange.is_empty() => {
                (mappings, policies, labels, budgets, prices)
            }
            (mappings, policies, labels, budgets, prices) => {
                let of_rules = policies.err().map(|wrong| match budgets.is_ok() {
                    true => wrong,
                    false => wrong::without_budgets(wrong),
                });
                let wrong = [mappings.err(), of_rules, labels.err(), budgets.err(), prices.err()];
                return Err(wrong.into_iter().flatten().flatten().chain(strange).collect());
            }
        };
        let mappings = mappings.with_accounts(config.rates.account.as_deref(), config.accounts.clone());
        let policies = policies.observing(config.observe.clone());
        Ok(Rules {
            mappings,
            policies,
            labels,
            budgets: Arc::new(budgets),
            prices,
            memory: memory.clone(),
            wording: spending::wording(&config),
            digests: sources.digests(),
            config,
        })
    }

    /// Makes ready what calls would else wait for that are judged by these instead of `before`.
    pub fn take_over(&self, before: &Rules) {
        self.mappings.read_as(&before.mappings);
    }

    pub fn mappings(&self) -> &Mappings {
        &self.mappings
    }

    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    pub fn labels(&self) -> &Labelling {
        &self.labels
    }

    /// Whose calls no decision stops.
    pub fn observes(&self) -> &Observe {
        &self.config.observe
    }

    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        self.mappings.vocabulary()
    }

    /// Which set this is, for the record.
    pub fn digests(&self) -> Digests {
        self.digests.clone()
    }

    pub fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// One line for people.
    pub fn describe(&self) -> String {
        let titles: Vec<&str> = self.mappings.titles().collect();
        let on_trial = match self.policies.on_trial() {
            0 => String::new(),
            some => format!(" ({some} of them on trial)"),
        };
        format!(
            "{} actions; mappings for {}; {} rules{on_trial}; {} budgets",
            self.vocabulary().actions.len(),
            titles.join(", "),
            self.policies.rules(),
            self.budgets.count()
        )
    }

    /// The action with all that follows from its fields, and with the labels of its target at that host. Completing twice
    /// changes nothing.
    pub fn complete(&self, action: Action, host: &str) -> Action {
        self.labels.label(self.fill(action, &BTreeMap::new()), host)
    }

    /// Whether an amount in that currency has a worth in the account's.
    pub fn has_rate(&self, currency: &str) -> bool {
        self.config.rates.base(1, currency).is_some()
    }

    fn fill(&self, action: Action, stated: &BTreeMap<Arc<str>, Value>) -> Action {
        complete::complete(action, stated, self)
    }

    /// Decides a call; with `evidence`, decides it again after people were asked. A permit carries the action with the
    /// values they stated, a block or a hold carries it as the call states it.
    pub fn decide(&self, call: Call, action: Action, evidence: Option<&Evidence>, at: Timestamp) -> Decision {
        let facts = call.facts();
        let prepared = self.prepare(&facts, action, at, evidence);
        self.decide_prepared(call, &facts, prepared, evidence, at)
    }

    /// The same without a call to permit: what an approver's consent would come to.
    pub fn review(&self, facts: &Facts, action: &Action, evidence: Option<&Evidence>, at: Timestamp) -> Verdict {
        self.review_if(facts, action, evidence, at, false)
    }

    /// The same for a call that was allowed, and counted, once, and goes on: only what is judged of it again.
    pub fn review_standing(
        &self,
        facts: &Facts,
        action: &Action,
        evidence: Option<&Evidence>,
        at: Timestamp,
    ) -> Verdict {
        self.review_if(facts, action, evidence, at, true)
    }

    fn review_if(
        &self,
        facts: &Facts,
        action: &Action,
        evidence: Option<&Evidence>,
        at: Timestamp,
        stands: bool,
    ) -> Verdict {
        match self.prepare(facts, action.clone(), at, evidence) {
            Prepared::Complete { action, .. } => {
                let situation = self.situation_if(facts, &action, at, stands);
                self.policies.evaluate(facts, &action, &situation, evidence)
            }
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

    /// The action completed, with its risk.
    pub fn weigh(&self, facts: &Facts, action: Action, at: Timestamp) -> Action {
        self.weighed(facts, self.complete(action, &facts.host), at)
    }

    /// What rules see of a completed action, but for its budgets.
    fn moment(&self, action: &Action, at: Timestamp) -> Situation {
        Situation::at(self.config.zone.at(at), action.score().unwrap_or(risk::UNKNOWN))
    }

    fn weighed(&self, facts: &Facts, mut action: Action, at: Timestamp) -> Action {
        let subject = Subject {
            action: &action,
            vocabulary: self.vocabulary(),
            time: &self.config.zone.at(at),
        };
        let history = &self.memory.history;
        let habits = |meaning: &Action| history.habits(&facts.agent, &facts.host, meaning, at);
        action.risk = risk::assess(&self.config.risk, &subject, label, habits);
        action
    }
}

/// How sensitive the target is, where somebody said so.
fn label(action: &Action) -> Option<Arc<str>> {
    match action.labels.as_ref()?.sensitivity {
        Sensitivity::Unknown => None,
        said @ (Sensitivity::Public | Sensitivity::Internal | Sensitivity::Confidential | Sensitivity::Restricted) => {
            Some(said.as_str().into())
        }
    }
}

//! Cedar policies: the only maker of [`Permit`]. Stage, floor 2.
//!
//! `permit` is ALLOW, `forbid` is BLOCK, `forbid` with `@decision("REQUIRE_APPROVAL")` is REQUIRE_APPROVAL. BLOCK beats
//! REQUIRE_APPROVAL beats ALLOW; nothing permits → BLOCK. Two sets, split when loaded: **main** (permits and plain forbids)
//! and **hold** (forbids that ask), because in one set a matching forbid hides whether anything permits.
//!
//! Every doubt closes: any rule that errs, any call that does not fit the vocabulary is BLOCK (`policy_error`).
//!
//! **Observing.** A rule with `@mode("observe")` is on trial: asked in a third set, and only recorded. Where the configuration
//! says so (`dangerously_observe`), what would be BLOCK or REQUIRE_APPROVAL is a permit that says so (its basis).
//!
//! **Incomplete actions.** Where a required field could not be read, rules are asked with what there is. A rule that needed
//! the field errs, and is named: it *could not be checked*. What is forbidden or not permitted all the same is BLOCK; else
//! people are asked by the built-in rule `incomplete_action`, which no vote satisfies: only values stated by an approver
//! make the action complete ([`crate::gate`]), and then the ordinary rules apply. So an incomplete action is never ALLOW.

mod answers;
mod decision;
mod evaluate;
mod fit;
mod held;
mod incomplete;
mod index;
mod judge;
mod kinds;
mod limits;
mod lint;
mod load;
mod mentions;
mod place;
mod request;
mod rule;
mod schema;
mod scope;
mod strictest;
mod suppose;
#[cfg(test)]
mod tests;
mod trial;
mod warn;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy::{Authorizer, Schema};

pub use self::decision::{Basis, Blocked, Decision, Hold, Permit, RuleReason, Verdict};
pub use self::rule::{DEFAULT, DEFAULT_APPROVERS, INCOMPLETE_ACTION, OWNERS};
pub use self::warn::Known;

use self::evaluate::Findings;
use self::fit::Misfit;
use self::index::{Index, Part};
use self::load::Loaded;
use self::mentions::Mentions;
use self::request::{Attribute, Prepared, Requests};
use self::rule::{POLICY_ERROR, Rule};
use self::schema::Strictness;
use self::trial::{Tried, Weighed};
use crate::model::labels::{Labels, Possible};
use crate::model::observed::Observe;
use crate::model::vocabulary::ActionDefinition;
use crate::model::{Action, Call, Diagnostic, Evidence, Facts, Reason, Situation, Source, Spending, Vocabulary};

/// A set of rules, ready to be asked. Immutable: a reload makes another.
pub struct Policies {
    vocabulary: Arc<Vocabulary>,
    /// For complete actions, and for validating.
    strict: Schema,
    /// For incomplete ones.
    lenient: Schema,
    rules: HashMap<Arc<str>, Rule>,
    index: Index,
    requests: Requests,
    authorizer: Authorizer,
    /// By action: optional fields that a rule about it tests with `has`.
    tested: BTreeMap<Arc<str>, BTreeSet<String>>,
    /// By action: the rules in force about it that ask people.
    held: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    digest: Arc<str>,
    observe: Observe,
}

impl Policies {
    /// Reads policy files. `groups` are the groups of people that `@approvers` may name, besides `approver` and `owner`;
    /// `None` where nobody knows them.
    ///
    /// # Errors
    /// All mistakes of all files at once, with their places.
    pub fn load(
        files: &[Source],
        vocabulary: Arc<Vocabulary>,
        groups: Option<&BTreeSet<String>>,
    ) -> Result<Policies, Vec<Diagnostic>> {
        let (strict, lenient) = load::schemas(&vocabulary)?;
        let loaded = load::files(files, &vocabulary, strict.clone(), groups)?;
        let tested = tested(&loaded, &vocabulary);
        let held = held::by_action(&loaded, &vocabulary);
        let internal = |error: String| vec![Diagnostic::of_file("policies", error)];
        let mut index = Index::default();
        for policy in &loaded.policies {
            let part = Part::of(loaded.rules.get(AsRef::<str>::as_ref(policy.id())));
            index
                .insert(policy, part)
                .map_err(|error| internal(error.to_string()))?;
        }
        Ok(Policies {
            vocabulary,
            strict,
            lenient,
            rules: loaded.rules,
            index,
            requests: Requests::new().map_err(|error| internal(error.to_string()))?,
            authorizer: Authorizer::new(),
            tested,
            held,
            digest: Self::digest_of(files),
            observe: Observe::Nobody,
        })
    }

    /// What of the files is no Cedar: all that can be told of them without a vocabulary.
    pub fn misshapen(files: &[Source]) -> Vec<Diagnostic> {
        load::misshapen(files)
    }

    /// The same, with calls that no decision stops.
    pub fn observing(self, observe: Observe) -> Self {
        Self { observe, ..self }
    }

    /// Whether an agent's calls are sent whatever is decided.
    pub fn observes(&self, agent: &str) -> bool {
        self.observe.covers(agent)
    }

    /// The Cedar schema that rules are checked against, as Cedar's own tools read it.
    ///
    /// # Errors
    /// What of the vocabulary cannot become a schema.
    pub fn schema(vocabulary: &Vocabulary) -> Result<String, Vec<Diagnostic>> {
        load::schemas(vocabulary)?;
        Ok(schema::text(vocabulary, Strictness::Strict))
    }

    /// Context that every action has, besides its own fields: name, Cedar type, and what it is where the name does not say it.
    pub fn common_context() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        schema::COMMON
            .into_iter()
            .map(|(name, kind)| (name, kind, schema::says(name)))
    }

    /// How many rules there are.
    pub fn rules(&self) -> usize {
        self.rules.len()
    }

    /// Whether any of them may read this name of the context.
    pub fn read(&self, name: &str) -> bool {
        self.index.policies().any(|policy| Mentions::of(policy).hold(name))
    }

    /// How many of them are only recorded.
    pub fn on_trial(&self) -> usize {
        self.rules.values().filter(|rule| rule.on_trial).count()
    }

    /// Of the files; see [`Source::digest`].
    pub fn digest(&self) -> &Arc<str> {
        &self.digest
    }

    /// What `digest` of these files would be.
    pub fn digest_of(files: &[Source]) -> Arc<str> {
        Source::digest(files)
    }

    /// Whether a rule about this action asks for a field that need not be there.
    pub fn asks_for(&self, action: &str, field: &str) -> bool {
        self.tested.get(action).is_some_and(|fields| fields.contains(field))
    }

    /// What the rules say of an action: the strictest of what they say of each of its meanings. `evidence` counts for rules
    /// of exactly the text that was consented to.
    pub fn evaluate(
        &self,
        facts: &Facts,
        action: &Action,
        situation: &Situation,
        evidence: Option<&Evidence>,
    ) -> Verdict {
        self.weigh(facts, action, situation, evidence).verdict
    }

    /// The same, with what the rules on trial make of it.
    fn weigh(&self, facts: &Facts, action: &Action, situation: &Situation, evidence: Option<&Evidence>) -> Weighed {
        let said = self.weigh_all(facts, action, situation, evidence);
        let over = situation.over.iter().filter_map(|over| limits::verdict(over, evidence));
        over.fold(said, |said, over| said.and(Weighed::of_all(over)))
    }

    /// Of all meanings.
    fn weigh_all(&self, facts: &Facts, action: &Action, situation: &Situation, evidence: Option<&Evidence>) -> Weighed {
        let first = self.weigh_one(facts, action, situation, evidence);
        // SECURITY: a call that does more than one thing must not be judged by one of them: a parameter more would take it
        // out of the rules for the others. Tests: `the_strictest_decision_of_all_meanings_wins`,
        // `one_more_parameter_takes_no_call_out_of_a_rule`.
        action.also.iter().fold(first, |strictest, meaning| {
            strictest.and(self.weigh_all(facts, meaning, situation, evidence))
        })
    }

    /// Of one meaning, however its target may be labelled.
    ///
    /// SECURITY: of a target that cannot be told, labels that only some have must neither permit nor save from a forbid
    /// (test `a_target_that_cannot_be_told_has_the_strictest_of_all_its_labels`).
    fn weigh_one(&self, facts: &Facts, action: &Action, situation: &Situation, evidence: Option<&Evidence>) -> Weighed {
        let mut possible = Labels::possible(action.labels.as_deref());
        let first = possible.next().unwrap_or_default();
        let of = |labels| self.weigh_labelled(facts, action, labels, situation, evidence);
        possible.fold(of(first), |strictest, labels| strictest.and(of(labels)))
    }

    fn weigh_labelled(
        &self,
        facts: &Facts,
        action: &Action,
        labels: Possible<'_>,
        situation: &Situation,
        evidence: Option<&Evidence>,
    ) -> Weighed {
        let broken = |rules| Verdict::Block {
            reason: Reason::PolicyError,
            rules,
        };
        let (definition, findings) = match self.ask(facts, action, labels, situation) {
            Ok(asked) => asked,
            Err(rules) => return Weighed::of_all(broken(rules)),
        };
        let judge = |findings: &Findings| match is_complete(action, definition, situation) {
            true => self.judge(findings, evidence).unwrap_or_else(broken),
            false => self
                .judge_incomplete(action, definition, findings, evidence)
                .unwrap_or_else(broken),
        };
        let verdict = judge(&findings);
        if let Verdict::Block {
            reason: Reason::PolicyError,
            rules,
        } = &verdict
        {
            tracing::error!(failed = ?rules, "rules could not be evaluated");
        }
        let trial = findings
            .on_trial
            .as_deref()
            .map(|on_trial| Tried::new(on_trial, judge(&findings.and(on_trial))));
        Weighed { verdict, trial }
    }

    /// Decides a call: the only way to a [`Permit`].
    pub fn decide(&self, call: Call, action: Action, situation: &Situation, evidence: Option<&Evidence>) -> Decision {
        let Weighed { verdict, trial } = self.weigh(&call.facts(), &action, situation, evidence);
        let trial = trial.map(|trial| Box::new(trial.told()));
        match verdict {
            Verdict::Allow { rules } => {
                let approval = evidence.map(|evidence| evidence.approval.clone());
                Decision::Allow(Permit::new(call, action, rules, approval, trial))
            }
            // SECURITY: the one place where a no is not obeyed, and only the configuration leads here; parse, authority, size,
            // trail and pause are not asked here. Tests: `what_is_observed_is_permitted_and_says_so`, `tests/it/observe.rs`.
            stopped if self.observes(&call.caller.agent) => {
                Decision::Allow(Permit::observed(call, action, stopped, trial))
            }
            Verdict::Block { reason, rules } => Decision::Block(Blocked {
                call,
                action,
                reason,
                rules,
                spending: Spending::default(),
                trial,
            }),
            Verdict::RequireApproval { rules } => Decision::RequireApproval(Hold {
                call,
                action,
                rules,
                spending: Spending::default(),
                trial,
            }),
        }
    }

    /// Asks the rules; `Err` where the action does not fit the vocabulary.
    fn ask(
        &self,
        facts: &Facts,
        action: &Action,
        labels: Possible<'_>,
        situation: &Situation,
    ) -> Result<(&ActionDefinition, Arc<Findings>), Vec<RuleReason>> {
        let findings = || {
            let definition = self.vocabulary.actions.get(&action.name).ok_or(Misfit::UnknownAction)?;
            fit::check(action, definition, &self.vocabulary)?;
            let prepared = self.requests.prepare(facts, action, labels, definition, &self.index)?;
            let told = || request::attributes(facts, action, definition, situation);
            // What `fit` lets through fits the schema (test `what_fits_the_vocabulary_fits_the_schema`): Cedar looks once
            // more in debug builds only, for it costs a fifth of the decision.
            if cfg!(debug_assertions) {
                let complete = is_complete(action, definition, situation);
                let schema = if complete { &self.strict } else { &self.lenient };
                request::request(&prepared, told(), Some(schema))?;
            }
            let whole = answers::question(&prepared.mentions, told());
            let by_shard = whole.is_none();
            let mut findings = prepared
                .answers
                .recall(whole, || self.ask_shards(&prepared, told, by_shard))?;
            if !action.missing.is_empty() {
                let lacking = self.tests_missing(action, self.index.sets(&prepared.shards));
                let tried = self.tests_missing(action, self.index.on_trial(&prepared.shards));
                let findings = Arc::make_mut(&mut findings);
                findings.lacking.extend(lacking);
                if !tried.is_empty() {
                    findings.on_trial.get_or_insert_default().lacking.extend(tried);
                }
            }
            Ok((definition, findings))
        };
        findings().map_err(|misfit: Misfit| {
            tracing::error!(provider = %action.provider, action = %action.name, %misfit, "action does not fit");
            vec![RuleReason {
                id: POLICY_ERROR.into(),
                reason: Some(misfit.to_string()),
            }]
        })
    }

    /// Shard by shard, each by what its own rules read. `remembers`: what each says is kept.
    fn ask_shards<'a, A>(&self, prepared: &Prepared, told: impl Fn() -> A, remembers: bool) -> Result<Findings, Misfit>
    where
        A: Iterator<Item = (&'a str, Attribute<'a>)>,
    {
        let mut findings = prepared.certain();
        for (at, answers) in &prepared.by_shard {
            let shard = self.index.shard_at(*at).ok_or(Misfit::Schema)?;
            let question = remembers.then(|| answers::question(&shard.mentions, told())).flatten();
            let said = answers.recall(question, || {
                let read = told().filter(|(name, _)| shard.mentions.hold(name));
                let request = request::request(prepared, read, None)?;
                Ok(evaluate::ask(&self.authorizer, shard, prepared, &request))
            })?;
            findings.add(&said);
        }
        Ok(findings)
    }
}

/// Which optional fields rules test, by the actions that they are about.
///
/// Not those of rules on trial: a field that is asked for and cannot be told holds the call (test
/// `a_rule_on_trial_that_asks_what_it_costs_holds_nothing`).
fn tested(loaded: &Loaded, vocabulary: &Vocabulary) -> BTreeMap<Arc<str>, BTreeSet<String>> {
    let mut tested: BTreeMap<Arc<str>, BTreeSet<String>> = BTreeMap::new();
    for policy in &loaded.policies {
        let Some(rule) = loaded.rules.get(AsRef::<str>::as_ref(policy.id())) else {
            continue;
        };
        if !rule.on_trial && !rule.tests.is_empty() {
            for action in lint::actions(policy, vocabulary) {
                tested.entry(action.clone()).or_default().extend(rule.tests.clone());
            }
        }
    }
    tested
}

/// Whether all that rules may ask of it is known: its fields, and what budgets come to with it.
fn is_complete(action: &Action, definition: &ActionDefinition, situation: &Situation) -> bool {
    let known = |name: &Arc<str>| situation.budgets.contains_key(name);
    action.missing.is_empty() && definition.budgets.keys().all(known)
}

//! What would be decided if the rules were others: for telling people what to change.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{Policy, PolicyId};

use super::Policies;
use super::index::{Index, Part};
use super::request::Requests;
use super::rule::{Kind, Rule};
use crate::model::labels::Labels;
use crate::model::{Action, Diagnostic, Facts, Situation};

/// Id of a rule that is only supposed.
const SUPPOSED: &str = "supposed";

impl Policies {
    /// Where a rule stands (`policies/house.cedar:12:1`); `None` for the built-in ones.
    pub fn place(&self, id: &str) -> Option<&str> {
        self.rules.get(id).map(|rule| &*rule.place)
    }

    /// Why there is a rule, in its author's words.
    pub fn reason(&self, id: &str) -> Option<&str> {
        self.rules.get(id)?.reason.as_deref()
    }

    /// Whether it is only recorded what the rule says.
    pub fn is_on_trial(&self, id: &str) -> bool {
        self.rules.get(id).is_some_and(|rule| rule.on_trial)
    }

    /// Every rule that a call meets, whichever of them decide, those on trial too, with what it does: `permit`, `forbid` or
    /// `hold`. By id.
    pub fn met(&self, facts: &Facts, action: &Action, situation: &Situation) -> BTreeMap<Arc<str>, &'static str> {
        let mut met = BTreeMap::new();
        for meaning in action.meanings() {
            for labels in Labels::possible(meaning.labels.as_deref()) {
                let Ok((_, findings)) = self.ask(facts, meaning, labels, situation) else {
                    continue;
                };
                let on_trial = findings.on_trial.iter().flat_map(|on_trial| &on_trial.satisfied);
                for id in findings.satisfied.iter().chain(on_trial) {
                    met.extend(self.rules.get(id).map(|rule| (id.clone(), rule.kind.word())));
                }
            }
        }
        // A block that is met hides the permits beside it.
        let blocks: BTreeSet<Arc<str>> = met
            .iter()
            .filter(|(_, does)| **does == "forbid")
            .map(|(id, _)| id.clone())
            .collect();
        if !blocks.is_empty()
            && let Ok(others) = self.supposing(&blocks, None)
        {
            met.extend(others.met(facts, action, situation));
        }
        met
    }

    /// These rules without some of them, and with one more, the text of a `permit`. Never in force: what it decides is
    /// to be told, so it is asked by `evaluate` only.
    ///
    /// # Errors
    /// If the text is no rule.
    pub fn supposing(&self, without: &BTreeSet<Arc<str>>, permit: Option<&str>) -> Result<Policies, Vec<Diagnostic>> {
        let wrong = |error: String| vec![Diagnostic::of_file(SUPPOSED, error)];
        let (mut index, mut rules, mut seen) = (Index::default(), self.rules.clone(), HashSet::new());
        for policy in self.index.policies() {
            let id: &str = policy.id().as_ref();
            if without.contains(id) || !seen.insert(id.to_owned()) {
                continue;
            }
            let part = Part::of(self.rules.get(id));
            index.insert(policy, part).map_err(|error| wrong(error.to_string()))?;
        }
        rules.retain(|id, _| !without.contains(id));
        if let Some(text) = permit {
            let id = PolicyId::from_str(SUPPOSED).map_err(|error| wrong(error.to_string()))?;
            let policy = Policy::parse(Some(id), text).map_err(|error| wrong(error.to_string()))?;
            index
                .insert(&policy, Part::Main)
                .map_err(|error| wrong(error.to_string()))?;
            let rule = Rule {
                kind: Kind::Permit,
                reason: None,
                place: SUPPOSED.to_owned(),
                digest: SUPPOSED.into(),
                tests: BTreeSet::new(),
                reads_kinds: false,
                on_trial: false,
            };
            rules.insert(SUPPOSED.into(), rule);
        }
        Ok(Policies {
            vocabulary: self.vocabulary.clone(),
            strict: self.strict.clone(),
            lenient: self.lenient.clone(),
            rules,
            index,
            requests: Requests::new().map_err(|error| wrong(error.to_string()))?,
            authorizer: cedar_policy::Authorizer::new(),
            tested: self.tested.clone(),
            held: self.held.clone(),
            digest: SUPPOSED.into(),
            observe: self.observe.clone(),
        })
    }
}

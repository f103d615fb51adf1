//! What the rules say of one call.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{AuthorizationError, Authorizer, EvaluationError, PolicySet, Request};

use super::index::Shard;
use super::request::Prepared;

/// Ids of rules by what came of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// Permits, forbids or holds that are satisfied. Permits stand here only where no forbid of their shard does.
    pub(super) satisfied: BTreeSet<Arc<str>>,
    /// Rules that needed a field which is not there.
    pub(super) lacking: BTreeSet<Arc<str>>,
    /// Rules that failed otherwise, and how.
    pub(super) broken: BTreeMap<Arc<str>, &'static str>,
    /// The same of rules on trial, if they have anything to say. Nothing that is decided rests on it.
    pub(super) on_trial: Option<Box<Findings>>,
}

impl Findings {
    /// As if those were in force.
    pub(super) fn and(&self, on_trial: &Findings) -> Findings {
        let mut all = self.clone();
        all.add_in_force(on_trial);
        all
    }

    /// With what other rules say of the same question.
    pub(super) fn add(&mut self, more: &Findings) {
        self.add_in_force(more);
        if let Some(on_trial) = &more.on_trial {
            self.on_trial.get_or_insert_default().add_in_force(on_trial);
        }
    }

    fn add_in_force(&mut self, more: &Findings) {
        self.satisfied.extend(more.satisfied.iter().cloned());
        self.lacking.extend(more.lacking.iter().cloned());
        self.broken
            .extend(more.broken.iter().map(|(id, how)| (id.clone(), *how)));
    }

    fn is_empty(&self) -> bool {
        self.satisfied.is_empty() && self.lacking.is_empty() && self.broken.is_empty()
    }
}

/// Asks the rules of one shard that have conditions, those on trial apart.
pub(super) fn ask(authorizer: &Authorizer, shard: &Shard, prepared: &Prepared, request: &Request) -> Findings {
    let on_trial = ask_sets(authorizer, shard.on_trial(), prepared, request);
    Findings {
        on_trial: (!on_trial.is_empty()).then(|| Box::new(on_trial)),
        ..ask_sets(authorizer, shard.sets(), prepared, request)
    }
}

fn ask_sets<'a>(
    authorizer: &Authorizer,
    sets: impl Iterator<Item = &'a PolicySet>,
    prepared: &Prepared,
    request: &Request,
) -> Findings {
    let mut findings = Findings::default();
    for set in sets {
        let response = authorizer.is_authorized(request, set, &prepared.entities);
        let diagnostics = response.diagnostics();
        findings
            .satisfied
            .extend(diagnostics.reason().map(|id| Arc::from(id.as_ref())));
        // SECURITY: Cedar skips a policy that errs, so an erring forbid would forbid nothing.
        // Test: an_overflow_in_a_rule_blocks.
        for error in diagnostics.errors() {
            let AuthorizationError::PolicyEvaluationError(error) = error;
            let id = Arc::from(error.policy_id().as_ref());
            match failure(error.inner()) {
                None => drop(findings.lacking.insert(id)),
                Some(how) => drop(findings.broken.insert(id, how)),
            }
        }
    }
    findings
}

/// How a rule failed; `None`: it needed a field of the context that is not there. Values are left out: agents read this.
fn failure(error: &EvaluationError) -> Option<&'static str> {
    match error {
        EvaluationError::RecordAttrDoesNotExist(_) => None,
        EvaluationError::IntegerOverflow(_) => Some("a number is too large"),
        EvaluationError::TypeError(_) => Some("a value is not of its type"),
        EvaluationError::EntityDoesNotExist(_) => Some("an entity is not known"),
        EvaluationError::EntityAttrDoesNotExist(_) => Some("an entity lacks an attribute"),
        EvaluationError::FailedExtensionFunctionLookup(_)
        | EvaluationError::WrongNumArguments(_)
        | EvaluationError::FailedExtensionFunctionExecution(_) => Some("a function failed"),
        EvaluationError::UnlinkedSlot(_) | EvaluationError::NonValue(_) => Some("it has no value"),
        EvaluationError::RecursionLimit(_) => Some("it is nested too deeply"),
    }
}

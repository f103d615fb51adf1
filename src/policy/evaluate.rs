//! What the rules say of one call.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{AuthorizationError, Authorizer, EvaluationError, PolicySet, Request};

use super::index::Index;
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
        all.satisfied.extend(on_trial.satisfied.iter().cloned());
        all.lacking.extend(on_trial.lacking.iter().cloned());
        all.broken
            .extend(on_trial.broken.iter().map(|(id, how)| (id.clone(), *how)));
        all
    }

    fn is_empty(&self) -> bool {
        self.satisfied.is_empty() && self.lacking.is_empty() && self.broken.is_empty()
    }
}

/// Asks the shards of the question.
pub(super) fn ask(authorizer: &Authorizer, index: &Index, prepared: &Prepared, request: &Request) -> Findings {
    let on_trial = ask_sets(
        authorizer,
        Findings::default(),
        index.on_trial(&prepared.shards),
        prepared,
        request,
    );
    Findings {
        on_trial: (!on_trial.is_empty()).then(|| Box::new(on_trial)),
        ..ask_sets(
            authorizer,
            prepared.certain(),
            index.sets(&prepared.shards),
            prepared,
            request,
        )
    }
}

fn ask_sets<'a>(
    authorizer: &Authorizer,
    certain: Findings,
    sets: impl Iterator<Item = &'a PolicySet>,
    prepared: &Prepared,
    request: &Request,
) -> Findings {
    let mut findings = certain;
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

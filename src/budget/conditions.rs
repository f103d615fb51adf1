//! What a call must be to count, besides its action.

use std::sync::Arc;

use serde::Deserialize;

use crate::io::yaml::Located;
use crate::model::diagnostic::{meant, no_provider};
use crate::model::{Action, Diagnostic, Source};

/// Of calls of which nobody says any.
const UNKNOWN: &str = "unknown";
/// The environment that counts whatever is not known to be another.
const PRODUCTION: &str = "production";
/// Those that are known not to be production: the same as in the shipped rules.
const NOT_PRODUCTION: [&str; 4] = ["test", "development", "staging", "sandbox"];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    provider: Option<Arc<str>>,
    environment: Option<Arc<str>>,
    unmapped: Option<bool>,
}

impl Conditions {
    /// SECURITY: where a call goes may be told by its credential, which an agent may spell as nobody reads it. Test:
    /// `a_budget_of_production_counts_what_nobody_knows`.
    pub(super) fn hold(&self, action: &Action) -> bool {
        let environment = action.environment();
        let is = |wanted: &Arc<str>| match &**wanted {
            PRODUCTION => !NOT_PRODUCTION.contains(&&**environment),
            _ => wanted == environment,
        };
        self.provider
            .as_ref()
            .is_none_or(|provider| *provider == action.provider)
            && self.environment.as_ref().is_none_or(is)
            && self.unmapped.is_none_or(|unmapped| unmapped == action.unmapped)
    }
}

/// As typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Typed {
    provider: Option<Located<Arc<str>>>,
    environment: Option<Located<Arc<str>>>,
    unmapped: Option<bool>,
}

impl Typed {
    pub(super) fn conditions(&self) -> Conditions {
        let value = |typed: &Option<Located<Arc<str>>>| typed.as_ref().map(|typed| typed.value.clone());
        Conditions {
            provider: value(&self.provider),
            environment: value(&self.environment),
            unmapped: self.unmapped,
        }
    }

    /// A budget of a provider that nobody knows counts nothing, and limits nothing.
    pub(super) fn strange(&self, source: &Source, providers: &[&str]) -> Option<Diagnostic> {
        let typed = self.provider.as_ref()?;
        let name = &*typed.value;
        let strange = !providers.contains(&name);
        strange.then(|| typed.diagnostic(source, no_provider(name, providers.iter().copied())))
    }

    /// Any word may be an environment; one that nobody gives is of no call. With the word, and what to say where that is so.
    pub(super) fn doubt(&self, source: &Source) -> Option<Doubt> {
        let typed = self.environment.as_ref()?;
        let name = &typed.value;
        let usual = || NOT_PRODUCTION.into_iter().chain([PRODUCTION]);
        if usual().chain([UNKNOWN]).any(|usual| *usual == **name) {
            return None;
        }
        // People say `prod`, `dev` and `stage`.
        let short = name.strip_suffix('e').unwrap_or(name);
        let begins = usual().find(|usual| short.len() > 2 && usual.starts_with(short));
        let hint = begins.or_else(|| meant(name, usual()));
        let hint = hint
            .map(|usual| format!(" (did you mean `{usual}`?)"))
            .unwrap_or_default();
        let message = format!("no label and no mapping gives the environment `{name}`: nothing counts here{hint}");
        Some((name.clone(), typed.diagnostic(source, message)))
    }
}

/// A word and what to say where nobody knows it.
pub(super) type Doubt = (Arc<str>, Diagnostic);

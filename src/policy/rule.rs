//! One rule of a policy file, with what its annotations say.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::model::HoldRule;
use crate::model::approval::Escalation;
pub use crate::model::approval::{DEFAULT_APPROVERS, INCOMPLETE_ACTION, OWNERS};

/// What blocks where nothing permits.
pub const DEFAULT: &str = "default";
/// What blocks where the call does not fit the vocabulary.
pub(super) const POLICY_ERROR: &str = "policy_error";

/// Ids that rules may not take.
pub(super) const RESERVED_IDS: [&str; 3] = [DEFAULT, INCOMPLETE_ACTION, POLICY_ERROR];

#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) kind: Kind,
    /// `@reason`, in the author's words.
    pub(super) reason: Option<String>,
    /// `policies/house.cedar:12:1`
    pub(super) place: String,
    /// SHA-256 (hex) of the rule's text as it stands in the file, annotations included.
    pub(super) digest: Arc<str>,
    /// Names of context that the rule tests with `has`. Such a test answers "no" for a field that could not be read,
    /// where every other use of it is an error.
    pub(super) tests: BTreeSet<String>,
    /// It reads what records are called, which is made of several fields: where one could not be read, it is some of them only.
    pub(super) reads_kinds: bool,
    /// `@mode("observe")`: only recorded.
    pub(super) on_trial: bool,
}

/// What a satisfied rule does.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Permit,
    Forbid,
    Hold(HoldRule),
}

impl Kind {
    /// As the command line says it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Kind::Permit => "permit",
            Kind::Forbid => "forbid",
            Kind::Hold(_) => "hold",
        }
    }
}

/// What annotations say of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HoldTerms {
    pub(super) approvers: Vec<Arc<str>>,
    /// People that must consent.
    pub(super) quorum: u32,
    pub(super) timeout: Option<Duration>,
    pub(super) escalation: Option<Escalation>,
}

/// SHA-256 (hex) over parts, each with its length before it, so that no two lists of parts are the same bytes.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> Arc<str> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize()).into()
}

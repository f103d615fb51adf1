//! What one call is to one budget: how much, in whose windows, and whether it is a request that was counted.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::words::{self, Room, Wording};
use super::{Budget, Limit, Measure, Per, Print, Uses};
use crate::model::budget::Over;
use crate::model::{Access, Action, Call, Facts, HoldRule, Identity, Outcome, Target, spelling};

/// What ids of limits begin with.
pub(super) const LIMIT: &str = "budget:";

impl Budget {
    /// What a meaning adds; `None`: it leaves out what is summed.
    ///
    /// SECURITY: a negative amount would make room for what is not there. Test: `a_negative_amount_makes_no_room`.
    pub(super) fn amount(&self, meaning: &Action) -> Option<i64> {
        match &self.measure {
            Measure::Calls => Some(1),
            Measure::Sum { field, .. } => meaning.int(field).map(|amount| amount.max(0)),
        }
    }

    /// Whose windows it counts in. Never none: who has no role is counted with all who have none.
    pub(super) fn scopes(&self, facts: &Facts, meaning: &Action) -> Vec<Arc<str>> {
        match self.per {
            Per::Agent => vec![facts.agent.clone()],
            Per::Sidecar => vec!["sidecar".into()],
            Per::Role if facts.roles.is_empty() => vec!["(no role)".into()],
            Per::Role => facts.roles.to_vec(),
            Per::Group => self.groups.get(&meaning.name).cloned().unwrap_or_default(),
            Per::Target => vec![target(meaning)],
        }
    }

    pub(super) fn over(&self, limit: &Limit, scope: &str, after: i128, free: Room, wording: &Wording) -> Over {
        let id: Arc<str> = format!("{LIMIT}{}", self.name).into();
        let reason = words::over(self, limit, scope, after, free, wording);
        let hold = limit.approvers.as_ref().map(|approvers| HoldRule {
            id: id.clone(),
            reason: Some(reason.clone()),
            approvers: approvers.clone(),
            quorum: 1,
            timeout: None,
            escalation: None,
            digest: limit.digest.clone(),
            unchecked: Vec::new(),
        });
        Over { id, reason, hold }
    }
}

impl Limit {
    /// Of a budget that counts this.
    ///
    /// SECURITY: consent to a limit of one thing is none to the same number of another. Test:
    /// `consent_is_to_all_that_a_limit_says`.
    pub(super) fn new(identity: &str, at_most: i64, approvers: Option<Vec<Arc<str>>>) -> Limit {
        let parts = format!("{identity} {at_most} {approvers:?}");
        Limit {
            at_most,
            approvers,
            digest: hex::encode(Sha256::digest(parts)).into(),
        }
    }
}

impl Uses {
    /// Whether all that this takes is among what the other takes, in the same windows.
    pub fn is_within(&self, other: &Uses) -> bool {
        self.unknown.is_empty() && self.parts.iter().all(|part| other.parts.contains(part))
    }
}

/// Whether a call that ended so counts: all that may have been done does. `None`: nothing was sent. `unproven`: what was
/// answered says nothing.
pub fn keeps(end: Option<(Outcome, Option<u16>)>, unproven: bool) -> bool {
    match end {
        None | Some((Outcome::NotSent, _)) => false,
        Some((Outcome::Failure, status)) => unproven || !refuses(status),
        Some((Outcome::Success | Outcome::Error | Outcome::Unknown | Outcome::Abandoned, _)) => true,
    }
}

/// Whether by this status the provider did nothing, for certain: 408, 409, 423 and 425 may be about an earlier attempt.
pub(super) fn refuses(status: Option<u16>) -> bool {
    status.is_some_and(|status| matches!(status, 400..=499) && !matches!(status, 408 | 409 | 423 | 425))
}

/// Whether an answer says nothing of what was done: nobody knows who gives it.
///
/// SECURITY: a host that gets an agent's data would answer 4xx, and the call that brought it would be given back. Test:
/// `a_refusal_of_a_host_that_nobody_knows_gives_nothing_back`.
pub fn is_unproven(action: &Action) -> bool {
    action
        .meanings()
        .any(|meaning| meaning.unmapped || &*meaning.provider == UNKNOWN_PROVIDER)
}

/// Of a host without a mapping.
pub(super) const UNKNOWN_PROVIDER: &str = "unknown";

/// Longest name of a target that is kept as it is.
const LONGEST: usize = 128;

/// `stripe/charge/ch_1`; of a long one the beginning, and a digest of it.
///
/// SECURITY: an agent that spells one target in many ways would have a window for each. Test:
/// `one_target_has_one_window_however_it_is_spelt`.
fn target(meaning: &Action) -> Arc<str> {
    let Target { kind, id } = &meaning.target;
    let id = id.as_deref().map(|id| spelling::one_name(kind, id));
    let name = format!("{}/{kind}/{}", meaning.provider, id.as_deref().unwrap_or("(not named)"));
    if name.len() <= LONGEST {
        return name.into();
    }
    let beginning: String = name.chars().take(LONGEST / 4).collect();
    format!("{beginning}…{}", hex::encode(Sha256::digest(name))).into()
}

/// Longest idempotency key that any provider says it takes, in bytes.
const LONGEST_KEY: usize = 255;

/// What tells that two requests are one to the provider: `None` unless its mapping names a header field by which it knows.
///
/// SECURITY: a key among the parameters is one of some operations, and nothing to others, which do the same again (DynamoDB's
/// `ClientRequestToken`, in `UpdateItem`). Test: `a_key_among_the_parameters_is_counted_each_time`.
///
/// SECURITY: a key that a provider may take for none (empty, or longer than any), is one. Test:
/// `a_key_that_may_be_none_is_counted_each_time`.
///
/// SECURITY: at a host that nobody knows, or in a read, the key says nothing: an agent could make call after call with one.
/// Test: `a_key_that_means_nothing_to_the_provider_is_counted_each_time`.
pub fn print(call: &Call, action: &Action, identity: &Identity) -> Option<Print> {
    let key = identity.idempotency_key.as_ref().filter(|_| identity.key_is_header)?;
    if key.trim().is_empty() || key.len() > LONGEST_KEY {
        return None;
    }
    let means = |meaning: &Action| !meaning.unmapped && meaning.access != Access::Read;
    if !action.meanings().all(means) {
        return None;
    }
    let mut hash = Sha256::new();
    for part in [
        call.caller.agent.as_bytes(),
        &identity.credential,
        &identity.content,
        key.as_bytes(),
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Some(hash.finalize().into())
}

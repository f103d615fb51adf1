//! What a connection rests on that was allowed once and goes on unread: asked again whenever rules, agents or pauses
//! change, and as time passes, which rules may ask for.

use std::time::Duration;

use tokio::time::sleep;

use super::{Credentials, Parts, say};
use crate::model::{Call, Evidence, Facts, Reason, Refusal, Timestamp};
use crate::policy::Verdict;

/// How long a stream may outlast the hour of its rule.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A call that was allowed, to be judged again.
pub(super) struct Standing {
    call: Call,
    /// What the agent proves itself with.
    credentials: Credentials,
    /// People's consent, if it was needed: it counts as long as the rule that asked for it stays as it was.
    evidence: Option<Evidence>,
}

impl Standing {
    pub(super) fn new(call: Call, credentials: Credentials, evidence: Option<Evidence>) -> Self {
        Self {
            call,
            credentials,
            evidence,
        }
    }

    pub(super) fn call(&self) -> &Call {
        &self.call
    }

    /// Resolves once the call would not be allowed any more, and says why.
    // SECURITY: a stream that outlives its rule, or its agent's key, is a hole that nobody sees. Tests:
    // `a_stream_is_closed_when_its_rule_goes`, `a_stream_is_closed_when_its_agents_key_is_rotated`,
    // `a_pause_closes_streams_and_tunnels_at_once`.
    pub(super) async fn lost(&self, parts: &Parts) -> Refusal {
        self.lost_by(parts, Timestamp::now).await
    }

    /// The same by another clock.
    async fn lost_by(&self, parts: &Parts, clock: impl Fn() -> Timestamp) -> Refusal {
        let (mut rules, mut agents) = (parts.gate.changes(), parts.registry.changes());
        let mut pauses = parts.gate.paused().changes();
        loop {
            if let Err(refusal) = self.judge(parts, clock()) {
                return refusal;
            }
            // The senders live as long as `parts`.
            let _changed = tokio::select! {
                changed = rules.changed() => changed,
                changed = agents.changed() => changed,
                changed = pauses.changed() => changed,
                () = sleep(LOOK_EVERY) => Ok(()),
            };
        }
    }

    fn judge(&self, parts: &Parts, at: Timestamp) -> Result<(), Refusal> {
        let caller = self.credentials.active(parts)?;
        if caller.agent != self.call.caller.agent {
            return Err(Refusal::new(
                Reason::AgentUnknown,
                "another agent asked when this connection was opened",
            ));
        }
        let rules = parts.gate.rules();
        let action = match self.call.opens_stream() {
            true => rules.mappings().stream(&self.call)?,
            false => rules.mappings().tunnel(&self.call),
        };
        // Nothing that is decided stops a call that is only observed.
        if rules.policies().observes(&caller.agent) {
            return Ok(());
        }
        let facts = Facts {
            roles: caller.roles,
            ..self.call.facts()
        };
        match rules.review_standing(&facts, &action, self.evidence.as_ref(), at) {
            Verdict::Allow { .. } => Ok(()),
            Verdict::Block { reason, rules } => Err(Refusal::new(
                reason,
                format!("policy no longer allows it ({})", say::rules(&rules)),
            )),
            Verdict::RequireApproval { .. } => {
                Err(Refusal::new(Reason::PolicyBlocked, "a rule wants people asked by now"))
            }
        }
    }
}

#[cfg(test)]
mod tests;

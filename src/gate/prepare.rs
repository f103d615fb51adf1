//! The action made ready for the rules, and what they decide of it.

use super::Rules;
use crate::model::{Action, Call, Evidence, Facts, HoldRule, Reason, Spending, Timestamp};
use crate::policy::{Blocked, Decision, Hold, INCOMPLETE_ACTION, Verdict};

impl Rules {
    /// Completes the action and weighs it; with values that people stated only if they may state them.
    pub(super) fn prepare(
        &self,
        facts: &Facts,
        action: Action,
        at: Timestamp,
        evidence: Option<&Evidence>,
    ) -> Prepared {
        let action = self.weigh(facts, action, at);
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
        let situation = self.situation(facts, &action, at);
        match self.policies.evaluate(facts, &action, &situation, Some(evidence)) {
            Verdict::RequireApproval { rules } if rules.iter().any(consents) => Prepared::Complete {
                action: self.weighed(facts, self.fill(action.clone(), &evidence.stated), at),
                as_called: Some(Box::new(action)),
            },
            verdict @ (Verdict::Allow { .. } | Verdict::Block { .. } | Verdict::RequireApproval { .. }) => {
                Prepared::Stopped { action, verdict }
            }
        }
    }
}

/// An action ready for the rules, or decided on the way.
pub(super) enum Prepared {
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

/// Blocks and holds speak of the action as the call states it; its risk is the one they were decided by.
pub(super) fn with_action(decision: Decision, as_called: Action) -> Decision {
    let action = |judged: Action| Action {
        risk: judged.risk,
        ..as_called
    };
    match decision {
        Decision::Allow(permit) => Decision::Allow(permit),
        Decision::Block(blocked) => Decision::Block(Blocked {
            action: action(blocked.action),
            ..blocked
        }),
        Decision::RequireApproval(hold) => Decision::RequireApproval(Hold {
            action: action(hold.action),
            ..hold
        }),
    }
}

/// A decision that is no permit. Only `Policies::decide` allows: a verdict of `Allow` does not belong here, and blocks.
pub(super) fn refused(call: Call, action: Action, verdict: Verdict) -> Decision {
    let (reason, rules) = match verdict {
        Verdict::RequireApproval { rules } => {
            return Decision::RequireApproval(Hold {
                call,
                action,
                rules,
                spending: Spending::default(),
                trial: None,
            });
        }
        Verdict::Block { reason, rules } => (reason, rules),
        Verdict::Allow { .. } => (Reason::PolicyError, Vec::new()),
    };
    Decision::Block(Blocked {
        call,
        action,
        reason,
        rules,
        spending: Spending::default(),
        trial: None,
    })
}

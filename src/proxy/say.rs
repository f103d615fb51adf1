//! The words and forms around a decision: what a block is told as, to the agent and to people.

use super::{Refused, respond};
use crate::gate::Hindered;
use crate::model::observed::{Trial, Would};
use crate::model::{
    Access, Action, ApprovalId, Call, CallId, ErrorShape, Outcome, Reason, Refusal, Spending, Why, inert,
};
use crate::policy::{Blocked, Decision, Hold, Permit, RuleReason};
use crate::upstream::SendError;

/// What a refusal says besides its reason, kept while the call itself is on its way.
pub(super) struct Draft {
    call: CallId,
    approval: Option<ApprovalId>,
    rules: Vec<RuleReason>,
    shape: ErrorShape,
    harmless: bool,
}

impl Draft {
    pub(super) fn of(permit: &Permit) -> Self {
        let (call, approval) = (permit.call().id.clone(), permit.approval().cloned());
        Self {
            call,
            approval,
            rules: Vec::new(),
            shape: permit.action().answer.error,
            harmless: permit.action().meanings().all(reads) && permit.approval().is_none(),
        }
    }

    /// Of a call that people are asked about.
    pub(super) fn of_held(hold: &Hold, approval: Option<&ApprovalId>) -> Self {
        let rules = hold.rules.iter().map(|rule| RuleReason {
            id: rule.id.clone(),
            reason: rule.reason.clone(),
        });
        Self {
            call: hold.call.id.clone(),
            approval: approval.cloned(),
            rules: rules.collect(),
            shape: hold.action.answer.error,
            harmless: false,
        }
    }

    /// Of a call that is blocked after people were asked.
    pub(super) fn of_blocked(blocked: &Blocked, approval: &ApprovalId) -> Self {
        Self {
            call: blocked.call.id.clone(),
            approval: Some(approval.clone()),
            rules: blocked.rules.clone(),
            shape: blocked.action.answer.error,
            harmless: false,
        }
    }

    pub(super) fn with(self, refusal: Refusal) -> Refused {
        Refused {
            refusal,
            call: Some(self.call),
            approval: self.approval,
            rules: self.rules,
            correction: None,
            shape: self.shape,
            written: false,
            harmless: self.harmless,
        }
    }

    /// Of a call that was not sent, or not answered.
    pub(super) fn undelivered(self, error: &SendError) -> Refused {
        let written = !matches!(error.outcome, Outcome::NotSent | Outcome::Failure);
        Refused {
            written,
            ..self.with(respond::undelivered(error))
        }
    }

    /// Of a fault of ours while an approved call was under way.
    pub(super) fn broke_off(self) -> Refused {
        let refusal = Refusal::new(
            Reason::UpstreamUnreachable,
            "It MAY have been executed: its sending broke off here. Look up at the provider whether it was executed \
             before you repeat it.",
        );
        Refused {
            written: true,
            ..self.with(refusal)
        }
    }
}

fn reads(action: &Action) -> bool {
    action.access == Access::Read
}

/// Why a call did not leave that was decided on.
pub(super) fn hindered(hindered: Hindered) -> Refusal {
    let detail = match hindered {
        Hindered::Changed => {
            "what it leaves out was known from the making of what it names, and that was changed, or may have been, before it was \
             sent"
        }
        Hindered::Awaited => {
            "it may change what another call is about that is being carried out, which did not come to its end in time"
        }
    };
    Refusal::new(Reason::ChangedMeanwhile, detail)
}

/// Why a call was blocked, for the agent: the rules in their authors' words.
pub(super) fn why_blocked(blocked: &Blocked) -> String {
    let rules = rules(&blocked.rules);
    if blocked.reason == Reason::NotInspectable {
        return "what leaves HTTP otherwise than by a WebSocket handshake cannot be judged and is not passed on"
            .to_owned();
    }
    if blocked.reason == Reason::BudgetExceeded {
        return format!("it would go over a budget ({rules})");
    }
    if blocked.reason == Reason::PolicyError {
        return format!("a policy could not be evaluated ({rules})");
    }
    if blocked.reason == Reason::IncompleteAction {
        let absent = blocked
            .action
            .all_missing()
            .into_iter()
            .filter(|missing| missing.why != Why::Derived);
        let names: Vec<&str> = absent.map(|missing| &*missing.field).collect();
        return format!(
            "the call leaves out what has to be known to judge it: {} ({rules})",
            names.join(", ")
        );
    }
    format!("policy does not allow it ({rules})")
}

pub(super) fn rules(rules: &[RuleReason]) -> String {
    let said = rules.iter().map(|rule| match &rule.reason {
        Some(reason) => format!("{}: {}", rule.id, reason.trim_end_matches('.')),
        None => rule.id.to_string(),
    });
    said.collect::<Vec<_>>().join("; ")
}

/// `BLOCKED support-bot: Delete 25 items of orders (no-bulk-deletion), risk 61 high`, for the terminal.
pub(super) fn blocked(blocked: &Blocked) -> String {
    let ids: Vec<&str> = blocked.rules.iter().map(|rule| &*rule.id).collect();
    let why = if ids.is_empty() {
        blocked.reason.as_str().to_owned()
    } else {
        ids.join(", ")
    };
    // SECURITY: the summary holds text of the agent's, and the line goes to a terminal.
    // Test: `a_line_for_the_terminal_is_inert`.
    let risk = blocked.action.risk.as_ref();
    let risk = risk.map(|risk| format!(", risk {}", risk.short())).unwrap_or_default();
    format!(
        "BLOCKED {}: {} ({}){risk}",
        inert(&blocked.call.caller.agent),
        inert(&blocked.action.summary),
        inert(&why)
    )
}

/// `WOULD BLOCK support-bot: Delete 25 items of orders (no-bulk-deletion), sent all the same`, for the terminal.
pub(super) fn observed(permit: &Permit, would: Would) -> String {
    let what = match would.decision {
        "REQUIRE_APPROVAL" => "HOLD",
        decision => decision,
    };
    format!(
        "WOULD {what} {}: {} ({}), sent all the same: its calls are only observed",
        inert(&permit.call().caller.agent),
        inert(&permit.action().summary),
        inert(&permit.rules().join(", "))
    )
}

/// `CLOSED support-bot: the connection to feed.example.com:443 (policy no longer allows it)`, for the terminal.
pub(super) fn closed(call: &Call, lost: &Refusal) -> String {
    format!(
        "CLOSED {}: the connection to {} ({})",
        inert(&call.caller.agent),
        call.authority,
        inert(&lost.detail)
    )
}

/// The decision as it is carried out here, for a call that asks to leave HTTP or one that does not.
pub(super) fn carried(decision: Decision, leaves_http: bool) -> Decision {
    match leaves_http {
        true => stays_http(decision),
        false => decision,
    }
}

/// What leaves HTTP is judged for the record, but not carried: whatever is not blocked anyway is blocked here.
// SECURITY: after an Upgrade the connection carries frames that nobody judges (`what_asks_to_leave_http_is_blocked_whatever_was_decided`, `o34_upgrade_to_websocket`).
pub(super) fn stays_http(decision: Decision) -> Decision {
    let block = |call, action, rules, trial| {
        Decision::Block(Blocked {
            call,
            action,
            reason: Reason::NotInspectable,
            rules,
            spending: Spending::default(),
            trial,
        })
    };
    match decision {
        Decision::Allow(permit) => uncarried(permit, block),
        Decision::RequireApproval(Hold {
            call,
            action,
            rules,
            trial,
            ..
        }) => {
            let rules = rules.into_iter().map(|rule| RuleReason {
                id: rule.id,
                reason: rule.reason,
            });
            block(call, action, rules.collect(), trial)
        }
        blocked @ Decision::Block(_) => blocked,
    }
}

fn uncarried(
    permit: Permit,
    block: impl FnOnce(Call, Action, Vec<RuleReason>, Option<Box<Trial>>) -> Decision,
) -> Decision {
    let action = permit.action().clone();
    let rules = permit
        .rules()
        .iter()
        .map(|id| RuleReason {
            id: id.clone(),
            reason: None,
        })
        .collect();
    let trial = permit.trial().cloned().map(Box::new);
    block(permit.into_call(), action, rules, trial)
}

#[cfg(test)]
mod tests;

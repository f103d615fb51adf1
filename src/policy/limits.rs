//! Limits of budgets, as built-in rules.

use super::{RuleReason, Verdict};
use crate::model::budget::Over;
use crate::model::{Evidence, Reason};

/// What a limit says to a call that would go over it; `None` where people consented to that.
pub(super) fn verdict(over: &Over, evidence: Option<&Evidence>) -> Option<Verdict> {
    match &over.hold {
        None => Some(Verdict::Block {
            reason: Reason::BudgetExceeded,
            rules: vec![RuleReason {
                id: over.id.clone(),
                reason: Some(over.reason.clone()),
            }],
        }),
        Some(hold) if evidence.is_some_and(|evidence| evidence.satisfies(hold)) => None,
        Some(hold) => Some(Verdict::RequireApproval {
            rules: vec![hold.clone()],
        }),
    }
}

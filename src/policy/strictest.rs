//! Calls that do several things at once: the strictest decision of all.

use super::rule::{INCOMPLETE_ACTION, digest};
use super::{RuleReason, Verdict};
use crate::model::{HoldRule, Reason};

/// What comes of a call that means both: BLOCK of either beats REQUIRE_APPROVAL of either beats ALLOW of both. Rules that
/// say the same are told together, by id.
pub(super) fn of(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (
            Verdict::Block { reason, rules },
            Verdict::Block {
                reason: other,
                rules: others,
            },
        ) if reason == other => Verdict::Block {
            reason,
            rules: told_once(rules, others, |rule: &RuleReason| rule.id.clone()),
        },
        (one @ Verdict::Block { reason, .. }, other @ Verdict::Block { reason: others, .. }) => {
            match weight(reason) >= weight(others) {
                true => one,
                false => other,
            }
        }
        (block @ Verdict::Block { .. }, Verdict::RequireApproval { .. } | Verdict::Allow { .. })
        | (Verdict::RequireApproval { .. } | Verdict::Allow { .. }, block @ Verdict::Block { .. }) => block,
        (Verdict::RequireApproval { rules }, Verdict::RequireApproval { rules: others }) => Verdict::RequireApproval {
            rules: holds(rules, others),
        },
        (hold @ Verdict::RequireApproval { .. }, Verdict::Allow { .. })
        | (Verdict::Allow { .. }, hold @ Verdict::RequireApproval { .. }) => hold,
        (Verdict::Allow { rules }, Verdict::Allow { rules: others }) => Verdict::Allow {
            rules: told_once(rules, others, Clone::clone),
        },
    }
}

/// Which reason is told where two meanings are blocked for different ones: what people must mend comes first.
fn weight(reason: Reason) -> usize {
    let order = [Reason::PolicyBlocked, Reason::PolicyError];
    order.iter().position(|known| *known == reason).map_or(0, |at| at + 1)
}

fn told_once<T, K: Ord>(mut rules: Vec<T>, others: Vec<T>, id: impl Fn(&T) -> K) -> Vec<T> {
    rules.extend(others);
    rules.sort_by_key(&id);
    rules.dedup_by_key(|rule| id(rule));
    rules
}

/// Each rule keeps its own approvers, quorum and digest. Only the built-in rule is made of what is missing: two of it
/// become one, which asks for all.
fn holds(mut rules: Vec<HoldRule>, others: Vec<HoldRule>) -> Vec<HoldRule> {
    for other in others {
        match rules.iter_mut().find(|rule| rule.id == other.id) {
            None => rules.push(other),
            Some(rule) if rule.digest == other.digest => {}
            Some(rule) if &*rule.id == INCOMPLETE_ACTION => join(rule, other),
            // Two texts of one rule are not of one set: both are asked.
            Some(_) => rules.push(other),
        }
    }
    rules.sort_by(|one, other| one.id.cmp(&other.id));
    rules
}

fn join(rule: &mut HoldRule, other: HoldRule) {
    let reasons = rule.reason.take().into_iter().chain(other.reason);
    let mut reasons: Vec<String> = reasons.collect();
    reasons.dedup();
    rule.reason = Some(reasons.join("; "));
    rule.approvers = told_once(std::mem::take(&mut rule.approvers), other.approvers, Clone::clone);
    rule.quorum = rule.quorum.max(other.quorum);
    rule.timeout = rule.timeout.into_iter().chain(other.timeout).min();
    rule.digest = digest([INCOMPLETE_ACTION, &*rule.digest, &*other.digest]);
    rule.unchecked = told_once(std::mem::take(&mut rule.unchecked), other.unchecked, Clone::clone);
}

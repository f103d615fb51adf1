//! What one person's yes comes to. Pure: the gate is given as a question.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::problem::Problem;
use crate::agent::Person;
use crate::approval::Review;
use crate::model::{Evidence, HoldRule, Reason, Value, Vote};
use crate::policy::{RuleReason, Verdict};

/// A yes that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Consent {
    pub(super) vote: Vote,
    pub(super) stated: BTreeMap<Arc<str>, Value>,
    /// Rules that still want other people. Empty: approved.
    pub(super) remaining: Vec<HoldRule>,
}

/// Judges the yes of `person`: it counts for exactly the rules they may speak for, those included that come to apply by
/// the values they state.
pub(super) fn judge(
    review: &Review,
    person: &Person,
    reason: Option<String>,
    stated: BTreeMap<Arc<str>, Value>,
    gate: impl Fn(&Evidence) -> Verdict,
) -> Result<Consent, Problem> {
    let mut vote = Vote {
        person: person.name.clone(),
        time: review.now(),
        proof: person.proof.as_str().into(),
        reason,
        rules: Vec::new(),
    };
    // SECURITY: a rule that came or was edited since the person looked was not shown to them: their yes is none to it,
    // whatever they state. Test: `with_stated_values_too_a_rule_that_was_not_shown_needs_its_own_look`.
    let unseen: Vec<HoldRule> = match gate(&review.evidence(&vote, &BTreeMap::new())) {
        Verdict::Block { reason, rules } => return Err(blocked(reason, &rules)),
        Verdict::Allow { .. } => Vec::new(),
        Verdict::RequireApproval { rules } => rules
            .into_iter()
            .filter(|rule| !has(&review.row().rules, rule))
            .collect(),
    };
    let mut asked = review.row().rules.clone();
    loop {
        speak(&mut vote, person, &asked);
        match gate(&review.evidence(&vote, &stated)) {
            Verdict::Block { reason, rules } => return Err(blocked(reason, &rules)),
            Verdict::Allow { .. } => return settle(review, person, vote, stated, Vec::new()),
            // Values just stated make further rules apply: the same yes counts for those of them it may.
            Verdict::RequireApproval { rules } => {
                let by_value =
                    |rule: &&HoldRule| !has(&unseen, rule) && person.may_speak_for(rule) && !counts_for(&vote, rule);
                asked = rules.iter().filter(by_value).cloned().collect();
                if asked.is_empty() {
                    return settle(review, person, vote, stated, rules);
                }
            }
        }
    }
}

/// Whether this very text of a rule is among them.
fn has(rules: &[HoldRule], rule: &HoldRule) -> bool {
    rules
        .iter()
        .any(|other| other.id == rule.id && other.digest == rule.digest)
}

/// Adds the rules among `asked` that the person may speak for.
fn speak(vote: &mut Vote, person: &Person, asked: &[HoldRule]) {
    for rule in asked {
        if person.may_speak_for(rule) && !counts_for(vote, rule) {
            vote.rules.push((rule.id.clone(), rule.digest.clone()));
        }
    }
}

fn counts_for(vote: &Vote, rule: &HoldRule) -> bool {
    vote.rules
        .iter()
        .any(|(id, digest)| *id == rule.id && *digest == rule.digest)
}

fn settle(
    review: &Review,
    person: &Person,
    vote: Vote,
    stated: BTreeMap<Arc<str>, Value>,
    remaining: Vec<HoldRule>,
) -> Result<Consent, Problem> {
    let row = review.row();
    if vote.rules.is_empty() {
        return Err(not_theirs(person, &row.rules));
    }
    let news = vote.rules.iter().any(|rule| {
        !row.votes
            .iter()
            .any(|old| old.person == vote.person && old.rules.contains(rule))
    });
    if !news && stated.is_empty() && !remaining.is_empty() {
        return Err(Problem::conflict(format!(
            "you consented already; it waits for {}",
            groups(&remaining)
        )));
    }
    Ok(Consent {
        vote,
        stated,
        remaining,
    })
}

/// The person may speak for none of the rules.
pub(super) fn not_theirs(person: &Person, rules: &[HoldRule]) -> Problem {
    Problem::forbidden(format!(
        "`{}` may not decide this: it waits for {}",
        person.name,
        groups(rules)
    ))
}

/// `finance (refund-over-500), security or approver (delete)`
pub(super) fn groups(rules: &[HoldRule]) -> String {
    let each: Vec<String> = rules
        .iter()
        .map(|rule| format!("{} ({})", rule.asks(), rule.id))
        .collect();
    each.join(", ")
}

pub(super) fn blocked(reason: Reason, rules: &[RuleReason]) -> Problem {
    let rules: Vec<String> = rules
        .iter()
        .map(|rule| match &rule.reason {
            Some(reason) => format!("{} ({reason})", rule.id),
            None => rule.id.to_string(),
        })
        .collect();
    Problem::conflict(format!(
        "nothing is approved: the call would be blocked ({reason}) by {}",
        rules.join(", ")
    ))
}

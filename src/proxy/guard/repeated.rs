//! A request that was answered before.
//!
//! SECURITY: a yes that is repeated is a yes: it is not said where by now there would be none, nor for what was done (tests
//! `a_request_that_was_allowed_is_not_allowed_again_while_its_agent_is_paused`,
//! `a_request_that_was_allowed_is_not_allowed_again_once_a_rule_is_against_it`,
//! `what_was_told_as_done_is_not_allowed_again_by_its_request`, `what_was_made_as_a_call_is_not_allowed_again_by_its_request`,
//! `what_people_approved_is_not_allowed_again_by_its_request_when_its_time_is_over`).

use super::answer::{Answer, Problem};
use super::asked::{No, misstated};
use super::books::{NotOpen, Said};
use crate::gate::Rules;
use crate::mapping::Statement;
use crate::model::{Action, ApprovalId, CallId, Caller, Evidence, Facts, Outcome, Reason, Refusal, State, Timestamp};
use crate::policy::Verdict;
use crate::proxy::{Parts, say};

/// What it gets: the same, if that may still be said. `None`: people have decided, so it is to be judged again.
pub(super) async fn answer(no: &No<'_>, statement: &Statement, before: &Said) -> Result<Option<Answer>, Problem> {
    let (parts, asker, answer) = (no.parts, no.asker, &before.answer);
    let caller = match asker.credentials.active(parts) {
        Ok(caller) => caller,
        Err(refusal) => return Err(no.says(refusal).await),
    };
    match answer.decision {
        "REQUIRE_APPROVAL" => {
            let pending = answer.approval_id.as_ref().is_some_and(|id| is_pending(parts, id));
            Ok(pending.then(|| answer.clone()))
        }
        "ALLOW" => {
            if let Some(refusal) = is_over(parts, &caller, before) {
                return Err(no.says(refusal).await);
            }
            let (rules, at) = (parts.gate.rules(), Timestamp::now());
            let call = statement.call(no.id.clone(), caller, at);
            let action = match rules.mappings().judged_as(&call, statement) {
                Ok(action) => action,
                Err(wrong) => return Err(misstated(&wrong, no).await),
            };
            let facts = call.facts();
            let evidence = before.evidence.as_ref();
            let evidence = evidence.map(|given| counting(parts, &rules, &facts, &action, given, at));
            match against(&rules, &facts, &action, evidence.as_ref(), at) {
                None => Ok(Some(answer.clone())),
                Some((reason, why)) => {
                    let detail = format!(
                        "{} was allowed to this request, and would not be by now: {why}",
                        answer.decision_id
                    );
                    Err(no.says(Refusal::new(reason, detail)).await)
                }
            }
        }
        _ => Ok(Some(answer.clone())),
    }
}

fn is_pending(parts: &Parts, id: &ApprovalId) -> bool {
    let standing = parts.approvals.get(id);
    standing.is_some_and(|standing| standing.state == State::Pending)
}

/// Why nothing more may be done by what was allowed: its end is told, a call went by it, or the time is over that people's
/// word has.
fn is_over(parts: &Parts, caller: &Caller, before: &Said) -> Option<Refusal> {
    let answer = &before.answer;
    let call = &answer.decision_id;
    match parts.guard.stands(&caller.agent, call) {
        Ok(()) => {}
        Err(NotOpen::Ended(outcome)) => return Some(executed(call, &format!("it ended as `{}`", outcome.as_str()))),
        Err(NotOpen::Unknown) => return Some(executed(call, "how it ended is not known any more")),
    }
    if parts.gate.memory().stated.is_taken(&caller.agent, call) {
        return Some(executed(call, "it was made as a call through the proxy"));
    }
    let mut grants = answer.grant.iter().flat_map(|granted| granted.ids());
    let over = before.until.is_some_and(|until| parts.approvals.is_past(until));
    let over = over || grants.any(|id| parts.approvals.is_over(id));
    over.then(|| {
        let how =
            "it was made as a call through the proxy, or what people said of it was taken back or is too long ago";
        executed(call, how)
    })
}

fn executed(call: &CallId, how: &str) -> Refusal {
    let detail = format!(
        "this request was allowed as {call}, and {how}: nothing is allowed by it once more. Is it another one, give it another `request_id`"
    );
    Refusal::new(Reason::AlreadyExecuted, detail)
}

/// What people said, as far as it counts by now.
fn counting(parts: &Parts, rules: &Rules, facts: &Facts, action: &Action, given: &Evidence, at: Timestamp) -> Evidence {
    let wanted = rules.wanted(facts, action, given, at);
    let mut counting = given.clone();
    for vote in &mut counting.votes {
        let revoked = vote.grant().is_some_and(|grant| !parts.approvals.grant_counts(&grant));
        vote.rules
            .retain(|rule| !revoked && parts.registry.still_speaks(&vote.person, rule, &wanted));
    }
    counting
}

/// Why it would not be allowed by now. It was counted when it was, and is not again.
fn against(
    rules: &Rules,
    facts: &Facts,
    action: &Action,
    evidence: Option<&Evidence>,
    at: Timestamp,
) -> Option<(Reason, String)> {
    if rules.policies().observes(&facts.agent) {
        return None;
    }
    match rules.review_standing(facts, action, evidence, at) {
        Verdict::Allow { .. } => None,
        Verdict::Block { reason, rules } => Some((reason, say::rules(&rules))),
        Verdict::RequireApproval { rules } => {
            let ids: Vec<&str> = rules.iter().map(|rule| &*rule.id).collect();
            let why = format!("people are to be asked ({}), as another request", ids.join(", "));
            Some((Reason::PolicyBlocked, why))
        }
    }
}

/// Refuses a request by which something was allowed before the last start, or so many requests ago that its answer is not kept
/// any more. `own`: what ids of its calls have.
///
/// SECURITY: whoever asks again after a restart may have done it before (test
/// `after_a_restart_a_request_that_was_allowed_is_not_allowed_again`).
pub(super) async fn not_before(no: &No<'_>, own: &str) -> Result<(), Problem> {
    match no.parts.guard.before(&no.asker.caller.agent, own) {
        None | Some((_, Outcome::NotSent)) => Ok(()),
        Some((call, outcome)) => {
            let how = format!(
                "many others were since then, or the sidecar was started anew; as far as is known here it ended as `{}`",
                outcome.as_str()
            );
            Err(no.says(executed(&call, &how)).await)
        }
    }
}

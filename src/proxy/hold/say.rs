//! What a held call is told, and what people are told of it. Written for a language model: what happened, that nothing was
//! executed, what to do next.

use std::time::Duration;

use super::Held;
use crate::approval::{Question, Standing, Wait, beginning, shortened};
use crate::model::change::Correction;
use crate::model::inert::inert;
use crate::model::{ApprovalId, HoldRule, Outcome, Reason, Refusal, Timestamp, Vocabulary, Vote};
use crate::policy::{Blocked, Hold, RuleReason};
use crate::proxy::{Parts, internal};

const NO_OTHER_WAY: &str = "Do not attempt it another way.";

pub(super) fn pending(standing: &Standing) -> Refusal {
    Refusal::new(
        Reason::ApprovalPending,
        format!(
            "NOT executed. Waiting for human approval {} until {} ({}). {NO_OTHER_WAY} Repeat exactly this call after approval (http://{}/approvals/{}/wait tells when).",
            standing.row.id,
            clock(standing.row.expires),
            asked_by(&standing.row.rules),
            internal::NAME,
            standing.row.id,
        ),
    )
}

/// Why people are asked: the rules in their authors' words, as far as they leave room for what is to be done in a status line.
fn asked_by(rules: &[HoldRule]) -> String {
    let said = |rule: &HoldRule| RuleReason {
        id: rule.id.clone(),
        reason: rule.reason.clone(),
    };
    let rules: Vec<RuleReason> = rules.iter().map(said).collect();
    let told = crate::proxy::say::rules(&rules);
    let told = inert(&told);
    // The room is in bytes, and other scripts take more of them.
    let characters = LONGEST_REASON * told.chars().count() / told.len().max(1);
    shortened(&told, characters.min(LONGEST_REASON)).into_owned()
}

/// Bytes, about.
const LONGEST_REASON: usize = 200;

pub(super) fn repeat(standing: &Standing) -> Refusal {
    let until = standing.row.grant_expires.unwrap_or(standing.row.expires);
    Refusal::new(
        Reason::ApprovedRepeat,
        format!(
            "NOT executed yet. Approval {} was given too late for this connection. Repeat exactly this call before {}: \
             it will then be executed, once.",
            standing.row.id,
            clock(until),
        ),
    )
}

pub(super) fn denied(standing: &Standing) -> Refusal {
    let reason = standing
        .row
        .denial
        .as_ref()
        .map(|denial| format!(" Their reason: {}", sentence(&inert(beginning(&denial.reason, 1_000)))))
        .unwrap_or_default();
    let next = match correction(standing) {
        Some(correction) => corrected(&correction),
        None => "Do not repeat it and do not attempt it another way.".to_owned(),
    };
    Refusal::new(
        Reason::ApprovalDenied,
        format!(
            "NOT executed. A person refused this call ({}).{reason} {next}",
            standing.row.id,
        ),
    )
}

/// What the person who refused it says would have been right.
pub(super) fn correction(standing: &Standing) -> Option<Box<Correction>> {
    let denial = standing.row.denial.as_ref()?;
    denial.correction.clone().map(Box::new)
}

fn corrected(correction: &Correction) -> String {
    let fields: Vec<String> = correction
        .fields
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    format!(
        "What they say would be right: {} (amounts in minor units), and nothing else of the call changed. Do not repeat it as it \
         was. If that serves what you were asked to do, make the call once with exactly these values before {}: it is then \
         decided again, and this person's consent waits for it.",
        fields.join(", "),
        clock(correction.until),
    )
}

/// A person withdrew the question before anybody answered it.
pub(super) fn cancelled(standing: &Standing) -> Refusal {
    let id = &standing.row.id;
    let said = standing.row.denial.as_ref().map(|denial| denial.reason.as_str());
    let reason = said
        .filter(|reason| !reason.is_empty())
        .map(|reason| format!(" Their reason: {}", sentence(&inert(beginning(reason, 1_000)))))
        .unwrap_or_default();
    Refusal::new(
        Reason::ApprovalExpired,
        format!(
            "NOT executed. A person withdrew the question whether this call may be made ({id}).{reason} {NO_OTHER_WAY} \
             Repeat exactly this call only if it is still wanted: it asks again."
        ),
    )
}

pub(super) fn expired(approval: &ApprovalId) -> Refusal {
    Refusal::new(
        Reason::ApprovalExpired,
        format!(
            "NOT executed. Nobody approved this call in time ({approval} has expired). {NO_OTHER_WAY} \
             Repeat exactly this call to ask again."
        ),
    )
}

/// The mapping was changed meanwhile, and what the approval was asked for is another call to it.
pub(super) fn read_otherwise(approval: &ApprovalId) -> Refusal {
    Refusal::new(
        Reason::ApprovalExpired,
        format!(
            "NOT executed. What this call means was redefined while it waited, so {approval} does not cover it any more. \
             {NO_OTHER_WAY} Repeat exactly this call to ask again."
        ),
    )
}

/// What the call leaves out was known when it was held, and is not any more.
pub(super) fn made_otherwise(approval: &ApprovalId) -> Refusal {
    Refusal::new(
        Reason::ChangedMeanwhile,
        format!(
            "NOT executed. What this call names was changed while it waited, or may have been, and {approval} was given for what \
             it was before; it is not used up. {NO_OTHER_WAY} Repeat exactly this call to ask again."
        ),
    )
}

pub(super) fn executed(standing: &Standing) -> Refusal {
    let row = &standing.row;
    let first = row.consumed_by.as_ref().map_or("another request", |call| call.as_str());
    if let Some((Outcome::NotSent, _)) = standing.ended {
        return Refusal::new(
            Reason::ApprovalExpired,
            format!(
                "NOT executed. Approval {} was spent on {first}, which could not be sent. Repeat exactly this call to ask \
                 again.",
                row.id,
            ),
        );
    }
    let time = row.consumed.unwrap_or(row.created);
    // "Sent" only where the provider's answer says so.
    let (verb, end) = match standing.ended {
        Some((Outcome::Success, status)) => ("sent as", format!("it succeeded{}", with_status(status))),
        Some((Outcome::Failure, status)) => ("sent as", format!("the provider refused it{}", with_status(status))),
        Some((Outcome::NotSent | Outcome::Error | Outcome::Unknown | Outcome::Abandoned, _)) => (
            "used for",
            "whether that was executed is not known: look it up at the provider".to_owned(),
        ),
        None => ("used for", "how that ended is not known here yet".to_owned()),
    };
    Refusal::new(
        Reason::AlreadyExecuted,
        format!(
            "NOT executed again. This call was approved once ({}), and that was {verb} {first} at {time}; {end}. \
             Do not repeat it.",
            row.id,
        ),
    )
}

/// Too many calls of one agent wait: `overloaded`, since nothing is wrong with the call and a later one may go.
pub(super) fn full(pending: usize) -> Refusal {
    Refusal::new(
        Reason::Overloaded,
        format!(
            "NOT executed. {pending} other calls of this agent wait for people already, as many as may. {NO_OTHER_WAY} \
             Repeat this call once some of them are decided."
        ),
    )
}

pub(super) fn blocked(blocked: &Blocked) -> String {
    if blocked.reason == Reason::BudgetExceeded {
        let rules = crate::proxy::say::rules(&blocked.rules);
        return format!(
            "NOT executed. A person approved this call, but it would go over a budget by now ({rules}). {NO_OTHER_WAY}"
        );
    }
    let rules: Vec<&str> = blocked.rules.iter().map(|rule| &*rule.id).collect();
    format!(
        "NOT executed. A person approved this call, but policy does not allow it any more ({}). {NO_OTHER_WAY}",
        rules.join(", "),
    )
}

/// What is asked of people for a held call.
pub(super) struct Asked<'a> {
    pub(super) approval: &'a ApprovalId,
    pub(super) revision: u32,
    /// The rules that want consent, as far as nobody gave it.
    pub(super) rules: &'a [HoldRule],
    pub(super) expires: Timestamp,
}

/// The line of a held call, with the command that lets it through.
pub(super) fn held(parts: &Parts, held: &Held, asked: &Asked<'_>, wait: &Wait) -> String {
    let vocabulary = held.rules.vocabulary();
    line(&held.hold, asked, wait, vocabulary, &parts.home_option)
}

/// `GRANTED support-bot: Refund $150.00 of ch_1 in Stripe (refund-over-100), by gra_7k2m9x4q of alice`, for the terminal.
pub(super) fn granted(hold: &Hold, votes: &[Vote]) -> String {
    let rules: Vec<&str> = hold.rules.iter().map(|rule| &*rule.id).collect();
    let by = votes.iter().filter_map(|vote| Some((vote.grant()?, &vote.person)));
    let by: Vec<String> = by
        .map(|(grant, person)| format!("{} of {}", grant.short(), inert(person)))
        .collect();
    format!(
        "GRANTED {}: {} ({}), by {}",
        inert(&hold.call.caller.agent),
        inert(&shortened(&hold.action.summary, 200)),
        inert(&rules.join(", ")),
        by.join(", "),
    )
}

fn line(hold: &Hold, asked: &Asked<'_>, wait: &Wait, vocabulary: &Vocabulary, home_option: &str) -> String {
    let waits = wait.span().min(asked.expires.since(Timestamp::now())).as_secs();
    let question = Question {
        approval: asked.approval,
        revision: asked.revision,
        agent: &hold.call.caller.agent,
        action: &hold.action,
        rules: asked.rules,
    };
    question.line(&format!("waits {waits} s"), vocabulary, home_option)
}

fn with_status(status: Option<u16>) -> String {
    status.map(|status| format!(" (HTTP {status})")).unwrap_or_default()
}

/// `14:05Z`, as a time of day is enough for what lasts minutes; else with its day.
fn clock(time: Timestamp) -> String {
    let full = time.to_string();
    if time.since(Timestamp::now()) > Duration::from_secs(12 * 3600) {
        return full;
    }
    full.get(11..16).map_or(full.clone(), |minutes| format!("{minutes}Z"))
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    match text.ends_with(['.', '!', '?', '…']) {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}

#[cfg(test)]
mod tests;

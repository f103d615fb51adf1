//! `/api/v1/approvals`: what waits for people, and their decision.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use http::StatusCode;
use serde::Deserialize;

use super::alike::Cards;
use super::problem::Problem;
use super::view::{Approval, Before, Page};
use super::{Parts, around, consent, correct, stated};
use crate::agent::Person;
use crate::approval::{Cursor, Draft, NotOpen, Question, Review, Standing};
use crate::audit;
use crate::model::change::{ApprovalRow, Denial};
use crate::model::inert::inert;
use crate::model::{ApprovalId, Caller, Change, Facts, HoldRule, Timestamp};
use crate::policy::Verdict;
use crate::store::to_its_end;

/// Longest reason, in characters.
const MAX_REASON: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    state: Option<String>,
    /// At most so many, the oldest of them.
    limit: Option<NonZeroUsize>,
    /// `next` of the last answer: only what stands behind that.
    after: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Yes {
    /// Missing values by field, as text.
    #[serde(default)]
    pub(super) set: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) reason: Option<String>,
    /// The approval as the person saw it: a yes to what was changed since is none. May be left out where nothing was.
    #[serde(default)]
    pub(super) revision: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct No {
    pub(super) reason: String,
    /// What would have been right, by field, as text.
    #[serde(default)]
    pub(super) correct: BTreeMap<String, String>,
    /// The approval as the person saw it, where they correct it: that is a yes to something.
    #[serde(default)]
    pub(super) revision: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Withdrawal {
    #[serde(default)]
    reason: Option<String>,
}

pub(super) async fn list(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(filter) = filter?;
    let state = match filter.state.as_deref() {
        None => None,
        Some(text) => Some(crate::model::State::parse(text).ok_or_else(|| {
            let known = crate::model::State::ALL.map(crate::model::State::as_str).join(", ");
            Problem::new(StatusCode::BAD_REQUEST, format!("expected one of {known} as state"))
        })?),
    };
    let after = filter.after.as_deref().map(str::parse::<Cursor>).transpose();
    let after = after.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let most = filter.limit.map_or(usize::MAX, NonZeroUsize::get);
    let (items, next) = parts.approvals.page(state, after.as_ref(), most);
    let cards = Cards::around(&parts, &person, items.iter().filter(|it| it.waits())).await;
    Ok(Json(Page {
        items: listed(&parts, &items, &cards),
        next: next.map(|next| next.to_string()),
    }))
}

/// As they stand, with what goes with them because of calls like them.
pub(super) fn listed(parts: &Parts, items: &[Standing], cards: &Cards) -> Vec<Approval> {
    let rules = parts.gate.rules();
    let item = |standing: &Standing| Approval::new(standing, rules.vocabulary());
    let items = items.iter().map(item);
    items
        .map(|item| item.with_owner(&parts.registry).among(cards))
        .collect()
}

pub(super) async fn show(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
) -> Result<Json<Approval>, Problem> {
    let id = parts.approvals.find(&name)?;
    let standing = parts.approvals.get(&id).ok_or_else(gone)?;
    let Json(mut approval) = shown(&parts, &person, &id).await?;
    let before = around::before(&parts, &standing.row).await;
    approval.before = before.map(|calls| calls.iter().map(Before::from).collect());
    let pending = approval.state == crate::model::State::Pending;
    approval.approving = pending.then(|| match approve_not(&parts, &person, &standing.row) {
        Some(why) => format!("You may not approve this: {why}"),
        None => around::approving(&parts, &person, &standing),
    });
    Ok(Json(approval))
}

async fn shown(parts: &Parts, person: &Person, id: &ApprovalId) -> Result<Json<Approval>, Problem> {
    let standing = parts.approvals.get(id).ok_or_else(gone)?;
    let approval = Approval::new(&standing, parts.gate.rules().vocabulary()).with_owner(&parts.registry);
    let cards = Cards::around(parts, person, Some(&standing).filter(|it| it.waits())).await;
    Ok(Json(approval.among(&cards)))
}

pub(super) async fn approve(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    yes: Result<Json<Yes>, JsonRejection>,
) -> Result<Json<Approval>, Problem> {
    let Json(yes) = yes?;
    let reason = yes.reason.map(|reason| reason_of(&reason)).transpose()?;
    let id = parts.approvals.find(&name)?;
    let review = open(&parts, &id).await?;
    let row = review.row();
    as_seen(row, yes.revision)?;
    let caller = asking(&parts, &person, &row.facts.agent, &row.facts.roles)?;
    if !row.rules.iter().any(|rule| person.may_speak_for(rule)) {
        return Err(consent::not_theirs(&person, &row.rules));
    }
    explained(&parts, row, reason.as_deref())?;
    let facts = Facts {
        roles: caller.roles,
        ..row.facts.clone()
    };
    let rules = parts.gate.rules();
    let stated = stated::read(row, &person, &yes.set, rules.vocabulary())?;
    stated::worth_follows(row, &stated, |code| rules.has_rate(code))?;
    let now = Timestamp::now();
    let gate = |evidence: &_| match rules.review(&facts, &row.action, Some(evidence), now) {
        Verdict::RequireApproval { rules } => Verdict::RequireApproval {
            rules: rules.into_iter().map(|rule| row.as_asked(rule)).collect(),
        },
        verdict @ (Verdict::Allow { .. } | Verdict::Block { .. }) => verdict,
    };
    let consent = consent::judge(&review, &person, reason, stated, gate)?;
    let (vote, stated) = (consent.vote.clone(), consent.stated.clone());
    let draft = match consent.remaining.is_empty() {
        true => review.approve(consent.vote, consent.stated),
        false => review.consent(consent.vote, consent.stated, consent.remaining),
    };
    let changes = audit::approved(draft.row(), &vote, &stated);
    let row = record(&parts, draft, changes).await?;
    if row.state == crate::model::State::Pending {
        let how = format!("{} has consented", inert(&vote.person));
        let line = Question::of(&row).line(&how, rules.vocabulary(), &parts.home_option);
        parts.notices.line(line);
    }
    shown(&parts, &person, &id).await
}

/// The agent as it is now, where `person` may consent to its calls: roles may have changed, and a disabled agent's calls are
/// not approved.
pub(super) fn asking(parts: &Parts, person: &Person, agent: &str, roles: &[Arc<str>]) -> Result<Caller, Problem> {
    let caller = Caller {
        agent: agent.into(),
        roles: roles.into(),
        owner: None,
    };
    let caller = parts
        .registry
        .still(&caller)
        .map_err(|_| Problem::conflict(format!("nothing is approved: the agent `{agent}` is disabled or gone")))?;
    if !parts.owner_may_approve && caller.owner.as_ref() == Some(&person.name) {
        return Err(Problem::forbidden(format!(
            "`{}` is the owner of the agent `{}`, and owners do not approve their own agents here",
            person.name, caller.agent
        )));
    }
    Ok(caller)
}

/// Why this person's yes would be refused, if it would.
pub(super) fn approve_not(parts: &Parts, person: &Person, row: &ApprovalRow) -> Option<String> {
    match asking(parts, person, &row.facts.agent, &row.facts.roles) {
        Err(problem) => Some(problem.detail),
        Ok(_) if row.rules.iter().any(|rule| person.may_speak_for(rule)) => None,
        Ok(_) => Some(consent::not_theirs(person, &row.rules).detail),
    }
}

/// Where so much is at stake that a yes, too, is to say why.
fn explained(parts: &Parts, row: &ApprovalRow, reason: Option<&str>) -> Result<(), Problem> {
    let Some(from) = parts.reason_from_risk.filter(|_| reason.is_none()) else {
        return Ok(());
    };
    // What was not weighed may be anything.
    let score = row.action.score().unwrap_or(100);
    match score >= from {
        true => Err(Problem::unprocessable(format!(
            "nothing is approved: the risk of {} is {score}, and from {from} on a yes needs a reason (--reason)",
            row.id.short()
        ))),
        false => Ok(()),
    }
}

/// SECURITY: a person who goes by what was shown before the approval was changed would consent to something else. Test:
/// `a_yes_to_what_was_changed_since_it_was_shown_says_which`, `a_correction_of_what_was_changed_since_it_was_shown_says_which`.
pub(super) fn as_seen(row: &ApprovalRow, seen: Option<u32>) -> Result<(), Problem> {
    let (id, now) = (row.id.short(), row.revision);
    match seen {
        None if now == 0 => Ok(()),
        Some(seen) if now == seen => Ok(()),
        None => Err(Problem::conflict(format!(
            "nothing is decided: {id} was changed since it was first shown; look at it again and say that you saw revision {now}"
        ))),
        Some(seen) => Err(Problem::conflict(format!(
            "nothing is decided: {id} was changed since you saw it (you saw revision {seen}, it is at {now}); look at it again"
        ))),
    }
}

pub(super) async fn deny(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    no: Result<Json<No>, JsonRejection>,
) -> Result<Json<Approval>, Problem> {
    let Json(no) = no?;
    let reason = reason_of(&no.reason)?;
    let id = parts.approvals.find(&name)?;
    let veto = turn(|| parts.approvals.veto(&id)).await?;
    if !may_deny(&parts, &person, veto.row()) {
        return Err(consent::not_theirs(&person, &veto.row().rules));
    }
    let (grant, correction) = match no.correct.is_empty() {
        true => (None, None),
        false => {
            as_seen(veto.row(), no.revision)?;
            let (grant, correction) = correct::grant(&parts, &person, veto.row(), &no.correct, &reason)?;
            (Some(grant), Some(correction))
        }
    };
    let denial = Denial {
        person: person.name.clone(),
        reason,
        correction,
    };
    let giving = parts.approvals.giving(grant.into_iter().collect());
    let store = parts.store.clone();
    to_its_end(async move {
        let changes = |row: &ApprovalRow| {
            let given = giving.grants().iter().flat_map(audit::given);
            audit::denied(row).into_iter().chain(given).collect()
        };
        let written = veto.write(&store, denial, changes).await;
        written.inspect_err(|error| store.later(audit::never_given(giving.grants(), error)))?;
        giving.given();
        Ok::<(), Problem>(())
    })
    .await?;
    shown(&parts, &person, &id).await
}

pub(super) async fn cancel(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    withdrawal: Result<Json<Withdrawal>, JsonRejection>,
) -> Result<Json<Approval>, Problem> {
    let Json(withdrawal) = withdrawal?;
    let reason = withdrawal.reason.map(|reason| reason_of(&reason)).transpose()?;
    let id = parts.approvals.find(&name)?;
    let review = turn(|| parts.approvals.review(&id)).await?;
    let row = review.row();
    let owner = parts.registry.named(&row.facts.agent).and_then(|caller| caller.owner);
    // Nothing goes through by it, so the agent's own person may.
    if owner.as_ref() != Some(&person.name) && !may_deny(&parts, &person, row) {
        return Err(consent::not_theirs(&person, &row.rules));
    }
    let draft = review.cancel(&person.name, reason.unwrap_or_default());
    let changes = audit::cancelled(draft.row());
    record(&parts, draft, changes).await?;
    shown(&parts, &person, &id).await
}

/// Whoever may speak for a rule of the call may say no to it, also once that rule has the yes it wants; so may whoever
/// said yes.
pub(super) fn may_deny(parts: &Parts, person: &Person, row: &ApprovalRow) -> bool {
    let speaks = |rules: &[HoldRule]| rules.iter().any(|rule| person.may_speak_for(rule));
    let asked_first = || match parts
        .gate
        .rules()
        .review(&row.facts, &row.action, None, Timestamp::now())
    {
        Verdict::RequireApproval { rules } => speaks(&rules),
        Verdict::Allow { .. } | Verdict::Block { .. } => false,
    };
    speaks(&row.rules) || row.votes.iter().any(|vote| vote.person == person.name) || asked_first()
}

/// A pending approval, with what people consented to that still counts.
async fn open(parts: &Parts, id: &ApprovalId) -> Result<Review, Problem> {
    let mut review = turn(|| parts.approvals.review(id)).await?;
    let (row, rules) = (review.row(), parts.gate.rules());
    let wanted = rules.wanted(&row.facts, &row.action, &review.given(), Timestamp::now());
    review.keep_votes(|vote, rule| parts.registry.still_speaks(&vote.person, rule, &wanted));
    Ok(review)
}

/// Waits for whoever decides at this moment, then takes the approval if it is still to be decided.
async fn turn<T>(take: impl Fn() -> Result<T, NotOpen>) -> Result<T, Problem> {
    loop {
        match take() {
            Ok(taken) => return Ok(taken),
            Err(NotOpen::Taken(settling)) => settling.settled().await,
            Err(NotOpen::Gone) => return Err(gone()),
            Err(NotOpen::Decided(standing)) => return Err(decided(&standing)),
        }
    }
}

/// On disk first, then in memory, then answered; also if the person does not wait for the answer.
async fn record(parts: &Parts, draft: Draft, changes: Vec<Change>) -> Result<ApprovalRow, Problem> {
    let store = parts.store.clone();
    to_its_end(async move { Ok(draft.write(&store, changes).await?) }).await
}

pub(super) fn gone() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "the approval is gone; `runplane audit show` tells what became of it",
    )
}

pub(super) fn decided(standing: &Standing) -> Problem {
    let row = &standing.row;
    let by = match (&row.denial, row.votes.last()) {
        (Some(denial), _) => format!(" by {}", denial.person),
        (None, Some(vote)) => format!(" (consented to by {})", vote.person),
        (None, None) => String::new(),
    };
    Problem::conflict(format!(
        "{} is {}{by}: nothing was changed",
        row.id.short(),
        standing.state.as_str()
    ))
}

pub(super) fn reason_of(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    match text.chars().count() {
        1..=MAX_REASON => Ok(text.to_owned()),
        _ => Err(Problem::unprocessable("expected a reason of 1 to 1,000 characters")),
    }
}

//! One approval: all that a person needs to decide it, what we know before what the agent wrote.

mod said;

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::answer::{self, Frame, rendered};
use super::door::Carried;
use super::form::Form;
use super::grant::{Correctable, Grantable};
use super::row::{Aside, lately};
use super::words::{Field, Long, Text};
use super::{Page, Shared};
use crate::agent::Person;
use crate::approval::Standing;
use crate::control::alike::Cards;
use crate::control::approvals::{approve_not, may_deny};
use crate::control::problem::Problem;
use crate::control::{around, view};
use crate::model::alike::Past;
use crate::model::change::ApprovalRow;
use crate::model::time::span;
use crate::model::{ApprovalId, State as Stands, Timestamp, Value};

use said::{Also, Before, Denial, Missing, Risk, Rule, Vote};

#[derive(Template)]
#[template(path = "approval.html", config = "src/control/page/askama.toml")]
struct Shown {
    frame: Frame,
    id: String,
    revision: u32,
    state: &'static str,
    pending: bool,
    open: bool,
    summary: Long,
    agent: Text,
    roles: String,
    owner: Option<String>,
    action: String,
    provider: String,
    operation: Text,
    target_kind: String,
    target: Option<Long>,
    environment: Text,
    request: Long,
    host: Text,
    risk: Option<Risk>,
    rules: Vec<Rule>,
    fields: Vec<Field>,
    also: Vec<Also>,
    stated: Vec<Field>,
    missing: Vec<Missing>,
    votes: Vec<Vote>,
    denial: Option<Denial>,
    /// `None`: they could not be read.
    before: Option<Vec<Before>>,
    /// Its place among calls like it that wait, and what was answered to such.
    beside: Option<Aside>,
    lately: Vec<Text>,
    lately_unknown: bool,
    created: String,
    expires: String,
    left: String,
    seconds: u64,
    clients: usize,
    call: String,
    outcome: Option<String>,
    approving: String,
    /// Why this person may not approve it, or may not decide it at all.
    approve_not: Option<String>,
    may_deny: bool,
    reason_wanted: bool,
    correctable: Vec<Correctable>,
    grantable: Option<Grantable>,
    /// What was said beforehand of such calls, and stands.
    granted: Vec<Text>,
    currency: String,
    /// What was wrong with what the person just tried, and what they wrote.
    wrong: Option<Text>,
    typed: String,
}

pub(super) async fn show(
    State(page): State<Shared>,
    Extension(person): Extension<Person>,
    Extension(carried): Extension<Carried>,
    Path(name): Path<String>,
) -> Response {
    shown(&page, &person, &carried, &name, None).await
}

/// The approval once more, with what was wrong and what the person wrote.
pub(super) async fn again(
    page: &Page,
    (person, carried): (&Person, &Carried),
    name: &str,
    form: &Form,
    problem: &Problem,
) -> Response {
    let shown = shown(page, person, carried, name, Some((form, problem))).await;
    answer::told(shown, &problem.detail)
}

async fn shown(
    page: &Page,
    person: &Person,
    carried: &Carried,
    name: &str,
    wrong: Option<(&Form, &Problem)>,
) -> Response {
    let status = wrong.map_or(StatusCode::OK, |(_, problem)| problem.status);
    let frame = Frame::new(page, person, carried, "Approval");
    let standing = match find(page, name).await {
        Ok(standing) => standing,
        Err(problem) => return answer::wrong_for(frame, wrong.map_or(&problem, |(_, problem)| problem)),
    };
    let before = around::before(&page.parts, &standing.row).await;
    let before = before.map(|calls| calls.into_iter().map(Before::from).collect());
    let cards = Cards::around(&page.parts, person, [&standing]).await;
    let id = standing.row.id.clone();
    let beside = cards.beside(&id).map(|beside| Aside::new(beside, &standing));
    let mut shown = Shown::new(page, person, frame, standing, before);
    shown.with_those_like_it(beside, cards.lately(&id));
    if let Some((form, problem)) = wrong {
        shown.wrong = Some(Text::new(&problem.detail));
        shown.typed = form.text("reason").to_owned();
    }
    rendered(status, &shown)
}

/// As it stands in memory, or, where it was forgotten there, as it lies on disk.
async fn find(page: &Page, name: &str) -> Result<Standing, Problem> {
    let approvals = &page.parts.approvals;
    let found = approvals.find(name);
    if let Some(standing) = found.as_ref().ok().and_then(|id| approvals.get(id)) {
        return Ok(standing);
    }
    let unknown = || {
        found
            .as_ref()
            .err()
            .map_or_else(crate::control::approvals::gone, |error| error.clone().into())
    };
    let id: ApprovalId = name.parse().map_err(|_| unknown())?;
    let store = page.parts.store.clone();
    let read = tokio::task::spawn_blocking(move || store.approval(&id)).await;
    let row = read.ok().and_then(Result::ok).flatten().ok_or_else(unknown)?;
    Ok(Standing {
        state: row.state,
        row,
        clients: 0,
        ended: None,
    })
}

impl Shown {
    fn with_those_like_it(&mut self, beside: Option<Aside>, found: Option<&[Past]>) {
        self.beside = beside;
        self.lately = lately(found.unwrap_or_default());
        self.lately_unknown = self.pending && found.is_none();
    }

    fn new(page: &Page, person: &Person, mut frame: Frame, standing: Standing, before: Option<Vec<Before>>) -> Self {
        let (rules, row) = (page.parts.gate.rules(), &standing.row);
        let approval = view::Approval::new(&standing, rules.vocabulary());
        let currency = currency(&approval);
        let fields = |fields: &BTreeMap<Arc<str>, Value>| -> Vec<Field> {
            let fields = fields.iter();
            fields
                .map(|(name, value)| Field::new(name, value, currency.as_deref()))
                .collect()
        };
        let pending = standing.state == Stands::Pending;
        let left = row.expires.since(Timestamp::now());
        let caller = page.parts.registry.named(&row.facts.agent);
        let approve_not = approve_not(&page.parts, person, row);
        let score = row.action.score().unwrap_or(100);
        frame.live = standing.state.is_open();
        frame.title = format!("{}: {}", approval.state.as_str(), row.id.short());
        Self {
            frame,
            id: approval.id.to_string(),
            revision: approval.revision,
            state: approval.state.as_str(),
            pending,
            open: standing.state.is_open(),
            summary: Long::new(&approval.summary),
            agent: Text::new(&approval.agent),
            roles: approval.roles.join(", "),
            owner: caller.and_then(|caller| caller.owner).map(|owner| owner.to_string()),
            action: approval.action.to_string(),
            provider: approval.provider.to_string(),
            operation: Text::new(&approval.operation),
            target_kind: approval.target_kind.to_string(),
            target: approval.target_id.as_deref().map(Long::new),
            environment: Text::new(&approval.environment),
            request: Long::new(&approval.request_line),
            host: Text::new(&row.facts.host),
            risk: approval.risk.as_ref().map(Risk::from),
            rules: Rule::all(row, person),
            fields: fields(&approval.fields),
            also: approval.also.iter().map(|also| Also::new(also, fields)).collect(),
            stated: fields(&approval.stated),
            missing: approval
                .missing
                .iter()
                .map(|missing| Missing::new(missing, currency.is_some()))
                .collect(),
            votes: approval.votes.iter().map(Vote::from).collect(),
            denial: approval.denial.as_ref().map(|denial| Denial::new(denial, fields)),
            before,
            beside: None,
            lately: Vec::new(),
            lately_unknown: false,
            created: approval.created.clone(),
            expires: approval.expires.clone(),
            left: span(left),
            seconds: left.as_secs(),
            clients: approval.clients,
            call: approval
                .consumed_by
                .as_ref()
                .unwrap_or(&approval.first_call)
                .to_string(),
            outcome: approval.outcome.map(|outcome| outcome.as_str().to_owned()),
            approving: around::approving(&page.parts, person, &standing),
            may_deny: standing.state.is_open() && may_deny(&page.parts, person, row),
            reason_wanted: page.parts.reason_from_risk.is_some_and(|from| score >= from),
            correctable: if approve_not.is_none() && pending {
                Correctable::all(row, rules.vocabulary(), currency.as_deref())
            } else {
                Vec::new()
            },
            grantable: Grantable::of(row, &rules, currency.as_deref()).filter(|_| approve_not.is_none() && pending),
            granted: granted(page, row),
            approve_not,
            currency: currency
                .map(|currency| currency.to_ascii_uppercase())
                .unwrap_or_default(),
            wrong: None,
            typed: String::new(),
        }
    }
}

/// What its amounts are in, as far as that is known.
pub(super) fn currency(approval: &view::Approval) -> Option<String> {
    currency_of(&approval.fields, &approval.stated)
}

pub(super) fn currency_of(fields: &BTreeMap<Arc<str>, Value>, stated: &BTreeMap<Arc<str>, Value>) -> Option<String> {
    match fields.get("currency").or_else(|| stated.get("currency")) {
        Some(Value::Text(currency)) if crate::model::money::exponent(currency).is_some() => Some(currency.clone()),
        Some(Value::Text(_) | Value::Bool(_) | Value::Int(_) | Value::List(_)) | None => None,
    }
}

fn granted(page: &Page, row: &ApprovalRow) -> Vec<Text> {
    let grants = page.parts.approvals.list_grants();
    let alike = grants.iter().filter(|given| {
        let grant = &given.row.grant;
        given.stands && grant.agent == row.facts.agent && *grant.scope.action() == row.action.name
    });
    let said = alike.map(|given| {
        let grant = view::Grant::from(given);
        let left = grant.uses.saturating_sub(grant.used);
        let most: String = grant
            .max
            .iter()
            .map(|(field, most)| format!(", {field} up to {most}"))
            .collect();
        Text::new(&format!(
            "{}: {} may {} of {}{most}, {left} of {} times, until {} (by {})",
            grant.id.short(),
            grant.agent,
            grant.action,
            grant.kind,
            grant.uses,
            grant.expires,
            grant.person
        ))
    });
    said.collect()
}

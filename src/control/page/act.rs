//! Decisions by form: each is handed to the function behind the same step of the API.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};

use super::approval::{again, currency};
use super::door::Carried;
use super::form::Form;
use super::{Page, Shared};
use crate::agent::Person;
use crate::approval::Standing;
use crate::control::problem::Problem;
use crate::control::{approvals, grants, view};
use crate::model::ApprovalId;

pub(super) async fn approve(
    State(page): State<Shared>,
    Extension(person): Extension<Person>,
    Extension(carried): Extension<Carried>,
    Path(name): Path<String>,
    form: Form,
) -> Response {
    let approved = async {
        let yes = approvals::Yes {
            set: form.all("set", its(&page, &name)?.currency.as_deref())?,
            reason: form.said("reason"),
            revision: Some(form.number("revision")?),
        };
        let (parts, by) = (State(page.parts.clone()), Extension(person.clone()));
        approvals::approve(parts, by, Path(name.clone()), Ok(Json(yes))).await
    };
    match approved.await {
        Ok(Json(approval)) => back_to(&approval.id),
        Err(problem) => again(&page, (&person, &carried), &name, &form, &problem).await,
    }
}

pub(super) async fn deny(
    State(page): State<Shared>,
    Extension(person): Extension<Person>,
    Extension(carried): Extension<Carried>,
    Path(name): Path<String>,
    form: Form,
) -> Response {
    let denied = async {
        let its = its(&page, &name)?;
        let corrects = form.said("corrects").is_some();
        let no = approvals::No {
            reason: form.text("reason").to_owned(),
            correct: form.all("correct", its.currency.as_deref())?,
            revision: corrects.then(|| form.number("revision")).transpose()?,
        };
        // A correction that says nothing would be a no alone, which is another button.
        if corrects && no.correct.is_empty() {
            return Err(Problem::unprocessable(
                "nothing was denied: say what would be right, or deny it without",
            ));
        }
        let (parts, by) = (State(page.parts.clone()), Extension(person.clone()));
        approvals::deny(parts, by, Path(name.clone()), Ok(Json(no))).await
    };
    match denied.await {
        Ok(Json(approval)) => back_to(&approval.id),
        Err(problem) => again(&page, (&person, &carried), &name, &form, &problem).await,
    }
}

/// Consent to calls like this one that are still to come. Whose, of which action, and where, is read off the approval, not off the form.
///
/// SECURITY: what is read there may have been read anew since the person looked, as another action or in another environment
/// (test `a_grant_from_the_page_is_for_what_was_shown_there`).
pub(super) async fn grant(
    State(page): State<Shared>,
    Extension(person): Extension<Person>,
    Extension(carried): Extension<Carried>,
    Path(name): Path<String>,
    form: Form,
) -> Response {
    let granted = async {
        let Its { standing, currency } = its(&page, &name)?;
        approvals::as_seen(&standing.row, Some(form.number("revision")?))?;
        let (facts, action) = (standing.row.facts, standing.row.action);
        let mut max = form.all("max", currency.as_deref())?;
        if let (Some(most), Some(currency)) = (max.get_mut("amount"), &currency) {
            most.push_str(currency);
        }
        let minutes: u64 = form.number("minutes")?;
        let new = grants::New {
            agent: facts.agent.to_string(),
            action: action.name.to_string(),
            kind: action.target.kind.to_string(),
            target: form.said("target").and(action.target.id.clone()),
            environment: Some(action.environment().to_string()),
            max,
            seconds: minutes.saturating_mul(60),
            uses: form.number("uses")?,
            reason: form.text("reason").to_owned(),
        };
        let (parts, by) = (State(page.parts.clone()), Extension(person.clone()));
        grants::give(parts, by, Ok(Json(new))).await
    };
    match granted.await {
        Ok(Json(_)) => Redirect::to(&format!("/approvals/{name}")).into_response(),
        Err(problem) => again(&page, (&person, &carried), &name, &form, &problem).await,
    }
}

/// The approval that a form is about, and what its amounts are in.
struct Its {
    standing: Standing,
    currency: Option<String>,
}

fn its(page: &Page, name: &str) -> Result<Its, Problem> {
    let id = page.parts.approvals.find(name)?;
    let standing = page.parts.approvals.get(&id).ok_or_else(approvals::gone)?;
    let rules = page.parts.gate.rules();
    let currency = currency(&view::Approval::new(&standing, rules.vocabulary()));
    Ok(Its { standing, currency })
}

fn back_to(id: &ApprovalId) -> Response {
    Redirect::to(&format!("/approvals/{id}")).into_response()
}

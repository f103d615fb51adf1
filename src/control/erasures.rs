//! `/api/v1/erasures`: values taken out of the record. For owners.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::{Extension, Json};
use http::StatusCode;
use serde::Deserialize;

use super::Parts;
use super::approvals::reason_of;
use super::problem::Problem;
use super::registry::owner_only;
use super::view::Erased;
use crate::agent::Person;
use crate::audit::{EraseError, Erasure, TARGET, Wanted};
use crate::model::inert::inert;
use crate::model::{Change, Timestamp};
use crate::store::{Store, to_its_end};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    /// Calls, and numbers of entries.
    #[serde(default)]
    ids: Vec<String>,
    /// At most one: a canonical field, or `target`, and what it says.
    #[serde(default, rename = "where")]
    field: BTreeMap<String, String>,
    reason: String,
    /// Only count.
    #[serde(default)]
    dry_run: bool,
}

/// On disk, in memory, and out of the file before it is answered; also if the person does not wait for that.
pub(super) async fn erase(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    new: Result<Json<New>, JsonRejection>,
) -> Result<Json<Erased>, Problem> {
    let Json(new) = new?;
    owner_only(&person)?;
    let reason = reason_of(&new.reason)?;
    let mut fields = new.field.into_iter();
    let field = fields
        .next()
        .filter(|(name, value)| !name.is_empty() && !value.is_empty());
    if fields.next().is_some() || (new.ids.is_empty() && field.is_none()) {
        return Err(Problem::unprocessable(
            "expected `ids` of calls or numbers of entries, or `where` with one field and its value",
        ));
    }
    if let Some((name, _)) = &field
        && name != TARGET
        && !parts.gate.rules().vocabulary().fields.contains_key(name.as_str())
    {
        let wrong = format!("`{}` is no canonical field, and not `{TARGET}`", inert(name));
        return Err(Problem::unprocessable(wrong));
    }
    let name = field.as_ref().map(|(name, _)| name.clone());
    let wanted = Wanted { ids: new.ids, field };
    to_its_end(async move {
        let _one_at_a_time = parts.registering.lock().await;
        let mut plan = planned(&parts.store, wanted).await?;
        let again = plan.again();
        still_counted(&parts, &plan)?;
        let [values, entries, calls, approvals, grants] = plan.counts();
        let mut erased = Erased {
            values,
            entries,
            calls,
            approvals,
            grants,
            again: again.is_some(),
            traces: None,
        };
        if new.dry_run {
            return Ok(Json(erased));
        }
        if let Some(again) = again {
            erased.traces = parts.store.erase(vec![Change::ValuesErased(Vec::new())]).await?;
            parts.approvals.erased(again.approvals, again.grants);
            return Ok(Json(erased));
        }
        let changes = plan.changes(&person.name, &reason, name.as_deref());
        let (mut rows, mut given) = (Vec::new(), Vec::new());
        for change in &changes {
            if let Change::ApprovalErased(row) = change {
                rows.push((**row).clone());
            } else if let Change::GrantErased(grant) = change {
                given.push((**grant).clone());
            }
        }
        erased.traces = parts.store.erase(changes).await?;
        parts.approvals.erased(rows, given);
        parts.notices.line(format!(
            "ERASED {values} values beside {entries} entries by {}",
            inert(&person.name)
        ));
        Ok(Json(erased))
    })
    .await
}

async fn planned(store: &Store, wanted: Wanted) -> Result<Erasure, Problem> {
    let store = store.clone();
    let plan = tokio::task::spawn_blocking(move || {
        let reader = store.reader().map_err(crate::store::ReadError::from)?;
        Erasure::plan(&reader, &wanted)
    });
    match plan.await {
        Ok(plan) => Ok(plan?),
        Err(_) => Err(unreadable()),
    }
}

/// What budgets in force count is erased only where they go on counting it by what is left.
///
/// SECURITY: what is erased of a call would be zero after a restart, and a budget would have room again. Tests:
/// `what_a_budget_of_a_target_still_counts_is_not_erased`, `a_budget_that_came_later_does_not_lose_what_is_erased`.
fn still_counted(parts: &Parts, plan: &Erasure) -> Result<(), Problem> {
    let (rules, now) = (parts.gate.rules(), Timestamp::now());
    let counted = plan.allowed().filter_map(|allowed| {
        let decided = (&allowed.before, &allowed.after);
        let (budget, until) = rules.counts_otherwise(decided, allowed.end, allowed.time)?;
        (until > now).then_some((until, budget, &allowed.call))
    });
    match counted.max() {
        None => Ok(()),
        Some((until, budget, call)) => Err(Problem::conflict(format!(
            "nothing is erased: the budget `{budget}` counts the call {call} until {until}, and could not any more after a restart"
        ))),
    }
}

fn unreadable() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "nothing is erased: the record cannot be read at this moment",
    )
}

impl From<EraseError> for Problem {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::Read(error) => {
                tracing::error!(%error, "what is to be erased could not be looked for");
                unreadable()
            }
            EraseError::Unknown(_) | EraseError::Nothing => Self::new(StatusCode::NOT_FOUND, error.to_string()),
            EraseError::OfNoCall { .. } => Self::unprocessable(error.to_string()),
            EraseError::Blocked(_) => Self::conflict(error.to_string()),
        }
    }
}

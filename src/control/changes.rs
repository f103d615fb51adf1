//! `/api/v1/approvals/changes`: what changed among the approvals since it was last asked for. Whoever watches the queue asks each second,
//! and where nothing happened it costs next to nothing, however many calls wait.

use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::{Extension, Json};
use http::StatusCode;
use serde::Deserialize;

use super::Parts;
use super::alike::Cards;
use super::approvals::listed;
use super::problem::Problem;
use super::view::Changes;
use crate::agent::Person;

/// Nothing of what there is.
const NOW: &str = "now";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// `next` of the last answer, or `now`. Not there, or of another start: all there is.
    since: Option<String>,
    /// At most so many at once; the others come with `next`.
    limit: Option<NonZeroUsize>,
}

impl Asked {
    fn since(&self, latest: u64) -> Result<Option<u64>, Problem> {
        let expected = |_| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "expected `now`, or `next` of the last answer, as since",
            )
        };
        match self.since.as_deref() {
            Some(NOW) => Ok(Some(latest)),
            since => since.map(str::parse).transpose().map_err(expected),
        }
    }
}

pub(super) async fn list(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Changes>, Problem> {
    let Query(asked) = asked?;
    let since = asked.since(parts.approvals.latest())?;
    let most = asked.limit.map_or(usize::MAX, NonZeroUsize::get);
    let (items, next) = parts.approvals.changed(since, most);
    let cards = Cards::around(&parts, &person, items.iter().filter(|it| it.waits())).await;
    let items = listed(&parts, &items, &cards);
    Ok(Json(Changes { items, next }))
}

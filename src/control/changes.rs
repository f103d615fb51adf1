//! `/api/v1/approvals/changes`: what changed among the approvals since it was last asked for. Whoever watches the queue asks each second,
//! and where nothing happened it costs next to nothing, however many calls wait.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::{Extension, Json};
use serde::Deserialize;

use super::Parts;
use super::alike::Cards;
use super::approvals::listed;
use super::problem::Problem;
use super::view::Changes;
use crate::agent::Person;
use crate::approval::Standing;
use crate::model::State as Stands;

/// For more calls than these the cards of all that waits are looked at, once.
const FEW: usize = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// `next` of the last answer. Not there, or of another start: all there is.
    since: Option<u64>,
}

pub(super) async fn list(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    since: Result<Query<Since>, QueryRejection>,
) -> Result<Json<Changes>, Problem> {
    let Query(Since { since }) = since?;
    let (items, next) = parts.approvals.changed(since);
    let cards = Cards::of(&parts, &person, beside(&parts, &items)).await;
    let items = listed(&parts, &items, &cards);
    Ok(Json(Changes { items, next }))
}

/// All that waits on the cards of these.
fn beside(parts: &Parts, items: &[Standing]) -> Vec<Standing> {
    let pending: Vec<&Standing> = items.iter().filter(|it| it.state == Stands::Pending).collect();
    if pending.len() > FEW {
        return parts.approvals.list(Some(Stands::Pending));
    }
    let alike = pending.into_iter().flat_map(|it| parts.approvals.waiting_like(it));
    let alike: BTreeMap<_, _> = alike.map(|it| ((it.row.created, it.row.id.clone()), it)).collect();
    alike.into_values().collect()
}

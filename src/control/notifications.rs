//! `/api/v1/notifications`: who is told of approvals, and what could not be told.

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::{Extension, Json};
use http::StatusCode;
use serde::Deserialize;

use super::Parts;
use super::problem::Problem;
use super::registry::is_owner;
use super::view::Notifications;
use crate::agent::Person;
use crate::audit;
use crate::model::approval::OWNERS;
use crate::model::inert::inert;
use crate::store::{CommitError, Store, to_its_end};

/// Most deliveries that are listed.
const MOST: u32 = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// Those too that were delivered.
    #[serde(default)]
    all: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    receiver: String,
}

pub(super) async fn list(
    State(parts): State<Arc<Parts>>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Notifications>, Problem> {
    let Query(filter) = filter?;
    read(&parts.store, filter.all).await.map(Json)
}

/// SECURITY: who may say yes to one call must not switch on what an endpoint's owner has switched off. Test:
/// `notify::a_receiver_that_is_gone_gets_nothing_more_until_an_owner_says_so`.
pub(super) async fn enable(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    which: Result<Json<Which>, JsonRejection>,
) -> Result<Json<Notifications>, Problem> {
    let Json(which) = which?;
    if !is_owner(&person) {
        return Err(Problem::forbidden(format!(
            "`{}` may not enable receivers: that is for people in the group `{OWNERS}`",
            person.name
        )));
    }
    let receivers = read(&parts.store, false).await?.receivers;
    let receiver = receivers.into_iter().find(|receiver| *receiver.name == *which.receiver);
    let receiver = receiver.ok_or_else(|| {
        let message = format!(
            "no receiver is called `{}` (`runplane notifications list`)",
            inert(&which.receiver)
        );
        Problem::new(StatusCode::NOT_FOUND, message)
    })?;
    let (store, by) = (parts.store.clone(), person.name);
    let changes = audit::receiver_enabled(receiver.channel, &receiver.name, &by);
    match to_its_end(async move { store.write(changes).await }).await {
        Ok(()) => read(&parts.store, false).await.map(Json),
        Err(CommitError::Lost) => Err(Problem::conflict(format!("`{}` is not disabled", receiver.name))),
        Err(error @ (CommitError::Unavailable(_) | CommitError::Overloaded)) => Err(error.into()),
    }
}

async fn read(store: &Store, all: bool) -> Result<Notifications, Problem> {
    let store = store.clone();
    let read = move || {
        let reader = store.reader().map_err(|error| error.to_string())?;
        let receivers = reader.receivers().map_err(|error| error.to_string())?;
        let items = reader.deliveries(all, MOST).map_err(|error| error.to_string())?;
        Ok(Notifications {
            receivers: receivers.into_iter().map(Into::into).collect(),
            items: items.into_iter().map(Into::into).collect(),
        })
    };
    let died = |error: tokio::task::JoinError| Err(error.to_string());
    let read = tokio::task::spawn_blocking(read).await.unwrap_or_else(died);
    read.map_err(|error: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, error))
}

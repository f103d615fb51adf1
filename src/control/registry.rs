//! `/api/v1/agents` and `/api/v1/people`: who may call and who may decide.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;
use serde::Deserialize;

use super::Parts;
use super::problem::Problem;
use super::view::{self, Added, Items};
use crate::agent::{Issued, Person};
use crate::audit;
use crate::model::approval::OWNERS;
use crate::model::change::AgentRow;
use crate::store::to_its_end;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAgent {
    name: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPerson {
    name: String,
    #[serde(default)]
    groups: Vec<String>,
}

pub(super) async fn agents(State(parts): State<Arc<Parts>>) -> Json<Items<view::Agent>> {
    let items = parts.registry.agents().iter().map(view::Agent::from).collect();
    Json(Items { items })
}

pub(super) async fn people(State(parts): State<Arc<Parts>>) -> Json<Items<view::Person>> {
    let items = parts.registry.people().iter().map(view::Person::from).collect();
    Json(Items { items })
}

pub(super) async fn add_agent(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    new: Result<Json<NewAgent>, JsonRejection>,
) -> Result<(StatusCode, Json<Added<view::Agent>>), Problem> {
    let Json(new) = new?;
    owner_only(&person)?;
    to_its_end(async move {
        let _one_at_a_time = parts.registering.lock().await;
        let issued = parts.registry.add_agent(&new.name, &new.roles, new.owner.as_deref())?;
        Ok((StatusCode::CREATED, put_in_force(&parts, issued, &person).await?))
    })
    .await
}

pub(super) async fn rotate_agent(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
) -> Result<Json<Added<view::Agent>>, Problem> {
    owner_only(&person)?;
    to_its_end(async move {
        let _one_at_a_time = parts.registering.lock().await;
        let issued = parts.registry.rotate_agent(&name)?;
        put_in_force(&parts, issued, &person).await
    })
    .await
}

/// Records an agent's new key, puts it in force, and shows it.
async fn put_in_force(
    parts: &Parts,
    issued: Issued<AgentRow>,
    person: &Person,
) -> Result<Json<Added<view::Agent>>, Problem> {
    let Issued { row, key } = issued;
    parts.store.write(audit::agent_put(&row, &person.name)).await?;
    parts.registry.apply_agent(row.clone());
    Ok(Json(Added {
        who: view::Agent::from(&row),
        key: key.expose().clone(),
    }))
}

pub(super) async fn add_person(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    new: Result<Json<NewPerson>, JsonRejection>,
) -> Result<(StatusCode, Json<Added<view::Person>>), Problem> {
    let Json(new) = new?;
    owner_only(&person)?;
    to_its_end(async move {
        let _one_at_a_time = parts.registering.lock().await;
        let issued = parts.registry.add_person(&new.name, &new.groups)?;
        parts.store.write(audit::person_put(&issued.row, &person.name)).await?;
        parts.registry.apply_person(issued.row.clone());
        let added = Added {
            who: view::Person::from(&issued.row),
            key: issued.key.expose().clone(),
        };
        Ok((StatusCode::CREATED, Json(added)))
    })
    .await
}

pub(super) async fn disable_agent(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
) -> Result<Json<view::Agent>, Problem> {
    owner_only(&person)?;
    to_its_end(async move {
        let _one_at_a_time = parts.registering.lock().await;
        let row = parts.registry.disable_agent(&name)?;
        parts.store.write(audit::agent_put(&row, &person.name)).await?;
        parts.registry.apply_agent(row.clone());
        Ok(Json(view::Agent::from(&row)))
    })
    .await
}

pub(super) async fn disable_person(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
) -> Result<Json<view::Person>, Problem> {
    owner_only(&person)?;
    to_its_end(async move {
        let _one_at_a_time = parts.registering.lock().await;
        let row = parts.registry.disable_person(&name)?;
        parts.store.write(audit::person_put(&row, &person.name)).await?;
        parts.registry.apply_person(row.clone());
        Ok(Json(view::Person::from(&row)))
    })
    .await
}

/// SECURITY: whoever may add people may add themselves to any group; so only those may who may approve anything
/// already.
pub(super) fn owner_only(person: &Person) -> Result<(), Problem> {
    match is_owner(person) {
        true => Ok(()),
        false => Err(Problem::forbidden(format!(
            "`{}` may not change agents and people: that is for people in the group `{OWNERS}`",
            person.name
        ))),
    }
}

pub(super) fn is_owner(person: &Person) -> bool {
    person.groups.iter().any(|group| &**group == OWNERS)
}

//! A link of one use, by which a person signs in without typing their key into a browser.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

use super::Shared;
use super::session::LINK;
use crate::agent::Person;
use crate::control::guard::Listener;
use crate::control::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// The approval to look at first; its id, or the beginning of it.
    #[serde(default)]
    to: Option<String>,
}

/// A link that was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Made {
    pub url: String,
    pub person: Arc<str>,
    /// For how long it may be used, in seconds.
    pub seconds: u64,
}

/// SECURITY: a link is as good as its person's key, so people make links for themselves alone, whatever their group: with one of
/// somebody else's a quorum of two would be one person. Test: `a_link_signs_in_who_made_it_and_nobody_else`.
pub(super) async fn make(
    State(page): State<Shared>,
    Extension(person): Extension<Person>,
    Extension(listener): Extension<Listener>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<Json<Made>, Problem> {
    let Json(wanted) = wanted?;
    let approval = wanted.to.map(|name| page.parts.approvals.find(&name)).transpose()?;
    let to = approval.map(|id| format!("?to=/approvals/{id}")).unwrap_or_default();
    let base = page.parts.public_url.clone().unwrap_or_else(|| listener.url());
    Ok(Json(Made {
        url: format!("{base}/sign-in/{}{to}", page.sessions.link(&person.name)),
        person: person.name,
        seconds: LINK.as_secs(),
    }))
}

//! `/api/v1/pause` and `/api/v1/resume`: the kill switch. Everybody who may decide anything may stop; starting again is for
//! owners, and for who stopped.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::{Extension, Json};
use http::StatusCode;
use serde::Deserialize;

use super::Parts;
use super::approvals::reason_of;
use super::problem::Problem;
use super::registry::is_owner;
use super::view::{self, Items};
use crate::agent::{Person, Registry};
use crate::audit;
use crate::model::Timestamp;
use crate::model::approval::OWNERS;
use crate::model::inert::inert;
use crate::model::pause::{Pause, Whom};
use crate::store::to_its_end;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    #[serde(default)]
    agent: Option<String>,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    reason: Option<String>,
}

impl Switch {
    fn whom(&self) -> Result<Whom, Problem> {
        match (&self.agent, self.all) {
            (Some(name), false) => Ok(Whom::Agent(Registry::name(name)?)),
            (None, true) => Ok(Whom::Everyone),
            (Some(_), true) | (None, false) => Err(Problem::unprocessable(
                "expected either `agent` with a name or `\"all\": true`",
            )),
        }
    }
}

pub(super) async fn list(State(parts): State<Arc<Parts>>) -> Json<Items<view::Pause>> {
    Json(shown(&parts, parts.gate.paused().list()))
}

/// In force at once, and on disk when it is answered.
pub(super) async fn pause(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    switch: Result<Json<Switch>, JsonRejection>,
) -> Result<Json<view::Paused>, Problem> {
    let Json(switch) = switch?;
    let whom = switch.whom()?;
    let reason = switch.reason.as_deref().map(reason_of).transpose()?;
    to_its_end(async move {
        let _one_at_a_time = parts.registering.lock().await;
        // SECURITY: whoever put their name on another's pause could lift it. Test: `a_pause_stays_that_of_who_made_it`.
        let standing = parts.gate.paused().for_whom(&whom);
        let already = standing.is_some();
        let pause = standing.unwrap_or_else(|| stop(&parts, whom, person.name, reason));
        parts.store.flush().await.map_err(|_| unrecorded(&pause.whom))?;
        let pause = view::Pause::new(&pause, &parts.registry);
        Ok(Json(view::Paused { pause, already }))
    })
    .await
}

/// Stopping is never wrong: it does not wait for the disk, and is not undone where that fails. Nor is it crowded out by what is
/// stopped, for the way it takes to the disk has no bound.
fn stop(parts: &Parts, whom: Whom, by: Arc<str>, reason: Option<String>) -> Pause {
    let pause = Pause {
        whom,
        by,
        reason,
        since: Timestamp::now(),
    };
    parts.gate.paused().put(&pause);
    parts.store.later(audit::paused(&pause));
    parts.notices.line(line("PAUSED", &pause.whom, &pause.by));
    pause
}

fn unrecorded(whom: &Whom) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        format!(
            "{whom} is paused for as long as this sidecar runs, but the trail cannot be written at this moment, so a restart may \
             forget it: mend that (the sidecar's log names the cause) and pause again"
        ),
    )
}

/// On disk first, then in force. Answers with what still keeps these agents from calling.
pub(super) async fn resume(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    switch: Result<Json<Switch>, JsonRejection>,
) -> Result<Json<Items<view::Pause>>, Problem> {
    let Json(switch) = switch?;
    let whom = switch.whom()?;
    if switch.reason.is_some() {
        return Err(Problem::unprocessable("a resume takes no reason"));
    }
    to_its_end(async move {
        let _one_at_a_time = parts.registering.lock().await;
        let paused = parts.gate.paused();
        let standing = paused.for_whom(&whom);
        let by = &standing.ok_or_else(|| nothing_to_lift(&parts, &whom))?.by;
        // SECURITY: whoever may only say yes to one call must not let everything go again that an owner stopped. Test:
        // `a_pause_is_lifted_by_owners_and_by_who_made_it`.
        if *by != person.name && !is_owner(&person) {
            return Err(Problem::forbidden(format!(
                "`{}` may not lift this pause: that is for {by}, who made it, and for people in the group `{OWNERS}`",
                person.name
            )));
        }
        parts.store.write(audit::resumed(&whom, &person.name)).await?;
        paused.lift(&whom);
        parts.notices.line(line("RESUMED", &whom, &person.name));
        let left = match &whom {
            Whom::Everyone => paused.list(),
            Whom::Agent(name) => paused.of(name).into_iter().collect(),
        };
        Ok(Json(shown(&parts, left)))
    })
    .await
}

fn nothing_to_lift(parts: &Parts, whom: &Whom) -> Problem {
    let more = match whom {
        Whom::Agent(name) if parts.gate.paused().of(name).is_some() => {
            " by name: every agent is paused (`runplane resume --all`)"
        }
        Whom::Agent(_) => "",
        Whom::Everyone => " at once; `runplane pause --list` shows who is, by name",
    };
    let is = match whom {
        Whom::Agent(_) => "is not paused",
        Whom::Everyone => "was not paused",
    };
    Problem::new(StatusCode::NOT_FOUND, format!("{whom} {is}{more}"))
}

fn shown(parts: &Parts, pauses: Vec<Pause>) -> Items<view::Pause> {
    let items = pauses.iter().map(|pause| view::Pause::new(pause, &parts.registry));
    Items { items: items.collect() }
}

/// `PAUSED support-bot by olga`, for the terminal. The reason is for those who ask.
fn line(what: &str, whom: &Whom, by: &str) -> String {
    format!("{what} {whom} by {}", inert(by))
}

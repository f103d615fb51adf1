//! Clicks in Slack: who pressed a button there decides by the API's own functions, as on the page.
//!
//! ```text
//! POST /api/v1/slack/interactions    `payload`, signed by Slack: see `signature`
//! ```
//! It is answered at once, for Slack waits three seconds; what comes of it shows in the message, and why nothing did, to the one person.

mod payload;
mod signature;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, State};
use axum::routing::post;
use axum::{Extension, Json, Router};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::problem::Problem;
use super::{Parts, approvals, consent};
use crate::agent::{Person, Proof};
use crate::audit;
use crate::model::inert::inert;
use crate::model::{ApprovalId, Reason, Refusal};
use crate::notify::slack::Desk;
use payload::{About, Interaction, Step};
use signature::{Seen, SignatureError};

const PATH: &str = "/api/v1/slack/interactions";
/// Slack sends the message with the click, its blocks and all.
const LONGEST: usize = 512 * 1024;

struct Door {
    parts: Arc<Parts>,
    desk: Arc<Desk>,
    seen: Seen,
}

/// Nothing where nobody is listened to.
pub(super) fn routes(parts: &Arc<Parts>) -> Router {
    let Some(desk) = &parts.slack else {
        return Router::new();
    };
    let door = Door {
        parts: parts.clone(),
        desk: desk.clone(),
        seen: Seen::default(),
    };
    Router::new()
        .route(PATH, post(clicked))
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(Arc::new(door))
}

/// SECURITY: the signature alone says that this is Slack speaking: whoever reaches the port, an agent too, can send what Slack sends. It
/// is over every byte, and is looked at before any of them. Tests: `slack::who_has_no_signature_decides_nothing`, `signature/tests`.
async fn clicked(
    State(door): State<Arc<Door>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    content: Bytes,
) -> Result<StatusCode, Problem> {
    let signing_secret = &door.desk.buttons.signing_secret;
    if let Err(error) = door.seen.verify(signing_secret, &headers, &content) {
        return Err(refuse(&door.parts, peer, &error).await);
    }
    let interaction = Interaction::read(&content)
        .ok_or_else(|| Problem::unprocessable("expected an interaction of Slack with a message of ours"))?;
    if let Some(interaction) = interaction {
        let tasks = door.parts.tasks.clone();
        tasks.spawn(async move { handle(&door, interaction).await });
    }
    Ok(StatusCode::OK)
}

async fn refuse(parts: &Parts, peer: Option<Extension<ConnectInfo<SocketAddr>>>, error: &SignatureError) -> Problem {
    let problem = Problem::unauthorized(error.to_string());
    let peer = peer.map_or(SocketAddr::from(([0, 0, 0, 0], 0)), |Extension(ConnectInfo(peer))| peer);
    let refusal = Refusal::new(Reason::AgentUnknown, format!("control: {}", problem.detail));
    // The answer is no either way. That an attempt could not be recorded, the store says in its own log.
    let _ = parts.store.write(audit::refused(None, None, peer, &refusal)).await;
    problem
}

/// What a click comes to. The message itself is changed by the outbox, as whatever else changes it.
async fn handle(door: &Door, click: Interaction) {
    let Some(person) = person(door, &click.user) else {
        let text = format!(
            "Nothing was decided: your Slack account ({}) is nobody's here. `people` in the configuration says whose it is.",
            inert(&click.user)
        );
        refused(
            door,
            &format!("slack:{}", inert(&click.user)),
            &Problem::forbidden(text),
            &click,
        )
        .await;
        return;
    };
    if let Err(problem) = decide(door, &person, &click).await {
        refused(door, &person.name, &problem, &click).await;
    }
}

/// As they are now: a person who was disabled is none.
fn person(door: &Door, user: &str) -> Option<Person> {
    let name = door.desk.buttons.people.get(user)?;
    door.parts.registry.active(name, Proof::Slack)
}

async fn decide(door: &Door, person: &Person, click: &Interaction) -> Result<(), Problem> {
    let (parts, name) = (&door.parts, Path(click.about.approval.clone()));
    let id = parts.approvals.find(&click.about.approval)?;
    match &click.step {
        Step::Approve => {
            by_button(door, &id, &click.about)?;
            let yes = approvals::Yes {
                set: BTreeMap::new(),
                reason: None,
                revision: Some(click.about.revision),
            };
            let approved = approvals::approve(State(parts.clone()), Extension(person.clone()), name, Ok(Json(yes)));
            approved.await.map(drop)
        }
        Step::AskWhy { trigger } => {
            let standing = parts.approvals.get(&id).ok_or_else(approvals::gone)?;
            // Nobody writes down a reason for nothing.
            if !standing.state.is_open() {
                return Err(approvals::decided(&standing));
            }
            if !approvals::may_deny(parts, person, &standing.row) {
                return Err(consent::not_theirs(person, &standing.row.rules));
            }
            let asked = door.desk.ask_why(trigger, &standing.row, &click.about.written()).await;
            asked.map_err(|error| {
                let text = format!("nothing was decided: Slack did not ask you for a reason ({error}); press it again");
                Problem::new(StatusCode::BAD_GATEWAY, text)
            })
        }
        Step::Deny { reason } => {
            let no = approvals::No {
                reason: reason.clone(),
                correct: BTreeMap::new(),
                revision: None,
            };
            let denied = approvals::deny(State(parts.clone()), Extension(person.clone()), name, Ok(Json(no)));
            denied.await.map(drop)
        }
    }
}

/// What had no button is not decided by one, whatever is said to have been pressed.
fn by_button(door: &Door, id: &ApprovalId, about: &About) -> Result<(), Problem> {
    let standing = door.parts.approvals.get(id).ok_or_else(approvals::gone)?;
    let (buttons, from) = (&door.desk.buttons, door.parts.reason_from_risk);
    match buttons.refuse(&standing.row, from, about.revision, &about.mark) {
        Some(why) => Err(Problem::forbidden(format!(
            "nothing was decided: {} is decided {why}",
            id.short()
        ))),
        None => Ok(()),
    }
}

/// On record, and said to whoever pressed it.
async fn refused(door: &Door, person: &str, problem: &Problem, click: &Interaction) {
    let changes = audit::not_decided(person, problem.status.as_u16(), PATH, &problem.detail);
    // The answer is no either way. That an attempt could not be recorded, the store says in its own log.
    let _ = door.parts.store.write(changes).await;
    let About { channel, .. } = &click.about;
    if let Err(error) = door.desk.whisper(channel, &click.user, &problem.detail).await {
        tracing::warn!(%error, person, "a person in Slack could not be told that nothing was decided");
    }
}

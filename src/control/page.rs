//! The page for people who approve: rendered here, whole without JavaScript, and on a phone. It shows what the API shows, and
//! decides by the API's own functions: there is no second way to a decision.
//!
//! ```text
//! GET  /                          Inbox: what waits for people
//! GET  /approvals/{id}            all that is needed to decide one
//! GET  /approvals/{id}/similar    those like it that wait
//! POST /approvals/{id}/approve    `revision`, `reason`, `set.FIELD`
//! POST /approvals/{id}/deny       `reason`, `correct.FIELD`
//! POST /approvals/{id}/grant      `minutes`, `uses`, `reason`, `max.FIELD`, `target`
//! GET  /decisions/{call}          what happened to a call, and why
//! GET  /events                    what waits, live
//! GET  /sign-in, /sign-in/{link}  the form; with a POST to the same path a person signs in, by key or by a link of one use
//! POST /sign-out
//! POST /api/v1/page/link          {"to": "apr_…"}, with a person's key: such a link
//! GET  /assets/{name}
//! ```
//! Forms are `application/x-www-form-urlencoded`; amounts in fields called `set-amount.FIELD`, `correct-amount.FIELD` and
//! `max-amount.FIELD` are as people write them (`512.00`). A GET changes nothing.

mod act;
mod answer;
mod approval;
mod assets;
mod cookie;
mod decision;
mod door;
mod events;
mod form;
mod grant;
mod inbox;
mod link;
mod row;
mod session;
mod sign_in;
mod words;

use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Router, middleware};

use super::{Parts, attempts, guard};
use session::Sessions;

pub(super) use answer::landing;
pub use link::Made;

/// What the page works with.
struct Page {
    parts: Arc<Parts>,
    sessions: Sessions,
    streams: events::Streams,
}

type Shared = Arc<Page>;

pub(super) fn routes(parts: &Arc<Parts>) -> Router {
    let page = Arc::new(Page {
        parts: parts.clone(),
        sessions: Sessions::default(),
        streams: events::Streams::default(),
    });
    let decides = Router::new()
        .route("/approvals/{id}/approve", post(act::approve))
        .route("/approvals/{id}/deny", post(act::deny))
        .route("/approvals/{id}/grant", post(act::grant))
        .layer(middleware::from_fn_with_state(parts.clone(), attempts::recorded));
    let inside = Router::new()
        .route("/", get(inbox::show))
        .route("/approvals/{id}", get(approval::show))
        .route("/approvals/{id}/similar", get(inbox::similar))
        .route("/decisions/{call}", get(decision::show))
        .route("/events", get(events::stream))
        .route("/sign-out", post(sign_in::leave))
        .merge(decides)
        .layer(middleware::from_fn_with_state(page.clone(), door::inside));
    let links = Router::new()
        .route("/api/v1/page/link", post(link::make))
        .layer(middleware::from_fn_with_state(parts.clone(), guard::people));
    let outside = Router::new()
        .route("/sign-in", get(sign_in::ask).post(sign_in::by_key))
        .route("/sign-in/{link}", get(sign_in::ask_by_link).post(sign_in::by_link))
        .route("/assets/{name}", get(assets::get));
    outside
        .merge(inside)
        .layer(middleware::from_fn_with_state(page.clone(), door::carried))
        .merge(links)
        .with_state(page)
}

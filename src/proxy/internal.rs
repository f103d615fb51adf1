//! `http://runplane.internal/`: what an agent may ask of the proxy itself. It is told of its own calls only, and nothing
//! here decides but what `guard` asks the gate. The name is in no DNS, and nothing that is asked of it leaves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Response, StatusCode, request};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use self::state::state;
use super::follow::Body;
use super::handle::Exchange;
use super::record::Unheard;
use super::{Parts, Refused, guard, parse, record};
use crate::approval::Standing;
use crate::io::drain::stopping;
use crate::model::{ApprovalId, ErrorShape, Host, State};
use crate::store::{ReadError, Store};

mod doctor;
mod guide;
mod state;

/// The name, and all names below it.
pub(super) const NAME: &str = "runplane.internal";

/// How long one answer may be waited for, if it is not said, and at most.
const WAIT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// How many of an agent's requests may wait at a time: as many as it may have calls waiting for people.
const WAITS_PER_AGENT: usize = 20;

/// Whether a host is the proxy itself.
pub(super) fn is_here(host: &Host) -> bool {
    match host {
        Host::Name(name) => name
            .strip_suffix(NAME)
            .is_some_and(|before| before.is_empty() || before.ends_with('.')),
        Host::Address(_) => false,
    }
}

/// The answer to a request of ours; `None` for all that are for others.
///
/// # Errors
/// `agent_unknown`, as for a call.
pub(super) async fn answer(
    exchange: &mut Exchange<'_>,
    head: &request::Parts,
) -> Option<Result<Response<Body>, Refused>> {
    let asked = match exchange.connection.authority() {
        Ok(Some((_, authority))) => authority.clone(),
        Ok(None) => parse::absolute_form(&head.uri).ok()?.1,
        // Refused as what it is.
        Err(_) => return None,
    };
    if !is_here(&asked.host) {
        return None;
    }
    let caller = match exchange.credentials.caller(&exchange.parts.registry) {
        Ok(caller) => caller,
        Err(refusal) => {
            let unheard = Unheard::new(None, refusal);
            let (parts, connection) = (exchange.parts, exchange.connection);
            let refused = record::turned_away(parts, connection, &exchange.id, ErrorShape::Problem, unheard).await;
            return Some(Err(refused));
        }
    };
    if head.method == Method::POST
        && asked.host.to_string() == NAME
        && let Some(answer) = guard::at_internal(exchange, &caller, head).await
    {
        return Some(Ok(answer));
    }
    let page = match (&head.method, &*asked.host.to_string()) {
        (&Method::GET | &Method::HEAD, NAME) => page(exchange.parts, &caller.agent, head).await,
        (&Method::GET | &Method::HEAD, _) => Page::missing("there is nothing below this name"),
        _ => Page::error(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "only GET and HEAD, and POST to `/api/v1/guard`: no person's decision is made here",
        ),
    };
    Some(Ok(page.into_response(head.method == Method::HEAD)))
}

/// What an agent is shown.
pub(super) struct Page {
    status: StatusCode,
    kind: &'static str,
    content: String,
}

impl Page {
    fn json(status: StatusCode, value: &serde_json::Value) -> Self {
        Self {
            status,
            kind: "application/json",
            content: format!("{value:#}\n"),
        }
    }

    fn error(status: StatusCode, code: &str, detail: &str) -> Self {
        let see = format!("http://{NAME}/");
        Self::json(status, &json!({ "error": code, "detail": detail, "see": see }))
    }

    fn missing(detail: &str) -> Self {
        Self::error(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// For the listener beside the control API.
    pub(super) fn into_axum(self) -> axum::response::Response {
        (self.status, [(CONTENT_TYPE, self.kind)], self.content).into_response()
    }

    fn into_response(self, head_only: bool) -> Response<Body> {
        let content = (!head_only).then(|| Bytes::from(self.content));
        let mut response = Response::new(Body::Whole(content));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}

async fn page(parts: &Parts, agent: &Arc<str>, head: &request::Parts) -> Page {
    let path = head.uri.path();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    match segments.as_slice() {
        [""] => guide::page(parts, agent),
        ["doctor", nonce] => doctor::page(parts, agent, nonce).unwrap_or_else(nothing),
        ["doctor", nonce, "info", "refs"] => doctor::repository(nonce, head.uri.query()).unwrap_or_else(nothing),
        ["approvals", id] => match find(parts, agent, id).await {
            Ok(standing) => state(&standing),
            Err(page) => page,
        },
        ["approvals", id, "wait"] => match span(head.uri.query()) {
            Ok(span) => wait(parts, agent, id, span).await,
            Err(detail) => Page::error(StatusCode::BAD_REQUEST, "bad_request", detail),
        },
        _ => nothing(),
    }
}

fn nothing() -> Page {
    Page::missing("there are `/`, `/approvals/{id}` and `/approvals/{id}/wait?timeout=60`")
}

/// An approval of this agent.
///
/// SECURITY: another agent's is as none: neither what it asks nor that it is there is told (test
/// `another_agents_approval_is_not_there`).
fn own(parts: &Parts, agent: &Arc<str>, id: &str) -> Option<Standing> {
    let id: ApprovalId = id.parse().ok()?;
    parts
        .approvals
        .get(&id)
        .filter(|standing| standing.row.facts.agent == *agent)
}

/// The same, or what is on disk of it where it is finished and was forgotten here.
///
/// # Errors
/// What its agent is told instead.
async fn find(parts: &Parts, agent: &Arc<str>, id: &str) -> Result<Standing, Page> {
    if let Some(standing) = own(parts, agent, id) {
        return Ok(standing);
    }
    let id: ApprovalId = id.parse().map_err(|_| unknown())?;
    // As an agent that asks for one id after the other waits for the disk each time, it is bounded as what waits is.
    let _reading = parts.waits.begin(agent).ok_or_else(too_many)?;
    let store = parts.store.clone();
    let read = tokio::task::spawn_blocking(move || past(&store, &id));
    let unreadable = || {
        Page::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "unreadable",
            "it cannot be read now: ask again later",
        )
    };
    let found = read.await.ok().and_then(Result::ok).ok_or_else(unreadable)?;
    found.filter(|past| past.row.facts.agent == *agent).ok_or_else(unknown)
}

fn past(store: &Store, id: &ApprovalId) -> Result<Option<Standing>, ReadError> {
    let reader = store.reader()?;
    let Some(row) = reader.approval(id)? else {
        return Ok(None);
    };
    let call = row.consumed_by.as_ref().map(|call| reader.call(call)).transpose()?;
    let ended = call.flatten().and_then(|call| Some((call.row.outcome?, call.status)));
    // What is not in memory is over, whether that was written or not.
    let state = match row.state.is_open() {
        true => State::Expired,
        false => row.state,
    };
    let clients = 0;
    Ok(Some(Standing {
        row,
        state,
        clients,
        ended,
    }))
}

fn unknown() -> Page {
    Page::missing("none of your calls has this approval")
}

fn too_many() -> Page {
    Page::error(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_waits",
        "as many of your requests wait as may at a time: wait for one after the other",
    )
}

/// How long is to be waited.
fn span(query: Option<&str>) -> Result<Duration, &'static str> {
    const EXPECTED: &str = "expected `timeout` in whole seconds and nothing else, as `?timeout=60`";
    let Some(query) = query else {
        return Ok(WAIT);
    };
    let seconds = query.strip_prefix("timeout=").ok_or(EXPECTED)?;
    let seconds = seconds.parse().map_err(|_| EXPECTED)?;
    Ok(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// The same as [`wait`] with what was asked, for no longer than so many seconds.
pub(super) async fn wait_at_most(parts: &Parts, agent: &Arc<str>, id: &str, query: Option<&str>, seconds: u64) -> Page {
    match span(query) {
        Ok(span) => wait(parts, agent, id, span.min(Duration::from_secs(seconds))).await,
        Err(detail) => Page::error(StatusCode::BAD_REQUEST, "bad_request", detail),
    }
}

/// Answers once the approval is decided, when the time is over, or when we are to stop.
async fn wait(parts: &Parts, agent: &Arc<str>, id: &str, span: Duration) -> Page {
    let first = match find(parts, agent, id).await {
        Ok(standing) => standing,
        Err(page) => return page,
    };
    let Some(waiting) = parts.waits.begin(agent) else {
        return too_many();
    };
    let until = Instant::now() + span;
    let decided = async {
        while let Some(mut moved) = parts.approvals.moves(&first.row.id) {
            match own(parts, agent, id) {
                Some(standing) if standing.state == State::Pending => {}
                Some(_) | None => break,
            }
            // An error says that it is forgotten: the next look says so too.
            let _ = moved.changed().await;
        }
    };
    tokio::select! {
        _ = timeout_at(until, decided) => {}
        () = stopping(parts.draining.clone()) => {}
    }
    drop(waiting);
    match find(parts, agent, id).await {
        Ok(standing) => state(&standing),
        Err(page) => page,
    }
}

/// How many requests of each agent wait.
///
/// SECURITY: an agent could hold every connection there is, and with them every other agent's calls (test
/// `an_agents_waits_are_bounded`).
#[derive(Debug, Default)]
pub struct Waits(Mutex<HashMap<Arc<str>, usize>>);

/// One of them. Dropped, it waits no more.
struct Waiting<'a> {
    waits: &'a Waits,
    agent: Arc<str>,
}

impl Waits {
    fn begin(&self, agent: &Arc<str>) -> Option<Waiting<'_>> {
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waits.entry(agent.clone()).or_default();
        if *count >= WAITS_PER_AGENT {
            return None;
        }
        *count += 1;
        Some(Waiting {
            waits: self,
            agent: agent.clone(),
        })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waits = self.waits.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = waits.get_mut(&self.agent) {
            *count -= 1;
            if *count == 0 {
                waits.remove(&self.agent);
            }
        }
    }
}

#[cfg(test)]
mod tests;

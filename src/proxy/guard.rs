//! The Guard API, the second door: an agent asks before it acts, by whatever way it acts. It states the action itself, and
//! from there on all is as for a call off the wire: the same gate, the same record, the same people. Nothing is sent from here;
//! what is allowed stays open in the trail until its agent tells how it ended.
//!
//! ```text
//! POST /api/v1/guard                          {"action", "target", "context", "agent"?, "request_id"?} → the decision
//! POST /api/v1/guard/{decision_id}/outcome    {"outcome": "success" | "failure" | "unknown", "result_id"?}
//! GET  /api/v1/approvals/{id}/wait?timeout=25 until people decided
//! ```
//! Served beside the control API with the key of an agent, and at `http://runplane.internal` by the proxy itself, for agents
//! that reach nothing else. docs/guard.md tells what is answered.
//!
//! SECURITY: whoever reaches this with a person's key, or the control API with an agent's, is refused, and that is recorded
//! (tests `tests/it/guard.rs`).

mod answer;
mod asked;
mod books;
mod granted;
mod outcome;
mod repeated;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Path, RawQuery, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode, request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::follow::Body;
use super::handle::Exchange;
use super::{Credentials, Parts, internal};
use crate::audit;
use crate::io::body::Unread;
use crate::model::{CallId, Caller, Reason, Refusal};
use answer::Problem;
pub use books::Decided;

/// Longest content, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// For content to come through the proxy.
const CONTENT_WITHIN: Duration = Duration::from_secs(10);
/// How long one answer of the control listener may be waited for, in seconds: it gives no more time to any.
const LONGEST_WAIT: u64 = 25;
/// Waits of all agents together at the control listener.
///
/// SECURITY: agents that wait would take every place there, and people could not decide (test
/// `agents_that_wait_leave_places_to_people`).
const WAITS: usize = 16;

/// Who asks, as they proved themselves, and by which way.
#[derive(Clone)]
pub(super) struct Asker {
    credentials: Credentials,
    caller: Caller,
    peer: SocketAddr,
    door: Door,
}

/// Where it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Control,
    Internal,
}

impl Door {
    /// Where the answer of an approval is waited for.
    fn wait_url(self, approval: &str) -> String {
        match self {
            Door::Control => format!("/api/v1/approvals/{approval}/wait?timeout={LONGEST_WAIT}"),
            Door::Internal => format!("http://{}/approvals/{approval}/wait?timeout=60", internal::NAME),
        }
    }
}

/// The door beside the control API: paths below `/api/v1`.
pub fn router(parts: Arc<Parts>) -> Router {
    let waits = Arc::new(Semaphore::new(WAITS));
    Router::new()
        .route("/guard", post(ask))
        .route("/guard/{id}/outcome", post(end))
        .route("/approvals/{id}/wait", get(wait))
        .layer(middleware::from_fn_with_state(parts.clone(), agents))
        .layer(Extension(waits))
        .with_state(parts)
}

/// Lets agents through, and nobody else.
async fn agents(State(parts): State<Arc<Parts>>, mut request: Request, next: Next) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(SocketAddr::from(([0, 0, 0, 0], 0)), |info| info.0);
    let mut shown = request.headers().get_all(AUTHORIZATION).iter().cloned();
    let (first, second) = (shown.next(), shown.next());
    let credentials = Credentials::Proxy(first.clone());
    let caller = match second {
        None => credentials.caller(&parts.registry),
        Some(_) => Err(Refusal::new(Reason::AgentUnknown, "expected one `Authorization`")),
    };
    match caller {
        Ok(caller) => {
            request.extensions_mut().insert(Asker {
                credentials,
                caller,
                peer,
                door: Door::Control,
            });
            next.run(request).await
        }
        Err(_) => {
            let detail = "guard: expected `Authorization: Bearer` with the key of an agent (`runplane agents add NAME` gives one); \
                          the key of a person opens nothing here";
            let refusal = Refusal::new(Reason::AgentUnknown, detail);
            refused(&parts, None, peer, refusal).await.into_response()
        }
    }
}

/// Has a refusal in the trail before it is answered.
async fn refused(parts: &Parts, asker: Option<(&CallId, &Arc<str>)>, peer: SocketAddr, refusal: Refusal) -> Problem {
    parts.metrics.undecided(refusal.reason);
    let (call, agent) = asker.unzip();
    match parts.store.write(audit::refused(call, agent, peer, &refusal)).await {
        Ok(()) => Problem::of(refusal, call),
        Err(error) => Problem::of(super::respond::unrecorded(&error), call),
    }
}

async fn ask(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Response {
    let content = content.map_err(|error| error.status());
    answer_to(&parts, &asker, &headers, content).await
}

/// The decision, or why there is none; each in the trail.
///
/// SECURITY: it is brought to its end by a task of its own. A client that left in its middle would have its approval given
/// back, and with it kept what was granted for that (tests `whenever_the_client_leaves_one_yes_is_one_execution`,
/// `whenever_the_client_leaves_its_request_is_one_execution`).
async fn answer_to(
    parts: &Arc<Parts>,
    asker: &Asker,
    headers: &HeaderMap,
    content: Result<Bytes, StatusCode>,
) -> Response {
    let (parts, asker, is_json) = (parts.clone(), asker.clone(), is_json(headers));
    let (telling, told) = oneshot::channel();
    let tasks = parts.tasks.clone();
    tasks.spawn(async move {
        let answer = asked::answer(&parts, &asker, is_json, content).await;
        if let Err(Ok(untold)) = telling.send(answer) {
            asked::take_back(&parts, &asker, &untold).await;
        }
    });
    match told.await {
        Ok(Ok(given)) => given.answer.into_response(),
        Ok(Err(problem)) => problem.into_response(),
        Err(_) => {
            let detail = "it broke off here, and nothing is allowed by it: ask again";
            Problem::of(Refusal::new(Reason::AuditUnavailable, detail), None).into_response()
        }
    }
}

/// The same by the proxy, at its own name. `None`: there is nothing by this path.
pub(super) async fn at_internal(
    exchange: &mut Exchange<'_>,
    caller: &Caller,
    head: &request::Parts,
) -> Option<http::Response<Body>> {
    let rest = head.uri.path().strip_prefix("/api/v1/guard")?;
    let outcome_of = rest.strip_prefix('/').and_then(|rest| rest.strip_suffix("/outcome"));
    if !rest.is_empty() && outcome_of.is_none() {
        return None;
    }
    let asker = Asker {
        credentials: exchange.credentials.clone(),
        caller: caller.clone(),
        peer: exchange.connection.peer,
        door: Door::Internal,
    };
    let content = read(exchange.unread.take()).await;
    let response = match outcome_of {
        None => answer_to(exchange.parts, &asker, &head.headers, content).await,
        Some(id) => outcome::told(exchange.parts, &asker, id, content)
            .await
            .unwrap_or_else(Problem::into_response),
    };
    let (head, body) = response.into_parts();
    // What was just written, in memory.
    let content = axum::body::to_bytes(body, usize::MAX).await.ok();
    Some(http::Response::from_parts(head, Body::Whole(content)))
}

/// A content of bounded length and in bounded time.
async fn read(unread: Option<Unread>) -> Result<Bytes, StatusCode> {
    let Some(unread) = unread else {
        return Ok(Bytes::new());
    };
    match timeout(CONTENT_WITHIN, Limited::new(unread, MAX_BODY).collect()).await {
        Ok(Ok(content)) => Ok(content.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

async fn end(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    Path(id): Path<String>,
    content: Result<Bytes, BytesRejection>,
) -> Response {
    let content = content.map_err(|error| error.status());
    outcome::told(&parts, &asker, &id, content)
        .await
        .unwrap_or_else(Problem::into_response)
}

async fn wait(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    Extension(waits): Extension<Arc<Semaphore>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Ok(_place) = waits.try_acquire() else {
        return Problem::busy().into_response();
    };
    internal::wait_at_most(&parts, &asker.caller.agent, &id, query.as_deref(), LONGEST_WAIT)
        .await
        .into_axum()
}

/// Whether content says that it is JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (all.next(), all.next()) else {
        return false;
    };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

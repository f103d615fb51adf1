//! The control listener: what waits for people, their decisions, agents and people. JSON over HTTP/1.1, with the key of a
//! person; errors are RFC 9457 problems. It never shares a listener with the proxy, which agents reach; what agents ask before
//! they act (`proxy::guard`) is served beside it, with keys of theirs.
//!
//! ```text
//! GET  /live /ready /metrics                         no key: see `health`
//! GET  /proof?key={name}&nonce={nonce}               no key: that this listener knows yours
//! GET  /api/v1/approvals?state=pending                 in pages by limit=… and after=NEXT
//! GET  /api/v1/approvals/changes?since=…              what changed since (now: from now on), limit=… at once, and what to ask with next
//! GET  /api/v1/approvals/{id or prefix}
//! POST /api/v1/approvals/{id}/approve                {"set": {"amount": "51200"}, "reason": "…", "revision": 0}
//! POST /api/v1/approvals/{id}/deny                   {"reason": "…", "correct": {"amount": "5000"}}, pending or approved
//! POST /api/v1/approvals/{id}/cancel                 {"reason": "…"}: nobody is asked any more
//! GET  /api/v1/grants
//! POST /api/v1/grants                                {"agent", "action", "kind", "max": {"amount": "20000usd"}, "seconds", "uses",
//!                                                    "reason", "target"?, "environment"?}
//! POST /api/v1/grants/{id}/revoke
//! GET  /api/v1/budgets
//! GET  /api/v1/agents /api/v1/people
//! POST /api/v1/agents                                {"name", "roles", "owner"} → the key, once
//! POST /api/v1/people                                {"name", "groups"} → the key, once
//! POST /api/v1/agents/{name}/rotate                  → another key, once
//! POST /api/v1/agents/{name}/disable /api/v1/people/{name}/disable
//! GET  /api/v1/pause                                 who is paused
//! POST /api/v1/erasures                              {"ids": ["…"], "where": {"target": "cus_1"}, "reason": "…", "dry_run": false}
//! POST /api/v1/prunings                              {"before": "2026-01", "reason": "…", "dry_run": false}
//! POST /api/v1/pause                                 {"agent": "…"} or {"all": true}, "reason"
//! GET  /api/v1/notifications?all=true                who is told of approvals, and what could not be told
//! POST /api/v1/notifications/enable                  {"receiver": "webhook:ops"}
//! GET  / /approvals/{id} /decisions/{call} …           the page for people: see `page`
//! POST /api/v1/slack/interactions                 clicks in Slack, signed by it: see `slack`
//! POST /api/v1/resume                                {"agent": "…"} or {"all": true} → what still stands
//! ```

mod alike;
mod approvals;
mod around;
mod attempts;
mod budgets;
mod changes;
mod consent;
mod correct;
mod erasures;
mod expiry;
mod grants;
mod guard;
pub mod health;
mod metrics;
mod notifications;
pub mod page;
mod pause;
pub mod problem;
mod prunings;
mod registry;
mod serve;
mod slack;
mod stated;
mod step;
pub mod view;

#[cfg(test)]
pub(crate) mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::routing::{get, post};
use axum::{Extension, Json, Router, middleware};
use http::StatusCode;
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use crate::agent::Registry;
use crate::approval::{Approvals, Notices};
use crate::gate::Gate;
use crate::io::proof::{self, Challenge, Proof};
use crate::metrics::Metrics;
use crate::model::Host;
use crate::notify::slack::Desk;
use crate::store::Store;

pub use expiry::{Watch, expire, expire_all};
use health::Readiness;
use problem::Problem;
pub use prunings::{PruningError, carry_out as prune, may_go as may_be_pruned};
pub use serve::{Bounds, serve};
pub use step::{StepError, mind_the_clock, uptime_members};

/// Longest request content, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// What the control API works with.
pub struct Parts {
    pub approvals: Approvals,
    pub gate: Arc<Gate>,
    pub registry: Arc<Registry>,
    pub store: Store,
    pub metrics: Arc<Metrics>,
    /// Whether the person answerable for an agent may approve its calls (`approvals.owner_may_approve`).
    pub owner_may_approve: bool,
    /// From which score on a yes needs a reason, too (`approvals.reason_from_risk`).
    pub reason_from_risk: Option<i64>,
    pub readiness: Arc<Readiness>,
    /// Agents, people and pauses are changed one at a time: on disk and in memory in the same order.
    pub registering: Mutex<()>,
    /// One pruning at a time: an owner's, or that of the configuration.
    pub pruning: Arc<Mutex<()>>,
    /// Where people are told at once that other people are still asked.
    pub notices: Arc<dyn Notices>,
    /// ` --home DIR` for commands that are printed, where one is needed.
    pub home_option: String,
    /// Whether the listener speaks TLS.
    pub secure: bool,
    /// The host of `control.public_url`.
    pub public_host: Option<Host>,
    /// `control.public_url`, without a slash at its end.
    pub public_url: Option<String>,
    /// Where people in Slack are answered.
    pub slack: Option<Arc<Desk>>,
    /// What goes on when whoever asked has left already; waited for before the record is closed.
    pub tasks: TaskTracker,
}

/// The API as served at `listener`, and what a listener for probes serves.
///
/// SECURITY: `agents` is what agents reach beside it, below the same path: its routes have an authentication of their own, and
/// no route of people's is behind it (test `neither_key_opens_what_is_the_others`).
pub fn routers(parts: Parts, listener: SocketAddr, agents: Router) -> (Router, Router) {
    let listener = guard::Listener {
        address: listener,
        secure: parts.secure,
        public: parts.public_host.clone(),
    };
    let parts = Arc::new(parts);
    let probed = metrics::listener(parts.clone());
    let api = Router::new()
        .route("/approvals", get(approvals::list))
        .route("/approvals/changes", get(changes::list))
        .route("/approvals/{id}", get(approvals::show))
        .route("/approvals/{id}/approve", post(approvals::approve))
        .route("/approvals/{id}/deny", post(approvals::deny))
        .route("/approvals/{id}/cancel", post(approvals::cancel))
        .route("/grants", get(grants::list).post(grants::give))
        .route("/grants/{id}/revoke", post(grants::revoke))
        .layer(middleware::from_fn_with_state(parts.clone(), attempts::recorded))
        .route("/budgets", get(budgets::list))
        .route("/agents", get(registry::agents).post(registry::add_agent))
        .route("/agents/{name}/rotate", post(registry::rotate_agent))
        .route("/agents/{name}/disable", post(registry::disable_agent))
        .route("/people", get(registry::people).post(registry::add_person))
        .route("/people/{name}/disable", post(registry::disable_person))
        .route("/erasures", post(erasures::erase))
        .route("/prunings", post(prunings::prune))
        .route("/pause", get(pause::list).post(pause::pause))
        .route("/resume", post(pause::resume))
        .route("/notifications", get(notifications::list))
        .route("/notifications/enable", post(notifications::enable))
        .layer(middleware::from_fn_with_state(parts.clone(), guard::people));
    let health = health::routes(parts.readiness.clone());
    let page = page::routes(&parts).merge(slack::routes(&parts));
    let router = Router::new()
        .route(proof::PATH, get(prove))
        .nest("/api/v1", api)
        .merge(metrics::routes())
        .with_state(parts)
        .merge(page)
        .merge(Router::new().nest("/api/v1", agents))
        .merge(health);
    (guarded(router, listener), probed)
}

/// What every request passes first, and what has no place.
fn guarded(router: Router, listener: guard::Listener) -> Router {
    router
        .fallback(nothing_here)
        .method_not_allowed_fallback(takes_not)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(guard::same_site))
        .layer(Extension(listener))
}

async fn prove(
    State(parts): State<Arc<Parts>>,
    Extension(listener): Extension<guard::Listener>,
    challenge: Result<Query<Challenge>, QueryRejection>,
) -> Result<Json<Proof>, Problem> {
    let Query(challenge) = challenge.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let proof = parts.registry.prove(&challenge, listener.address).map(Json);
    proof.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "nobody has this key"))
}

async fn nothing_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing by this path")
}

async fn takes_not() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method")
}

//! `/metrics`, and the listener that has nothing but that and the probes.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;
use http::StatusCode;

use super::problem::Problem;
use super::{Parts, health, nothing_here, takes_not};
use crate::metrics;
use crate::model::Timestamp;

pub(super) fn routes() -> Router<Arc<Parts>> {
    Router::new().route("/metrics", get(show))
}

/// What `health.listen` serves. It asks nobody for a key, for probes have none.
// SECURITY: an agent in the same pod or network reaches this listener, and so may others where it is beyond loopback: it must
// tell nothing of a call, an agent or a host, take no content and change nothing. Tests:
// `the_health_listener_serves_probes_and_nothing_else`, `what_is_counted_names_no_agent_host_or_call`.
pub(super) fn listener(parts: Arc<Parts>) -> Router {
    let health = health::routes(parts.readiness.clone());
    let router = routes().with_state(parts).merge(health);
    router.fallback(nothing_here).method_not_allowed_fallback(takes_not)
}

async fn show(State(parts): State<Arc<Parts>>) -> Result<impl IntoResponse, Problem> {
    let rules = parts.gate.rules();
    let digests = rules.digests();
    let now = metrics::Now {
        pending: parts.approvals.pending(),
        decisions: parts.approvals.decisions(),
        entries: parts.store.entries(),
        mappings: digests.mappings.to_string(),
        policies: digests.policies.to_string(),
        budgets: rules.budgets_left(Timestamp::now()),
    };
    let text = parts.metrics.text(now);
    let text = text.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the counts could not be written"))?;
    let headers = [(CONTENT_TYPE, metrics::CONTENT_TYPE), (CACHE_CONTROL, "no-store")];
    Ok((headers, text))
}

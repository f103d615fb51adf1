//! `/live` and `/ready`: whether this process runs, and whether it takes calls.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use super::Parts;
use super::problem::Problem;

pub(super) fn routes() -> Router<Arc<Parts>> {
    Router::new().route("/live", get(live)).route("/ready", get(ready))
}

async fn live() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

async fn ready(State(parts): State<Arc<Parts>>) -> Result<Json<Value>, Problem> {
    match *parts.ready.borrow() {
        true => Ok(Json(json!({"status": "ready"}))),
        false => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the proxy does not take calls",
        )),
    }
}

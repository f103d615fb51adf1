//! `/api/v1/budgets`: what is used of each, and what is left.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::Parts;
use super::view::{Budget, Items};
use crate::model::Timestamp;

pub(super) async fn list(State(parts): State<Arc<Parts>>) -> Json<Items<Budget>> {
    let lines = parts.gate.rules().budget_lines(Timestamp::now());
    Json(Items {
        items: lines.into_iter().map(Budget::from).collect(),
    })
}

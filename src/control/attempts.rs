//! Decisions that a person tried to make and may not, or cannot any more: refused, and on record.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;

use super::Parts;
use super::problem::Told;
use crate::agent::Person;
use crate::audit;

/// Has each decision that is refused in the trail before it is answered.
pub(super) async fn recorded(State(parts): State<Arc<Parts>>, request: Request, next: Next) -> Response {
    let decides = request.method() == Method::POST;
    let (path, person) = (
        request.uri().path().to_owned(),
        request.extensions().get::<Person>().cloned(),
    );
    let response = next.run(request).await;
    if let (true, true, Some(person)) = (decides, response.status().is_client_error(), person) {
        let told = response.extensions().get::<Told>().map_or("", |told| told.0.as_str());
        let changes = audit::not_decided(&person.name, response.status().as_u16(), &path, told);
        // The answer is no either way. That an attempt could not be recorded, the store says in its own log.
        let _ = parts.store.write(changes).await;
    }
    response
}

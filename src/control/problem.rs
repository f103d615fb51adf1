//! Errors as RFC 9457 `application/problem+json`: what was found, what was expected, what to do.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::agent::RegistryError;
use crate::approval::FindError;
use crate::store::CommitError;

/// An answer that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    pub detail: String,
}

/// What an answer says is wrong, for the record.
#[derive(Clone)]
pub(super) struct Told(pub(super) String);

/// A [`Problem`] on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemBody {
    /// Always `about:blank`: the status says the kind.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
        }
    }

    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// The request was understood, but the state of things does not allow it.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// The request has the right form, but says something that cannot be.
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let detail = self.detail.clone();
        let body = ProblemBody {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let mut response = (self.status, Json(body)).into_response();
        response.extensions_mut().insert(Told(detail));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<CommitError> for Problem {
    /// What exactly is wrong with the trail stands in the log, not in the answer.
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Lost => Self::conflict("nothing was changed: somebody else changed it first; look again"),
            CommitError::Unavailable(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the trail cannot be written at this moment, and nothing counts that is not recorded; it may have been recorded \
                 all the same: look again before you decide again",
            ),
            CommitError::Overloaded => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "nothing was changed: too much is waiting to be recorded; try again",
            ),
        }
    }
}

impl From<FindError> for Problem {
    fn from(error: FindError) -> Self {
        let status = match error {
            FindError::TooShort(_) => StatusCode::UNPROCESSABLE_ENTITY,
            FindError::Unknown(_) => StatusCode::NOT_FOUND,
            FindError::Ambiguous { .. } => StatusCode::CONFLICT,
        };
        Self::new(status, error.to_string())
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        let status = match error {
            RegistryError::Unknown(_) => StatusCode::NOT_FOUND,
            RegistryError::Taken(_)
            | RegistryError::Declared(_)
            | RegistryError::Disabled(_)
            | RegistryError::LastOwner(_)
            | RegistryError::Twice(_)
            | RegistryError::SameKey(..) => StatusCode::CONFLICT,
            RegistryError::Name(_)
            | RegistryError::Reserved(_)
            | RegistryError::OwnerUnknown(_)
            | RegistryError::Hash(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, error.to_string())
    }
}

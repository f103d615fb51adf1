//! What the Guard API answers.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::grant::Grant;
use crate::model::risk::{Band, Risk};
use crate::model::{Action, ApprovalId, CallId, GrantId, Reason, Refusal};

/// The decision on what was stated.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Answer {
    /// `ALLOW`, `BLOCK` or `REQUIRE_APPROVAL`.
    pub decision: &'static str,
    pub decision_id: CallId,
    /// The canonical action that was judged.
    pub action: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<Shown>,
    /// Ids of the rules that decided.
    pub policies: Vec<Arc<str>>,
    /// Why, for people and models.
    pub reason: String,
    /// Why, for programs: of what is not allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Reason>,
    /// What would have been decided, where the agent's calls are only observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_id: Option<ApprovalId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_url: Option<String>,
    /// When nobody need be waited for any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// By what, and until when, the same action is recognised as a call through the proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<Granted>,
}

/// What people's consent is worth at the proxy, once.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Granted {
    ids: Vec<GrantId>,
    until: String,
}

impl Granted {
    pub(super) fn ids(&self) -> &[GrantId] {
        &self.ids
    }

    pub(super) fn of(grants: &[Grant]) -> Option<Granted> {
        let first = grants.first()?;
        Some(Granted {
            ids: grants.iter().map(|grant| grant.id.clone()).collect(),
            until: first.expires.to_string(),
        })
    }
}

/// A score, with what it is made of.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Shown {
    score: i64,
    level: &'static str,
    factors: Vec<Factor>,
}

#[derive(Clone, Debug, Serialize)]
struct Factor {
    name: &'static str,
    points: i64,
    why: String,
}

impl Shown {
    pub(super) fn of(action: &Action) -> Option<Shown> {
        let risk: &Risk = action.risk.as_deref()?;
        let factors = risk.reasons().into_iter().map(|factor| Factor {
            name: factor.basis.name(),
            points: factor.points,
            why: factor.basis.to_string(),
        });
        Some(Shown {
            score: risk.score,
            level: Band::of(risk.score).as_str(),
            factors: factors.collect(),
        })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// An answer that is no decision on an action: whatever was asked, it is not allowed. RFC 9457.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    code: &'static str,
    call: Option<CallId>,
    /// What was asked is an action.
    decides: bool,
}

impl Problem {
    /// Of a refusal, with the id by which the trail has it.
    pub(super) fn of(refusal: Refusal, call: Option<&CallId>) -> Self {
        let status = match refusal.reason {
            Reason::AgentUnknown => StatusCode::UNAUTHORIZED,
            Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Reason::NotInspectable => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Reason::Overloaded | Reason::AuditUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Reason::Malformed
            | Reason::LengthRequired
            | Reason::AuthorityMismatch
            | Reason::UpstreamUnreachable
            | Reason::UpstreamTimeout
            | Reason::DestinationRefused => StatusCode::BAD_REQUEST,
            Reason::PolicyBlocked
            | Reason::IncompleteAction
            | Reason::PolicyError
            | Reason::ApprovalPending
            | Reason::ApprovalDenied
            | Reason::ApprovalExpired
            | Reason::ApprovedRepeat
            | Reason::AlreadyExecuted
            | Reason::BudgetExceeded
            | Reason::Paused
            | Reason::ChangedMeanwhile => StatusCode::FORBIDDEN,
        };
        Self {
            status,
            detail: refusal.detail,
            code: refusal.reason.as_str(),
            call: call.cloned(),
            decides: true,
        }
    }

    /// With another status, unless it could not be recorded: that is told first.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => self,
            _ => Self { status, ..self },
        }
    }

    /// About an outcome, which decides nothing.
    pub(super) fn of_outcome(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            code,
            call: None,
            decides: false,
        }
    }

    pub(super) fn busy() -> Self {
        let detail = "as many requests wait here as may at a time: ask again in some seconds";
        Self::of_outcome(StatusCode::TOO_MANY_REQUESTS, "too_many_waits", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = Map::new();
        let mut say = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
        say("type", format!("urn:runplane:refusal:{}", self.code).into());
        say("title", self.status.canonical_reason().unwrap_or("Error").into());
        say("status", self.status.as_u16().into());
        say("detail", self.detail.into());
        say("code", self.code.into());
        if self.decides {
            say("decision", "BLOCK".into());
        }
        if let Some(call) = self.call {
            say("decision_id", call.as_str().into());
        }
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

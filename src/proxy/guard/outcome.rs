//! How an allowed action ended, as its agent tells it.
//!
//! SECURITY: it is the agent's word. An action that it says failed counts in budgets all the same, and an approval that was
//! spent on it stays spent: an agent would act, say that it did not, and act again (test
//! `a_failure_that_is_told_gives_nothing_back`).

use axum::Json;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::answer::Problem;
use super::books::NotOpen;
use super::{Asker, Parts, granted};
use crate::model::inert::is_active;
use crate::model::{CallId, Outcome};
use crate::proxy::record::Ending;

/// Bytes of the id of what was made.
const LONGEST_ID: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    outcome: Said,
    #[serde(default)]
    result_id: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Success,
    Failure,
    Unknown,
}

/// Closes the decision. Answered once that is on disk.
pub(super) async fn told(
    parts: &Parts,
    asker: &Asker,
    id: &str,
    content: Result<Bytes, StatusCode>,
) -> Result<Response, Problem> {
    let of = |status, code, detail: &str| Problem::of_outcome(status, code, detail);
    let content = content.map_err(|status| of(status, "too_large", "the content could not be read"))?;
    let report: Report = serde_json::from_slice(&content).map_err(|error| {
        let detail =
            format!("expected {{\"outcome\": \"success\" | \"failure\" | \"unknown\", \"result_id\"?}}: {error}");
        of(StatusCode::UNPROCESSABLE_ENTITY, "malformed", &detail)
    })?;
    let fits = |id: &String| !id.is_empty() && id.len() <= LONGEST_ID && !id.contains(is_active);
    if !report.result_id.iter().all(fits) {
        let detail = "`result_id`: expected 1 to 200 bytes on one line";
        return Err(of(StatusCode::UNPROCESSABLE_ENTITY, "malformed", detail));
    }
    let unknown = || {
        let detail = "no open decision of yours has this id: it allowed nothing, its outcome was told long ago, or the sidecar \
                      was started anew, and the record says `unknown`";
        of(StatusCode::NOT_FOUND, "not_found", detail)
    };
    let call: CallId = id.parse().map_err(|_| unknown())?;
    let outcome = match report.outcome {
        Said::Success => Outcome::Success,
        Said::Failure => Outcome::Failure,
        Said::Unknown => Outcome::Unknown,
    };
    let ending = Ending {
        result_id: report.result_id,
        ..Ending::of(outcome)
    };
    match parts.guard.end(&asker.caller.agent, &call, ending) {
        Ok(grants) => {
            granted::end(parts, &grants).await;
        }
        Err(NotOpen::Ended(before)) if before == outcome => {}
        Err(NotOpen::Ended(before)) => {
            let detail = format!("it ended as `{}`, and that stands in the record", before.as_str());
            return Err(of(StatusCode::CONFLICT, "already_told", &detail));
        }
        Err(NotOpen::Unknown) => return Err(unknown()),
    }
    parts.store.flush().await.map_err(|_| {
        let detail = "it could not be written at this moment, and is tried again: nothing is lost";
        of(StatusCode::SERVICE_UNAVAILABLE, "audit_unavailable", detail)
    })?;
    Ok(Json(json!({ "decision_id": call, "outcome": outcome.as_str() })).into_response())
}

//! An approval as its agent is told of it.

use http::StatusCode;
use serde_json::{Value, json};

use super::Page;
use crate::approval::{Standing, beginning};
use crate::model::inert::inert;
use crate::model::{Outcome, State};

/// Who decided, and whom else it waits for, stays among people.
pub(super) fn state(standing: &Standing) -> Page {
    let row = &standing.row;
    let rules: Vec<Value> = row
        .rules
        .iter()
        .map(|rule| json!({ "id": rule.id, "reason": rule.reason }))
        .collect();
    let denial = row
        .denial
        .as_ref()
        .filter(|denial| !denial.reason.is_empty())
        .map(|denial| inert(beginning(&denial.reason, 1_000)).into_owned());
    let correction = row.denial.as_ref().and_then(|denial| denial.correction.as_ref());
    let correction =
        correction.map(|correction| json!({ "fields": correction.fields, "until": correction.until.to_string() }));
    let executed = row.consumed_by.as_ref().map(|call| {
        json!({
            "request_id": call,
            "time": row.consumed.map(|time| time.to_string()),
            "outcome": standing.ended.map(|(outcome, _)| outcome),
            "status": standing.ended.and_then(|(_, status)| status),
        })
    });
    Page::json(
        StatusCode::OK,
        &json!({
            "id": row.id,
            "state": standing.state,
            "call": inert(&row.action.summary),
            "rules": rules,
            "created": row.created.to_string(),
            "expires": row.expires.to_string(),
            "repeat_before": row.grant_expires.map(|time| time.to_string()),
            "denied_because": denial,
            "correction": correction,
            "executed": executed,
            "next": next(standing),
        }),
    )
}

fn corrected(standing: &Standing) -> bool {
    let denial = standing.row.denial.as_ref();
    denial.is_some_and(|denial| denial.correction.is_some())
}

/// What the agent is to do.
fn next(standing: &Standing) -> &'static str {
    match (standing.state, standing.ended) {
        (State::Pending, _) => {
            "People are being asked. Wait here, and do not attempt it another way; repeat exactly the same call once it is approved."
        }
        (State::Approved | State::Returned, _) => "Repeat exactly the same call now: it will be executed, once.",
        (State::Denied, _) if corrected(standing) => {
            "Do not repeat the call as it was. Make it once with exactly the corrected values, if that serves what you were asked to do."
        }
        (State::Denied, _) => "Do not repeat the call, and do not attempt it another way.",
        (State::Cancelled, _) => {
            "A person withdrew the question. Repeat exactly the same call only if it is still wanted: it asks again."
        }
        (State::Expired, _) => "Nobody decided in time. Repeat exactly the same call to ask again.",
        (State::Consumed, Some((Outcome::NotSent, _))) => {
            "It could not be sent. Repeat exactly the same call to ask again."
        }
        (State::Consumed, _) => "The call was sent. Do not repeat it.",
    }
}

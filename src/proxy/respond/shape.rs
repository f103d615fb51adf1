//! The content of a refusal, in the shape that the provider's SDK turns into a readable error.

use serde_json::{Value, json};

use super::{Row, words};
use crate::model::{CallId, ErrorShape, Refusal};
use crate::proxy::Refused;

/// Content type and content.
pub(super) fn content(refused: &Refused, row: &Row, id: &CallId) -> (&'static str, String) {
    let Refusal { reason, detail } = &refused.refusal;
    match refused.shape {
        ErrorShape::Problem => ("application/problem+json", problem(refused, row, id).to_string()),
        // The library shows the message alone, so the code stands in it too.
        ErrorShape::Stripe => {
            let error = json!({
                "type": "invalid_request_error",
                "code": reason,
                "message": format!("{reason}: {detail}"),
                "runplane": problem(refused, row, id),
            });
            ("application/json", json!({ "error": error }).to_string())
        }
        ErrorShape::AwsJson => {
            let error = json!({ "__type": reason, "message": detail });
            ("application/x-amz-json-1.1", error.to_string())
        }
        ErrorShape::AwsQuery => (
            "text/xml",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{reason}</Code>\
                 <Message>{}</Message></Error></Errors><RequestID>{id}</RequestID></Response>",
                text(detail)
            ),
        ),
        ErrorShape::AwsRest => (
            "application/xml",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{reason}</Code><Message>{}</Message>\
                 <RequestId>{id}</RequestId></Error>",
                text(detail)
            ),
        ),
        // The library shows the content as it is.
        ErrorShape::SendGrid => {
            let error = json!({ "message": format!("{reason}: {detail}"), "field": null, "help": null });
            let content = json!({ "errors": [error], "runplane": problem(refused, row, id) });
            ("application/json", content.to_string())
        }
        // Said in `grpc-status` and `grpc-message`.
        ErrorShape::Grpc => ("application/grpc", String::new()),
        // Python's library shows the content, Node's the code, and the messages of the metadata in its log.
        ErrorShape::Slack => {
            let content = json!({
                "ok": false,
                "error": reason,
                "detail": detail,
                "response_metadata": { "messages": [format!("[ERROR] {detail}")] },
                "runplane": problem(refused, row, id),
            });
            ("application/json; charset=utf-8", content.to_string())
        }
    }
}

/// RFC 9457, with what the headers say too.
fn problem(refused: &Refused, row: &Row, id: &CallId) -> Value {
    let Refusal { reason, detail } = &refused.refusal;
    let rules: Vec<Value> = refused
        .rules
        .iter()
        .map(|rule| json!({ "id": rule.id, "reason": rule.reason }))
        .collect();
    json!({
        "type": format!("urn:runplane:refusal:{reason}"),
        "title": words::title(*reason),
        "status": row.status(refused).as_u16(),
        "detail": detail,
        "code": reason,
        "executed": row.executed(refused).as_str(),
        "request_id": id,
        "approval_id": refused.approval,
        "rules": rules,
    })
}

/// Character data of XML 1.0: markup is escaped, and characters it cannot hold are left out.
fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => escaped.push(character),
            _ => {}
        }
    }
    escaped
}

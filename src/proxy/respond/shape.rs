//! The content of a refusal, in the shape that the provider's SDK turns into a readable error.

use serde_json::{Value, json};

use super::{Row, words};
use crate::model::{CallId, ErrorShape, Refusal};
use crate::proxy::Refused;

/// Content type and content.
pub(super) fn content(refused: &Refused, row: &Row, id: &CallId) -> (&'static str, String) {
    let media_type = match refused.shape {
        ErrorShape::Problem => "application/problem+json",
        ErrorShape::AwsJson => "application/x-amz-json-1.1",
        ErrorShape::AwsQuery | ErrorShape::AwsEc2 => "text/xml",
        ErrorShape::AwsRest => "application/xml",
        ErrorShape::Slack => "application/json; charset=utf-8",
        ErrorShape::Stripe
        | ErrorShape::SendGrid
        | ErrorShape::Twilio
        | ErrorShape::GitHub
        | ErrorShape::Google
        | ErrorShape::OAuth
        | ErrorShape::OpenAi
        | ErrorShape::Anthropic => "application/json",
        ErrorShape::GitPush => return ("application/x-git-receive-pack-result", side_band(&refused.refusal)),
        // Said in `grpc-status` and `grpc-message`.
        ErrorShape::Grpc => return ("application/grpc", String::new()),
    };
    let content = xml(refused, id).unwrap_or_else(|| json_of(refused, row, id).to_string());
    (media_type, content)
}

/// What the libraries of AWS read out of XML, in the shapes that have it.
fn xml(refused: &Refused, id: &CallId) -> Option<String> {
    let Refusal { reason, detail } = &refused.refusal;
    let error = || format!("<Code>{reason}</Code><Message>{}</Message>", text(detail));
    let document = match refused.shape {
        ErrorShape::AwsEc2 => format!(
            "<Response><Errors><Error>{}</Error></Errors><RequestID>{id}</RequestID></Response>",
            error()
        ),
        ErrorShape::AwsQuery => format!(
            "<ErrorResponse><Error><Type>Sender</Type>{}</Error><RequestId>{id}</RequestId></ErrorResponse>",
            error()
        ),
        ErrorShape::AwsRest => format!("<Error>{}<RequestId>{id}</RequestId></Error>", error()),
        ErrorShape::Problem
        | ErrorShape::Stripe
        | ErrorShape::AwsJson
        | ErrorShape::SendGrid
        | ErrorShape::Slack
        | ErrorShape::Twilio
        | ErrorShape::GitHub
        | ErrorShape::Google
        | ErrorShape::OAuth
        | ErrorShape::OpenAi
        | ErrorShape::Anthropic
        | ErrorShape::GitPush
        | ErrorShape::Grpc => return None,
    };
    Some(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{document}"))
}

/// What a library of the provider turns into its own error. Where it shows the message alone, the code stands in that too.
fn json_of(refused: &Refused, row: &Row, id: &CallId) -> Value {
    let Refusal { reason, detail } = &refused.refusal;
    let status = row.status(refused).as_u16();
    let (message, problem) = (format!("{reason}: {detail}"), problem(refused, row, id));
    match refused.shape {
        ErrorShape::Stripe => {
            json!({ "error": {
                "type": "invalid_request_error", "code": reason, "message": message, "runplane": problem,
            }})
        }
        ErrorShape::AwsJson => json!({ "__type": reason, "message": detail }),
        // The library shows the content as it is.
        ErrorShape::SendGrid => json!({
            "errors": [{ "message": message, "field": null, "help": null }], "runplane": problem,
        }),
        // Python's library shows the content, Node's the code, and the messages of the metadata in its log.
        ErrorShape::Slack => json!({
            "ok": false, "error": reason, "detail": detail,
            "response_metadata": { "messages": [format!("[ERROR] {detail}")] }, "runplane": problem,
        }),
        // Libraries of typed languages take nothing but a number for the code: Twilio's own for a 403.
        ErrorShape::Twilio => json!({
            "code": TWILIO_FORBIDDEN, "message": message, "more_info": problem.get("type"), "status": status,
            "runplane": problem,
        }),
        ErrorShape::GitHub => json!({
            "message": message, "documentation_url": problem.get("type"), "status": status.to_string(),
            "runplane": problem,
        }),
        ErrorShape::Google => json!({ "error": {
            "code": status, "message": message, "status": google_status(status),
            "errors": [{ "message": message, "domain": "runplane", "reason": reason }], "runplane": problem,
        }}),
        ErrorShape::OAuth => json!({ "error": reason, "error_description": detail, "runplane": problem }),
        ErrorShape::OpenAi => json!({ "error": {
            "message": message, "type": "permission_error", "param": null, "code": reason, "runplane": problem,
        }}),
        ErrorShape::Anthropic => json!({
            "type": "error", "error": { "type": "permission_error", "message": message }, "request_id": id,
            "runplane": problem,
        }),
        ErrorShape::Problem
        | ErrorShape::AwsQuery
        | ErrorShape::AwsEc2
        | ErrorShape::AwsRest
        | ErrorShape::GitPush
        | ErrorShape::Grpc => problem,
    }
}

/// A packet of git's (four digits for its length) on the band of fatal errors, and the one that ends them. What is longer than a
/// packet can be is cut.
fn side_band(refusal: &Refusal) -> String {
    let message: String = format!("{}: {}", refusal.reason, refusal.detail)
        .chars()
        .take(LONGEST_MESSAGE)
        .collect();
    let packet = format!("\u{3}{message}\n");
    format!("{:04x}{packet}0000", packet.len() + 4)
}

/// Characters, of which each has four bytes at most: a packet has 65,520.
const LONGEST_MESSAGE: usize = 4_000;

/// `403 Forbidden`, by Twilio's list of error codes.
const TWILIO_FORBIDDEN: u32 = 20_403;

/// The name of a status, as `google.rpc.Code` has it.
fn google_status(status: u16) -> &'static str {
    match status {
        403 | 407 => "PERMISSION_DENIED",
        400..=499 => "INVALID_ARGUMENT",
        504 => "DEADLINE_EXCEEDED",
        _ => "UNAVAILABLE",
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
    let mut problem = json!({
        "type": format!("urn:runplane:refusal:{reason}"),
        "title": words::title(*reason),
        "status": row.status(refused).as_u16(),
        "detail": detail,
        "code": reason,
        "executed": row.executed(refused).as_str(),
        "request_id": id,
        "approval_id": refused.approval,
        "rules": rules,
    });
    if let (Some(correction), Some(members)) = (&refused.correction, problem.as_object_mut()) {
        let told = json!({ "fields": correction.fields, "until": correction.until.to_string() });
        members.insert("correction".to_owned(), told);
    }
    problem
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

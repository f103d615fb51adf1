//! Stand-ins for OpenAI and Anthropic: models that always say the same.

use serde_json::{Value, json};

use super::{Answer, Request};

/// What every model says.
const SAID: &str = "Gern geschehen · どういたしまして";

/// OpenAI.
#[derive(Debug, Default)]
pub struct OpenAi;

impl OpenAi {
    /// Answers as OpenAI would.
    pub fn answer(&self, request: &Request<'_>) -> Answer {
        let segments: Vec<&str> = request.path().trim_start_matches('/').split('/').collect();
        match (request.method, segments.as_slice()) {
            ("POST", ["v1", "chat", "completions"]) => Answer::json(
                200,
                &json!({
                    "id": "chatcmpl-1", "object": "chat.completion", "created": 1_795_183_500, "model": model(request.body),
                    "choices": [{
                        "index": 0, "finish_reason": "stop", "logprobs": null,
                        "message": {"role": "assistant", "content": SAID, "refusal": null},
                    }],
                    "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
                }),
            ),
            ("POST", ["v1", "batches"]) => Answer::json(
                200,
                &json!({"id": "batch_1", "object": "batch", "status": "validating", "endpoint": "/v1/responses",
                    "input_file_id": "file-1", "completion_window": "24h", "created_at": 1_795_183_500}),
            )
            .done("batch started"),
            ("DELETE", ["v1", "files", id]) => Answer::json(200, &json!({"id": id, "object": "file", "deleted": true}))
                .done(format!("file {id} deleted")),
            (method, _) => {
                let message = format!("Invalid URL ({method} {})", request.path());
                let error = json!({"message": message, "type": "invalid_request_error", "param": null, "code": null});
                Answer::json(404, &json!({ "error": error }))
            }
        }
    }
}

/// Anthropic.
#[derive(Debug, Default)]
pub struct Anthropic;

impl Anthropic {
    /// Answers as Anthropic would.
    pub fn answer(&self, request: &Request<'_>) -> Answer {
        let segments: Vec<&str> = request.path().trim_start_matches('/').split('/').collect();
        match (request.method, segments.as_slice()) {
            ("POST", ["v1", "messages"]) => Answer::json(
                200,
                &json!({
                    "id": "msg_1", "type": "message", "role": "assistant", "model": model(request.body),
                    "content": [{"type": "text", "text": SAID}], "stop_reason": "end_turn", "stop_sequence": null,
                    "usage": {"input_tokens": 9, "output_tokens": 5},
                }),
            ),
            ("POST", ["v1", "messages", "batches"]) => Answer::json(
                200,
                &json!({"id": "msgbatch_1", "type": "message_batch", "processing_status": "in_progress"}),
            )
            .done("batch started"),
            ("DELETE", ["v1", "messages", "batches", id]) => {
                Answer::json(200, &json!({"id": id, "type": "message_batch_deleted"}))
                    .done(format!("batch {id} deleted"))
            }
            _ => Answer::json(
                404,
                &json!({"type": "error", "error": {"type": "not_found_error", "message": "Not found"}}),
            ),
        }
    }
}

fn model(content: &[u8]) -> Value {
    let content: Option<Value> = serde_json::from_slice(content).ok();
    content
        .and_then(|content| content.get("model").cloned())
        .unwrap_or_default()
}

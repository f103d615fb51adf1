//! A stand-in for Google: Cloud Storage by its JSON API, and the endpoint that tokens come from.

use serde_json::{Value, json};

use super::{Answer, Request};

/// A project in which every object is the same.
#[derive(Debug, Default)]
pub struct Google;

impl Google {
    /// Answers as the service of this host would.
    pub fn answer(&self, request: &Request<'_>) -> Answer {
        let segments: Vec<&str> = request.path().trim_start_matches('/').split('/').collect();
        match (request.method, segments.as_slice()) {
            ("POST", ["token"]) => Answer::json(
                200,
                &json!({"access_token": "ya29.renewed", "expires_in": 3_599, "token_type": "Bearer"}),
            ),
            ("GET", ["storage" | "download", .., "b", _, "o", _]) if request.query().contains("alt=media") => {
                Answer::text(200, "text/csv", "Stadt,都市\nWien,ウィーン\n".to_owned())
            }
            ("GET", ["storage", "v1", "b", bucket, "o", name]) => Answer::json(200, &object(bucket, name)),
            ("DELETE", ["storage", "v1", "b", bucket, "o", name]) => {
                Answer::new(204).done(format!("object {name} of {bucket} deleted"))
            }
            ("GET", ["storage", "v1", "b", bucket]) => {
                Answer::json(200, &json!({"kind": "storage#bucket", "id": bucket, "name": bucket}))
            }
            ("PATCH", ["storage", "v1", "b", bucket]) => {
                Answer::json(200, &json!({"kind": "storage#bucket", "id": bucket, "name": bucket}))
                    .done(format!("bucket {bucket} changed"))
            }
            _ => {
                let error = json!({"code": 404, "message": "Not Found",
                    "errors": [{"message": "Not Found", "domain": "global", "reason": "notFound"}]});
                Answer::json(404, &json!({ "error": error }))
            }
        }
    }
}

fn object(bucket: &str, name: &str) -> Value {
    json!({"kind": "storage#object", "bucket": bucket, "name": name, "size": "35", "generation": "1"})
}

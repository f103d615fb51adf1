//! A stand-in for SendGrid: mail is taken, suppressions go.

use serde_json::json;

use super::{Reply, Seen};

pub fn answer(seen: &Seen) -> Reply {
    match (seen.method.as_str(), seen.path()) {
        // As the real one: 202 and no content; the mail's id is in a header.
        ("POST", "/v3/mail/send") => Reply::new(202).header("x-message-id", "14c5d75ce93.dfd.64b469"),
        ("DELETE", "/v3/suppression/bounces") => Reply::new(204),
        ("GET", "/v3/templates") => Reply::json(
            200,
            &json!({"result": [{"id": "d-1", "name": "Willkommen · 歓迎", "generation": "dynamic"}], "_metadata": {"count": 1}}),
        ),
        (_, path) => Reply::json(
            404,
            &json!({"errors": [{"message": format!("no {path}"), "field": null, "help": null}]}),
        ),
    }
}

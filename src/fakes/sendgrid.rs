//! A stand-in for SendGrid's API v3: mail is taken and counted, none is sent.

use serde_json::{Value, json};

use super::{Answer, Request};

/// SendGrid. The real one takes 1,000 recipients per request; this one takes as many as come.
#[derive(Debug, Default)]
pub struct SendGrid;

impl SendGrid {
    /// Answers as SendGrid would.
    pub fn answer(&self, request: &Request<'_>) -> Answer {
        match (request.method, request.path()) {
            ("POST", "/v3/mail/send") => mail(request.body),
            ("DELETE", "/v3/suppression/bounces") => Answer::new(204).done("bounces removed"),
            ("GET", "/v3/templates") => Answer::json(
                200,
                &json!({
                    "result": [{"id": "d-1", "name": "Willkommen · 歓迎", "generation": "dynamic"}],
                    "_metadata": {"count": 1},
                }),
            ),
            (_, path) => errors(404, &format!("no {path}"), None),
        }
    }
}

fn mail(body: &[u8]) -> Answer {
    let Ok(mail) = serde_json::from_slice::<Value>(body) else {
        return errors(400, "Bad Request", None);
    };
    let items = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let personalizations = items(&mail, "personalizations");
    let recipients: usize = personalizations
        .iter()
        .flat_map(|personalization| ["to", "cc", "bcc"].map(|kind| items(personalization, kind).len()))
        .sum();
    if recipients == 0 {
        let message = "The personalizations field is required and must have at least one personalization.";
        return errors(400, message, Some("personalizations"));
    }
    // As the real one: 202 and no content; the mail's id is in a header.
    Answer::new(202)
        .header("x-message-id", "14c5d75ce93.dfd.64b469")
        .done(format!("mail to {} recipients", super::count(recipients)))
}

fn errors(status: u16, message: &str, field: Option<&str>) -> Answer {
    Answer::json(
        status,
        &json!({"errors": [{"message": message, "field": field, "help": null}]}),
    )
}

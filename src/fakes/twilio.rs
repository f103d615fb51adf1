//! A stand-in for Twilio's API of 2010: messages are taken, none is sent.

use serde_json::{Value, json};

use super::{Answer, Request};

/// An account whose telephones are silent.
#[derive(Debug, Default)]
pub struct Twilio;

impl Twilio {
    /// Answers as Twilio would.
    pub fn answer(&self, request: &Request<'_>) -> Answer {
        let path = request.path();
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (request.method, segments.as_slice()) {
            ("POST", ["2010-04-01", "Accounts", account, "Messages.json"]) => message(account, request),
            ("GET", ["2010-04-01", "Accounts", account, "Messages.json"]) => {
                let first = format!("/2010-04-01/Accounts/{account}/Messages.json?PageSize=50&Page=0");
                let page = json!({
                    "messages": [sent(account, "+15005550006", "Grüße · 挨拶")], "page": 0, "page_size": 50,
                    "first_page_uri": first, "uri": first, "next_page_uri": null, "previous_page_uri": null,
                });
                Answer::json(200, &page)
            }
            ("DELETE", ["2010-04-01", "Accounts", _, "Messages", sid]) => {
                Answer::new(204).done(format!("message {} deleted", sid.trim_end_matches(".json")))
            }
            _ => error(404, 20_404, &format!("The requested resource {path} was not found")),
        }
    }
}

fn message(account: &str, request: &Request<'_>) -> Answer {
    let form = request.form();
    match (form.get("To"), form.get("Body")) {
        (Some(to), Some(body)) if !to.is_empty() => {
            Answer::json(201, &sent(account, to, body)).done(format!("text message to {to}"))
        }
        (None, _) => error(400, 21_604, "A 'To' phone number is required."),
        (Some(_), _) => error(400, 21_602, "Message body is required."),
    }
}

fn sent(account: &str, to: &str, body: &str) -> Value {
    json!({
        "sid": "SM0123456789abcdef0123456789abcdef", "account_sid": account, "to": to, "from": "+15005550001",
        "body": body, "status": "queued", "num_segments": "1", "num_media": "0", "direction": "outbound-api",
        "date_created": "Fri, 20 Nov 2026 14:05:00 +0000", "date_updated": "Fri, 20 Nov 2026 14:05:00 +0000",
        "date_sent": null, "price": null, "price_unit": "USD", "error_code": null, "error_message": null,
        "api_version": "2010-04-01", "messaging_service_sid": null, "subresource_uris": {},
        "uri": format!("/2010-04-01/Accounts/{account}/Messages/SM0123456789abcdef0123456789abcdef.json"),
    })
}

fn error(status: u16, code: u32, message: &str) -> Answer {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    Answer::json(
        status,
        &json!({"code": code, "message": message, "more_info": more, "status": status}),
    )
}

//! A stand-in for Stripe: plausible answers, and its idempotency.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::{Reply, Seen};

/// What every charge that nobody made here was over, in cents.
pub const CHARGED: u64 = 51_200;

#[derive(Default)]
pub struct Stripe {
    made: Mutex<u64>,
    /// Answers by idempotency key, as Stripe keeps them for 24 hours.
    replayed: Mutex<HashMap<String, Value>>,
}

impl Stripe {
    pub fn answer(&self, seen: &Seen) -> Reply {
        let key = seen
            .header("idempotency-key")
            .filter(|_| seen.method == "POST")
            .map(str::to_owned);
        if let Some(answer) = key
            .as_ref()
            .and_then(|key| self.replayed.lock().unwrap().get(key).cloned())
        {
            return Reply::json(200, &answer).header("idempotent-replayed", "true");
        }
        let form: HashMap<String, String> = form_urlencoded::parse(&seen.body).into_owned().collect();
        let path = seen.path().trim_start_matches("/v1/").to_owned();
        let Some(answer) = self.make(&seen.method, &path, &form) else {
            let message = format!("Unrecognized request URL ({}: {})", seen.method, seen.path());
            return Reply::json(
                404,
                &json!({"error": {"type": "invalid_request_error", "message": message}}),
            );
        };
        if let Some(key) = key {
            self.replayed.lock().unwrap().insert(key, answer.clone());
        }
        let request = format!("req_{}", self.count());
        Reply::json(200, &answer)
            .header("request-id", request)
            .header("stripe-version", "2026-10-28.basil")
    }

    fn count(&self) -> u64 {
        let mut made = self.made.lock().unwrap();
        *made += 1;
        *made
    }

    fn id(&self, prefix: &str) -> String {
        format!("{prefix}_3Test{:016}", self.count())
    }

    fn make(&self, method: &str, path: &str, form: &HashMap<String, String>) -> Option<Value> {
        let amount = |or: u64| form.get("amount").and_then(|amount| amount.parse().ok()).unwrap_or(or);
        let text = |name: &str| form.get(name).cloned();
        let value = match (method, path) {
            ("GET", "balance") => json!({
                "object": "balance", "livemode": false,
                "available": [{"amount": 1_234_567, "currency": "usd", "source_types": {"card": 1_234_567}}],
                "pending": [{"amount": 0, "currency": "usd", "source_types": {"card": 0}}],
            }),
            ("GET", "customers") => json!({
                "object": "list", "url": "/v1/customers", "has_more": false,
                "data": [{"id": "cus_1", "object": "customer", "email": "ada@example.com", "name": "Ada Ó Núñez"}],
            }),
            ("POST", "charges") => json!({
                "id": self.id("ch"), "object": "charge", "amount": amount(0), "currency": text("currency"),
                "paid": true, "status": "succeeded",
            }),
            ("POST", "payment_intents") => json!({
                "id": self.id("pi"), "object": "payment_intent", "amount": amount(0), "currency": text("currency"),
                "status": "requires_payment_method",
            }),
            ("POST", "refunds") => json!({
                "id": self.id("re"), "object": "refund", "amount": amount(CHARGED), "currency": "usd",
                "charge": text("charge"), "status": "succeeded",
            }),
            ("POST", "payouts") => json!({
                "id": self.id("po"), "object": "payout", "amount": amount(0), "currency": text("currency"),
            }),
            ("DELETE", path) if path.starts_with("customers/") => {
                json!({"id": path.trim_start_matches("customers/"), "object": "customer", "deleted": true})
            }
            _ => return None,
        };
        Some(value)
    }
}

//! A stand-in for Stripe's API v1: charges, refunds that need one, and idempotency keys.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::{Answer, Request};
use crate::model::money;

/// What it says its API is.
const VERSION: &str = "2026-10-28.basil";

/// A charge, as far as refunds need it. Amounts in minor units.
#[derive(Clone, Debug)]
struct Charge {
    amount: i64,
    refunded: i64,
    currency: String,
}

/// The account.
#[derive(Debug, Default)]
pub struct Stripe {
    account: Mutex<Account>,
    /// What a charge of an earlier day was over, if every charge that nobody made here is one.
    earlier: Option<i64>,
}

#[derive(Debug, Default)]
struct Account {
    made: u64,
    charges: BTreeMap<String, Charge>,
    /// Answers by idempotency key, as Stripe keeps them for 24 hours.
    answered: BTreeMap<String, Answer>,
}

impl Stripe {
    /// An account with one charge of an earlier day; `amount` in US cents.
    pub fn with_charge(id: &str, amount: i64) -> Self {
        let stripe = Self::default();
        stripe.account().charge(id.to_owned(), amount, "usd");
        stripe
    }

    /// An account where every charge that nobody made here is one of an earlier day over so many US cents.
    pub fn with_any_charge(amount: i64) -> Self {
        Self {
            earlier: Some(amount),
            ..Self::default()
        }
    }

    /// Answers as Stripe would; the same idempotency key gets the same answer, and nothing is done twice.
    pub fn answer(&self, request: &Request<'_>) -> Answer {
        let mut account = self.account();
        let key = request
            .header("idempotency-key")
            .filter(|_| request.method == "POST")
            .map(str::to_owned);
        if let Some(answer) = key.as_ref().and_then(|key| account.answered.get(key)) {
            let mut again = answer.clone().header("idempotent-replayed", "true");
            again.done = None;
            return again;
        }
        let answer = account.answer(request, self.earlier);
        if let Some(key) = key.filter(|_| answer.status == 200) {
            account.answered.insert(key, answer.clone());
        }
        answer
    }

    fn account(&self) -> std::sync::MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn answer(&mut self, request: &Request<'_>, earlier: Option<i64>) -> Answer {
        let form = request.form();
        let text = |name: &str| form.get(name).map(|value| value.to_string());
        let amount = text("amount").map(|amount| amount.parse::<i64>());
        let path = request.path().strip_prefix("/v1/").unwrap_or_default();
        let currency = text("currency").unwrap_or_else(|| "usd".to_owned());
        let answer = match (request.method, path, amount) {
            (_, _, Some(Err(_))) => return invalid(400, "Invalid integer", None),
            ("GET", "balance", _) => balance(),
            ("GET", "customers", _) => customers(),
            ("POST", "charges", Some(Ok(amount))) => self.new_charge(amount, &currency),
            ("POST", "payment_intents", Some(Ok(amount))) => Answer::json(
                200,
                &json!({
                    "id": self.id("pi"), "object": "payment_intent", "amount": amount, "currency": currency,
                    "status": "requires_payment_method",
                }),
            )
            .done(format!("payment intent over {}", money::show(amount, &currency))),
            ("POST", "refunds", amount) => {
                let charge = text("charge").unwrap_or_default();
                self.new_refund(&charge, amount.and_then(Result::ok), earlier)
            }
            ("POST", "payouts", Some(Ok(amount))) => Answer::json(
                200,
                &json!({"id": self.id("po"), "object": "payout", "amount": amount, "currency": currency}),
            )
            .done(format!("payout of {}", money::show(amount, &currency))),
            ("POST", "files", _) => {
                let file = json!({"id": self.id("file"), "object": "file", "purpose": "dispute_evidence"});
                Answer::json(200, &file).done("file uploaded".to_owned())
            }
            ("POST", "charges" | "payment_intents" | "payouts", None) => {
                return invalid(400, "Missing required param: amount.", Some("parameter_missing"));
            }
            ("DELETE", path, _) if path.starts_with("customers/") => {
                let id = path.trim_start_matches("customers/");
                Answer::json(200, &json!({"id": id, "object": "customer", "deleted": true}))
                    .done(format!("customer {id} deleted"))
            }
            _ => {
                let message = format!("Unrecognized request URL ({}: {})", request.method, request.path());
                return invalid(404, &message, None);
            }
        };
        let number = self.count();
        answer
            .header("request-id", format!("req_{number}"))
            .header("stripe-version", VERSION)
    }

    fn new_charge(&mut self, amount: i64, currency: &str) -> Answer {
        let id = self.id("ch");
        self.charge(id.clone(), amount, currency);
        Answer::json(
            200,
            &json!({
                "id": id, "object": "charge", "amount": amount, "amount_refunded": 0, "currency": currency, "paid": true,
                "refunded": false, "status": "succeeded",
            }),
        )
        .done(format!("charge of {}", money::show(amount, currency)))
    }

    /// `amount`: all that is left of the charge if the call names none.
    fn new_refund(&mut self, charge: &str, amount: Option<i64>, earlier: Option<i64>) -> Answer {
        if let (Some(amount), false) = (earlier, self.charges.contains_key(charge)) {
            self.charge(charge.to_owned(), amount, "usd");
        }
        let Some(found) = self.charges.get_mut(charge) else {
            return invalid(404, &format!("No such charge: '{charge}'"), Some("resource_missing"));
        };
        let left = found.amount - found.refunded;
        let amount = amount.unwrap_or(left);
        if left == 0 {
            let message = format!("Charge {charge} has already been refunded.");
            return invalid(400, &message, Some("charge_already_refunded"));
        }
        let shown = money::show(amount, &found.currency);
        if amount > left || amount <= 0 {
            let unrefunded = money::show(left, &found.currency);
            let message = format!("Refund amount ({shown}) is greater than unrefunded amount on charge ({unrefunded})");
            return invalid(400, &message, None);
        }
        found.refunded += amount;
        let currency = found.currency.clone();
        Answer::json(
            200,
            &json!({
                "id": self.id("re"), "object": "refund", "amount": amount, "currency": currency, "charge": charge,
                "status": "succeeded",
            }),
        )
        .done(format!("refund of {shown} of {charge}"))
    }

    fn charge(&mut self, id: String, amount: i64, currency: &str) {
        let charge = Charge {
            amount,
            refunded: 0,
            currency: currency.to_owned(),
        };
        self.charges.insert(id, charge);
    }

    fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}_3Fake{:016}", self.count())
    }

    fn count(&mut self) -> u64 {
        self.made += 1;
        self.made
    }
}

fn balance() -> Answer {
    Answer::json(
        200,
        &json!({
            "object": "balance", "livemode": false,
            "available": [{"amount": 1_234_567, "currency": "usd", "source_types": {"card": 1_234_567}}],
            "pending": [{"amount": 0, "currency": "usd", "source_types": {"card": 0}}],
        }),
    )
}

fn customers() -> Answer {
    Answer::json(
        200,
        &json!({
            "object": "list", "url": "/v1/customers", "has_more": false,
            "data": [{"id": "cus_1", "object": "customer", "email": "ada@example.com", "name": "Ada Ó Núñez"}],
        }),
    )
}

fn invalid(status: u16, message: &str, code: Option<&str>) -> Answer {
    let mut error = json!({"type": "invalid_request_error", "message": message});
    if let (Some(error), Some(code)) = (error.as_object_mut(), code) {
        error.insert("code".to_owned(), Value::from(code));
    }
    Answer::json(status, &json!({ "error": error })).header("stripe-version", VERSION)
}

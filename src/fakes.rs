//! Stand-ins of Stripe, AWS, SendGrid, Slack, Twilio, GitHub, OpenAI, Anthropic and Google, for `runplane demo` and for the tests. Floor 6: nothing of the product
//! may use them, but the command that shows them.
//!
//! They are fakes. Each answers a few calls in its provider's shape (members, ids, errors), so that the provider's own
//! SDK reads the answer, and keeps what a story needs to hold together: a refund needs its charge. They check no
//! credentials, know no other call, move no money and send no mail. A fake is a function from request to answer; sockets,
//! TLS and faults are its caller's.

mod aws;
mod github;
mod google;
mod models;
mod sendgrid;
mod slack;
mod stripe;
mod twilio;

pub use aws::Aws;
pub use github::GitHub;
pub use google::Google;
pub use models::{Anthropic, OpenAi};
pub use sendgrid::SendGrid;
pub use slack::Slack;
pub use stripe::Stripe;
pub use twilio::Twilio;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::number::grouped;

/// A request as it reached a fake.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub method: &'a str,
    /// Path and query, as in the request line.
    pub target: &'a str,
    /// Names in lower case.
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

impl Request<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    fn query(&self) -> &str {
        self.target.split_once('?').map(|(_, query)| query).unwrap_or_default()
    }

    fn form(&self) -> BTreeMap<Cow<'_, str>, Cow<'_, str>> {
        form_urlencoded::parse(self.body).collect()
    }
}

/// What a fake answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status, 200 to 599.
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// What the provider would have done, in one line as the fake understood it; `None` if it did nothing: what only reads,
    /// and what it refused.
    pub done: Option<String>,
}

impl Answer {
    fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
            done: None,
        }
    }

    fn json(status: u16, value: &Value) -> Self {
        Self::text(status, "application/json", format!("{value:#}"))
    }

    fn text(status: u16, media_type: &str, body: String) -> Self {
        Self {
            body,
            ..Self::new(status).header("content-type", media_type)
        }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn done(mut self, what: impl Into<String>) -> Self {
        self.done = Some(what.into());
        self
    }
}

/// How many of something, as people read it.
fn count(number: usize) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;

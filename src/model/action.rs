//! A call understood: its canonical action with the fields that policies read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tie::{Recall, Remember, Replayed};
use super::{Labels, Risk, Tie, Vocabulary};

/// The field that says what amounts are in.
pub const CURRENCY: &str = "currency";
pub const AMOUNT_BASE: &str = "amount_base";

/// The provider of actions that agents state to the Guard API.
pub const GUARD: &str = "guard";

/// What a call means, whoever sent it and however it was spelt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// `stripe`, `aws`; `unknown` for a host without a mapping.
    pub provider: Arc<str>,
    /// The provider's own word: `refunds.create`, `ec2.TerminateInstances`, or `POST /path` where unmapped.
    pub operation: Arc<str>,
    /// The canonical action, a name of the vocabulary: `process_refund`.
    pub name: Arc<str>,
    pub access: Access,
    /// Typed as the vocabulary says.
    pub fields: BTreeMap<Arc<str>, Value>,
    /// Required fields that could not be read. Not empty: the action is incomplete.
    pub missing: Vec<Missing>,
    pub target: Target,
    /// `production`, `test`, … as the mapping says; `unknown` counts as production.
    pub environment: Arc<str>,
    /// What the operator says of the target: put there by the gate. `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Arc<Labels>>,
    /// No rule of a mapping named this operation.
    pub unmapped: bool,
    /// The content was read, or there was none.
    pub inspected: bool,
    /// One line for people, values included. May hold text of the agent's: show it inert.
    pub summary: String,
    /// Method and target for the record, with everything that may be secret replaced by `…`.
    pub request_line: String,
    /// How this provider answers and how a refusal must look to its SDK.
    pub answer: Arc<Answer>,
    /// What else the same call does: each is judged like a call of its own, and the strictest decision is the call's. Empty
    /// for most calls; `summary` tells them all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Action>,
    /// What it has to do with what is remembered of what other calls made.
    #[serde(default, skip_serializing_if = "Tie::is_passing")]
    pub tie: Tie,
    /// Worked out by the gate, of the whole call; `None` before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Box<Risk>>,
}

/// What the thing acted on is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `charge`, `instance`, `table`, `host`.
    pub kind: Arc<str>,
    pub id: Option<String>,
}

/// What a call may do to its target. Ordered by danger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    Read,
    Write,
    Delete,
    Admin,
}

impl Access {
    pub const ALL: [Access; 4] = [Access::Read, Access::Write, Access::Delete, Access::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::Write => "write",
            Access::Delete => "delete",
            Access::Admin => "admin",
        }
    }
}

/// A field's value. Integers stay within ±1e15 so that no sum in a policy can overflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<String>),
}

/// The largest magnitude a decoder may hand to a policy.
pub const MAX_INT: i64 = 1_000_000_000_000_000;

/// Stands for what may be secret.
pub const HIDDEN: char = '…';

impl Value {
    /// Whether nothing was taken out of it.
    pub fn is_whole(&self) -> bool {
        match self {
            Value::Bool(_) | Value::Int(_) => true,
            Value::Text(text) => !text.contains(HIDDEN),
            Value::List(items) => items.iter().all(|item| !item.contains(HIDDEN)),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Text(value) => f.write_str(value),
            Value::List(values) => f.write_str(&values.join(", ")),
        }
    }
}

/// A required field that could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    pub field: Arc<str>,
    pub why: Why,
}

/// Why a field is missing. Only an absent one may be given a default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// The call does not name it.
    Absent,
    /// It is there, but not once, not of its type, or out of bounds.
    Unreadable,
    /// It follows from another field that is missing.
    Derived,
}

impl Why {
    pub const ALL: [Why; 3] = [Why::Absent, Why::Unreadable, Why::Derived];

    pub fn as_str(self) -> &'static str {
        match self {
            Why::Absent => "absent",
            Why::Unreadable => "unreadable",
            Why::Derived => "derived",
        }
    }
}

/// How a provider answers: when a call succeeded, what it made, and how its errors look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Shape of the provider's error body, so that its SDK raises a readable error.
    #[serde(default)]
    pub error: ErrorShape,
    /// JSONPath (RFC 9535) in the decoded answer that must be there, and neither `false`, `null`, 0 nor empty,
    /// for a 2xx to count as success.
    #[serde(default)]
    pub success: Option<String>,
    /// JSONPath of the id of what was made (a refund, a charge, a message).
    #[serde(default)]
    pub result_id: Option<String>,
    /// How the provider marks an answer that it repeats (idempotency keys). `remember` needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Replayed>,
    /// What holds for what this call makes, by its `result_id`: only where that id is new each time and names one thing, and
    /// whatever changes the thing names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remember: Option<Remember>,
    /// What this call leaves out and its target was made with, if that was made through this sidecar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<Recall>,
}

/// The error body an SDK understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorShape {
    /// RFC 9457 `application/problem+json`.
    #[default]
    Problem,
    /// `{"error": {"type", "code", "message"}}`.
    Stripe,
    /// AWS Query: XML `<ErrorResponse><Error>`.
    AwsQuery,
    /// EC2's own: XML `<Response><Errors>`.
    AwsEc2,
    /// AWS JSON 1.0/1.1: `{"__type", "message"}`.
    AwsJson,
    /// AWS REST XML: `<Error><Code>`.
    AwsRest,
    /// `{"errors": [{"message", "field", "help"}]}`.
    #[serde(rename = "sendgrid")]
    SendGrid,
    /// `{"ok": false, "error"}` with status 200.
    Slack,
    /// `{"code", "message", "more_info", "status"}`.
    Twilio,
    /// `{"message", "documentation_url", "status"}`.
    #[serde(rename = "github")]
    GitHub,
    /// `{"error": {"code", "message", "status", "errors"}}`.
    Google,
    /// RFC 6749, 5.2: `{"error", "error_description"}`.
    #[serde(rename = "oauth")]
    OAuth,
    /// `{"error": {"message", "type", "param", "code"}}`.
    #[serde(rename = "openai")]
    OpenAi,
    /// `{"type": "error", "error": {"type", "message"}}`.
    Anthropic,
    /// What git's client takes for an error of the server it pushes to: a packet of side-band 3, with status 200. Of every
    /// other answer it tells the status alone.
    GitPush,
    /// `grpc-status` and `grpc-message`, without content. Follows from the call, never from a mapping.
    Grpc,
}

impl ErrorShape {
    pub const ALL: [ErrorShape; 16] = [
        ErrorShape::Problem,
        ErrorShape::Stripe,
        ErrorShape::AwsQuery,
        ErrorShape::AwsEc2,
        ErrorShape::AwsJson,
        ErrorShape::AwsRest,
        ErrorShape::SendGrid,
        ErrorShape::Slack,
        ErrorShape::Grpc,
        ErrorShape::Twilio,
        ErrorShape::GitHub,
        ErrorShape::Google,
        ErrorShape::OAuth,
        ErrorShape::OpenAi,
        ErrorShape::Anthropic,
        ErrorShape::GitPush,
    ];
}

impl Action {
    /// A whole number among the fields.
    pub fn int(&self, field: &str) -> Option<i64> {
        match self.fields.get(field) {
            Some(Value::Int(value)) => Some(*value),
            _ => None,
        }
    }

    /// A text among the fields.
    pub fn text(&self, field: &str) -> Option<&str> {
        match self.fields.get(field) {
            Some(Value::Text(value)) => Some(value),
            _ => None,
        }
    }

    /// The environment that rules see: as it is labelled, else as the mapping says.
    pub fn environment(&self) -> &Arc<str> {
        let labelled = self.labels.as_ref().and_then(|labels| labels.environment.as_ref());
        labelled.unwrap_or(&self.environment)
    }

    /// The score of its risk, where it has one.
    pub fn score(&self) -> Option<i64> {
        self.risk.as_ref().map(|risk| risk.score)
    }

    /// Everything the call means, this first.
    pub fn meanings(&self) -> impl Iterator<Item = &Action> {
        std::iter::once(self).chain(&self.also)
    }

    /// What the call does, each thing once: of what a mapping tells by its name and right behind it by its whole ARN, the first;
    /// of what an agent stated with the environment that it claims, the first.
    ///
    /// SECURITY: only what stands right behind its name is left out, or one name would stand for many ARNs (test
    /// `what_is_told_by_its_name_and_its_whole_arn_is_done_once`).
    pub fn deeds(&self) -> impl Iterator<Item = &Action> {
        let before = std::iter::once(None).chain(self.meanings().map(Some));
        let meanings = self.meanings().zip(before);
        meanings
            .filter(|(meaning, before)| !before.is_some_and(|before| meaning.is_told_by(before)))
            .map(|(meaning, _)| meaning)
    }

    fn is_told_by(&self, before: &Action) -> bool {
        self.is_whole_of(before) || self.is_claim_of(before)
    }

    /// Whether this is what an agent stated, in the environment that it claims.
    fn is_claim_of(&self, other: &Action) -> bool {
        [&self.provider, &other.provider].map(|provider| &**provider) == [GUARD; 2]
            && (&self.name, &self.operation, &self.target) == (&other.name, &other.operation, &other.target)
            && self.fields == other.fields
    }

    /// Whether this is the same as another meaning, whose target it names by its ARN.
    fn is_whole_of(&self, other: &Action) -> bool {
        let is_arn = |id: &str| id.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("arn:"));
        let (Some(whole), Some(name)) = (self.target.id.as_deref(), other.target.id.as_deref()) else {
            return false;
        };
        let names = |name: &str| {
            let before = whole.strip_suffix(name).filter(|_| !name.is_empty());
            before.is_some_and(|before| before.ends_with([':', '/']))
        };
        is_arn(whole)
            && !is_arn(name)
            && names(name)
            && self.target.kind == other.target.kind
            && (&self.name, self.access, self.unmapped) == (&other.name, other.access, other.unmapped)
            && (&self.provider, &self.operation) == (&other.provider, &other.operation)
            && self.fields == other.fields
            && self.missing == other.missing
    }

    /// What is missing of any meaning, each field once.
    pub fn all_missing(&self) -> Vec<&Missing> {
        let mut found: Vec<&Missing> = Vec::new();
        for missing in self.meanings().flat_map(|meaning| &meaning.missing) {
            if found.iter().all(|before| before.field != missing.field) {
                found.push(missing);
            }
        }
        found
    }

    /// Missing fields that people are to state: those that do not follow from another that is missing. What is stated goes
    /// for each meaning that lacks it.
    pub fn wanted(&self, vocabulary: &Vocabulary) -> Vec<&Arc<str>> {
        let stated = |missing: &&Missing| {
            let mut lack = self.meanings().filter(|meaning| meaning.is_missing(&missing.field));
            lack.any(|meaning| meaning.follows_from(&missing.field, vocabulary).is_none())
        };
        let missing = self.all_missing().into_iter();
        missing.filter(stated).map(|missing| &missing.field).collect()
    }

    /// The missing field that a derived field follows from, in whichever meaning.
    pub fn source_of<'a>(&self, field: &str, vocabulary: &'a Vocabulary) -> Option<&'a Arc<str>> {
        self.meanings()
            .find_map(|meaning| meaning.follows_from(field, vocabulary))
    }

    fn follows_from<'a>(&self, field: &str, vocabulary: &'a Vocabulary) -> Option<&'a Arc<str>> {
        let source = vocabulary.fields.get(field)?.derived_from.as_ref()?;
        if self.is_missing(source) {
            return Some(source);
        }
        // What an amount is worth follows from its currency, too.
        let (currency, _) = vocabulary.fields.get_key_value(CURRENCY)?;
        (field == AMOUNT_BASE && self.is_missing(currency)).then_some(currency)
    }

    /// Whether any meaning lacks it.
    pub fn lacks(&self, field: &str) -> bool {
        self.meanings().any(|meaning| meaning.is_missing(field))
    }

    /// Whether this meaning lacks it.
    pub fn is_missing(&self, field: &str) -> bool {
        self.missing.iter().any(|missing| &*missing.field == field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_back_as_written() {
        let all = [
            Value::Bool(true),
            Value::Int(-MAX_INT),
            Value::Text("a".to_owned()),
            Value::List(vec!["a".to_owned()]),
        ];
        for value in all {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value, "{text}");
        }
    }
}

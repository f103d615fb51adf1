//! An action that an agent states to the Guard API, before it acts by whatever way. It says the action itself, so that
//! nothing need be recognised: the values are typed by the vocabulary, and what is not of it is for people only.
//!
//! SECURITY: all of it is the agent's word. The environment above all: it is judged as if nothing was said and as said, and
//! the stricter decision wins, so that a word makes no decision laxer (test `a_claimed_environment_makes_nothing_laxer`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Map, Value as Json};

use super::document::Node;
use super::{Mappings, UNKNOWN, field, inert, json, kept, record, tools};
use crate::model::grant::PROVIDER;
use crate::model::inert::is_active;
use crate::model::vocabulary::{ActionDefinition, FieldType};
use crate::model::{
    Action, Authority, Body, Call, CallId, Caller, GUARD, Host, Missing, Origin, Reason, Refusal, Scheme, Target, Tie,
    Timestamp, Value, Why, money,
};

mod values;

/// The host that rules see of such an action. No call that is read off the wire has it: the proxy answers it itself.
const HOST: &str = "guard.runplane.internal";
/// What a target is to rules and labels.
pub(super) const KIND: &str = "target";
/// What people call the provider.
const TITLE: &str = "the agent's own tool";

const AMOUNT: &str = "amount";
const AMOUNT_MINOR: &str = "amount_minor";
const CURRENCY: &str = "currency";
const ENVIRONMENT: &str = "environment";
const TOOL: &str = "tool";

/// Actions by which nothing is said of what is done. The first that there is is taken where nothing is known.
const VAGUE: [&str; 2] = ["call_tool", "call_api"];

/// Bytes of a name: an action's, an environment's.
const LONGEST_NAME: usize = 128;
/// Bytes of a target's id and of a request's.
const LONGEST_ID: usize = 512;
/// Members outside of the vocabulary that people are shown, and characters of each.
const SHOWN: usize = 20;
const SHOWN_OF_EACH: usize = 100;

/// What an agent states.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Whom it says it is.
    pub agent: Option<String>,
    /// Which request it is: the same again is the same.
    pub request_id: Option<String>,
    action: String,
    target: String,
    context: Map<String, Json>,
}

/// Why a statement cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misstated {
    #[error("the content is not one JSON document that everybody reads alike: {0}")]
    Unreadable(String),
    #[error("expected a JSON object with `action`, `target` and what else there is to say")]
    NoObject,
    #[error("`{0}` is not there: expected {1}")]
    Lacks(&'static str, &'static str),
    #[error("`{0}` is not what it should be: expected {1}")]
    Wrong(String, &'static str),
    #[error("`{0}` is said twice, in `context` and beside it: say it once")]
    Twice(String),
    #[error("`amount` and `amount_minor` are two spellings of one value: say one of them")]
    TwoAmounts,
    #[error("the vocabulary has no action for what nobody knows")]
    Unknown,
}

const TEXT: &str = "a text of 1 to 128 bytes on one line, without hidden characters";
const ID: &str = "a text of 1 to 512 bytes on one line, without hidden characters";

impl Statement {
    /// Reads the content of a request.
    ///
    /// # Errors
    /// What is not of its form or type. Nothing is guessed.
    pub fn read(content: &[u8]) -> Result<Statement, Misstated> {
        let mut document = json::parse(content).map_err(|error| Misstated::Unreadable(error.to_string()))?;
        // In whatever order it is said, it is the same.
        document.sort_all_objects();
        let Json::Object(mut members) = document else {
            return Err(Misstated::NoObject);
        };
        let action = text(&mut members, "action", LONGEST_NAME, TEXT)?.ok_or(Misstated::Lacks("action", TEXT))?;
        let target = text(&mut members, "target", LONGEST_ID, ID)?.ok_or(Misstated::Lacks("target", ID))?;
        let agent = text(&mut members, "agent", LONGEST_NAME, TEXT)?;
        let request_id = text(&mut members, "request_id", LONGEST_ID, ID)?;
        let mut context = match members.remove("context") {
            None | Some(Json::Null) => Map::new(),
            Some(Json::Object(context)) => context,
            Some(Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_)) => {
                return Err(Misstated::Wrong("context".to_owned(), "an object"));
            }
        };
        for (name, value) in members {
            if context.contains_key(&name) {
                return Err(Misstated::Twice(name));
            }
            context.insert(name, value);
        }
        context.sort_keys();
        Ok(Statement {
            agent,
            request_id,
            action,
            target,
            context,
        })
    }

    /// What is stated, and nothing of who or which request: the content of the call. Numbers are as they were written.
    pub fn content(&self) -> Bytes {
        let whole = serde_json::json!({ "action": self.action, "context": self.context, "target": self.target });
        Bytes::from(whole.to_string())
    }

    /// The statement as a call that nobody sends.
    pub fn call(&self, id: CallId, caller: Caller, received: Timestamp) -> Call {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let path = match tools::words(&self.action).filter(|words| record::is_plain(words)) {
            Some(words) => format!("/{words}"),
            None => "/".to_owned(),
        };
        Call {
            id,
            origin: Origin::Guard,
            caller,
            received,
            scheme: Scheme::Https,
            authority: Authority {
                host: Host::Name(HOST.into()),
                port: Scheme::Https.default_port(),
            },
            method: Method::POST,
            path,
            query: None,
            headers,
            body: Body::Captured(self.content()),
        }
    }
}

/// A member that is a text; nothing where it is not said.
fn text(
    members: &mut Map<String, Json>,
    name: &'static str,
    longest: usize,
    expected: &'static str,
) -> Result<Option<String>, Misstated> {
    match members.remove(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) if is_plain(&text, longest) => Ok(Some(text)),
        Some(_) => Err(Misstated::Wrong(name.to_owned(), expected)),
    }
}

/// What is said besides, a provider first: others may be too many to be shown. One that is null is not said.
///
/// SECURITY: what people approve is for the provider that decided the currency, however much is said before it (test
/// `a_provider_is_shown_and_kept_whatever_else_is_said`).
fn beside(rest: &Map<String, Json>) -> Vec<(&String, &Json)> {
    let provider = rest.get_key_value(PROVIDER).filter(|(_, name)| !name.is_null());
    let others = rest.iter().filter(|(name, _)| *name != PROVIDER);
    provider.into_iter().chain(others).collect()
}

/// SECURITY: a name with a character that nobody sees is another name to rules and labels, and the same one to people
/// (test `hidden_characters_are_no_part_of_a_name`).
fn is_plain(text: &str, longest: usize) -> bool {
    !text.trim().is_empty() && text.len() <= longest && !text.contains(is_active)
}

impl Mappings {
    /// The action of a call whose content is a statement.
    ///
    /// # Errors
    /// `malformed`, if it is none that could be judged.
    pub fn stated(&self, call: &Call) -> Result<Action, Refusal> {
        let statement = call
            .body
            .captured()
            .ok_or(Misstated::NoObject)
            .and_then(Statement::read);
        let action = statement.and_then(|statement| self.judged_as(call, &statement));
        action.map_err(|wrong| Refusal::new(Reason::Malformed, wrong.to_string()))
    }

    /// The same of one that was read already.
    ///
    /// # Errors
    /// Values that are not of the type that the vocabulary gives their field.
    pub fn judged_as(&self, call: &Call, statement: &Statement) -> Result<Action, Misstated> {
        let (name, definition, unmapped) = self.meant_by(&statement.action)?;
        let mut context = statement.context.clone();
        let claimed = text(&mut context, ENVIRONMENT, LONGEST_NAME, TEXT)?.map(|claimed| kept::word(&claimed));
        let values::Read { fields, missing } = self.values(definition, &mut context)?;
        context.sort_keys();
        let mut action = Action {
            provider: GUARD.into(),
            operation: kept::word(&statement.action).into(),
            name,
            access: definition.access,
            fields,
            missing,
            target: Target {
                kind: KIND.into(),
                id: Some(kept::word(&statement.target)),
            },
            environment: UNKNOWN.into(),
            labels: None,
            unmapped,
            inspected: true,
            summary: String::new(),
            request_line: record::request_line(call, record::Known::Nothing),
            answer: Arc::default(),
            also: Vec::new(),
            tie: Tie::default(),
            risk: None,
        };
        if definition
            .optional
            .iter()
            .chain(&definition.required)
            .any(|field| &**field == TOOL)
        {
            action
                .fields
                .insert(TOOL.into(), Value::Text(kept::word(&statement.action)));
        }
        action.summary = self.told(&action, definition, claimed.as_deref(), &context);
        let claim = claimed.filter(|claimed| claimed != UNKNOWN).map(|claimed| Action {
            environment: claimed.into(),
            ..action.clone()
        });
        action.also.extend(claim);
        Ok(action)
    }

    /// What a call whose content is a statement says by name, as far as people are shown all of it.
    pub fn shown_whole(&self, call: &Call) -> BTreeMap<Arc<str>, Json> {
        let statement = call.body.captured().and_then(|content| Statement::read(content).ok());
        statement
            .and_then(|statement| self.shown(&statement).ok())
            .unwrap_or_default()
    }

    fn shown(&self, statement: &Statement) -> Result<BTreeMap<Arc<str>, Json>, Misstated> {
        let (_, definition, _) = self.meant_by(&statement.action)?;
        let mut rest = statement.context.clone();
        let _claimed = text(&mut rest, ENVIRONMENT, LONGEST_NAME, TEXT)?;
        let read = self.values(definition, &mut rest)?;
        rest.sort_keys();
        let whole = |(name, value): &(&String, &Json)| {
            let fits = |text: &str| text.chars().count() <= SHOWN_OF_EACH;
            fits(name) && fits(&value.to_string()) && kept::said(value) == **value
        };
        // However long a provider is, what is approved is for no other.
        let beside = beside(&rest);
        let beside = beside.into_iter().take(SHOWN);
        let beside = beside.filter(|said| said.0 == PROVIDER || whole(said));
        // Amounts are in other units there than on the wire.
        let fields = statement.context.iter().filter(|(name, _)| {
            !rest.contains_key(*name)
                && ![AMOUNT, AMOUNT_MINOR, ENVIRONMENT].contains(&name.as_str())
                && read.fields.get(name.as_str()).is_none_or(Value::is_whole)
        });
        Ok(beside
            .chain(fields)
            .map(|(name, value)| (name.as_str().into(), value.clone()))
            .collect())
    }

    /// The action that a name means, and whether nobody knows what it does.
    fn meant_by(&self, name: &str) -> Result<(Arc<str>, &ActionDefinition, bool), Misstated> {
        let actions = &self.vocabulary.actions;
        let words = tools::words(name);
        let known = words.as_deref().and_then(|words| {
            let own = actions.get_key_value(words);
            own.or_else(|| actions.get_key_value(self.tools.find(words)?))
        });
        if let Some((action, definition)) = known {
            return Ok((action.clone(), definition, VAGUE.contains(&&**action)));
        }
        let vague = VAGUE.iter().find_map(|name| actions.get_key_value(*name));
        let (action, definition) = vague.ok_or(Misstated::Unknown)?;
        Ok((action.clone(), definition, true))
    }

    /// One line for people: what it is, in which environment it is said to be, and what else is said.
    fn told(
        &self,
        action: &Action,
        definition: &ActionDefinition,
        claimed: Option<&str>,
        rest: &Map<String, Json>,
    ) -> String {
        let template = super::summary::Template::parse(&definition.summary, |_| true);
        let mut out = match template {
            Ok(template) => template.render(action, self.wording(TITLE)),
            // Templates are checked when the vocabulary is read.
            Err(_) => action.name.to_string(),
        };
        out.push_str(": ");
        inert::push(&mut out, action.target.id.as_deref().unwrap_or_default());
        if action.name != action.operation {
            out.push_str(" (by ");
            inert::push(&mut out, &action.operation);
            out.push(')');
        }
        if let Some(claimed) = claimed {
            out.push_str(", said to be in ");
            inert::push(&mut out, claimed);
        }
        let rest = beside(rest);
        for (at, (name, value)) in rest.iter().take(SHOWN).enumerate() {
            out.push_str(if at == 0 { "; also said: " } else { ", " });
            inert::push_at_most(&mut out, &kept::word(name), SHOWN_OF_EACH);
            out.push('=');
            inert::push_at_most(&mut out, &kept::said(value).to_string(), SHOWN_OF_EACH);
        }
        if let Some(more) = rest.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            // A String takes everything.
            let _ = write!(out, " and {more} more");
        }
        out
    }
}

#[cfg(test)]
mod tests;

//! What a call may be about that another one made: whose it is, and every text by which it may name it.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use super::identity::holder::holder;
use super::service::Service;
use super::{Mappings, content, form, json};
use crate::model::{Action, Call, Origin, Value as Field};

impl Mappings {
    /// Whether anything is remembered of what this provider makes.
    pub fn remembers(&self, provider: &str) -> bool {
        self.remembering.contains(provider)
    }

    /// Whose things a call is about. `None`: nobody can tell.
    pub fn holder(&self, call: &Call) -> Option<[u8; 32]> {
        holder(call, self.service(call)?, &self.digest)
    }

    /// Tells every text by which a call may name something: in its path, query and content, in header fields that count, and
    /// in what was read of it. False: it may name anything.
    ///
    /// SECURITY: an id that is not seen in a call is not forgotten (test `wherever_a_change_names_it_it_is_forgotten`).
    pub fn names(&self, call: &Call, action: &Action, tell: &mut dyn FnMut(&str)) -> bool {
        action.meanings().for_each(|meaning| told(meaning, tell));
        if call.origin == Origin::Guard {
            // An agent says what it says, and does what it does: there is no more to be read.
            let said = call.body.captured().and_then(|content| json::parse(content).ok());
            said.iter().for_each(|said| texts(said, tell));
            return true;
        }
        let Some(service) = self.service(call) else {
            return false;
        };
        for segment in call.path.split('/') {
            match form::decode(segment, false) {
                Ok(text) => tell(&text),
                Err(_) => return false,
            }
        }
        for name in service.significant.iter().chain(&service.account) {
            for value in call.headers.get_all(name) {
                match value.to_str() {
                    Ok(text) => tell(text),
                    Err(_) => return false,
                }
            }
        }
        let query = content::query(call.query.as_deref(), form::Nesting::Brackets);
        match (query, content::decode(call, service, None)) {
            (Ok(query), Ok(body)) => {
                query.iter().for_each(|query| texts(query, tell));
                body.iter().for_each(|body| texts(&body.value, tell));
                true
            }
            (Err(_), _) | (_, Err(_)) => false,
        }
    }
}

/// Providers of what they make something is remembered.
pub(super) fn remembering(services: &[Service]) -> HashSet<Arc<str>> {
    let remembers = |service: &&Service| {
        let mut operations = service.operations();
        operations.any(|(operation, _)| {
            let answer = operation.answer.as_ref().unwrap_or(&service.answer);
            answer.remember.is_some()
        })
    };
    let services = services.iter().filter(remembers);
    services.map(|service| service.provider.clone()).collect()
}

/// What was read of a call.
fn told(meaning: &Action, tell: &mut dyn FnMut(&str)) {
    meaning.target.id.iter().for_each(|id| tell(id));
    for value in meaning.fields.values() {
        match value {
            Field::Text(text) => tell(text),
            Field::List(texts) => texts.iter().for_each(|text| tell(text)),
            Field::Bool(_) | Field::Int(_) => {}
        }
    }
}

/// Every text and number in a document, the names of its members too.
fn texts(value: &Value, tell: &mut dyn FnMut(&str)) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => tell(number.as_str()),
        Value::String(text) => tell(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, tell)),
        Value::Object(members) => {
            for (name, value) in members {
                tell(name);
                texts(value, tell);
            }
        }
    }
}

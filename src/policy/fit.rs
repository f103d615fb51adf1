//! Whether an action is what the vocabulary says it is.
//!
//! Cedar checks the same against the schema; this says in words what is wrong, and looks where the lenient schema cannot.

use std::sync::Arc;

use super::schema;
use crate::model::action::MAX_INT;
use crate::model::vocabulary::{ActionDefinition, FieldType};
use crate::model::{Action, Value, Vocabulary};

/// An action that does not fit its definition: a mapping and the vocabulary disagree, or somebody went round the
/// mapping. No values in the sentences: the agent reads them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misfit {
    #[error("the action is not in the vocabulary")]
    UnknownAction,
    #[error("`{0}` is not a field of the action")]
    UnknownField(Arc<str>),
    #[error("`{0}` is not of its type")]
    WrongType(Arc<str>),
    #[error("`{0}` is beyond ±1e15")]
    OutOfBounds(Arc<str>),
    #[error("`{0}` is required, but neither read nor named as missing")]
    NotRead(Arc<str>),
    #[error("`{0}` is both read and named as missing")]
    ReadAndMissing(Arc<str>),
    #[error("the call does not fit the policy schema")]
    Schema,
}

/// Checks that fields and missing fields are what the definition says.
pub(super) fn check(action: &Action, definition: &ActionDefinition, vocabulary: &Vocabulary) -> Result<(), Misfit> {
    let is_field = |name: &str| schema::fields_of(definition).any(|field| field == name);
    for (name, value) in &action.fields {
        let kind = vocabulary.fields.get(name).map(|field| field.kind);
        match (kind, value) {
            (Some(FieldType::Int), Value::Int(number)) if number.unsigned_abs() > MAX_INT.unsigned_abs() => {
                return Err(Misfit::OutOfBounds(name.clone()));
            }
            (Some(FieldType::Int), Value::Int(_))
            | (Some(FieldType::String), Value::Text(_))
            | (Some(FieldType::Bool), Value::Bool(_))
            | (Some(FieldType::Strings), Value::List(_)) => {}
            (Some(_), _) if is_field(name) => return Err(Misfit::WrongType(name.clone())),
            (_, _) => return Err(Misfit::UnknownField(name.clone())),
        }
        if !is_field(name) {
            return Err(Misfit::UnknownField(name.clone()));
        }
    }
    for missing in &action.missing {
        if !is_field(&missing.field) {
            return Err(Misfit::UnknownField(missing.field.clone()));
        }
        if action.fields.contains_key(&missing.field) {
            return Err(Misfit::ReadAndMissing(missing.field.clone()));
        }
    }
    let unread = |name: &&Arc<str>| !action.fields.contains_key(*name) && !action.is_missing(name);
    match definition.required.iter().find(unread) {
        Some(name) => Err(Misfit::NotRead(name.clone())),
        None => Ok(()),
    }
}

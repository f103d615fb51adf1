//! The JSON Schema of a mapping file, for editors: keys, words and what they mean, as the types of the loader have them.
//!
//! What it refuses the loader refuses; the loader knows more (paths, templates, which field belongs to which action).

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::file::File;
use crate::model::Vocabulary;
use crate::model::vocabulary::FieldType;

/// Says in the schema what made it.
pub const MADE_BY: &str = "Made by `runplane mapping schema`; do not edit.";

/// Draft 7, which editors know best. Actions and fields are those of the vocabulary.
pub fn schema(vocabulary: &Vocabulary) -> Value {
    let mut schema = SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<File>()
        .to_value();
    let actions = actions(vocabulary);
    let fields = fields(vocabulary);
    for (place, words) in [
        ("/definitions/Operation/properties/action", &actions),
        ("/definitions/When/properties/action", &actions),
        ("/definitions/Operation/properties/fields", &fields),
    ] {
        if let Some(place) = schema.pointer_mut(place) {
            *place = words.clone();
        }
    }
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), json!("Mapping of Runplane"));
        root.insert("$comment".to_owned(), json!(MADE_BY));
    }
    schema
}

/// One of the vocabulary's names, each with what it means.
fn actions(vocabulary: &Vocabulary) -> Value {
    let named = vocabulary
        .actions
        .iter()
        .map(|(name, action)| json!({ "const": name, "description": action.description }));
    json!({
        "description": "What it does, in the words of `runplane actions`.",
        "anyOf": named.collect::<Vec<_>>(),
    })
}

/// Rules for fields of the vocabulary, but for those that follow from others.
fn fields(vocabulary: &Vocabulary) -> Value {
    let told = vocabulary
        .fields
        .iter()
        .filter(|(_, field)| field.derived_from.is_none());
    let properties: Map<String, Value> = told
        .map(|(name, field)| {
            let kind = match field.kind {
                FieldType::Int => "a whole number",
                FieldType::String => "a text",
                FieldType::Bool => "true or false",
                FieldType::Strings => "a list of texts",
            };
            let description = format!("{}. {kind}.", field.description);
            let rule = json!({ "description": description, "allOf": [{ "$ref": "#/definitions/Field" }] });
            (name.to_string(), rule)
        })
        .collect();
    json!({
        "description": "Where the fields stand that rules decide by.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests;

//! Entries by what their fields say.

use serde_json::{Map, Value as Json};

use super::{ERASABLE, EraseError, Named, each, read};
use crate::model::entry::Kind;
use crate::store::Reader;

/// Values that hold fields.
const OF_FIELDS: [&str; 6] = ["also", "correction", "fields", "scope", "stated", "target"];

/// The entries in which that field says that.
pub(super) fn search(reader: &Reader, field: &str, value: &str, found: &mut Vec<Named>) -> Result<(), EraseError> {
    // As it stands in what is kept, so that most entries need not be read.
    let spelled = Json::from(value).to_string();
    let spelled = spelled.trim_matches('"');
    each(reader, &ERASABLE.map(Kind::as_str), |entry| {
        let committed = entry.committed.as_deref();
        if !committed.is_some_and(|committed| committed.contains(spelled)) {
            return;
        }
        let mut values: Map<String, Json> = read(committed);
        values.retain(|name, _| OF_FIELDS.contains(&name.as_str()));
        let values = values
            .into_iter()
            .filter_map(|(name, mut value)| Some((name, value.get_mut("value")?.take())));
        if says(&Json::Object(values.collect()), field, value) {
            found.push(Named::Entry(Box::new(entry)));
        }
    })
}

/// Whether anything of this name in it says that.
fn says(json: &Json, field: &str, value: &str) -> bool {
    match json {
        Json::Object(members) => members
            .iter()
            .any(|(name, json)| (name == field && is(json, value)) || says(json, field, value)),
        Json::Array(items) => items.iter().any(|item| says(item, field, value)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}

fn is(json: &Json, value: &str) -> bool {
    match json {
        Json::String(text) => text == value,
        Json::Number(number) => number.to_string() == value,
        Json::Bool(truth) => truth.to_string() == value,
        Json::Array(items) => items.iter().any(|item| is(item, value)),
        Json::Object(members) => members.get("id").is_some_and(|id| is(id, value)),
        Json::Null => false,
    }
}

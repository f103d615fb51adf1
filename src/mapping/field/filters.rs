//! Conditions that members of a call tell: whether they limit what it changes.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::mapping::document::Node;
use crate::model::Why;

/// Whose conditions they are.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::mapping) enum Filters {
    /// Members of a query: `id=eq.1`, `id=in.(1,2)`.
    Postgrest,
    /// Members of a filter: `{ "_id": 1 }`, `{ "_id": { "$in": [1, 2] } }`.
    Mongodb,
}

/// Operators of MongoDB that only say of which type a value is.
const TYPES: [&str; 6] = ["$date", "$numberDouble", "$numberInt", "$numberLong", "$oid", "$uuid"];

impl Filters {
    /// Whether a member says that a column must be one of some values.
    ///
    /// SECURITY: `id=gt.0`, `or=(…)` and a filter of something embedded may leave nothing out (test
    /// `only_a_filter_that_names_values_is_a_limit`).
    fn limits(self, name: &str, value: &Json) -> bool {
        match self {
            Filters::Postgrest => match value {
                Json::String(text) => {
                    let equals = text.strip_prefix("eq.").is_some_and(|value| !is_bool(value));
                    let column = !name.contains(['.', '(']) && !["and", "or"].contains(&name);
                    column && (equals || text.starts_with("in.("))
                }
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => false,
            },
            Filters::Mongodb => {
                let listed = |members: &Map<String, Json>| match (members.len(), members.get("$in")) {
                    (1, Some(Json::Array(values))) => values.iter().all(is_value),
                    (1, None) => members.get("$eq").is_some_and(is_value),
                    _ => false,
                };
                let column = !name.starts_with('$');
                column && (is_value(value) || value.as_object().is_some_and(listed))
            }
        }
    }
}

/// Whether an object has no members but `besides`: that is, whether no condition limits a change.
pub(super) fn is_empty(nodes: &[Node<'_>], besides: &[Box<str>], filters: Option<Filters>) -> Result<bool, Why> {
    match nodes {
        [] | [Node::Json(Json::Null)] => Ok(true),
        [Node::Json(Json::Object(members))] => {
            let others = || {
                let is_other = |name: &String| !besides.iter().any(|known| **known == *name);
                members.iter().filter(move |(name, _)| is_other(name))
            };
            let limited = |filters: Filters| others().any(|(name, value)| filters.limits(name, value));
            match (others().next().is_none(), filters.is_none_or(limited)) {
                (true, _) => Ok(true),
                (false, true) => Ok(false),
                (false, false) => Err(Why::Unreadable),
            }
        }
        _ => Err(Why::Unreadable),
    }
}

fn is_bool(text: &str) -> bool {
    ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// One value of MongoDB. `false` leaves little out.
fn is_value(value: &Json) -> bool {
    match value {
        Json::String(_) | Json::Number(_) => true,
        Json::Object(members) => {
            members.len() == 1 && members.keys().all(|operator| TYPES.contains(&operator.as_str()))
        }
        Json::Null | Json::Bool(_) | Json::Array(_) => false,
    }
}

//! One sample: what it means, and how that differs from what was expected.

use serde_json::{Map, Value as Json, json};

use super::sample::Sample;
use crate::cli::mapping::anybody;
use crate::io::body::Limits;
use crate::mapping::Mappings;
use crate::model::Action;
use crate::proxy::described::{Understood, understand};

/// What a sample may expect.
pub(super) const MEMBERS: [&str; 12] = [
    "provider",
    "operation",
    "action",
    "access",
    "fields",
    "missing",
    "target",
    "environment",
    "unmapped",
    "inspected",
    "also",
    "refused",
];

/// A sample and what came of it.
pub(super) struct Ran<'a> {
    pub(super) sample: &'a Sample,
    /// `process_refund by refunds.create (mappings/acme.yaml:12)`
    pub(super) found: String,
    /// What is not as expected, a line each.
    pub(super) otherwise: Vec<String>,
    /// What the mapping calls it, if it names it.
    pub(super) operation: Option<String>,
}

pub(super) fn run<'a>(sample: &'a Sample, mappings: &Mappings, limits: &Limits) -> Ran<'a> {
    let understood = understand(mappings, anybody(), sample.described.clone(), limits);
    let (members, found, operation) = match &understood {
        Ok(Understood { call, action, .. }) => {
            let place = mappings
                .place(call, action)
                .unwrap_or_else(|| "no mapping is for this host".to_owned());
            let found = format!("{} by {} ({place})", action.name, action.operation);
            (
                members(action),
                found,
                (!action.unmapped).then(|| action.operation.to_string()),
            )
        }
        Err(refusal) => {
            let found = format!("a refusal before any decision, {}: {}", refusal.reason, refusal.detail);
            (
                Map::from_iter([("refused".to_owned(), json!(refusal.reason))]),
                found,
                None,
            )
        }
    };
    Ran {
        sample,
        found,
        otherwise: differences(&expected(&sample.expected), &members),
        operation,
    }
}

fn members(action: &Action) -> Map<String, Json> {
    let missing: Vec<&str> = action.missing.iter().map(|missing| &*missing.field).collect();
    let target = |action: &Action| json!([action.target.kind, action.target.id]);
    let also = action
        .also
        .iter()
        .map(|also| json!({"action": also.name, "access": also.access, "fields": also.fields, "target": target(also)}));
    Map::from_iter([
        ("provider".to_owned(), json!(action.provider)),
        ("operation".to_owned(), json!(action.operation)),
        ("action".to_owned(), json!(action.name)),
        ("access".to_owned(), json!(action.access)),
        ("fields".to_owned(), json!(action.fields)),
        ("missing".to_owned(), json!(missing)),
        ("target".to_owned(), target(action)),
        ("environment".to_owned(), json!(action.environment)),
        ("unmapped".to_owned(), json!(action.unmapped)),
        ("inspected".to_owned(), json!(action.inspected)),
        ("also".to_owned(), json!(also.collect::<Vec<_>>())),
    ])
}

/// With what goes without saying: that the operation is known, and that nothing is missing.
fn expected(said: &Map<String, Json>) -> Map<String, Json> {
    let mut expected = said.clone();
    if !expected.contains_key("refused") {
        expected.entry("missing").or_insert_with(|| json!([]));
        expected.entry("unmapped").or_insert_with(|| json!(false));
    }
    expected
}

fn differences(expected: &Map<String, Json>, found: &Map<String, Json>) -> Vec<String> {
    let mut otherwise = Vec::new();
    for (name, wanted) in expected {
        let there = found.get(name);
        match (name.as_str(), wanted, there) {
            ("fields", Json::Object(wanted), Some(Json::Object(there))) => {
                let missing = found.get("missing").and_then(Json::as_array);
                let is_missing = |field: &String| missing.is_some_and(|missing| missing.contains(&json!(field)));
                for (field, value) in wanted {
                    let read = match there.get(field) {
                        Some(read) if read == value => continue,
                        Some(read) => read.to_string(),
                        None if is_missing(field) => "that it is missing".to_owned(),
                        None => "nothing".to_owned(),
                    };
                    otherwise.push(format!("fields.{field}: expected {value}, found {read}"));
                }
                let more = there.iter().filter(|(field, _)| !wanted.contains_key(*field));
                otherwise.extend(more.map(|(field, read)| format!("fields.{field}: expected nothing, found {read}")));
            }
            (_, wanted, Some(there)) if wanted == there => {}
            (_, wanted, Some(there)) => otherwise.push(format!("{name}: expected {wanted}, found {there}")),
            // What is refused has none of the others, and is told once.
            (_, wanted, None) if name == "refused" || otherwise.is_empty() => {
                otherwise.push(format!("{name}: expected {wanted}"));
            }
            (_, _, None) => {}
        }
    }
    otherwise
}

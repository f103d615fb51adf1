//! References inside a description (`$ref`), followed with bounds.

use serde_json::Value;

/// References in a row.
const MAX_HOPS: usize = 16;

/// What a value is once its references are followed: `None` where they lead nowhere, outside, or in a circle.
pub(super) fn follow<'a>(root: &'a Value, value: &'a Value) -> Option<&'a Value> {
    let mut at = value;
    for _ in 0..MAX_HOPS {
        match at.get("$ref").and_then(Value::as_str) {
            None => return Some(at),
            Some(reference) => at = root.pointer(reference.strip_prefix('#')?)?,
        }
    }
    None
}

/// Why [`follow`] finds nothing: said of an operation that is left out for it.
pub(super) const LOST: &str = "a `$ref` of it leads nowhere, outside of the description, or round in a circle";

/// Names of the members that content of a schema may have at its top, with those of its alternatives; no more than `limit`.
pub(super) fn members<'a>(root: &'a Value, schema: &'a Value, limit: usize) -> Vec<(&'a str, &'a Value)> {
    let mut found = Vec::new();
    // A schema may be made of itself: each step is one of a bounded number.
    let mut open = vec![schema];
    let mut steps = 0;
    while let Some(schema) = open.pop() {
        steps += 1;
        if steps > limit || found.len() > limit {
            break;
        }
        let Some(schema) = follow(root, schema) else { continue };
        for (name, of) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            found.push((name.as_str(), of));
        }
        for key in ["allOf", "oneOf", "anyOf"] {
            open.extend(schema.get(key).and_then(Value::as_array).into_iter().flatten());
        }
    }
    found
}

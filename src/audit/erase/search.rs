//! Entries by what their fields say, however it is spelt.

use serde_json::{Map, Value as Json};

use super::{ERASABLE, EraseError, Named, each, read};
use crate::model::entry::Kind;
use crate::model::spelling::{fold, one_name};
use crate::store::Reader;

/// What is asked for by the id of what is acted on.
pub const TARGET: &str = "target";

/// The entries in which that field says that.
pub(super) fn search(reader: &Reader, field: &str, value: &str, found: &mut Vec<Named>) -> Result<(), EraseError> {
    Ok(each(reader, &ERASABLE.map(Kind::as_str), |entry| {
        let values: Map<String, Json> = read(entry.committed.as_deref());
        let told =
            |(name, told): (&String, &Json)| told.get("value").is_some_and(|told| says(name, told, field, value));
        if values.iter().any(told) {
            found.push(Named::Entry(Box::new(entry)));
        }
    })?)
}

/// Whether the field says that in the value of this name. Only what is a field there is looked at.
fn says(name: &str, told: &Json, field: &str, value: &str) -> bool {
    match (name, told) {
        ("fields" | "correction" | "stated", fields) => field_says(fields, field, value),
        (TARGET, target) => field == TARGET && is_target(target, value),
        ("also", Json::Array(deeds)) => deeds.iter().any(|deed| deed_says(deed, field, value)),
        // Under the name of what kind of scope it is.
        ("scope", Json::Object(scopes)) => scopes.values().any(|scope| deed_says(scope, field, value)),
        _ => false,
    }
}

/// What has fields and a target.
fn deed_says(deed: &Json, field: &str, value: &str) -> bool {
    let has_target = |target: &Json| match (target, deed.get("kind").and_then(Json::as_str)) {
        (Json::String(id), kind) => is_name(kind.unwrap_or_default(), id, value),
        (target, _) => is_target(target, value),
    };
    deed.get("fields")
        .is_some_and(|fields| field_says(fields, field, value))
        || (field == TARGET && deed.get(TARGET).is_some_and(has_target))
}

fn field_says(fields: &Json, field: &str, value: &str) -> bool {
    fields.get(field).is_some_and(|told| is(told, value))
}

fn is_target(target: &Json, value: &str) -> bool {
    let text = |name| target.get(name).and_then(Json::as_str);
    text("id").is_some_and(|id| is_name(text("kind").unwrap_or_default(), id, value))
}

/// SECURITY: an agent spells the id of one thing as it likes, and what somebody wants erased would stay. Test:
/// `a_value_is_found_however_it_is_spelt`.
fn is_name(kind: &str, id: &str, value: &str) -> bool {
    let wanted = one_name(kind, value);
    fold(id) == fold(value) || (!wanted.is_empty() && one_name(kind, id) == wanted)
}

fn is(json: &Json, value: &str) -> bool {
    match json {
        Json::String(text) => fold(text) == fold(value),
        Json::Number(number) => number.to_string() == value,
        Json::Bool(truth) => truth.to_string() == value,
        Json::Array(items) => items.iter().any(|item| is(item, value)),
        Json::Object(_) | Json::Null => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_found_however_it_is_spelt() {
        let fields = json!({"recipient": ["x@example.com", "Jane@Example.com"], "amount": 100});
        assert!(says("fields", &fields, "recipient", "jane@example.COM"));
        assert!(says("stated", &fields, "amount", "100"));
        assert!(!says("fields", &fields, "amount", "10"));
        let target = json!({"kind": "secret", "id": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:Db-a1b2c3"});
        for spelling in ["db", "DB-a1B2c3", "/db"] {
            assert!(says("target", &target, "target", spelling), "{spelling}");
            let also = json!([{"fields": {}, "target": target}]);
            assert!(says("also", &also, "target", spelling), "{spelling}");
            let scope = json!({"exactly": {"fields": {}, "target": target}});
            assert!(says("scope", &scope, "target", spelling), "{spelling}");
            let within = json!({"within": {"kind": "secret", "target": "db"}});
            assert!(says("scope", &within, "target", spelling), "{spelling}");
        }
        let unnamed = json!({"kind": "secret", "id": null});
        assert!(!says("target", &unnamed, "target", "/") && !says("target", &target, "target", "/"));
    }

    #[test]
    fn what_is_no_field_is_not_looked_at() {
        let deed =
            json!([{"access": "write", "environment": "test", "fields": {}, "target": {"kind": "table", "id": "t"}}]);
        for (field, value) in [
            ("access", "write"),
            ("environment", "test"),
            ("kind", "table"),
            ("id", "t"),
        ] {
            assert!(!says("also", &deed, field, value), "{field}");
            assert!(!says("target", &deed[0]["target"], field, value), "{field}");
        }
        assert!(!says("reason", &json!({"amount": 1}), "amount", "1"));
    }
}

//! Every operation of every shipped file has a sample request with what it must mean.

use std::collections::BTreeSet;

use super::*;
use crate::io::yaml;

pub(super) fn sample_call(sample: &Json) -> Call {
    let headers: Vec<_> = sample["headers"].as_object().unwrap().iter().collect();
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    call(
        sample["method"].as_str().unwrap(),
        sample["url"].as_str().unwrap(),
        &headers,
        sample["body"].as_str(),
    )
}

#[test]
fn every_operation_has_a_sample_and_every_sample_its_meaning() {
    let mappings = shipped();
    for &(file, text, samples) in FILES {
        let (mut seen, mut ends) = (BTreeSet::new(), BTreeSet::new());
        for (at, line) in samples.lines().enumerate() {
            let sample: Json = serde_json::from_str(line).unwrap();
            let call = sample_call(&sample);
            let action = resolve(mappings, &call).unwrap_or_else(|reason| panic!("{file}:{}: {reason}", at + 1));
            let expected = &sample["expected"];
            let missing: Vec<_> = action.missing.iter().map(|missing| missing.field.to_string()).collect();
            let mut found = json!({
                "operation": action.operation, "action": action.name, "access": action.access, "fields": action.fields,
                "missing": missing, "target": [action.target.kind, action.target.id], "environment": action.environment,
            });
            if action.unmapped {
                found["unmapped"] = json!(true);
            }
            assert_eq!(found, *expected, "{file}:{}", at + 1);
            let read = mappings.route(&call).unwrap().needs_body() || content::is_empty(&call.body);
            assert!(action.inspected || !read || action.unmapped, "{file}:{}", at + 1);
            match action.unmapped {
                true => ends.insert(action.operation.to_string()),
                false => seen.insert(action.operation.to_string()),
            };
        }
        let file: file::File = yaml::load(&source(file, text)).unwrap();
        let reads_itself = |operation: &file::Operation| {
            let reader = operation.reader.as_ref().map(|reader| &reader.value);
            !matches!(reader, Some(file::Reader::Graphql | file::Reader::Mcp))
        };
        let named = file
            .operations
            .iter()
            .filter(|(_, operation)| reads_itself(&operation.value));
        for (name, _) in named {
            let name = format!("{}{name}", file.name_prefix);
            assert!(seen.contains(&name), "{name} has no sample");
        }
        // What content names: tools, and the fields of documents.
        let tools = file.tools.keys().map(|name| format!("tools/call:{name}"));
        let fields = file.graphql.queries.keys().chain(file.graphql.mutations.keys());
        for name in tools.chain(fields.cloned()) {
            assert!(seen.contains(&name), "{name} has no sample");
        }
        for ending in file.graphql.endings.keys() {
            assert!(
                ends.iter().any(|name| name.ends_with(ending)),
                "…{ending} has no sample"
            );
        }
        for prefix in file.prefixes.keys() {
            let prefix = format!("{}{prefix}", file.name_prefix);
            assert!(
                seen.iter().any(|name| name.starts_with(&prefix)),
                "{prefix}… has no sample"
            );
        }
    }
}

/// Property of design 4.2: what the provider would change is never called a read.
#[test]
fn a_sample_with_another_method_is_never_called_a_read() {
    let mappings = shipped();
    let stripe = FILES.iter().find(|(name, ..)| *name == "stripe").unwrap();
    for sample in stripe.2.lines() {
        let mut sample: Json = serde_json::from_str(sample).unwrap();
        let own = sample["method"].take();
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"] {
            if own == method {
                continue;
            }
            sample["method"] = json!(method);
            // What is refused is no read either: API v2 takes JSON, which no other method of these paths does.
            let found = resolve(mappings, &sample_call(&sample));
            let reads = found.is_ok_and(|action| action.access == crate::model::Access::Read);
            assert!(!reads, "{method} {}", sample["url"]);
        }
    }
}

//! OpenTelemetry logs in OTLP/JSON: one `LogsData` a line, as the Collector's `otlpjsonfile` receiver reads a file of them, and
//! as each line may be posted to `/v1/logs`. 64-bit numbers are text there (the JSON mapping of protobuf).
//!
//! Names of `gen_ai.*` are those of the conventions for generative AI, which are still in development.

use serde_json::{Value as Json, json};

use super::{Record, VERSION};

pub(super) fn logs(record: &Record<'_>) -> Json {
    let time = i128::from(record.written.time.0) * 1_000_000;
    let (number, text) = severity(record);
    json!({ "resourceLogs": [{
        "resource": { "attributes": [
            string("service.name", "runplane"),
            string("service.version", VERSION),
            string("runplane.log.name", record.log),
        ] },
        "scopeLogs": [{
            "scope": { "name": "runplane.audit", "version": VERSION },
            "logRecords": [{
                "attributes": attributes(record),
                "body": { "stringValue": String::from_utf8_lossy(&record.written.bytes) },
                "eventName": format!("runplane.{}", record.kind()),
                "observedTimeUnixNano": time.to_string(),
                "severityNumber": number,
                "severityText": text,
                "timeUnixNano": time.to_string(),
            }],
        }],
    }] })
}

fn string(key: &str, value: &str) -> Json {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn int(key: &str, value: i64) -> Json {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

fn severity(record: &Record<'_>) -> (i64, &'static str) {
    match (record.kind(), record.decision()) {
        ("decided", Some("BLOCK")) | ("refused" | "gap" | "denied", _) => (13, "WARN"),
        _ => (9, "INFO"),
    }
}

fn attributes(record: &Record<'_>) -> Vec<Json> {
    let texts = [
        ("gen_ai.agent.id", record.said("agent")),
        ("gen_ai.tool.name", record.said("action")),
        ("gen_ai.tool.call.id", record.written.call.as_deref()),
        ("runplane.approval", record.said("approval")),
        ("runplane.decision", record.decision()),
        ("runplane.environment", record.said("environment")),
        ("runplane.outcome", record.outcome()),
        ("runplane.person", record.text("person").or_else(|| record.text("by"))),
        ("runplane.policies", record.text("policies")),
        ("runplane.provider", record.said("provider")),
        ("runplane.reason", record.text("reason")),
        ("runplane.rules", record.text("rules")),
        ("runplane.would", record.text("would")),
    ];
    let texts = texts.into_iter().filter_map(|(key, value)| Some(string(key, value?)));
    let numbers = [
        ("http.response.status_code", record.int("status")),
        (
            "runplane.amount",
            record.field("amount").and_then(|amount| amount.as_i64()),
        ),
        (
            "runplane.amount_base",
            record.field("amount_base").and_then(|amount| amount.as_i64()),
        ),
        ("runplane.leaf.index", Some(record.leaf_index())),
        ("runplane.seq", Some(record.written.seq)),
    ];
    let numbers = numbers.into_iter().filter_map(|(key, value)| Some(int(key, value?)));
    let currency = record.field("currency");
    let currency = currency.as_ref().and_then(Json::as_str);
    let others = [
        currency.map(|currency| string("runplane.currency", currency)),
        record.summary().map(|summary| string("runplane.summary", &summary)),
        record
            .written
            .call
            .as_ref()
            .map(|_| string("gen_ai.operation.name", "execute_tool")),
        Some(string("runplane.leaf.hash", &record.leaf_hash())),
    ];
    texts.chain(numbers).chain(others.into_iter().flatten()).collect()
}

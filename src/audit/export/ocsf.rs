//! Open Cybersecurity Schema Framework 1.9.0 (released 3 August 2026). A decision and an end are `API Activity` (6003) with the
//! profiles `ai_operation`, `security_control` and `record_integrity`; every other entry is a `Base Event` (0) with
//! `record_integrity`.
//!
//! - `raw_data` is the entry, byte for byte, `raw_data_hash` its SHA-256; `unmapped.leaf_index` and `unmapped.leaf_hash` its place
//!   and hash in the tree (RFC 6962), by which `runplane audit prove` and any tlog tool prove it.
//! - `attestation_list[0].fingerprint` is SHA-256 over the event in the form of RFC 8785 without that fingerprint, as the schema
//!   has it. It is not signed: signed are the checkpoints of the log (`chain_uid`), which the leaf leads to.
//! - A call that writes is activity 99 (Other, by name): whether it creates or updates is not on record.

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::{Record, VERSION};

/// Of the schema.
const SCHEMA: &str = "1.9.0";
const SHA_256: i64 = 3;

pub(super) fn event(record: &Record<'_>) -> Json {
    let is_activity = matches!(record.kind(), "decided" | "outcome");
    let mut event = match is_activity {
        true => activity(record),
        false => base(record),
    };
    let profiles: &[&str] = match is_activity {
        true => &["ai_operation", "record_integrity", "security_control"],
        false => &["record_integrity"],
    };
    common(record, profiles, &mut event);
    let mut event = Json::Object(event);
    let fingerprint = fingerprint(event.to_string().as_bytes());
    if let Some(attestation) = event.pointer_mut("/attestation_list/0").and_then(Json::as_object_mut) {
        attestation.insert("fingerprint".to_owned(), fingerprint);
    }
    event
}

fn fingerprint(bytes: &[u8]) -> Json {
    json!({
        "algorithm": "SHA-256",
        "algorithm_id": SHA_256,
        "value": hex::encode(Sha256::digest(bytes)),
    })
}

/// Puts what is there.
fn put(event: &mut Map<String, Json>, name: &str, value: Option<impl Into<Json>>) {
    if let Some(value) = value {
        event.insert(name.to_owned(), value.into());
    }
}

fn object(members: impl IntoIterator<Item = (&'static str, Option<Json>)>) -> Option<Json> {
    let members: Map<String, Json> = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
    (!members.is_empty()).then(|| Json::Object(members))
}

fn class(event: &mut Map<String, Json>, class: (i64, &str), category: (i64, &str), activity: (i64, &str)) {
    put(event, "class_uid", Some(class.0));
    put(event, "class_name", Some(class.1));
    put(event, "category_uid", Some(category.0));
    put(event, "category_name", Some(category.1));
    put(event, "activity_id", Some(activity.0));
    put(event, "activity_name", Some(activity.1));
    put(event, "type_uid", Some(class.0 * 100 + activity.0));
    put(event, "type_name", Some(format!("{}: {}", class.1, activity.1)));
}

/// What every event has.
fn common(record: &Record<'_>, profiles: &[&str], event: &mut Map<String, Json>) {
    let seq = record.written.seq;
    put(event, "time", Some(record.written.time.0));
    let metadata = object([
        ("correlation_uid", record.written.call.clone().map(Json::from)),
        ("event_code", Some(record.kind().into())),
        ("log_name", Some(record.log.into())),
        (
            "product",
            Some(json!({ "name": "Runplane", "vendor_name": "Runplane", "version": VERSION })),
        ),
        ("profiles", Some(profiles.to_vec().into())),
        ("sequence", Some(seq.into())),
        ("uid", Some(format!("{}/{seq}", record.log).into())),
        ("version", Some(SCHEMA.into())),
    ]);
    put(event, "metadata", metadata);
    let bytes = &record.written.bytes;
    put(event, "raw_data", Some(String::from_utf8_lossy(bytes).into_owned()));
    put(event, "raw_data_hash", Some(fingerprint(bytes)));
    put(event, "unmapped", unmapped(record));
    let attestation = json!({ "chain_uid": record.log, "uid": format!("{}/{seq}", record.log) });
    put(event, "attestation_list", Some(vec![attestation]));
}

/// What the schema has no place for.
fn unmapped(record: &Record<'_>) -> Option<Json> {
    let text = |name: &str| record.said(name).map(Json::from);
    object([
        ("action", text("action")),
        ("amount", record.field("amount")),
        ("amount_base", record.field("amount_base")),
        ("approval", text("approval")),
        ("currency", record.field("currency")),
        ("environment", text("environment")),
        ("kind", Some(record.kind().into())),
        ("leaf_hash", Some(record.leaf_hash().into())),
        ("leaf_index", Some(record.leaf_index().into())),
        ("mappings", record.text("mappings").map(Json::from)),
        ("missing", record.text("missing").map(Json::from)),
        ("outcome", record.outcome().map(Json::from)),
        (
            "person",
            record.text("person").or_else(|| record.text("by")).map(Json::from),
        ),
        ("policies", record.text("policies").map(Json::from)),
        ("reason", record.text("reason").map(Json::from)),
        ("would", record.text("would").map(Json::from)),
    ])
}

fn base(record: &Record<'_>) -> Map<String, Json> {
    let mut event = Map::new();
    class(&mut event, (0, "Base Event"), (0, "Uncategorized"), (99, record.kind()));
    let severity = match record.kind() {
        "refused" | "denied" | "gap" | "key" | "authority" => LOW,
        _ => INFORMATIONAL,
    };
    put(&mut event, "severity_id", Some(severity.0));
    put(&mut event, "severity", Some(severity.1));
    put(&mut event, "message", Some(format!("runplane: {}", record.kind())));
    event
}

const INFORMATIONAL: (i64, &str) = (1, "Informational");
const LOW: (i64, &str) = (2, "Low");
const MEDIUM: (i64, &str) = (3, "Medium");

/// A decision, or an end.
fn activity(record: &Record<'_>) -> Map<String, Json> {
    let mut event = Map::new();
    let activity = match record.said("access") {
        Some("read") => (2, "Read"),
        Some("delete") => (4, "Delete"),
        Some("write") => (99, "Write"),
        Some("admin") => (99, "Administer"),
        _ => (0, "Unknown"),
    };
    class(
        &mut event,
        (6003, "API Activity"),
        (6, "Application Activity"),
        activity,
    );
    put(&mut event, "message", record.summary());
    caller(record, &mut event);
    request(record, &mut event);
    match record.kind() {
        "decided" => decided(record, &mut event),
        _ => ended(record, &mut event),
    }
    event
}

fn caller(record: &Record<'_>, event: &mut Map<String, Json>) {
    let agent = record.said("agent").unwrap_or("unknown");
    let roles: Vec<&str> = record.said("roles").unwrap_or_default().split(',').collect();
    let roles: Vec<Json> = roles
        .into_iter()
        .filter(|role| !role.is_empty())
        .map(|role| json!({ "name": role }))
        .collect();
    let user = object([
        ("groups", Some(roles.into())),
        ("name", Some(agent.into())),
        ("type", Some("Service".into())),
        ("type_id", Some(4.into())),
        ("uid", Some(agent.into())),
    ]);
    put(event, "actor", object([("user", user)]));
    // The framework that an agent is made with is not on record.
    put(
        event,
        "ai_agent",
        Some(json!({ "name": agent, "type_id": 0, "uid": agent })),
    );
    // Nor is its address.
    put(event, "src_endpoint", Some(json!({ "name": agent })));
}

fn request(record: &Record<'_>, event: &mut Map<String, Json>) {
    let request = record.request();
    let target = request.as_ref().map(|(_, target)| target.as_str()).unwrap_or_default();
    let (scheme, rest) = target.split_once("://").unwrap_or(("", target));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let some = |text: &str| (!text.is_empty()).then(|| Json::from(text));
    let provider = record.said("provider");
    let operation = record.said("operation").map(str::to_owned);
    let operation = operation.or_else(|| record.value_text("operation"));
    let operation = operation.or_else(|| Some(format!("{} {path}", request.as_ref()?.0)));
    let response = object([("code", record.int("status").map(Json::from))]);
    let api = object([
        (
            "operation",
            Some(operation.unwrap_or_else(|| "unknown".to_owned()).into()),
        ),
        (
            "request",
            object([("uid", record.written.call.clone().map(Json::from))]),
        ),
        ("response", response.clone()),
        ("service", object([("name", provider.map(Json::from))])),
    ]);
    put(event, "api", api);
    let url = object([
        ("hostname", some(host)),
        ("path", some(path.split('?').next().unwrap_or_default())),
        ("scheme", some(scheme)),
        ("url_string", some(target)),
    ]);
    let method = request.as_ref().map(|(method, _)| Json::from(method.as_str()));
    put(event, "http_request", object([("http_method", method), ("url", url)]));
    put(event, "http_response", response);
    let endpoint = object([("hostname", some(host)), ("svc_name", provider.map(Json::from))]);
    put(event, "dst_endpoint", endpoint);
    let target = record.value("target").unwrap_or_default();
    let owner = record.said("owner").map(|owner| json!({ "name": owner }));
    let resource = object([
        ("owner", owner),
        ("type", target.get("kind").cloned()),
        ("uid", target.get("id").cloned()),
    ]);
    put(event, "resources", resource.map(|resource| vec![resource]));
}

fn decided(record: &Record<'_>, event: &mut Map<String, Json>) {
    let observed = record.text("would").is_some();
    let approved = record.text("approval").is_some();
    let (action, disposition, severity, status) = match record.decision() {
        Some("ALLOW") if observed => ((1, "Allowed"), (16, "No Action"), LOW, (1, "Success")),
        Some("ALLOW") if approved => ((1, "Allowed"), (8, "Approved"), INFORMATIONAL, (1, "Success")),
        Some("ALLOW") => ((1, "Allowed"), (1, "Allowed"), INFORMATIONAL, (1, "Success")),
        Some("BLOCK") => ((2, "Denied"), (2, "Blocked"), MEDIUM, (2, "Failure")),
        // Neither allowed nor denied: people are asked.
        _ => ((0, "Unknown"), (14, "Delayed"), LOW, (0, "Unknown")),
    };
    named(event, "action", action);
    named(event, "disposition", disposition);
    named(event, "severity", severity);
    named(event, "status", status);
    put(event, "status_detail", record.text("reason"));
    let version = record.text("policies").map(Json::from);
    let rules = record.text("rules").unwrap_or_default().split(',');
    let rules: Vec<Json> = rules
        .filter(|rule| !rule.is_empty())
        .filter_map(|rule| {
            let policy = object([("uid", Some(rule.into())), ("version", version.clone())]);
            object([("decision", record.decision().map(Json::from)), ("policy", policy)])
        })
        .collect();
    put(event, "authorizations", (!rules.is_empty()).then_some(rules));
    let score = record.value("risk").and_then(|risk| risk.get("score")?.as_i64());
    put(event, "risk_score", score);
}

fn ended(record: &Record<'_>, event: &mut Map<String, Json>) {
    let (severity, status) = match record.outcome() {
        Some("success") => (INFORMATIONAL, (1, "Success")),
        Some("failure" | "error" | "not_sent") => (LOW, (2, "Failure")),
        _ => (LOW, (0, "Unknown")),
    };
    named(event, "severity", severity);
    named(event, "status", status);
    put(
        event,
        "status_code",
        record.int("status").map(|status| status.to_string()),
    );
    put(
        event,
        "status_detail",
        record.text("reason").or_else(|| record.outcome()),
    );
    put(event, "duration", record.int("milliseconds"));
}

/// `NAME_id` and its caption.
fn named(event: &mut Map<String, Json>, name: &str, (id, caption): (i64, &str)) {
    put(event, &format!("{name}_id"), Some(id));
    put(event, name, Some(caption));
}

//! Whole descriptions, as they come and as nobody should send them.

use serde_json::{Value, json};

use super::*;
use crate::mapping::generated;
use crate::model::Source;

mod fuzz;

fn document(value: Value) -> Document {
    Document {
        name: "x.json".to_owned(),
        value,
    }
}

fn options() -> Options {
    Options {
        name: "x".to_owned(),
        provider: "x".to_owned(),
        title: "X".to_owned(),
        ..Options::default()
    }
}

fn sample() -> Value {
    json!({
        "openapi": "3.0.0",
        "info": { "version": "7" },
        "servers": [{ "url": "https://api.x.example/v1" }],
        "components": { "securitySchemes": { "key": { "type": "apiKey", "in": "header", "name": "X-Key" } } },
        "paths": {
            "/things": {
                "get": { "operationId": "listThings" },
                "post": { "operationId": "createThing", "requestBody": { "content": { "application/json": {} } } },
            },
            "/things/{thing-id}": { "delete": { "operationId": "deleteThing" } },
            "/things/search": { "post": { "operationId": "searchThings" } },
            "/refunds": { "post": { "operationId": "createRefund" } },
        },
    })
}

fn made(value: Value) -> String {
    let (drafts, left_out) = read_all(&[document(value)], &options()).unwrap();
    let [draft] = <[Draft; 1]>::try_from(drafts).unwrap();
    let vocabulary = regenerate::vocabulary().unwrap();
    regenerate::settle(draft, left_out, &vocabulary).unwrap().text
}

#[test]
fn a_description_becomes_a_mapping_and_the_same_one_each_time() {
    let text = made(sample());
    assert_eq!(text, made(sample()));
    for line in [
        "generated: { by: openapi, source: \"x.json\", version: \"7\" }",
        "hosts: [api.x.example]",
        "secret: [cookie, x-key]",
        "  createRefund: { call: \"POST /v1/refunds\", action: process_refund }",
        "  createThing: { call: \"POST /v1/things\", action: modify_record }",
        "  deleteThing: { call: \"DELETE /v1/things/{thing_id}\" }",
        "  listThings: { call: \"GET /v1/things\" }",
        "  searchThings: { call: \"POST /v1/things/search\", access: read, by: name }",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let source = Source {
        file: "x.yaml".to_owned(),
        text,
    };
    let vocabulary = regenerate::vocabulary().unwrap();
    assert!(generated::faults(&source, &vocabulary).is_empty());
    let line = generated::index_line(&source, &vocabulary).unwrap();
    assert!(line.starts_with("x\t") && line.ends_with("\tapi.x.example"), "{line}");
}

#[test]
fn an_error_names_the_one_description_that_is_wrong() {
    let api = |version: &str, host: &str| {
        document(json!({
            "id": format!("things:{version}"), "rootUrl": "https://things.googleapis.com/", "servicePath": "",
            "mtlsRootUrl": format!("https://{host}/"),
        }))
    };
    let good = api("v1", "things.mtls.googleapis.com");
    let (drafts, left_out) = google::read(&[good, api("v2", "no_host..googleapis.com")]).unwrap();
    let [draft] = <[Draft; 1]>::try_from(drafts).unwrap();
    let wrong = regenerate::settle(draft, left_out, &regenerate::vocabulary().unwrap());
    let wrong = wrong.map(|made| made.text).unwrap_err().to_string();
    assert!(wrong.starts_with("things:v2: "), "{wrong}");
}

#[test]
fn the_same_call_twice_keeps_the_stricter() {
    let mut value = sample();
    value["paths"]["/things/{other}"] = json!({ "get": { "operationId": "aGet" } });
    value["paths"]["/things/{thing-id}"]["get"] = json!({ "operationId": "sendThing" });
    let text = made(value);
    assert!(
        text.contains("aGet: { call: \"GET /v1/things/{other}\", access: write, by: name }"),
        "{text}"
    );
    assert!(!text.contains("sendThing"), "{text}");
}

#[test]
fn a_statement_in_a_language_is_no_read() {
    let mut value = sample();
    value["paths"]["/query"] = json!({ "post": {
        "operationId": "query",
        "security": [{ "oauth": ["data.readonly"] }],
        "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Q" } } } },
    } });
    value["components"]["schemas"] = json!({ "Q": { "properties": { "sql": { "type": "string" } } } });
    assert!(made(value).contains("  query: { call: \"POST /v1/query\" }"));
}

/// What was made of a description, and what was left out of it.
fn told(value: Value) -> Result<(Vec<regenerate::Made>, LeftOut), ImportError> {
    let (drafts, left_out) = read_all(&[document(value)], &options())?;
    regenerate::settle_all(drafts, left_out)
}

#[test]
fn hostile_descriptions_end_in_an_error() {
    let mut value = sample();
    // References that lead to each other, nowhere, or outside.
    value["components"]["schemas"] = json!({
        "A": { "$ref": "#/components/schemas/B" },
        "B": { "$ref": "#/components/schemas/A" },
        "C": { "allOf": [{ "$ref": "#/components/schemas/C" }, { "$ref": "#/components/schemas/C" }] },
    });
    for (at, schema) in ["A", "B", "C", "None"].iter().enumerate() {
        value["paths"][format!("/p{at}")] = json!({ "post": {
            "operationId": format!("searchP{at}"),
            "requestBody": { "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } } },
        } });
    }
    value["components"]["parameters"] = json!({ "P": { "$ref": "#/components/parameters/P" } });
    let around = json!({ "$ref": "#/components/parameters/P" });
    value["paths"]["/around"] = json!({ "get": { "parameters": [around] } });
    value["paths"]["/below"] = json!({ "parameters": [around], "get": {}, "put": 5 });
    value["paths"]["/body"] = json!({ "post": { "requestBody": { "$ref": "other.json#/body" } } });
    value["paths"]["/cycle"] = json!({ "$ref": "#/paths/~1cycle" });
    value["paths"]["/outside"] = json!({ "$ref": "https://evil.example/x.json" });
    value["paths"]["/list"] = json!([]);
    value["paths"]["no-slash"] = json!({ "get": { "operationId": "noSlash" } });
    value["paths"]["x-note"] = json!("of the provider's own");
    value["paths"]["/a/../b"] = json!({ "get": { "operationId": "up" } });
    value["paths"]["/bad\"\n}{path"] = json!({ "get": { "operationId": "broken\n  x: y" } });
    let (made, left_out) = told(value).unwrap();
    let text = &made[0].text;
    // Of a schema that is not there nobody knows that it is no statement.
    for (name, access) in [
        ("searchP0", ""),
        ("searchP1", ""),
        ("searchP2", ", access: read, by: name"),
        ("searchP3", ""),
    ] {
        let line = format!("  {name}: {{ call: \"POST /v1/p{}\"{access} }}", &name[7..]);
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(
        !text.contains("up:") && !text.contains("x: y") && !text.contains("noSlash"),
        "{text}"
    );
    let left: Vec<&str> = left_out.keys().map(String::as_str).collect();
    let expected = [
        "/cycle",
        "/list",
        "/outside",
        "GET /around",
        "GET /bad\"\n}{path",
        "GET /below",
        "POST /body",
        "PUT /below",
        "no-slash",
        "up",
    ];
    assert_eq!(left, expected);
    for lost in ["/cycle", "/outside", "GET /around", "GET /below", "POST /body"] {
        assert!(left_out[lost].contains("`$ref`"), "{lost}: {}", left_out[lost]);
    }
    for wrong in [
        json!(null),
        json!([]),
        json!({ "paths": 1 }),
        json!({ "swagger": "2.0" }),
    ] {
        assert!(read_all(&[document(wrong.clone())], &options()).is_err(), "{wrong}");
    }
    let many: serde_json::Map<String, Value> = (0..20_001)
        .map(|at| (format!("/p{at}"), json!({ "get": {} })))
        .collect();
    let many = json!({ "servers": [{ "url": "https://api.x.example" }], "paths": many });
    assert!(matches!(
        read_all(&[document(many)], &options()),
        Err(ImportError::TooMany { .. })
    ));
}

#[test]
fn a_beginning_that_server_and_paths_both_have_is_there_once() {
    let made_of = |paths: &[&str]| {
        let mut value = sample();
        value["servers"] = json!([{ "url": "https://api.x.example/v1/reporting" }]);
        let paths: serde_json::Map<String, Value> = paths
            .iter()
            .map(|path| ((*path).to_owned(), json!({ "get": {} })))
            .collect();
        value["paths"] = paths.into();
        made(value)
    };
    let whole = made_of(&["/v1/reporting/balances", "/v1/reporting/transactions"]);
    assert!(whole.contains("\"GET /v1/reporting/balances\""), "{whole}");
    let below = made_of(&["/v1/reporting/balances", "/transactions"]);
    assert!(below.contains("\"GET /v1/reporting/v1/reporting/balances\""), "{below}");
    assert!(below.contains("\"GET /v1/reporting/transactions\""), "{below}");
}

#[test]
fn a_description_of_which_nothing_can_be_mapped_is_an_error_that_says_why() {
    let mut no_host = sample();
    no_host["servers"] = json!([{ "url": "https://{anything}" }]);
    let mut no_path = sample();
    no_path["paths"] = json!({ "/a\n": { "$ref": "#/paths/~1b" }, "/b": { "$ref": "#/paths/~1a\n" } });
    let mut nothing = sample();
    nothing["paths"] = json!({ "/a/../b": { "get": { "operationId": "up" } } });
    let mut empty = sample();
    empty["paths"] = json!({});
    for (value, why) in [
        (no_host, "left out: GET /things: its host is known to its user only"),
        (no_path, "left out: /a\\u{a}: a `$ref` of it leads nowhere"),
        (nothing, "left out: up: "),
        (empty, "nothing in it could be mapped"),
    ] {
        let Err(wrong) = told(value) else { panic!("{why}") };
        let wrong = wrong.to_string();
        assert!(
            wrong.starts_with("nothing in it could be mapped") && wrong.contains(why),
            "{why}: {wrong}"
        );
    }
}

#[test]
fn files_that_are_too_deep_or_no_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("deep.json", &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    assert!(documents(&folder.path().join("deep.json")).is_err());
    write(
        "bomb.yaml",
        &(0..200).fold("a0: &a0 [x]\n".to_owned(), |text, at| {
            format!("{text}a{}: &a{} [*a{at}, *a{at}]\n", at + 1, at + 1)
        }),
    );
    assert!(documents(&folder.path().join("bomb.yaml")).is_err());
    assert!(documents(&folder.path().join("none.json")).is_err());
    write("twice.json", "{\"paths\": {\"/a\": {},\n\"/\\u0061\": {}}}");
    let twice = documents(&folder.path().join("twice.json")).unwrap_err().to_string();
    assert!(
        twice.contains("twice.json") && twice.contains("`/a` is there twice at line 2"),
        "{twice}"
    );
}

#[test]
fn googles_versions_of_one_operation_are_one() {
    let api = |version: &str| {
        document(json!({
            "id": format!("things:{version}"), "revision": "20260101", "title": "Things API",
            "rootUrl": "https://things.googleapis.com/", "servicePath": "",
            "endpoints": [{ "location": "us-east1", "endpointUrl": "https://us-east1-things.googleapis.com/" }],
            "schemas": { "Q": { "properties": { "query": { "type": "string" } } } },
            "resources": { "things": { "methods": {
                "get": {
                    "id": "things.things.get", "httpMethod": "GET", "path": "x",
                    "flatPath": format!("{version}/things/{{thingsId}}"),
                },
                "query": {
                    "id": "things.things.query", "httpMethod": "POST", "path": format!("{version}/things:query"),
                    "request": { "$ref": "Q" }, "scopes": ["https://www.googleapis.com/auth/cloud-platform.read-only"],
                },
                "setIamPolicy": { "id": "things.things.setIamPolicy", "httpMethod": "POST", "path": format!("{version}/things:setIamPolicy") },
            } } },
        }))
    };
    let (drafts, left_out) = google::read(&[api("v1"), api("v1beta1")]).unwrap();
    let [draft] = <[Draft; 1]>::try_from(drafts).unwrap();
    let made = regenerate::settle(draft, left_out, &regenerate::vocabulary().unwrap()).unwrap();
    for line in [
        "hosts: [things.googleapis.com, \"{location}-things.googleapis.com\"]",
        "name_prefix: \"things.\"",
        "  things.get: { call: \"GET /v1|v1beta1/things/{thingsId}\" }",
        "  things.query: { call: \"POST /v1|v1beta1/things:query\" }",
        "  things.setIamPolicy: { call: \"POST /v1|v1beta1/things:setIamPolicy\", access: admin, by: name }",
    ] {
        assert!(made.text.lines().any(|found| found == line), "{line}\n{}", made.text);
    }
    assert!(google::read(&[document(json!({}))]).is_err());
}

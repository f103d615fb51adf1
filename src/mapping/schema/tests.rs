use serde_json::Value;

use super::*;
use crate::io::{embedded, yaml};
use crate::mapping::Mappings;
use crate::model::Source;

/// What is wrong by draft 7, as far as the schema uses it; a keyword that is not known here fails the test.
fn validate(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let Value::Object(schema) = schema else {
        return if schema == &json!(false) {
            Err(format!("{at} is not expected"))
        } else {
            Ok(())
        };
    };
    let wrong = |what: &str| Err(format!("{at}: {what}, found {value}"));
    let one = |schema: &Value| validate(root, schema, value, at);
    for (keyword, said) in schema {
        match keyword.as_str() {
            "$ref" => one(root.pointer(said.as_str().unwrap().strip_prefix('#').unwrap()).unwrap())?,
            "allOf" => said.as_array().unwrap().iter().try_for_each(one)?,
            "anyOf" if !said.as_array().unwrap().iter().any(|schema| one(schema).is_ok()) => {
                return wrong("none of several");
            }
            "oneOf"
                if said
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|schema| one(schema).is_ok())
                    .count()
                    != 1 =>
            {
                return wrong("not exactly one of several");
            }
            "anyOf" | "oneOf" => {}
            "const" if said != value => return wrong(&format!("expected {said}")),
            "enum" if !said.as_array().unwrap().contains(value) => return wrong(&format!("expected one of {said}")),
            "type" => {
                let is = |kind: &Value| match kind.as_str().unwrap() {
                    "null" => value.is_null(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "string" => value.is_string(),
                    "array" => value.is_array(),
                    "object" => value.is_object(),
                    other => panic!("type {other}"),
                };
                let kinds = said.as_array().cloned().unwrap_or_else(|| vec![said.clone()]);
                if !kinds.iter().any(is) {
                    return wrong(&format!("expected {said}"));
                }
            }
            "minimum"
                if value
                    .as_i64()
                    .is_some_and(|value| value < said.as_f64().unwrap() as i64) =>
            {
                return wrong("too small");
            }
            "required" if value.is_object() => {
                if let Some(name) = said
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|name| value.get(name.as_str().unwrap()).is_none())
                {
                    return wrong(&format!("expected {name}"));
                }
            }
            "properties" | "additionalProperties" | "items" | "const" | "enum" | "minimum" | "required" => {}
            "$schema" | "title" | "description" | "default" | "format" | "definitions" | "$comment" => {}
            other => panic!("keyword {other}"),
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let known = schema.get("properties").and_then(|known| known.get(name));
        if let Some(schema) = known.or_else(|| schema.get("additionalProperties")) {
            validate(root, schema, member, &format!("{at}/{name}"))?;
        }
    }
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(schema) = schema.get("items") {
            validate(root, schema, item, &format!("{at}/{number}"))?;
        }
    }
    Ok(())
}

fn vocabulary() -> Source {
    Source {
        file: "actions.yaml".to_owned(),
        text: embedded::mapping("actions.yaml").unwrap().to_owned(),
    }
}

fn the_schema() -> Value {
    schema(&Mappings::read_vocabulary(&vocabulary()).unwrap())
}

fn by_schema(schema: &Value, text: &str) -> Result<(), String> {
    let source = Source {
        file: "x.yaml".to_owned(),
        text: text.to_owned(),
    };
    let value: Value = yaml::load(&source).map_err(|wrong| wrong[0].to_string())?;
    validate(schema, schema, &value, "")
}

fn by_loader(text: &str) -> Result<(), String> {
    let source = Source {
        file: "x.yaml".to_owned(),
        text: text.to_owned(),
    };
    let loaded = Mappings::load(&vocabulary(), &[source]);
    loaded.map(drop).map_err(|wrong| wrong[0].to_string())
}

#[test]
fn every_shipped_mapping_is_right_by_the_schema() {
    let schema = the_schema();
    let generated = embedded::MAPPINGS.get_dir("generated").unwrap().files();
    // Generated ones are of few kinds, and there are hundreds.
    let generated = generated
        .enumerate()
        .filter(|(at, _)| at % 20 == 0)
        .map(|(_, file)| file);
    let mut seen = 0;
    for file in embedded::MAPPINGS.files().chain(generated) {
        let name = file.path().display().to_string();
        if !name.ends_with(".yaml") || ["actions.yaml", "tools.yaml"].contains(&&*name) {
            continue;
        }
        let text = file.contents_utf8().unwrap();
        by_schema(&schema, text).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        seen += 1;
    }
    assert!(seen > 60, "{seen}");
}

const FILE: &str = "provider: x
title: X
hosts: [api.x.example]
dispatch: path
safe_methods: true
content: { application/json: json }
answer: { error: problem }
operations:
  a: { call: 'POST /v1/a/{id}', action: process_refund, access: write, target: { kind: a, id: $.path.id }, fields: { amount: { from: $.body.amount, as: decimal, places: 2 }, currency: { from: $.body.currency, reduce: first } }, when: [ { any: $.body.x, action: transfer_funds } ] }
  b: { call: POST /v1/sql, action: execute_query, reader: { sql: { from: $.body.sql, engines: [mysql] } }, target: { kind: b } }
";

#[test]
fn what_the_schema_refuses_the_loader_refuses() {
    let schema = the_schema();
    assert_eq!((by_schema(&schema, FILE), by_loader(FILE)), (Ok(()), Ok(())));
    for (from, to) in [
        ("safe_methods: true", "safe_method: true"),
        ("safe_methods: true", "safe_methods: sometimes"),
        ("provider: x\n", ""),
        ("provider: x", "provider: [x]"),
        ("hosts: [api.x.example]\n", ""),
        ("hosts: [api.x.example]", "hosts: api.x.example"),
        ("hosts: [api.x.example]", "hosts: [{ name: api.x.example }]"),
        ("dispatch: path\n", ""),
        ("dispatch: path", "dispatch: paths"),
        ("dispatch: path", "dispatch: { parameters: Action }"),
        ("dispatch: path", "dispatch: { header: { name: x-target } }"),
        ("{ application/json: json }", "{ application/json: jsonn }"),
        ("{ application/json: json }", "[ application/json ]"),
        ("error: problem", "error: problems"),
        ("error: problem", "errors: problem"),
        ("operations:", "operation:"),
        ("'POST /v1/a/{id}'", "['POST /v1/a/{id}']"),
        ("process_refund", "proces_refund"),
        ("access: write", "access: writes"),
        ("target: { kind: a,", "target: {"),
        ("{ kind: a,", "{ kind: a, ident: x,"),
        ("{ amount: {", "{ amuont: {"),
        ("{ amount: {", "{ amount_base: { from: $.body.x }, amount: {"),
        ("from: $.body.amount,", "form: $.body.amount,"),
        ("as: decimal", "as: decimals"),
        ("places: 2", "places: -2"),
        ("places: 2", "places: two"),
        ("reduce: first", "reduce: fist"),
        ("any: $.body.x, ", ""),
        (", action: transfer_funds", ""),
        ("transfer_funds", "transfer_fund"),
        (
            "[ { any: $.body.x, action: transfer_funds } ]",
            "{ any: $.body.x, action: transfer_funds }",
        ),
        ("reader: { sql:", "reader: { sqll:"),
        ("from: $.body.sql, ", ""),
        ("engines: [mysql]", "engines: [mysqll]"),
        ("reader: { sql: { from: $.body.sql, engines: [mysql] } }", "reader: sql"),
    ] {
        assert!(FILE.contains(from), "{from}");
        let text = FILE.replacen(from, to, 1);
        assert!(by_schema(&schema, &text).is_err(), "by the schema: {from} -> {to}");
        assert!(by_loader(&text).is_err(), "by the loader: {from} -> {to}");
    }
}

#[test]
fn editors_are_told_what_each_key_and_word_means() {
    let schema = the_schema();
    for place in [
        "/properties",
        "/definitions/Operation/properties",
        "/definitions/Field/properties",
    ] {
        for (name, key) in schema.pointer(place).unwrap().as_object().unwrap() {
            let said = key.get("description").and_then(Value::as_str);
            let obvious = [
                "call",
                "fields",
                "operations",
                "source",
                "version",
                "aws",
                "environment",
            ];
            assert!(
                said.is_some() || obvious.contains(&name.as_str()),
                "{place}/{name}: {key}"
            );
        }
    }
    let actions = schema
        .pointer("/definitions/Operation/properties/action/anyOf")
        .unwrap();
    let refund = actions
        .as_array()
        .unwrap()
        .iter()
        .find(|action| action["const"] == "process_refund")
        .unwrap();
    assert!(refund["description"].is_string());
    let fields = schema
        .pointer("/definitions/Operation/properties/fields/properties")
        .unwrap();
    assert!(fields.get("amount").is_some() && fields.get("amount_base").is_none());
}

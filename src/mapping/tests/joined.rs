//! What a call reads or changes beside, or beyond, what its path names: joins, filters, forms that nobody reads.

use super::*;
use crate::model::{Access, Value};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const TABLE: &str = "https://abcdefghijklmnop.supabase.co/rest/v1/orders";

fn supabase(method: &str, query: &str) -> Action {
    let body = (method != "GET").then_some("{\"x\": 1}");
    resolve(shipped(), &call(method, &format!("{TABLE}?{query}"), JSON, body)).unwrap()
}

fn mongo(operation: &str, content: &Json) -> Action {
    let mut body = json!({ "dataSource": "c", "database": "shop", "collection": "orders" });
    for (name, value) in content.as_object().unwrap() {
        body[name] = value.clone();
    }
    let url = format!("https://us-east-1.aws.data.mongodb-api.com/app/a/endpoint/data/v1/action/{operation}");
    resolve(shipped(), &call("POST", &url, JSON, Some(&body.to_string()))).unwrap()
}

#[test]
fn a_table_that_is_embedded_is_not_passed_over() {
    for query in [
        "select=*,payroll(*)",
        "select=*,pay:payroll!fk(*)",
        "select=*,...payroll(salary)",
        "select=id%2Cpayroll%28*%29",
        "order=id&select=payroll(id)",
    ] {
        for method in ["GET", "PATCH", "DELETE", "POST"] {
            assert!(supabase(method, query).is_missing("sql_tables"), "{method} {query}");
        }
    }
    for query in ["select=*", "select=id,name&id=eq.1", "id=in.(1,2)", "select=data->>a"] {
        assert!(!supabase("GET", query).is_missing("sql_tables"), "{query}");
    }
}

#[test]
fn a_collection_that_is_joined_is_read() {
    let targets = |pipeline: Json| {
        let action = mongo("aggregate", &json!({ "pipeline": pipeline }));
        let told = |action: &Action| (action.target.id.clone(), action.is_missing("resource_ids"));
        (
            action.fields.get("sql_tables").cloned(),
            action.also.iter().map(told).collect::<Vec<_>>(),
        )
    };
    let payroll = || vec![(Some("shop/payroll".to_owned()), false)];
    let both = Some(Value::List(vec!["orders".to_owned(), "payroll".to_owned()]));
    for stage in [
        json!({ "$lookup": { "from": "payroll", "localField": "a", "foreignField": "b", "as": "p" } }),
        json!({ "$graphLookup": { "from": "payroll", "as": "p" } }),
        json!({ "$unionWith": "payroll" }),
    ] {
        assert_eq!(targets(json!([stage])), (both.clone(), payroll()), "{stage}");
    }
    for stage in [
        json!({ "$unionWith": { "coll": "payroll", "pipeline": [] } }),
        json!({ "$lookup": { "from": { "db": "hr", "coll": "payroll" }, "as": "p" } }),
        json!({ "$lookup": { "from": "a", "pipeline": [{ "$lookup": { "from": "payroll" } }] } }),
        json!({ "$facet": { "x": [{ "$lookup": { "from": "payroll" } }] } }),
    ] {
        let (_, also) = targets(json!([stage]));
        assert!(also.iter().any(|(_, untold)| *untold), "{stage}: {also:?}");
    }
    let plain = targets(json!([{ "$match": { "a": 1 } }, { "$facet": { "x": [{ "$count": "n" }] } }]));
    assert_eq!(plain, (Some(Value::List(vec!["orders".to_owned()])), vec![]));
}

#[test]
fn only_a_filter_that_names_values_is_a_limit() {
    let limited = |action: &Action| match action.is_missing("unbounded") {
        true => None,
        false => Some(action.fields["unbounded"].clone()),
    };
    for (query, unbounded) in [
        ("id=eq.1", Some(false)),
        ("id=in.(1,2)&select=*", Some(false)),
        ("id=gt.0", None),
        ("or=(id.gt.0,id.lte.0)", None),
        ("items.id=eq.1", None),
        ("items.id=gt.0", None),
        ("foo=bar", None),
        ("id=not.eq.1", None),
        ("id=is.null", None),
        ("active=eq.true", None),
        ("select=*&limit=1", Some(true)),
    ] {
        for method in ["PATCH", "DELETE"] {
            let action = supabase(method, query);
            assert_eq!(limited(&action), unbounded.map(Value::Bool), "{method} {query}");
        }
    }
    for (filter, unbounded) in [
        (json!({ "_id": 1 }), Some(false)),
        (json!({ "_id": { "$oid": "64" } }), Some(false)),
        (
            json!({ "_id": { "$in": [{ "$oid": "64" }, "a"] }, "x": { "$gt": 1 } }),
            Some(false),
        ),
        (json!({ "_id": { "$eq": "a" } }), Some(false)),
        (json!({ "_id": { "$exists": true } }), None),
        (json!({ "_id": { "$ne": 1 } }), None),
        (json!({ "_id": { "$in": [{ "$gt": 1 }] } }), None),
        (json!({ "deleted": false }), None),
        (json!({ "$or": [{ "a": 1 }] }), None),
        (json!({}), Some(true)),
    ] {
        let content = json!({ "filter": filter, "update": {} });
        for operation in ["updateMany", "deleteMany"] {
            let action = mongo(operation, &content);
            assert_eq!(limited(&action), unbounded.map(Value::Bool), "{operation} {filter}");
        }
    }
}

#[test]
fn a_form_that_nobody_reads_may_name_another_method() {
    let file = "generated: { by: openapi, source: x.json, version: \"1\" }
provider: x
title: X
hosts: [api.x.example]
dispatch: path
content: { application/json: json }
operations:
  search: { call: \"POST /things/search\", access: read, by: name }
";
    let mappings = load(&[("mappings/generated/x.yaml", file)]).unwrap();
    let search = |headers: &[(&str, &str)], body: &str| {
        let call = call("POST", "https://api.x.example/things/search", headers, Some(body));
        resolve(&mappings, &call).unwrap().access
    };
    assert_eq!(search(&[FORM], "_method=DELETE"), Access::Write);
    assert_eq!(search(&[], "_method=DELETE"), Access::Write);
    let parts = ("content-type", "multipart/form-data; boundary=x");
    assert_eq!(search(&[parts], "--x\r\n"), Access::Write);
    assert_eq!(search(JSON, "{}"), Access::Read);
}

#[test]
fn a_page_that_is_erased_is_deleted() {
    let patch = |body: Json| {
        let url = "https://api.notion.com/v1/pages/p1";
        let action = resolve(shipped(), &call("PATCH", url, JSON, Some(&body.to_string()))).unwrap();
        action.name.to_string()
    };
    assert_eq!(patch(json!({ "erase_content": true })), "delete_record");
    assert_eq!(patch(json!({ "erase_content": "true" })), "delete_record");
    assert_eq!(patch(json!({ "erase_content": false })), "modify_record");
}

#[test]
fn a_campaign_is_no_messaging_service() {
    let form = |path: &str| {
        let url = format!("https://messaging.twilio.com/v1/Services/{path}");
        let sent = call("POST", &url, &[FORM, KEY], Some("MessagingServiceSid=MG1"));
        resolve(shipped(), &sent).unwrap().name.to_string()
    };
    assert_eq!(form("PreregisteredUsa2p"), "modify_security");
    assert_eq!(form("MG1"), "modify_webhook");
}

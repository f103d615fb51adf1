//! What is described of a call beside a template that people wrote, which fits it too.

use super::*;

const WRITTEN: &str = "provider: x
title: X
hosts: [api.x.example]
dispatch: path
content: { application/json: json }
operations:
  things.get: { call: 'GET /v1/things/{thing}', action: read_record, target: { kind: thing, id: $.path.thing } }
  things.act: { call: 'POST /v1/things/{thing}', action: modify_record, target: { kind: thing, id: $.path.thing } }
  keys.get: { call: 'GET /v1/keys/{key}', action: read_secret, target: { kind: key, id: $.path.key } }
  orders.create: { call: 'POST /v2/orders', action: modify_record, target: { kind: order } }
  orders.find: { call: 'POST /v2/orders/find', action: modify_record, target: { kind: order } }
";
const GENERATED: &str = "generated: { by: openapi, source: x.json, version: \"1\" }
provider: x
title: X
hosts: [api.x.example]
dispatch: path
operations:
  comments: { call: \"GET /v1/things/comments\" }
  getThing: { call: \"GET /v1/things/{thing}\" }
  keyNames: { call: \"GET /v1/keys/names\" }
  orders.create: { call: \"POST /v1/orders\" }
  orders.find: { call: \"POST /v1/orders/find\", access: read, by: name }
  purge: { call: \"POST /v1/things/purge\", access: delete, by: name }
  search: { call: \"POST /v1/things/search\", access: read, by: name }
  thingExists: { call: \"HEAD /v1/things/{thing}\" }
  widget: { call: \"GET /v1/widget.json\" }
";

fn both(written: &str) -> Mappings {
    load(&[("mappings/x.yaml", written), ("mappings/generated/x.yaml", GENERATED)])
        .unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

fn told(written: &str, call: &str) -> (String, String, Access) {
    let (method, path) = call.split_once(' ').unwrap();
    let (operation, action, access, _) = of(&both(written), method, &format!("https://api.x.example{path}"));
    (operation, action, access)
}

fn is(call: &str, operation: &str, action: &str, access: Access) {
    assert_eq!(
        told(WRITTEN, call),
        (operation.to_owned(), action.to_owned(), access),
        "{call}"
    );
}

#[test]
fn a_word_of_a_description_goes_before_a_written_parameter() {
    is("GET /v1/things/comments", "comments", "read_record", Access::Read);
    is("GET /v1/things/1", "things.get", "read_record", Access::Read);
    is("POST /v1/things/purge", "purge", "delete_record", Access::Delete);
    // What would do less does not stand for what people wrote.
    is("POST /v1/things/search", "things.act", "modify_record", Access::Write);
    is("GET /v1/keys/names", "keys.get", "read_secret", Access::Read);
}

#[test]
fn a_description_of_head_goes_before_a_written_get() {
    is("HEAD /v1/things/1", "thingExists", "read_record", Access::Read);
    let safe = WRITTEN.replace("dispatch: path", "dispatch: path\nsafe_methods: true");
    assert_eq!(told(&safe, "HEAD /v1/things/1").0, "thingExists");
    assert_eq!(told(&safe, "HEAD /v1/keys/1").0, "keys.get");
    // What people wrote of HEAD itself stays.
    let own = safe.replace("call: 'GET /v1/things/{thing}'", "call: 'HEAD /v1/things/{thing}'");
    assert_eq!(told(&own, "HEAD /v1/things/1").0, "things.get");
}

#[test]
fn another_call_of_a_written_name_is_no_milder() {
    is("POST /v1/orders", "orders.create", "call_api", Access::Write);
    is(
        "POST /v1/orders/find",
        "POST /v1/orders/find",
        "call_api",
        Access::Write,
    );
}

#[test]
fn an_ending_that_a_template_says_is_no_format() {
    is("GET /v1/widget.json", "widget", "read_record", Access::Read);
    is(
        "GET /v1/things/1.json",
        "GET /v1/things/1.json",
        "call_api",
        Access::Write,
    );
}

//! What a GraphQL schema names, alone and below what people wrote.

use super::*;

const SCHEMA: &str = "generated: { by: graphql, source: x.graphql, version: \"1\" }
provider: x
title: X
hosts: [api.x.example, other.x.example]
dispatch: path
content: { application/json: json }
operations:
  graphql: { call: \"POST /graphql\", reader: graphql }
graphql:
  queries:
    things: { access: read, by: kind, target: { kind: thing } }
    keys: { access: read, action: read_secret, by: kind, target: { kind: key } }
  mutations:
    thingDelete: { access: delete, by: name, target: { kind: thing, id: $.body.arguments.id } }
    thingMove: { access: write, action: modify_record, by: kind, target: { kind: thing } }
    thingUpdate: { access: write, action: modify_record, by: kind, target: { kind: thing } }
  subscriptions:
    thingMoved: { access: write, action: open_stream, by: kind, target: { kind: thing } }
";
const CURATED: &str = "provider: x
title: X
hosts: [api.x.example]
dispatch: path
content: { application/json: json }
operations:
  graphql: { call: POST /graphql, reader: graphql, action: call_api, target: { kind: document } }
graphql:
  mutations:
    thingUpdate: { action: modify_record, target: { kind: thing, id: $.body.arguments.id } }
  endings:
    Delete: { action: delete_record, target: { kind: record } }
";

fn asked(mappings: &Mappings, host: &str, document: &str) -> (String, Access, bool, String) {
    let body = json!({ "query": document }).to_string();
    let url = format!("https://{host}/graphql");
    let headers = [("content-type", "application/json")];
    let action = resolve(mappings, &call("POST", &url, &headers, Some(&body))).unwrap();
    let kind = action.target.kind.to_string();
    (action.name.to_string(), action.access, action.unmapped, kind)
}

fn told(name: &str, access: Access, unmapped: bool, kind: &str) -> (String, Access, bool, String) {
    (name.to_owned(), access, unmapped, kind.to_owned())
}

#[test]
fn what_a_schema_alone_names_is_held() {
    let mappings = load(&[("mappings/generated/x.yaml", SCHEMA)]).unwrap();
    let asked = |document: &str| asked(&mappings, "other.x.example", document);
    assert_eq!(asked("{ things }"), told("read_record", Access::Read, false, "thing"));
    assert_eq!(asked("{ keys }"), told("read_secret", Access::Read, false, "key"));
    assert_eq!(
        asked("mutation { thingDelete(id: 1) }"),
        told("delete_record", Access::Delete, true, "thing")
    );
    assert_eq!(
        asked("mutation { thingMove }"),
        told("modify_record", Access::Write, true, "thing")
    );
    assert_eq!(
        asked("subscription { thingMoved }"),
        told("open_stream", Access::Write, true, "thing")
    );
    // What the schema does not have, and what is no document.
    assert_eq!(
        asked("mutation { listThings }"),
        told("call_api", Access::Write, true, "field")
    );
    assert_eq!(asked("{ things").1, Access::Write);
}

#[test]
fn what_people_wrote_of_documents_goes_before_the_schema() {
    let mappings = load(&[("mappings/x.yaml", CURATED), ("mappings/generated/x.yaml", SCHEMA)]).unwrap();
    let asked = |document: &str| asked(&mappings, "api.x.example", document);
    assert_eq!(
        asked("mutation { thingUpdate(id: \"1\") }"),
        told("modify_record", Access::Write, false, "thing")
    );
    assert_eq!(
        asked("mutation { thingDelete(id: \"1\") }"),
        told("delete_record", Access::Delete, true, "record")
    );
    assert_eq!(
        asked("mutation { thingMove }"),
        told("modify_record", Access::Write, true, "thing")
    );
    assert_eq!(asked("{ keys }"), told("read_secret", Access::Read, false, "key"));
    assert_eq!(
        asked("mutation { other }"),
        told("call_api", Access::Write, true, "field")
    );
}

#[test]
fn a_table_says_nothing_else_than_documents() {
    for (from, to, said) in [
        (
            "thingMove: { access: write, action: modify_record",
            "thingMove: { access: read",
            "a mutation's field does not read",
        ),
        (
            "thingMove: { access: write, action: modify_record",
            "thingMove: { access: read, action: read_record",
            "a mutation's field does not read",
        ),
        (
            "things: { access: read",
            "things: { access: write",
            "a query's field reads",
        ),
        (
            "action: open_stream",
            "action: call_api",
            "a subscription's field opens a stream",
        ),
        (
            "access: write, action: open_stream",
            "access: read",
            "expected `action: open_stream`",
        ),
    ] {
        let text = SCHEMA.replace(from, to);
        assert_ne!(text, SCHEMA, "{from}");
        let wrong = load(&[("mappings/generated/x.yaml", &text)]).err().unwrap();
        assert!(
            wrong.iter().any(|wrong| wrong.message.contains(said)),
            "{said}: {wrong:?}"
        );
    }
}

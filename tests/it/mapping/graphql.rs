//! `import graphql`: a schema becomes a mapping that is in use at once, and curated files stay.

use super::{home_with, run};
use crate::harness::said;

const SCHEMA: &str = "type Query {
  task(id: ID!): String
}
type Mutation {
  taskDelete(id: ID!): Boolean
  taskMove(input: Move!): Boolean
}
input Move {
  id: ID!
  to: String
}
";
const DELETE: &str = r#"{"query": "mutation ($id: ID!) { gone: taskDelete(id: $id) }", "variables": {"id": "t1"}}"#;
const URL: &str = "https://api.tasks.example/api/graphql";
const OWN: &str = "provider: own
hosts: [own.tasks.example]
dispatch: path
operations: { list: { call: GET /v1, action: read_record, target: { kind: x } } }
";

#[test]
fn a_schema_is_imported_and_in_use_at_once() {
    let home = home_with(&[
        ("tasks.graphql", SCHEMA),
        ("mappings/own.yaml", OWN),
        ("mappings/generated/readme.txt", "mine"),
    ]);
    let import = [
        "import",
        "graphql",
        "tasks.graphql",
        "--host",
        "api.tasks.example",
        "--path",
        "/api/graphql",
        "--title",
        "Tasks",
        "--to",
        "mappings/generated",
    ];
    let output = run(home.path(), &import);
    assert!(output.status.success(), "{}", said(&output));
    let made = home.path().join("mappings/generated/tasks.yaml");
    let first = std::fs::read(&made).unwrap();
    assert!(run(home.path(), &import).status.success());
    assert_eq!(std::fs::read(&made).unwrap(), first);
    assert_eq!(
        std::fs::read_to_string(home.path().join("mappings/own.yaml")).unwrap(),
        OWN
    );
    assert!(run(home.path(), &["mapping", "check"]).status.success());
    let told = run(home.path(), &["explain", URL, "--json", DELETE]);
    let text = said(&told);
    for word in [
        "generated/tasks.yaml",
        "delete_record",
        "resource_ids = t1",
        "provider     tasks",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let read = run(
        home.path(),
        &["explain", URL, "--json", r#"{"query": "{ task(id: 1) }"}"#],
    );
    assert!(
        said(&read).contains("read_record") && said(&read).contains("ALLOW"),
        "{}",
        said(&read)
    );
}

#[test]
fn a_broken_schema_is_told_with_its_place_and_writes_nothing() {
    let home = home_with(&[
        ("cut.graphql", SCHEMA.split_once("to: String").unwrap().0),
        ("cut.json", "{\n \"data\": {"),
    ]);
    for (file, place) in [("cut.graphql", "cut.graphql:10:"), ("cut.json", "cut.json:2:")] {
        let output = run(
            home.path(),
            &["import", "graphql", file, "--host", "a.example", "--to", "."],
        );
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(place), "{text}");
        assert!(!home.path().join("cut.yaml").exists());
    }
}

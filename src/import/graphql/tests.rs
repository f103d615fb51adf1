use super::*;
use crate::import::LeftOut;
use crate::import::regenerate::settle;
use crate::model::Source;

const SDL: &str = r#"
"Tasks of a small office"
schema { query: Root mutation: Changes subscription: Events }
type Root {
  "One task"
  task(id: ID!): Task
  tasks(first: Int = 20, filter: TaskFilter): [Task!]!
  accessToken: [String!]!
  deleteNothing: Boolean
}
type Changes {
  taskCreate(input: TaskCreateInput!): Task
  taskUpdate(input: TaskUpdateInput!): Task
  taskDelete(id: ID!): Boolean
  taskArchive(taskId: ID!): Boolean
  taskBatchDelete(ids: [ID!]!): Boolean
  getTask(id: ID!): Task
  apiKeyCreate(name: String): String
}
type Events { taskChanged(id: ID): Task }
input TaskFilter { and: [TaskFilter!], or: [TaskFilter!], title: String }
input TaskCreateInput { title: String! parent: TaskCreateInput }
input TaskUpdateInput { id: ID! title: String }
type Task { id: ID! title: String parent: Task children: [Task!]! }
"#;

fn source(file: &str, text: &str) -> Source {
    Source {
        file: file.to_owned(),
        text: text.to_owned(),
    }
}

fn options() -> Options {
    Options {
        provider: "tasks".to_owned(),
        title: "Tasks".to_owned(),
        hosts: vec!["api.tasks.example".to_owned()],
        path: "/graphql".to_owned(),
    }
}

fn made(sources: &[Source]) -> Result<String, ImportError> {
    let made = settle(
        draft(sources, &options())?,
        LeftOut::new(),
        &regenerate::vocabulary().unwrap(),
    )?;
    assert!(made.left_out.is_empty(), "{:?}", made.left_out);
    Ok(made.text)
}

fn refused(sources: &[Source]) -> String {
    made(sources).unwrap_err().to_string()
}

/// The answer to the introspection query about that schema.
fn introspection() -> String {
    fn reference(text: &str) -> serde_json::Value {
        use serde_json::json;
        if let Some(inner) = text.strip_suffix('!') {
            return json!({ "kind": "NON_NULL", "name": null, "ofType": reference(inner) });
        }
        match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            Some(inner) => json!({ "kind": "LIST", "name": null, "ofType": reference(inner) }),
            None => json!({ "kind": "SCALAR", "name": text, "ofType": null }),
        }
    }
    fn inputs(all: &[(&str, &str)]) -> Vec<serde_json::Value> {
        let inputs = all.iter();
        let inputs =
            inputs.map(|(name, of)| serde_json::json!({ "name": name, "type": reference(of), "defaultValue": null }));
        inputs.collect()
    }
    type Fields<'a> = &'a [(&'a str, &'a [(&'a str, &'a str)])];
    let object = |name: &str, fields: Fields<'_>| {
        let fields = fields.iter().map(|(name, arguments)| {
            serde_json::json!({ "name": name, "description": "x", "args": inputs(arguments), "type": reference("Task") })
        });
        let fields: Vec<_> = fields.collect();
        serde_json::json!({ "kind": "OBJECT", "name": name, "fields": fields, "inputFields": null })
    };
    let input = |name: &str, members: &[(&str, &str)]| serde_json::json!({ "kind": "INPUT_OBJECT", "name": name, "fields": null, "inputFields": inputs(members) });
    let all = serde_json::json!({ "data": { "__schema": {
        "queryType": { "name": "Root" }, "mutationType": { "name": "Changes" }, "subscriptionType": { "name": "Events" },
        "types": [
            object("Events", &[("taskChanged", &[("id", "ID")])]),
            object("Root", &[
                ("deleteNothing", &[]), ("accessToken", &[]), ("tasks", &[("first", "Int"), ("filter", "TaskFilter")]),
                ("task", &[("id", "ID!")]),
            ]),
            object("Changes", &[
                ("apiKeyCreate", &[("name", "String")]), ("getTask", &[("id", "ID!")]),
                ("taskBatchDelete", &[("ids", "[ID!]!")]), ("taskArchive", &[("taskId", "ID!")]),
                ("taskDelete", &[("id", "ID!")]), ("taskUpdate", &[("input", "TaskUpdateInput!")]),
                ("taskCreate", &[("input", "TaskCreateInput!")]),
            ]),
            input("TaskFilter", &[("and", "[TaskFilter!]")]),
            input("TaskUpdateInput", &[("id", "ID!"), ("title", "String")]),
            input("TaskCreateInput", &[("title", "String!"), ("parent", "TaskCreateInput")]),
            { "kind": "SCALAR", "name": "ID", "fields": null },
        ],
        "directives": [],
    } } });
    serde_json::to_string_pretty(&all).unwrap()
}

#[test]
fn a_schema_in_either_form_is_the_same_mapping_each_time() {
    let text = made(&[source("tasks.graphql", SDL)]).unwrap();
    assert_eq!(text, made(&[source("tasks.graphql", SDL)]).unwrap());
    for line in [
        "provider: tasks",
        "hosts: [api.tasks.example]",
        "  graphql: { call: \"POST /graphql\", reader: graphql }",
        "  graphql.get: { call: \"GET /graphql\", access: write, reader: graphql }",
        "    task: { access: read, by: kind, target: { kind: task, id: $.body.arguments.id }, fields: { resource_ids: { from: $.body.arguments.id } } }",
        "    tasks: { access: read, by: kind, target: { kind: task } }",
        "    taskUpdate: { access: write, action: modify_record, by: kind, target: { kind: task, id: $.body.arguments.input.id }, fields: { resource_ids: { from: $.body.arguments.input.id } } }",
        "    taskDelete: { access: delete, by: name, target: { kind: task, id: $.body.arguments.id }, fields: { resource_ids: { from: $.body.arguments.id } } }",
        "    taskArchive: { access: delete, by: name, target: { kind: task, id: $.body.arguments.taskId }, fields: { resource_ids: { from: $.body.arguments.taskId } } }",
        "    taskBatchDelete: { access: delete, action: delete_records, by: name, target: { kind: task }, fields: { resource_ids: { from: \"$.body.arguments.ids[*]\" } } }",
        "    taskChanged: { access: write, action: open_stream, by: kind, target: { kind: task_changed, id: $.body.arguments.id } }",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let digest = hex::encode(Sha256::digest(SDL));
    assert!(
        text.contains(&format!(
            "generated: {{ by: graphql, source: \"tasks.graphql\", version: \"sha256:{digest}\" }}"
        )),
        "{text}"
    );
    let json = made(&[source("tasks.json", &introspection())]).unwrap();
    let rest = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with("generated:"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(rest(&text), rest(&json));
}

#[test]
fn a_mutation_is_never_a_read() {
    let text = made(&[source("tasks.graphql", SDL)]).unwrap();
    let (queries, rest) = text.split_once("  mutations:\n").unwrap();
    let (mutations, _) = rest.split_once("  subscriptions:\n").unwrap();
    assert_eq!(mutations.lines().count(), 7, "{mutations}");
    assert!(mutations.contains("    getTask: { access: write,"), "{mutations}");
    assert!(!mutations.contains("access: read"), "{mutations}");
    // Whatever a query is called, it reads; one that tells secrets is told.
    assert!(
        queries.contains("    deleteNothing: { access: read, by: kind"),
        "{queries}"
    );
    assert!(
        queries.contains("    accessToken: { access: read, action: read_secret, by: kind"),
        "{queries}"
    );
}

#[test]
fn a_schema_may_stand_in_several_files() {
    let first = source("a.graphql", "type Query { ping: Int }\ninput In { id: ID }");
    let second = source(
        "b.graphql",
        "type Mutation { a(input: In): Int }\nextend type Query { pong: Int }",
    );
    let text = made(&[first.clone(), second.clone()]).unwrap();
    assert!(text.contains("source: \"a.graphql, b.graphql\""), "{text}");
    assert!(
        text.contains("    a: { access: write, by: kind, target: { kind: record, id: $.body.arguments.input.id }, fields: { resource_ids: { from: $.body.arguments.input.id } } }"),
        "{text}"
    );
    assert!(text.contains("pong: {"), "{text}");
    let again = source("c.graphql", "extend type Query {\n  pong: Int\n}");
    assert!(refused(&[first, second, again]).starts_with("c.graphql:2:3: `Query` has two fields `pong`"));
}

#[test]
fn hostile_schemas_end_in_an_error_with_its_place() {
    let json = introspection();
    let cut = json.get(..json.len() / 2).unwrap();
    let lines = cut.lines().count();
    let twice = json.replace("\"taskArchive\"", "\"taskDelete\"");
    let bad = json.replace("\"taskArchive\"", "\"task: { access: read }\\n    b\"");
    let deep = format!(
        "type Query {{ a(b: {}Int{}): Int }}",
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    let nested = format!(
        "{{\"__schema\":{{\"types\":[{{\"kind\":\"OBJECT\",\"name\":\"Query\",\"fields\":[{{\"name\":\"a\",\"args\":[{{\"name\":\"b\",\"type\":{}{{}}{}}}]}}]}}]}}}}",
        "{\"kind\":\"LIST\",\"ofType\":".repeat(50_000),
        "}".repeat(50_000)
    );
    let many: String = (0..20_001).map(|at| format!("f{at}: Int ")).collect();
    let many = format!("type Query {{ {many} }}");
    for (text, told) in [
        (cut, format!("x:{lines}:")),
        (&twice, "`Changes` has two fields `taskDelete`".to_owned()),
        (&bad, "expected a name of letters, digits and `_`".to_owned()),
        (&nested, "recursion limit exceeded".to_owned()),
        (&deep, "x:1:".to_owned()),
        (&many, "more than 20000 fields of one type".to_owned()),
        ("", "x:1:1: this is no GraphQL schema".to_owned()),
        ("{}", "x:1:1: expected the answer to the introspection query".to_owned()),
        ("{\"data\":{\"__schema\":1}}", "x:1:".to_owned()),
        (
            "type Query {\n  a: Int\n  b: \n}",
            "x:4:1: this is no GraphQL schema".to_owned(),
        ),
        (
            "type Query { a: Int }\ntype Query { b: Int }",
            "x:2:1: `Query` is defined twice".to_owned(),
        ),
        (
            "type Query { a: Int }\n\nquery { a }",
            "x:3:1: expected a schema, found a request".to_owned(),
        ),
        (
            "schema { query: Q mutation: Q }\ntype Q { a: Int }",
            "`Q` is the type of both query and mutation".to_owned(),
        ),
        (
            "schema { query: Nobody }",
            "x:1:10: the schema's query type `Nobody` is not defined".to_owned(),
        ),
        (
            "schema { query: Q query: Q }\ntype Q { a: Int }",
            "x:1:19: the schema names its query type twice".to_owned(),
        ),
    ] {
        let said = refused(&[source("x", text)]);
        assert!(
            said.contains(&told),
            "{told}: {}",
            said.chars().take(400).collect::<String>()
        );
        assert!(said.starts_with('x'), "{}", said.chars().take(400).collect::<String>());
    }
    // Types that go round are followed nowhere.
    let round = "type Query { a(input: A): Query }\ninput A { b: B }\ninput B { a: A, input: B }";
    assert!(made(&[source("x", round)]).unwrap().contains("    a: { access: read"));
    // A file of another kind is told as such, and so is what is no text.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latin.graphql");
    std::fs::write(&path, b"type Query { caf\xe9: Int }").unwrap();
    let said = read(&[path], &options()).unwrap_err().to_string();
    assert_eq!(said, "latin.graphql: this is no UTF-8 text from byte 16");
}

#[test]
fn a_type_that_is_extended_often_is_read_in_little_time() {
    let fields = |from: usize, to: usize| -> String { (from..to).map(|at| format!("f{at}: Int ")).collect() };
    let extended: String = (10_000..15_000)
        .map(|at| format!("extend type Query {{ f{at}: Int }}\n"))
        .collect();
    let text = format!("type Query {{ {} }}\n{extended}", fields(0, 10_000));
    let began = std::time::Instant::now();
    let twice = source("x", &format!("{text}extend type Query {{ f1: Int }}"));
    let said = draft(&[twice], &options()).map(drop).unwrap_err().to_string();
    assert!(said.contains("`Query` has two fields `f1`"), "{said}");
    assert!(
        began.elapsed() < std::time::Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

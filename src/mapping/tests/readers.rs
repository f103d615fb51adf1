//! Calls whose content is read beyond its members: SQL, GraphQL, messages of the Model Context Protocol.

use proptest::prelude::*;

use super::*;
use crate::model::{Access, Value};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const NEON: &str = "https://api.us-east-2.aws.neon.tech/sql";
const LINEAR: &str = "https://api.linear.app/graphql";
const SERVER: &str = "http://127.0.0.1:8931/mcp";

fn post(url: &str, body: &Json) -> Action {
    resolve(shipped(), &call("POST", url, JSON, Some(&body.to_string()))).unwrap()
}

fn wrong(text: &str) -> String {
    let problems = load(&[("own.yaml", text)]).err().unwrap();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn tool(name: &str, id: u32) -> Json {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": name, "arguments": {} } })
}

#[test]
fn a_call_without_its_statement_is_no_read() {
    let bigquery = "https://bigquery.googleapis.com/bigquery/v2/projects/p/queries";
    for (url, body) in [
        (NEON, json!({})),
        (NEON, json!({ "query": ["SELECT 1"] })),
        (NEON, json!({ "query": null })),
        (NEON, json!({ "queries": [{ "query": "SELECT 1" }, { "query": 1 }] })),
        (NEON, json!({ "query": "SELEC 1" })),
        (bigquery, json!({ "query": "" })),
        (bigquery, json!({ "useLegacySql": true })),
    ] {
        let action = post(url, &body);
        assert_eq!(&*action.name, "delete_records", "{body}");
        assert_eq!(action.fields["unbounded"], Value::Bool(true), "{body}");
        assert!(action.is_missing("sql_tables"), "{body}");
    }
    let empty = resolve(shipped(), &call("POST", NEON, &[], None)).unwrap();
    assert_ne!(empty.access, Access::Read);
}

#[test]
fn all_statements_are_judged() {
    let queries = json!({ "queries": [{ "query": "UPDATE a SET x = 1 WHERE id = 1" }, { "query": "DELETE FROM b" }] });
    let action = post(NEON, &queries);
    let names: Vec<_> = action.meanings().map(|meaning| &*meaning.name).collect();
    assert_eq!(names, ["delete_records", "bulk_update"]);
    assert!(action.summary.contains("DELETE on b"), "{}", action.summary);
    let copy = post(NEON, &json!({ "query": "INSERT INTO copy SELECT * FROM payroll" }));
    assert_eq!(
        copy.also[0].fields["sql_tables"],
        Value::List(vec!["payroll".to_owned()])
    );
    // What is called may do anything, and is judged by that too.
    let function = post(NEON, &json!({ "query": "SELECT close_books()" }));
    let names: Vec<_> = function.meanings().map(|meaning| &*meaning.name).collect();
    assert_eq!(names, ["bulk_update", "delete_records"]);
}

#[test]
fn each_field_of_a_document_is_judged() {
    let batch = json!([
        { "query": "{ viewer { id } }" },
        { "query": "mutation { a: issueUpdate(id: \"1\") { id } b: issueDelete(id: \"2\") { id } }" },
    ]);
    let action = post(LINEAR, &batch);
    assert_eq!(
        (&*action.operation, action.target.id.as_deref()),
        ("issueDelete", Some("2"))
    );
    let others: Vec<_> = action.also.iter().map(|other| &*other.operation).collect();
    assert_eq!(others, ["issueUpdate", "viewer"]);
}

#[test]
fn an_ending_names_a_mutation_and_lets_none_go() {
    for (name, unmapped) in [("apiKeyCreate", true), ("teamUpdate", true), ("issueUpdate", false)] {
        let action = post(
            LINEAR,
            &json!({ "query": format!("mutation {{ {name}(id: \"1\") {{ id }} }}") }),
        );
        assert_eq!((&*action.name, action.unmapped), ("modify_record", unmapped), "{name}");
    }
}

#[test]
fn what_no_document_tells_is_a_change() {
    let persisted = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "ab" } } });
    for body in [
        persisted,
        json!({ "query": "{ viewer" }),
        json!({ "query": "{a}", "doc_id": "1" }),
        json!({}),
        json!([]),
    ] {
        let action = post(LINEAR, &body);
        assert_eq!((&*action.name, action.unmapped), ("call_api", true), "{body}");
    }
    let by_get = "https://api.linear.app/graphql?query=mutation%7BissueDelete(id:%221%22)%7Bid%7D%7D";
    let action = resolve(shipped(), &call("GET", by_get, &[], None)).unwrap();
    assert_eq!(&*action.operation, "issueDelete");
    // The document in the query runs, whatever the content is.
    let both = "https://api.linear.app/graphql?operationName=B";
    let action = post(
        both,
        &json!({ "query": "query A {viewer{id}} mutation B {issueDelete(id: 1) {id}}" }),
    );
    assert_eq!(&*action.operation, "issueDelete");
}

#[test]
fn a_batch_is_its_strictest_message() {
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let action = post(SERVER, &json!([list, tool("terminate_instances", 2)]));
    assert_eq!((&*action.name, action.access), ("terminate_instance", Access::Delete));
    assert_eq!(action.also.len(), 1);
    let other = post(SERVER, &json!([list, { "jsonrpc": "2.0", "id": 1, "result": {} }]));
    assert_ne!(other.access, Access::Read);
}

#[test]
fn three_lines_name_a_server() {
    let own = "provider: tools\nhosts: [tools.example.com]\ndispatch: mcp\n";
    let mappings = load(&[("own.yaml", own)]).unwrap();
    let sent = |body: &Json| {
        call(
            "POST",
            "https://tools.example.com/v1/mcp",
            JSON,
            Some(&body.to_string()),
        )
    };
    let action = resolve(&mappings, &sent(&tool("wipe", 1))).unwrap();
    assert_eq!((&*action.provider, &*action.name), ("tools", "call_tool"));
    assert_eq!(action.fields["tool"], Value::Text("wipe".to_owned()));
    let identity = |body: &Json| mappings.identify(&sent(body), &action).unwrap().content;
    assert_eq!(identity(&tool("wipe", 1)), identity(&tool("wipe", 2)));
    assert_ne!(identity(&tool("wipe", 1)), identity(&tool("dump", 1)));
}

#[test]
fn a_tool_that_nobody_listed_is_a_change_that_nobody_knows() {
    for (host, name) in [
        ("mcp.linear.app", "delete_issue"),
        ("mcp.linear.app", "run_sql"),
        ("mcp.stripe.com", "cancel_subscription"),
    ] {
        let url = format!("https://{host}/mcp");
        let action = post(&url, &tool(name, 1));
        assert_eq!((&*action.name, action.unmapped), ("call_tool", true), "{name}");
        assert_eq!(action.fields["tool"], Value::Text(name.to_owned()));
        let identity = |id: u32, session: &str| {
            let headers = [("content-type", "application/json"), ("mcp-session-id", session)];
            let sent = call("POST", &url, &headers, Some(&tool(name, id).to_string()));
            shipped().identify(&sent, &action).unwrap().content
        };
        assert_eq!(
            identity(1, "a"),
            identity(2, "b"),
            "an approval is for the call made again"
        );
    }
    let listed = post("https://mcp.linear.app/mcp", &tool("list_issues", 1));
    assert_eq!((listed.access, listed.unmapped), (Access::Read, false));
}

#[test]
fn a_tool_that_runs_code_is_held_by_its_name() {
    for name in [
        "run_shell",
        "shell",
        "exec",
        "bash",
        "eval",
        "command",
        "runCommand",
        "terminal",
        "python",
        "run_python",
        "execute_code",
        "run-script",
        "powershell",
        "ssh.exec",
        "runshell",
        "execute_commands",
        "jupyter_run_cell",
    ] {
        for url in [SERVER, "https://mcp.linear.app/mcp"] {
            let action = post(url, &tool(name, 1));
            assert_eq!((&*action.name, action.unmapped), ("call_api", true), "{name}");
            assert_eq!(
                (&*action.target.kind, action.access),
                ("shell", Access::Write),
                "{name}"
            );
            let identity = |id: u32| {
                let headers = [("content-type", "application/json")];
                let sent = call("POST", url, &headers, Some(&tool(name, id).to_string()));
                shipped().identify(&sent, &action).unwrap().content
            };
            assert_eq!(identity(1), identity(2), "an approval is for the call made again");
        }
    }
    for name in [
        "get_country_code",
        "commandeer",
        "shellfish_list",
        "run_report",
        "describe_script",
    ] {
        assert_eq!(&*post(SERVER, &tool(name, 1)).name, "call_tool", "{name}");
    }
}

#[test]
fn a_tools_statement_says_what_the_call_does() {
    let run = |arguments: &Json| {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "execute_sql", "arguments": arguments } });
        post("https://mcp.supabase.com/mcp", &message)
    };
    let read = run(&json!({ "project_id": "p", "query": "SELECT id FROM orders" }));
    assert_eq!(
        (&*read.name, read.access, read.unmapped),
        ("execute_query", Access::Read, false)
    );
    assert_eq!(
        (&*read.operation, read.target.id.as_deref()),
        ("tools/call:execute_sql", Some("p"))
    );
    for (query, action) in [
        ("DELETE FROM orders WHERE id = 1", "delete_records"),
        ("SELECT 1; DROP TABLE orders", "modify_schema"),
        ("GRANT ALL ON orders TO public", "modify_security"),
        ("SELEC 1", "delete_records"),
    ] {
        let found = run(&json!({ "query": query }));
        assert_eq!(&*found.name, action, "{query}");
    }
    for nothing in [
        json!({}),
        json!({ "query": ["SELECT 1"] }),
        json!({ "sql": "SELECT 1" }),
    ] {
        assert_eq!(&*run(&nothing).name, "delete_records", "{nothing}");
    }
    let misspelt = json!({ "Query": "DROP TABLE orders", "query": "SELECT 1" });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "execute_sql", "arguments": misspelt } });
    let sent = call("POST", "https://mcp.supabase.com/mcp", JSON, Some(&message.to_string()));
    assert_eq!(resolve(shipped(), &sent).unwrap_err(), Reason::Malformed);
}

#[test]
fn a_statement_of_a_tool_that_nobody_listed_is_judged_too() {
    let run = |name: &str, arguments: &Json| {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name, "arguments": arguments } });
        post(SERVER, &message)
    };
    for (name, arguments) in [
        ("run_query", json!({ "query": "DELETE FROM orders" })),
        ("query", json!({ "sql": "TRUNCATE orders" })),
        (
            "runSnowflakeQuery",
            json!({ "statement": "DELETE FROM orders WHERE id = 1" }),
        ),
    ] {
        let action = run(name, &arguments);
        assert!(
            action.meanings().any(|meaning| &*meaning.name == "delete_records"),
            "{name}"
        );
        assert!(action.meanings().any(|meaning| &*meaning.name == "call_tool"), "{name}");
        assert!(action.meanings().all(|meaning| meaning.unmapped), "{name}");
    }
    // What reads, or is no statement, says nothing of a tool that nobody knows.
    for (name, arguments) in [
        ("run_query", json!({ "query": "SELECT 1" })),
        ("query", json!({ "query": "how do I delete a row" })),
        ("query", json!({ "text": "DELETE FROM orders" })),
        ("search", json!({ "query": "DELETE FROM orders" })),
    ] {
        let action = run(name, &arguments);
        assert_eq!(
            (&*action.name, action.unmapped, action.also.len()),
            ("call_tool", true, 0),
            "{name}"
        );
    }
}

#[test]
fn a_server_at_an_address_is_known() {
    let action = post(SERVER, &tool("execute_sql", 1));
    assert_eq!((&*action.provider, &*action.name), ("mcp", "delete_records"));
    let local = call(
        "POST",
        "http://[::1]:8931/mcp",
        JSON,
        Some(&tool("list_issues", 1).to_string()),
    );
    assert_eq!(&*resolve(shipped(), &local).unwrap().provider, "unknown");
}

#[test]
fn tables_say_where_they_are_wrong() {
    let head = "provider: own\nhosts: [own.example.com]\n";
    let graph = "dispatch: path\noperations:\n  g: { call: POST /graphql, reader: graphql, action: call_api, target: { kind: d } }\n";
    let read = "{ action: read_record, target: { kind: x } }";
    let change = "{ action: modify_record, target: { kind: x } }";
    for (text, said) in [
        (
            format!("{graph}graphql: {{ mutations: {{ a: {read} }} }}"),
            "a mutation's field does not read",
        ),
        (
            format!("{graph}graphql: {{ endings: {{ Get: {read} }} }}"),
            "a mutation's field does not read",
        ),
        (
            format!("{graph}graphql: {{ queries: {{ a: {change} }} }}"),
            "a query's field reads",
        ),
        (
            format!("dispatch: path\ngraphql: {{ queries: {{ a: {read} }} }}"),
            "no operation of this file reads documents",
        ),
        (
            format!("dispatch: path\ntools: {{ a: {read} }}"),
            "nothing in this file reads messages",
        ),
        (
            "dispatch: mcp\ntools: { a: { action: call_tool, target: { kind: x }, reader: graphql } }".to_owned(),
            "a tool's message is read already",
        ),
        (
            format!(
                "{graph}graphql: {{ mutations: {{ a: {{ action: call_api, target: {{ kind: x }}, reader: {{ sql: {{ from: $.body.x }} }} }} }} }}"
            ),
            "and for tools that take SQL",
        ),
        (
            format!("dispatch: mcp\noperations: {{ a: {read} }}"),
            "operations are `tools`",
        ),
    ] {
        let found = wrong(&format!("{head}{text}\n"));
        assert!(found.contains(said), "{found}");
    }
}

proptest! {
    /// Property of design 4.2: what cannot be read is never a read.
    #[test]
    fn no_content_that_cannot_be_read_is_a_read(bytes in "[ -~]{0,40}", at in 0usize..3) {
        let url = [NEON, LINEAR, SERVER][at];
        let broken = [bytes.clone(), json!({ "query": bytes }).to_string(), json!({ "method": bytes }).to_string()];
        for body in broken {
            if let Ok(action) = resolve(shipped(), &call("POST", url, JSON, Some(&body))) {
                let begins = ["select", "values", "show", "explain", "with", "table", "(", "desc", "{", "query", "/*", "--", "from"];
                let known = begins.iter().any(|word| bytes.trim_start().to_lowercase().starts_with(word));
                prop_assert!(action.access != Access::Read || known, "{}", body);
            }
        }
    }
}

//! Tools that a model's provider calls itself, and tools that take SQL.

use super::*;

const JSON: (&str, &str) = ("content-type", "application/json");
const RESPONSES: &str = "https://api.openai.com/v1/responses";
const SERVER: &str = "http://127.0.0.1:8931/mcp";
const MESSAGES: &str = "https://api.anthropic.com/v1/messages";

fn asked(url: &str, body: &Json) -> Action {
    resolve(shipped(), &call("POST", url, &[JSON], Some(&body.to_string()))).unwrap()
}

fn list(action: &Action, field: &str) -> Option<String> {
    match action.fields.get(field) {
        Some(Value::List(items)) => Some(items.join(" ")),
        _ => None,
    }
}

#[test]
fn servers_that_a_provider_calls_are_told() {
    let mcp =
        |server: Json| json!({ "model": "m", "input": "x", "tools": [{ "type": "function", "name": "f" }, server] });
    for (url, body, servers) in [
        (
            RESPONSES,
            mcp(json!({ "type": "mcp", "server_label": "a", "server_url": "https://MCP.example.com/sse?key=1" })),
            "mcp.example.com",
        ),
        (
            RESPONSES,
            mcp(json!({ "type": "mcp", "server_label": "a", "connector_id": "connector_gmail" })),
            "connector_gmail",
        ),
        (RESPONSES, json!({ "prompt": { "id": "pmpt_1" } }), "pmpt_1"),
        (
            RESPONSES,
            mcp(json!({ "type": "mcp", "server_label": "a", "tunnel_id": "tunnel_1" })),
            "tunnel_1",
        ),
        (
            RESPONSES,
            json!({ "input": [{ "role": "user" }, mcp(json!({ "type": "mcp", "server_url": "https://mcp.example.com" }))] }),
            "mcp.example.com",
        ),
        (
            MESSAGES,
            json!({ "mcp_servers": [{ "type": "url", "name": "a", "url": "https://mcp.example.com:8443/" }] }),
            "mcp.example.com:8443",
        ),
        (
            "https://api.anthropic.com/v1/messages/batches",
            json!({ "requests": [{ "params": {} }, { "params": { "mcp_servers": [{ "url": "https://mcp.example.com" }] } }] }),
            "mcp.example.com",
        ),
    ] {
        let action = asked(url, &body);
        assert_eq!(list(&action, "tool_servers").as_deref(), Some(servers), "{body}");
        assert!(!action.summary.contains("key"), "{}", action.summary);
    }
    let batch = asked(
        "https://api.openai.com/v1/batches",
        &json!({ "input_file_id": "file-1", "endpoint": "/v1/responses" }),
    );
    assert_eq!(list(&batch, "tool_servers").as_deref(), Some("file-1"));
}

#[test]
fn a_server_that_cannot_be_told_is_missing() {
    for server in [
        json!("https://ours.test\\@evil.test/"),
        json!("mcp.example.com/sse"),
        json!(null),
        json!(""),
    ] {
        let action = asked(
            RESPONSES,
            &json!({ "tools": [{ "type": "mcp", "server_url": server }] }),
        );
        assert_eq!(why(&action, "tool_servers"), Some(Why::Unreadable), "{server}");
    }
    let misspelt = json!({ "tools": [{ "type": "mcp", "Server_URL": "https://mcp.example.com" }] }).to_string();
    assert_eq!(
        resolve(shipped(), &call("POST", RESPONSES, &[JSON], Some(&misspelt))).unwrap_err(),
        Reason::Malformed
    );
}

#[test]
fn a_model_without_servers_is_asked_as_before() {
    for (url, tools, kinds) in [
        (RESPONSES, json!([]), None),
        (
            RESPONSES,
            json!([{ "type": "web_search" }, { "type": "function" }, { "type": "function" }]),
            Some("function web_search"),
        ),
        (MESSAGES, json!([{ "name": "f", "input_schema": {} }]), None),
    ] {
        let action = asked(url, &json!({ "model": "m", "tools": tools }));
        assert_eq!(
            (&*action.name, action.missing.len(), action.also.len()),
            ("generate_text", 0, 0),
            "{tools}"
        );
        assert_eq!(
            (list(&action, "tool_kinds").as_deref(), list(&action, "tool_servers")),
            (kinds, None),
            "{tools}"
        );
    }
}

#[test]
fn a_tool_that_is_told_more_than_its_statement_is_no_read() {
    let sql = |arguments: Json| {
        let params = json!({ "name": "execute_sql", "arguments": arguments });
        asked(
            SERVER,
            &json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }),
        )
    };
    for more in [
        json!({ "query": "SELECT 1", "sql_query": "DROP TABLE users" }),
        json!({ "query": "SELECT 1", "args": { "sql": "DROP TABLE users" } }),
        json!({ "query": "SELECT 1", "limit": "1; DROP TABLE users" }),
        json!({ "sql_query": "SELECT 1" }),
        json!(["SELECT 1"]),
    ] {
        assert_eq!(&*sql(more.clone()).name, "delete_records", "{more}");
    }
    let both = sql(json!({ "query": "SELECT 1", "sql": "DROP TABLE users" }));
    assert_eq!((&*both.name, both.access), ("modify_schema", Access::Delete));
    for read in [
        json!({ "query": "SELECT 1" }),
        json!({ "query": "SELECT 1", "limit": 100, "timeout": 5.5 }),
        json!({ "query": "SELECT 1", "limit": null }),
    ] {
        assert_eq!(&*sql(read.clone()).name, "execute_query", "{read}");
    }
}

#[test]
fn a_migration_is_one_whatever_it_says() {
    for (url, tool, member) in [
        ("https://mcp.supabase.com/mcp", "apply_migration", "query"),
        (
            "https://mcp.neon.tech/mcp",
            "prepare_database_migration",
            "migrationSql",
        ),
    ] {
        let said = |text: &str| {
            let params = json!({ "name": tool, "arguments": { member: text } });
            let action = asked(
                url,
                &json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }),
            );
            (action.name.to_string(), action.access)
        };
        assert_eq!(said("select 1").0, "modify_schema", "{tool}");
        assert_eq!(
            said("drop table orders"),
            ("modify_schema".to_owned(), Access::Delete),
            "{tool}"
        );
        let names = said("delete from orders").0;
        assert_eq!(names, "delete_records", "{tool}");
    }
}

#[test]
fn a_server_that_is_named_in_a_new_way_does_not_hide_beside_another() {
    let ours = json!({ "type": "mcp", "server_label": "a", "server_url": "https://mcp.example.com" });
    let new = json!({ "type": "mcp", "server_label": "b", "relay": "https://evil.test" });
    for (url, body) in [
        (RESPONSES, json!({ "tools": [ours, new] })),
        (RESPONSES, json!({ "tools": [new] })),
        (RESPONSES, json!({ "tools": [ours], "input": [{ "tools": [new] }] })),
        (
            MESSAGES,
            json!({ "mcp_servers": [{ "url": "https://mcp.example.com" }, { "name": "b", "relay": "https://evil.test" }] }),
        ),
    ] {
        assert_eq!(why(&asked(url, &body), "tool_servers"), Some(Why::Unreadable), "{body}");
    }
    let mixed =
        json!({ "tools": [ours, { "type": "function", "name": "f" }], "input": [{ "role": "user", "content": "x" }] });
    assert_eq!(
        list(&asked(RESPONSES, &mixed), "tool_servers").as_deref(),
        Some("mcp.example.com")
    );
}

/// By this the provider runs a tool that it has asked about, in an answer from before.
#[test]
fn a_yes_to_a_tool_of_the_provider_is_a_call_of_it_and_a_no_is_none() {
    let answered = |approve: Json| {
        let answer = json!({ "type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": approve });
        // What was called before stands in the input as well, with what was asked about it.
        let called = json!({ "type": "mcp_call", "name": "f", "server_label": "a", "approval_request_id": "mcpr_0" });
        let tools = json!([{ "type": "mcp", "server_label": "a", "server_url": "https://mcp.example.com" }]);
        let body =
            json!({ "previous_response_id": "resp_1", "input": [{ "role": "user" }, called, answer], "tools": tools });
        let action = asked(RESPONSES, &body);
        assert_eq!(
            list(&action, "tool_servers").as_deref(),
            Some("mcp.example.com"),
            "{approve}"
        );
        assert!(action.missing.is_empty(), "{approve}");
        (action.name.to_string(), action.fields.get("tool").cloned())
    };
    let yes = Value::Text("mcp_approval_response".to_owned());
    for approve in [json!(true), json!("true"), json!(1), json!(null), json!([false])] {
        assert_eq!(answered(approve), ("call_tool".to_owned(), Some(yes.clone())));
    }
    assert_eq!(answered(json!(false)), ("generate_text".to_owned(), None));
    let history = json!({ "input": [{ "type": "mcp_call", "name": "f", "approval_request_id": "mcpr_0" }] });
    assert_eq!(&*asked(RESPONSES, &history).name, "generate_text");
}

#[test]
fn tools_are_told_of_json_alone() {
    let part =
        |name: &str, value: &str| format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let body = part("model", "m")
        + &part("tools", "[{\"type\": \"mcp\", \"server_url\": \"https://evil.test\"}]")
        + "--b--\r\n";
    for url in [RESPONSES, MESSAGES] {
        let parts = ("content-type", "multipart/form-data; boundary=b");
        let action = resolve(shipped(), &call("POST", url, &[parts], Some(&body))).unwrap();
        assert_eq!(why(&action, "tool_servers"), Some(Why::Unreadable), "{url}");
        let json = ("content-type", "application/json; charset=utf-8");
        let action = resolve(shipped(), &call("POST", url, &[json], Some("{}"))).unwrap();
        assert!(action.missing.is_empty(), "{url}");
    }
}

fn project(url: &str, tool: &str, arguments: &Json) -> Option<String> {
    let params = json!({ "name": tool, "arguments": arguments });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    asked(url, &message).target.id
}

#[test]
fn a_project_beside_wrapped_arguments_is_not_told() {
    let told = |arguments: Json| project("https://mcp.neon.tech/mcp", "run_sql", &arguments);
    assert_eq!(
        told(json!({ "projectId": "dev", "sql": "SELECT 1" })).as_deref(),
        Some("dev")
    );
    assert_eq!(
        told(json!({ "params": { "projectId": "prod", "sql": "SELECT 1" } })).as_deref(),
        Some("prod")
    );
    for mixed in [
        json!({ "projectId": "dev", "params": { "projectId": "prod", "sql": "SELECT 1" } }),
        json!({ "projectId": "dev", "params": { "sql": "SELECT 1" } }),
        json!({ "projectId": "dev", "sql": "SELECT 1", "params": null }),
        json!({ "sql": "SELECT 1", "params": { "projectId": "dev" } }),
        json!({ "params": "{\"projectId\": \"prod\"}" }),
        json!({ "params": { "params": { "projectId": "dev" } } }),
        json!({ "params": { "projectId": "dev", "project_id": "prod" } }),
        json!({ "projectId": "dev", "project_id": "prod" }),
        json!({}),
    ] {
        assert_eq!(told(mixed.clone()), None, "{mixed}");
    }
}

#[test]
fn a_project_that_is_told_in_two_ways_is_told_in_none() {
    let told = |query: &str, arguments: Json| {
        let url = format!("https://mcp.supabase.com/mcp{query}");
        project(&url, "list_tables", &arguments)
    };
    for (query, arguments, project) in [
        ("", json!({ "project_id": "dev" }), Some("dev")),
        ("?project_ref=prod", json!({}), Some("prod")),
        (
            "?project_ref=prod&read_only=true",
            json!({ "project_id": "prod" }),
            Some("prod"),
        ),
        ("?project_ref=prod", json!({ "project_id": "dev" }), None),
        ("?project_ref=prod", json!({ "project_id": null }), None),
        ("?project_ref=", json!({ "project_id": "dev" }), None),
        ("", json!({}), None),
    ] {
        assert_eq!(told(query, arguments).as_deref(), project, "{query}");
    }
}

/// What was made on a branch becomes production's.
#[test]
fn a_merged_branch_changes_the_project() {
    let params = json!({ "name": "merge_branch", "arguments": { "branch_id": "b1" } });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let action = asked("https://mcp.supabase.com/mcp", &message);
    let names: Vec<&str> = action.meanings().map(|meaning| &*meaning.name).collect();
    assert_eq!(names, ["modify_schema", "deploy_service"]);
    assert_eq!((&*action.target.kind, action.target.id.as_deref()), ("project", None));
}

//! Languages in content: what cannot be read is no read, and a change beside it stays one.

use super::super::sql::{Class, Engine};
use super::*;
use crate::model::Access;

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// What a provider's mapping makes of content; `None` where it is refused.
fn access(url: &str, content: &[u8]) -> Option<Access> {
    let posted = Call {
        body: Body::Captured(content.to_vec().into()),
        ..call("POST", url, JSON, None)
    };
    let action = resolve(shipped(), &posted);
    assert_eq!(action, resolve(shipped(), &posted), "the same each time");
    action.ok().map(|action| action.access)
}

#[test]
fn no_graphql_that_cannot_be_read_is_a_read() {
    let check = |input: &[u8]| {
        let Ok(document) = std::str::from_utf8(input) else {
            return Outcome::error("no text");
        };
        let roots = graphql::read(None, Some(&json!({ "query": document })));
        if roots.is_some() {
            let errors = apollo_parser::Parser::new(document).parse().errors().count();
            assert_eq!(errors, 0, "its parser refuses it");
        }
        let queries = |roots: &[graphql::Root]| roots.iter().all(|root| root.kind == graphql::Kind::Query);
        let reads = roots.as_deref().is_some_and(queries);
        let body = json!({ "query": document }).to_string();
        let access = access("https://api.linear.app/graphql", body.as_bytes());
        assert!(access != Some(Access::Read) || reads, "{roots:?}");
        // Beside any text, and whatever the text breaks off in.
        let changed = format!("{document}\nmutation FuzzMore {{ deleteFuzz }}");
        for body in [
            json!({ "query": changed, "operationName": "FuzzMore" }),
            json!({ "query": changed }),
        ] {
            let roots = graphql::read(None, Some(&body));
            assert!(!roots.as_deref().is_some_and(queries), "{roots:?}");
        }
        let kinds = roots.map(|roots| roots.iter().map(|root| root.kind).collect::<Vec<_>>());
        Outcome::reads(access == Some(Access::Read), format!("{access:?} {kinds:?}"))
    };
    let words = &[
        "{",
        "}",
        "(",
        ")",
        "query",
        "mutation",
        "subscription",
        "fragment F on Q",
        "...F",
        "... on Q",
        "$a: Int = 1",
        "$a",
        "@skip(if: true)",
        "@include(if: $a)",
        "\"\"\"",
        "\"",
        "#",
        "\n",
        "a:",
        "[",
        "]",
        "input: {id: \"x\"}",
        "\u{feff}",
        ",",
        "null",
        "extend type Q { a: Int }",
    ];
    let target = Target {
        name: "graphql",
        words,
        longest: 8_192,
        check,
    };
    target.fuzz();
}

/// `postgres`, `mysql` ... or any: the engine in the first line.
fn engines(line: &str) -> Vec<Engine> {
    let named = |engine: &Engine| format!("{engine:?}").eq_ignore_ascii_case(line.trim());
    let one: Vec<Engine> = Engine::ALL.into_iter().filter(named).collect();
    if one.is_empty() { Engine::ALL.to_vec() } else { one }
}

/// SECURITY: a change before or behind a text that an agent writes is found whatever the text is: no comment and no string of it
/// hides what an engine would run.
#[test]
fn no_sql_hides_a_change_beside_it() {
    let check = |input: &[u8]| {
        let Some((line, text)) = std::str::from_utf8(input).ok().and_then(|text| text.split_once('\n')) else {
            return Outcome::error("no text");
        };
        let engines = engines(line);
        let reads = |text: &str| {
            let deeds = sql::read(&[text], &engines, &[]);
            assert!(!deeds.is_empty(), "nothing is told");
            (deeds.iter().all(|deed| deed.class == Class::Read), deeds)
        };
        let (read, deeds) = reads(text);
        assert_eq!(reads(text), (read, deeds.clone()));
        for more in [
            format!("DELETE FROM fuzz_more;\n{text}"),
            format!("{text}\n;DELETE FROM fuzz_more"),
        ] {
            let (read, deeds) = reads(&more);
            assert!(!read, "{deeds:?}: {more}");
        }
        let body = json!({ "query": text }).to_string();
        let access = access("https://api.us-east-2.aws.neon.tech/sql", body.as_bytes());
        let postgres = sql::read(&[text], &[Engine::Postgres], &[]);
        let harmless = postgres.iter().all(|deed| deed.class == Class::Read);
        assert!(access != Some(Access::Read) || harmless, "{postgres:?}");
        let classes: Vec<Class> = deeds.iter().map(|deed| deed.class).collect();
        Outcome::reads(read, format!("{access:?} {classes:?}"))
    };
    let words = &[
        "SELECT ",
        "DELETE FROM ",
        "UPDATE a SET b = 1",
        "INSERT INTO ",
        "DROP TABLE ",
        "TRUNCATE ",
        "WITH a AS (",
        ") ",
        "FROM ",
        "WHERE ",
        " INTO ",
        "FOR UPDATE",
        "EXPLAIN ANALYZE ",
        "COPY a TO PROGRAM 'x'",
        "--",
        "/*",
        "*/",
        "/*!50000 ",
        "'",
        "''",
        "\\'",
        "\"",
        "`",
        "[",
        "]",
        "$$",
        "$a$",
        "E'",
        "q'[",
        "#",
        ";",
        "\n",
        "setval('a', 1)",
        "dblink_exec(",
        "pg_sleep(1)",
        "UNION ",
        "CALL a()",
        "DO ",
        "BEGIN",
        "SET a = 1",
        "\u{0}",
        "::",
        "@a := 1",
        "postgres\n",
        "mysql\n",
        "mssql\n",
        "snowflake\n",
        "bigquery\n",
        "clickhouse\n",
        "duckdb\n",
        "sqlite\n",
    ];
    let target = Target {
        name: "sql",
        words,
        longest: 4_096,
        check,
    };
    target.fuzz();
}

#[test]
fn no_message_of_json_rpc_goes_unjudged() {
    let check = |input: &[u8]| {
        let server = "http://127.0.0.1:8931/mcp";
        let access = access(server, input);
        let Ok(value) = json::parse(input) else {
            assert!(access != Some(Access::Read), "it is no JSON");
            return Outcome::error(format!("no JSON {access:?}"));
        };
        let read = mcp::read(&value, &HeaderMap::new());
        let number = value.as_array().map_or(1, Vec::len);
        match &read {
            Ok(messages) => {
                assert_eq!(messages.len(), number);
                let known = messages.iter().all(|message| *message != mcp::Message::Other);
                assert!(access != Some(Access::Read) || known, "{messages:?}");
            }
            Err(_) => assert!(access != Some(Access::Read)),
        }
        let more = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "delete_fuzz", "arguments": {}}});
        let batch = match &value {
            Json::Array(items) => Json::Array(items.iter().cloned().chain([more]).collect()),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => json!([value, more]),
        };
        let beside = self::access(server, batch.to_string().as_bytes());
        assert!(beside != Some(Access::Read), "{batch}");
        let kinds = read.map(|messages| {
            messages
                .iter()
                .map(|one| matches!(one, mcp::Message::Other))
                .collect::<Vec<_>>()
        });
        let kinds = kinds.map_err(|refusal| refusal.reason);
        Outcome::reads(access == Some(Access::Read), format!("{access:?} {kinds:?}"))
    };
    let words = &[
        "\"jsonrpc\":\"2.0\"",
        "\"id\":1",
        "\"method\":\"tools/call\"",
        "\"method\":\"tools/list\"",
        "\"method\":\"initialize\"",
        "\"Method\":",
        "\"params\":{",
        "\"name\":\"get_file\"",
        "\"arguments\":{}",
        "\"result\":{}",
        "\"error\":{}",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"_meta\":{\"progressToken\":1}",
        "\"method\":\"resources/read\"",
        "notifications/cancelled",
    ];
    let target = Target {
        name: "json-rpc",
        words,
        longest: 8_192,
        check,
    };
    target.fuzz();
}

//! O93–O99: languages that are not read yet. What says in one of them what it does is a change: blocked at hosts that
//! nobody knows, held at GitHub.

use crate::harness::{HttpAnswer, Origin, Sidecar, Tunnel};

const MUTATION: &str = "mutation { deleteRef(input: {}) { clientMutationId } }";

fn before() -> (Origin, Sidecar) {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new()
        .resolve("things.example", &origin)
        .resolve("api.github.com", &origin)
        .approvals("max_pending_per_agent: 1000")
        .hold("1s");
    (origin, sidecar.start())
}

fn ask(sidecar: &Sidecar, host: &str, line: &str, content: &str) -> HttpAnswer {
    let length = match content {
        "" => String::new(),
        _ => format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            content.len()
        ),
    };
    let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer ghp_1\r\n{length}\r\n{content}");
    Tunnel::to(&format!("{host}:443")).open(sidecar).ask(request)
}

/// Whatever it is, nobody is asked about it and it does not leave, or somebody is.
#[track_caller]
fn is_no_read(cases: &[(&str, &str)]) {
    let (origin, sidecar) = before();
    for (line, content) in cases {
        let blocked = ask(&sidecar, "things.example", line, content);
        assert_eq!(blocked.status, 403, "{line} {content}: {blocked:?}");
        assert!(
            blocked.text().contains("policy_blocked"),
            "{line} {content}: {blocked:?}"
        );
        let held = ask(&sidecar, "api.github.com", line, content);
        assert!(matches!(held.status, 400 | 403 | 415), "{line} {content}: {held:?}");
    }
    origin.assert_untouched();
    assert_eq!(ask(&sidecar, "things.example", "GET /hello", "").status, 200);
}

#[test]
fn o93_o96_graphql_in_content() {
    is_no_read(&[
        (
            "POST /graphql",
            r#"[{"query":"{ viewer { login } }"},{"query":"mutation { a }"}]"#,
        ),
        (
            "POST /graphql",
            r#"{"query":"query { a: viewer { login } b: viewer { login } }"}"#,
        ),
        ("POST /graphql", r#"{"query":"{ viewer { login } }"}"#),
        (
            "POST /graphql",
            r#"{"query":"query A { a } mutation B { b }","operationName":"B"}"#,
        ),
        (
            "POST /graphql",
            r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"ab"}}}"#,
        ),
    ]);
}

#[test]
fn o94_o95_graphql_in_a_query() {
    let mutation = format!(
        "GET /graphql?query={}",
        MUTATION.replace(' ', "%20").replace(['{', '}'], "%7B")
    );
    is_no_read(&[
        (&mutation, ""),
        (
            "GET /graphql?query=query%20A%7Ba%7D%20mutation%20B%7Bb%7D&operationName=B",
            "",
        ),
        (
            "GET /graphql?extensions=%7B%22persistedQuery%22:%7B%22sha256Hash%22:%22ab%22%7D%7D",
            "",
        ),
    ]);
}

#[test]
fn o97_json_rpc_in_a_batch() {
    is_no_read(&[
        (
            "POST /mcp",
            r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"},{"jsonrpc":"2.0","id":2,"method":"tools/call"}]"#,
        ),
        ("POST /mcp", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#),
    ]);
}

#[test]
fn o98_o99_sql() {
    is_no_read(&[
        ("POST /sql", r#"{"statement":"SEL/**/ECT 1; DROP TABLE users"}"#),
        (
            "POST /sql",
            r#"{"statement":"WITH d AS (DELETE FROM users RETURNING *) SELECT * FROM d"}"#,
        ),
        ("POST /sql", r#"{"statement":"SELECT 1"}"#),
    ]);
}

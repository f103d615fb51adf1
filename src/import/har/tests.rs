use std::fs;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::import::regenerate::{settle, vocabulary};
use crate::model::Vocabulary;

fn entry(method: &str, url: &str, content: Option<(&str, &str)>) -> Value {
    let data = content.map(|(media_type, text)| json!({"mimeType": media_type, "text": text}));
    json!({"startedDateTime": "2026-11-20T10:00:00Z", "request": {
        "method": method, "url": url, "httpVersion": "h2", "postData": data,
        "headers": [{"name": ":authority", "value": "x"}, {"name": "Authorization", "value": "Bearer s3cr3tvalue"}, {"name": "X-Api-Key", "value": "k3yvalue"}],
    }, "response": {"content": {"text": "answ3rvalue"}}})
}

fn har(entries: &[Value]) -> String {
    json!({"log": {"version": "1.2", "creator": {"name": "x"}, "entries": entries}}).to_string()
}

fn made(text: &str, options: &Options) -> Result<(Vec<String>, LeftOut), ImportError> {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("shop.har");
    fs::write(&path, text).unwrap();
    static VOCABULARY: LazyLock<Arc<Vocabulary>> = LazyLock::new(|| vocabulary().unwrap());
    let (drafts, mut left_out) = read(&path, options)?;
    let mut texts = Vec::new();
    for draft in drafts {
        let made = settle(draft, LeftOut::new(), &VOCABULARY)?;
        left_out.extend(made.left_out);
        texts.push(made.text);
    }
    Ok((texts, left_out))
}

fn only(entries: &[Value]) -> String {
    let (texts, left_out) = made(&har(entries), &Options::default()).unwrap();
    assert_eq!((texts.len(), left_out.len()), (1, 0), "{left_out:?}");
    texts.into_iter().next().unwrap()
}

const JSON: &str = "application/json; charset=utf-8";

#[test]
fn calls_become_operations_and_nothing_of_what_was_said_is_kept() {
    let text = only(&[
        entry(
            "GET",
            "https://api.acme.example/v1/orders?email=ada@example.com&token=s3cr3tvalue",
            None,
        ),
        entry("GET", "https://api.acme.example/v1/orders/ord_9f8e7d", None),
        entry("GET", "https://api.acme.example/v1/orders/ord_1a2b3c", None),
        entry(
            "POST",
            "https://api.acme.example/v1/orders/ord_9f8e7d/refunds",
            Some((JSON, r#"{"amount":48291,"card":"4242424242424242"}"#)),
        ),
        entry("DELETE", "https://api.acme.example/v1/users/ada", None),
        entry("OPTIONS", "https://api.acme.example/v1/orders", None),
    ]);
    for said in [
        "# Made from recorded traffic; ",
        "generated: { by: har, source: \"shop.har\", version: \"sha256 ",
        "provider: acme\n",
        "hosts: [api.acme.example]",
        "secret: [cookie, x-api-key]",
        "\"GET /v1/orders\"",
        "\"GET /v1/orders/{order}\"",
        "\"POST /v1/orders/{order}/refunds\", action: process_refund",
        "\"DELETE /v1/users/{user}\"",
        "\"application/json\": json",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    for secret in [
        "s3cr3t", "k3yvalue", "ord_", "ada", "4242", "48291", "email", "token", "answ3r", "OPTIONS",
    ] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert_eq!(text.matches("call: ").count(), 4, "{text}");
}

#[test]
fn the_same_recording_gives_the_same_bytes_in_any_order() {
    let mut entries: Vec<Value> = ["/v1/orders", "/v1/orders/1", "/v1/users/ada"]
        .map(|path| entry("GET", &format!("https://api.acme.example{path}"), None))
        .to_vec();
    let operations = |text: String| text.split_once("operations:").unwrap().1.to_owned();
    let first = only(&entries);
    assert_eq!(first, only(&entries));
    entries.reverse();
    assert_eq!(operations(first), operations(only(&entries)));
}

/// What nobody has said the meaning of is held, however it came into a mapping.
#[test]
fn a_recorded_change_is_named_and_still_one_that_nobody_knows() {
    let text = only(&[
        entry("POST", "https://api.acme.example/v1/orders/search", Some((JSON, "{}"))),
        entry("GET", "https://api.acme.example/v1/orders/1/delete", None),
    ]);
    assert!(
        text.contains("\"GET /v1/orders/{order}/delete\", access: delete, by: name"),
        "{text}"
    );
    assert!(
        text.contains("\"POST /v1/orders/search\", action: modify_record }"),
        "{text}"
    );
}

#[test]
fn content_that_is_a_language_is_left_to_people() {
    let text = har(&[
        entry("GET", "https://api.acme.example/v1/orders", None),
        entry(
            "POST",
            "https://api.acme.example/graphql",
            Some((JSON, r#"{"query":"query { orders { id } }"}"#)),
        ),
        entry(
            "POST",
            "https://api.acme.example/v1/statements",
            Some((JSON, r#"{"statement":"SELECT 1"}"#)),
        ),
        entry(
            "POST",
            "https://api.acme.example/v1/messages",
            Some((JSON, r#"[{"jsonrpc":"2.0","method":"tools/list"}]"#)),
        ),
    ]);
    let (texts, left_out) = made(&text, &Options::default()).unwrap();
    for (call, language) in [
        ("POST /graphql", "GraphQL"),
        ("POST /v1/statements", "SQL"),
        ("POST /v1/messages", "JSON-RPC"),
    ] {
        let why = &left_out[&format!("{call} at api.acme.example")];
        assert!(why.contains(language) && !texts[0].contains(call), "{call}: {why}");
    }
}

#[test]
fn hosts_have_a_file_each_and_what_nobody_can_read_is_told() {
    let text = har(&[
        entry("GET", "https://api.acme.example/v1/orders", None),
        entry("GET", "https://api.other.example/v1/orders", None),
        entry("GET", "https://api.other.example/v1/qwertzuiop", None),
        entry("GET", "http://127.0.0.1:9/v1/orders", None),
        entry("GET", "data:text/html,x", None),
    ]);
    let options = Options {
        hosts: vec!["api.acme.example".to_owned(), "api.other.example".to_owned()],
        ..Options::default()
    };
    let (texts, left_out) = made(&text, &options).unwrap();
    assert_eq!(texts.len(), 2);
    assert!(
        left_out["1 paths at api.other.example"].contains("--word"),
        "{left_out:?}"
    );
    assert!(texts.iter().all(|text| !text.contains("qwertzuiop")));
    let said = Options {
        words: vec!["qwertzuiop".to_owned()],
        ..options
    };
    assert!(made(&text, &said).unwrap().0[1].contains("/v1/qwertzuiop"));
    let nowhere = Options {
        hosts: vec!["api.nobody.example".to_owned()],
        ..Options::default()
    };
    assert!(made(&text, &nowhere).is_err());
}

#[test]
fn an_error_shows_nothing_of_the_recording() {
    let deep = format!("{{\"log\":{{\"entries\":[{}", "[".repeat(100_000));
    let many = format!(
        "{{\"log\":{{\"entries\":[{}]}}}}",
        vec![r#"{"request":{"method":"GET","url":"https://x.example/"}}"#; 50_001].join(",")
    );
    for text in [
        "s3cr3tvalue",
        "",
        "{}",
        "[]",
        r#"{"log":{"entries":"s3cr3tvalue"}}"#,
        r#"{"log":{"entries":[{"request":{"method":"s3cr3tvalue"}}]}}"#,
        r#"{"log":{"entries":[{"request":{"method":"GET","url":"https://x.example/","headers":[{"name":"s3cr3tvalue"#,
        r#"{"log":{"entries":[{"request":{"s3cr3tvalue":1,"s3cr3tvalue":2}}]}}"#,
        r#"{"log":{"entries":[{"request":{"method":"GET","url":"s3cr3tvalue"}}]}}"#,
        deep.as_str(),
        many.as_str(),
    ] {
        let error = made(text, &Options::default()).err().unwrap().to_string();
        assert!(
            error.starts_with("shop.har: ") && !error.contains("s3cr3tvalue"),
            "{error}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_recording_makes_it_fail_otherwise_than_by_an_error(
        method in "[A-Za-z ]{0,8}", url in "(https://[a-z.]{1,12}\\.example)?/?[ -~]{0,40}", text in "[ -~]{0,40}",
    ) {
        let _ = made(&har(&[entry(&method, &url, Some((JSON, &text)))]), &Options::default());
    }
}

use http::HeaderValue;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn names(body: &Value) -> Vec<String> {
    let found = read(body, &HeaderMap::new()).unwrap();
    let name = |message: &Message<'_>| match message {
        Message::Tool { name, .. } => format!("tool {name}"),
        Message::Method { name, .. } => (*name).to_owned(),
        Message::Other => "other".to_owned(),
    };
    found.iter().map(name).collect()
}

#[test]
fn each_message_of_a_batch_counts() {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "delete_all" } });
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    assert_eq!(names(&call), ["tool delete_all"]);
    assert_eq!(names(&json!([list, call])), ["tools/list", "tool delete_all"]);
    assert!(read(&json!(vec![list; MAX_MESSAGES + 1]), &HeaderMap::new()).is_err());
}

#[test]
fn what_is_no_call_of_the_protocol_is_a_change() {
    for body in [
        json!(1),
        json!("tools/list"),
        json!({}),
        json!({ "method": "tools/list" }),
        json!({ "jsonrpc": "1.0", "method": "tools/list" }),
        json!({ "jsonrpc": "2.0", "method": ["tools/list"] }),
        json!({ "jsonrpc": "2.0", "id": 1, "result": { "action": "accept" } }),
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "result": {} }),
        json!({ "jsonrpc": "2.0", "method": "tools/call" }),
        json!({ "jsonrpc": "2.0", "method": "tools/call", "params": { "name": 7 } }),
        json!({ "jsonrpc": "2.0", "method": "tools/call", "params": { "name": "a b" } }),
        json!({ "jsonrpc": "2.0", "method": "tools/call", "params": { "name": "x".repeat(129) } }),
    ] {
        assert_eq!(names(&body), ["other"], "{body}");
    }
}

#[test]
fn names_are_spelt_as_the_protocol_has_them() {
    for body in [
        json!({ "jsonrpc": "2.0", "method": "tools/list", "Method": "tools/call" }),
        json!({ "jsonrpc": "2.0", "method": "tools/call", "params": { "name": "a", "Name": "b" } }),
        json!({ "jsonrpc": "2.0", "method": "tools/call", "Params": { "name": "b" } }),
    ] {
        assert!(read(&body, &HeaderMap::new()).is_err(), "{body}");
    }
}

#[test]
fn header_fields_that_say_otherwise_are_refused() {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "caf" } });
    let checked = |method: &'static str, name: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(METHOD, HeaderValue::from_static(method));
        headers.insert(NAME, HeaderValue::from_static(name));
        read(&call, &headers).is_ok()
    };
    assert!(checked("tools/call", "caf"));
    assert!(checked("tools/call", "=?base64?Y2Fm?="));
    assert!(!checked("tools/list", "caf"));
    assert!(!checked("tools/call", "other"));
    assert!(!checked("tools/call", "=?base64?AAAA?="));
}

#[test]
fn ids_and_progress_tokens_differ_each_time() {
    let call = |id: u32, token: &str, x: u32| {
        settled(&json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": { "name": "a", "arguments": { "id": x }, "_meta": { "progressToken": token, "k": 1 } } }))
    };
    assert_eq!(call(1, "p", 7), call(2, "q", 7));
    assert_ne!(call(1, "p", 7), call(1, "p", 8));
    let answer = |id: u32| json!({ "jsonrpc": "2.0", "id": id, "result": {} });
    assert_ne!(settled(&answer(1)), settled(&answer(2)));
    let told = json!({ "jsonrpc": "2.0", "method": "ping" });
    assert_ne!(
        settled(&told),
        settled(&json!({ "jsonrpc": "2.0", "method": "ping", "id": 1 }))
    );
}

proptest! {
    /// Only what is spelt exactly so is one of the methods that read.
    #[test]
    fn nothing_else_is_a_method_that_reads(method in "[a-zA-Z/_ ]{0,24}", version in "[0-9.]{0,4}") {
        let body = json!({ "jsonrpc": version, "id": 1, "method": method });
        let message = &read(&body, &HeaderMap::new()).unwrap()[0];
        let reads = matches!(message, Message::Method { name, .. } if READS.contains(name));
        prop_assert_eq!(reads, version == "2.0" && READS.contains(&method.as_str()));
    }
}

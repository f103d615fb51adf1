//! Parts of forms, parameters of AWS and messages of JSON-RPC: two that say something else never share content, however they are
//! sent.

use super::*;

/// A part: its name, its file's name, its type, what it holds.
type Part = (String, Option<String>, Option<&'static str>, String);

fn part() -> impl Strategy<Value = Part> {
    (
        "[ab]{1,2}",
        proptest::option::of("[ab.]{1,2}"),
        proptest::option::of(prop::sample::select(vec!["text/plain", "text/csv"])),
        "[ab\r\n-]{0,4}",
    )
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    prop::collection::vec(part(), 1..4)
}

/// An upload as a library writes it; `None` where it is refused, as two parts of one name are.
fn upload(boundary: &str, parts: &[Part]) -> Option<Vec<u8>> {
    let mut body = String::new();
    for (name, file, kind, content) in parts {
        let file = file
            .as_ref()
            .map(|file| format!("; filename=\"{file}\""))
            .unwrap_or_default();
        let kind = kind.map(|kind| format!("Content-Type: {kind}\r\n")).unwrap_or_default();
        let head = format!("Content-Disposition: form-data; name=\"{name}\"{file}\r\n{kind}");
        body.push_str(&format!("--{boundary}\r\n{head}\r\n{content}\r\n"));
    }
    body.push_str(&format!("--{boundary}--\r\n"));
    let kind = format!("multipart/form-data; boundary={boundary}");
    let headers = [("content-type", kind.as_str()), KEY];
    told(&call(
        "POST",
        "https://files.stripe.com/v1/files",
        &headers,
        Some(&body),
    ))
}

fn told(call: &Call) -> Option<Vec<u8>> {
    let action = resolve(shipped(), call).ok()?;
    shipped().identify(call, &action).ok().map(|identity| identity.content)
}

/// Names and values, in the order sent.
type Parameters = Vec<(&'static str, String)>;

fn parameters() -> impl Strategy<Value = Parameters> {
    let names = vec![
        "MaxCount",
        "InstanceId.1",
        "InstanceId.2",
        "Tag.1.Key",
        "ClientToken",
        "UserData",
    ];
    prop::collection::vec((prop::sample::select(names), "[12+ &=%.]{1,2}"), 0..5)
}

fn ran(parameters: &[(&'static str, String)], escaped: bool) -> Option<Vec<u8>> {
    let mut body = "Action=RunInstances&Version=2016-11-15".to_owned();
    for (name, value) in parameters {
        let value: String = match escaped {
            true => value.bytes().map(|byte| format!("%{byte:02X}")).collect(),
            false => form_urlencoded::byte_serialize(value.as_bytes()).collect(),
        };
        body.push_str(&format!("&{name}={value}"));
    }
    told(&ec2(&body))
}

/// Without what boto3 makes up anew each time.
fn lasting(parameters: &[(&'static str, String)]) -> Parameters {
    let mut lasting = parameters.to_vec();
    lasting.retain(|(name, _)| *name != "ClientToken");
    lasting
}

/// A call of a tool, with the id that its client counted up to.
fn message() -> impl Strategy<Value = Json> {
    let arguments = prop::collection::btree_map(
        "[ab]",
        prop_oneof![Just(json!(1)), Just(json!("1")), Just(json!([1]))],
        0..3,
    );
    let tool = prop::sample::select(vec!["terminate_instances", "send_email", "strange"]);
    (tool, arguments, 0..3, any::<bool>()).prop_map(|(tool, arguments, id, is_call)| {
        let mut message =
            json!({ "jsonrpc": "2.0", "method": "tools/call", "params": { "name": tool, "arguments": arguments } });
        if is_call {
            message["id"] = json!(id);
        }
        message
    })
}

/// One message, or a batch.
fn messages() -> impl Strategy<Value = Json> {
    prop_oneof![message(), prop::collection::vec(message(), 1..3).prop_map(Json::from)]
}

fn sent(messages: &Json) -> Option<Vec<u8>> {
    let headers = [("content-type", "application/json")];
    told(&call(
        "POST",
        "http://127.0.0.1:8931/mcp",
        &headers,
        Some(&messages.to_string()),
    ))
}

/// Whatever number its client counted up to.
fn uncounted(messages: &Json) -> Json {
    let uncounted = |message: &Json| {
        let mut message = message.clone();
        if let Some(id) = message.get_mut("id") {
            *id = json!("any");
        }
        message
    };
    match messages.as_array() {
        Some(items) => items.iter().map(uncounted).collect(),
        None => uncounted(messages),
    }
}

proptest! {
    #[test]
    fn different_parts_never_share_content(left in parts(), right in parts()) {
        for (one, other) in [(&left, &right), (&left, &left)] {
            if let (Some(first), Some(second)) = (upload("b1", one), upload("another-2", other)) {
                prop_assert_eq!(first == second, one == other);
            }
        }
    }

    #[test]
    fn different_parameters_never_share_content(left in parameters(), right in parameters()) {
        for (one, other) in [(&left, &right), (&left, &left)] {
            if let (Some(first), Some(second)) = (ran(one, false), ran(other, false)) {
                prop_assert_eq!(first == second, lasting(one) == lasting(other));
            }
            // Escaped otherwise it may be another one to a reader, and is never taken for what says something else.
            if let (Some(first), Some(second)) = (ran(one, false), ran(other, true)) {
                prop_assert!(first != second || lasting(one) == lasting(other));
            }
        }
    }

    #[test]
    fn different_messages_never_share_content(left in messages(), right in messages()) {
        for (one, other) in [(&left, &right), (&left, &left)] {
            if let (Some(first), Some(second)) = (sent(one), sent(other)) {
                prop_assert_eq!(first == second, uncounted(one) == uncounted(other));
            }
        }
    }
}

/// Otherwise the properties above would hold of nothing.
#[test]
fn what_is_told_apart_is_taken() {
    let file = |name: &str| {
        (
            name.to_owned(),
            Some("a.csv".to_owned()),
            Some("text/csv"),
            "a".to_owned(),
        )
    };
    assert!(
        upload(
            "b1",
            &[file("file"), ("purpose".to_owned(), None, None, "x".to_owned())]
        )
        .is_some()
    );
    assert!(ran(&[("MaxCount", "1".to_owned()), ("ClientToken", "2".to_owned())], false).is_some());
    let call = json!({ "jsonrpc": "2.0", "method": "tools/call", "id": 1, "params": { "name": "strange" } });
    assert!(sent(&call).is_some() && sent(&json!([call])).is_some());
}

//! Messages to servers of the Model Context Protocol: JSON-RPC over HTTP, revisions 2025 and 2026.
//!
//! SECURITY: each message of a batch is judged; what is no message, or says another thing in its header fields, is refused
//! or taken for a change (tests in `mcp/tests.rs`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};

use super::content;
use super::spelling;
use super::tools;
use crate::model::{Action, Reason, Refusal};

/// Messages that one request may have: each is judged.
const MAX_MESSAGES: usize = 32;
/// Characters of a tool's name.
const MAX_NAME: usize = 128;
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// The method by which a tool is called.
const CALL: &str = "tools/call";
/// How the operation of a call of a tool begins; the tool's name follows.
pub(super) const TOOL: &str = "tools/call:";

/// Methods after which nothing is another thing than before, but for the connection.
pub(super) const READS: [&str; 17] = [
    "completion/complete",
    "initialize",
    "notifications/initialized",
    "notifications/progress",
    "notifications/roots/list_changed",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/templates/list",
    "server/discover",
    "subscriptions/listen",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    "tools/list",
];

/// Words of tools that run what they are given.
const RUNNERS: [&str; 14] = [
    "bash",
    "cmd",
    "command",
    "eval",
    "exec",
    "powershell",
    "pwsh",
    "python",
    "repl",
    "sh",
    "shell",
    "ssh",
    "terminal",
    "zsh",
];
/// What is run by tools that say so.
const CODE: [&str; 8] = [
    "cell",
    "code",
    "javascript",
    "js",
    "node",
    "notebook",
    "program",
    "script",
];
const RUNNING: [&str; 5] = ["evaluate", "execute", "interpret", "interpreter", "run"];

/// Words of tools that take SQL.
const QUERYING: [&str; 10] = [
    "bigquery",
    "database",
    "db",
    "mysql",
    "postgres",
    "query",
    "snowflake",
    "sql",
    "sqlite",
    "statement",
];

/// Whether an action is the call of a tool that nobody listed: how its message is read is known all the same.
pub(super) fn names_a_tool(action: &Action) -> bool {
    action.fields.contains_key("tool") || action.operation.starts_with(TOOL)
}

/// Whether a tool's name says that it runs code: `run_shell`, `executeCode`, `python`, `runShellCommand`.
pub(super) fn runs_code(name: &str) -> bool {
    let words = tools::words(name).unwrap_or_default();
    let mut words = words.split('_');
    let runs = |word: &str| {
        let stem = word.strip_suffix('s').unwrap_or(word);
        RUNNERS.contains(&word) || RUNNERS.iter().any(|runner| runner.len() > 4 && stem.ends_with(runner))
    };
    let has = |list: &[&str]| words.clone().any(|word| list.contains(&word));
    let code = has(&CODE) && has(&RUNNING);
    code || words.any(runs)
}

/// Whether a tool's name says that it takes SQL: `execute_sql`, `query`, `runSnowflakeQuery`.
pub(super) fn takes_sql(name: &str) -> bool {
    let words = tools::words(name).unwrap_or_default();
    words.split('_').any(|word| QUERYING.contains(&word))
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Message<'a> {
    Tool {
        name: &'a str,
        message: &'a Value,
    },
    /// Another method of the protocol's.
    Method {
        name: &'a str,
        message: &'a Value,
    },
    /// An answer to what the server asked, or a call of nothing that is known: a change.
    Other,
}

/// The messages of a request.
///
/// # Errors
/// `malformed` for names that differ in case only, for header fields that say otherwise, and for too many messages.
pub(super) fn read<'a>(body: &'a Value, headers: &HeaderMap) -> Result<Vec<Message<'a>>, Refusal> {
    let messages = match body {
        Value::Array(items) if items.len() <= MAX_MESSAGES => {
            items.iter().map(message).collect::<Result<Vec<_>, _>>()?
        }
        Value::Array(_) => return Err(malformed("a batch has more messages than are judged at once")),
        single @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            vec![message(single)?]
        }
    };
    check_headers(&messages, headers)?;
    Ok(messages)
}

fn malformed(detail: &str) -> Refusal {
    Refusal::new(Reason::Malformed, detail)
}

fn message(value: &Value) -> Result<Message<'_>, Refusal> {
    let Value::Object(members) = value else {
        return Ok(Message::Other);
    };
    spelt(members, &["jsonrpc", "method", "params", "result", "error"])?;
    let Some(Value::String(method)) = members.get("method") else {
        return Ok(Message::Other);
    };
    let known = members.get("jsonrpc").and_then(Value::as_str) == Some("2.0");
    let answers = members.contains_key("result") || members.contains_key("error");
    if !known || answers {
        return Ok(Message::Other);
    }
    if method != CALL {
        return Ok(match READS.contains(&method.as_str()) || is_method(method) {
            true => Message::Method {
                name: method,
                message: value,
            },
            false => Message::Other,
        });
    }
    let Some(Value::Object(params)) = members.get("params") else {
        return Ok(Message::Other);
    };
    spelt(params, &["name", "arguments"])?;
    match params.get("name").and_then(Value::as_str) {
        Some(name) if is_name(name) => Ok(Message::Tool { name, message: value }),
        Some(_) | None => Ok(Message::Other),
    }
}

/// SECURITY: a server that is blind to case would take another member (test `names_are_spelt_as_the_protocol_has_them`).
fn spelt(members: &Map<String, Value>, names: &[&str]) -> Result<(), Refusal> {
    let wrong = |name: &String| names.iter().any(|known| spelling::differ_in_case(known, name));
    match members.keys().any(wrong) {
        true => Err(malformed(
            "a member's name is one of the protocol's but for upper and lower case: send it as documented",
        )),
        false => Ok(()),
    }
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':');
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain)
}

fn is_method(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'/' | b'$');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// Since 2026 header fields tell the method, and what it is about, too: proxies and servers may go by either.
///
/// SECURITY: one who reads the fields would see another call than one who reads the message (test
/// `header_fields_that_say_otherwise_are_refused`).
fn check_headers(messages: &[Message<'_>], headers: &HeaderMap) -> Result<(), Refusal> {
    let (method, name) = (content::once(headers, &METHOD)?, content::once(headers, &NAME)?);
    let agrees = |message: &Message<'_>| {
        let (said, about) = match message {
            Message::Tool { name, .. } => (CALL, Some(*name)),
            Message::Method { name, message } => (*name, subject(message)),
            Message::Other => return true,
        };
        let name = name.map(decoded);
        method.is_none_or(|method| method == said) && (name.is_none() || name.as_deref() == about)
    };
    match messages.iter().all(agrees) {
        true => Ok(()),
        false => Err(malformed(
            "the header fields Mcp-Method and Mcp-Name say another call than the content",
        )),
    }
}

/// What a method other than a tool's call is about: a prompt's name, a resource's URI.
fn subject(message: &Value) -> Option<&str> {
    let params = message.get("params")?;
    params.get("name").or_else(|| params.get("uri"))?.as_str()
}

/// `=?base64?…?=` is how text that is no header field's is written.
fn decoded(text: &str) -> String {
    let coded = text.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="));
    let bytes = coded.and_then(|coded| STANDARD.decode(coded).ok());
    let plain = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    plain.unwrap_or_else(|| text.to_owned())
}

/// The same call made again has another id and another progress token: the content without those.
pub(super) fn settled(body: &Value) -> Value {
    let mut out = body.clone();
    match &mut out {
        Value::Array(items) => items.iter_mut().for_each(settle),
        single @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            settle(single)
        }
    }
    out
}

/// An answer's id tells what it answers, and stays. A message with an id is not one without.
fn settle(message: &mut Value) {
    let is_call = message.get("method").is_some_and(Value::is_string) && message.get("jsonrpc").is_some();
    let Some(members) = message.as_object_mut().filter(|_| is_call) else {
        return;
    };
    if let Some(id) = members.get_mut("id") {
        *id = Value::Bool(true);
    }
    let meta = members.get_mut("params").and_then(|params| params.get_mut("_meta"));
    if let Some(Value::Object(meta)) = meta {
        meta.remove("progressToken");
    }
}

#[cfg(test)]
mod tests;

//! What on a host without a mapping looks like a change although it is sent by GET.

use serde_json::Value;

use super::json;

/// Words that RPC by path begins the names of changes with (`chat.postMessage`).
const CHANGES: [&str; 70] = [
    "accept",
    "activate",
    "add",
    "approve",
    "archive",
    "assign",
    "attach",
    "ban",
    "cancel",
    "clear",
    "close",
    "complete",
    "confirm",
    "copy",
    "create",
    "deactivate",
    "decline",
    "del",
    "delete",
    "deploy",
    "destroy",
    "detach",
    "disable",
    "drop",
    "edit",
    "enable",
    "end",
    "exec",
    "execute",
    "grant",
    "import",
    "insert",
    "invite",
    "join",
    "kick",
    "kill",
    "leave",
    "lock",
    "mark",
    "merge",
    "move",
    "open",
    "patch",
    "pay",
    "pin",
    "post",
    "publish",
    "purge",
    "push",
    "put",
    "refund",
    "reject",
    "remove",
    "rename",
    "replace",
    "reset",
    "restart",
    "revoke",
    "run",
    "save",
    "schedule",
    "send",
    "set",
    "share",
    "start",
    "stop",
    "transfer",
    "update",
    "upload",
    "write",
];

/// Parameters that name a GraphQL document which the server has.
const DOCUMENTS: [&str; 6] = ["documentId", "document_id", "docId", "doc_id", "queryId", "query_id"];

/// Whether a member of that name tells a document which the server has.
pub(super) fn names_document(name: &str) -> bool {
    DOCUMENTS.into_iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether path or query ask for a change: a parameter of one of these names, a change by GraphQL, or a verb that
/// changes in a last segment like `noun.verb`.
pub(super) fn names_change(path: &str, query: &str, parameters: &[&str]) -> bool {
    changing_verb(path)
        || changes_by_graphql(query)
        || pairs(query).any(|(name, _)| parameters.iter().any(|parameter| *parameter.as_bytes() == *name))
}

/// Whether the query holds a GraphQL mutation, or an operation of which only the digest is told.
///
/// SECURITY: servers take `[query]`, `query[]` and `query.x` for `query`, too (test
/// `a_mutation_is_never_a_read_whatever_stands_around_it`).
pub(super) fn changes_by_graphql(query: &str) -> bool {
    pairs(query).any(|(name, value)| {
        let mut words = words_of(&name);
        let Some(first) = words.next().filter(|_| !value.is_empty()) else {
            return false;
        };
        let is = |known: &str| first.eq_ignore_ascii_case(known);
        (is("query") && is_mutation(&bytes(value.as_bytes())))
            || (is("extensions") && (words.next().is_some() || is_persisted(&bytes(value.as_bytes()))))
            || DOCUMENTS.into_iter().any(is)
    })
}

/// `extensions`, `persistedQuery` of `extensions[persistedQuery]`; the numbers of a batch's operations before are none.
fn words_of(name: &[u8]) -> impl Iterator<Item = &str> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let words = name.split(move |byte| !is_part(byte)).filter(|word| !word.is_empty());
    // Such bytes are text.
    let words = words.map(|word| std::str::from_utf8(word).unwrap_or_default());
    words.skip_while(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Decoded names, with values as they stand.
///
/// SECURITY: some servers begin a parameter at `;`, others read on, and either may be where a change stands: both readings
/// are given (test `a_mutation_is_never_a_read_whatever_stands_around_it`).
fn pairs(query: &str) -> impl Iterator<Item = (Vec<u8>, &str)> {
    let both = query.split('&').chain(query.split(['&', ';']));
    both.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (bytes(name.as_bytes()), value)
    })
}

/// Percent-decoded; what cannot be decoded stays as it is, since it may be no escape at all.
pub(super) fn bytes(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        let escaped = digit(0)
            .zip(digit(1))
            .and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        match (first, escaped) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', _) => out.push(b' '),
            (first, _) => out.push(*first),
        }
        rest = after;
    }
    out
}

/// A document that begins so, or one of several operations that does.
fn is_mutation(document: &[u8]) -> bool {
    let text = String::from_utf8_lossy(document);
    let mut words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let first = words.clone().find(|word| !word.is_empty());
    first == Some("mutation") || (text.contains('{') && words.any(|word| word == "mutation"))
}

/// A GraphQL operation of which only the digest is sent: nobody here can tell what it does, nor of what cannot be read.
///
/// SECURITY: a name may be written with escapes (test `a_change_sent_by_get_is_seen`).
fn is_persisted(extensions: &[u8]) -> bool {
    fn names_one(value: &Value) -> bool {
        match value {
            Value::Object(members) => members
                .iter()
                .any(|(name, value)| name.eq_ignore_ascii_case("persistedQuery") || names_one(value)),
            Value::Array(items) => items.iter().any(names_one),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
    json::parse(extensions).map_or(true, |document| names_one(&document))
}

/// `chat.postMessage`, `files.upload`, `users.profile.set`, `mail.send.json`.
fn changing_verb(path: &str) -> bool {
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    // Any word but the first: a format may stand behind the verb (`mail.send.json`).
    last.split('.').skip(1).any(|verb| {
        let end = verb
            .find(|character: char| !character.is_ascii_lowercase())
            .unwrap_or(verb.len());
        verb.get(..end).is_some_and(|word| CHANGES.contains(&word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_sent_by_get_is_seen() {
        let changes = |target: &str| {
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            names_change(path, query, &["_method"])
        };
        for target in [
            "/graphql?query=mutation%7BdeleteUser(id:1)%7Bid%7D%7D",
            "/graphql?query=%20%23c%0amutation+M%7Ba%7D",
            "/graphql?Query=query+A%7Ba%7D+mutation+B%7Bb%7D&operationName=B",
            "/graphql?query=mutation",
            "/graphql?extensions=%7B%22persistedQuery%22:%7B%22version%22:1,%22sha256Hash%22:%22ab%22%7D%7D",
            r"/graphql?extensions=%7B%22persisted%5Cu0051uery%22:%7B%7D%7D",
            r#"/graphql?extensions={"a":[{"persisted\u0051uery":{}}]}"#,
            "/graphql?Extensions={\"persistedquery\":{}}",
            "/graphql?extensions={}{\"persistedQuery\":{}}",
            "/graphql?extensions={'persistedQuery':{}}",
            "/graphql?extensions=%7B%22a%22:1,%22a%22:2%7D",
            "/graphql?extensions[persistedQuery][sha256Hash]=ab",
            "/graphql?documentId=sha256:ab",
            "/graphql?document%49d=sha256:ab&variables=%7B%7D",
            "/graphql?doc_id=123",
            "/api/chat.postMessage?text=x",
            "/api/files.delete/",
            "/api/users.profile.set",
            "/api/mail.send.json",
            "/api/chat.delete.v2.xml",
            "/graphql?query=%23;%0amutation%7Bx%7D",
            "/graphql?[query]=mutation{x}",
            "/graphql?query[]=mutation{x}",
            "/graphql?%5b0%5d[query]=mutation{x}",
            "/graphql?queryId=ab",
            "/graphql?extensions.persistedQuery.sha256Hash=ab",
            "/graphql?[extensions][persistedQuery]=ab",
            "/graphql?a=1;doc_id=2",
            "/a?x=1;_method=DELETE",
            "/a?_method=DELETE",
            "/a?x=%zz&%5fmethod=DELETE",
        ] {
            assert!(changes(target), "{target}");
        }
        for target in [
            "/search?query=genetic+mutation",
            "/graphql?query=%7Ba%7D&extensions=%7B%22tracing%22:true,%22name%22:%22persistedQuery%22%7D",
            "/search?filter[query]=mutation&query.sort=a;b&extensions=",
            "/a?doc=1&document=2&doc_id=&extensions=",
            "/a?100%",
            "/a?%ff=1&x=100%",
            "/api/users.list",
            "/api/chat.getPermalink",
            "/index.html",
            "/jquery.min.js",
            "/v1.2/users",
            "/postMessage.js",
        ] {
            assert!(!changes(target), "{target}");
        }
    }
    proptest::proptest! {
        #[test]
        fn a_mutation_is_never_a_read_whatever_stands_around_it(
            before in "([ -~]{0,12}&)?",
            name in proptest::sample::select(&["query", "Query", "[query]", "query[]", "query[0]", "%71uery", "0.query", "query.x"][..]),
            comment in "(%23[ -%'-~]{0,8}%0[aAdD])?",
            space in "(%20|\\+|,|;|%09|%0a){0,3}",
            selection in "[a-z ;]{0,6}",
            after in "(&[ -~]{0,12})?",
        ) {
            let query = format!("{before}{name}={comment}{space}mutation{space}{{{selection}a}}{after}");
            proptest::prop_assert!(changes_by_graphql(&query), "{query}");
        }
    }
}

//! Elasticsearch's bulk format: a line that says what is done, and behind all but a deletion one with the document.

use serde_json::{Map, Value};

use super::json;

/// Lines that are read.
// SECURITY: 8 MiB of `{}` would be a hundred times that in memory. Test: `lines_without_end_are_not_read`.
const MAX_LINES: usize = 50_000;
/// By this stands beside an update what it is done with.
const DOCUMENT: &str = "document";

/// One item an action, an update with the names of what it is done with. Nothing where a line is not what it is to be: then nobody
/// knows which line is an action.
pub(super) fn parse(bytes: &[u8]) -> Value {
    Value::Array(actions(bytes).unwrap_or_default())
}

fn actions(bytes: &[u8]) -> Option<Vec<Value>> {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let end = |byte: &u8| *byte == b'\n';
    if text.iter().filter(|byte| end(byte)).count() >= MAX_LINES {
        return None;
    }
    let mut lines = text.split(end);
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        // An empty line is none where an action belongs.
        if line.trim_ascii().is_empty() {
            continue;
        }
        let mut action = object(line)?;
        let name = action.keys().next().cloned()?;
        match name.as_str() {
            _ if action.len() > 1 => return None,
            "delete" => {}
            "create" | "index" => drop(object(lines.next()?)?),
            "update" => {
                let document = object(lines.next()?)?;
                let names = document.into_iter().map(|(name, _)| (name, Value::Null));
                action.insert(DOCUMENT.to_owned(), names.collect::<Map<_, _>>().into());
            }
            _ => return None,
        }
        found.push(action.into());
    }
    Some(found)
}

fn object(line: &[u8]) -> Option<Map<String, Value>> {
    match json::parse(line).ok()? {
        Value::Object(members) => Some(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_no_action() {
        let text =
            "{\"index\":{\"_id\":1}}\n{\"delete\":{}}\n{\"delete\":{\"_id\":2}}\n{\"update\":{}}\n{\"script\":\"x\"}\n";
        let update = json!({ "update": {}, "document": { "script": null } });
        let expected = json!([{ "index": { "_id": 1 } }, { "delete": { "_id": 2 } }, update]);
        assert_eq!(parse(text.as_bytes()).to_string(), expected.to_string());
        assert_eq!(parse(text.trim_end().as_bytes()).to_string(), expected.to_string());
    }

    #[test]
    fn what_is_not_told_line_by_line_is_not_told_at_all() {
        for odd in [
            "",
            "{}",
            "[]",
            "{\"index\":{}}",
            "{\"index\":{},\"delete\":{}}\n{}",
            "{\"purge\":{}}",
            "{\"index\":{}}\n\n{}\n{\"delete\":{}}",
            "{\"delete\":{},\"delete\":{}}",
            "{\"delete\":{}}\n{\"index\":{}}\n1",
            "{\"Delete\":{}}",
        ] {
            assert_eq!(parse(odd.as_bytes()), json!([]), "{odd}");
        }
        assert_eq!(parse(b"{\"delete\":{}}\n\xff"), json!([]));
    }

    #[test]
    fn an_empty_line_is_no_action() {
        let deletions = json!([{ "delete": {} }, { "delete": {} }]);
        assert_eq!(parse(b"\n{\"delete\":{}}\n \r\n{\"delete\":{}}\n\n"), deletions);
    }

    #[test]
    fn lines_without_end_are_not_read() {
        let many = |count: usize| "{\"delete\":{}}\n".repeat(count);
        assert_eq!(
            parse(many(MAX_LINES).as_bytes()).as_array().map(Vec::len),
            Some(MAX_LINES)
        );
        assert_eq!(parse(many(MAX_LINES + 1).as_bytes()), json!([]));
    }

    proptest! {
        /// Each deletion among the actions is found, or nothing is read at all, whatever stands between.
        #[test]
        fn no_deletion_is_lost(actions in prop::collection::vec(0usize..4, 0..8), noise in "[ -~\n]{0,12}", at in 0usize..200) {
            let lines = ["{\"delete\":{}}\n", "{\"index\":{}}\n{\"delete\":1}\n", "{\"update\":{}}\n{\"script\":{}}\n", "{\"create\":{}}\n{}\n"];
            let mut text: String = actions.iter().filter_map(|at| lines.get(*at).copied()).collect();
            let deletions = actions.iter().filter(|at| **at == 0).count();
            let count = |text: &str| {
                let found = parse(text.as_bytes());
                let found = found.as_array().cloned().unwrap_or_default();
                (found.iter().filter(|item| item.get("delete").is_some()).count(), found.len())
            };
            prop_assert_eq!(count(&text), (deletions, actions.len()));
            text.insert_str(at.min(text.len()), &noise);
            let left = text.lines().filter(|line| line.trim() == "{\"delete\":{}}").count();
            let (deletions, all) = count(&text);
            prop_assert!(all == 0 || deletions >= left, "{deletions} of {left} in {text:?}");
        }
    }
}

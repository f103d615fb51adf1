//! Names that stand where others have values: of the members of an object, and within a path.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{MAX_ITEMS, MAX_TEXT, texts};
use crate::mapping::document::Node;
use crate::model::Why;

/// `{"orders": [], "contracts": []}` → both, sorted.
///
/// SECURITY: what is no object may be one for the provider, so that it is not read as one without names (test
/// `names_are_read_of_objects_alone`).
pub(super) fn of_members(nodes: &[Node<'_>]) -> Result<Vec<String>, Why> {
    let mut names = BTreeSet::new();
    for node in nodes {
        let Node::Json(Json::Object(members)) = node else {
            return Err(Why::Unreadable);
        };
        names.extend(members.keys().map(String::as_str));
    }
    let is_name = |name: &&str| !name.is_empty() && name.len() <= MAX_TEXT;
    match (names.is_empty(), names.len() > MAX_ITEMS || !names.iter().all(is_name)) {
        (true, _) => Err(Why::Absent),
        (_, true) => Err(Why::Unreadable),
        (_, false) => Ok(names.into_iter().map(str::to_owned).collect()),
    }
}

/// `contracts/c-1` → `contracts`, and `…/documents/contracts/c-1/lines/l-1` → `contracts` and `lines`, sorted.
///
/// SECURITY: the lines of a contract are a part of it, and no less held (test `every_collection_on_a_path_is_read`).
pub(super) fn of_parents(nodes: &[Node<'_>]) -> Result<Vec<String>, Why> {
    let mut parents = BTreeSet::new();
    for path in texts(nodes)? {
        let parts: Vec<&str> = path.split('/').collect();
        let (within, whole) = match parts.as_slice() {
            ["projects", _, "databases", _, "documents", within @ ..] => (within, true),
            parts => (parts, false),
        };
        if within.len() < 2 || within.iter().any(|part| part.is_empty()) || whole && within.len() % 2 == 1 {
            return Err(Why::Unreadable);
        }
        let pairs = within.rchunks(2).take(if whole { within.len() } else { 1 });
        parents.extend(pairs.filter_map(|pair| pair.first()).map(|parent| (*parent).to_owned()));
    }
    Ok(parents.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(value: &Json) -> Result<Vec<String>, Why> {
        of_members(&[Node::Json(value)])
    }

    fn parents(value: &Json) -> Result<Vec<String>, Why> {
        of_parents(&[Node::Json(value)])
    }

    #[test]
    fn names_are_read_of_objects_alone() {
        assert_eq!(members(&json!({"b": 1, "a": 2})).unwrap(), ["a", "b"]);
        for wrong in [json!(["a"]), json!("a"), json!(null), json!({"": 1}), json!(1)] {
            assert_eq!(members(&wrong), Err(Why::Unreadable), "{wrong}");
        }
        assert_eq!(of_members(&[Node::Text("a")]), Err(Why::Unreadable));
        assert_eq!(members(&json!({})), Err(Why::Absent));
        let many: serde_json::Map<_, _> = (0..=MAX_ITEMS).map(|at| (at.to_string(), json!(0))).collect();
        assert_eq!(members(&Json::Object(many)), Err(Why::Unreadable));
    }

    #[test]
    fn a_path_has_one_parent_or_cannot_be_read() {
        let path = json!("projects/p/databases/(default)/documents/contracts/c-1");
        assert_eq!(parents(&path).unwrap(), ["contracts"]);
        for wrong in [
            json!("c-1"),
            json!("/c-1"),
            json!("contracts/"),
            json!("a//b"),
            json!(7),
            json!(""),
        ] {
            assert_eq!(parents(&wrong), Err(Why::Unreadable), "{wrong}");
        }
        assert_eq!(parents(&json!("documents/contracts/c-1")).unwrap(), ["contracts"]);
        let (one, other) = (json!("b/1"), json!("a/1"));
        let both = of_parents(&[Node::Json(&one), Node::Json(&other), Node::Json(&one)]);
        assert_eq!(both.unwrap(), ["a", "b"]);
    }

    #[test]
    fn every_collection_on_a_path_is_read() {
        let within = |rest: &str| parents(&json!(format!("projects/p/databases/(default)/documents{rest}")));
        assert_eq!(within("/contracts/c-1/lines/l-1").unwrap(), ["contracts", "lines"]);
        assert_eq!(within("/a/1/b/2/c/3").unwrap(), ["a", "b", "c"]);
        for wrong in ["", "/", "/contracts", "/contracts/c-1/lines", "/contracts//lines/l-1"] {
            assert_eq!(within(wrong), Err(Why::Unreadable), "{wrong}");
        }
    }
}

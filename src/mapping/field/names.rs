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

/// `documents/contracts/c-1` → `contracts`, sorted; of each path the last part but one.
pub(super) fn of_parents(nodes: &[Node<'_>]) -> Result<Vec<String>, Why> {
    let parent = |path: String| {
        let mut parts = path.rsplit('/');
        let (last, parent) = (parts.next(), parts.next());
        let found = parent.filter(|parent| !parent.is_empty() && last.is_some_and(|last| !last.is_empty()));
        found.map(str::to_owned).ok_or(Why::Unreadable)
    };
    let parents: BTreeSet<String> = texts(nodes)?.into_iter().map(parent).collect::<Result<_, _>>()?;
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
        let (one, other) = (json!("b/1"), json!("a/1"));
        let both = of_parents(&[Node::Json(&one), Node::Json(&other), Node::Json(&one)]);
        assert_eq!(both.unwrap(), ["a", "b"]);
    }
}

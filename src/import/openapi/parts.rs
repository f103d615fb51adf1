//! What is left out of a description before anything is made of it: of what is not there, nobody knows what it does.

use serde_json::Value;

use crate::import::refs;

/// What stands under a path.
pub(super) fn path_item<'a>(root: &'a Value, path: &str, item: &'a Value) -> Result<&'a Value, &'static str> {
    if !path.starts_with('/') {
        return Err("a path begins with `/`");
    }
    let item = refs::follow(root, item).ok_or(refs::LOST)?;
    item.is_object()
        .then_some(item)
        .ok_or("expected an object of operations")
}

/// Whether all of an operation is there that says what it takes: of what is not, nobody knows whether it is a statement.
pub(super) fn whole(root: &Value, item: &Value, operation: &Value) -> Result<(), &'static str> {
    if !operation.is_object() {
        return Err("expected an object that says what the operation is");
    }
    let lists = [item, operation].into_iter().filter_map(|at| at.get("parameters"));
    let mut parameters = lists.filter_map(Value::as_array).flatten();
    let body = operation.get("requestBody");
    let is_there = |value: &Value| refs::follow(root, value).is_some();
    match parameters.all(is_there) && body.is_none_or(is_there) {
        true => Ok(()),
        false => Err(refs::LOST),
    }
}

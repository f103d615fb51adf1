//! Numbers made of several.

use serde_json::Value as Json;

use super::whole;
use crate::mapping::document::{Document, Node, Path, Selector, node};
use crate::model::action::MAX_INT;
use crate::model::{Value, Why};

pub(super) fn total<'a>(nodes: &[Node<'a>], read: impl Fn(Node<'a>) -> Result<i64, Why>) -> Result<Value, Why> {
    let mut sum = 0i64;
    for node in nodes {
        sum = sum
            .checked_add(read(*node)?)
            .filter(|sum| *sum <= MAX_INT)
            .ok_or(Why::Unreadable)?;
    }
    Ok(Value::Int(sum))
}

pub(super) fn product(item: Node<'_>, left: &Selector, right: &Selector, json: bool) -> Result<i64, Why> {
    let Node::Json(item) = item else {
        return Err(Why::Unreadable);
    };
    let factor = |selector: &Selector| match selector.select(item).as_slice() {
        [value] => number(value, json),
        _ => Err(Why::Unreadable),
    };
    factor(left)?
        .checked_mul(factor(right)?)
        .filter(|product| *product <= MAX_INT)
        .ok_or(Why::Unreadable)
}

/// The most that an item says of itself; 1 if it says nothing. One that is a number says that.
pub(super) fn most_of(item: Node<'_>, of: &[Selector], json: bool) -> Result<i64, Why> {
    let item = match item {
        Node::Json(item @ Json::Object(_)) => item,
        Node::Json(Json::Number(number)) => return whole(number.as_str()),
        Node::Json(_) | Node::Text(_) | Node::Opaque => return Err(Why::Unreadable),
    };
    let values = of.iter().flat_map(|selector| selector.select(item));
    let values: Result<Vec<i64>, Why> = values.map(|value| number(value, json)).collect();
    Ok(values?.into_iter().max().unwrap_or(1))
}

/// A size of which 0 is the provider's default: then, and where only the least is told, nobody knows the most.
pub(super) fn most(told: Result<Value, Why>, least: &[Path], document: &Document<'_>) -> Result<Value, Why> {
    match told {
        Ok(Value::Int(0)) | Err(Why::Absent) => match least.iter().all(|path| path.is_absent(document)) {
            true => Err(Why::Absent),
            false => Err(Why::Unreadable),
        },
        told => told,
    }
}

/// Whether something that the path finds is true.
pub(super) fn is_true(path: &Path, document: &Document<'_>) -> bool {
    let found = path.select(document);
    let mut found = found.iter();
    found.any(|node| matches!(node, Node::Json(Json::Bool(true)) | Node::Text("true")))
}

/// `512.00` with two places → 51200.
pub(in crate::mapping) fn decimal(node: Node<'_>, places: u32) -> Result<i64, Why> {
    let token = match node {
        Node::Text(text) => text,
        Node::Json(Json::String(text)) => text,
        Node::Json(Json::Number(number)) => number.as_str(),
        Node::Json(_) | Node::Opaque => return Err(Why::Unreadable),
    };
    let (units, fraction) = token.split_once('.').unwrap_or((token, "0"));
    let digits = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let kept = fraction.trim_end_matches('0');
    let missing = places.checked_sub(u32::try_from(kept.len()).map_err(|_| Why::Unreadable)?);
    let (true, Some(missing)) = (digits, missing) else {
        return Err(Why::Unreadable);
    };
    let fraction = if kept.is_empty() {
        0
    } else {
        kept.parse::<i64>().map_err(|_| Why::Unreadable)?
    };
    let scale = |value: i64, by: u32| 10i64.checked_pow(by).and_then(|power| value.checked_mul(power));
    let value = scale(whole(units)?, places)
        .zip(scale(fraction, missing))
        .and_then(|(units, rest)| units.checked_add(rest));
    value.filter(|value| *value <= MAX_INT).ok_or(Why::Unreadable)
}

fn number(value: &Json, json: bool) -> Result<i64, Why> {
    match node(value, json) {
        Node::Text(text) => whole(text),
        Node::Json(Json::Number(number)) => whole(number.as_str()),
        Node::Json(_) | Node::Opaque => Err(Why::Unreadable),
    }
}

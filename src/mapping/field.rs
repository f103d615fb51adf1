//! Fields: what paths find, reduced to one value of a declared type.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;

use super::document::{Document, Node, Path, Selector};
use crate::model::action::MAX_INT;
use crate::model::{Value, Why, money};

mod domain;
mod filters;
mod mail;
mod names;
mod numbers;
mod only;
mod partial;
mod paths;
mod places;

pub(super) use domain::Of;
pub(super) use filters::Filters;
use filters::is_empty;
pub(super) use mail::Told;
pub(super) use numbers::decimal;
pub(super) use only::Is;
pub(super) use partial::Marked;

/// Items that a list may hold; more is not read.
pub(super) const MAX_ITEMS: usize = 1_000;
/// Bytes that a text may have; more is not read.
pub(super) const MAX_TEXT: usize = 4_096;

/// Where a field's value comes from.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    /// Always the same, where the path finds something.
    Constant(Value, Option<Path>),
    /// No call of the operation tells it.
    NotTold,
    Read(Reading),
    /// Whether the object there has no members but these. Where they are filters, one that has others is told only if one
    /// of those names values.
    Empty(Path, Vec<Box<str>>, Option<Filters>),
    /// Not told where one of the paths finds anything.
    Unless(Vec<Path>, Box<Rule>),
    /// Cannot be read where what the path finds has this text in it.
    Lacking(Path, Box<str>, Box<Rule>),
    /// Cannot be read but where all of one of these is so.
    Only(Vec<Vec<Is>>, Box<Rule>),
    /// True where the path finds that, whatever the rule tells.
    Or(Path, Box<Rule>),
    /// 0 is as nothing; where nothing is told but the least there is, it cannot be read.
    Most(Vec<Path>, Box<Rule>),
}

#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub from: Vec<Path>,
    pub require: Option<Path>,
    pub reduce: Reducer,
}

/// What becomes of the values that were found.
#[derive(Clone, Debug)]
pub(super) enum Reducer {
    /// Fails on several.
    One(Type),
    First(Type),
    /// How many were found. None found is missing, unless `require` is there.
    Count,
    Sum(Type),
    Max(Type),
    SumProduct(Selector, Selector),
    /// Of each, the most of what these find; 1 of what has none of them.
    SumEach(Vec<Selector>),
    List,
    /// A list without repetitions and nulls, sorted.
    Distinct,
    /// Names of the members of objects.
    Names,
    /// Of paths, what each thing stands in.
    Parents,
    /// How many different ones.
    CountDistinct,
    /// Items of the one array or object, characters of the one text.
    Len,
    /// The one text, split.
    Split(Box<str>),
    CountSplit(Box<str>),
    /// Domains of addresses, in lower case, without repetitions. Each item must have one, or each that is marked so.
    Domain(Of, Option<Marked>),
    /// Of the mail at the first path.
    Mail(Told),
}

/// How one value is read.
#[derive(Clone, Debug)]
pub(super) enum Type {
    Int,
    /// `512.00` with so many places → 51200.
    Decimal(u32),
    /// As decimal, the places by the currency found at the path.
    Money(Path),
    Text,
    Bool,
    Enum(Vec<Box<str>>),
    /// True if the text is one of these.
    OneOf(Vec<Box<str>>),
    /// Longest beginning first.
    PrefixMap(Vec<(Box<str>, Arc<str>)>, Option<Arc<str>>),
    /// Three letters, to lower case.
    Currency,
}

impl Rule {
    /// The value, or why there is none.
    pub(super) fn value(&self, document: &Document<'_>) -> Result<Value, Why> {
        match self {
            Rule::Constant(value, require) => match require {
                Some(require) if require.is_absent(document) => Err(Why::Absent),
                Some(_) | None => Ok(value.clone()),
            },
            Rule::NotTold => Err(Why::Absent),
            Rule::Empty(path, besides, filters) => is_empty(&path.select(document), besides, *filters).map(Value::Bool),
            Rule::Read(reading) => reading.value(document),
            Rule::Unless(unless, rule) => match unless.iter().all(|path| path.is_absent(document)) {
                true => rule.value(document),
                false => Err(Why::Absent),
            },
            Rule::Lacking(path, text, rule) if only::lacks(path, text, document) => rule.value(document),
            Rule::Only(any, rule) if any.iter().any(|all| all.iter().all(|is| is.holds(document))) => {
                rule.value(document)
            }
            Rule::Lacking(..) | Rule::Only(..) => Err(Why::Unreadable),
            Rule::Or(path, _) if numbers::is_true(path, document) => Ok(Value::Bool(true)),
            Rule::Or(_, rule) => rule.value(document),
            Rule::Most(least, rule) => numbers::most(rule.value(document), least, document),
        }
    }
}

impl Reading {
    fn kind(&self) -> Option<&Type> {
        match &self.reduce {
            Reducer::One(kind) | Reducer::First(kind) | Reducer::Sum(kind) | Reducer::Max(kind) => Some(kind),
            Reducer::Count
            | Reducer::SumProduct(..)
            | Reducer::SumEach(_)
            | Reducer::List
            | Reducer::Distinct
            | Reducer::Names
            | Reducer::Parents
            | Reducer::CountDistinct
            | Reducer::Len
            | Reducer::Split(_)
            | Reducer::CountSplit(_)
            | Reducer::Domain(..)
            | Reducer::Mail(_) => None,
        }
    }

    pub(super) fn value(&self, document: &Document<'_>) -> Result<Value, Why> {
        // Most look in one place for one value.
        if let ([path], Reducer::One(kind)) = (self.from.as_slice(), &self.reduce)
            && let Some(node) = path.only(document)
        {
            return kind.read(node, document);
        }
        let mut nodes = Vec::new();
        for path in &self.from {
            path.each(document, &mut |node| nodes.push(node));
        }
        // Who is told in no way that is known is somebody all the same.
        if nodes.is_empty() && !matches!(self.reduce, Reducer::Domain(..)) {
            return self.none(document);
        }
        if self.is_partial(document) {
            return Err(Why::Unreadable);
        }
        match &self.reduce {
            Reducer::One(kind) => kind.read(only(&nodes)?, document),
            Reducer::First(kind) => kind.read(*nodes.first().ok_or(Why::Absent)?, document),
            Reducer::Count => count(nodes.len()),
            Reducer::Sum(kind) => numbers::total(&nodes, |node| kind.int(node, document)),
            Reducer::Max(kind) => {
                let values: Result<Vec<i64>, Why> = nodes.iter().map(|node| kind.int(*node, document)).collect();
                values?.into_iter().max().map(Value::Int).ok_or(Why::Absent)
            }
            Reducer::SumProduct(left, right) => {
                numbers::total(&nodes, |node| numbers::product(node, left, right, document.json))
            }
            Reducer::SumEach(of) => numbers::total(&nodes, |node| numbers::most_of(node, of, document.json)),
            Reducer::List => texts(&nodes).map(Value::List),
            Reducer::Domain(_, None) if nodes.is_empty() => self.none(document),
            Reducer::Domain(of, None) => domain::domains(&nodes, *of).map(Value::List),
            // Of items that are not marked null is nothing.
            Reducer::Distinct | Reducer::Domain(_, Some(_)) => {
                nodes.retain(|node| !matches!(node, Node::Json(Json::Null)));
                match (nodes.is_empty(), &self.reduce) {
                    (true, _) => self.none(document),
                    (false, Reducer::Domain(of, _)) => domain::domains(&nodes, *of).map(Value::List),
                    (false, _) => distinct(&nodes).map(Value::List),
                }
            }
            Reducer::Names => names::of_members(&nodes).map(Value::List),
            Reducer::Parents => names::of_parents(&nodes).map(Value::List),
            Reducer::CountDistinct => count(distinct(&nodes)?.len()),
            Reducer::Len => count(length(only(&nodes)?)?),
            Reducer::Split(separator) => split(only(&nodes)?, separator).map(Value::List),
            Reducer::CountSplit(separator) => count(split(only(&nodes)?, separator)?.len()),
            Reducer::Mail(told) => told.value(&self.from, document),
        }
    }

    /// Nothing was found: 0 only where what holds the counted things is there.
    fn none(&self, document: &Document<'_>) -> Result<Value, Why> {
        let held = self.require.as_ref().is_some_and(|path| !path.is_absent(document));
        match &self.reduce {
            Reducer::Count | Reducer::CountDistinct if held => Ok(Value::Int(0)),
            Reducer::List | Reducer::Distinct if held => Ok(Value::List(Vec::new())),
            Reducer::One(Type::PrefixMap(_, Some(otherwise))) => Ok(Value::Text(otherwise.to_string())),
            Reducer::One(_)
            | Reducer::First(_)
            | Reducer::Count
            | Reducer::Sum(_)
            | Reducer::Max(_)
            | Reducer::SumProduct(..)
            | Reducer::SumEach(_)
            | Reducer::List
            | Reducer::Distinct
            | Reducer::Names
            | Reducer::Parents
            | Reducer::CountDistinct
            | Reducer::Len
            | Reducer::Split(_)
            | Reducer::CountSplit(_)
            | Reducer::Domain(..)
            | Reducer::Mail(_) => Err(Why::Absent),
        }
    }
}

impl Type {
    pub(super) fn read(&self, node: Node<'_>, document: &Document<'_>) -> Result<Value, Why> {
        match self {
            Type::Int | Type::Decimal(_) | Type::Money(_) => self.int(node, document).map(Value::Int),
            Type::Text => text(node).map(|text| Value::Text(text.to_owned())),
            Type::Bool => match node {
                Node::Json(Json::Bool(value)) => Ok(Value::Bool(*value)),
                Node::Text("true") => Ok(Value::Bool(true)),
                Node::Text("false") => Ok(Value::Bool(false)),
                Node::Json(_) | Node::Text(_) | Node::Opaque => Err(Why::Unreadable),
            },
            Type::Enum(values) => match text(node)? {
                found if values.iter().any(|value| **value == *found) => Ok(Value::Text(found.to_owned())),
                _ => Err(Why::Unreadable),
            },
            Type::OneOf(values) => text(node).map(|found| Value::Bool(values.iter().any(|value| **value == *found))),
            Type::PrefixMap(prefixes, otherwise) => {
                called(node, prefixes, otherwise.as_ref()).map(|value| Value::Text(value.to_string()))
            }
            Type::Currency => {
                let found = text(node)?;
                match money::exponent(found) {
                    Some(_) => Ok(Value::Text(found.to_ascii_lowercase())),
                    None => Err(Why::Unreadable),
                }
            }
        }
    }

    /// A whole number, 0 to 1e15, written in the one plain way.
    ///
    /// SECURITY: `1e6`, `5000.0`, `+5`, `05`, `-5`, digits of other scripts and texts where a number belongs are read
    /// by some servers as other amounts than by us (test `an_amount_written_in_any_other_way_is_unreadable`).
    fn int(&self, node: Node<'_>, document: &Document<'_>) -> Result<i64, Why> {
        match self {
            Type::Int => match node {
                Node::Text(text) => whole(text),
                Node::Json(Json::Number(number)) => whole(number.as_str()),
                Node::Json(_) | Node::Opaque => Err(Why::Unreadable),
            },
            Type::Decimal(places) => decimal(node, *places),
            Type::Money(currency) => {
                let code = text(only(&currency.select(document))?)?;
                decimal(node, money::exponent(code).ok_or(Why::Unreadable)?)
            }
            Type::Text | Type::Bool | Type::Enum(_) | Type::OneOf(_) | Type::PrefixMap(..) | Type::Currency => {
                Err(Why::Unreadable)
            }
        }
    }
}

pub(super) fn whole(token: &str) -> Result<i64, Why> {
    let plain = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    match token.parse::<i64>() {
        Ok(value) if plain && value <= MAX_INT => Ok(value),
        _ => Err(Why::Unreadable),
    }
}

fn only<'a>(nodes: &[Node<'a>]) -> Result<Node<'a>, Why> {
    match nodes {
        [] => Err(Why::Absent),
        [node] => Ok(*node),
        _ => Err(Why::Unreadable),
    }
}

/// What a text that begins so is called.
pub(super) fn called<'a>(
    node: Node<'_>,
    prefixes: &'a [(Box<str>, Arc<str>)],
    otherwise: Option<&'a Arc<str>>,
) -> Result<&'a Arc<str>, Why> {
    let found = text(node)?;
    let fitting = prefixes.iter().find(|(prefix, _)| found.starts_with(&**prefix));
    fitting.map(|(_, value)| value).or(otherwise).ok_or(Why::Unreadable)
}

/// A text of bounded length that is not empty: an empty one is a value that the provider may take for none.
fn text<'a>(node: Node<'a>) -> Result<&'a str, Why> {
    let text = match node {
        Node::Text(text) => text,
        Node::Json(Json::String(text)) => text,
        Node::Json(Json::Number(number)) => number.as_str(),
        Node::Json(_) | Node::Opaque => return Err(Why::Unreadable),
    };
    if text.is_empty() || text.len() > MAX_TEXT {
        Err(Why::Unreadable)
    } else {
        Ok(text)
    }
}

fn texts(nodes: &[Node<'_>]) -> Result<Vec<String>, Why> {
    match nodes.len() > MAX_ITEMS {
        true => Err(Why::Unreadable),
        false => nodes.iter().map(|node| text(*node).map(str::to_owned)).collect(),
    }
}

/// However often each is there: what counts is how many there are.
fn distinct(nodes: &[Node<'_>]) -> Result<Vec<String>, Why> {
    let found: BTreeSet<&str> = nodes.iter().map(|node| text(*node)).collect::<Result<_, _>>()?;
    match found.len() > MAX_ITEMS {
        true => Err(Why::Unreadable),
        false => Ok(found.into_iter().map(str::to_owned).collect()),
    }
}

fn count(count: usize) -> Result<Value, Why> {
    i64::try_from(count)
        .ok()
        .filter(|count| *count <= MAX_INT)
        .map(Value::Int)
        .ok_or(Why::Unreadable)
}

fn length(node: Node<'_>) -> Result<usize, Why> {
    match node {
        Node::Json(Json::Array(items)) => Ok(items.len()),
        Node::Json(Json::Object(members)) => Ok(members.len()),
        Node::Json(Json::String(text)) => Ok(text.chars().count()),
        Node::Text(text) => Ok(text.chars().count()),
        Node::Json(Json::Null | Json::Bool(_) | Json::Number(_)) | Node::Opaque => Err(Why::Unreadable),
    }
}

fn split(node: Node<'_>, separator: &str) -> Result<Vec<String>, Why> {
    let items = text(node)?.split(separator).map(|item| item.trim().to_owned());
    let items: Vec<String> = items.collect();
    let fine = items.len() <= MAX_ITEMS && items.iter().all(|item| !item.is_empty());
    if fine { Ok(items) } else { Err(Why::Unreadable) }
}

#[cfg(test)]
mod tests;

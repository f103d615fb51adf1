//! What fields are read from: a call, decoded, as one document
//! `{method, host{}, path{}, query{}, headers{}, body, params{}}`.
//!
//! The document is never put together: a path names its part first, and only that part is looked at.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use serde_json::Value;

mod selector;
mod sought;

use selector::Step;
pub(super) use selector::{Selector, member};
pub(super) use sought::Sought;

/// Where in a call something is: its part, and a JSONPath in that.
#[derive(Clone, Debug)]
pub(super) enum Path {
    Method,
    Host(Box<str>),
    Parameter(Box<str>),
    Header(HeaderName),
    Query(Selector),
    Body(Selector),
    /// Members of query and body together.
    Params(Selector),
    /// The bearer token or the user of Basic. For prefixes only: a field never holds it.
    Credential,
}

/// One value that a path found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Node<'a> {
    /// From where everything is text: numbers are digits.
    Text(&'a str),
    /// From where numbers and texts differ.
    Json(&'a Value),
    /// There, but not text.
    Opaque,
}

/// The decoded parts of one call.
pub(super) struct Document<'a> {
    pub method: &'a str,
    pub host: &'a [(Arc<str>, String)],
    pub parameters: &'a [(Arc<str>, String)],
    pub headers: &'a HeaderMap,
    pub query: Option<&'a Value>,
    pub body: Option<&'a Value>,
    /// The body is JSON: a text of digits in it is no number.
    pub json: bool,
}

/// Where one value stands: the names that lead to it from the top of query or content.
pub(super) struct Place<'a> {
    pub names: Vec<&'a str>,
    pub query: bool,
    pub body: bool,
}

impl Path {
    /// The one place that it looks at in query or content, if it is one.
    pub(super) fn place(&self) -> Option<Place<'_>> {
        let (selector, query, body) = match self {
            Path::Query(selector) => (selector, true, false),
            Path::Body(selector) => (selector, false, true),
            Path::Params(selector) => (selector, true, true),
            Path::Method | Path::Host(_) | Path::Parameter(_) | Path::Header(_) | Path::Credential => return None,
        };
        let names: Option<Vec<&str>> = selector.steps.iter().map(Step::single).collect();
        Some(Place {
            names: names?,
            query,
            body,
        })
    }

    /// The names of which it finds any at the top of the query, or of the content.
    pub(super) fn at_top(&self, in_query: bool) -> &[Box<str>] {
        let selector = match (self, in_query) {
            (Path::Query(selector), true) | (Path::Body(selector), false) | (Path::Params(selector), _) => selector,
            _ => return &[],
        };
        match &*selector.steps {
            [Step::Names(names)] => names,
            _ => &[],
        }
    }

    /// Reads a path.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let expected =
            || format!("expected `$.` and one of method, host, path, query, headers, body, params, found `{text}`");
        let rest = text.strip_prefix("$.").ok_or_else(expected)?;
        let (part, rest) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
        let selector = || Selector::parse(&format!("${rest}"));
        match part {
            "method" if rest.is_empty() => Ok(Path::Method),
            "credential" if rest.is_empty() => Ok(Path::Credential),
            "host" => Ok(Path::Host(single_name(rest)?.into())),
            "path" => Ok(Path::Parameter(single_name(rest)?.into())),
            "headers" => {
                let name = single_name(rest)?;
                HeaderName::try_from(name)
                    .map(Path::Header)
                    .map_err(|_| format!("`{name}` is no header field's name"))
            }
            "query" => selector().map(Path::Query),
            "body" => selector().map(Path::Body),
            "params" => selector().map(Path::Params),
            _ => Err(expected()),
        }
    }

    /// Whether the content must have been read for it.
    pub(super) fn reads_body(&self) -> bool {
        matches!(self, Path::Body(_) | Path::Params(_))
    }

    /// Query parameters that it may look at, by their names.
    pub(super) fn query_names(&self) -> impl Iterator<Item = Box<str>> {
        let selector = match self {
            Path::Query(selector) | Path::Params(selector) => Some(selector),
            Path::Method | Path::Host(_) | Path::Parameter(_) | Path::Header(_) | Path::Body(_) | Path::Credential => {
                None
            }
        };
        let names = selector.map(Selector::first_names).unwrap_or_default();
        names.iter().cloned()
    }

    /// All that it finds, in the order of the document.
    pub(super) fn select<'a>(&self, document: &Document<'a>) -> Vec<Node<'a>> {
        let mut found = Vec::new();
        self.each(document, &mut |node| found.push(node));
        found
    }

    /// What it finds, if that is one value.
    pub(super) fn only<'a>(&self, document: &Document<'a>) -> Option<Node<'a>> {
        let (mut first, mut several) = (None, false);
        self.each(document, &mut |node| several |= first.replace(node).is_some());
        first.filter(|_| !several)
    }

    /// Whether it finds nothing.
    pub(super) fn is_absent(&self, document: &Document<'_>) -> bool {
        let mut absent = true;
        self.each(document, &mut |_| absent = false);
        absent
    }

    /// Whether an item that its last `[*]` finds, and that counts, has nothing of what the rest looks for.
    pub(super) fn is_partial(&self, document: &Document<'_>, counts: &impl Fn(&Value) -> bool) -> bool {
        let (selector, parts) = match self {
            Path::Query(selector) => (selector, [document.query, None]),
            Path::Body(selector) => (selector, [document.body, None]),
            Path::Params(selector) => (selector, [document.body, document.query]),
            Path::Method | Path::Host(_) | Path::Parameter(_) | Path::Header(_) | Path::Credential => return false,
        };
        let mut parts = parts.into_iter().flatten();
        parts.any(|part| selector.is_partial_in(part, counts))
    }

    /// The same place where what holds it stands in a member of that name, and what it is a member of: of `$.body.a.id` and
    /// `params` it is `$.body.a.params.id`, in `$.body.a`. None of what is no member.
    pub(super) fn wrapped(&self, name: &str) -> Option<(Path, Path)> {
        let (of, selector): (fn(Selector) -> Path, _) = match self {
            Path::Query(selector) => (Path::Query, selector),
            Path::Body(selector) => (Path::Body, selector),
            Path::Params(selector) => (Path::Params, selector),
            Path::Method | Path::Host(_) | Path::Parameter(_) | Path::Header(_) | Path::Credential => return None,
        };
        let (inner, around) = selector.wrapped(name)?;
        Some((of(inner), of(around)))
    }

    /// Shows all that it finds, in the order of the document.
    pub(super) fn each<'a>(&self, document: &Document<'a>, see: &mut impl FnMut(Node<'a>)) {
        let named = |list: &'a [(Arc<str>, String)], name: &str, see: &mut dyn FnMut(Node<'a>)| {
            let found = list.iter().filter(|(known, _)| **known == *name);
            found.for_each(|(_, value)| see(Node::Text(value)));
        };
        match self {
            Path::Method => see(Node::Text(document.method)),
            Path::Host(name) => named(document.host, name, see),
            Path::Parameter(name) => named(document.parameters, name, see),
            Path::Header(name) => {
                let values = document.headers.get_all(name).iter();
                values.for_each(|value| see(value.to_str().map_or(Node::Opaque, Node::Text)));
            }
            Path::Query(selector) => document.in_query(selector, see),
            Path::Body(selector) => document.in_body(selector, see),
            Path::Params(selector) => {
                document.in_body(selector, see);
                document.in_query(selector, see);
            }
            Path::Credential => {}
        }
    }
}

impl<'a> Document<'a> {
    fn in_body(&self, selector: &Selector, see: &mut impl FnMut(Node<'a>)) {
        if let Some(body) = self.body {
            selector.each(body, &mut |value| see(node(value, self.json)));
        }
    }

    fn in_query(&self, selector: &Selector, see: &mut impl FnMut(Node<'a>)) {
        if let Some(query) = self.query {
            selector.each(query, &mut |value| see(node(value, false)));
        }
    }
}

/// A value of a body or of a part of one.
pub(super) fn node(value: &Value, json: bool) -> Node<'_> {
    match value {
        Value::String(text) if !json => Node::Text(text),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Node::Json(value)
        }
    }
}

fn single_name(rest: &str) -> Result<&str, String> {
    let name = match rest.strip_prefix('.') {
        Some(name) => Some(name),
        None => rest.strip_prefix("['").and_then(|name| name.strip_suffix("']")),
    };
    name.filter(|name| !name.is_empty() && !name.contains(['.', '[', ']', '\'', '*', ',']))
        .ok_or_else(|| format!("expected one name here, as `.name` or `['name']`, found `{rest}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_plain_subset_is_read() {
        for text in [
            "$.method",
            "$.host.region",
            "$.path.charge",
            "$.headers['stripe-account']",
            "$.query.limit",
            "$.body",
            "$.body.a[0].b",
            "$.params['to','cc'][*].email",
            "$.body[*]['a']",
        ] {
            assert!(Path::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "$",
            "body.a",
            "$.other",
            "$.body..a",
            "$.body[?@.a]",
            "$.body[0:2]",
            "$.body[-1]",
            "$.path.*",
            "$.path.a.b",
            "$.headers",
            "$.method.x",
            "$.headers['bad name']",
            "$.body.a[",
            "$.body['a\\u0041']",
        ] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }
}

//! What fields are read from: a call, decoded, as one document
//! `{method, host{}, path{}, query{}, headers{}, body, params{}}`.
//!
//! The document is never put together: a path names its part first, and only that part is looked at.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use serde_json::Value;
use serde_json_path::JsonPath;

use super::spelling;

/// A JSONPath (RFC 9535) of the subset that mappings may use: names, positions, `[*]`, `['a','b']`.
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

/// The one place that knows the JSONPath library.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    path: JsonPath,
    steps: Vec<Step>,
}

/// One step of a path.
#[derive(Clone, Debug)]
enum Step {
    Names(Vec<Box<str>>),
    /// `[*]`, `[0]`: into each.
    Each,
}

impl Step {
    fn single(&self) -> Option<&str> {
        match self {
            Step::Names(names) => match names.as_slice() {
                [name] => Some(name),
                _ => None,
            },
            Step::Each => None,
        }
    }
}

impl Selector {
    /// Reads a path within a part, or within an answer.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        check_subset(text)?;
        let path = JsonPath::parse(text).map_err(|error| {
            format!(
                "`{text}` is no JSONPath: {} at character {}",
                error.message(),
                error.position()
            )
        })?;
        Ok(Self {
            path,
            steps: steps(text),
        })
    }

    pub(super) fn select<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        self.path.query(value).all()
    }

    /// Whether a name in `value` is one of the path's but for upper and lower case.
    pub(super) fn is_misspelt_in(&self, value: &Value) -> bool {
        is_misspelt(&self.steps, value)
    }
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
        match selector.steps.as_slice() {
            [Step::Names(names)] => names.as_slice(),
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
        first_names(selector).iter().cloned()
    }

    /// Members of the content that it may look at, by their names.
    pub(super) fn body_names(&self) -> &[Box<str>] {
        first_names(match self {
            Path::Body(selector) | Path::Params(selector) => Some(selector),
            Path::Method | Path::Host(_) | Path::Parameter(_) | Path::Header(_) | Path::Query(_) | Path::Credential => {
                None
            }
        })
    }

    /// All that it finds, in the order of the document.
    pub(super) fn select<'a>(&self, document: &Document<'a>) -> Vec<Node<'a>> {
        let found = |list: &'a [(Arc<str>, String)], name: &str| {
            list.iter()
                .filter(|(known, _)| **known == *name)
                .map(|(_, value)| Node::Text(value))
                .collect()
        };
        match self {
            Path::Method => vec![Node::Text(document.method)],
            Path::Host(name) => found(document.host, name),
            Path::Parameter(name) => found(document.parameters, name),
            Path::Header(name) => {
                let node = |value: &'a http::HeaderValue| value.to_str().map_or(Node::Opaque, Node::Text);
                document.headers.get_all(name).iter().map(node).collect()
            }
            Path::Query(selector) => document.in_query(selector).collect(),
            Path::Body(selector) => document.in_body(selector).collect(),
            Path::Params(selector) => document.in_body(selector).chain(document.in_query(selector)).collect(),
            Path::Credential => Vec::new(),
        }
    }
}

impl<'a> Document<'a> {
    fn in_body(&self, selector: &Selector) -> impl Iterator<Item = Node<'a>> + use<'a> {
        let json = self.json;
        let found = self.body.map(|body| selector.select(body)).unwrap_or_default();
        found.into_iter().map(move |value| node(value, json))
    }

    fn in_query(&self, selector: &Selector) -> impl Iterator<Item = Node<'a>> + use<'a> {
        let found = self.query.map(|query| selector.select(query)).unwrap_or_default();
        found.into_iter().map(|value| node(value, false))
    }
}

fn first_names(selector: Option<&Selector>) -> &[Box<str>] {
    match selector.and_then(|selector| selector.steps.first()) {
        Some(Step::Names(names)) => names.as_slice(),
        Some(Step::Each) | None => &[],
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

fn is_misspelt(steps: &[Step], value: &Value) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return false;
    };
    match (step, value) {
        (Step::Names(names), Value::Object(members)) => {
            members
                .iter()
                .any(|(name, member)| match names.iter().any(|known| **known == **name) {
                    true => is_misspelt(rest, member),
                    false => names.iter().any(|known| spelling::differ_in_case(known, name)),
                })
        }
        (Step::Each, Value::Object(members)) => members.values().any(|member| is_misspelt(rest, member)),
        (Step::Each, Value::Array(items)) => items.iter().any(|item| is_misspelt(rest, item)),
        _ => false,
    }
}

/// The steps of a path of the subset: `$.a[0]`, `$['a','b'][*].c`.
fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = text.trim_start_matches('$');
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('[') {
            Some(inner) => inner.split_once(']').unwrap_or((inner, "")),
            None => {
                let name = rest.trim_start_matches('.');
                name.split_at(name.find(['.', '[']).unwrap_or(name.len()))
            }
        };
        let quoted = step.contains(['\'', '"']) || !rest.starts_with('[');
        let names = step.split(',').map(|name| name.trim().trim_matches(['\'', '"']).into());
        steps.push(match quoted && step != "*" {
            true => Step::Names(names.collect()),
            false => Step::Each,
        });
        rest = after;
    }
    steps
}

fn single_name(rest: &str) -> Result<&str, String> {
    let name = match rest.strip_prefix('.') {
        Some(name) => Some(name),
        None => rest.strip_prefix("['").and_then(|name| name.strip_suffix("']")),
    };
    name.filter(|name| !name.is_empty() && !name.contains(['.', '[', ']', '\'', '*', ',']))
        .ok_or_else(|| format!("expected one name here, as `.name` or `['name']`, found `{rest}`"))
}

/// Descendants, filters, slices and functions are refused: what they cost or find is not plain to see.
fn check_subset(text: &str) -> Result<(), String> {
    let mut quoted = None;
    let mut before = ' ';
    for character in text.chars() {
        match (quoted, character) {
            (Some(_), '\\') => return Err(format!("`{text}`: escapes are not used here")),
            (Some(quote), _) if quote == character => quoted = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quoted = Some(character),
            (None, '.') if before == '.' => return Err(format!("`{text}`: `..` is not used here: name the path")),
            (None, '?' | ':' | '@' | '(') => {
                return Err(format!(
                    "`{text}`: `{character}` is not used here: only names, positions, `[*]` and `['a','b']`"
                ));
            }
            (None, '-') if before == '[' => return Err(format!("`{text}`: positions are counted from the start")),
            (None, _) => {}
        }
        before = character;
    }
    Ok(())
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

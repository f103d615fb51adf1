//! How a provider's operations are told apart.

use std::collections::HashMap;

use http::{HeaderName, Method};
use matchit::Router;

use super::document::Path;
use super::path;
use super::service::Operation;
use crate::model::{Call, Reason, Refusal};

/// The operations of one mapping file.
pub(super) enum Dispatch {
    Path(Box<Routes>),
    Name(Names),
}

/// Operations by method and path template.
#[derive(Default)]
pub(super) struct Routes {
    /// Template → which of `shapes`.
    templates: Router<usize>,
    /// The same in lower case, to see what differs in case only.
    folded: Router<usize>,
    shapes: Vec<HashMap<Method, Operation>>,
    by_shape: HashMap<String, usize>,
}

/// A template that fits, with its parameters in order.
pub(super) struct Fit<'a> {
    pub operation: &'a Operation,
    pub parameters: Vec<String>,
}

impl Routes {
    /// Adds `POST`, `/v1/charges/{charge}`. Two operations of equal rank for one call are refused.
    pub(super) fn insert(&mut self, method: Method, template: &str, operation: Operation) -> Result<(), String> {
        let shape = shape(template);
        let at = match self.by_shape.get(&shape) {
            Some(at) => *at,
            None => {
                let at = self.shapes.len();
                let fold = shape.to_ascii_lowercase();
                self.templates
                    .insert(shape.clone(), at)
                    .map_err(|error| format!("`{template}`: {error}"))?;
                self.folded
                    .insert(fold, at)
                    .map_err(|_| format!("`{template}` differs from another template in case only"))?;
                self.shapes.push(HashMap::new());
                self.by_shape.insert(shape, at);
                at
            }
        };
        let name = operation.name.clone();
        match self
            .shapes
            .get_mut(at)
            .and_then(|methods| methods.insert(method.clone(), operation))
        {
            None => Ok(()),
            Some(other) => Err(format!("`{method} {template}` is both `{}` and `{name}`", other.name)),
        }
    }

    /// The operation for a path that has been checked; `None` if none is named.
    pub(super) fn find(&self, method: &Method, path: &str) -> Result<Option<Fit<'_>>, Refusal> {
        if path::has_format(path) {
            return Ok(None);
        }
        // SECURITY: many servers take `/v1/refunds/` for `/v1/refunds` (test `r_a_slash_at_the_end_is_refused`).
        let bare = path.trim_end_matches('/');
        if bare != path && self.folded.at(&bare.to_ascii_lowercase()).is_ok() {
            return Err(Refusal::new(
                Reason::Malformed,
                "the path is an operation's but for the `/` at its end: send it as documented",
            ));
        }
        let found = self.templates.at(path).ok();
        // SECURITY: a server that is blind to case would see another operation (test `r_upper_case_is_refused`).
        if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
            let folded = self.folded.at(&path.to_ascii_lowercase()).ok().map(|fit| *fit.value);
            if folded.is_some() && folded != found.as_ref().map(|fit| *fit.value) {
                return Err(Refusal::new(
                    Reason::Malformed,
                    "the path is an operation's but for upper and lower case: send it as documented",
                ));
            }
        }
        let Some(found) = found else {
            return Ok(None);
        };
        let Some(operation) = self.shapes.get(*found.value).and_then(|methods| methods.get(method)) else {
            return Ok(None);
        };
        let parameters = found
            .params
            .iter()
            .map(|(_, segment)| path::parameter(segment))
            .collect::<Result<_, _>>()?;
        Ok(Some(Fit { operation, parameters }))
    }
}

/// A template without its parameters' names: `/v1/charges/{p0}`.
fn shape(template: &str) -> String {
    let mut count = 0;
    let segments = template.split('/').map(|segment| {
        if segment.starts_with('{') {
            count += 1;
            format!("{{p{}}}", count - 1)
        } else {
            segment.to_owned()
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// A template's parameters in order. Segments are plain text or one whole `{name}`.
pub(super) fn parameters(template: &str) -> Result<Vec<&str>, String> {
    let segments = template
        .strip_prefix('/')
        .ok_or_else(|| format!("`{template}`: a template starts with `/`"))?;
    let mut names = Vec::new();
    for segment in segments.split('/') {
        let name = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        let text = name.unwrap_or(segment);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if text.is_empty() || !text.bytes().all(plain) || [".", ".."].contains(&text) {
            return Err(format!(
                "`{template}`: expected segments of letters, digits, `_`, `-`, `.`, or a whole `{{name}}`"
            ));
        }
        if let Some(name) = name {
            if names.contains(&name) {
                return Err(format!("`{template}` names `{name}` twice"));
            }
            names.push(name);
        }
    }
    Ok(names)
}

/// Operations by a name in a parameter, a header field or the path.
pub(super) struct Names {
    pub source: NameSource,
    /// Where the name is looked for, if in a parameter or header field.
    pub path: Option<Path>,
    pub exact: HashMap<Box<str>, Operation>,
    /// Beginnings, longest first.
    pub prefixes: Vec<(Box<str>, Operation)>,
}

pub(super) enum NameSource {
    Parameter(Box<str>),
    Header {
        name: HeaderName,
        prefix: Box<str>,
    },
    /// What follows this beginning of the path.
    Path(Box<str>),
}

/// Letters and digits that a name may have.
const MAX_NAME: usize = 128;

impl Names {
    /// The operation of that name; a rule in bulk only for what can be a name.
    pub(super) fn find(&self, name: &str) -> Option<&Operation> {
        if let Some(operation) = self.exact.get(name) {
            return Some(operation);
        }
        match name.len() <= MAX_NAME && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            true => self
                .prefixes
                .iter()
                .find(|(prefix, _)| name.starts_with(&**prefix))
                .map(|(_, operation)| operation),
            false => None,
        }
    }
}

impl NameSource {
    /// The name in a path, if that is where it is.
    pub(super) fn in_path<'a>(&self, path: &'a str) -> Option<&'a str> {
        match self {
            NameSource::Path(prefix) => path.strip_prefix(&**prefix),
            NameSource::Parameter(_) | NameSource::Header { .. } => None,
        }
    }

    /// The name in the header field, if that is where it is. A field that is there twice is refused.
    pub(super) fn in_header<'a>(&self, call: &'a Call) -> Result<Option<&'a str>, Refusal> {
        match self {
            NameSource::Parameter(_) | NameSource::Path(_) => Ok(None),
            NameSource::Header { name, prefix } => {
                let mut values = call.headers.get_all(name).iter();
                match (values.next(), values.next()) {
                    (None, _) => Ok(None),
                    (Some(value), None) => Ok(value.to_str().ok().and_then(|value| value.strip_prefix(&**prefix))),
                    // SECURITY: servers take the first or the last (test `r_two_targets_are_refused`).
                    (Some(_), Some(_)) => Err(Refusal::new(
                        Reason::Malformed,
                        format!("the header field {name} is there twice"),
                    )),
                }
            }
        }
    }
}

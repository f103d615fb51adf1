//! How a provider's operations are told apart.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use http::{HeaderName, Method};
use matchit::Router;

use super::document::Path;
use super::path;
use super::service::Operation;
use crate::model::{Call, Reason, Refusal};

mod conditions;

pub(super) use conditions::{Closed, Conditions};

/// The operations of one mapping file.
pub(super) enum Dispatch {
    Path(Box<Routes>),
    Name(Names),
}

impl Dispatch {
    /// All operations, in no order; true beside those that are many, told by how their names begin.
    pub(super) fn operations(&self) -> Box<dyn Iterator<Item = (&Operation, bool)> + '_> {
        match self {
            Dispatch::Path(routes) => {
                let by_method = routes.shapes.iter().flat_map(HashMap::values);
                Box::new(by_method.flatten().map(|operation| (operation, false)))
            }
            Dispatch::Name(names) => {
                let exact = names.exact.values().map(|operation| (operation, false));
                Box::new(exact.chain(names.prefixes.iter().map(|(_, operation)| (operation, true))))
            }
        }
    }

    /// Refuses a path that has more than one reading.
    pub(super) fn check_path(&self, path: &str) -> Result<(), Refusal> {
        match self {
            Dispatch::Path(routes) => match routes.opaque_after {
                Some(segments) => path::check_opaque(path, segments),
                None if !routes.escaped.is_empty() => path::check_escaped(path),
                None => path::check(path),
            },
            Dispatch::Name(_) => path::check(path),
        }
    }

    /// Whether a header field names the operation.
    pub(super) fn is_by_header(&self) -> bool {
        match self {
            Dispatch::Name(names) => matches!(names.source, NameSource::Header { .. }),
            Dispatch::Path(_) => false,
        }
    }
}

/// Operations by method and path template, and by query and header fields where the file says so.
#[derive(Default)]
pub(super) struct Routes {
    /// Template → which of `shapes`.
    templates: Router<usize>,
    /// The same in lower case, to see what differs in case only.
    folded: Router<usize>,
    /// Of one method: most conditions first.
    shapes: Vec<HashMap<Method, Vec<Operation>>>,
    by_shape: HashMap<String, usize>,
    closed: Option<Closed>,
    /// Endings by which clients choose the answer's format.
    formats: Vec<Box<str>>,
    /// Parameters that are any text.
    escaped: HashSet<Box<str>>,
    /// Segments before the parameter that takes the rest of the path, if there is one.
    opaque_after: Option<usize>,
    /// Segments of the longest of the other templates.
    longest: usize,
}

/// A template that fits, with its parameters in order.
pub(super) struct Fit<'a> {
    pub operation: &'a Operation,
    pub parameters: Vec<String>,
}

impl Routes {
    /// `closed`: the query tells operations apart.
    pub(super) fn new(closed: Option<Closed>, formats: Vec<Box<str>>, escaped: HashSet<Box<str>>) -> Self {
        Self {
            closed,
            formats,
            escaped,
            ..Self::default()
        }
    }

    /// Adds `POST`, `/v1/charges/{charge}`. Two operations of equal rank for one call are refused.
    pub(super) fn insert(&mut self, method: Method, template: &str, operation: Operation) -> Result<(), String> {
        self.measure(template)?;
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
        let Some(methods) = self.shapes.get_mut(at) else {
            return Ok(());
        };
        let (conditions, operations) = (&operation.conditions, methods.entry(method.clone()).or_default());
        let equal =
            |other: &&Operation| other.conditions.count() == conditions.count() && other.conditions.meets(conditions);
        if let Some(other) = operations.iter().find(equal) {
            let names = (&other.name, &operation.name);
            return Err(format!("`{method} {template}` is both `{}` and `{}`", names.0, names.1));
        }
        let place = operations.partition_point(|other| other.conditions.count() >= conditions.count());
        operations.insert(place, operation);
        Ok(())
    }

    /// `{key+}` leaves nothing to any other template that is as long.
    fn measure(&mut self, template: &str) -> Result<(), String> {
        let segments = template
            .split('/')
            .skip(1)
            .filter(|segment| !segment.is_empty())
            .count();
        if template.ends_with("+}") {
            let before = self.opaque_after.replace(segments - 1);
            if before.is_some_and(|before| before != segments - 1) {
                return Err(format!(
                    "`{template}`: the rest of the path begins elsewhere in another template"
                ));
            }
        } else {
            self.longest = self.longest.max(segments);
        }
        match self.opaque_after {
            Some(opaque) if self.longest > opaque => Err(format!(
                "`{template}`: where a template takes the rest of the path as `{{name+}}`, all others are shorter"
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// The operation for a path that has been checked; `None` if none is named.
    pub(super) fn find(&self, method: &Method, path: &str, call: &Call) -> Result<Option<Fit<'_>>, Refusal> {
        let path = match self.opaque_after {
            Some(_) => path,
            None => self.without_slash(self.without_format(path))?,
        };
        let path = match path.strip_suffix('/') {
            // Nothing is left for the parameter that takes the rest.
            Some(bare) if Some(bare.matches('/').count()) == self.opaque_after => bare,
            Some(_) | None => path,
        };
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
            return self.unnamed(path);
        };
        let operations = self.shapes.get(*found.value).and_then(|methods| methods.get(method));
        let Some(operation) = self.fitting(operations.map_or(&[], Vec::as_slice), call)? else {
            return self.unnamed(path);
        };
        let is_text = |name: &Arc<str>| self.escaped.contains(&**name);
        if self.opaque_after.is_none() {
            let told = operation.parameters.iter().zip(found.params.iter());
            for (name, (_, segment)) in told.filter(|_| !self.escaped.is_empty()) {
                match is_text(name) {
                    true => path::check_text(segment)?,
                    false => path::check_plain(segment)?,
                }
            }
            if path::has_format(path) && !operation.parameters.last().is_some_and(is_text) {
                return Ok(None);
            }
        }
        let parameters = found
            .params
            .iter()
            .map(|(_, segment)| path::parameter(segment))
            .collect::<Result<_, _>>()?;
        Ok(Some(Fit { operation, parameters }))
    }

    /// A path that no operation has: nothing in it is any text.
    fn unnamed(&self, path: &str) -> Result<Option<Fit<'_>>, Refusal> {
        match self.escaped.is_empty() {
            true => Ok(None),
            false => path::check(path).map(|()| None),
        }
    }

    /// Without the ending by which the client chooses the answer's format.
    fn without_format<'p>(&self, path: &'p str) -> &'p str {
        let ending = |format: &str| {
            let (bare, end) = path.split_at_checked(path.len().checked_sub(format.len())?)?;
            (end.eq_ignore_ascii_case(format) && !bare.ends_with('/')).then_some(bare)
        };
        self.formats.iter().find_map(|format| ending(format)).unwrap_or(path)
    }

    fn without_slash<'p>(&self, path: &'p str) -> Result<&'p str, Refusal> {
        // SECURITY: many servers take `/v1/refunds/` for `/v1/refunds` (test `r_a_slash_at_the_end_is_refused`).
        let bare = path.trim_end_matches('/');
        if bare != path && self.folded.at(&bare.to_ascii_lowercase()).is_ok() {
            return Err(Refusal::new(
                Reason::Malformed,
                "the path is an operation's but for the `/` at its end: send it as documented",
            ));
        }
        Ok(path)
    }

    /// The one of a path's operations that a call is.
    fn fitting<'o>(&self, operations: &'o [Operation], call: &Call) -> Result<Option<&'o Operation>, Refusal> {
        let Some(closed) = &self.closed else {
            return Ok(operations.first());
        };
        let asked = closed.read(call)?;
        let telling = || operations.iter().flat_map(|operation| &operation.conditions.headers);
        let fits =
            |operation: &&Operation| closed.fits(&operation.name, &operation.conditions, &asked, telling(), call);
        Ok(operations.iter().find(fits))
    }
}

/// A template without its parameters' names: `/v1/charges/{p0}`; `{*p1}` takes all segments that are left.
fn shape(template: &str) -> String {
    let mut count = 0;
    let segments = template.split('/').map(|segment| {
        if segment.starts_with('{') {
            count += 1;
            let rest = match segment.ends_with("+}") || segment.ends_with("*}") {
                true => "*",
                false => "",
            };
            format!("{{{rest}p{}}}", count - 1)
        } else {
            segment.to_owned()
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// A template's parameters in order. Segments are plain text or one whole `{name}`, the last one also `{name+}` or
/// `{name*}`.
pub(super) fn parameters(template: &str) -> Result<Vec<&str>, String> {
    let segments = template
        .strip_prefix('/')
        .ok_or_else(|| format!("`{template}`: a template starts with `/`"))?;
    let mut names = Vec::new();
    let mut segments = segments.split('/').filter(|_| template != "/").peekable();
    while let Some(segment) = segments.next() {
        let name = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        let name = match segments.peek() {
            None => name.map(|name| name.strip_suffix(['+', '*']).unwrap_or(name)),
            Some(_) => name,
        };
        let text = name.unwrap_or(segment);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if text.is_empty() || !text.bytes().all(plain) || [".", ".."].contains(&text) {
            return Err(format!(
                "`{template}`: expected segments of letters, digits, `_`, `-`, `.`, or a whole `{{name}}`, the last one also `{{name+}}` or `{{name*}}`"
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

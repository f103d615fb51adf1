//! How a provider's operations are told apart.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use http::Method;
use matchit::Router;

use super::path;
use super::service::Operation;
use crate::model::{Call, Reason, Refusal};

mod apis;
mod conditions;
mod names;
mod shape;

pub(super) use apis::{ACTION, Apis, VERSION};
pub(super) use conditions::{Closed, Conditions};
pub(super) use names::{NameSource, Names};
pub(super) use shape::Shape;

/// The operations of one mapping file.
pub(super) enum Dispatch {
    Path(Box<Routes>),
    Name(Names),
    Aws(Box<Apis>),
}

impl Dispatch {
    /// All operations, in no order; true beside those that are many, told by how their names begin.
    pub(super) fn operations(&self) -> Box<dyn Iterator<Item = (&Operation, bool)> + '_> {
        match self {
            Dispatch::Path(routes) => {
                let all = routes.shapes.iter().flatten();
                Box::new(all.map(|(_, operation)| (&**operation, false)))
            }
            Dispatch::Name(names) => {
                let exact = names.exact.values().map(|operation| (operation, false));
                Box::new(exact.chain(names.prefixes.iter().map(|(_, operation)| (operation, true))))
            }
            Dispatch::Aws(apis) => Box::new(apis.operations().map(|operation| (operation, false))),
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
            Dispatch::Aws(apis) if apis.has_routes => path::check_escaped(without_end(path)),
            Dispatch::Aws(_) => path::check(path),
        }
    }

    /// The same for a path that no operation has: nothing in it is any text.
    pub(super) fn check_unnamed(&self, path: &str) -> Result<(), Refusal> {
        match self {
            Dispatch::Path(routes) if !routes.escaped.is_empty() => path::check(path),
            Dispatch::Path(_) | Dispatch::Name(_) | Dispatch::Aws(_) => Ok(()),
        }
    }

    /// The operations, where this parameter names them.
    pub(super) fn by_parameter(&self, parameter: &str) -> Option<&Names> {
        match self {
            Dispatch::Name(names) => match &names.source {
                NameSource::Parameter(own) if **own == *parameter => Some(names),
                NameSource::Parameter(_) | NameSource::Header { .. } | NameSource::Path(_) => None,
            },
            Dispatch::Aws(apis) => apis.query.as_ref().filter(|_| parameter == ACTION),
            Dispatch::Path(_) => None,
        }
    }

    /// Whether a header field names the operation.
    pub(super) fn is_by_header(&self) -> bool {
        match self {
            Dispatch::Name(names) => matches!(names.source, NameSource::Header { .. }),
            Dispatch::Path(_) | Dispatch::Aws(_) => false,
        }
    }
}

/// A path without the slash at its end, which says nothing to AWS.
fn without_end(path: &str) -> &str {
    match path.strip_suffix('/') {
        None | Some("") => path,
        Some(path) => path,
    }
}

/// Operations by method and path template, and by query and header fields where the file says so.
#[derive(Default)]
pub(super) struct Routes {
    /// Template → which of `shapes`.
    templates: Router<usize>,
    /// The same in lower case, to see what differs in case only.
    folded: Router<usize>,
    /// Those of one method together: most conditions first.
    shapes: Vec<Vec<(Method, Arc<Operation>)>>,
    by_shape: HashMap<String, usize>,
    closed: Option<Closed>,
    /// Endings by which clients choose the answer's format.
    formats: Vec<Box<str>>,
    /// Parameters that are any text.
    escaped: HashSet<Box<str>>,
    /// Templates that end with `/`.
    with_slash: HashSet<usize>,
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
    pub(super) fn insert(&mut self, method: &Method, template: &str, operation: Arc<Operation>) -> Result<(), String> {
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
                self.shapes.push(Vec::new());
                if shape.len() > 1 && shape.ends_with('/') {
                    self.with_slash.insert(at);
                }
                self.by_shape.insert(shape, at);
                at
            }
        };
        let Some(operations) = self.shapes.get_mut(at) else {
            return Ok(());
        };
        let conditions = &operation.conditions;
        let equal = |(other, listed): &&(Method, Arc<Operation>)| {
            let same = listed.conditions.count() == conditions.count() && listed.conditions.meets(conditions);
            other == method && same
        };
        if let Some((_, other)) = operations.iter().find(equal) {
            let names = (&other.name, &operation.name);
            return Err(format!("`{method} {template}` is both `{}` and `{}`", names.0, names.1));
        }
        let goes_before = |(other, listed): &(Method, Arc<Operation>)| {
            let rank = |method: &Method, count| (method.as_str().to_owned(), std::cmp::Reverse(count));
            rank(other, listed.conditions.count()) <= rank(method, conditions.count())
        };
        let place = operations.partition_point(goes_before);
        operations.insert(place, (method.clone(), operation));
        Ok(())
    }

    /// Once all are there: what is needed for adding only is let go.
    pub(super) fn settle(&mut self) {
        self.by_shape = HashMap::new();
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
            return Ok(None);
        };
        let operations = self.shapes.get(*found.value).into_iter().flatten();
        let operations = operations.filter(|(listed, _)| listed == method);
        let Some(operation) = self.fitting(operations.map(|(_, operation)| &**operation), call)? else {
            return Ok(None);
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
            let told = operation.shape.ends_in_word || operation.parameters.last().is_some_and(is_text);
            if path::has_format(path) && !told {
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
        let has_slash = || {
            self.templates
                .at(path)
                .is_ok_and(|found| self.with_slash.contains(found.value))
        };
        if bare != path && has_slash() {
            return Ok(path);
        }
        if bare != path && self.folded.at(&bare.to_ascii_lowercase()).is_ok() {
            return Err(Refusal::new(
                Reason::Malformed,
                "the path is an operation's but for the `/` at its end: send it as documented",
            ));
        }
        Ok(path)
    }

    /// Whether query parameters tell operations apart.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// The one of a path's operations that a call is.
    fn fitting<'o>(
        &self,
        mut operations: impl Iterator<Item = &'o Operation> + Clone,
        call: &Call,
    ) -> Result<Option<&'o Operation>, Refusal> {
        let Some(closed) = &self.closed else {
            return Ok(operations.next());
        };
        let asked = closed.read(call)?;
        let all = operations.clone();
        if closed.open {
            let tells = |name: &str| all.clone().any(|operation| operation.conditions.tells(name));
            return Ok(operations.find(|operation| operation.conditions.fits_openly(&asked, &tells)));
        }
        let telling = || all.clone().flat_map(|operation| &operation.conditions.headers);
        let fits =
            |operation: &&Operation| closed.fits(&operation.name, &operation.conditions, &asked, telling(), call);
        Ok(operations.find(fits))
    }
}

/// A segment of a template in which something is a parameter: what stands before its name, the name with `+` or `*`, and
/// what stands after it.
pub(super) fn slot(segment: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = segment.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// A template without its parameters' names: `/v1/charges/{p0}`, `/v1/items/{p0}:undelete`; `{*p1}` takes all segments that
/// are left.
fn shape(template: &str) -> String {
    let mut count = 0;
    let segments = template.split('/').map(|segment| match slot(segment) {
        None => segment.to_owned(),
        Some((before, name, after)) => {
            count += 1;
            let rest = match name.ends_with(['+', '*']) {
                true => "*",
                false => "",
            };
            format!("{before}{{{rest}p{}}}{after}", count - 1)
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// A template's parameters in order. Segments are plain text with at most one `{name}`, the last one also a whole `{name+}`
/// or `{name*}`.
pub(super) fn parameters(template: &str) -> Result<Vec<&str>, String> {
    let segments = template
        .strip_prefix('/')
        .ok_or_else(|| format!("`{template}`: a template starts with `/`"))?;
    let mut names = Vec::new();
    let mut segments = segments.split('/').filter(|_| template != "/").peekable();
    while let Some(segment) = segments.next() {
        let (before, name, after) = slot(segment).unwrap_or((segment, "", ""));
        let has_name = slot(segment).is_some();
        let name = match segments.peek() {
            None if before.is_empty() && after.is_empty() => name.strip_suffix(['+', '*']).unwrap_or(name),
            None | Some(_) => name,
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let text = |byte: u8| {
            plain(byte)
                || matches!(
                    byte,
                    b':' | b'$' | b'@' | b'!' | b'(' | b')' | b',' | b'=' | b'+' | b'~'
                )
        };
        let right = match has_name {
            true => !name.is_empty() && name.bytes().all(plain),
            // A template may end with `/`.
            false if segment.is_empty() => segments.peek().is_none(),
            false => ![".", ".."].contains(&segment),
        };
        if !right || !before.bytes().chain(after.bytes()).all(text) {
            return Err(format!(
                "`{template}`: expected segments of letters, digits, `_`, `-`, `.`, `:`, with at most one `{{name}}`, the last one also a whole `{{name+}}` or `{{name*}}`"
            ));
        }
        if has_name {
            if names.contains(&name) {
                return Err(format!("`{template}` names `{name}` twice"));
            }
            names.push(name);
        }
    }
    Ok(names)
}

/// `/v1|v2/items` → `/v1/items` and `/v2/items`. One segment of a template may be several words.
pub(super) fn alternatives(template: &str) -> Vec<String> {
    match template.split('/').find(|segment| segment.contains('|')) {
        None => vec![template.to_owned()],
        Some(several) => {
            let (before, after) = template.split_once(several).unwrap_or((template, ""));
            several.split('|').map(|one| format!("{before}{one}{after}")).collect()
        }
    }
}

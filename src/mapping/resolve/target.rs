//! What a call does something to.

use serde_json::Value as Json;

use crate::mapping::document::{Document, Node, Path};
use crate::mapping::field::Type;
use crate::mapping::path;
use crate::mapping::service::{TargetRule, Wrapped};
use crate::model::{Target, Value};

/// How many things besides its own target a call may name, each of which is judged: Cloud Storage composes so many.
const MAX_OTHERS: usize = 32;

impl TargetRule {
    /// The operation's own: without an id unless each path finds exactly one; and the same by its whole ARN, if it was written so.
    pub(super) fn own(&self, document: &Document<'_>) -> (Target, Option<Target>) {
        let told = self.one(document).and_then(|id| self.told(id));
        told.unwrap_or_else(|| (self.target(None), None))
    }

    /// SECURITY: which of two places the provider looks at nobody tells, so that they must name the same (test
    /// `a_project_that_is_told_in_two_ways_is_told_in_none`).
    fn one(&self, document: &Document<'_>) -> Option<String> {
        let (last, holders) = self.place(document)?;
        let last = match &self.wrapped {
            Some(wrapped) => wrapped.place(last, document)?,
            None => last,
        };
        let places = std::iter::once(last).chain(&self.also);
        let found = places.filter(|path| !path.is_absent(document));
        let mut ids = found.map(|path| self.id(path.only(document)?, &holders, document));
        let first = ids.next()??;
        ids.all(|id| id.as_ref() == Some(&first)).then_some(first)
    }

    /// Another's: each id that is there. None if one of them cannot be told, or if there are none or too many.
    pub(super) fn others(&self, document: &Document<'_>) -> Option<Vec<Target>> {
        let ids = self.ids(document)?;
        if !(1..=MAX_OTHERS).contains(&ids.len()) {
            return None;
        }
        let told: Vec<_> = ids.into_iter().map(|id| self.told(id)).collect::<Option<_>>()?;
        Some(
            told.into_iter()
                .flat_map(|(target, whole)| [Some(target), whole])
                .flatten()
                .collect(),
        )
    }

    /// The target of that id. What is written as an ARN is told by its name, and by the whole: a rule about one's own
    /// `payroll` sees it, and one that permits one's own `scratch` does not permit somebody else's.
    ///
    /// SECURITY: what is written as neither is not told (test `what_is_restored_by_its_arn_has_its_name`).
    fn told(&self, mut id: String) -> Option<(Target, Option<Target>)> {
        if self.any_case {
            id.make_ascii_lowercase();
        }
        if self.arn.is_empty() {
            return Some((self.target(Some(id)), None));
        }
        if !id.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("arn:")) {
            return is_name(&id).then(|| (self.target(Some(id)), None));
        }
        let (of, name) = id.strip_prefix("arn:")?.splitn(5, ':').nth(4)?.split_once([':', '/'])?;
        let (_, kind) = self.arn.iter().find(|(known, _)| **known == *of)?;
        let target = |id: &str| Target {
            kind: kind.clone(),
            id: Some(id.to_owned()),
        };
        is_name(name).then(|| (target(name), Some(target(&id))))
    }

    pub(super) fn target(&self, id: Option<String>) -> Target {
        Target {
            kind: self.kind.clone(),
            id,
        }
    }

    /// Each id that is there.
    fn ids(&self, document: &Document<'_>) -> Option<Vec<String>> {
        let (last, holders) = self.place(document)?;
        let nodes = last.select(document).into_iter().take(MAX_OTHERS + 1);
        nodes.map(|node| self.id(node, &holders, document)).collect()
    }

    /// Where ids stand, and what holds them, which is one.
    fn place(&self, document: &Document<'_>) -> Option<(&Path, Vec<String>)> {
        let (last, holders) = self.id.split_last()?;
        let holders = holders
            .iter()
            .map(|path| self.text(path.only(document)?, document))
            .collect::<Option<_>>()?;
        Some((last, holders))
    }

    /// `holder/id`, or the id alone.
    fn id(&self, node: Node<'_>, holders: &[String], document: &Document<'_>) -> Option<String> {
        let mut id = self.text(node, document)?;
        if let Some(ending) = &self.without {
            strip_ending(&mut id, ending);
        }
        for holder in holders.iter().rev() {
            id.insert(0, '/');
            id.insert_str(0, holder);
        }
        Some(id)
    }

    fn text(&self, node: Node<'_>, document: &Document<'_>) -> Option<String> {
        match Type::Text.read(node, document) {
            Ok(Value::Text(text)) if self.url_path => of_url_path(&text),
            Ok(Value::Text(text)) => Some(text),
            Ok(Value::Bool(_) | Value::Int(_) | Value::List(_)) | Err(_) => None,
        }
    }
}

impl Wrapped {
    /// Where the id stands; none where what is wrapped has something beside it.
    ///
    /// SECURITY: a server that takes what is wrapped does not look at a project beside that, by which the call would be judged
    /// (test `a_project_beside_wrapped_arguments_is_not_told`).
    fn place<'p>(&'p self, plain: &'p Path, document: &Document<'_>) -> Option<&'p Path> {
        let found = self.around.only(document);
        let Some(Node::Json(Json::Object(members))) = found else {
            return Some(plain);
        };
        match (members.contains_key(&*self.name), members.len()) {
            (false, _) => Some(plain),
            (true, 1) => Some(&self.id),
            (true, _) => None,
        }
    }
}

/// SECURITY: a rule about `acme/app` would not see a push to `acme/app.git`, which is the same repository (test
/// `a_repository_is_one_target_with_git_at_its_end_and_without`).
fn strip_ending(id: &mut String, ending: &str) {
    let at = id.len().checked_sub(ending.len()).filter(|at| *at > 0);
    let ends = |at: &usize| id.get(*at..).is_some_and(|end| end.eq_ignore_ascii_case(ending));
    if let Some(at) = at.filter(ends) {
        id.truncate(at);
    }
}

/// `bucket/a key` of `/bucket/a%20key?versionId=1`.
///
/// SECURITY: what may be read in two ways is not told: `+` is a space or a plus, and what has a `:` before its first slash
/// is no path but an ARN or a URL, which name the same thing by another name (test
/// `a_source_that_cannot_be_told_is_missing`).
fn of_url_path(text: &str) -> Option<String> {
    let (written, query) = text.split_once('?').unwrap_or((text, "versionId="));
    let version = query.strip_prefix("versionId=")?;
    if written.contains('+') || version.contains(['&', '?']) {
        return None;
    }
    let decoded = path::parameter(written).ok()?;
    let id = decoded.strip_prefix('/').unwrap_or(&decoded);
    let (first, rest) = id.split_once('/')?;
    let plain = !first.is_empty() && !first.contains(':') && !rest.is_empty();
    plain.then(|| id.to_owned())
}

/// An automatic snapshot's has a colon itself (`rds:name`).
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    !name.is_empty() && !name.starts_with(':') && name.bytes().all(plain)
}

//! What follows for generated operations from what their descriptions say.

use std::sync::Arc;

use http::Method;

use super::{Compiler, Context};
use crate::io::yaml::Located;
use crate::mapping::dispatch;
use crate::mapping::document::Path;
use crate::mapping::field::{Reading, Reducer, Rule};
use crate::mapping::file;
use crate::mapping::service::{Meaning, TargetRule, UNTOLD};
use crate::model::Access;

/// The kind of what nothing is known of.
const RESOURCE: &str = "resource";
/// Words in the names of parameters whose values may be secrets: no id is read from them.
const SECRETS: [&str; 9] = [
    "auth",
    "code",
    "hash",
    "key",
    "otp",
    "password",
    "secret",
    "signature",
    "token",
];

impl Compiler<'_> {
    /// What an operation that a person wrote down means.
    pub(super) fn written(&mut self, at: &Located<file::Operation>) -> Option<Meaning> {
        let operation = &at.value;
        if operation.action.is_none() || operation.target.is_none() {
            self.wrong(
                at,
                "expected `action` and `target`: only generated files may leave them out",
            );
        }
        let action = operation.action.as_ref()?;
        if operation.by.is_some() {
            self.wrong(at, "`by` says how a generated operation's access is known");
        }
        self.meaning(at, action, operation.access, operation.summary.as_deref())
    }

    /// What a generated operation means: its action, or what follows from its access.
    ///
    /// SECURITY: it never reads without evidence, and its action is never milder than its access (test
    /// `a_generated_operation_is_no_milder_than_its_evidence`).
    pub(super) fn derived(&mut self, at: &Located<file::Operation>, method: Option<&Method>) -> Option<Arc<Meaning>> {
        let operation = &at.value;
        let safe = method.is_some_and(|method| matches!(*method, Method::GET | Method::HEAD));
        let of_method = method.map(|method| match *method {
            Method::DELETE => Access::Delete,
            _ if safe => Access::Read,
            _ => Access::Write,
        });
        let Some(access) = operation.access.or(of_method) else {
            self.wrong(at, "expected `access`: no method tells it");
            return None;
        };
        if access == Access::Read && !safe && operation.by.is_none() {
            self.wrong(
                at,
                "what is not GET or HEAD reads only by evidence: `by: authorization`, `scopes` or `name`",
            );
        }
        let default = match access {
            Access::Read => "read_record",
            Access::Write => "call_api",
            Access::Delete => "delete_record",
            Access::Admin => "modify_security",
        };
        let name = operation.action.as_ref().map_or(default, |action| &action.value);
        let definition = self.vocabulary.actions.get(name);
        if let Some(definition) = definition.filter(|definition| definition.access < access) {
            let message = format!(
                "`{name}` is {}, which is milder than {}",
                definition.access.as_str(),
                access.as_str()
            );
            self.wrong(at, message);
        }
        // The access is what the evidence says, unless the action only reads or only changes: that goes before it.
        let said = definition.map_or(access, |definition| match (access, definition.access) {
            (Access::Read, own) | (_, own @ Access::Read) => own,
            (said, _) => said,
        });
        let key: (Arc<str>, Access) = (name.into(), said);
        if let Some(known) = self.derived.get(&key).filter(|_| operation.summary.is_none()) {
            return Some(known.clone());
        }
        let action = match &operation.action {
            Some(action) => Located {
                value: action.value.clone(),
                ..*action
            },
            None => Located {
                value: name.to_owned(),
                line: at.line,
                column: at.column,
            },
        };
        let meaning = Arc::new(self.meaning(at, &action, Some(said), operation.summary.as_deref())?);
        if operation.summary.is_none() {
            self.derived.insert(key, meaning.clone());
        }
        Some(meaning)
    }

    /// The target by the path: `/v1/items/{item}`, `/v1/items/{item}:undelete` and `POST /v1/items/{item}/undelete` are about
    /// that item, `/v1/items` about items.
    pub(super) fn derived_target(
        &mut self,
        meaning: &Meaning,
        fields: &mut Vec<(Arc<str>, Rule)>,
        context: &Context<'_>,
    ) -> TargetRule {
        let template = context.template.unwrap_or_default();
        let word = |segment: &&str| {
            dispatch::slot(segment).is_none() && segment.starts_with(|first: char| first.is_ascii_alphabetic())
        };
        let mut ends = template.rsplit('/');
        let last = ends.next().unwrap_or_default();
        // `/v1/invoices/{invoice}/pay` is about that invoice, `/v1/invoices/{invoice}/lines` about its lines.
        let done = word(&last)
            && meaning.access != Access::Read
            && singular(last) == singular(&format!("{last}s"))
            && ends.next().is_some_and(|before| dispatch::slot(before).is_some());
        let ends = done || dispatch::slot(last).is_some();
        let kind = template
            .rsplit('/')
            .filter(word)
            .nth(usize::from(done))
            .map(|segment| segment.split([':', '|']).next().unwrap_or(segment));
        let kind = kind.map_or_else(|| RESOURCE.to_owned(), singular);
        let is_secret = |name: &Arc<str>| {
            let name = name.to_ascii_lowercase();
            SECRETS.iter().any(|word| name.contains(word))
        };
        let id = context.parameters.last().filter(|name| ends && !is_secret(name));
        let id: Vec<Path> = id.map(|name| Path::Parameter((**name).into())).into_iter().collect();
        if !id.is_empty()
            && let Some(field) = meaning.allows(UNTOLD)
            && !fields.iter().any(|(name, _)| name == field)
        {
            let reading = Reading {
                from: id.clone(),
                require: None,
                reduce: Reducer::List,
            };
            fields.push((field.clone(), Rule::Read(reading)));
        }
        TargetRule {
            kind: self.word(&kind),
            id,
            also: Vec::new(),
            wrapped: None,
            without: None,
            url_path: false,
            arn: Vec::new(),
            any_case: false,
        }
    }
}

/// `databases` → `database`, `httpRoutes` → `http_route`.
fn singular(word: &str) -> String {
    let mut out = String::new();
    for letter in word.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        match letter.is_ascii_alphanumeric() {
            true => out.push(letter.to_ascii_lowercase()),
            false => out.push('_'),
        }
    }
    match (out.strip_suffix("ies"), out.strip_suffix('s')) {
        (Some(stem), _) if stem.len() > 1 => format!("{stem}y"),
        (_, Some(stem)) if !stem.ends_with(['s', 'u', 'i']) && stem.len() > 1 => stem.to_owned(),
        (Some(_) | None, _) => out,
    }
}

#[cfg(test)]
mod tests {
    use super::singular;

    #[test]
    fn one_of_many_has_its_own_word() {
        for (many, one) in [
            ("databases", "database"),
            ("policies", "policy"),
            ("httpRoutes", "http_route"),
            ("status", "status"),
            ("access", "access"),
            ("dns-records", "dns_record"),
            ("analysis", "analysis"),
        ] {
            assert_eq!(singular(many), one);
        }
    }
}

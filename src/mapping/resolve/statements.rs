//! Calls that carry SQL: what its statements do.

use std::collections::BTreeSet;

use super::named::Fields;
use super::{Decoded, Matched};
use crate::mapping::document::Node;
use crate::mapping::service::{Meaning, SqlReader};
use crate::mapping::sql::{self, Class, Deed};
use crate::mapping::{Mappings, inert};
use crate::model::{Access, Action, Call, Missing, Value, Why};

impl Mappings {
    /// A call that a rule names, and the statements in it. Where none is, it is the most dangerous one, unless a predicate
    /// says what the call does.
    ///
    /// SECURITY: no text, or one that is none, is no read (test `a_call_without_its_statement_is_no_read`).
    pub(super) fn by_statements(
        &self,
        call: &Call,
        matched: &Matched<'_>,
        decoded: &Decoded,
        reader: &SqlReader,
    ) -> Action {
        let mut base = self.named(call, matched, decoded);
        let document = matched.document(call, decoded);
        let nodes: Vec<_> = reader.from.iter().flat_map(|path| path.select(&document)).collect();
        let (first, _) = matched.operation.meanings(|trigger| trigger.applies(&document));
        let predicated = !std::ptr::eq(first, &*matched.operation.meaning);
        if nodes.is_empty() && predicated {
            return base;
        }
        let texts: Option<Vec<&str>> = nodes.iter().map(text).collect();
        let texts = texts.unwrap_or_default();
        let deeds = sql::read(&texts, &reader.engines, &reader.pure);
        let mut actions: Vec<Action> = deeds
            .iter()
            .filter_map(|deed| {
                let (_, meaning) = reader.meanings.iter().find(|(class, _)| *class == deed.class)?;
                let (fields, missing) = self.read(matched, meaning, &document);
                Some(self.done(&base, deed, meaning, fields, missing, &matched.service.title))
            })
            .collect();
        if let Some(first) = actions.first_mut() {
            tell_all(first, &deeds);
        }
        let also = std::mem::take(&mut base.also);
        if predicated {
            actions.push(base);
        }
        actions.extend(also);
        actions.sort_by_key(|action| action.access == Access::Read);
        let Some(mut action) = together(actions) else {
            return self.unnamed(call, Some(matched.service), false);
        };
        action.summary.push_str(": ");
        inert::push(&mut action.summary, &texts.join("; "));
        action
    }

    fn done(
        &self,
        base: &Action,
        deed: &Deed,
        meaning: &Meaning,
        mut fields: Fields,
        mut missing: Vec<Missing>,
        title: &str,
    ) -> Action {
        let mut tell = |name: &str, value: Option<Value>| {
            let Some(name) = meaning.allows(name) else {
                return;
            };
            missing.retain(|missing| missing.field != *name);
            match value {
                Some(value) => drop(fields.insert(name.clone(), value)),
                None => missing.push(Missing {
                    field: name.clone(),
                    why: Why::Unreadable,
                }),
            }
        };
        tell(
            "sql_verb",
            Some(deed.verb.clone()).filter(|verb| !verb.is_empty()).map(Value::Text),
        );
        match (deed.untold, deed.tables.is_empty()) {
            (true, _) => tell("sql_tables", None),
            (false, true) => {}
            (false, false) => tell("sql_tables", Some(Value::List(deed.tables.iter().cloned().collect()))),
        }
        if matches!(deed.class, Class::Update | Class::Delete) {
            let told = deed.unbounded || !deed.limit_untold;
            tell("unbounded", told.then_some(Value::Bool(deed.unbounded)));
        }
        let mut action = Action {
            name: meaning.action.clone(),
            access: meaning.access,
            fields,
            missing,
            unmapped: base.unmapped || deed.class == Class::Held,
            also: Vec::new(),
            ..base.clone()
        };
        action.summary = meaning.summary.render(&action, self.wording(title));
        action
    }
}

/// The tables of all changes are the first one's, which the call is known by; its summary tells its own.
fn tell_all(first: &mut Action, deeds: &[Deed]) {
    let changes = deeds.iter().filter(|deed| deed.class != Class::Read);
    let all: BTreeSet<&String> = changes.flat_map(|deed| &deed.tables).collect();
    if let Some(Value::List(tables)) = first.fields.get_mut("sql_tables").filter(|_| !all.is_empty()) {
        *tables = all.into_iter().cloned().collect();
    }
}

fn text<'a>(node: &Node<'a>) -> Option<&'a str> {
    match node {
        Node::Text(text) => Some(text),
        Node::Json(serde_json::Value::String(text)) => Some(text),
        Node::Json(_) | Node::Opaque => None,
    }
}

/// The first with all the others beside it.
pub(super) fn together(actions: Vec<Action>) -> Option<Action> {
    let mut actions = actions.into_iter();
    let mut first = actions.next()?;
    for mut other in actions {
        let beside = std::mem::take(&mut other.also);
        for one in std::iter::once(other).chain(beside) {
            first.summary.push_str("; also: ");
            first.summary.push_str(&one.summary);
            first.also.push(one);
        }
    }
    Some(first)
}

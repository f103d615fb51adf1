//! What in a call makes it mean something else than its operation.

use serde_json::Value;

use crate::mapping::document::{Document, Node, Path};

/// What in a call makes it mean something else.
pub(in crate::mapping) struct Trigger {
    pub any: Path,
    /// If there are some: what `any` finds must be one of these.
    pub values: Vec<Box<str>>,
    /// It does not apply to these.
    pub except: Vec<Box<str>>,
    /// It applies where `any` finds nothing, rather than anything.
    pub absent: bool,
    /// If there are some: what `any` finds must have members besides these.
    pub beyond: Vec<Box<str>>,
    /// Nor do these count, as numbers or null.
    pub numbers: Vec<Box<str>>,
}

impl Trigger {
    pub(in crate::mapping) fn applies(&self, document: &Document<'_>) -> bool {
        let listed = |list: &[Box<str>], text: &str| list.iter().any(|value| value.eq_ignore_ascii_case(text));
        let counts = |text: &str| (self.values.is_empty() || listed(&self.values, text)) && !listed(&self.except, text);
        let named = |node: &Node<'_>| match node {
            Node::Text(text) => counts(text),
            Node::Json(Value::String(text)) => counts(text),
            Node::Json(Value::Object(members)) if !self.beyond.is_empty() => {
                let among = |list: &[Box<str>], name: &str| list.iter().any(|known| **known == *name);
                let known = |(name, value): (&String, &Value)| {
                    among(&self.beyond, name) || ((value.is_number() || value.is_null()) && among(&self.numbers, name))
                };
                !members.iter().all(known)
            }
            Node::Json(Value::Bool(value)) => !listed(&self.except, if *value { "true" } else { "false" }),
            // Not a text at all: what the provider makes of it, nobody knows.
            Node::Json(_) | Node::Opaque => true,
        };
        let found = self.any.select(document);
        match self.absent {
            true => found.is_empty(),
            false => found.iter().any(named),
        }
    }
}

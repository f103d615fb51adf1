//! Which attributes of the context rules read: all else of a call cannot change what they say.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::Policy;
use serde_json::Value;

/// Names of the context, over one or several rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mentions {
    Names(BTreeSet<Arc<str>>),
    /// A rule takes the context as a whole, or cannot be looked into.
    Everything,
}

/// Whether a rule reads an attribute `id`, as only targets have one.
pub(super) fn reads_id(policy: &Policy) -> bool {
    policy.to_json().map_or(true, |rule| finds_id(&rule))
}

fn finds_id(expression: &Value) -> bool {
    match expression {
        Value::Object(fields) => {
            fields
                .get("attr")
                .is_some_and(|name| name.as_str().is_none_or(|name| name == "id"))
                || fields.values().any(finds_id)
        }
        Value::Array(items) => items.iter().any(finds_id),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

impl Default for Mentions {
    fn default() -> Self {
        Mentions::Names(BTreeSet::new())
    }
}

impl Mentions {
    /// Of a rule, by Cedar's JSON form of it.
    pub(super) fn of(policy: &Policy) -> Self {
        let mut names = BTreeSet::new();
        match policy.to_json() {
            Ok(rule) if collect(&rule, &mut names) => Mentions::Names(names),
            Ok(_) | Err(_) => Mentions::Everything,
        }
    }

    /// Whether a rule may read this name.
    pub(super) fn hold(&self, name: &str) -> bool {
        match self {
            Mentions::Names(names) => names.contains(name),
            Mentions::Everything => true,
        }
    }

    pub(super) fn add(&mut self, more: &Mentions) {
        match (&mut *self, more) {
            (Mentions::Names(names), Mentions::Names(more)) => names.extend(more.iter().cloned()),
            (_, Mentions::Everything) => *self = Mentions::Everything,
            (Mentions::Everything, _) => {}
        }
    }
}

/// Collects the names; false where the context stands for itself.
// SECURITY: a name that is overlooked would leave a rule without what it asks for. Whatever is not surely a name counts as
// the whole context. Test: `the_index_agrees_with_the_whole_set`.
fn collect(expression: &Value, names: &mut BTreeSet<Arc<str>>) -> bool {
    let fields = match expression {
        Value::Object(fields) => fields,
        Value::Array(items) => return items.iter().all(|item| collect(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return true,
    };
    fields.iter().all(|(operator, operand)| match operator.as_str() {
        "Var" if operand == "context" => false,
        "." | "has" if operand.get("left").is_some_and(is_context) => match operand.get("attr") {
            Some(Value::String(name)) => {
                names.insert(name.as_str().into());
                true
            }
            _ => false,
        },
        _ => collect(operand, names),
    })
}

fn is_context(expression: &Value) -> bool {
    expression.get("Var").is_some_and(|variable| variable == "context")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(condition: &str) -> Mentions {
        let rule = format!("permit (principal, action, resource) when {{ {condition} }};");
        Mentions::of(&Policy::parse(None, rule).unwrap())
    }

    fn names(names: &[&str]) -> Mentions {
        Mentions::Names(names.iter().map(|name| Arc::from(*name)).collect())
    }

    #[test]
    fn a_rule_mentions_what_it_reads_and_tests() {
        assert_eq!(of("true"), names(&[]));
        assert_eq!(of("resource.kind == \"charge\""), names(&[]));
        assert_eq!(
            of("context.a > 1 && !(context has b) || [context.c].contains(2)"),
            names(&["a", "b", "c"])
        );
        assert_eq!(of("context[\"a b\"] like \"x*\""), names(&["a b"]));
        assert_eq!(
            of("{\"Var\": context.a, \".\": context.b}.Var == 1"),
            names(&["a", "b"])
        );
    }

    #[test]
    fn a_rule_that_takes_the_context_whole_mentions_everything() {
        for whole in [
            "context has a.b.c && context.a.b.c == 1",
            "context == {\"a\": 1}",
            "[context].contains({})",
            "{\"Var\": context}.Var.a",
            "(if true then context else {\"a\": 1}).a == 1",
        ] {
            assert_eq!(of(whole), Mentions::Everything, "{whole}");
        }
    }

    #[test]
    fn a_rule_that_reads_a_targets_id_is_known() {
        let reads = |condition: &str| {
            let rule = format!("permit (principal, action, resource) when {{ {condition} }};");
            reads_id(&Policy::parse(None, rule).unwrap())
        };
        for reading in [
            "resource.id == \"a\"",
            "resource has id",
            "!(1 == 2 || (if true then resource else resource).id == \"a\")",
        ] {
            assert!(reads(reading), "{reading}");
        }
        assert!(!reads("resource.kind == \"id\" && context.amount > 1"));
    }

    #[test]
    fn rules_together_mention_what_each_does() {
        let mut all = of("context.a == 1");
        all.add(&of("context.b == 1"));
        assert_eq!(all, names(&["a", "b"]));
        all.add(&Mentions::Everything);
        all.add(&of("context.c == 1"));
        assert_eq!(all, Mentions::Everything);
    }
}

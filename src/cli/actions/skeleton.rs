//! The beginning of a rule about an action.

use std::fmt::Write as _;

use crate::model::Vocabulary;
use crate::model::vocabulary::{ActionDefinition, FieldType};

/// A rule file that can be loaded as it is: it asks for a person where the first condition holds. Further conditions, one
/// for each field, stand in it as comments, each to be taken in as it is.
pub(super) fn of(name: &str, definition: &ActionDefinition, vocabulary: &Vocabulary) -> String {
    let mut conditions = conditions(definition, vocabulary);
    // What must be told decides best; where nothing must be, where it happens.
    let first = match definition.required.is_empty() {
        true => production(),
        false => conditions.remove(0),
    };
    let mut rule = format!(
        "@id(\"{}-needs-a-person\")\n\
         @decision(\"REQUIRE_APPROVAL\") // without this line it is a block\n\
         @reason(\"Say why, for whoever meets it\")\n\
         forbid (principal, action == Action::\"{name}\", resource)\n\
         when {{\n  {first}\n",
        name.replace('_', "-")
    );
    let further = conditions.into_iter().chain((first != production()).then(production));
    for condition in further {
        let _ = writeln!(rule, "  // && {condition}"); // writing into a String cannot fail
    }
    rule.push_str("};\n");
    rule
}

fn production() -> String {
    "resource.environment == \"production\"".to_owned()
}

/// One for each field, those that must be told first.
fn conditions(definition: &ActionDefinition, vocabulary: &Vocabulary) -> Vec<String> {
    let condition = |name: &str, told: bool| {
        let kind = vocabulary.fields.get(name)?.kind;
        let test = match kind {
            FieldType::Int => format!("context.{name} > 100"),
            FieldType::String => format!("context.{name} == \"…\""),
            FieldType::Bool => format!("context.{name}"),
            FieldType::Strings => format!("context.{name}.contains(\"…\")"),
        };
        Some(match told {
            true => test,
            false => format!("context has {name} && {test}"),
        })
    };
    let optional = definition
        .optional
        .iter()
        .filter(|name| !definition.required.contains(name));
    let required = definition.required.iter().filter_map(|name| condition(name, true));
    required
        .chain(optional.filter_map(|name| condition(name, false)))
        .collect()
}

//! The Cedar schema, written from the vocabulary, so that mapping and policy cannot drift apart.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::model::Vocabulary;
use crate::model::vocabulary::ActionDefinition;

/// What the records are called that a call is about.
pub(super) const RECORD_KINDS: &str = "record_kinds";

/// Context that every action has, besides its own fields: name and Cedar type.
pub(super) const COMMON: [(&str, &str); 9] = [
    ("host", "String"),
    ("operation", "String"),
    ("access", "String"),
    ("method", "String"),
    ("unmapped", "Bool"),
    ("inspected", "Bool"),
    (RECORD_KINDS, "Set<String>"),
    ("time", "LocalTime"),
    ("risk", "Long"),
];

/// What an editor shows beside such a name, where the name does not say it.
pub(super) fn says(common: &str) -> &'static str {
    match common {
        RECORD_KINDS => {
            "What the records are called, in lower case and without what stands before it: the target's kind, `record_kind`, each of `sql_tables`, \
             and the target's id where it is a table, collection or index"
        }
        _ => "",
    }
}

/// Names of context that later parts of the gate bring; a field of that name would be taken for theirs.
const RESERVED: [&str; 3] = ["budgets", "rates", "approvals"];

/// Groups that follow from an action's access.
const ACCESS_GROUPS: [&str; 3] = ["reads", "writes", "deletes"];

/// Which calls a schema describes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// Complete calls: required fields are there. Policies are validated against this one.
    Strict,
    /// Incomplete calls: what a call must state, or what follows from it, may be missing.
    Lenient,
}

/// What of the vocabulary cannot become a schema, in sentences.
pub(super) fn problems(vocabulary: &Vocabulary) -> Vec<String> {
    let mut problems = Vec::new();
    for field in vocabulary.fields.keys() {
        if COMMON.iter().any(|(common, _)| *common == &**field) || RESERVED.contains(&&**field) {
            problems.push(format!(
                "field `{field}`: every action has context of this name already; choose another name"
            ));
        }
    }
    let names = vocabulary.fields.keys().map(|name| ("field", name));
    let names = names.chain(vocabulary.actions.keys().map(|name| ("action", name)));
    for (what, name) in names.chain(vocabulary.groups.keys().map(|name| ("group", name))) {
        if !is_name(name) {
            problems.push(format!(
                "{what} `{name}`: expected lower-case letters, digits and `_`, a letter first"
            ));
        }
    }
    for (name, definition) in &vocabulary.actions {
        if vocabulary.groups.contains_key(name) || ACCESS_GROUPS.contains(&&**name) {
            problems.push(format!("action `{name}`: a group has this name"));
        }
        let known = |group: &str| vocabulary.groups.contains_key(group) || ACCESS_GROUPS.contains(&group);
        for group in definition.parents().filter(|group| !known(group)) {
            problems.push(format!("action `{name}`: group `{group}` is not defined"));
        }
        for field in fields_of(definition).filter(|field| !vocabulary.fields.contains_key(*field)) {
            problems.push(format!("action `{name}`: field `{field}` is not defined"));
        }
    }
    problems
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Names of all fields an action may have.
pub(super) fn fields_of(definition: &ActionDefinition) -> impl Iterator<Item = &str> {
    definition
        .required
        .iter()
        .chain(&definition.optional)
        .map(|name| &**name)
}

/// The schema as Cedar text.
pub(super) fn text(vocabulary: &Vocabulary, strictness: Strictness) -> String {
    let mut schema = String::from(
        "entity Role, Provider, Environment;\n\
         entity Agent in [Role];\n\
         entity Target in [Provider, Environment] {\n  \
           \"provider\": String,\n  \"kind\": String,\n  \"id\"?: String,\n  \"environment\": String,\n  \
           @doc(\"By policies/targets.yaml: public, internal, confidential or restricted; unknown where nobody said\")\n  \
           \"sensitivity\": String,\n  \"owner\"?: String,\n  \"tags\": Set<String>\n};\n\
         @doc(\"In the configured time zone: date as 2026-11-20, weekday as friday, hour from 0 to 23, minute\")\n\
         type LocalTime = { \"date\": String, \"weekday\": String, \"hour\": Long, \"minute\": Long };\n",
    );
    let of_access = ACCESS_GROUPS.map(|group| (group, ""));
    let named = vocabulary.groups.iter().map(|(name, says)| (&**name, &**says));
    // Here and below: writing into a String cannot fail.
    for (group, says) in of_access.into_iter().chain(named).collect::<BTreeMap<_, _>>() {
        let _ = writeln!(schema, "{}action \"{group}\";", doc("", says));
    }
    for (name, definition) in &vocabulary.actions {
        let parents: BTreeSet<String> = definition.parents().map(|group| format!("\"{group}\"")).collect();
        let parents = parents.into_iter().collect::<Vec<_>>().join(", ");
        let context = context(vocabulary, definition, strictness);
        let doc = doc("", &definition.description);
        let _ = writeln!(
            schema,
            "{doc}action \"{name}\" in [{parents}] appliesTo {{\n  principal: [Agent],\n  resource: [Target],\n  context: {{\n{context}  }}\n}};"
        );
    }
    schema
}

fn context(vocabulary: &Vocabulary, definition: &ActionDefinition, strictness: Strictness) -> String {
    let mut members = String::new();
    for (name, kind) in COMMON {
        let doc = doc("    ", says(name));
        let _ = writeln!(members, "{doc}    \"{name}\": {kind},");
    }
    if !definition.budgets.is_empty() {
        // A total is not known where the call leaves out what the budget sums.
        let mark = if strictness == Strictness::Strict { "" } else { "?" };
        let _ = writeln!(members, "    \"budgets\": {{");
        for (name, says) in &definition.budgets {
            let doc = doc("      ", says);
            let _ = writeln!(members, "{doc}      \"{name}\"{mark}: Long,");
        }
        let _ = writeln!(members, "    }},");
    }
    // A name that stands in both lists is required.
    for field in fields_of(definition).collect::<BTreeSet<_>>() {
        let Some(defined) = vocabulary.fields.get(field) else {
            continue;
        };
        let required = definition.required.iter().any(|name| &**name == field);
        let mark = if required && strictness == Strictness::Strict {
            ""
        } else {
            "?"
        };
        let doc = doc("    ", &defined.description);
        let _ = writeln!(members, "{doc}    \"{field}\"{mark}: {},", defined.kind.cedar());
    }
    members
}

/// What editors show beside a name.
fn doc(indent: &str, says: &str) -> String {
    match says {
        "" => String::new(),
        says => format!("{indent}@doc({})\n", quoted(says)),
    }
}

/// A Cedar string.
fn quoted(text: &str) -> String {
    let inside: String = text
        .chars()
        .map(|character| match character {
            '"' | '\\' => format!("\\{character}"),
            character if character.is_control() => format!("\\u{{{:x}}}", u32::from(character)),
            character => character.to_string(),
        })
        .collect();
    format!("\"{inside}\"")
}

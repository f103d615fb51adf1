//! The vocabulary file: every canonical action and field.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::spelling;
use super::summary::Template;
use crate::io::yaml::{self, Located};
use crate::model::diagnostic::Lines;
use crate::model::vocabulary::{ActionDefinition, FieldClass, FieldDefinition, FieldType};
use crate::model::{Access, Diagnostic, Source, Vocabulary};

/// What the engine itself calls actions by, and how each must be classed.
const BUILT_IN: [(&str, bool); 4] = [
    ("call_api", false),
    ("read_record", true),
    ("open_tunnel", false),
    ("open_stream", false),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    groups: BTreeMap<Arc<str>, Arc<str>>,
    fields: BTreeMap<Arc<str>, Located<FieldDefinition>>,
    actions: BTreeMap<Arc<str>, Located<ActionDefinition>>,
}

/// Reads the vocabulary.
///
/// # Errors
/// All names that are used but not defined, all wrong names and templates, with their places.
pub fn load(source: &Source) -> Result<Vocabulary, Vec<Diagnostic>> {
    yaml::load_with(source, |file| read(source, file))
}

fn read(source: &Source, file: File) -> Result<Vocabulary, Vec<Diagnostic>> {
    let problems = check(source, &file);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Vocabulary {
        groups: file.groups,
        fields: file
            .fields
            .into_iter()
            .map(|(name, field)| (name, field.value))
            .collect(),
        actions: file
            .actions
            .into_iter()
            .map(|(name, action)| (name, action.value))
            .collect(),
        digest: hex::encode(Sha256::digest(source.text.as_bytes())).into(),
    })
}

fn check(source: &Source, file: &File) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for group in ["reads", "writes", "deletes"] {
        if !file.groups.contains_key(group) {
            let message = format!("expected the group `{group}`, which follows from the access");
            problems.push(below(source, "groups:", message));
        }
    }
    for (name, reads) in BUILT_IN {
        match file.actions.get(name) {
            None => {
                let message = format!("expected the action `{name}`, which the engine uses");
                problems.push(below(source, "actions:", message));
            }
            Some(action) if (action.value.access == Access::Read) != reads => {
                let expected = if reads { "`read`" } else { "not `read`" };
                problems.push(action.diagnostic(source, format!("the access of `{name}` must be {expected}")));
            }
            Some(_) => {}
        }
    }
    for (name, field) in &file.fields {
        if !is_name(name) {
            problems.push(field.diagnostic(source, wrong_name(name)));
        }
        let is_text = matches!(field.value.kind, FieldType::String | FieldType::Strings);
        if field.value.class != FieldClass::Text && !is_text {
            problems.push(field.diagnostic(source, format!("`{name}` is no text, and has no class")));
        }
        if let Some(origin) = &field.value.derived_from
            && (!file.fields.contains_key(origin) || field.value.kind != FieldType::Int || origin == name)
        {
            problems.push(field.diagnostic(
                source,
                format!("`{name}` is to be an int, derived from another field, not from `{origin}`"),
            ));
        }
    }
    for (name, action) in &file.actions {
        check_action(source, file, name, action, &mut problems);
    }
    problems
}

/// Where something is missing: at the key that it should stand below.
fn below(source: &Source, key: &str, message: String) -> Diagnostic {
    let lines = Lines::of(&source.text);
    let is_key = |line: &usize| lines.get(*line).is_some_and(|line| line.starts_with(key));
    let line = (1..=lines.count()).find(is_key).unwrap_or(1);
    Diagnostic::at(&source.file, &source.text, line, 1, message)
}

fn check_action(
    source: &Source,
    file: &File,
    name: &str,
    action: &Located<ActionDefinition>,
    problems: &mut Vec<Diagnostic>,
) {
    let mut wrong = |message: String| problems.push(action.diagnostic(source, message));
    let definition = &action.value;
    if !is_name(name) {
        wrong(wrong_name(name));
    }
    for group in &definition.groups {
        if ["reads", "writes", "deletes"].contains(&&**group) {
            wrong(format!(
                "`{name}`: the group `{group}` follows from the access; leave it out"
            ));
        } else if !file.groups.contains_key(group) {
            let hint = spelling::hint(group, file.groups.keys().map(AsRef::as_ref));
            wrong(format!("`{name}`: unknown group `{group}`{hint}"));
        }
    }
    let fields = || definition.required.iter().chain(&definition.optional);
    for (at, field) in fields().enumerate() {
        match file.fields.get(field) {
            None => {
                let hint = spelling::hint(field, file.fields.keys().map(AsRef::as_ref));
                wrong(format!("`{name}`: unknown field `{field}`{hint}"));
            }
            Some(found) => {
                // What is computed from a field is missing with it: one cannot be required without the other.
                let missing = found
                    .value
                    .derived_from
                    .as_ref()
                    .is_some_and(|origin| !fields().any(|other| other == origin));
                if missing {
                    wrong(format!("`{name}`: `{field}` needs the field it is derived from"));
                }
            }
        }
        if fields().skip(at + 1).any(|other| other == field) {
            wrong(format!("`{name}`: the field `{field}` is named twice"));
        }
    }
    let known = |slot: &str| fields().any(|field| **field == *slot);
    if let Err(message) = Template::parse(&definition.summary, known) {
        wrong(format!("`{name}`: {message}"));
    }
}

/// A name that is an identifier in policies as well.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn wrong_name(name: &str) -> String {
    format!("`{name}` is no name: expected at most 64 lower-case letters, digits and `_`, starting with a letter")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source {
            file: "actions.yaml".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn the_shipped_vocabulary_has_every_name() {
        let vocabulary = load(&source(include_str!("../../mappings/actions.yaml"))).unwrap();
        let names = "create_charge process_refund update_subscription read_balance transfer_funds execute_query modify_schema \
            delete_record delete_records bulk_update provision_instance terminate_instance stop_instance modify_security \
            deploy_service scale_resources send_email send_sms post_message broadcast_notification call_api modify_webhook \
            sync_data update_integration generate_document export_data modify_record approve_request read_record read_secret \
            issue_token revoke_token call_tool open_tunnel open_stream generate_text";
        let mut names: Vec<_> = names.split_whitespace().collect();
        names.sort_unstable();
        assert_eq!(vocabulary.actions.keys().map(AsRef::as_ref).collect::<Vec<_>>(), names);
        for money in ["create_charge", "process_refund", "transfer_funds"] {
            let required: Vec<_> = vocabulary.actions[money].required.iter().map(AsRef::as_ref).collect();
            assert_eq!(required, ["amount", "amount_base"], "{money}");
        }
        assert_eq!(vocabulary.fields["amount_base"].derived_from.as_deref(), Some("amount"));
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let text = include_str!("../../mappings/actions.yaml")
            .replace(
                "groups: [payments]\n    access: write\n    reversible: partly",
                "groups: [payment]\n    access: write\n    reversible: partly",
            )
            .replace(
                "bool, description: \"The agent",
                "bool, class: url, description: \"The agent",
            )
            .replace("required: [recipient_count]", "required: [recipent_count]")
            .replace("{destination}", "{destnation}");
        let problems = load(&source(&text)).unwrap_err();
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let told = told.join("\n");
        assert!(
            told.contains("unknown group `payment` (did you mean `payments`?)"),
            "{told}"
        );
        assert!(
            told.contains("unknown field `recipent_count` (did you mean `recipient_count`?)"),
            "{told}"
        );
        assert!(told.contains("destnation"), "{told}");
        assert!(told.contains("`renewal` is no text, and has no class"), "{told}");
        assert!(
            problems
                .iter()
                .all(|problem| problem.line > 0 && problem.snippet.is_some()),
            "{told}"
        );
    }
}

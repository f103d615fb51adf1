//! The tool table: what the names that agents give their own tools mean. `mappings/tools.yaml`.

use std::sync::Arc;

use serde::Deserialize;

use super::spelling;
use crate::io::yaml::{self, Located};
use crate::model::{Diagnostic, Source, Vocabulary};

/// Name of the file among the mappings.
const FILE: &str = "tools.yaml";
/// Stands for any further words.
const MORE: &str = "_*";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tools: Vec<Located<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    tool: String,
    action: String,
}

/// Whether a file among the mappings is the tool table.
pub(super) fn is_table(source: &Source) -> bool {
    source.file.rsplit(['/', '\\']).next() == Some(FILE)
}

/// The entries in the order of the file. Empty: no tool is known.
#[derive(Debug, Default)]
pub(super) struct Tools(Vec<Tool>);

#[derive(Debug)]
struct Tool {
    /// In words joined by `_`.
    name: Box<str>,
    /// Any words may follow.
    more: bool,
    action: Arc<str>,
}

impl Tools {
    /// Reads the table.
    ///
    /// # Errors
    /// Actions that the vocabulary does not define, names that no tool can have, and entries that an earlier one hides, each
    /// with its place.
    pub(super) fn load(source: &Source, vocabulary: &Vocabulary) -> Result<Self, Vec<Diagnostic>> {
        yaml::load_with(source, |file: File| {
            let (mut tools, mut wrong) = (Tools::default(), Vec::new());
            for entry in &file.tools {
                match tools.read(&entry.value, vocabulary) {
                    Ok(tool) => tools.0.push(tool),
                    Err(message) => wrong.push(entry.diagnostic(source, message)),
                }
            }
            if wrong.is_empty() { Ok(tools) } else { Err(wrong) }
        })
    }

    /// What is wrong with the form of the file: all that can be told of it without a vocabulary.
    pub(super) fn misshapen(source: &Source) -> Option<Vec<Diagnostic>> {
        yaml::load::<File>(source).err()
    }

    fn read(&self, entry: &Entry, vocabulary: &Vocabulary) -> Result<Tool, String> {
        let Entry { tool, action } = entry;
        let Some((action, _)) = vocabulary.actions.get_key_value(action.as_str()) else {
            let hint = spelling::hint(action, vocabulary.actions.keys().map(AsRef::as_ref));
            return Err(format!("unknown action `{action}`{hint}"));
        };
        let (name, more) = match tool.strip_suffix(MORE) {
            Some(name) => (name, true),
            None => (tool.as_str(), false),
        };
        match words(name) {
            Some(words) if words == name => {}
            Some(words) => {
                let end = if more { MORE } else { "" };
                return Err(format!("`{tool}` fits no tool: expected its words, `{words}{end}`"));
            }
            None => {
                return Err(format!(
                    "`{tool}` fits no tool: expected words of letters and digits joined by `_`, and perhaps `{MORE}` at the end"
                ));
            }
        }
        if vocabulary.actions.contains_key(name) && !more {
            return Err(format!("`{tool}` is an action itself: no entry is looked at for it"));
        }
        if let Some(before) = self.0.iter().find(|before| before.hides(name, more)) {
            return Err(format!(
                "`{tool}` is never looked at: an entry before it fits all that it fits (`{}`)",
                before.shown()
            ));
        }
        Ok(Tool {
            name: name.into(),
            more,
            action: action.clone(),
        })
    }

    /// The action of a tool's name in words.
    pub(super) fn find(&self, words: &str) -> Option<&Arc<str>> {
        let tool = self.0.iter().find(|tool| tool.fits(words))?;
        Some(&tool.action)
    }
}

impl Tool {
    fn fits(&self, words: &str) -> bool {
        match words.strip_prefix(&*self.name) {
            Some("") => true,
            Some(rest) => self.more && rest.starts_with('_'),
            None => false,
        }
    }

    fn hides(&self, name: &str, more: bool) -> bool {
        self.fits(name) && (self.more || !more)
    }

    fn shown(&self) -> String {
        format!("{}{}", self.name, if self.more { MORE } else { "" })
    }
}

/// A tool's name taken apart: `deleteUser`, `delete-user` and `Delete user` are `delete_user`. `None`: it has no words, or
/// holds what no name of a tool does.
///
/// SECURITY: a letter that only looks like another one is no letter here (test `what_only_looks_like_a_name_is_none`).
pub(super) fn words(name: &str) -> Option<String> {
    let mut words = String::with_capacity(name.len() + 4);
    let mut small = false;
    for character in name.chars() {
        match character {
            'a'..='z' | '0'..='9' => words.push(character),
            'A'..='Z' => {
                if small {
                    words.push('_');
                }
                words.push(character.to_ascii_lowercase());
            }
            '_' | '-' | '.' | '/' | ':' | ' ' if words.ends_with('_') || words.is_empty() => {}
            '_' | '-' | '.' | '/' | ':' | ' ' => words.push('_'),
            _ => return None,
        }
        small = character.is_ascii_lowercase();
    }
    let words = words.trim_end_matches('_');
    (!words.is_empty()).then(|| words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Mappings;

    fn vocabulary() -> Arc<Vocabulary> {
        Mappings::read_vocabulary(&source("actions.yaml", include_str!("../../mappings/actions.yaml"))).unwrap()
    }

    fn source(file: &str, text: &str) -> Source {
        Source {
            file: file.to_owned(),
            text: text.to_owned(),
        }
    }

    fn shipped() -> Tools {
        let text = include_str!("../../mappings/tools.yaml");
        Tools::load(&source(FILE, text), &vocabulary()).unwrap()
    }

    #[test]
    fn the_shipped_table_knows_what_tools_are_called() {
        let tools = shipped();
        for (name, action) in [
            ("delete_employee", "delete_record"),
            ("deleteUser", "delete_record"),
            ("delete-all-users", "delete_records"),
            ("stripe.charges.create", "create_charge"),
            ("stripe.paymentIntents.create", "create_charge"),
            ("Transfer money", "transfer_funds"),
            ("slack/chat.postMessage", "post_message"),
            ("remove", "delete_record"),
        ] {
            let found = tools.find(&words(name).unwrap()).map(|action| &**action);
            assert_eq!(found, Some(action), "{name}");
        }
        for unknown in ["deleted_user", "get_customer", "fire_missiles", "undelete_user"] {
            assert_eq!(tools.find(&words(unknown).unwrap()), None, "{unknown}");
        }
    }

    #[test]
    fn no_name_is_taken_for_a_read_by_its_beginning() {
        let vocabulary = vocabulary();
        for tool in shipped().0 {
            let definition = &vocabulary.actions[&tool.action];
            let reads = definition.access == crate::model::Access::Read;
            assert!(!reads || &*tool.action == "read_secret", "{}", tool.shown());
        }
    }

    #[test]
    fn what_only_looks_like_a_name_is_none() {
        for odd in [
            "",
            "___",
            "delete\u{200b}_user",
            "dеlete_user",
            "delete\nuser",
            "löschen",
            "a*b",
        ] {
            assert_eq!(words(odd), None, "{odd:?}");
        }
        assert_eq!(words("sendEmail").as_deref(), Some("send_email"));
        assert_eq!(words("sendSMS").as_deref(), Some("send_sms"));
        assert_eq!(words("  send..email// ").as_deref(), Some("send_email"));
    }

    #[test]
    fn every_mistake_of_the_table_has_its_place() {
        let vocabulary = vocabulary();
        for (entry, words) in [
            (
                "{ tool: fire_*, action: delete_recrd }",
                "did you mean `delete_record`?",
            ),
            (
                "{ tool: fireEmployee, action: delete_record }",
                "expected its words, `fire_employee`",
            ),
            ("{ tool: \"*\", action: delete_record }", "fits no tool"),
            ("{ tool: \"_*\", action: delete_record }", "fits no tool"),
            ("{ tool: send_email, action: delete_record }", "is an action itself"),
            ("{ tool: drop_it_now, action: delete_record }", "never looked at"),
            ("{ tool: drop_*, action: delete_record }", "never looked at"),
            ("{ tol: fire, action: delete_record }", "tol"),
        ] {
            let text = format!("tools:\n  - {{ tool: drop_*, action: delete_record }}\n  - {entry}\n");
            let wrong = Tools::load(&source("tools.yaml", &text), &vocabulary).unwrap_err();
            let shown = wrong[0].to_string();
            assert!(
                shown.contains(words) && shown.contains("tools.yaml:3:"),
                "{entry}: {shown}"
            );
        }
    }
}

//! A message in words: headline, lines, and what to type.

use super::Message;
use crate::model::outbox::REQUESTED;

impl Message {
    /// `Approval wanted`, `Approved` …
    pub(in crate::notify) fn headline(&self) -> String {
        match self.event.as_str() {
            REQUESTED => "Approval wanted".to_owned(),
            other => capitalised(other),
        }
    }

    /// The same of what the approval is now.
    pub(in crate::notify) fn state_in_words(&self) -> String {
        match self.is_asked() {
            true => "Approval wanted".to_owned(),
            false => capitalised(self.state),
        }
    }

    /// People are asked, and it is not too late.
    pub(in crate::notify) fn is_asked(&self) -> bool {
        self.approve.is_some()
    }

    /// Nothing was left out of it for want of room.
    pub(in crate::notify) fn is_whole(&self) -> bool {
        self.left_out == 0 && self.fields_left_out == 0
    }

    /// Name and text, one line each, most important first.
    pub(in crate::notify) fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![("What", self.summary.clone())];
        lines.extend(self.lines_of_alike());
        let mut line = |name, text: String| lines.push((name, text));
        let owner = self
            .owner
            .as_ref()
            .map(|owner| format!("; owner {owner}"))
            .unwrap_or_default();
        line("Agent", format!("{} ({}){owner}", self.agent, self.roles.join(", ")));
        if let Some(risk) = &self.risk {
            line("Risk", risk.text.clone());
            risk.factors.iter().for_each(|factor| line("", factor.clone()));
        }
        for rule in &self.rules {
            let reason = rule
                .reason
                .as_ref()
                .map(|reason| format!(": {reason}"))
                .unwrap_or_default();
            line("Rule", format!("{} asks {}{reason}", rule.id, rule.asks));
        }
        line(
            "Action",
            format!("{} ({} {})", self.action, self.provider, self.operation),
        );
        let target = self.target.id.as_deref().unwrap_or("(not named)");
        line("Target", format!("{} {target}, {}", self.target.kind, self.environment));
        for (name, value) in &self.fields {
            line("Field", format!("{name} = {}", in_words(value)));
        }
        if self.fields_left_out > 0 {
            line("", format!("{} fields are left out here", self.fields_left_out));
        }
        self.missing.iter().for_each(|missing| line("Missing", missing.clone()));
        for (name, value) in &self.stated {
            line("Stated", format!("{name} = {}", in_words(value)));
        }
        self.also.iter().for_each(|also| line("Also", also.clone()));
        self.before.iter().for_each(|before| line("Before", before.clone()));
        if self.left_out > 0 {
            line(
                "",
                format!("{} more is left out here: see the approval itself", self.left_out),
            );
        }
        for vote in &self.votes {
            let reason = vote
                .reason
                .as_ref()
                .map(|reason| format!(": {reason}"))
                .unwrap_or_default();
            line("Yes", format!("{} at {}{reason}", vote.person, vote.time));
        }
        if let Some(denial) = &self.denial {
            line("No", format!("{}: {}", denial.person, denial.reason));
        }
        line("Asked", self.created.clone());
        line("State", self.state.to_owned());
        if let Some(decided) = &self.decided {
            line("Decided", decided.clone());
        }
        if self.approve.is_some() {
            line(
                "Until",
                format!("{} ({} left when this was written)", self.expires, self.left),
            );
            line("Approving", self.approving.clone());
        }
        lines
    }

    /// How to decide: what for, and what to type.
    pub(in crate::notify) fn commands(&self) -> Vec<(&'static str, &str)> {
        let approve = self.approve.as_deref().map(|command| ("To approve", command));
        let deny = self.deny.as_deref().map(|command| ("To deny", command));
        approve.into_iter().chain(deny).collect()
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn in_words(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_) => value.to_string(),
    }
}

/// A line in which no reader of messages finds an address to make a link of: `https[:]//evil[.]example`.
///
/// SECURITY: a target's id that is an address would be a link of the agent's beside our command, and to whoever follows it the
/// place where one decides (test `no_words_of_the_agents_become_a_link`).
pub(in crate::notify) fn unlinked(line: &str) -> String {
    let mut shown = String::with_capacity(line.len() + 16);
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        let rest = line.get(at + character.len_utf8()..).unwrap_or_default();
        match character {
            ':' if rest.starts_with("//") => shown.push_str("[:]"),
            // `$900.00` and `3.5` stay.
            '.' if before.is_alphanumeric() && rest.starts_with(char::is_alphabetic) => shown.push_str("[.]"),
            _ => shown.push(character),
        }
        before = character;
    }
    shown
}

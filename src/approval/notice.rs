//! The line that asks people for consent, with the command that gives it.

use std::borrow::Cow;

use crate::model::approval::INCOMPLETE_ACTION;
use crate::model::change::ApprovalRow;
use crate::model::inert::inert;
use crate::model::{Action, ApprovalId, HoldRule, Vocabulary};

/// Where people are told at once, one line each; the terminal of `run`. Lines are inert.
pub trait Notices: Send + Sync {
    fn line(&self, line: String);
}

/// What is asked of people.
pub struct Question<'a> {
    pub approval: &'a ApprovalId,
    /// Of the approval as it is shown here: a yes to another is none.
    pub revision: u32,
    pub agent: &'a str,
    pub action: &'a Action,
    /// The rules that want consent, as far as nobody gave it.
    pub rules: &'a [HoldRule],
}

impl<'a> Question<'a> {
    /// Of an approval that asks again or still.
    pub fn of(row: &'a ApprovalRow) -> Self {
        Self {
            approval: &row.id,
            revision: row.revision,
            agent: &row.facts.agent,
            action: &row.action,
            rules: &row.rules,
        }
    }

    /// `HELD apr_7k2m9x4q support-bot: Refund $900.00 of ch_1 in Stripe (refund-over-500), waits 72 s → runplane …`,
    /// where `how` is `waits 72 s`, with `risk 74 high, ` before it where that is known, and `home_option` the end of commands that are printed.
    pub fn line(&self, how: &str, vocabulary: &Vocabulary, home_option: &str) -> String {
        let rules: Vec<&str> = self.rules.iter().map(|rule| &*rule.id).collect();
        let short = self.approval.short();
        let risk = self.action.risk.as_ref();
        let risk = risk.map(|risk| format!("risk {}, ", risk.short())).unwrap_or_default();
        format!(
            "HELD {short} {}: {} ({}), {risk}{how} → {}",
            inert(&shortened(self.agent, 60)),
            inert(&shortened(&self.action.summary, 200)),
            inert(&shortened(&rules.join(", "), 200)),
            self.command(vocabulary, home_option),
        )
    }

    /// What a person types to approve it: `runplane approvals approve apr_7k2m9x4q`.
    pub fn command(&self, vocabulary: &Vocabulary, home_option: &str) -> String {
        let (short, revision) = (self.approval.short(), revision_option(self.revision));
        let mut command = format!("runplane approvals approve {short}{revision}");
        if self.rules.iter().any(|rule| &*rule.id == INCOMPLETE_ACTION) {
            for field in self.action.wanted(vocabulary) {
                command.push_str(&format!(" --set {field}=…"));
            }
        }
        command.push_str(home_option);
        command
    }
}

/// ` --revision 2`, or nothing for what was not changed since it was first shown.
pub fn revision_option(revision: u32) -> String {
    match revision {
        0 => String::new(),
        changed => format!(" --revision {changed}"),
    }
}

/// Characters of a text's end that stay: the mark by which calls are told apart is there.
const END: usize = 30;

/// At most so many characters of a text and one `…` where some are left out; its end stays.
///
/// SECURITY: an agent that writes much could push the end of a line out of sight, and with it what tells two calls apart
/// (test `no_length_of_the_agents_words_hides_which_call_it_is`).
pub fn shortened(text: &str, limit: usize) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= limit {
        return Cow::Borrowed(text);
    }
    let head = beginning(text, limit.saturating_sub(END));
    let tail = text.char_indices().nth(length.saturating_sub(END));
    let tail = tail.and_then(|(start, _)| text.get(start..)).unwrap_or_default();
    Cow::Owned(format!("{head}…{tail}"))
}

/// The first characters of a text, at most so many.
pub fn beginning(text: &str, limit: usize) -> &str {
    text.char_indices()
        .nth(limit)
        .and_then(|(end, _)| text.get(..end))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_keeps_both_ends_and_shows_that_it_was_cut() {
        let long = format!("{}{}", "ä".repeat(300), "z".repeat(END));
        let shown = shortened(&long, 100);
        assert_eq!(shown, format!("{}…{}", "ä".repeat(70), "z".repeat(END)));
        assert_eq!(shortened("ääz", 3), "ääz");
        assert_eq!(shortened(&long, 5), format!("…{}", "z".repeat(END)));
    }
}

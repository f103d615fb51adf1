//! The line that asks people for consent, with the command that gives it.

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
    /// where `how` is `waits 72 s` and `home_option` the end of commands that are printed.
    pub fn line(&self, how: &str, vocabulary: &Vocabulary, home_option: &str) -> String {
        let rules: Vec<&str> = self.rules.iter().map(|rule| &*rule.id).collect();
        let short = self.approval.short();
        let mut line = format!(
            "HELD {short} {}: {} ({}), {how} → runplane approvals approve {short}{}",
            inert(beginning(self.agent, 60)),
            inert(beginning(&self.action.summary, 200)),
            inert(beginning(&rules.join(", "), 200)),
            revision_option(self.revision),
        );
        if rules.contains(&INCOMPLETE_ACTION) {
            for field in self.action.wanted(vocabulary) {
                line.push_str(&format!(" --set {field}=…"));
            }
        }
        line.push_str(home_option);
        line
    }
}

/// ` --revision 2`, or nothing for what was not changed since it was first shown.
pub fn revision_option(revision: u32) -> String {
    match revision {
        0 => String::new(),
        changed => format!(" --revision {changed}"),
    }
}

/// The first characters of a text, at most so many.
pub fn beginning(text: &str, limit: usize) -> &str {
    text.char_indices()
        .nth(limit)
        .and_then(|(end, _)| text.get(..end))
        .unwrap_or(text)
}

//! What was found, for people and for machines.

use std::io::{self, Write};

use serde::Serialize;

use super::secrets;
use crate::model::inert::inert;

/// Characters of what a program says that are shown.
const SHOWN: usize = 300;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Ok,
    /// To be known; nothing has to be done.
    Note,
    Absent,
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: String,
    pub(super) verdict: Verdict,
    pub(super) detail: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
    /// Of a client: whether it came by the proxy, and whether it trusts the CA; missing where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) proxy: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ca: Option<bool>,
}

impl Finding {
    // SECURITY: what clients complain of may repeat the agent's key, and what we print is shown to others. Test:
    // `a_key_that_a_client_repeats_in_its_complaint_is_not_shown`.
    fn new(check: impl Into<String>, verdict: Verdict, detail: &str) -> Self {
        Self {
            check: check.into(),
            verdict,
            detail: cut(&secrets::hidden(detail)),
            fix: None,
            proxy: None,
            ca: None,
        }
    }

    pub(super) fn ok(check: impl Into<String>, detail: &str) -> Self {
        Self::new(check, Verdict::Ok, detail)
    }

    pub(super) fn note(check: impl Into<String>, detail: &str) -> Self {
        Self::new(check, Verdict::Note, detail)
    }

    pub(super) fn absent(check: impl Into<String>) -> Self {
        Self::new(check, Verdict::Absent, "not found")
    }

    pub(super) fn wrong(check: impl Into<String>, detail: &str, fix: impl Into<String>) -> Self {
        Self {
            fix: Some(fix.into()),
            ..Self::new(check, Verdict::Wrong, detail)
        }
    }

    /// The same where there is something to do that is not urgent.
    pub(super) fn with_fix(self, fix: impl Into<String>) -> Self {
        Self {
            fix: Some(fix.into()),
            ..self
        }
    }

    pub(super) fn of_client(self, proxy: Option<bool>, ca: Option<bool>) -> Self {
        Self { proxy, ca, ..self }
    }

    pub(super) fn is_wrong(&self) -> bool {
        self.verdict == Verdict::Wrong
    }
}

/// On one line, and no longer than anybody reads.
fn cut(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// # Errors
/// If that cannot be written.
pub(super) fn write_text(findings: &[Finding], out: &mut impl Write) -> io::Result<()> {
    let width = findings.iter().map(|finding| finding.check.chars().count()).max();
    let width = width.unwrap_or_default();
    for finding in findings {
        let verdict = match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Absent => "-",
            Verdict::Wrong => "WRONG",
        };
        writeln!(out, "{verdict:5}  {:width$}  {}", finding.check, inert(&finding.detail))?;
        for line in finding.fix.iter().flat_map(|fix| fix.lines()) {
            writeln!(out, "{:5}  {:width$}  fix: {}", "", "", inert(line))?;
        }
    }
    let wrong = findings.iter().filter(|finding| finding.is_wrong()).count();
    match wrong {
        0 => writeln!(out, "\nall is well"),
        1 => writeln!(out, "\n1 thing is wrong"),
        _ => writeln!(out, "\n{wrong} things are wrong"),
    }
}

/// # Errors
/// If that cannot be written.
pub(super) fn write_json(findings: &[Finding], out: &mut impl Write) -> io::Result<()> {
    let well = !findings.iter().any(Finding::is_wrong);
    let told = serde_json::json!({ "well": well, "findings": findings });
    writeln!(out, "{told:#}")
}

//! What is wrong in a file that a person wrote, and where.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// One mistake in a mapping, policy or configuration file, as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as the person knows it (a path, or `embedded:mappings/stripe.yaml`).
    pub file: String,
    /// 1-based; 0 where the whole file is meant.
    pub line: usize,
    /// 1-based, in characters; 0 where the whole line is meant.
    pub column: usize,
    /// What was found, what was expected and what to do.
    pub message: String,
    /// The source around the place, if it can be shown; may span lines.
    pub snippet: Option<String>,
}

impl Diagnostic {
    /// A mistake of the whole file.
    pub fn of_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: 0,
            column: 0,
            message: message.into(),
            snippet: None,
        }
    }

    /// A mistake at a place of `source`; the line itself becomes the snippet, with a caret under the column.
    pub fn at(file: impl Into<String>, source: &str, line: usize, column: usize, message: impl Into<String>) -> Self {
        let snippet = Lines::of(source).get(line).map(|text| {
            let text = without_passwords(text);
            let caret = " ".repeat(column.saturating_sub(1));
            format!("{line:4} | {text}\n     | {caret}^")
        });
        Self {
            file: file.into(),
            line,
            column,
            message: message.into(),
            snippet,
        }
    }

    /// Where it stands, as anybody may know: `policies/budgets.yaml:3`, and nothing of what is there or of the home.
    pub fn place(&self) -> String {
        let parts: Vec<&str> = self.file.rsplit('/').take(2).collect();
        let file = parts.into_iter().rev().collect::<Vec<_>>().join("/");
        match self.line {
            0 => file,
            line => format!("{file}:{line}"),
        }
    }
}

/// SECURITY: what is shown of a file comes into logs, and a URL in it may hold a password. As many characters as there were.
/// Test: `a_password_in_a_url_is_not_shown`.
fn without_passwords(line: &str) -> String {
    let end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        let (url, following) = after.split_at(after.find(end).unwrap_or(after.len()));
        shown.push_str(before);
        shown.push_str("://");
        match url.rsplit_once('@') {
            Some((secret, host)) => {
                shown.extend(secret.chars().map(|_| '*'));
                shown.push('@');
                shown.push_str(host);
            }
            None => shown.push_str(url),
        }
        rest = following;
    }
    shown.push_str(rest);
    shown
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
            if self.column > 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        write!(f, ": {}", self.message)?;
        if let Some(snippet) = &self.snippet {
            write!(f, "\n{}", snippet.trim_end())?;
        }
        Ok(())
    }
}

/// The text of a file that a person wrote, or that we ship.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As people know it: a path, or `embedded:mappings/stripe.yaml`.
    pub file: String,
    pub text: String,
}

/// How the name of a shipped file begins.
pub const EMBEDDED: &str = "embedded:";

impl Source {
    /// Whether it is shipped inside the binary.
    pub fn is_embedded(&self) -> bool {
        self.file.starts_with(EMBEDDED)
    }

    /// SHA-256 (hex) over the files' names (without folders, for the same files elsewhere are the same set) and texts, in
    /// order of their names.
    pub fn digest<'a>(files: impl IntoIterator<Item = &'a Source>) -> Arc<str> {
        let name = |file: &'a Source| file.file.rsplit(['/', '\\', ':']).next().unwrap_or_default();
        let mut files: Vec<(&str, &str)> = files.into_iter().map(|file| (name(file), &*file.text)).collect();
        files.sort_unstable();
        let mut hash = Sha256::new();
        for part in files.into_iter().flat_map(<[&str; 2]>::from) {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize()).into()
    }
}

/// The known name that is nearest to a misspelt one, if any is near enough to have been meant.
pub fn meant<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // What is longer than that by far is not compared letter by letter: it may be a megabyte.
    let near = |name: &&str| wrong.chars().nth(name.len() + 1 + name.len() / 4).is_none();
    known
        .filter(near)
        .map(|name| (strsim::levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

/// What is said of a provider that is none of the mappings'.
pub fn no_provider<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let hint = meant(name, known).map(|meant| format!(" (did you mean `{meant}`?)"));
    format!("no mapping is for the provider `{name}`{}", hint.unwrap_or_default())
}

/// A text by its lines, which end as those of YAML do (1.2.2, section 5.4): in LF, CR LF or CR.
pub struct Lines<'a> {
    text: &'a str,
    /// Offsets of the last byte of each line break.
    breaks: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub fn of(text: &'a str) -> Self {
        let ends = |at: usize, end: &str| end == "\n" || text.as_bytes().get(at + 1) != Some(&b'\n');
        // Few texts have a CR, and one character is found much faster than either of two.
        let breaks = match text.contains('\r') {
            false => text.match_indices('\n').map(|(at, _)| at).collect(),
            true => {
                let breaks = text.match_indices(['\n', '\r']).filter(|(at, end)| ends(*at, end));
                breaks.map(|(at, _)| at).collect()
            }
        };
        Self { text, breaks }
    }

    /// How many there are; what follows the last break is one, too.
    pub fn count(&self) -> usize {
        self.breaks.len() + 1
    }

    /// A line by its number, from 1 on, without its break; `None` behind the last.
    pub fn get(&self, line: usize) -> Option<&'a str> {
        let start = self.start(line.checked_sub(1)?)?;
        let end = self.breaks.get(line - 1).copied().unwrap_or(self.text.len());
        let text = self.text.get(start..end)?;
        Some(text.trim_end_matches('\r')).filter(|_| start < self.text.len())
    }

    /// Where the line begins that has so many before it.
    fn start(&self, before: usize) -> Option<usize> {
        match before.checked_sub(1) {
            None => Some(0),
            Some(last) => self.breaks.get(last).map(|end| end + 1),
        }
    }

    /// The line and column (1-based, in characters) of a byte offset.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let line = self.breaks.partition_point(|end| *end < offset);
        let start = self.start(line).unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or_default();
        (line + 1, before.chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        let line = "a: \"http://user:p/a,s@s@proxy:1\" # see https://docs.test/a and http://b:c@d";
        let shown = Diagnostic::at("a.yaml", line, 1, 1, "wrong").to_string();
        let expected = "a: \"http://************@proxy:1\" # see https://docs.test/a and http://***@d";
        assert!(shown.contains(expected), "{shown}");
    }

    #[test]
    fn names_file_line_column_and_shows_the_place() {
        let shown = Diagnostic::at("a.yaml", "one\ntwo\n", 2, 2, "expected `x`").to_string();
        assert_eq!(shown, "a.yaml:2:2: expected `x`\n   2 | two\n     |  ^");
        let lines = Lines::of("one\ntwo\n");
        let places = [0, 3, 4, 5, 7, 8, 99].map(|offset| lines.position(offset));
        assert_eq!(places, [(1, 1), (1, 4), (2, 1), (2, 2), (2, 4), (3, 1), (3, 1)]);
    }

    #[test]
    fn lines_end_in_any_break() {
        let lines = Lines::of("one\r\ntwo\rthree\n\nfive");
        let told = [0, 1, 2, 3, 4, 5, 6].map(|line| lines.get(line));
        assert_eq!(
            told,
            [
                None,
                Some("one"),
                Some("two"),
                Some("three"),
                Some(""),
                Some("five"),
                None
            ]
        );
        assert_eq!(lines.position(9), (3, 1));
        assert!(Lines::of("").get(1).is_none() && Lines::of("a\n").get(2).is_none());
    }
}

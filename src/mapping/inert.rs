//! Text of the agent's, made harmless for people's eyes.

use std::fmt::Write as _;

use crate::model::inert::is_active;

/// How much of one value is shown, in characters.
const MAX_SHOWN: usize = 200;

/// Adds `text` to `out`, hidden characters as `\u{…}`, at most 200 characters.
///
/// SECURITY: ANSI sequences, line breaks, bidirectional overrides and zero-width characters could show an approver
/// something else than what is sent (test `hidden_characters_are_shown`).
pub(super) fn push(out: &mut String, text: &str) {
    push_at_most(out, text, MAX_SHOWN);
}

/// The same, at most so many characters.
pub(super) fn push_at_most(out: &mut String, text: &str, limit: usize) {
    // Nearly all there is: one byte a character, all of them seen.
    if text.len() <= limit && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return out.push_str(text);
    }
    for (count, character) in text.chars().enumerate() {
        if count == limit {
            out.push('…');
            return;
        }
        match is_active(character) {
            // A String takes everything.
            true => drop(write!(out, "{}", character.escape_unicode())),
            false => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_shown() {
        let mut out = String::new();
        push(&mut out, "a\u{1b}[2J\n\u{202e}b\u{200b}c é 漢");
        assert_eq!(out, "a\\u{1b}[2J\\u{a}\\u{202e}b\\u{200b}c é 漢");
        let mut out = String::new();
        push(&mut out, &"x".repeat(10_000));
        assert_eq!(out.chars().count(), 201);
    }
}

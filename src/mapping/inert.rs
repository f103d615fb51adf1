//! Text of the agent's, made harmless for people's eyes.

use std::fmt::Write as _;

/// How much of one value is shown, in characters.
const MAX_SHOWN: usize = 200;

/// Whether a character is not seen as itself: it moves the cursor, turns the direction of writing, or is invisible.
pub(super) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            u32::from(character),
            0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F | 0x2028..=0x202E
                | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0xE0000..=0xE0FFF
        )
}

/// Adds `text` to `out`, hidden characters as `\u{…}`, at most 200 characters.
///
/// SECURITY: ANSI sequences, line breaks, bidirectional overrides and zero-width characters could show an approver
/// something else than what is sent (test `hidden_characters_are_shown`).
pub(super) fn push(out: &mut String, text: &str) {
    for (count, character) in text.chars().enumerate() {
        if count == MAX_SHOWN {
            out.push('…');
            return;
        }
        match is_hidden(character) {
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

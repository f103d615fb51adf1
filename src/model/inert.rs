//! Text of the agent's, made harmless for people's eyes: what moves the cursor, hides, or turns the direction of
//! reading is shown by its code point.

use std::borrow::Cow;

/// Whether a character does something to the text around it instead of being seen.
///
/// SECURITY: an agent writes what an approver or a log reader sees (T9: terminal escapes, bidirectional overrides,
/// invisible characters in a summary). Test: `nothing_an_agent_writes_moves_hides_or_turns_text`.
pub fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(character,
            // Soft hyphen, Arabic letter mark, Mongolian vowel separator, fillers that show as nothing.
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{ffa0}'
            // Zero width, direction marks, line and paragraph separators, embeddings and overrides, isolates.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // Variation selectors, byte order mark, annotations, musical and shorthand format controls, tags.
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// `text` on one line, each active character as `\u{202e}`.
pub fn inert(text: &str) -> Cow<'_, str> {
    if !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_active(character) {
            true => shown.push_str(&format!("\\u{{{:x}}}", u32::from(character))),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// JSON with each active character as a `\u202e` escape: the same document, harmless on a terminal.
pub fn inert_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_active) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if !is_active(character) {
            shown.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            shown.push_str(&format!("\\u{unit:04x}"));
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_an_agent_writes_moves_hides_or_turns_text() {
        let text = "pay\u{1b}[2J\r\n \u{202e}000,9$\u{2066}\u{200b}\u{feff}\u{9b}\u{e0041}";
        assert_eq!(
            inert(text),
            "pay\\u{1b}[2J\\u{d}\\u{a} \\u{202e}000,9$\\u{2066}\\u{200b}\\u{feff}\\u{9b}\\u{e0041}"
        );
        assert_eq!(inert("Rückzahlung 900 €, 返金"), "Rückzahlung 900 €, 返金");
    }

    #[test]
    fn inert_json_is_the_same_document() {
        let text = "a\u{202e}b\u{e0041}\u{7f}";
        let json = serde_json::to_string(text).unwrap();
        let shown = inert_json(&json);
        assert_eq!(shown, "\"a\\u202eb\\udb40\\udc41\\u007f\"");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }
}

//! How things are said on a page. What an agent wrote is taken to pieces, so that what cannot be seen is.

use crate::approval::shortened;
use crate::model::inert::is_active;
use crate::model::{Value, money};

/// Characters of a text that are shown at once.
const AT_ONCE: usize = 400;
/// And where the whole is asked for.
const AT_MOST: usize = 20_000;

/// A text that may be the agent's.
///
/// SECURITY: what moves, hides or turns text around it is shown by its code point and marked as that; the templates escape all of it
/// and set it apart (`bdi`), so that letters written from right to left turn nothing around them. Test:
/// `nothing_an_agent_writes_is_markup_or_hides_anything`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// A character that cannot be seen, by its code point.
    pub(super) hidden: bool,
    pub(super) text: String,
}

impl Text {
    /// The text, its middle left out where it is longer than a few lines.
    pub(super) fn new(text: &str) -> Self {
        Self::all(&shortened(text, AT_ONCE))
    }

    fn all(text: &str) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        for character in text.chars() {
            match (is_active(character), pieces.last_mut()) {
                (true, _) => pieces.push(Piece {
                    hidden: true,
                    text: format!("\\u{{{:x}}}", u32::from(character)),
                }),
                (false, Some(piece)) if !piece.hidden => piece.text.push(character),
                (false, _) => pieces.push(Piece {
                    hidden: false,
                    text: character.to_string(),
                }),
            }
        }
        Self(pieces)
    }
}

/// A text with the whole of it where only parts are shown at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Long {
    pub(super) text: Text,
    /// How many characters it has, and the first of them.
    pub(super) whole: Option<(usize, Text)>,
}

impl Long {
    pub(super) fn new(text: &str) -> Self {
        let characters = text.chars().count();
        let whole = (characters > AT_ONCE).then(|| (characters, Text::all(&shortened(text, AT_MOST))));
        Self {
            text: Text::new(text),
            whole,
        }
    }
}

/// A named value.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: Long,
    /// As money.
    pub(super) money: Option<Text>,
}

impl Field {
    pub(super) fn new(name: &str, value: &Value, currency: Option<&str>) -> Self {
        let money = match (value, currency) {
            (Value::Int(amount), Some(currency)) if name == "amount" => {
                Some(Text::new(&money::show(*amount, currency)))
            }
            (Value::Bool(_) | Value::Int(_) | Value::Text(_) | Value::List(_), _) => None,
        };
        Self {
            name: name.to_owned(),
            value: Long::new(&value.to_string()),
            money,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_a_piece_of_its_own() {
        let Text(pieces) = Text::new("pay\u{202e}000,9$\u{200b}\u{200b}!");
        let shown: Vec<(bool, &str)> = pieces.iter().map(|piece| (piece.hidden, &*piece.text)).collect();
        assert_eq!(
            shown,
            [
                (false, "pay"),
                (true, "\\u{202e}"),
                (false, "000,9$"),
                (true, "\\u{200b}"),
                (true, "\\u{200b}"),
                (false, "!")
            ]
        );
    }

    #[test]
    fn a_long_text_is_there_whole_for_who_wants_it() {
        let text = format!("{}END", "a".repeat(10_000));
        let long = Long::new(&text);
        assert_eq!(long.whole.as_ref().map(|(characters, _)| *characters), Some(10_003));
        assert_eq!(long.whole.unwrap().1.0[0].text, text);
        assert!(long.text.0[0].text.ends_with("END") && long.text.0[0].text.contains('…'));
        assert_eq!(Long::new("short").whole, None);
    }
}

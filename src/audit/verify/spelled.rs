//! JSON as we spell it, taken from the beginning of a text without a copy.

use std::borrow::Cow;

/// The name of a member, and what follows it. No name of ours needs an escape.
pub(super) fn name(text: &str) -> Option<(&str, &str)> {
    let (quoted, rest) = split_quoted(text)?;
    let name = quoted.get(1..quoted.len() - 1)?;
    (!name.contains('\\')).then_some((name, rest))
}

/// A string, and what follows it.
pub(super) fn string(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let (quoted, rest) = split_quoted(text)?;
    let inner = quoted.get(1..quoted.len() - 1)?;
    if !inner.contains('\\') {
        return Some((Cow::Borrowed(inner), rest));
    }
    let read: String = serde_json::from_str(quoted).ok()?;
    // One text has many spellings, and one that is ours.
    let ours = serde_json::to_string(&read).is_ok_and(|ours| ours == quoted);
    ours.then_some((Cow::Owned(read), rest))
}

/// What stands in quotes at the beginning of a text, with these, and what follows. `None`: there is no such, or it holds a control
/// character.
fn split_quoted(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('"')?;
    text.split_at_checked(end_of_quoted(text.as_bytes(), 0)? + 1)
}

/// Where the quote is that closes the one at `opening`.
fn end_of_quoted(bytes: &[u8], opening: usize) -> Option<usize> {
    let mut at = opening + 1;
    loop {
        at += plain(bytes.get(at..)?);
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => return None,
        }
    }
}

/// A whole number, and what follows it.
pub(super) fn number(text: &str) -> Option<(i64, &str)> {
    let end = text.bytes().position(|byte| byte == b',' || byte == b'}')?;
    let (digits, rest) = text.split_at_checked(end)?;
    let number: i64 = digits.parse().ok()?;
    // Without a plus sign, a zero in front, or a negative zero.
    let first = digits.strip_prefix('-').unwrap_or(digits).bytes().next()?;
    (digits == "0" || (b'1'..=b'9').contains(&first)).then_some((number, rest))
}

/// Bytes in lower-case hex, and nothing but as many as are asked for.
pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let (mut bytes, mut is_hex) = ([0; N], true);
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        is_hex &= [high, low]
            .iter()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let nibble = |digit: u8| (digit & 15).wrapping_add((digit >> 6) * 9);
        *byte = (nibble(*high) << 4) | nibble(*low);
    }
    is_hex.then_some(bytes)
}

/// Where the JSON value ends that a text begins with.
pub(super) fn end_of_value(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match bytes.get(at)? {
            b'"' => at = end_of_quoted(bytes, at)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return Some(at),
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}

/// A word with this byte in each place.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// How many bytes stand before the first quote, backslash or control character: most of a trail is such text, and it is looked
/// through eight bytes at a time.
fn plain(bytes: &[u8]) -> usize {
    let is_plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | ..0x20);
    let (words, _) = bytes.as_chunks();
    let mut before = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        // The lowest bit that is set marks the first byte below `limit`; those above it may be wrong.
        let below = |word: u64, limit: u8| word.wrapping_sub(each(limit)) & !word & each(0x80);
        let found = below(word, 0x20) | below(word ^ each(b'"'), 1) | below(word ^ each(b'\\'), 1);
        if found != 0 {
            break;
        }
        before += 8;
    }
    let rest = bytes.get(before..).unwrap_or_default();
    before + rest.iter().take_while(|byte| is_plain(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_in_small_letters_alone() {
        assert_eq!(unhex("00ff9a1f"), Some([0, 255, 0x9a, 0x1f]));
        for other in [
            "",
            "00ff9a1",
            "00ff9a1f0",
            "00ff9a1f00",
            "00ff9A1f",
            "00ff9a1g",
            "00ff9a1`",
            "00ff9a /",
            "00ff9aé",
        ] {
            assert_eq!(unhex::<4>(other), None, "{other}");
        }
        let all: String = (0..=u8::MAX).map(|byte| format!("{byte:02x}")).collect();
        let bytes: [u8; 256] = unhex(&all).unwrap();
        assert!(bytes.iter().enumerate().all(|(at, byte)| at == usize::from(*byte)));
    }

    #[test]
    fn text_is_looked_through_up_to_the_first_byte_that_means_something() {
        for length in 0..20 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    for around in [b'a', 0x20, 0x21, 0x7f, 0x80, 0xff] {
                        let mut bytes = vec![around; length];
                        bytes[at] = byte;
                        let ends = byte < 0x20 || byte == b'"' || byte == b'\\';
                        assert_eq!(plain(&bytes), if ends { at } else { length }, "{bytes:?}");
                    }
                }
            }
        }
    }
}

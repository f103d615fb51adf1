//! Encoded words in a field of a mail's head (RFC 2047, section 2): all of them are what every reader decodes, or none is read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bytes that a line may have (RFC 5322, section 2.1.1).
const MAX_LINE: usize = 998;
/// Bytes that a field may have.
const MAX_FIELD: usize = 64 * 1024;
/// Characters that an encoded word may have.
const MAX_WORD: usize = 75;
/// Charsets that readers know, and in which an `@` is always the same byte.
const CHARSETS: &str = "utf-8 us-ascii iso-8859-1 iso-8859-2 iso-8859-3 iso-8859-4 iso-8859-5 iso-8859-6 iso-8859-7 iso-8859-8 \
    iso-8859-9 iso-8859-10 iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16 windows-1250 windows-1251 windows-1252 windows-1253 \
    windows-1254 windows-1255 windows-1256 windows-1257 windows-1258 koi8-r koi8-u big5 gbk gb2312 euc-kr shift_jis";

/// Whether a field can be read in one way as far as its lines and its encoded words go.
///
/// SECURITY: the parser's time grows with the third power of what looks like the beginning or the end of a word, and it takes a
/// word that it does not know for text; so nothing else comes to it (tests `a_long_head_is_read_in_little_time`,
/// `an_encoded_word_that_not_all_decode_is_unreadable`).
pub(super) fn are_plain(name: &str, value: &str) -> bool {
    let mut lines = value.split('\n').enumerate();
    let length =
        |(at, line): (usize, &str)| line.trim_end_matches('\r').len() + if at == 0 { name.len() + 1 } else { 0 };
    value.len() <= MAX_FIELD && lines.all(|line| length(line) <= MAX_LINE) && all_are_words(value)
}

/// Whether each `=?` begins a word that every reader decodes, and to no address.
pub(in crate::mapping) fn all_are_words(text: &str) -> bool {
    let Some(first) = text.find("=?") else {
        return true;
    };
    // The parser mistakes where a word is bounded behind a character of several bytes.
    if !text.is_ascii() {
        return false;
    }
    let bounds = |byte: u8| byte.is_ascii_whitespace() || b"(),".contains(&byte);
    let (mut rest, mut before) = (
        text.as_bytes().get(first..).unwrap_or_default(),
        text.as_bytes().get(..first),
    );
    loop {
        let bounded = before.and_then(<[u8]>::last).is_none_or(|byte| bounds(*byte));
        let end = rest.iter().position(|byte| bounds(*byte)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if !bounded || word.len() > MAX_WORD || !is_word(word) {
            return false;
        }
        let Some(next) = super::multipart::find(after, b"=?") else {
            return true;
        };
        (before, rest) = (after.get(..next), after.get(next..).unwrap_or_default());
    }
}

/// One whole word: `=?charset?B|Q?text?=`.
fn is_word(word: &[u8]) -> bool {
    let inner = word.strip_prefix(b"=?").and_then(|word| word.strip_suffix(b"?="));
    let parts: Vec<&[u8]> = inner.unwrap_or_default().split(|byte| *byte == b'?').collect();
    let [charset, coding, text] = parts.as_slice() else {
        return false;
    };
    let mut known = CHARSETS.split(' ');
    let known = known.find(|known| known.as_bytes().eq_ignore_ascii_case(charset));
    let decoded = match *coding {
        b"B" | b"b" => STANDARD.decode(text).ok(),
        b"Q" | b"q" => quoted(text),
        _ => None,
    };
    let (Some(known), Some(decoded)) = (known, decoded) else {
        return false;
    };
    let of_charset = match known {
        "utf-8" => std::str::from_utf8(&decoded).is_ok(),
        "us-ascii" => decoded.is_ascii(),
        _ => true,
    };
    // A word may be decoded before addresses are looked for: it must have none, nor another word.
    of_charset
        && !decoded.iter().any(|byte| *byte == b'@' || byte.is_ascii_control())
        && super::multipart::find(&decoded, b"=?").is_none()
}

/// The bytes of a text in the Q encoding, which has none of the characters that part addresses.
fn quoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'=' => {
                let (digits, after) = after.split_at_checked(2)?;
                decoded.extend(hex::decode(digits).ok()?);
                rest = after;
            }
            b'_' => decoded.push(b' '),
            _ if byte.is_ascii_graphic() && !b"\"(),:;<>@[\\]".contains(byte) => decoded.push(*byte),
            _ => return None,
        }
    }
    Some(decoded)
}

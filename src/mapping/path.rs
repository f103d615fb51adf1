//! Paths on hosts with a mapping: one that another server could read as another path is refused, never rewritten.

use super::{form, strangers};
use crate::model::inert::is_active;
use crate::model::{Reason, Refusal};

/// Suffixes by which some servers choose a format, and so another operation than the template says.
const FORMATS: [&str; 4] = [".json", ".xml", ".html", ".csv"];

/// Refuses a path that has more than one reading.
///
/// SECURITY: `//`, dot segments, backslashes, path parameters (`;`), control characters, escapes of what needs none,
/// and escapes that turn into separators when decoded twice (tests `a_path_with_two_readings_is_refused`).
pub(super) fn check(path: &str) -> Result<(), Refusal> {
    check_characters(path, false)?;
    check_segments(path)
}

/// The same for a path in which some parameters may be any text: what they hold is for `check_text`, and for `check`
/// what all others hold.
pub(super) fn check_escaped(path: &str) -> Result<(), Refusal> {
    check_characters(path, true)?;
    match path.contains(';') {
        true => wrong("holds a character that does not belong there"),
        false => check_segments(path),
    }
}

/// A parameter that is any text, as it was sent.
///
/// SECURITY: a server that undoes the escapes before it parts the path finds other segments, and with dot segments
/// another path (test `what_is_any_text_leads_nowhere_else`).
pub(super) fn check_text(parameter: &str) -> Result<(), Refusal> {
    let mut text = parameter.as_bytes().to_vec();
    // Twice: some undo them in front and behind, and what is no escape is left by most as it is.
    for _ in 0..2 {
        text = strangers::bytes(&text);
        if text
            .split(|byte| *byte == b'/')
            .any(|segment| matches!(segment, b"." | b".."))
        {
            return wrong("holds an escaped dot segment");
        }
        if text.iter().any(|byte| *byte == b'\\' || byte.is_ascii_control()) {
            return wrong("holds an escaped backslash or control character");
        }
    }
    Ok(())
}

/// A parameter that is no such text, as it was sent.
pub(super) fn check_plain(parameter: &str) -> Result<(), Refusal> {
    check_characters(parameter, false)
}

fn check_segments(path: &str) -> Result<(), Refusal> {
    if !path.starts_with('/') || path.as_bytes().windows(2).any(|pair| pair == b"//") {
        return wrong("holds an empty segment");
    }
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        return wrong("holds a dot segment");
    }
    Ok(())
}

/// The same for a path that is opaque after so many segments: from there on it is a name like any other, in which the
/// provider finds no segments, and nothing is refused but escapes that are none.
pub(super) fn check_opaque(path: &str, segments: usize) -> Result<(), Refusal> {
    let end = path.match_indices('/').nth(segments).map_or(path.len(), |(at, _)| at);
    let (plain, opaque) = path.split_at_checked(end).unwrap_or((path, ""));
    check(plain)?;
    match plain.ends_with('/') && !opaque.is_empty() {
        true => wrong("holds an empty segment"),
        false => check_characters(opaque, true),
    }
}

fn wrong<T>(what: &str) -> Result<T, Refusal> {
    let detail = format!("the path {what}, which servers read in different ways: send it in its plain form");
    Err(Refusal::new(Reason::Malformed, detail))
}

fn check_characters(path: &str, opaque: bool) -> Result<(), Refusal> {
    let bytes = path.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        match byte {
            b'%' => {
                let escape = path
                    .get(at + 1..at + 3)
                    .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
                let Some(decoded) = escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
                    return wrong("holds an incomplete percent escape");
                };
                if opaque {
                    at += 3;
                    continue;
                }
                if decoded.is_ascii_control() || matches!(decoded, b'/' | b'\\' | b'.' | b'%' | b';' | b'?' | b'#') {
                    return wrong("holds an escaped separator or control character");
                }
                if decoded.is_ascii_alphanumeric() || matches!(decoded, b'-' | b'_' | b'~') {
                    return wrong("escapes a character that needs no escape");
                }
                at += 3;
                continue;
            }
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'/'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b'='
            | b':'
            | b'@' => {}
            b';' if opaque => {}
            _ => return wrong("holds a character that does not belong there"),
        }
        at += 1;
    }
    Ok(())
}

/// Whether the path ends as some servers' choice of a format does.
pub(super) fn has_format(path: &str) -> bool {
    FORMATS
        .iter()
        .any(|format| path.len() > format.len() && path.ends_with(format))
}

/// A parameter's value, percent-decoded once.
pub(super) fn parameter(segment: &str) -> Result<String, Refusal> {
    match form::decode(segment, false) {
        Ok(value) if !value.chars().any(is_active) => Ok(value.into_owned()),
        _ => Err(Refusal::new(
            Reason::Malformed,
            "a segment of the path is not UTF-8, or holds characters that cannot be seen",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_two_readings_is_refused() {
        for path in [
            "/v1/charges/../refunds",
            "/v1/./refunds",
            "/v1/..",
            "/v1/charges/%2e%2e/refunds",
            "/v1/charges/%2E./refunds",
            "/v1%2frefunds",
            "/v1%2Frefunds",
            "/v1//refunds",
            "//v1/refunds",
            "/v1/re%66unds",
            "/v1/refunds;a=b",
            "/v1/refunds%3Ba=b",
            "/v1/charges\\..\\refunds",
            "/v1/charges%5c..%5crefunds",
            "/v1/refunds%00.json",
            "/v1/refunds%0a",
            "/v1/%252e%252e/refunds",
            "/v1/refunds%",
            "/v1/refunds%2",
            "/v1/refunds%zz",
            "/v1/refunds%+1",
            "/v1/charges#/../refunds",
            "/v1/refünds",
            "/v1/refunds ",
            "/v1/{charge}",
            "v1/refunds",
            "",
        ] {
            assert_eq!(
                check(path).map_err(|refusal| refusal.reason),
                Err(Reason::Malformed),
                "{path}"
            );
        }
        for path in [
            "/",
            "/v1/refunds",
            "/v1/refunds/",
            "/v1/customers/a%20b%40c",
            "/v1/x:undelete",
            "/v1/a..b",
            "/v1/%c3%a9",
        ] {
            assert!(check(path).is_ok(), "{path}");
        }
    }

    #[test]
    fn what_is_any_text_leads_nowhere_else() {
        for text in [
            "a%2Fb",
            "a%2fb.txt",
            "100%25",
            "%E6%AD%93%2F%E8%BF%8E",
            "a%3Bb%3Fc%23d",
            "a%2F%2Fb",
            "..%2E",
            "a%20..b",
        ] {
            assert!(
                check_escaped(&format!("/x/{text}"))
                    .and_then(|()| check_text(text))
                    .is_ok(),
                "{text}"
            );
        }
        for text in [
            "%25%2f%252e",
            "%2e%2e",
            "%2E",
            "a%2F..%2Fb",
            "..%2Fb",
            "%2e%2e%2Fb",
            "a%252F..%252Fb",
            "%252e%252e",
            "a%5c..%5cb",
            "a%00",
            "a%0a",
            "a%250d",
        ] {
            assert!(check_text(text).is_err(), "{text}");
        }
        for path in ["/x//y", "/x/../y", "/x/.", "/x;y", "/x/%2", "/x/a b", "x"] {
            assert!(check_escaped(path).is_err(), "{path}");
        }
    }

    proptest::proptest! {
        /// Whoever undoes the escapes of any text, once or twice, finds no way up in it.
        #[test]
        fn any_text_leads_nowhere_else(text in "(\\.|/|%2e|%2E|%2f|%252e|%252f|%25|%5c|a){0,8}") {
            if check_escaped(&format!("/x/{text}")).is_ok() && check_text(&text).is_ok() {
                let once = strangers::bytes(text.as_bytes());
                for found in [once.clone(), strangers::bytes(&once)] {
                    let found = String::from_utf8_lossy(&found).into_owned();
                    proptest::prop_assert!(!found.contains('\\'), "{text}");
                    proptest::prop_assert!(found.split('/').all(|part| part != "." && part != ".."), "{text}");
                }
            }
        }
    }

    #[test]
    fn what_is_opaque_is_left_as_it_is_and_what_stands_before_it_is_not() {
        for path in [
            "/b/a//b",
            "/b//",
            "/b/../c",
            "/b/%2e%2e%2Fc",
            "/b/a;b",
            "/b/%00",
            "/b/",
            "/b",
            "/",
        ] {
            assert!(check_opaque(path, 1).is_ok(), "{path}");
        }
        for path in [
            "//b/a", "/../a", "/b%2fa/c", "/b;x/a", "/./a", "/b/%zz", "/b/a\\b", "/b/a b", "b/a", "",
        ] {
            assert!(check_opaque(path, 1).is_err(), "{path}");
        }
    }

    #[test]
    fn a_parameter_is_decoded_once_and_shows_what_it_is() {
        assert_eq!(parameter("a%20b%40c").unwrap(), "a b@c");
        assert_eq!(parameter("a+b").unwrap(), "a+b");
        for hidden in ["%e2%80%ae", "%e2%80%8b", "%ff"] {
            assert!(parameter(hidden).is_err(), "{hidden}");
        }
    }
}

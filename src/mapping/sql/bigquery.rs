//! Where BigQuery's strings and comments end.
//!
//! SECURITY: the parser knows no escapes in `r'…'` and `b'…'` and takes two quotes for one; BigQuery goes on after `\'` in every
//! form and knows no doubled quotes, so that a statement would hide in what the parser takes for a string (test
//! `a_string_of_bigquery_hides_no_statement`). The parser is only given strings that have nothing in them.

/// What stands in the place of a string: what is in it changes nothing that is asked for.
const STRING: &str = "'x'";
/// Letters before a quote that belong to a string.
const PREFIXES: [&str; 5] = ["", "b", "br", "r", "rb"];

/// The text with plain strings and without comments. `None`: a string or comment does not end, or not for everybody.
pub(super) fn plain(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (word, after) = rest.split_at(rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()));
        let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let prefix = PREFIXES.into_iter().find(|prefix| prefix.eq_ignore_ascii_case(word));
        rest = match (quote, prefix) {
            (Some(quote), Some(prefix)) => {
                // Two strings with nothing between them are none to BigQuery.
                if out.ends_with('\'') {
                    return None;
                }
                out.push_str(STRING);
                string(after, quote, !prefix.is_empty())?
            }
            _ if !word.is_empty() => {
                out.push_str(word);
                after
            }
            _ => other(rest, first, &mut out)?,
        };
    }
    Some(out)
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// What follows a string.
fn string(text: &str, quote: char, prefixed: bool) -> Option<&str> {
    let three = [quote; 3].iter().collect::<String>();
    let end = match text.starts_with(&three) {
        true => three,
        false => quote.to_string(),
    };
    let mut rest = text.strip_prefix(&end)?;
    loop {
        if let Some(after) = rest.strip_prefix(&end) {
            return Some(after);
        }
        let mut letters = rest.chars();
        match letters.next()? {
            // Who takes the backslash of a raw string for itself ends the string here; nobody writes one in bytes.
            '\\' if letters.next()? == quote && prefixed => return None,
            '\n' if end.len() == 1 => return None,
            _ => {}
        }
        rest = letters.as_str();
    }
}

/// A comment, a quoted name, or one character; what follows it.
fn other<'a>(rest: &'a str, first: char, out: &mut String) -> Option<&'a str> {
    if first == '#' || rest.starts_with("--") {
        return Some(rest.split_at(rest.find('\n').unwrap_or(rest.len())).1);
    }
    if let Some(comment) = rest.strip_prefix("/*") {
        out.push(' ');
        return comment.split_once("*/").map(|(_, after)| after);
    }
    let length = match rest.strip_prefix('`') {
        Some(name) => {
            let (name, _) = name.split_once('`')?;
            // It may escape the quote.
            if name.contains('\\') {
                return None;
            }
            name.len() + 2
        }
        None => first.len_utf8(),
    };
    let (one, after) = rest.split_at(length);
    out.push_str(one);
    Some(after)
}

//! A call's method and target as they may stand in the record: with what may be secret replaced by `…`.

use super::dispatch::{ACTION, Dispatch, NameSource, VERSION};
use super::service::{Operation, Service};
use super::{form, inert, kept};
use crate::model::{Call, Host};

/// Longer path segments are taken for secrets where no mapping says what they are.
const MAX_PLAIN: usize = 20;
/// Characters of an operation's name in a path.
const MAX_NAME: usize = 64;

/// What is known of a call's target.
#[derive(Clone, Copy)]
pub(super) enum Known<'a> {
    Nothing,
    Service(&'a Service),
    Operation(&'a Service, &'a Operation),
}

/// `POST https://api.stripe.com/v1/refunds?expand=…`
pub(super) fn request_line(call: &Call, known: Known<'_>) -> String {
    let mut out = String::with_capacity(64 + call.path.len());
    out.push_str(call.method.as_str());
    out.push(' ');
    out.push_str(call.scheme.as_str());
    out.push_str("://");
    match &call.authority.host {
        Host::Name(name) => out.push_str(name),
        Host::Address(_) => out.push_str(&call.authority.host.to_string()),
    }
    if call.authority.port != call.scheme.default_port() {
        out.push(':');
        out.push_str(&call.authority.port.to_string());
    }
    push_path(&mut out, call, known);
    if let Some(query) = &call.query {
        push_query(&mut out, query, known);
    }
    out
}

/// `POST /v1/other`: how an operation without a name is called. Where each path is a name it has one: `bookmarks.add`.
pub(super) fn operation(call: &Call, known: Known<'_>) -> String {
    if let (Known::Service(_), Some(name)) = (&known, name_in_path(call, known).filter(|name| name.contains('.'))) {
        return name.to_owned();
    }
    let mut out = format!("{} ", call.method);
    push_path(&mut out, call, known);
    out
}

fn push_path(out: &mut String, call: &Call, known: Known<'_>) {
    // The template's parameters stand where its segments are braces; a path may have fewer segments, where the host
    // names the first, and more, where the last parameter takes the rest.
    let mapped = match known {
        Known::Operation(service, operation) => Some((service, operation)),
        Known::Nothing | Known::Service(_) => None,
    };
    let mut shown = mapped.and_then(|(service, operation)| match &*service.dispatch {
        // Of generated operations nobody said what may stand in the record.
        Dispatch::Path(_) | Dispatch::Aws(_) if operation.shown_segments.is_empty() => None,
        Dispatch::Path(_) | Dispatch::Aws(_) => {
            Some((operation.shown_segments.iter(), operation.shown_segments.last()))
        }
        Dispatch::Name(_) => None,
    });
    if let Some(name) = name_in_path(call, known) {
        out.push_str(call.path.strip_suffix(name).unwrap_or_default());
        inert::push(out, name);
        return;
    }
    for segment in call.path.split('/').skip(1) {
        out.push('/');
        let plain = match &mut shown {
            Some((shown, rest)) => shown.next().or(*rest).copied().unwrap_or(false),
            None if matches!(known, Known::Nothing) => is_plain(segment),
            None => !looks_secret(segment),
        };
        if plain {
            inert::push(out, segment)
        } else {
            out.push('…')
        }
    }
}

/// The operation's name, where it is in the path and has the look of one: `admin.users.session.reset`.
fn name_in_path<'a>(call: &'a Call, known: Known<'_>) -> Option<&'a str> {
    let (Known::Service(service) | Known::Operation(service, _)) = known else {
        return None;
    };
    let Dispatch::Name(names) = &*service.dispatch else {
        return None;
    };
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic())
            || word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let name = names.source.in_path(&call.path)?;
    (name.len() <= MAX_NAME && name.split('.').all(word)).then_some(name)
}

/// The query of an address that nobody knows.
pub(super) fn push_unknown_query(out: &mut String, query: &str) {
    push_query(out, query, Known::Nothing);
}

fn push_query(out: &mut String, query: &str, known: Known<'_>) {
    let shows = |name: &str| match known {
        Known::Nothing => false,
        Known::Service(service) => service.show.contains(name) || names_operation(service, name),
        Known::Operation(service, operation) => {
            service.show.contains(name)
                || names_operation(service, name)
                || (operation.reads_query.iter().any(|read| **read == *name)
                    && !operation.hides_query.iter().any(|hidden| **hidden == *name))
        }
    };
    for (at, pair) in query.split('&').enumerate() {
        out.push(if at == 0 { '?' } else { '&' });
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = form::decode(name, true).unwrap_or_default();
        // A name may be the secret itself (`?s3cr3t`), or nothing but its own value.
        if looks_secret(&decoded) || (matches!(known, Known::Nothing) && !is_plain(&decoded)) {
            out.push('…');
            continue;
        }
        inert::push(out, name);
        if !value.is_empty() {
            out.push('=');
            // SECURITY: an address or a token may stand in any parameter (test `a_query_is_shown_without_what_may_be_secret`).
            let whole = || form::decode(value, true).is_ok_and(|said| kept::word(&said) == said);
            if shows(&decoded) && whole() {
                inert::push(out, value)
            } else {
                out.push('…')
            }
        }
    }
}

fn names_operation(service: &Service, name: &str) -> bool {
    match &*service.dispatch {
        Dispatch::Name(names) => match &names.source {
            NameSource::Parameter(parameter) => **parameter == *name,
            NameSource::Header { .. } | NameSource::Path(_) => false,
        },
        Dispatch::Aws(_) => [ACTION, VERSION].contains(&name),
        Dispatch::Path(_) => false,
    }
}

/// Digits in a row from which on they may be a code or a card's number.
const MAX_DIGITS: usize = 6;
/// Letters of a word in a path that nobody knows.
const MAX_WORD: usize = 12;

fn digit_run(text: &str) -> usize {
    let runs = text.split(|character: char| !character.is_ascii_digit());
    runs.map(str::len).max().unwrap_or_default()
}

/// What may stand in the record of a path that nobody knows: words as paths have them, versions, short numbers.
///
/// SECURITY: a short password or code in a path looks like nothing else (test `only_ordinary_words_of_strangers_are_kept`).
pub(super) fn is_plain(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    !looks_secret(segment)
        && digits <= 8
        && segment
            .split(|character: char| !character.is_ascii_alphanumeric())
            .all(is_word)
}

/// `users`, `API`, `postMessage`, `v2`, `2026`: no letters among digits, no letters that nobody could say.
fn is_word(word: &str) -> bool {
    let letters = word.trim_end_matches(|character: char| character.is_ascii_digit());
    let digits = word.len() - letters.len();
    if letters.is_empty() || (digits > 0 && (digits > 2 || letters.len() > 5)) {
        return letters.is_empty();
    }
    if letters.len() > MAX_WORD || !letters.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return false;
    }
    if letters.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return letters.len() <= 5;
    }
    // Each part of `postMessage` is a word of its own.
    let humps = letters
        .split_inclusive(|character: char| character.is_ascii_uppercase())
        .enumerate();
    let short = humps.skip(1).any(|(_, hump)| hump.len() < 3);
    let single_case = letters.bytes().skip(1).all(|byte| byte.is_ascii_lowercase());
    (single_case || !short) && (letters.len() <= 5 || is_sayable(letters))
}

/// Not more than four consonants in a row.
fn is_sayable(letters: &str) -> bool {
    let lower = letters.to_ascii_lowercase();
    let runs = lower.split(['a', 'e', 'i', 'o', 'u', 'y']);
    runs.map(str::len).max().unwrap_or_default() <= 4
}

/// Long, escaped, or random as tokens are: digits among letters in a word of eight or more, or mixed case.
pub(super) fn looks_secret(segment: &str) -> bool {
    if segment.len() > MAX_PLAIN || segment.contains('%') || !segment.is_ascii() || digit_run(segment) >= MAX_DIGITS {
        return true;
    }
    segment
        .split(['-', '.', '_', '~'])
        .filter(|word| word.len() >= 8)
        .any(|word| {
            let has = |class: fn(&u8) -> bool| word.bytes().any(|byte| class(&byte));
            let (digits, lower, upper) = (
                has(u8::is_ascii_digit),
                has(u8::is_ascii_lowercase),
                has(u8::is_ascii_uppercase),
            );
            let later_upper = word.bytes().skip(1).filter(u8::is_ascii_uppercase).count() > 2;
            (digits && (lower || upper)) || (lower && later_upper)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_plain_and_tokens_are_not() {
        for plain in [
            "v1",
            "users",
            "2026-11-20",
            "index.html",
            "charges",
            "repos",
            "12345",
            "listObjects",
        ] {
            assert!(!looks_secret(plain), "{plain}");
        }
        for secret in [
            "s3cr3t-tok3n-0f-mine1",
            "AbCdEfGhIj",
            "a1b2c3d4e5",
            "deadbeef01",
            "T00000000-B0000000",
            "%41",
            "xoxb12345678",
            "482913",
            "code-4829137",
        ] {
            assert!(looks_secret(secret), "{secret}");
        }
    }

    #[test]
    fn only_ordinary_words_of_strangers_are_kept() {
        for plain in [
            "",
            "v1",
            "users",
            "API",
            "12345",
            "2026-11-20",
            "index.html",
            "listObjects",
            "chat.postMessage",
            "oauth2",
            "a",
            "https",
            "Users",
        ] {
            assert!(is_plain(plain), "{plain}");
        }
        for hidden in [
            "123456",
            "1234-5678-9",
            "hunter2x",
            "hunter222",
            "correcthorsebattery",
            "xkqzptwv",
            "QWERTYUI",
            "aBcDeF",
            "getById",
            "p4ssw0rd",
            "a@b.example.com/x1y",
            "zwt5q",
            "%41",
            "abc\u{e9}",
        ] {
            assert!(!is_plain(hidden), "{hidden}");
        }
    }
}

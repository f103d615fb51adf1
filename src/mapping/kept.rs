//! What of a field's texts rules, people and the record are given, by the field's class.
//!
//! It is taken out where a field is read, so that nobody behind that can write it down: rules, budgets, approvers, `explain`, tables,
//! entries and exports have the same. The fingerprint of a call is over what was sent, and tells apart what looks alike here.

use serde_json::Value as Json;

use super::record::{is_plain, looks_secret, push_unknown_query};
use crate::model::Value;
use crate::model::action::HIDDEN;
use crate::model::vocabulary::FieldClass;

/// Beginnings of tokens and keys that say themselves what they are.
const TOKENS: [&str; 36] = [
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "rk_test_",
    "whsec_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxa-",
    "xoxb-",
    "xoxe-",
    "xoxe.",
    "xoxp-",
    "xoxr-",
    "xoxs-",
    "xapp-",
    "AIza",
    "ya29.",
    "SG.",
    "sk-ant-",
    "sk-proj-",
    "npm_",
    "pypi-",
    "dop_v1_",
    "shpat_",
    "shpss_",
    "shpca_",
    "hf_",
    "lin_api_",
    "sq0atp-",
    "pat-na1-",
    "rp_",
];
/// A key in PEM has it.
const OF_KEYS: &str = "PRIVATE KEY-----";
/// Letters and digits in a row, some of each, that such a token has behind that.
const SHORTEST: usize = 16;
/// A signed token (JWT) has at least so many.
const SHORTEST_SIGNED: usize = 40;

/// SECURITY: the address of a webhook is the right to post there, by its path, its query or the password before its host (tests
/// `addresses_are_kept_without_what_may_be_secret`, `no_secret_of_a_webhook_is_in_database_log_or_dump`).
pub fn value(class: FieldClass, value: Value) -> Value {
    let kept = |given: String| match class {
        FieldClass::Text if is_harmless(&given) => given,
        FieldClass::Text => text(&given),
        FieldClass::Url => url(&given),
    };
    match value {
        Value::Text(text) => Value::Text(kept(text)),
        Value::List(items) => Value::List(items.into_iter().map(kept).collect()),
        Value::Bool(_) | Value::Int(_) => value,
    }
}

/// What an agent says by a name that nobody knows.
pub(super) fn said(value: &Json) -> Json {
    match value {
        Json::String(text) => Json::String(word(text)),
        Json::Array(items) => Json::Array(items.iter().map(said).collect()),
        Json::Object(members) => Json::Object(members.iter().map(|(name, value)| (word(name), said(value))).collect()),
        Json::Null | Json::Bool(_) | Json::Number(_) => value.clone(),
    }
}

/// A text in which addresses of pages may stand.
pub(super) fn word(word: &str) -> String {
    if word.contains(OF_KEYS) {
        return HIDDEN.to_string();
    }
    let parts = |character: char| character.is_whitespace() || "\"'`<>()[]{},;".contains(character);
    let mut out = String::with_capacity(word.len());
    for piece in word.split_inclusive(parts) {
        let said = piece.trim_end_matches(parts);
        match is_address(said) {
            true => out.push_str(&url(said)),
            false => out.push_str(&text(said)),
        }
        out.push_str(&piece[said.len()..]);
    }
    out
}

/// Of a page or a service that is called; the names of other things (`s3://…`) are told.
fn is_address(piece: &str) -> bool {
    let small = piece.to_ascii_lowercase();
    let called = ["http:", "https:", "ws:", "wss:", "ftp:"];
    small.starts_with("//") || small.starts_with("\\\\") || called.iter().any(|scheme| small.contains(scheme))
}

/// Whole, but for tokens that say what they are, and for passwords and query values of addresses.
fn text(text: &str) -> String {
    let text = match text.contains("://") {
        true => without_access(text),
        false => text.to_owned(),
    };
    if text.contains(OF_KEYS) {
        return HIDDEN.to_string();
    }
    match text.split(is_border).any(is_token) {
        true => without_tokens(&text),
        false => text,
    }
}

/// As nearly every text is.
fn is_harmless(text: &str) -> bool {
    match text.contains(is_border) {
        true => !text.contains("://") && !text.contains(OF_KEYS) && !text.split(is_border).any(is_token),
        false => !is_token(text),
    }
}

fn is_border(character: char) -> bool {
    !(character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.'))
}

fn is_token(word: &str) -> bool {
    // SECURITY: a rule about the table `rp_daily_transactions` has to see its name (test
    // `other_texts_are_whole_but_for_tokens_and_passwords`).
    let is_random = |run: &str| {
        run.len() >= SHORTEST
            && run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    let random = |rest: &str| rest.split(['-', '_', '.']).any(is_random);
    if word.len() <= SHORTEST {
        return false;
    }
    let first = word.as_bytes().first();
    let begins = |start: &&str| start.as_bytes().first() == first && word.strip_prefix(*start).is_some_and(random);
    let is_signed = || word.starts_with("eyJ") && word.len() >= SHORTEST_SIGNED && word.split('.').count() == 3;
    TOKENS.iter().any(begins) || is_signed()
}

fn without_tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_border) {
        let word = piece.trim_end_matches(is_border);
        match is_token(word) {
            true => out.push(HIDDEN),
            false => out.push_str(word),
        }
        out.push_str(&piece[word.len()..]);
    }
    out
}

/// An address with its whole path.
fn without_access(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (authority, rest) = rest.split_at(rest.find(ENDS).unwrap_or(rest.len()));
    let (path, rest) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    let mut out = format!("{scheme}://");
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => {
            out.push(HIDDEN);
            out.push('@');
            host
        }
        None => authority,
    };
    out.push_str(host);
    out.push_str(path);
    push_rest(&mut out, rest);
    out
}

/// Where the authority of an address ends; `\` is a slash to many.
const ENDS: [char; 4] = ['/', '\\', '?', '#'];

/// Scheme, host, and of path and query the words that nobody could take for a secret.
fn url(address: &str) -> String {
    let address = without_tokens(address);
    if is_name(&address) {
        return address;
    }
    let (scheme, rest) = scheme(&address);
    let (slashes, rest) = rest.split_at(rest.len() - rest.trim_start_matches(['/', '\\']).len());
    let (authority, rest) = rest.split_at(rest.find(ENDS).unwrap_or(rest.len()));
    let (path, rest) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    let mut out = format!("{scheme}{slashes}");
    let is_place = !slashes.is_empty();
    push_authority(&mut out, authority, is_place);
    for piece in path.split_inclusive(['/', '\\']) {
        let segment = piece.trim_end_matches(['/', '\\']);
        match is_plain(segment) {
            true => out.push_str(segment),
            false => out.push(HIDDEN),
        }
        out.push_str(&piece[segment.len()..]);
    }
    push_rest(&mut out, rest);
    out
}

/// What services take in the place of an address: an ARN, a telephone number.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/_.-*".contains(&byte);
    let digits = |digits: &str| (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    text.starts_with("arn:") && text.bytes().all(plain) || text.strip_prefix('+').is_some_and(digits)
}

/// `https:` and what is behind it. `host:8080` and `user:password@host` have none.
fn scheme(address: &str) -> (&str, &str) {
    let Some(at) = address.find(':') else {
        return ("", address);
    };
    let (name, rest) = address.split_at(at + 1);
    let word = name.trim_end_matches(':');
    let is_word = word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))
        && !looks_secret(word);
    let known = ["http", "https", "ws", "wss", "ftp", "mailto"];
    match is_word && (rest.starts_with(['/', '\\']) || known.iter().any(|known| word.eq_ignore_ascii_case(known))) {
        true => (name, rest),
        false => ("", address),
    }
}

/// `is_place`: that it is a host is said by what is before it. Else it may be a word, or an e-mail address.
fn push_authority(out: &mut String, authority: &str, is_place: bool) {
    let host = match authority.rsplit_once('@') {
        Some((user, host)) => {
            match is_place || user.contains(':') || looks_secret(user) {
                true => out.push(HIDDEN),
                false => out.push_str(user),
            }
            out.push('@');
            host
        }
        None => authority,
    };
    let of_host =
        |character: char| character.is_alphanumeric() || matches!(character, '.' | '-' | '_' | ':' | '[' | ']');
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    let is_word =
        || !name.split('.').any(looks_secret) && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    match host.chars().all(of_host) && (is_place || is_word()) {
        true => out.push_str(host),
        false => out.push(HIDDEN),
    }
}

/// Query and fragment.
fn push_rest(out: &mut String, rest: &str) {
    let (query, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    if let Some(query) = query.strip_prefix('?') {
        push_unknown_query(out, query);
    }
    if !fragment.is_empty() {
        out.push('#');
        out.push(HIDDEN);
    }
}

#[cfg(test)]
mod tests;

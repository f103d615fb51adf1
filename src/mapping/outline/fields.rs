//! The header fields of such a change.

use std::fmt::Write as _;

use http::HeaderName;

use super::{MAX_NAME, MAX_NAMES, digest};
use crate::mapping::identity::headers;
use crate::mapping::service::Service;
use crate::mapping::{inert, record};
use crate::model::Call;

/// Characters of a value that is shown.
const MAX_VALUE: usize = 100;
/// Words in the names of fields that say who calls.
const SECRET: [&str; 11] = [
    "auth",
    "cookie",
    "credential",
    "csrf",
    "key",
    "pass",
    "secret",
    "session",
    "signature",
    "token",
    "xsrf",
];

/// ` (with x-goog-copy-source: payroll/salaries.csv, x-trace: sha256 1a2b3c4d5e6f7081, cookie: …)`: those that make it
/// another call; nothing where there are none.
///
/// SECURITY: a field may be all that a change does, as the copy of an object is an empty PUT (test
/// `header_fields_of_an_unmapped_change_are_shown`).
pub(in crate::mapping) fn header_fields(call: &Call, service: Option<&Service>) -> String {
    let names = headers::counted(&call.headers, service);
    let mut out = String::new();
    for (at, name) in names.iter().take(MAX_NAMES).enumerate() {
        out.push_str(if at == 0 { " (with " } else { ", " });
        inert::push_at_most(&mut out, name.as_str(), MAX_NAME);
        for value in call.headers.get_all(*name) {
            out.push_str(": ");
            match is_secret(name, service) {
                true => out.push('…'),
                false => push_value(&mut out, value.as_bytes(), service.is_some()),
            }
        }
    }
    if let Some(more) = names.len().checked_sub(MAX_NAMES).filter(|more| *more > 0) {
        // A String takes everything.
        let _ = write!(out, " and {more} more");
    }
    out.push_str(if out.is_empty() { "" } else { ")" });
    out
}

fn is_secret(name: &HeaderName, service: Option<&Service>) -> bool {
    service.is_some_and(|service| service.secret.contains(name))
        || SECRET.iter().any(|word| name.as_str().contains(word))
}

/// The value if it is plain words, of a stranger's only such as everybody has; else its digest.
///
/// SECURITY: what is shown is kept, and a value may be a secret whatever its field is called (test
/// `secrets_in_header_fields_are_not_shown`).
fn push_value(out: &mut String, value: &[u8], mapped: bool) {
    let plain = |word: &str| match mapped {
        true => !record::looks_secret(word),
        false => record::is_ordinary(word),
    };
    let text = std::str::from_utf8(value).ok().filter(|text| {
        let words = |text: &str| text.split(['/', '-', '.', '_', ':', '=', '"']).all(plain);
        let spaced = |part: &str| part.trim().contains(char::is_whitespace);
        text.len() <= MAX_VALUE && text.split([',', ';']).all(|part| !spaced(part) && words(part.trim()))
    });
    match text {
        Some(text) => inert::push(out, text),
        None => {
            out.push_str("sha256 ");
            out.push_str(&digest(value));
        }
    }
}

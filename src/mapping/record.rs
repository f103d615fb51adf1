//! A call's method and target as they may stand in the record: with what may be secret replaced by `…`.

use super::dispatch::{Dispatch, NameSource};
use super::service::{Operation, Service};
use super::{form, inert};
use crate::model::Call;

/// Longer path segments are taken for secrets where no mapping says what they are.
const MAX_PLAIN: usize = 20;

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
    out.push_str(&call.authority.host.to_string());
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

/// `POST /v1/other`: how an operation without a name is called.
pub(super) fn operation(call: &Call, known: Known<'_>) -> String {
    let mut out = format!("{} ", call.method);
    push_path(&mut out, call, known);
    out
}

fn push_path(out: &mut String, call: &Call, known: Known<'_>) {
    // The template's parameters stand where its segments are braces; a route by path has as many segments.
    let mapped = match known {
        Known::Operation(service, operation) => Some((service, operation)),
        Known::Nothing | Known::Service(_) => None,
    };
    let mut shown = mapped.and_then(|(service, operation)| match &service.dispatch {
        Dispatch::Path(_) => Some(operation.shown_segments.iter()),
        Dispatch::Name(_) => None,
    });
    for segment in call.path.split('/').skip(1) {
        out.push('/');
        let plain = match &mut shown {
            Some(shown) => shown.next().copied().unwrap_or(false),
            None => !looks_secret(segment),
        };
        if plain {
            inert::push(out, segment)
        } else {
            out.push('…')
        }
    }
}

fn push_query(out: &mut String, query: &str, known: Known<'_>) {
    let shows = |name: &str| match known {
        Known::Nothing => false,
        Known::Service(service) => service.show.contains(name) || names_operation(service, name),
        Known::Operation(service, operation) => {
            service.show.contains(name)
                || names_operation(service, name)
                || operation.reads_query.iter().any(|read| **read == *name)
        }
    };
    for (at, pair) in query.split('&').enumerate() {
        out.push(if at == 0 { '?' } else { '&' });
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = form::decode(name, true).unwrap_or_default();
        // A name may be the secret itself (`?s3cr3t`), or nothing but its own value.
        if looks_secret(&decoded) {
            out.push('…');
            continue;
        }
        inert::push(out, name);
        if !value.is_empty() {
            out.push('=');
            if shows(&decoded) {
                inert::push(out, value)
            } else {
                out.push('…')
            }
        }
    }
}

fn names_operation(service: &Service, name: &str) -> bool {
    match &service.dispatch {
        Dispatch::Name(names) => match &names.source {
            NameSource::Parameter(parameter) => **parameter == *name,
            NameSource::Header { .. } => false,
        },
        Dispatch::Path(_) => false,
    }
}

/// Long, escaped, or random as tokens are: digits among letters in a word of eight or more, or mixed case.
fn looks_secret(segment: &str) -> bool {
    if segment.len() > MAX_PLAIN || segment.contains('%') || !segment.is_ascii() {
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
        ] {
            assert!(looks_secret(secret), "{secret}");
        }
    }
}

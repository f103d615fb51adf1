//! What people see of a change that no mapping names: enough to tell it from another, and no value but what header fields
//! say in plain words.

use std::fmt::Write as _;

use http::HeaderName;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use sha2::{Digest as _, Sha256};

use super::dispatch::{Dispatch, NameSource};
use super::file::Decoder;
use super::service::Service;
use super::{cbor, content, form, inert, json, multipart, record};
use crate::model::{Body, Call};

mod fields;

pub(super) use fields::header_fields;

/// Names that are shown.
const MAX_NAMES: usize = 12;
/// Letters and digits that an operation's name may have.
const MAX_NAME: usize = 64;
/// Characters of a media type or coding, which are the agent's words.
const MAX_TYPE: usize = 40;
/// Hexadecimal digits of a digest.
const DIGITS: usize = 16;

/// ` (CreateVpc: sha256 1a2b3c4d5e6f7081, 36 bytes, application/x-www-form-urlencoded: Action, CidrBlock)`, where the digest is
/// that of the content as it came; nothing for a call that has neither query nor content. `decoder`: what its content is
/// read by, if by anything.
///
/// SECURITY: who approves one such change must see that another is another one, whatever the agent calls it (tests
/// `two_unmapped_changes_do_not_look_alike`, `a_long_media_type_does_not_hide_the_digest`).
pub(super) fn outline(call: &Call, service: Option<&Service>, decoder: Option<Decoder>) -> String {
    let query = call.query.as_deref().unwrap_or_default();
    let empty = content::is_empty(&call.body);
    let named = service.and_then(|service| operation(call, service));
    if query.is_empty() && empty && named.is_none() {
        return String::new();
    }
    let mut parts: Vec<String> = Vec::new();
    match &call.body {
        _ if empty => {}
        Body::Streaming { length: Some(length) } => parts.push(format!("{length} bytes, not read")),
        Body::Streaming { length: None } => parts.push("of unknown length, not read".to_owned()),
        Body::Absent | Body::Captured(_) | Body::Coded(_) => {
            let wire = call.body.captured().unwrap_or_default();
            parts.push(format!("sha256 {}", digest(wire)));
            parts.push(format!("{} bytes", wire.len()));
        }
    }
    if !query.is_empty() {
        parts.push(format!("query sha256 {}", digest(query.as_bytes())));
    }
    let words = |name: HeaderName, otherwise: &str| {
        let value = call.header(name.as_str()).and_then(|value| value.split(';').next());
        let mut shown = String::new();
        inert::push_at_most(&mut shown, value.unwrap_or(otherwise).trim(), MAX_TYPE);
        shown
    };
    if !empty {
        parts.push(words(CONTENT_TYPE, "no content type"));
    }
    if let Body::Coded(_) = &call.body {
        parts.push(words(CONTENT_ENCODING, "coded twice"));
    }
    let mut out = " (".to_owned();
    if let Some(name) = named {
        out.push_str(&name);
        out.push_str(if parts.is_empty() { "" } else { ": " });
    }
    out.push_str(&parts.join(", "));
    push_names(&mut out, &names(call, query, decoder));
    out.push(')');
    out
}

/// As `sha256sum` gives it, its beginning.
fn digest(bytes: &[u8]) -> String {
    let mut digits = hex::encode(Sha256::digest(bytes));
    digits.truncate(DIGITS);
    digits
}

fn push_names(out: &mut String, names: &[String]) {
    for (at, name) in names.iter().take(MAX_NAMES).enumerate() {
        out.push_str(if at == 0 { ": " } else { ", " });
        // A name may be the secret itself, where nothing says what it is.
        match is_given_name(name) {
            true => inert::push(out, name),
            false => out.push('…'),
        }
    }
    if let Some(more) = names.len().checked_sub(MAX_NAMES).filter(|more| *more > 0) {
        // A String takes everything.
        let _ = write!(out, " and {more} more");
    }
}

/// Whether a name is one that a provider would give: `items[0][price]`, `Filter.1.Name`, `TableName`.
///
/// SECURITY: what is no name at all would be stored and shown (test `pieces_of_content_are_no_names`).
fn is_given_name(name: &str) -> bool {
    let dotted = !name.contains('.') || name.split('.').any(|part| part.parse::<u16>().is_ok());
    let word = |part: &str| {
        let plain = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        plain
            && !record::looks_secret(part)
            && (!part.starts_with(|first: char| first.is_ascii_digit()) || part.len() <= 3)
    };
    dotted && !name.starts_with(['[', '.']) && name.split(['[', ']', '.']).all(word) && !name.is_empty()
}

/// Names of the query, and of the content as far as it is read by a decoder that has any.
fn names(call: &Call, query: &str, decoder: Option<Decoder>) -> Vec<String> {
    let of_pairs = |text: &str| {
        let pairs = form::pairs(text).unwrap_or_default().into_iter();
        pairs.map(|pair| pair.name.into_owned()).collect::<Vec<_>>()
    };
    let mut names = of_pairs(query);
    // What does not say the same to every server has no names.
    let Some(bytes) = content::settled(call) else {
        return names;
    };
    match decoder {
        Some(Decoder::Json) => {
            let document = json::parse(bytes).ok();
            let members = document.as_ref().and_then(|document| document.as_object());
            names.extend(members.into_iter().flat_map(|members| members.keys().cloned()));
        }
        Some(Decoder::Form | Decoder::AwsQuery) => {
            names.extend(std::str::from_utf8(bytes).map(of_pairs).unwrap_or_default());
        }
        Some(Decoder::Multipart) => {
            let content_type = call.header(CONTENT_TYPE.as_str()).unwrap_or_default();
            let parts = multipart::boundary(content_type).and_then(|boundary| multipart::parse(bytes, boundary));
            let parts = parts.unwrap_or_default();
            names.extend(parts.iter().map(|part| part.name.to_owned()));
        }
        Some(Decoder::Cbor) => {
            let members = cbor::members(bytes).unwrap_or_default();
            names.extend(members.into_iter().map(|(name, _)| name));
        }
        Some(Decoder::Xml | Decoder::Mail | Decoder::Bulk) | None => {}
    }
    names
}

/// The provider's word for what is done, where the call names it outside its path.
fn operation(call: &Call, service: &Service) -> Option<String> {
    let Dispatch::Name(names) = &*service.dispatch else {
        return None;
    };
    let name = match &names.source {
        NameSource::Header { .. } => names.source.in_header(call).ok()??.to_owned(),
        NameSource::Parameter(parameter) => {
            let content = content::settled(call).and_then(|bytes| std::str::from_utf8(bytes).ok());
            let texts = [call.query.as_deref(), content].into_iter().flatten();
            let mut pairs = texts.flat_map(|text| form::pairs(text).unwrap_or_default());
            pairs.find(|pair| pair.name == **parameter)?.value.into_owned()
        }
        NameSource::Path(_) => return None,
    };
    let plain = !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    plain.then_some(name)
}

//! What people see of a change that no mapping names: enough to tell it from another, and no value.

use std::fmt::Write as _;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use sha2::{Digest as _, Sha256};

use super::dispatch::{Dispatch, NameSource};
use super::service::Service;
use super::{content, form, inert, json, multipart, record};
use crate::model::{Body, Call};

/// Names that are shown.
const MAX_NAMES: usize = 12;
/// Letters and digits that an operation's name may have.
const MAX_NAME: usize = 64;

/// ` (CreateVpc: application/x-www-form-urlencoded, 36 bytes, sha256 1a2b3c4d: Action, CidrBlock)`; nothing for a call
/// that has neither query nor content.
///
/// SECURITY: who approves one such change must see that another is another one (test
/// `two_unmapped_changes_do_not_look_alike`).
pub(super) fn outline(call: &Call, service: Option<&Service>) -> String {
    let query = call.query.as_deref().unwrap_or_default();
    let empty = content::is_empty(&call.body);
    let named = service.and_then(|service| operation(call, service));
    if query.is_empty() && empty && named.is_none() {
        return String::new();
    }
    let mut parts: Vec<String> = Vec::new();
    if !empty {
        let mut kind = String::new();
        match call
            .header(CONTENT_TYPE.as_str())
            .and_then(|kind| kind.split(';').next())
        {
            Some(media_type) => inert::push(&mut kind, media_type.trim()),
            None => kind.push_str("no content type"),
        }
        parts.push(kind);
    }
    let wire = call.body.captured().unwrap_or_default();
    // What does not say the same to every server is shown as it came.
    let bytes = content::settled(call).unwrap_or(wire);
    if let Body::Coded(_) = &call.body {
        let mut coding = String::new();
        inert::push(
            &mut coding,
            call.header(CONTENT_ENCODING.as_str()).unwrap_or("coded twice"),
        );
        parts.push(coding);
    }
    match &call.body {
        _ if empty => {}
        Body::Streaming { length: Some(length) } => parts.push(format!("{length} bytes, not read")),
        Body::Streaming { length: None } => parts.push("of unknown length, not read".to_owned()),
        Body::Absent | Body::Captured(_) | Body::Coded(_) => parts.push(format!("{} bytes", wire.len())),
    }
    if !query.is_empty() || !bytes.is_empty() {
        let mut hash = Sha256::new();
        hash.update(u64::try_from(query.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(query);
        hash.update(bytes);
        let digest = hex::encode(hash.finalize());
        parts.push(format!("sha256 {}", digest.get(..8).unwrap_or_default()));
    }
    let mut out = " (".to_owned();
    if let Some(name) = named {
        out.push_str(&name);
        out.push_str(if parts.is_empty() { "" } else { ": " });
    }
    out.push_str(&parts.join(", "));
    push_names(&mut out, &names(call, query, bytes));
    out.push(')');
    out
}

fn push_names(out: &mut String, names: &[String]) {
    for (at, name) in names.iter().take(MAX_NAMES).enumerate() {
        out.push_str(if at == 0 { ": " } else { ", " });
        // A name may be the secret itself, where nothing says what it is.
        match name.split(['[', ']', '.']).any(record::looks_secret) {
            true => out.push('…'),
            false => inert::push(out, name),
        }
    }
    if let Some(more) = names.len().checked_sub(MAX_NAMES).filter(|more| *more > 0) {
        // A String takes everything.
        let _ = write!(out, " and {more} more");
    }
}

/// Names of query and content, as far as they can be read.
fn names(call: &Call, query: &str, bytes: &[u8]) -> Vec<String> {
    let of_pairs = |text: &str| {
        let pairs = form::pairs(text).unwrap_or_default().into_iter();
        pairs.map(|pair| pair.name.into_owned()).collect::<Vec<_>>()
    };
    let mut names = of_pairs(query);
    let content_type = call.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    let parts = multipart::boundary(content_type).and_then(|boundary| multipart::parse(bytes, boundary));
    if let Ok(parts) = parts {
        names.extend(parts.iter().map(|part| part.name.to_owned()));
        return names;
    }
    match (json::parse(bytes), std::str::from_utf8(bytes)) {
        (Ok(document), _) => names.extend(
            document
                .as_object()
                .into_iter()
                .flat_map(|members| members.keys().cloned()),
        ),
        (Err(_), Ok(text)) if text.contains('=') => names.extend(of_pairs(text)),
        (Err(_), Ok(_) | Err(_)) => {}
    }
    names
}

/// The provider's word for what is done, where the call names it outside its path.
fn operation(call: &Call, service: &Service) -> Option<String> {
    let Dispatch::Name(names) = &service.dispatch else {
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

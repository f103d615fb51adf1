//! A mail without what is another one each time that it is written: its date, its id, and the boundaries of its parts.

use http::header::CONTENT_TYPE;

use super::exact::Exact;
use super::{Body, Content, Framed, decoded};
use crate::mapping::document::Place;
use crate::mapping::field::{Reading, Reducer, Rule};
use crate::mapping::mail::{self, Message};
use crate::mapping::multipart;
use crate::mapping::service::Operation;
use crate::model::Call;

/// How deep parts may stand in parts.
const MAX_DEPTH: usize = 8;

/// Takes the mail out of a call's content, if there is one that can be told apart; what stays is told without it.
///
/// SECURITY: what cannot be parted in exactly one way stays as it came, and is another mail under another boundary (test
/// `a_mail_is_known_again_by_what_it_says`).
pub(super) fn take(operation: &Operation, dots: bool, body: &mut Body<'_>) -> Option<Vec<u8>> {
    let mut rules = operation.fields.iter();
    let place = rules.find_map(|(_, rule)| place(rule))?;
    match body {
        Body::Json(value) => {
            let (last, above) = place.names.split_last()?;
            let mut at = value;
            for name in above {
                at = at.get_mut(*name)?;
            }
            let known = known(&mail::decode(at.get(*last)?.as_str()?)?)?;
            at.as_object_mut()?.remove(*last);
            Some(known)
        }
        Body::Form(_, pairs) if dots => {
            let name = place.names.join(".");
            let is_it = |pair: &Exact| pair.name == name.as_bytes();
            let mut found = pairs.iter().filter(|pair| is_it(pair));
            let (pair, None) = (found.next()?, found.next()) else {
                return None;
            };
            let known = known(&mail::decode(std::str::from_utf8(pair.value.as_deref()?).ok()?)?)?;
            pairs.retain(|pair| !is_it(pair));
            Some(known)
        }
        Body::Empty
        | Body::Cbor(_)
        | Body::Form(..)
        | Body::Parts(..)
        | Body::Related(..)
        | Body::Mail(..)
        | Body::Raw(_) => None,
    }
}

/// Where a mail is read from.
fn place(rule: &Rule) -> Option<Place<'_>> {
    match rule {
        Rule::Read(Reading {
            from,
            reduce: Reducer::Mail(_),
            ..
        }) => from.first()?.place(),
        Rule::Unless(_, rule) | Rule::Only(_, rule) => place(rule),
        Rule::Read(_)
        | Rule::Constant(..)
        | Rule::NotTold
        | Rule::Empty(..)
        | Rule::Lacking(..)
        | Rule::Or(..)
        | Rule::Most(..) => None,
    }
}

/// Content that is a mail, or has one behind a part of JSON.
pub(super) fn content(call: &Call) -> Option<Body<'_>> {
    let content_type = decoded::once(&call.headers, &CONTENT_TYPE).ok()??;
    let content = call
        .body
        .captured()
        .filter(|_| !matches!(call.body, Content::Coded(_)))?;
    let Ok(boundary) = multipart::related_boundary(content_type) else {
        return Some(Body::Mail(None, known(content)?));
    };
    match multipart::split(content, boundary).ok()?.as_slice() {
        [about, mail] => Some(Body::Mail(Some(about), known(mail::part(mail, "message/rfc822")?)?)),
        _ => None,
    }
}

/// What a mail says, so that another one never says the same.
pub(super) fn known(mail: &[u8]) -> Option<Vec<u8>> {
    let mut out = Framed::default();
    out.message(mail, 0)?;
    Some(out.0)
}

impl Framed {
    fn message(&mut self, bytes: &[u8], depth: usize) -> Option<()> {
        let message = Message::read(bytes)?;
        self.put(b'l', message.newline.as_bytes());
        let content_type = message.field("content-type");
        let parted = content_type.filter(|value| value.trim_start().to_ascii_lowercase().starts_with("multipart/"));
        let boundary = match parted {
            Some(value) => Some(boundary(value)?),
            None => None,
        };
        for (name, value) in &message.fields {
            let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
            if depth == 0 && (is("date") || is("message-id")) {
                let fits = if is("date") { is_date(value) } else { is_id(value) };
                if fits && message.field(name).is_some() {
                    self.put(b'd', name.to_ascii_lowercase().as_bytes());
                    continue;
                }
            }
            self.put(b'k', name.as_bytes());
            match boundary.filter(|_| is("content-type")) {
                Some(boundary) => value
                    .split(boundary)
                    .for_each(|around| self.put(b'v', around.as_bytes())),
                None => self.put(b'v', value.as_bytes()),
            }
        }
        let Some(boundary) = boundary else {
            self.put(b'c', message.content);
            return Some(());
        };
        if depth == MAX_DEPTH {
            return None;
        }
        let parts = multipart::split_at(message.content, boundary, message.newline).ok()?;
        self.count(b'm', parts.len());
        for part in parts {
            self.message(part, depth + 1)?;
        }
        self.put(b'e', b"");
        Some(())
    }
}

/// A date as RFC 5322 writes it, without a comment to hide something in.
fn is_date(value: &str) -> bool {
    let value = value.trim();
    value.len() <= 40 && !value.contains('(') && jiff::fmt::rfc2822::parse(value).is_ok()
}

/// One id as RFC 5322 writes it.
fn is_id(value: &str) -> bool {
    let value = value.trim();
    let id = value.strip_prefix('<').and_then(|value| value.strip_suffix('>'));
    let plain = |text: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.[]:".contains(&byte);
        !text.is_empty() && text.bytes().all(allowed)
    };
    value.len() <= 200
        && id
            .and_then(|id| id.split_once('@'))
            .is_some_and(|(left, right)| plain(left) && plain(right))
}

/// The one boundary that a Content-Type names, if nothing else in it is the same text.
fn boundary(content_type: &str) -> Option<&str> {
    let lower = content_type.to_ascii_lowercase();
    let at = lower.find("boundary=")?;
    if lower.matches("boundary").count() != 1 {
        return None;
    }
    // In quotation marks, or at the end of another name, it is no parameter.
    let before = content_type.get(..at)?;
    let quoted = before.contains('\\') || !before.matches('"').count().is_multiple_of(2);
    if quoted || !before.trim_end().ends_with(';') {
        return None;
    }
    let value = content_type.get(at + "boundary=".len()..)?;
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?.0,
        None => value.split([';', ' ', '\t', '\r', '\n']).next()?,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.'+=".contains(&byte);
    let fine = (1..=70).contains(&value.len()) && value.bytes().all(plain);
    (fine && content_type.matches(value).count() == 1).then_some(value)
}

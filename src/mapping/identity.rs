//! What makes a call the same call when it is made again (design 4.6.2).

use std::collections::HashSet;
use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};
use serde_json::Value;

use super::dispatch::Dispatch;
use super::file::Decoder;
use super::multipart::Part;
use super::service::{IdempotencyKey, Operation, Service};
use super::{aws, cbor, content as decoded, form, json, mcp, multipart};
use crate::model::{Action, Body as Content, Call, Identity, Reason, Refusal};

mod apart;
mod beyond;
pub(super) mod exact;
pub(super) mod headers;
pub(super) mod holder;
mod mail;

use exact::{Exact, Query};

/// The name by which calls without a mapping are asked for their idempotency key.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// By what the messages are coded that say that they are.
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// Identity of a call whose content was captured. `decoder`: what its content is read by; of content that is not read
/// each byte counts. `operation`: what says where its fields are read from, if something does; `captured`: what host and path say
/// by name.
pub(super) fn identify(
    call: &Call,
    action: &Action,
    service: Option<&Service>,
    decoder: Option<Decoder>,
    operation: Option<&Operation>,
    captured: &[(Arc<str>, String)],
) -> Result<Identity, Refusal> {
    let Some(wire) = call.body.captured() else {
        return Err(Refusal::new(
            Reason::NotInspectable,
            "the content was not read, so the call cannot be told from another",
        ));
    };
    let mut body = match wire.is_empty() {
        true => Body::Empty,
        false => Body::read(call, decoder).unwrap_or(Body::Raw(wire)),
    };
    let mut query = Query::read(call.query.as_deref());
    let idempotency_key = idempotency_key(call, service, &body);
    let dots = decoder == Some(Decoder::AwsQuery);
    let beyond = service.zip(operation).and_then(|(service, operation)| {
        let told = beyond::Told {
            action,
            service,
            operation,
            dots,
        };
        told.beyond(call, captured, &query, &body)
    });
    let mail = operation.and_then(|operation| mail::take(operation, dots, &mut body));
    let mail = mail.as_deref();
    let content = framed(call, action, service, (&query, &body, mail));
    let sources = operation.map_or_else(Vec::new, |operation| {
        apart::take(operation, dots, &mut query, &mut body)
    });
    Ok(Identity {
        credential: credential(call, service)?,
        content,
        rest: match sources.is_empty() {
            true => Vec::new(),
            false => framed(call, action, service, (&query, &body, mail)),
        },
        sources,
        beyond,
        idempotency_key,
        key_is_header: service.is_some_and(|service| matches!(service.idempotency, Some(IdempotencyKey::Header(_)))),
    })
}

/// A call with this query, content and mail that was taken out of it, but for its credential.
fn framed(
    call: &Call,
    action: &Action,
    service: Option<&Service>,
    (query, body, mail): (&Query<'_>, &Body<'_>, Option<&[u8]>),
) -> Vec<u8> {
    let unmapped = action
        .meanings()
        .any(|meaning| meaning.unmapped && !mcp::names_a_tool(meaning));
    let mut content = Framed::default();
    for part in [
        &*action.name,
        call.method.as_str(),
        call.scheme.as_str(),
        &call.authority.to_string(),
        &call.path,
    ] {
        content.put(b'p', part.as_bytes());
    }
    content.query(query, service);
    match body {
        // The boundary is another one each time.
        Body::Parts(charset, _) => content.put(b'm', &[u8::from(*charset)]),
        Body::Related(charset, _) => content.put(b'R', &[u8::from(*charset)]),
        Body::Mail(Some(_), _) => content.put(b'W', b""),
        Body::Empty | Body::Json(_) | Body::Cbor(_) | Body::Form(..) | Body::Mail(None, _) | Body::Raw(_) => {
            content.header(&call.headers, &CONTENT_TYPE)
        }
    }
    content.header(&call.headers, &CONTENT_ENCODING);
    if call.is_grpc() {
        content.header(&call.headers, &GRPC_ENCODING);
    }
    let read = matches!(body, Body::Json(_) | Body::Cbor(_) | Body::Form(..) | Body::Parts(..));
    if read && matches!(call.body, Content::Coded(_)) {
        content.put(b'z', b"");
    }
    match service {
        // What a mapping calls significant is about requests that it reads.
        //
        // SECURITY: what was approved as a change that nobody knows would be sent with a header field that makes another of
        // it (test `one_header_more_makes_a_change_that_nobody_knows_another_one`).
        Some(service) if !service.every_header && !call.opens_stream() && !unmapped => service
            .significant
            .iter()
            .for_each(|name| content.header(&call.headers, name)),
        Some(_) | None => content.all_headers(&call.headers, service),
    }
    let messages = service.is_some_and(|service| service.mcp.is_some());
    body.put(&mut content, &volatile(service, action), messages);
    if let Some(mail) = mail {
        content.put(b'E', mail);
    }
    content.0
}

/// Bytes that can be read in one way only: each piece has its kind and its length before it.
#[derive(Default)]
struct Framed(Vec<u8>);

impl Framed {
    fn put(&mut self, kind: u8, bytes: &[u8]) {
        self.0.push(kind);
        self.0
            .extend_from_slice(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn count(&mut self, kind: u8, count: usize) {
        self.put(kind, &u64::try_from(count).unwrap_or(u64::MAX).to_be_bytes());
    }

    fn query(&mut self, query: &Query<'_>, service: Option<&Service>) {
        let volatile = service.map(|service| &service.volatile);
        match query {
            Query::Absent => self.put(b'-', b""),
            Query::Pairs(pairs) => self.pairs(b'q', pairs, volatile),
            Query::Odd(query) => self.put(b'Q', query.as_bytes()),
        }
    }

    fn pairs(&mut self, kind: u8, pairs: &[Exact], volatile: Option<&Names>) {
        let kept = pairs.iter().filter(|pair| !is_volatile(&pair.name, volatile));
        let kept: Vec<_> = kept.collect();
        self.count(kind, kept.len());
        for pair in kept {
            self.put(b'k', &pair.name);
            self.maybe(pair.value.as_deref());
        }
    }

    fn parts(&mut self, parts: &[Part<'_>], volatile: Option<&Names>) {
        let kept = parts.iter().filter(|part| !is_volatile(part.name.as_bytes(), volatile));
        let kept: Vec<_> = kept.collect();
        self.count(b'M', kept.len());
        for part in kept {
            self.put(b'k', part.name.as_bytes());
            self.maybe(part.filename.map(str::as_bytes));
            self.maybe(part.media_type.map(str::as_bytes));
            self.put(b'd', part.digest().as_bytes());
        }
    }

    fn maybe(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.put(b'v', value),
            None => self.put(b'-', b""),
        }
    }

    fn header(&mut self, headers: &HeaderMap, name: &HeaderName) {
        let values: Vec<_> = headers.get_all(name).iter().collect();
        self.put(b'h', name.as_str().as_bytes());
        self.count(b'c', values.len());
        values.iter().for_each(|value| self.put(b'v', value.as_bytes()));
    }

    fn all_headers(&mut self, fields: &HeaderMap, service: Option<&Service>) {
        let names = headers::counted(fields, service);
        self.count(b'H', names.len());
        names.iter().for_each(|name| self.header(fields, name));
    }

    /// A document; members in the order of their names, numbers as they were written.
    fn json(&mut self, value: &Value, leave_out: &dyn Fn(&str) -> bool) {
        match value {
            Value::Null => self.put(b'0', b""),
            Value::Bool(value) => self.put(b'b', &[u8::from(*value)]),
            Value::Number(number) => self.put(b'n', number.as_str().as_bytes()),
            Value::String(text) => self.put(b's', text.as_bytes()),
            Value::Array(items) => {
                self.count(b'a', items.len());
                items.iter().for_each(|item| self.json(item, &|_| false));
            }
            Value::Object(members) => {
                let mut kept: Vec<_> = members.iter().filter(|(name, _)| !leave_out(name)).collect();
                kept.sort_unstable_by_key(|(name, _)| name.as_str());
                self.count(b'o', kept.len());
                for (name, value) in kept {
                    self.put(b'k', name.as_bytes());
                    self.json(value, &|_| false);
                }
            }
        }
    }
}

type Names = HashSet<Box<str>>;

/// Members of content that differ each time the same call is made: the file's, and the operation's own.
fn volatile(service: Option<&Service>, action: &Action) -> Names {
    let Some(service) = service else {
        return Names::new();
    };
    let mut names = service.volatile_content.clone();
    if matches!(*service.dispatch, Dispatch::Aws(_)) && (service.generated || !action.unmapped) {
        let mut operations = service.dispatch.operations();
        let own = operations.find(|(operation, _)| *operation.name == *action.operation);
        names.extend(own.iter().flat_map(|(operation, _)| &operation.volatile).cloned());
    }
    names
}

/// Whether a parameter of this name differs each time the same call is made.
fn is_volatile(name: &[u8], volatile: Option<&Names>) -> bool {
    volatile.is_some_and(|names| std::str::from_utf8(name).is_ok_and(|name| names.contains(name)))
}

/// Content as far as it could be understood.
enum Body<'a> {
    Empty,
    Json(Value),
    /// Members with the bytes of their values: what is written in another way is something else.
    Cbor(Vec<(String, &'a [u8])>),
    Form(&'a str, Vec<Exact>),
    /// Whether the Content-Type names a charset, and the parts.
    Parts(bool, Vec<Part<'a>>),
    /// The same of parts that have no names: each as it came, with its head.
    Related(bool, Vec<&'a [u8]>),
    /// What stands before a mail, and that.
    Mail(Option<&'a [u8]>, Vec<u8>),
    Raw(&'a [u8]),
}

impl<'a> Body<'a> {
    /// What a decoder makes of the content. `None`: it is what came, with its coding, because nothing reads it, because it
    /// cannot be read, or because it says something else to who does not undo its coding.
    ///
    /// SECURITY: a Content-Type that the provider does not look at could make two documents one, as `a=1&Expires=x` and
    /// `a=1&Expires=y` are as forms (test `a_type_that_the_provider_does_not_read_hides_nothing`).
    fn read(call: &'a Call, decoder: Option<Decoder>) -> Option<Self> {
        match decoder? {
            Decoder::Json => json::parse(decoded::settled(call)?).ok().map(Body::Json),
            Decoder::Form | Decoder::AwsQuery => {
                let text = std::str::from_utf8(decoded::settled(call)?).ok()?;
                Some(Body::Form(text, Exact::read(text)?))
            }
            Decoder::Multipart => {
                let content_type = decoded::once(&call.headers, &CONTENT_TYPE).ok()??;
                let charset = names_charset(content_type);
                if let Ok(boundary) = multipart::related_boundary(content_type) {
                    let content = call.body.captured().filter(|_| !matches!(call.body, Content::Coded(_)));
                    let parts = multipart::split(content?, boundary).ok()?;
                    return Some(Body::Related(charset, parts));
                }
                let boundary = multipart::boundary(content_type).ok()?;
                let parts = multipart::parse(decoded::settled(call)?, boundary).ok()?;
                Some(Body::Parts(charset, parts))
            }
            Decoder::Cbor => cbor::members(decoded::settled(call)?).ok().map(Body::Cbor),
            Decoder::Mail => mail::content(call),
            Decoder::Xml | Decoder::Bulk => None,
        }
    }

    /// `messages`: what is JSON are messages of the Model Context Protocol.
    fn put(&self, content: &mut Framed, volatile: &Names, messages: bool) {
        let volatile = Some(volatile);
        match self {
            Body::Empty => content.put(b'-', b""),
            Body::Raw(bytes) => content.put(b'r', bytes),
            Body::Form(_, pairs) => content.pairs(b'f', pairs, volatile),
            Body::Parts(_, parts) => content.parts(parts, volatile),
            Body::Related(_, parts) => {
                content.count(b'M', parts.len());
                parts.iter().for_each(|part| content.put(b'd', part));
            }
            Body::Mail(about, mail) => {
                content.maybe(*about);
                content.put(b'E', mail);
            }
            Body::Cbor(members) => {
                let mut kept: Vec<_> = members
                    .iter()
                    .filter(|(name, _)| !is_volatile(name.as_bytes(), volatile))
                    .collect();
                kept.sort_unstable_by_key(|(name, _)| name.as_str());
                content.count(b'C', kept.len());
                for (name, value) in kept {
                    content.put(b'k', name.as_bytes());
                    content.put(b'v', value);
                }
            }
            Body::Json(value) => {
                content.put(b'j', b"");
                let settled = messages.then(|| mcp::settled(value));
                content.json(settled.as_ref().unwrap_or(value), &|name| {
                    is_volatile(name.as_bytes(), volatile)
                });
            }
        }
    }

    fn parameter(&self, wanted: &str) -> Option<String> {
        match self {
            Body::Empty | Body::Raw(_) | Body::Related(..) | Body::Mail(..) => None,
            Body::Json(value) => value.get(wanted)?.as_str().map(str::to_owned),
            Body::Cbor(members) => {
                let (_, value) = members.iter().find(|(name, _)| name == wanted)?;
                cbor::parse(value).ok()?.as_str().map(str::to_owned)
            }
            Body::Form(text, _) => find(text, wanted),
            Body::Parts(_, parts) => {
                let part = parts.iter().find(|part| part.name == wanted)?;
                std::str::from_utf8(part.content).ok().map(str::to_owned)
            }
        }
    }
}

/// Whether a Content-Type has a parameter `charset`. A boundary may have that in it, and is another one each time.
fn names_charset(content_type: &str) -> bool {
    let parameters = content_type.split(';').skip(1);
    let mut names = parameters.map(|parameter| parameter.split('=').next().unwrap_or_default().trim());
    names.any(|name| name.eq_ignore_ascii_case("charset"))
}

fn find(text: &str, wanted: &str) -> Option<String> {
    let mut pairs = form::pairs(text).ok()?.into_iter();
    let pair = pairs.find(|pair| pair.name == wanted)?;
    Some(pair.value.into_owned())
}

/// The part of the credential that stays the same: an AWS access key, else the header fields that hold it.
fn credential(call: &Call, service: Option<&Service>) -> Result<Vec<u8>, Refusal> {
    let mut out = Framed::default();
    let keys = match service {
        Some(service) if service.aws.is_some() => aws::credentials(call)?,
        _ => {
            let header = call.header(AUTHORIZATION.as_str()).and_then(aws::of_header);
            header.into_iter().flatten().collect()
        }
    };
    match keys.is_empty() {
        true => out.header(&call.headers, &AUTHORIZATION),
        false => keys.iter().for_each(|key| out.put(b'a', key.access_key.as_bytes())),
    }
    for name in service.map(|service| service.secret.as_slice()).unwrap_or_default() {
        out.header(&call.headers, name);
    }
    Ok(out.0)
}

fn idempotency_key(call: &Call, service: Option<&Service>, body: &Body<'_>) -> Option<String> {
    match service.map(|service| service.idempotency.as_ref()) {
        None => call.header(IDEMPOTENCY_KEY.as_str()).map(str::to_owned),
        Some(None) => None,
        Some(Some(IdempotencyKey::Header(name))) => call.header(name.as_str()).map(str::to_owned),
        Some(Some(IdempotencyKey::Parameter(name))) => {
            let in_query = || call.query.as_deref().and_then(|query| find(query, name));
            body.parameter(name).or_else(in_query)
        }
    }
}

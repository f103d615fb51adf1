//! A call's content without its coding, read as its Content-Type says.

use std::borrow::Cow;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};
use serde_json::Value;

use super::document;
use super::file::Decoder;
use super::form::{self, Nesting, Semicolons};
use super::service::Service;
use super::uncoded::{self, Uncoded};
use super::{bulk, cbor, json, mail, multipart, xml};
use crate::io::coding::Coding;
use crate::model::{Body, Call, Reason, Refusal};

/// Content that was read.
pub(super) struct Decoded {
    pub value: Value,
    pub decoder: Decoder,
    /// What a server that does not undo the coding may take for parameters, where there is a coding.
    pub uncoded: Option<Uncoded>,
}

/// Whether there is content, or may be.
pub(super) fn is_empty(body: &Body) -> bool {
    match body {
        Body::Absent | Body::Streaming { length: Some(0) } => true,
        Body::Captured(bytes) => bytes.is_empty(),
        Body::Coded(coded) => coded.wire.is_empty(),
        Body::Streaming { .. } => false,
    }
}

/// The content without its coding.
///
/// # Errors
/// Why that cannot be told.
pub(super) fn plain(call: &Call) -> Result<&[u8], Refusal> {
    match &call.body {
        Body::Absent => Ok(&[]),
        Body::Captured(bytes) if Coding::of(&call.headers) == Ok(None) => Ok(bytes),
        Body::Captured(_) => Err(uninspectable(
            "the content is coded (Content-Encoding): send it uncoded",
        )),
        Body::Coded(coded) => coded.decoded.as_deref().map_err(Clone::clone),
        Body::Streaming { .. } => Err(uninspectable("the content was not read")),
    }
}

/// Coded content as it came.
fn wire(call: &Call) -> Option<&[u8]> {
    match &call.body {
        Body::Coded(coded) => Some(&coded.wire),
        Body::Absent | Body::Captured(_) | Body::Streaming { .. } => None,
    }
}

/// The content without its coding, where that is all that any server can find in it.
pub(super) fn settled(call: &Call) -> Option<&[u8]> {
    let boundary = || multipart::boundary(call.header(CONTENT_TYPE.as_str())?).ok();
    let found = |wire: &[u8]| {
        uncoded::is_text(wire)
            || Uncoded::new(wire).names_any()
            || boundary().is_some_and(|boundary| uncoded::has_boundary(wire, boundary))
    };
    match wire(call).is_some_and(found) {
        true => None,
        false => plain(call).ok(),
    }
}

/// Reads the content by `decoder`, else by that of the mapping for its media type; `None` if there is no content.
///
/// # Errors
/// `not_inspectable` for content whose type or coding the mapping cannot read, `malformed` for what is not of its type.
pub(super) fn decode(call: &Call, service: &Service, decoder: Option<Decoder>) -> Result<Option<Decoded>, Refusal> {
    if is_empty(&call.body) {
        return Ok(None);
    }
    let bytes = plain(call)?;
    let decoder = match decoder {
        Some(decoder) => decoder,
        None => of_media_type(call, service)?,
    };
    let malformed = |error: &dyn std::fmt::Display| {
        Refusal::new(
            Reason::Malformed,
            format!("the content cannot be read in exactly one way: {error}"),
        )
    };
    let form = |nesting| {
        let text = std::str::from_utf8(bytes).map_err(|_| malformed(&form::Error::Escape))?;
        let text = match service.repeated.is_empty() {
            true => Cow::Borrowed(text),
            false => listed(text, &service.repeated).map_err(|error| malformed(&error))?,
        };
        form::nest(&text, nesting, service.semicolons).map_err(|error| malformed(&error))
    };
    let value = match decoder {
        Decoder::Json => json::parse(bytes).map_err(|error| malformed(&error))?,
        Decoder::Form => form(Nesting::Brackets)?,
        Decoder::AwsQuery => form(Nesting::Dots)?,
        Decoder::Multipart => {
            let content_type = once(&call.headers, &CONTENT_TYPE)?.unwrap_or_default();
            let boundary = multipart::boundary(content_type).map_err(|error| malformed(&error))?;
            if wire(call).is_some_and(|wire| uncoded::has_boundary(wire, boundary)) {
                return Err(readable_as_it_is());
            }
            let parts = multipart::parse(bytes, boundary).map_err(|error| malformed(&error))?;
            let values = parts.iter().map(|part| Ok((part.name, part.value()?)));
            let values: Vec<_> = values
                .collect::<Result<_, _>>()
                .map_err(|error: multipart::Error| malformed(&error))?;
            form::assemble(values, Nesting::Brackets).map_err(|error| malformed(&error))?
        }
        Decoder::Mail => {
            let content_type = once(&call.headers, &CONTENT_TYPE)?.unwrap_or_default();
            mail::content(bytes, content_type).ok_or_else(|| {
                uninspectable("the content is no mail, nor a part of JSON and a mail behind it, each as it is (Content-Transfer-Encoding)")
            })?
        }
        Decoder::Xml => xml::parse(bytes).map_err(|error| malformed(&error))?,
        Decoder::Cbor => cbor::parse(bytes).map_err(|error| malformed(&error))?,
        Decoder::Bulk => bulk::parse(bytes),
    };
    if wire(call).is_some_and(uncoded::is_text) {
        return Err(readable_as_it_is());
    }
    // SECURITY: frameworks take this parameter for the method (test `r_method_override_is_refused`).
    if names(&value, "_method") {
        return Err(Refusal::new(
            Reason::Malformed,
            "the content names `_method`, which some servers take for the method",
        ));
    }
    Ok(Some(Decoded {
        value,
        decoder,
        uncoded: match decoder {
            Decoder::Form | Decoder::AwsQuery => wire(call).map(Uncoded::new),
            Decoder::Json | Decoder::Multipart | Decoder::Xml | Decoder::Cbor | Decoder::Mail | Decoder::Bulk => None,
        },
    }))
}

fn names(value: &Value, wanted: &str) -> bool {
    let members = value.as_object();
    members.is_some_and(|members| document::member(members, wanted).is_some())
}

/// A form in which parameters that may be there several times say so: `a=1&a=2` as `a[]=1&a[]=2`.
fn listed(text: &str, repeated: &[Box<str>]) -> Result<Cow<'static, str>, form::Error> {
    let listed = text.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = form::decode(name, true)?;
        let known = repeated.iter().find(|known| ***known == *name);
        Ok(known.map_or(Cow::Borrowed(pair), |known| format!("{known}[]={value}").into()))
    });
    let listed: Vec<_> = listed.collect::<Result<_, _>>()?;
    Ok(listed.join("&").into())
}

/// How the mapping reads content of this call's media type.
pub(super) fn of_media_type(call: &Call, service: &Service) -> Result<Decoder, Refusal> {
    let media_type = media_type(&call.headers)?;
    let mut known = service.content.iter();
    let found = known.find(|(known, _)| known.eq_ignore_ascii_case(media_type));
    found
        .map(|(_, decoder)| *decoder)
        .ok_or_else(|| uninspectable("the content's type is none that this provider's mapping reads"))
}

/// How content of this call's media type is read where no mapping says it.
pub(super) fn usual(call: &Call) -> Option<Decoder> {
    let content_type = once(&call.headers, &CONTENT_TYPE).ok()??;
    let media_type = content_type.split(';').next().unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    let is_json = media_type == "application/json"
        || media_type.ends_with("+json")
        || media_type.starts_with("application/x-amz-json-");
    match &*media_type {
        _ if is_json => Some(Decoder::Json),
        "application/x-www-form-urlencoded" => Some(Decoder::Form),
        "multipart/form-data" => Some(Decoder::Multipart),
        "application/cbor" => Some(Decoder::Cbor),
        _ => None,
    }
}

/// Whether servers may take the content for a form: by its type, or because it says none.
pub(super) fn may_be_form(call: &Call) -> bool {
    let Ok(content_type) = once(&call.headers, &CONTENT_TYPE) else {
        return true;
    };
    let media_type = content_type.unwrap_or_default().trim().to_ascii_lowercase();
    media_type.is_empty()
        || media_type.starts_with("application/x-www-form-urlencoded")
        || media_type.starts_with("multipart/")
}

/// Of content in which there is something to find without undoing its coding.
pub(super) fn readable_as_it_is() -> Refusal {
    uninspectable("a server that does not undo the content's coding would read it otherwise: send it uncoded")
}

/// gRPC sent to what a mapping reads the content of.
pub(super) fn unread_messages() -> Refusal {
    uninspectable("the messages of gRPC are not read, and this operation is judged by its content")
}

fn uninspectable(detail: &str) -> Refusal {
    Refusal::new(Reason::NotInspectable, detail)
}

/// The media type without parameters; the only charset is UTF-8.
fn media_type(headers: &HeaderMap) -> Result<&str, Refusal> {
    let text = once(headers, &CONTENT_TYPE)?.ok_or_else(|| uninspectable("the content has no Content-Type"))?;
    let mut parts = text.split(';');
    let media_type = parts.next().unwrap_or_default().trim();
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8") {
            return Err(uninspectable("the content is in another charset than UTF-8"));
        }
    }
    Ok(media_type)
}

/// A header field that may be there once.
pub(super) fn once<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next().map(http::HeaderValue::to_str), values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(text)), None) => Ok(Some(text)),
        (Some(_), _) => Err(Refusal::new(
            Reason::Malformed,
            format!("the header field {name} is there twice, or is not ASCII"),
        )),
    }
}

/// A query read as one document; `None` if there is none.
pub(super) fn query(query: Option<&str>, nesting: Nesting) -> Result<Option<Value>, Refusal> {
    let Some(text) = query.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let malformed = |error| {
        Refusal::new(
            Reason::Malformed,
            format!("the query cannot be read in exactly one way: {error}"),
        )
    };
    form::nest(text, nesting, Semicolons::Refused)
        .map(Some)
        .map_err(malformed)
}

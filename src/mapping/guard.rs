//! What would let another server read a call on a mapped host as another call: refused before anything is read from it.

use std::borrow::Cow;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};

use super::service::Service;
use super::{content, form, path};
use crate::model::{Call, Reason, Refusal};

/// Header fields by which servers and frameworks put another method or target in the place of the request line's.
const RETARGETING: [&str; 9] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-method",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-forwarded-uri",
    "x-forwarded-prefix",
];
/// The query parameter that frameworks take for the method.
const METHOD: &str = "_method";

/// The query parameter by which RPC in queries names the operation (AWS and others), also of a GET.
const OPERATION: &str = "Action";

/// Whether the call names another method, target or operation beside its own.
pub(super) fn retargets(call: &Call) -> bool {
    retargeting(&call.headers).is_some()
        || has_parameter(call.query.as_deref(), |name| name == METHOD || name == OPERATION).unwrap_or(true)
}

fn retargeting(headers: &HeaderMap) -> Option<&HeaderName> {
    headers
        .keys()
        .find(|name| name.as_str().starts_with("x-") && RETARGETING.contains(&name.as_str()))
}

/// Checks what can be checked by the head of a call on a mapped host.
pub(super) fn check(call: &Call, service: &Service) -> Result<(), Refusal> {
    path::check(&call.path)?;
    if let Some(name) = retargeting(&call.headers) {
        return refuse(format!(
            "the header field {name} names another method or target than the request line"
        ));
    }
    let refused = |name: &&HeaderName| call.headers.contains_key(*name);
    if let Some(name) = service.refuse_headers.iter().find(refused) {
        return refuse(format!(
            "the header field {name} does not belong to this provider's way of naming operations"
        ));
    }
    content::once(&call.headers, &AUTHORIZATION)?;
    let refused = |name: &str| name == METHOD || service.refuse_query.iter().any(|known| **known == *name);
    match has_parameter(call.query.as_deref(), refused) {
        Ok(false) => Ok(()),
        Ok(true) => refuse("a query parameter names a method or operation beside the request's own".to_owned()),
        Err(error) => refuse(format!("the query cannot be read: {error}")),
    }
}

fn refuse(detail: String) -> Result<(), Refusal> {
    Err(Refusal::new(Reason::Malformed, detail))
}

fn has_parameter(query: Option<&str>, wanted: impl Fn(&str) -> bool) -> Result<bool, form::Error> {
    let Some(query) = query else {
        return Ok(false);
    };
    let mut found = false;
    for pair in query.split(['&', ';']) {
        let name: Cow<'_, str> = form::decode(pair.split('=').next().unwrap_or_default(), true)?;
        found |= wanted(&name);
    }
    Ok(found)
}

/// The bearer token, or the user of Basic: what prefixes of keys are told by. Never kept.
pub(super) fn credential(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    use base64::Engine as _;

    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, value) = text.split_once(' ')?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Cow::Borrowed(value));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(value).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    Some(Cow::Owned(text.split(':').next().unwrap_or_default().to_owned()))
}

//! What would let another server read a call on a mapped host as another call: refused before anything is read from it.

use std::borrow::Cow;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};

use super::service::Service;
use super::{content, form, strangers};
use crate::model::{Body, Call, Reason, Refusal, retargeting};

/// Bytes that the query of a call on a mapped host may have.
const MAX_QUERY: usize = 8 * 1024;
/// Fields of the kind of [`retargeting::AS_FORWARDED`] that are no sign of ill will on a host that nobody knows.
const FORWARDING: [&str; 2] = ["forwarded", "x-forwarded-proto"];
/// The query parameter that frameworks take for the method.
const METHOD: &str = "_method";

/// The query parameter by which RPC in queries names the operation (AWS and others), also of a GET.
const OPERATION: &str = "Action";

/// Whether the call names another method, target or operation beside its own.
pub(super) fn retargets(call: &Call) -> bool {
    retargeting(&call.headers).is_some()
        || strangers::names_change(
            &call.path,
            call.query.as_deref().unwrap_or_default(),
            &[METHOD, OPERATION],
        )
}

fn retargeting(headers: &HeaderMap) -> Option<&HeaderName> {
    let known = retargeting::METHOD
        .iter()
        .chain(&retargeting::TARGET)
        .chain(&retargeting::AS_FORWARDED);
    // As all of them begin and few others do.
    let is_known = |name: &str| name.starts_with("x-") && known.clone().any(|known| name == *known);
    headers.keys().find(|name| is_known(name.as_str()))
}

/// Checks what can be checked by the head of a call on a mapped host. `path`: as the templates have it.
pub(super) fn check(call: &Call, service: &Service, path: &str) -> Result<(), Refusal> {
    service.dispatch.check_path(path)?;
    if call.query.as_ref().is_some_and(|query| query.len() > MAX_QUERY) {
        return Err(Refusal::new(Reason::TooLarge, "the query is longer than 8 KiB"));
    }
    let forwarding = || call.headers.keys().find(|name| FORWARDING.contains(&name.as_str()));
    if let Some(name) = retargeting(&call.headers).or_else(forwarding) {
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
    let refused = |name: &str| {
        name == METHOD
            || service
                .refuse_query
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
    };
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

/// Whether the call asks for secrets to be in its answer, in query or form.
///
/// SECURITY: read in every way there is, since a plain read is what it would pass for (test
/// `r_a_read_that_asks_for_secrets_is_one`).
pub(super) fn reveals(call: &Call, service: &Service) -> bool {
    let Some(reveals) = &service.reveals else {
        return false;
    };
    let asks = |pair: &[u8]| {
        if !may_begin(pair, &reveals.parameter) {
            return false;
        }
        let pair = String::from_utf8_lossy(pair);
        let (name, value) = pair.split_once('=').unwrap_or((&pair, ""));
        let secret = |word: &str| {
            reveals
                .words
                .iter()
                .any(|known| known.eq_ignore_ascii_case(word.trim()))
        };
        let begins = |name: &str| {
            let start = name.trim().get(..reveals.parameter.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(&reveals.parameter))
        };
        let is_border = |character: char| !character.is_ascii_alphanumeric() && character != '_';
        begins(&decoded(name)) && decoded(value).split(is_border).any(secret)
    };
    let coded = matches!(call.body, Body::Coded(_)).then(|| content::plain(call).ok());
    let contents = call.body.captured().into_iter().chain(coded.flatten());
    let mut texts = call.query.iter().map(String::as_bytes).chain(contents);
    texts.any(|text| text.split(|byte| matches!(byte, b'&' | b';')).any(asks))
}

/// Whether a name may be one that begins with this word once it is decoded: an escape and a space may be anything.
fn may_begin(name: &[u8], word: &str) -> bool {
    match (name.first(), word.as_bytes().first()) {
        (Some(first), Some(wanted)) if first.is_ascii_alphanumeric() => first.eq_ignore_ascii_case(wanted),
        _ => true,
    }
}

/// As it stands where it cannot be decoded.
fn decoded(text: &str) -> Cow<'_, str> {
    form::decode(text, true).unwrap_or(Cow::Borrowed(text))
}

/// The bearer token, or the user of Basic: what prefixes of keys are told by. Never kept.
pub(super) fn credential(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    use base64::Engine as _;
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

    // Providers take what decoders take that are not strict.
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);

    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, value) = text.split_once(' ')?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Cow::Borrowed(value));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT)
        .decode(value)
        .ok()?;
    let text = String::from_utf8(decoded).ok()?;
    Some(Cow::Owned(text.split(':').next().unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_names_another_method_or_target_is_found_by_how_it_begins() {
        let known = retargeting::METHOD.iter().chain(&retargeting::TARGET);
        for name in known.chain(&retargeting::AS_FORWARDED) {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), http::HeaderValue::from_static("x"))]);
            assert_eq!(super::retargeting(&headers).map(HeaderName::as_str), Some(*name));
        }
    }
}

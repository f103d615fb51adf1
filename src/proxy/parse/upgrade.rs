//! Requests that ask to change the protocol of their connection (RFC 9110, 7.8).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{Method, Version};

use super::malformed;
use crate::model::{Body, Refusal};

/// As it goes upstream.
pub(super) const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// What a request asks to change to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// By a handshake that is whole (RFC 6455, 4.2.1).
    WebSocket,
    /// Nothing that is carried.
    Other,
}

/// What the request asks for, if for anything. Offers to go on in HTTP/2 may be passed over, and are.
///
/// # Errors
/// `malformed` for what asks for WebSocket without being its handshake.
// SECURITY: a handshake that one server takes for one and another for a plain request would let frames pass as requests,
// or requests as frames. Tests: `a_handshake_that_is_not_whole_is_refused`, `ws*` of the bypass cases.
pub(super) fn asked(
    version: Version,
    method: &Method,
    headers: &HeaderMap,
    body: &Body,
) -> Result<Option<Upgrade>, Refusal> {
    let named: Vec<&[u8]> = tokens(headers, UPGRADE)
        .filter(|token| !token.eq_ignore_ascii_case(b"h2c"))
        .collect();
    match named.as_slice() {
        [] => return Ok(None),
        [only] if only.eq_ignore_ascii_case(b"websocket") => {}
        [_, ..] => return Ok(Some(Upgrade::Other)),
    }
    let lacking = if version != Version::HTTP_11 || *method != Method::GET {
        "a GET of HTTP/1.1"
    } else if !matches!(body, Body::Absent) {
        "a request without content"
    } else if tokens(headers, UPGRADE).count() != 1 {
        "`Upgrade: websocket` and no other offer"
    } else if !tokens(headers, CONNECTION).any(|token| token.eq_ignore_ascii_case(b"upgrade")) {
        "`Connection: Upgrade`"
    } else if once(headers, SEC_WEBSOCKET_VERSION) != Some(b"13") {
        "`Sec-WebSocket-Version: 13`"
    } else if !once(headers, SEC_WEBSOCKET_KEY).is_some_and(is_key) {
        "one Sec-WebSocket-Key, 16 bytes in base64"
    } else {
        return Ok(Some(Upgrade::WebSocket));
    };
    Err(malformed(format!("a WebSocket handshake needs {lacking}")))
}

fn tokens(headers: &HeaderMap, name: http::HeaderName) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(name).into_iter();
    let tokens = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    tokens.map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

fn once(headers: &HeaderMap, name: http::HeaderName) -> Option<&[u8]> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes()),
        _ => None,
    }
}

fn is_key(value: &[u8]) -> bool {
    STANDARD.decode(value).is_ok_and(|key| key.len() == 16)
}

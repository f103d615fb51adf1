//! `Proxy-Authorization`, read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use http::HeaderValue;

use crate::io::keys;
use crate::model::Secret;

/// What an agent proves itself with.
pub(super) struct Credentials {
    /// `None` with `Bearer`: whoever has the key.
    pub(super) name: Option<String>,
    pub(super) digest: [u8; 32],
}

impl Credentials {
    /// RFC 9110, 11.6.2 and RFC 7617: the scheme without regard to case, one space or more, base64 with or without
    /// padding, name and key divided by the first colon. A name has none, so there is one reading.
    pub(super) fn parse(value: &HeaderValue) -> Option<Self> {
        let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
        let rest = rest.trim_matches(' ');
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self {
                name: None,
                digest: keys::digest(rest),
            });
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = Secret::new(STANDARD_PAD_INDIFFERENT.decode(rest).ok()?);
        let (name, key) = std::str::from_utf8(decoded.expose()).ok()?.split_once(':')?;
        Some(Self {
            name: Some(name.to_owned()),
            digest: keys::digest(key),
        })
    }
}

//! The one cookie.

use http::{HeaderMap, HeaderValue, header};

use super::session::SESSION;

/// SECURITY: by TLS no other site, port in clear or subdomain can set or read it (`__Host-`, RFC 6265bis); no script reads it, and no
/// page of another site has it sent (`SameSite=Strict`). In clear, which is on this machine only, browsers send a cookie to every
/// port of a host, whoever listens there: see docs/approvers.md. Tests: `page::tests::door`.
pub(super) fn name(secure: bool) -> &'static str {
    if secure { "__Host-runplane" } else { "runplane" }
}

/// The value that was sent, if it was sent once and could be one of ours.
pub(super) fn read(headers: &HeaderMap, secure: bool) -> Option<String> {
    let fields = headers.get_all(header::COOKIE).iter();
    let pairs = fields
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(';'));
    let mut ours = pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name(secure))
        .map(|(_, value)| value);
    let value = ours.next().filter(|_| ours.next().is_none())?;
    let is_ours = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then(|| value.to_owned())
}

pub(super) fn set(value: &str, secure: bool) -> Option<HeaderValue> {
    written(value, secure, SESSION.as_secs())
}

pub(super) fn clear(secure: bool) -> Option<HeaderValue> {
    written("", secure, 0)
}

fn written(value: &str, secure: bool, seconds: u64) -> Option<HeaderValue> {
    let (name, more) = (name(secure), if secure { "; Secure" } else { "" });
    let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{more}");
    HeaderValue::try_from(cookie).ok()
}

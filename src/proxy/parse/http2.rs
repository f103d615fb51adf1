//! HTTP/2 says some things in other ways than HTTP/1.1, and leaves ways open that a server of HTTP/1.1 reads otherwise.
//! From here on a request is as it would stand in HTTP/1.1.

use http::header::{CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderValue};
use http::{Uri, uri};

use super::{check_authority, malformed};
use crate::model::{Authority, Refusal, Scheme};

/// As many fields as hyper takes of HTTP/1.1.
const MOST_FIELDS: usize = 100;

/// A request inside a tunnel to `authority`: one Host, one Cookie, one length, a path.
pub(super) fn settle(uri: &Uri, headers: &mut HeaderMap, authority: &Authority) -> Result<Scheme, Refusal> {
    if !uri
        .path_and_query()
        .is_some_and(|target| target.as_str().starts_with('/'))
    {
        return Err(malformed(":path is not a path"));
    }
    // SECURITY: coalescing: a connection to one host is used for another that a certificate or an address seems to cover.
    // Tests: `o63_another_authority`, `o64_host_and_authority_differ`.
    if let Some(named) = uri.authority() {
        if uri.scheme() != Some(&uri::Scheme::HTTPS) {
            return Err(malformed(":scheme is not https, inside TLS"));
        }
        check_authority(":authority", named.as_str(), Scheme::Https.default_port(), authority)?;
        if !headers.contains_key(HOST) {
            let host = HeaderValue::from_str(named.as_str()).map_err(|_| malformed(":authority is not ASCII"))?;
            headers.insert(HOST, host);
        }
    }
    join_cookies(headers)?;
    if headers.len() > MOST_FIELDS {
        return Err(malformed(format!("a request has at most {MOST_FIELDS} header fields")));
    }
    // SECURITY: the h2 library compares the content with one of them; who reads it next may take the other.
    // Test: `o65_content_other_than_its_length`.
    match headers.get_all(CONTENT_LENGTH).iter().nth(1) {
        Some(_) => Err(malformed("Content-Length is there twice")),
        None => Ok(Scheme::Https),
    }
}

// SECURITY: HTTP/2 sends a cookie in crumbs, HTTP/1.1 knows one field only (RFC 9113, 8.2.3): joined before it is judged,
// what is judged is what is sent. Test: `cookies_in_crumbs_are_one_cookie`.
fn join_cookies(headers: &mut HeaderMap) -> Result<(), Refusal> {
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1 {
        let joined = HeaderValue::from_bytes(&crumbs.join(b"; ".as_slice()));
        headers.insert(COOKIE, joined.map_err(|_| malformed("the cookie cannot be read"))?);
    }
    Ok(())
}

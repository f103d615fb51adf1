//! Who calls by which name: a listener of ours answers to its own names only, and to no web page.

use std::net::SocketAddr;

use http::HeaderName;
use http::header::{HOST, HeaderMap, ORIGIN};

use super::malformed;
use crate::model::{Authority, Host, Reason, Refusal};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SCHEMES: [&str; 4] = ["http://", "https://", "ws://", "wss://"];

// SECURITY: a web page in a browser on this machine could have calls made here, with the agent's name: under a name of its
// own that leads to us (DNS rebinding: Host), or across sites (Origin, Sec-Fetch-Site).
// Tests: `a_host_that_is_not_the_listeners_is_refused`, `a_web_page_of_another_site_is_refused`.
pub(super) fn check(headers: &HeaderMap, local: SocketAddr, hosts: &[(Host, Option<u16>)]) -> Result<(), Refusal> {
    let host = one(headers, &HOST).ok_or_else(|| malformed("a request needs exactly one Host"))?;
    let (named, port) = Authority::parts(host).map_err(|error| malformed(format!("Host: {error}")))?;
    if !is_ours(&named, port, local, hosts) {
        return Err(mismatch(format!(
            "Host names {named}, which is not the name of this address: ask for localhost, an address of the loopback or \
             the address itself, with its port, or have the operator put the name under `hosts:` of the entry of `reverse:`"
        )));
    }
    let same_origin = match headers.contains_key(ORIGIN) {
        true => one(headers, &ORIGIN).is_some_and(|origin| {
            let named = SCHEMES.iter().find_map(|scheme| origin.strip_prefix(scheme));
            named.is_some_and(|named| named.eq_ignore_ascii_case(host))
        }),
        false => true,
    };
    let same_site = match headers.contains_key(SEC_FETCH_SITE) {
        true => matches!(one(headers, &SEC_FETCH_SITE), Some("same-origin" | "none")),
        false => true,
    };
    match same_origin && same_site {
        true => Ok(()),
        false => Err(mismatch("web pages of other sites cannot make calls here")),
    }
}

/// No name server can hand out an address to others than us, or `localhost`; other names are the configuration's.
fn is_ours(named: &Host, port: Option<u16>, local: SocketAddr, hosts: &[(Host, Option<u16>)]) -> bool {
    let own_name = match named {
        Host::Name(name) => &**name == "localhost",
        Host::Address(address) => {
            let address = address.to_canonical();
            address.is_loopback() || address == local.ip().to_canonical()
        }
    };
    let configured = |(host, at): &(Host, Option<u16>)| host == named && (at.is_none() || *at == port);
    let own_port = match port {
        Some(port) => port == local.port(),
        None => matches!(local.port(), 80 | 443),
    };
    (own_name && own_port) || hosts.iter().any(configured)
}

/// The only value of a header field.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn mismatch(detail: impl Into<String>) -> Refusal {
    Refusal::new(Reason::AuthorityMismatch, detail)
}

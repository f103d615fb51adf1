//! Request and connection → `Call`. Whatever two readers could take in two ways is refused here.

mod http2;
mod upgrade;

use http::header::{
    CONNECTION, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, Uri, Version, request};
use http_body::Body as _;

use self::upgrade::Upgrade;
use crate::io::body::Unread;
use crate::model::{
    Authority, Body, Call, CallId, Caller, Origin, Reason, Refusal, Scheme, Timestamp, is_grpc, retargeting,
};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
/// For this connection only (RFC 9110, 7.6.1), or for us.
pub(super) const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HTTP2_SETTINGS,
];
/// Fields that may not be declared hop-by-hop: a request is not the same without them.
const NEVER_DROPPED: [&str; 6] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "authorization",
    "cookie",
];
const METHODS: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::PATCH,
    Method::OPTIONS,
    Method::TRACE,
    Method::CONNECT,
];

/// A request as it will be judged.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) call: Call,
    /// It asks to leave HTTP. Of such calls only a WebSocket handshake can be carried (`Call::opens_stream`).
    pub(super) leaves_http: bool,
}

fn malformed(detail: impl Into<String>) -> Refusal {
    Refusal::new(Reason::Malformed, detail)
}

/// What is asked, of whom. `settled`: the authority that CONNECT named, inside its tunnel, or that the way in leads to.
///
/// # Errors
/// Whatever is not exactly one request to exactly one authority.
pub(super) fn call(
    settled: Option<(Scheme, &Authority)>,
    id: CallId,
    caller: Caller,
    head: request::Parts,
    body: Body,
) -> Result<Parsed, Refusal> {
    let request::Parts {
        method,
        uri,
        mut headers,
        version,
        ..
    } = head;
    check_method(&method)?;
    let (scheme, authority) = match settled {
        Some((_, authority)) if version == Version::HTTP_2 => {
            (http2::settle(&uri, &mut headers, authority)?, authority.clone())
        }
        Some((scheme, authority)) => (scheme, inside_tunnel(&uri, authority)?),
        None => absolute_form(&uri)?,
    };
    name_host(version, settled.is_some(), &uri, &mut headers);
    check_host(&headers, scheme.default_port(), &authority)?;
    let path = uri.path();
    if !path.starts_with('/') {
        return Err(malformed("the request target is not a path"));
    }
    check_fields(&method, &headers)?;
    check_grpc(&method, &headers, version)?;
    let upgrade = upgrade::asked(version, &method, &headers, &body)?;
    strip_hop_by_hop(&mut headers)?;
    if upgrade == Some(Upgrade::WebSocket) {
        headers.insert(UPGRADE, upgrade::WEBSOCKET);
    }
    let call = Call {
        id,
        origin: Origin::Wire,
        caller,
        received: Timestamp::now(),
        scheme,
        authority,
        path: path.to_owned(),
        query: uri.query().map(str::to_owned),
        method,
        headers,
        body,
    };
    Ok(Parsed {
        call,
        leaves_http: upgrade.is_some(),
    })
}

/// What is known of the content before it is read.
pub(super) fn body(unread: &Option<Unread>) -> Body {
    match unread {
        Some(body) if !body.is_end_stream() => Body::Streaming {
            length: body.size_hint().exact(),
        },
        Some(_) | None => Body::Absent,
    }
}

/// The authority of a CONNECT request.
///
/// # Errors
/// Anything but `host:port`, and a Host that names another.
pub(super) fn connect(uri: &Uri, headers: &HeaderMap) -> Result<Authority, Refusal> {
    let target = match (uri.scheme(), uri.authority()) {
        (None, Some(target)) => target.as_str(),
        _ => return Err(malformed("CONNECT needs a target as `host:port`")),
    };
    let authority = Authority::parse(target, None).map_err(|error| malformed(format!("CONNECT target: {error}")))?;
    // Some clients send none, some leave the port out; two, or another, are refused as in every request.
    if headers.contains_key(HOST) {
        check_host(headers, authority.port, &authority)?;
    }
    Ok(authority)
}

// SECURITY: `get` is another method than `GET` to a strict reader and the same to a lenient one; TRACE would give back
// what others added on the way. Tests: `a_method_spelt_otherwise_is_refused`, `a_tunnel_in_a_tunnel_is_refused`.
fn check_method(method: &Method) -> Result<(), Refusal> {
    match METHODS
        .iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(method.as_str()))
    {
        Some(known) if known != method => Err(malformed(format!("methods are upper-case: {known}"))),
        Some(&Method::CONNECT) => Err(malformed("CONNECT is not taken inside a tunnel")),
        Some(&Method::TRACE) => Err(malformed("TRACE is not passed on")),
        Some(_) | None => Ok(()),
    }
}

// SECURITY: an absolute-form target inside a tunnel names a second authority; servers differ in which they heed.
// Test: `an_absolute_target_inside_a_tunnel_is_refused`.
fn inside_tunnel(uri: &Uri, authority: &Authority) -> Result<Authority, Refusal> {
    match (uri.scheme(), uri.authority()) {
        (None, None) => Ok(authority.clone()),
        _ => Err(malformed(
            "inside a tunnel the request target is a path, without scheme and host",
        )),
    }
}

pub(super) fn absolute_form(uri: &Uri) -> Result<(Scheme, Authority), Refusal> {
    let Some(target) = uri.authority() else {
        return Err(malformed(
            "this is Runplane's proxy, which has no pages of its own: set HTTPS_PROXY and HTTP_PROXY to it instead of \
             sending requests to it directly",
        ));
    };
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => {
            let named = Authority::parse(target.as_str(), Some(Scheme::Https.default_port()));
            let named = named.map_err(|error| malformed(format!("request target: {error}")))?;
            return Err(malformed(format!(
                "this client sends what is meant for https to the proxy in clear: it must send `CONNECT {named}` first, then \
                 the request inside TLS. Set it to tunnel: axios with `proxy: false` and an agent of https-proxy-agent, \
                 urllib3 with `use_forwarding_for_https=False`; curl and requests do so by themselves"
            )));
        }
        _ => {
            return Err(malformed(
                "the request target has no scheme that is known: http, or CONNECT for https",
            ));
        }
    }
    let authority = Authority::parse(target.as_str(), Some(Scheme::Http.default_port()))
        .map_err(|error| malformed(format!("request target: {error}")))?;
    Ok((Scheme::Http, authority))
}

/// HTTP/1.0 knows no Host: in absolute form the target says it all (RFC 9112, 3.2.2), and who forwards it adds one. In a
/// tunnel a Host is asked of everybody, so that nothing but agreement is an authority.
fn name_host(version: Version, is_settled: bool, uri: &Uri, headers: &mut HeaderMap) {
    if version == Version::HTTP_10
        && !is_settled
        && !headers.contains_key(HOST)
        && let Some(Ok(host)) = uri.authority().map(|target| HeaderValue::from_str(target.as_str()))
    {
        headers.insert(HOST, host);
    }
}

// SECURITY: domain fronting: CONNECT and TLS name an allowed host, Host another that the same front serves.
// Tests: `a_host_other_than_the_tunnels_is_refused`, `two_hosts_or_none_are_refused`.
fn check_host(headers: &HeaderMap, default_port: u16, authority: &Authority) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(malformed("a request needs exactly one Host"));
    };
    let host = host.to_str().map_err(|_| malformed("Host is not ASCII"))?;
    check_authority("Host", host, default_port, authority)
}

/// `field` names the authority that the connection is to.
fn check_authority(field: &str, named: &str, default_port: u16, authority: &Authority) -> Result<(), Refusal> {
    let named = Authority::parse(named, Some(default_port)).map_err(|error| malformed(format!("{field}: {error}")))?;
    match named == *authority {
        true => Ok(()),
        false => Err(Refusal::new(
            Reason::AuthorityMismatch,
            format!(
                "the connection is to {authority}, but {field} names {named}: use a connection of its own for each host"
            ),
        )),
    }
}

// SECURITY: what is taken for gRPC is not read, and its outcome is in its trailers: only what is gRPC may be taken for it.
// Test: `what_calls_itself_grpc_and_is_not_is_refused`.
fn check_grpc(method: &Method, headers: &HeaderMap, version: Version) -> Result<(), Refusal> {
    const WEB: &[u8] = b"application/grpc-web";
    let kinds = || headers.get_all(CONTENT_TYPE).iter();
    let web = |kind: &HeaderValue| {
        kind.as_bytes()
            .get(..WEB.len())
            .is_some_and(|kind| kind.eq_ignore_ascii_case(WEB))
    };
    if kinds().any(web) {
        let detail = "gRPC-Web hides its outcome in its content, and is not passed on: use gRPC over HTTP/2";
        return Err(Refusal::new(Reason::NotInspectable, detail));
    }
    if !is_grpc(headers) {
        return Ok(());
    }
    if version != Version::HTTP_2 || *method != Method::POST || kinds().nth(1).is_some() {
        return Err(malformed("gRPC is a POST over HTTP/2 with one Content-Type"));
    }
    Ok(())
}

fn check_fields(method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    check_framing(headers)?;
    for name in headers.keys() {
        // SECURITY: CGI and its heirs read `x_auth` and `x-auth` as one variable. Test: `a_name_with_an_underscore_is_refused`.
        if name.as_str().contains('_') {
            return Err(malformed(format!("header names with `_` are not passed on: {name}")));
        }
    }
    // SECURITY: a GET that the server carries out as DELETE was judged as a read. Only the harmless direction passes: a POST
    // that asks to be a GET (long queries of Google's clients) is judged as the POST it is.
    // Tests: `a_method_override_is_refused`, `a_field_that_names_another_target_is_refused`.
    for name in retargeting::METHOD {
        let mut values = headers.get_all(name).iter();
        let harmless = |value: &HeaderValue| *method == Method::POST && value.as_bytes() == b"GET";
        if !values.all(harmless) {
            return Err(malformed(format!(
                "a method is not overridden by {name}: send the method itself"
            )));
        }
    }
    match retargeting::TARGET.iter().find(|name| headers.contains_key(**name)) {
        Some(name) => Err(malformed(format!(
            "{name} would change the request's target: send the target itself"
        ))),
        None => Ok(()),
    }
}

// SECURITY: hyper frames the body by the last `chunked` it sees; a reader that sees another length would take the rest for
// a second request. We frame anew in any case, and refuse what is ambiguous. Test: `ambiguous_framing_is_refused`.
fn check_framing(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        (Some(_), _) => Err(malformed("Transfer-Encoding must be `chunked`, once")),
    }
}

// SECURITY: naming a field in Connection makes a proxy drop it, and with it what was judged or what the server relies on.
// It is dropped before it is judged, and the fields that make the request are not dropped at all.
// Test: `a_field_that_makes_the_request_is_not_dropped`.
fn strip_hop_by_hop(headers: &mut HeaderMap) -> Result<(), Refusal> {
    for name in named_in_connection(headers) {
        if NEVER_DROPPED.contains(&name.as_str()) {
            return Err(malformed(format!("Connection may not name {name}")));
        }
        headers.remove(name);
    }
    for name in HOP_BY_HOP.iter().chain([&EXPECT]) {
        headers.remove(name);
    }
    Ok(())
}

/// The fields that Connection names, besides the usual two words.
pub(super) fn named_in_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let mut names = Vec::new();
    for value in headers.get_all(CONNECTION) {
        for token in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let usual = token.eq_ignore_ascii_case(b"keep-alive") || token.eq_ignore_ascii_case(b"close");
            if !usual && let Ok(name) = HeaderName::from_bytes(token) {
                names.push(name);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests;

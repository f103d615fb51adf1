//! Who may speak to the control listener: no web page of another site, no agent, only people with a key.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::problem::Problem;
use super::{Parts, page};
use crate::audit;
use crate::model::{Authority, Host, Reason, Refusal};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// SECURITY: a web page in an approver's browser could send requests here, by a name of its own that points at us (DNS
/// rebinding: Host) or across sites (Origin, Sec-Fetch-Site); T10. Tests: `control/tests/guard.rs`.
pub(super) async fn same_site(request: Request, next: Next) -> Response {
    let mut response = match arrival(&request) {
        Ok(Arrival::Ours) => next.run(request).await,
        Ok(Arrival::Elsewhere(landing)) => landing,
        Err(problem) => return problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Where a request comes from.
enum Arrival {
    /// From our own pages, or from no page.
    Ours,
    /// A person followed a link of another site: what they are shown instead of what they asked for.
    Elsewhere(Response),
}

fn arrival(request: &Request) -> Result<Arrival, Problem> {
    let listener = request.extensions().get::<Listener>();
    let headers = request.headers();
    let host = one(headers, &header::HOST).ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "expected one Host"))?;
    if request.uri().authority().is_some() {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "this is no proxy: expected a path, found a whole URI",
        ));
    }
    if !is_ours(host, listener) {
        return Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "expected localhost, a loopback address, the address of this listener or the host of `control.public_url` as Host",
        ));
    }
    let foreign = || Problem::forbidden("requests of web pages of other sites are refused");
    if headers.contains_key(header::ORIGIN) {
        let origin = one(headers, &header::ORIGIN).ok_or_else(foreign)?;
        let (secure, named) = match origin.split_once("://") {
            Some(("https", named)) => (true, named),
            Some(("http", named)) => (false, named),
            _ => return Err(foreign()),
        };
        // TLS may be ended in front of us, by the public name.
        let by_tls = listener.is_some_and(|listener| listener.secure || (secure && listener.is_public(host)));
        if named != host || secure != by_tls {
            return Err(foreign());
        }
    }
    match one(headers, &SEC_FETCH_SITE) {
        Some("same-origin" | "none") => Ok(Arrival::Ours),
        Some(_) if is_visit(headers) => page::landing(request).map(Arrival::Elsewhere).ok_or_else(foreign),
        Some(_) => Err(foreign()),
        None if headers.contains_key(SEC_FETCH_SITE) => Err(foreign()),
        None => Ok(Arrival::Ours),
    }
}

/// A person goes there: no form, no script, no frame and no picture asks.
fn is_visit(headers: &HeaderMap) -> bool {
    let says = |name: &HeaderName, expected: &str| one(headers, name) == Some(expected);
    says(&SEC_FETCH_MODE, "navigate") && says(&SEC_FETCH_DEST, "document") && !headers.contains_key(header::ORIGIN)
}

/// The only value of a header field.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Whether a `Host` names us: by an address no name server can hand out to others, or by `localhost`. Any port, for
/// it may be forwarded.
fn is_ours(host: &str, listener: Option<&Listener>) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, rest)) => (address, Some(rest.strip_prefix(':').unwrap_or("not a port"))),
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return false;
    }
    // A listener on every address of this machine is asked for by any of them, and an address is nobody else's.
    let is_our_address = |address: IpAddr| {
        let reached = listener.map(|listener| listener.address.ip());
        address.is_loopback() || reached.is_some_and(|own| own == address || own.is_unspecified())
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse().is_ok_and(is_our_address)
        || listener.is_some_and(|listener| listener.is_public(host))
}

/// Our own listener, and the name that people know it by.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    /// It speaks TLS.
    pub(super) secure: bool,
    pub(super) public: Option<Host>,
}

impl Listener {
    /// By which this machine reaches it.
    pub(super) fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let port = self.address.port();
        match self.address.ip().is_unspecified() {
            true => format!("{scheme}://localhost:{port}"),
            false => format!("{scheme}://{}", self.address),
        }
    }

    pub(super) fn is_public(&self, host: &str) -> bool {
        let named = Authority::parts(host).map(|(named, _)| named);
        self.public.is_some() && named.ok() == self.public
    }
}

/// Lets people through, and puts the [`crate::agent::Person`] into the request.
///
/// SECURITY: an agent's key decides nothing, whatever else it opens (T7); trying it is recorded, as is trying without any.
pub(super) async fn people(State(parts): State<Arc<Parts>>, mut request: Request, next: Next) -> Response {
    let key = one(request.headers(), &header::AUTHORIZATION)
        .and_then(bearer)
        .map(str::to_owned);
    if let Some(person) = key.as_ref().and_then(|key| parts.registry.person(key)) {
        request.extensions_mut().insert(person);
        return next.run(request).await;
    }
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(SocketAddr::from(([0, 0, 0, 0], 0)), |info| info.0);
    refuse(&parts, key.as_deref(), peer).await.into_response()
}

/// RFC 9110, 11.1: the scheme without regard to case, then a space.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim_start_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty() && !key.contains(' ')).then_some(key)
}

pub(super) async fn refuse(parts: &Parts, key: Option<&str>, peer: SocketAddr) -> Problem {
    let as_agent = key
        .and_then(|key| HeaderValue::try_from(format!("Bearer {key}")).ok())
        .and_then(|value| parts.registry.authenticate(Some(&value)).ok());
    let (problem, agent) = match (key, as_agent) {
        (_, Some(caller)) => (
            Problem::forbidden("this is an agent's key: agents decide nothing; use the key of a person"),
            Some(caller.agent),
        ),
        (Some(_), None) => (
            Problem::unauthorized(
                "nobody has this key, or they are disabled; `runplane people list` shows who may decide",
            ),
            None,
        ),
        (None, None) => (
            Problem::unauthorized("expected `Authorization: Bearer` with the key of a person (rp_…)"),
            None,
        ),
    };
    let refusal = Refusal::new(Reason::AgentUnknown, format!("control: {}", problem.detail));
    // The answer is no either way. That an attempt could not be recorded, the store says in its own log.
    let _ = parts
        .store
        .write(audit::refused(None, agent.as_ref(), peer, &refusal))
        .await;
    problem
}

//! Reverse: clients that take a base URL but no proxy ask us as if we were the provider. A port, or a prefix of the path,
//! says which provider is meant; from there on such a request is one like any other in a tunnel to it.

mod signed;
mod site;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{HOST, PROXY_AUTHORIZATION};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use hyper::body::Incoming;

use super::follow::Body;
use super::{Connection, Credentials, Parts, Tunnel, handle};
use crate::model::{Authority, Host, Reason, Refusal, Scheme};

/// What a listener leads to.
#[derive(Clone, Debug)]
pub struct Reverse {
    /// No prefix of one begins another; one without a prefix is alone.
    pub routes: Vec<Route>,
    /// Names by which clients may call the listener, at one port or all, besides the loopback's and the address that they
    /// reached.
    pub hosts: Vec<(Host, Option<u16>)>,
    /// It is the proxy's own listener: what fits no prefix is for the proxy.
    pub shared: bool,
}

/// One way to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Whole segments, as `/stripe`; `None`: all of the listener.
    pub prefix: Option<String>,
    pub scheme: Scheme,
    pub authority: Authority,
    /// Who calls, where the request does not prove it.
    pub agent: Option<Arc<str>>,
}

/// Answers a request of a connection that may be reverse.
pub(super) async fn serve(
    parts: &Arc<Parts>,
    connection: &Connection,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    match &connection.reverse {
        Some(reverse) if connection.tunnel.is_none() && reverse.concerns(request.method(), request.uri()) => {
            let (connection, request) = reverse.enter(connection, request);
            handle::serve(parts, &connection, request).await
        }
        Some(_) | None => handle::serve(parts, connection, request).await,
    }
}

impl Reverse {
    /// Whether a request is ours to lead on. On the proxy's listener only those that no proxy is asked for.
    pub(super) fn concerns(&self, method: &Method, uri: &Uri) -> bool {
        let origin_form = *method != Method::CONNECT && uri.authority().is_none();
        !self.shared || (origin_form && self.find(uri.path()).is_some())
    }

    /// The request as the provider's, on a connection that is settled to be the provider's; refused there, if it must be, so
    /// that the refusal is recorded and shaped as every other.
    fn enter<B>(&self, connection: &Connection, request: Request<B>) -> (Connection, Request<B>) {
        let (mut head, body) = request.into_parts();
        let found = self.find(head.uri.path());
        let lead = self.lead(connection.local, &head.method, &head.uri, &head.headers, found);
        let (scheme, authority, agent) = match found {
            Some((route, _)) => (route.scheme, route.authority.clone(), route.agent.clone()),
            None => {
                let (host, port) = (Host::Address(connection.local.ip()), connection.local.port());
                (Scheme::Http, Authority { host, port }, None)
            }
        };
        let shown = head.headers.get(PROXY_AUTHORIZATION).cloned();
        let credentials = match (shown, agent) {
            (None, Some(agent)) => Credentials::Named(agent),
            (shown, _) => Credentials::Reverse(shown),
        };
        let disagreement = match lead {
            Ok((target, host)) => {
                head.uri = Uri::from(target);
                head.headers.insert(HOST, host);
                None
            }
            Err(refusal) => Some(refusal),
        };
        let settled = Connection {
            peer: connection.peer,
            local: connection.local,
            tunnel: Some(Tunnel {
                scheme,
                authority,
                credentials,
                disagreement,
            }),
            reverse: None,
            working: connection.working.clone(),
            stream: connection.stream.clone(),
            presence: connection.presence.clone(),
        };
        (settled, Request::from_parts(head, body))
    }

    /// The target and Host that the provider gets.
    fn lead(
        &self,
        local: SocketAddr,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        found: Option<(&Route, &str)>,
    ) -> Result<(PathAndQuery, HeaderValue), Refusal> {
        if *method == Method::CONNECT || uri.authority().is_some() {
            return Err(malformed(
                "this address leads to providers and is no proxy: send the path alone, or set HTTPS_PROXY to the address of \
                 the proxy",
            ));
        }
        site::check(headers, local, &self.hosts)?;
        let Some((route, rest)) = found else {
            return Err(malformed(format!(
                "no entry under `reverse:` leads on from this path; those of this address begin with {}",
                self.prefixes()
            )));
        };
        signed::check(headers, uri.query())?;
        let target = match uri.query() {
            Some(query) => format!("{rest}?{query}"),
            None => rest.to_owned(),
        };
        let target = match rest.is_empty() {
            true => format!("/{target}"),
            false => target,
        };
        let target = PathAndQuery::try_from(target).map_err(|_| malformed("the request target cannot be passed on"))?;
        let host = HeaderValue::try_from(route.authority.written(route.scheme))
            .map_err(|_| malformed("the host cannot be asked for"))?;
        Ok((target, host))
    }

    /// The route for a path, and the path without its prefix: empty, or from its next `/` on.
    // SECURITY: only whole segments, spelt as configured: `/stripes` or `/%73tripe` taken for `/stripe` would be paths that
    // two readers take for two. Test: `a_prefix_is_whole_segments_as_they_are_spelt`.
    fn find<'a>(&self, path: &'a str) -> Option<(&Route, &'a str)> {
        self.routes.iter().find_map(|route| {
            let rest = path.strip_prefix(route.prefix.as_deref().unwrap_or_default())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((route, rest))
        })
    }

    fn prefixes(&self) -> String {
        let prefixes: Vec<&str> = self.routes.iter().filter_map(|route| route.prefix.as_deref()).collect();
        prefixes.join(", ")
    }
}

impl Route {
    /// As a URL.
    pub fn provider(&self) -> String {
        format!("{}://{}", self.scheme.as_str(), self.authority.written(self.scheme))
    }
}

fn malformed(detail: impl Into<String>) -> Refusal {
    Refusal::new(Reason::Malformed, detail)
}

#[cfg(test)]
mod tests;

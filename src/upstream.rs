//! The only line that reaches the network: resolves, checks and dials after the decision, and writes a call once.
//! Stage, floor 2.

mod address;
mod destination;
mod dial;
mod errand;
mod handshake;
mod http2;
mod paced;
mod proxy;
mod streams;
mod trust;

use std::collections::BTreeMap;
use std::error::Error as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING,
};
use http::uri::{self, PathAndQuery, Uri};
use http::{Method, Request, Response, Version};
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use crate::io::body::{Outgoing, Unread};
use crate::io::stream;
use crate::model::{Authority, Body, Call, Host, Outcome, Reason, Refusal, Scheme, is_grpc};
use crate::policy::Permit;
use crate::store::Recorded;

pub use destination::{Destination, Endpoint, ParseDestinationError};
pub use errand::{ErrandError, Errands, Line};
pub use handshake::Handshake;
pub use proxy::{Bypass, ParseBypassError, Proxy};
pub use streams::Stream;
use streams::Streams;
pub use trust::{Error, system_certificates};

/// Providers close idle connections after a minute or so; ours go first.
const IDLE_FOR: Duration = Duration::from_secs(50);
const IDLE_PER_HOST: usize = 64;
/// How long a provider may take to begin its answer. Long: some think for minutes, and the agent decides when to leave.
const ANSWER_WITHIN: Duration = Duration::from_secs(10 * 60);
/// The same where the agent's own stream has to arrive first.
const ANSWER_TO_STREAM_WITHIN: Duration = Duration::from_secs(60 * 60);

/// Where calls may go and whom they may trust.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// What is dialled for a name instead of asking DNS. The address is checked like every other.
    pub resolve: BTreeMap<Endpoint, SocketAddr>,
    /// What may be dialled although its address is not global.
    pub destinations: Vec<Destination>,
    /// Directory of further roots (`*.pem`); need not exist.
    pub roots: PathBuf,
    /// Our own listeners: never dialled, whatever `destinations` names.
    pub own_listeners: Vec<SocketAddr>,
    /// What we are called, at one port or all: not asked of `proxy`.
    pub own_names: Vec<(Host, Option<u16>)>,
    /// The way out, where there is but one.
    pub proxy: Option<Proxy>,
    /// Public keys (DER) of our own authority and the one that follows it: never trusted upstream.
    pub own_authorities: Vec<Vec<u8>>,
}

impl Config {
    /// Whether `destinations` names this authority, or the address that is dialled for it.
    pub fn names(&self, asked: &Authority) -> bool {
        let (resolve, destinations) = (self.resolve.clone(), self.destinations.clone());
        let rules = destination::Rules::new(resolve, destinations, Vec::new(), Vec::new(), None);
        rules.names(asked)
    }
}

/// The content that goes upstream.
#[derive(Debug)]
pub enum Content {
    /// What the call holds (absent or captured).
    FromCall,
    /// The agent's own stream; only for a call whose body is `Body::Streaming`.
    Stream(Unread),
}

/// How sending failed. `outcome` is `NotSent` only where no byte of the request was written.
#[derive(Debug, thiserror::Error)]
#[error("{refusal}")]
pub struct SendError {
    pub refusal: Refusal,
    pub outcome: Outcome,
}

impl SendError {
    fn not_sent(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            refusal: Refusal::new(reason, detail),
            outcome: Outcome::NotSent,
        }
    }

    /// Something was written, or may have been. `Failure`: the provider says that it did nothing.
    fn in_doubt(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self {
            refusal: Refusal::new(Reason::UpstreamUnreachable, detail),
            outcome,
        }
    }
}

/// The way out.
pub struct Upstream {
    dialer: dial::Dialer,
    /// May repeat a request that a reused connection gave back unwritten: its content is still whole.
    whole: Client<dial::Dialer, Outgoing>,
    /// Never repeats: the agent's stream can be read once.
    streams: Client<dial::Dialer, Outgoing>,
    /// Keeps no connections.
    fresh: Client<dial::Dialer, Outgoing>,
    /// Of HTTP/2 under way.
    under_way: Streams,
    /// As `fresh`, over HTTP/1.1 alone: who signs in a connection cannot share it with other streams.
    signing: Client<dial::Dialer, Outgoing>,
    /// Offers HTTP/1.1 only.
    handshakes: dial::Dialer,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").finish_non_exhaustive()
    }
}

impl Upstream {
    /// # Errors
    /// Roots that cannot be read, or that hold our own authority.
    pub fn new(config: Config) -> Result<Upstream, Error> {
        let tls = trust::client_config(&config.roots, &config.own_authorities)?;
        let (own_listeners, own_names) = (config.own_listeners, config.own_names);
        let rules = destination::Rules::new(
            config.resolve,
            config.destinations,
            own_listeners,
            own_names,
            destination::machine(),
        );
        let dialer = dial::Dialer::new(Arc::new(rules), Arc::new(tls), config.proxy);
        let client = |retry: bool, idle: usize, dialer: &dial::Dialer| {
            let mut builder = Client::builder(TokioExecutor::new());
            http2::bound(&mut builder)
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_FOR)
                .pool_max_idle_per_host(idle)
                .retry_canceled_requests(retry)
                .set_host(false)
                .build(dialer.clone())
        };
        Ok(Upstream {
            whole: client(true, IDLE_PER_HOST, &dialer),
            streams: client(false, IDLE_PER_HOST, &dialer),
            fresh: client(false, 0, &dialer),
            under_way: Streams::default(),
            signing: client(false, 0, &dialer.http1_only()),
            handshakes: dialer.http1_only(),
            dialer,
        })
    }

    /// Sends a call at most once. `fresh`: on a connection of its own (approved calls). The answer may have a [`Stream`] among
    /// its extensions, to be kept until it has ended.
    ///
    /// # Errors
    /// With the outcome: what is known of whether it was sent.
    pub async fn send(
        &self,
        permit: Recorded<Permit>,
        content: Content,
        fresh: bool,
    ) -> Result<Response<Incoming>, SendError> {
        self.deliver(permit.into_inner().into_call(), content, fresh).await
    }

    /// Connects to the authority of a permitted CONNECT and hands over the bare connection.
    ///
    /// # Errors
    /// Nothing was sent.
    pub async fn tunnel(&self, permit: Recorded<Permit>) -> Result<stream::Stream, SendError> {
        let authority = permit.into_inner().into_call().authority;
        self.dialer
            .connect(&authority)
            .await
            .map_err(|error| SendError::not_sent(error.reason(), error.to_string()))
    }

    async fn deliver(&self, call: Call, content: Content, fresh: bool) -> Result<Response<Incoming>, SendError> {
        let host = call.authority.host.to_string();
        // SECURITY: NTLM and Negotiate sign in the connection, not the request: on a shared one, the next agent's call
        // would run as this agent's user. Test: `a_call_that_signs_in_its_connection_never_shares_one`.
        if call.opens_stream() {
            return Err(SendError::not_sent(
                Reason::Malformed,
                "a handshake is not sent as a request",
            ));
        }
        let signs = signs_in_the_connection(&call.headers);
        let (provider, stream) = (call.authority.clone(), self.under_way.take(&call.authority));
        let fresh = fresh || stream.as_ref().is_some_and(|(_, has_room)| !has_room);
        let outgoing = outgoing(&call.body, content)?;
        let streams = matches!(outgoing, Outgoing::Stream(_));
        let proxy = match call.scheme {
            Scheme::Http => self.dialer.proxy(&call.authority),
            Scheme::Https => None,
        };
        let mut request = request(call, outgoing)?;
        if let Some(authorization) = proxy.and_then(proxy::Way::authorization) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        let needs_http2 = request.version() == Version::HTTP_2;
        let client = match (signs, fresh, streams) {
            (true, _, _) => &self.signing,
            (false, true, _) => &self.fresh,
            (false, false, true) => &self.streams,
            (false, false, false) => &self.whole,
        };
        let within = if streams {
            ANSWER_TO_STREAM_WITHIN
        } else {
            ANSWER_WITHIN
        };
        match timeout(within, client.request(request)).await {
            // SECURITY: a provider that changes the protocol unasked would turn the connection into an unread tunnel.
            // Test: `a_switch_of_protocols_that_nobody_asked_for_is_refused`.
            Ok(Ok(response)) if response.status().as_u16() == 101 => Err(SendError::in_doubt(
                Outcome::Unknown,
                format!("{host} changed the protocol without being asked"),
            )),
            // Who else asks for a proxy's credentials is a proxy; what it did with the request, it alone knows.
            Ok(Ok(response)) if proxy.is_some() && response.status().as_u16() == 407 => {
                let detail = format!(
                    "the corporate proxy on the way out (`upstream_proxy`) wants other credentials, so {host} was not reached"
                );
                Err(SendError::in_doubt(Outcome::Error, detail))
            }
            Ok(Ok(mut response)) => {
                match stream {
                    Some((stream, _)) => drop(response.extensions_mut().insert(stream)),
                    None if response.version() == Version::HTTP_2 => self.under_way.learn(&provider),
                    None => {}
                }
                Ok(response)
            }
            Ok(Err(error)) => Err(failed(&host, &error, needs_http2)),
            Err(_) => {
                let detail = format!("{host} did not answer within {} minutes", within.as_secs() / 60);
                Err(SendError {
                    refusal: Refusal::new(Reason::UpstreamTimeout, detail),
                    outcome: Outcome::Unknown,
                })
            }
        }
    }
}

fn signs_in_the_connection(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().any(|value| {
        let scheme = value.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"ntlm") || scheme.eq_ignore_ascii_case(b"negotiate")
    })
}

// SECURITY: what was judged is what is sent: captured content goes out as captured, and a stream goes out only for a call
// that was judged without its content. Test: `content_other_than_the_judged_is_refused`.
fn outgoing(judged: &Body, content: Content) -> Result<Outgoing, SendError> {
    match (judged, content) {
        (Body::Absent, Content::FromCall) => Ok(Outgoing::Whole(None)),
        (Body::Captured(bytes), Content::FromCall) => Ok(Outgoing::Whole(Some(bytes.clone()))),
        (Body::Coded(coded), Content::FromCall) => Ok(Outgoing::Whole(Some(coded.wire.clone()))),
        (Body::Streaming { .. }, Content::Stream(stream)) => Ok(Outgoing::Stream(stream)),
        (Body::Streaming { .. }, Content::FromCall)
        | (Body::Absent | Body::Captured(_) | Body::Coded(_), Content::Stream(_)) => Err(SendError::not_sent(
            Reason::Malformed,
            "the content to send is not the content that was judged",
        )),
    }
}

/// The request as it goes on the wire. Everything that was judged is in it unchanged.
fn request(call: Call, outgoing: Outgoing) -> Result<Request<Outgoing>, SendError> {
    let malformed =
        |what: &str| SendError::not_sent(Reason::Malformed, format!("{what} cannot be sent as it was judged"));
    let target = match &call.query {
        Some(query) => format!("{}?{query}", call.path),
        None => call.path.clone(),
    };
    // SECURITY: a target that reads back differently (a fragment is cut off) is not the target that was judged.
    // Test: `a_target_that_would_change_on_the_way_is_refused`.
    let path = PathAndQuery::from_maybe_shared(Bytes::from(target.clone())).map_err(|_| malformed("the target"))?;
    if path.as_str() != target {
        return Err(malformed("the target"));
    }
    let host = call.headers.get(HOST).ok_or_else(|| malformed("the request"))?;
    let authority = authority(host, &call);
    let mut parts = uri::Parts::default();
    parts.scheme = Some(match call.scheme {
        Scheme::Http => uri::Scheme::HTTP,
        Scheme::Https => uri::Scheme::HTTPS,
    });
    parts.authority = Some(authority.ok_or_else(|| malformed("the host"))?);
    parts.path_and_query = Some(path);
    let mut headers = call.headers;
    if call.method == Method::CONNECT {
        return Err(malformed("the request"));
    }
    // hyper drops a stream of unknown length from GET and HEAD unless its framing is given.
    if matches!(outgoing, Outgoing::Stream(_)) && !headers.contains_key(CONTENT_LENGTH) {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let mut request = Request::new(outgoing);
    if is_grpc(&headers) {
        // Over anything else it would mean nothing; and its servers ask for the promise that trailers are passed on.
        *request.version_mut() = Version::HTTP_2;
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    *request.method_mut() = call.method;
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| malformed("the target"))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Host as it was sent: HTTP/2 gives it to the provider as `:authority`, where a port more would change what was signed.
fn authority(host: &HeaderValue, call: &Call) -> Option<uri::Authority> {
    let (text, port) = (host.to_str().ok()?, call.scheme.default_port());
    // Most say it as it is kept.
    let plain = matches!(&call.authority.host, Host::Name(name) if **name == *text) && call.authority.port == port;
    match plain || Authority::parse(text, Some(port)).is_ok_and(|named| named == call.authority) {
        true => uri::Authority::from_maybe_shared(Bytes::copy_from_slice(host.as_bytes())).ok(),
        false => None,
    }
}

/// What a failed exchange says of whether something was sent.
fn failed(host: &str, error: &legacy::Error, needs_http2: bool) -> SendError {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(dial) = inner.downcast_ref::<dial::DialError>() {
            return SendError::not_sent(dial.reason(), dial.to_string());
        }
        if let Some(error) = inner.downcast_ref::<hyper::Error>() {
            return exchange_failed(host, error);
        }
        cause = inner.source();
    }
    // What has no cause is hyper-util's own word, before anything is written.
    let early = error.source().is_none();
    match early || error.is_connect() {
        true if early && needs_http2 => SendError::not_sent(
            Reason::UpstreamUnreachable,
            format!("{host} does not speak HTTP/2, which gRPC needs"),
        ),
        true => SendError::not_sent(Reason::UpstreamUnreachable, format!("{host} could not be reached")),
        false => SendError::in_doubt(Outcome::Unknown, format!("the exchange with {host} broke off")),
    }
}

fn exchange_failed(host: &str, error: &hyper::Error) -> SendError {
    // hyper says `canceled` only of a request that it gave back without having begun to write it.
    if error.is_canceled() {
        return SendError::not_sent(
            Reason::UpstreamUnreachable,
            format!("{host} closed the connection before the request was written"),
        );
    }
    if http2::is_refused(error) {
        let detail = format!("{host} refused it before it did anything (HTTP/2 REFUSED_STREAM)");
        return SendError::in_doubt(Outcome::Failure, detail);
    }
    if error.is_parse() {
        return SendError::in_doubt(Outcome::Error, format!("the answer of {host} is not valid HTTP"));
    }
    if error.is_incomplete_message() {
        return SendError::in_doubt(
            Outcome::Error,
            format!("{host} closed the connection without an answer"),
        );
    }
    SendError::in_doubt(Outcome::Unknown, format!("the exchange with {host} broke off"))
}

#[cfg(test)]
mod tests;

//! Tunnels: CONNECT is answered, TLS ended, and what is no TLS judged as a tunnel.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{HeaderMap, PROXY_AUTHORIZATION};
use http::{Method, Request, Response, Version, request};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use rustls::server::Acceptor;
use rustls::{AlertDescription, ServerConfig};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::follow::Body;
use super::prefixed::Prefixed;
use super::record::{self, Ending, Unheard};
use super::standing::Standing;
use super::{Connection, Credentials, Parts, Tunnel, accept, internal, parse, respond, say, stream};
use crate::agent::Registry;
use crate::authority::LeafError;
use crate::io::drain::stopping;
use crate::io::stream::Stream;
use crate::mapping::Mappings;
use crate::metrics::{Metrics, TlsFailure};
use crate::model::{
    self, Authority, Call, CallId, Caller, ErrorShape, Host, Origin, Reason, Refusal, Scheme, Timestamp, is_grpc,
};
use crate::policy::Decision;

/// How long the first byte in a tunnel is waited for: pools open tunnels ahead of need. What says nothing until then is
/// closed without a decision, for nothing was asked.
const FIRST_BYTE_WITHIN: Duration = Duration::from_secs(30);
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Bytes read at first, at most: more than a usual ClientHello.
const READ_FIRST: usize = 2 << 10;
/// The first byte of a TLS record that begins a handshake.
pub(super) const HANDSHAKE: u8 = 0x16;

/// A tunnel that was granted; its bytes come once the answer to CONNECT is out.
pub(super) struct Opened {
    id: CallId,
    authority: Authority,
    credentials: Credentials,
    tls: Arc<ServerConfig>,
    upgrade: OnUpgrade,
}

impl Connection {
    /// The agent behind a request: by its own credentials, or inside a tunnel by those that opened it.
    pub(super) fn caller(&self, registry: &Registry, headers: &HeaderMap) -> Result<Caller, Refusal> {
        self.credentials(headers).caller(registry)
    }

    /// What they prove themselves with.
    pub(super) fn credentials(&self, headers: &HeaderMap) -> Credentials {
        match &self.tunnel {
            Some(tunnel) => tunnel.credentials.clone(),
            None => Credentials::Proxy(headers.get(PROXY_AUTHORIZATION).cloned()),
        }
    }

    /// Whom requests are for, where that is settled: in a tunnel whose CONNECT and TLS agreed, and in reverse.
    pub(super) fn authority(&self) -> Result<Option<(Scheme, &Authority)>, Refusal> {
        match &self.tunnel {
            None => Ok(None),
            Some(Tunnel {
                disagreement: Some(refusal),
                ..
            }) => Err(refusal.clone()),
            Some(tunnel) => Ok(Some((tunnel.scheme, &tunnel.authority))),
        }
    }

    /// How a refusal must look to the client of whatever is asked here, understood or not.
    pub(super) fn error_shape(&self, mappings: &Mappings, head: &request::Parts) -> ErrorShape {
        if head.version == Version::HTTP_2 && is_grpc(&head.headers) {
            return ErrorShape::Grpc;
        }
        let uri = &head.uri;
        let asked = match (self.authority(), &self.tunnel) {
            (Ok(Some((scheme, authority))), _) => Some((scheme, authority.clone())),
            (Ok(None), _) => parse::absolute_form(uri).ok(),
            // The listener settles the provider, whatever is wrong with the request.
            (Err(_), Some(tunnel)) if tunnel.credentials.is_reverse() => {
                Some((tunnel.scheme, tunnel.authority.clone()))
            }
            (Err(_), _) => None,
        };
        asked.map_or(ErrorShape::Problem, |(scheme, authority)| {
            mappings.error_shape(&authority, scheme, uri.path())
        })
    }
}

/// Answers CONNECT. No decision is told here: clients show nothing of it and drop the content. It comes inside.
pub(super) async fn open(
    parts: &Parts,
    connection: &Connection,
    mut request: Request<Incoming>,
) -> Result<(Response<Body>, Opened), Response<Body>> {
    let id = CallId::random();
    let unheard = match admit(parts, connection, &request) {
        Ok((authority, tls)) => {
            let credentials = connection.credentials(request.headers());
            let upgrade = hyper::upgrade::on(&mut request);
            return Ok((
                respond::stamp(respond::connected(), &id),
                Opened {
                    id,
                    authority,
                    credentials,
                    tls,
                    upgrade,
                },
            ));
        }
        Err(unheard) => unheard,
    };
    let refused = record::turned_away(parts, connection, &id, ErrorShape::Problem, unheard).await;
    Err(respond::refuse(&refused, &id, false, false))
}

fn admit(
    parts: &Parts,
    connection: &Connection,
    request: &Request<Incoming>,
) -> Result<(Authority, Arc<ServerConfig>), Unheard> {
    let caller = connection.caller(&parts.registry, request.headers());
    let agent = caller.map_err(|refusal| Unheard::new(None, refusal))?.agent;
    let unheard = |refusal| Unheard::new(Some(&agent), refusal);
    let authority = parse::connect(request.uri(), request.headers()).map_err(unheard)?;
    let tls = parts.authority.server_config(&authority.host);
    Ok((authority, tls.map_err(|error| unheard(no_leaf(&error)))?))
}

fn no_leaf(error: &LeafError) -> Refusal {
    let reason = match error {
        LeafError::Busy => Reason::Overloaded,
        LeafError::Certificate(_) | LeafError::Tls(_) => Reason::Malformed,
    };
    Refusal::new(reason, error.to_string())
}

/// Serves what comes through a granted tunnel.
pub(super) async fn run(parts: &Arc<Parts>, outer: Connection, opened: Opened) {
    let Opened {
        id,
        authority,
        credentials,
        tls,
        upgrade,
    } = opened;
    let mut inner = Connection {
        tunnel: Some(Tunnel {
            scheme: Scheme::Https,
            authority,
            credentials,
            disagreement: None,
        }),
        ..outer
    };
    // An error says that the client left before the tunnel stood.
    let Some((mut stream, mut early)) = upgrade.await.ok().and_then(bare) else {
        return;
    };
    // Pools keep tunnels that they may never use: nothing was asked, so nothing is under way.
    let first = tokio::select! {
        first = first_byte(&mut stream, &mut early) => first,
        () = stopping(parts.draining.clone()) => None,
    };
    match first {
        Some(HANDSHAKE) => {
            match Box::pin(handshake(&parts.metrics, &mut inner, tls, Prefixed::new(early, stream))).await {
                Ok(stream) => accept::inside(parts, inner, stream).await,
                Err(refusal) => refused(parts, &inner, &refusal).await,
            }
        }
        Some(_) => Box::pin(tunnel(parts, &inner, id, stream, early)).await,
        None => {}
    }
}

fn bare(upgraded: hyper::upgrade::Upgraded) -> Option<(Stream, Bytes)> {
    let parts = upgraded.downcast::<TokioIo<Stream>>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf))
}

/// What the client says first; `None` if it left, or says nothing.
async fn first_byte(stream: &mut Stream, early: &mut Bytes) -> Option<u8> {
    if early.is_empty() {
        let mut first = BytesMut::with_capacity(READ_FIRST);
        match timeout(FIRST_BYTE_WITHIN, stream.read_buf(&mut first)).await {
            Ok(Ok(1..)) => *early = first.freeze(),
            Ok(Ok(0) | Err(_)) | Err(_) => return None,
        }
    }
    early.first().copied()
}

/// Ends the client's TLS with the leaf of the CONNECT name, whatever the SNI says; the answer comes inside.
async fn handshake(
    metrics: &Metrics,
    connection: &mut Connection,
    tls: Arc<ServerConfig>,
    stream: Prefixed<Stream>,
) -> Result<Box<TlsStream<Prefixed<Stream>>>, Refusal> {
    let Some(tunnel) = &mut connection.tunnel else {
        return Err(Refusal::new(Reason::Malformed, "TLS without a tunnel"));
    };
    let finish = async {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        tunnel.disagreement = disagreement(&tunnel.authority.host, start.client_hello().server_name());
        start.into_stream(tls).await
    };
    let error = match timeout(HANDSHAKE_WITHIN, finish).await {
        Ok(Ok(stream)) => return Ok(Box::new(stream)),
        Ok(Err(error)) => error,
        Err(_) => io::ErrorKind::TimedOut.into(),
    };
    metrics.tls_failed(why(&error));
    Err(tunnel.disagreement.take().unwrap_or_else(|| {
        let detail = format!("the TLS handshake failed ({error}): does the client trust Runplane's certificate?");
        Refusal::new(Reason::Malformed, detail)
    }))
}

fn why(error: &io::Error) -> TlsFailure {
    if error.kind() == io::ErrorKind::TimedOut {
        return TlsFailure::TimedOut;
    }
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::AlertReceived(alert)) if doubts_us(*alert) => TlsFailure::Untrusted,
        Some(_) => TlsFailure::Protocol,
        None => TlsFailure::Closed,
    }
}

/// Whether a client says by this alert that it does not take our certificate.
fn doubts_us(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    [
        A::UnknownCA,
        A::BadCertificate,
        A::CertificateUnknown,
        A::CertificateExpired,
        A::UnsupportedCertificate,
        A::AccessDenied,
    ]
    .contains(&alert)
}

// SECURITY: domain fronting the other way round: the SNI names an allowed host, CONNECT another. Without an SNI the CONNECT
// name stands alone. Tests: `an_sni_other_than_the_tunnels_is_refused`, `a_hello_without_sni_is_taken_at_connects_word`.
fn disagreement(host: &Host, sni: Option<&str>) -> Option<Refusal> {
    let sni = sni?;
    match sni.parse::<Host>() {
        Ok(named) if named == *host => None,
        Ok(_) | Err(_) => Some(Refusal::new(
            Reason::AuthorityMismatch,
            format!("CONNECT names {host}, but the TLS handshake names {sni}: both must be the same host"),
        )),
    }
}

/// A tunnel that is not TLS: judged, recorded, and closed unless a rule opens it.
// SECURITY: clear text after CONNECT would pass unread. Test: `o58_clear_text_in_the_tunnel`.
async fn tunnel(parts: &Arc<Parts>, connection: &Connection, id: CallId, stream: Stream, early: Bytes) {
    let credentials = connection.credentials(&HeaderMap::new());
    let caller = match credentials.active(parts) {
        Ok(caller) => caller,
        Err(refusal) => return refused(parts, connection, &refusal).await,
    };
    let Ok(Some((_, authority))) = connection.authority() else {
        return;
    };
    // SECURITY: a rule that opens tunnels could have the name asked of DNS (test `the_name_never_leaves`).
    if internal::is_here(&authority.host) {
        let detail = format!("{} is the proxy itself, which answers HTTP only", internal::NAME);
        return refused(parts, connection, &Refusal::new(Reason::DestinationRefused, detail)).await;
    }
    let (call, asked) = (as_call(id, caller, authority.clone()), Instant::now());
    let rules = parts.gate.rules();
    let action = rules.mappings().tunnel(&call);
    // Nobody can be told to come back: what wants consent stays closed, and is recorded as that.
    let decision = match rules.decide(call, action, None, Timestamp::now()) {
        hold @ Decision::RequireApproval(_) => say::stays_http(hold),
        decided @ (Decision::Allow(_) | Decision::Block(_)) => decided,
    };
    match decision {
        Decision::Allow(permit) => {
            if let Ok((permit, record)) = record::allowed(parts, &rules, permit, asked).await
                && let Ok(record) = record.leaving(parts, permit.get()).await
            {
                let standing = Standing::new(permit.get().call().clone(), credentials, None);
                match parts.upstream.tunnel(permit).await {
                    Ok(upstream) => {
                        stream::carry(parts, &standing, record, Prefixed::new(early, stream), upstream).await
                    }
                    Err(error) => {
                        record.close(Ending::unsent(&error));
                    }
                }
            }
        }
        Decision::Block(blocked) => drop(record::blocked(parts, &rules, blocked, asked).await),
        Decision::RequireApproval(_) => {}
    }
}

fn as_call(id: CallId, caller: Caller, authority: Authority) -> Call {
    Call {
        id,
        origin: Origin::Wire,
        caller,
        received: Timestamp::now(),
        scheme: Scheme::Https,
        authority,
        method: Method::CONNECT,
        path: "/".to_owned(),
        query: None,
        headers: HeaderMap::new(),
        body: model::Body::Absent,
    }
}

/// Puts what a connection was refused for into the trail; there is nobody to answer.
pub(super) async fn refused(parts: &Parts, connection: &Connection, refusal: &Refusal) {
    parts.metrics.refused(refusal.reason);
    let agent = connection
        .caller(&parts.registry, &HeaderMap::new())
        .ok()
        .map(|caller| caller.agent);
    let changes = crate::audit::refused(
        None,
        agent.as_ref().filter(|_| connection.tunnel.is_some()),
        connection.peer,
        refusal,
    );
    if let Err(error) = parts.store.write(changes).await {
        tracing::error!(%error, peer = %connection.peer, "a refused connection could not be recorded");
    }
}

#[cfg(test)]
mod tests;

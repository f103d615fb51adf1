//! Sockets and connections: accepted up to a limit, served until they end, drained when we are to stop.

mod http2;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::server::TlsStream;

use super::follow::Body;
use super::reverse::{self, Reverse};
use super::stream::Slot;
use super::{Connection, Door, Parts, Proxy, connect, greeting};
use crate::io::drain::{Working, stopping};
use crate::io::socket::{Presence, Socket};
use crate::io::stream::{Stream, notices_silence};
use crate::io::tls;
use crate::metrics::TlsFailure;
use crate::model::{Reason, Refusal};

/// For a request's head to arrive, and for the next on a connection that is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(75);
/// Bytes of a head: request line and fields. (hyper takes at most 100 fields.)
const LARGEST_HEAD: usize = 32 << 10;
/// Bytes read ahead of a connection.
const READ_AHEAD: usize = 64 << 10;
/// For what was cut off to close its records.
const CUT_WITHIN: Duration = Duration::from_secs(1);
/// After an accept that failed (no file descriptors left): what is open may close meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

impl Proxy {
    /// Serves until `shutdown`, then ends: held calls are answered, calls under way have `within` as long as `at_once` does
    /// not come, and the rest is cut off.
    pub async fn serve(
        self,
        doors: Vec<Door>,
        shutdown: impl Future<Output = ()>,
        at_once: impl Future<Output = ()>,
        within: Duration,
    ) {
        let Self { parts, drain } = self;
        let slots = Arc::new(Semaphore::new(parts.connections));
        let mut open: JoinSet<JoinSet<()>> = doors
            .into_iter()
            .map(|door| door.serve(parts.clone(), slots.clone(), drain.working()))
            .collect();
        shutdown.await;
        drain.begin();
        let all_ended = async {
            while let Some(connections) = open.join_next().await {
                if let Ok(mut connections) = connections {
                    while connections.join_next().await.is_some() {}
                }
            }
        };
        let mut cut = pin!(async {
            tokio::select! {
                () = sleep(within) => {}
                () = at_once => {}
            }
        });
        let all_ended = tokio::select! {
            biased;
            () = all_ended => true,
            () = &mut cut => {
                // Their records close themselves as they are dropped.
                tracing::warn!("connections are cut off");
                false
            }
        };
        open.shutdown().await;
        let finished = match all_ended {
            true => drain.finish(cut).await,
            false => drain.finish(sleep(CUT_WITHIN)).await,
        };
        if !finished {
            tracing::warn!("approved calls are cut off");
        }
    }
}

impl Door {
    /// Accepts until we are to stop; gives the connections that are open then.
    async fn serve(self, parts: Arc<Parts>, slots: Arc<Semaphore>, working: Working) -> JoinSet<()> {
        let Door { socket, tls, reverse } = self;
        let mut connections = JoinSet::new();
        loop {
            // Beyond the limit nothing is accepted: clients wait in the system's queue.
            let accepted = async {
                let slot = slots.clone().acquire_owned().await;
                (socket.accept().await, slot)
            };
            let (accepted, slot) = tokio::select! {
                () = stopping(parts.draining.clone()) => return connections,
                accepted = accepted => accepted,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((stream, peer)) => {
                    let (parts, working) = (parts.clone(), working.clone());
                    let (tls, reverse) = (tls.clone(), reverse.clone());
                    connections.spawn(async move {
                        enter(&parts, stream, peer, (tls.as_deref(), reverse), working).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// One connection that comes in.
async fn enter(
    parts: &Arc<Parts>,
    stream: TcpStream,
    peer: SocketAddr,
    (tls, reverse): (Option<&tls::Server>, Option<Arc<Reverse>>),
    working: Working,
) {
    let (Ok(()), Ok(local)) = (stream.set_nodelay(true), stream.local_addr()) else {
        return;
    };
    if let Err(error) = notices_silence(&stream) {
        tracing::debug!(%error, "a client that vanishes will not be noticed before its time is over");
    }
    let socket = Socket::from(stream);
    let presence = socket.presence();
    let stream = tokio::select! {
        stream = tls::accept(tls, socket) => stream,
        () = stopping(parts.draining.clone()) => return,
    };
    let Some(stream) = stream else {
        return parts.metrics.tls_failed(TlsFailure::OwnPort);
    };
    let is_proxy = reverse.as_ref().is_none_or(|reverse| reverse.shared);
    let outer = Connection {
        peer,
        local,
        tunnel: None,
        reverse,
        working,
        stream: Slot::default(),
        presence,
    };
    match is_proxy {
        true => connection(parts, outer, stream).await,
        false => requests(parts, Arc::new(outer), stream).await,
    }
}

pub(super) fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_header_size(LARGEST_HEAD)
        .max_buf_size(READ_AHEAD)
        .half_close(false);
    builder
}

/// One connection of an agent to its proxy: its requests, and the tunnel it may become, which outlives what opened it.
async fn connection(parts: &Arc<Parts>, outer: Connection, stream: Stream) {
    let outer = Arc::new(outer);
    let Some(opened) = Box::pin(before_a_tunnel(parts, &outer, stream)).await else {
        return Box::pin(outer.stream.run(parts)).await;
    };
    let inner = Connection {
        peer: outer.peer,
        local: outer.local,
        tunnel: None,
        reverse: None,
        working: outer.working.clone(),
        stream: Slot::default(),
        presence: outer.presence.clone(),
    };
    connect::run(parts, inner, opened).await;
}

/// The requests to the proxy itself, up to the one that opens a tunnel.
async fn before_a_tunnel(parts: &Arc<Parts>, outer: &Arc<Connection>, mut stream: Stream) -> Option<connect::Opened> {
    if let Stream::Clear(socket) = &mut stream
        && !greeting::is_clear(parts, outer, socket).await
    {
        return None;
    }
    let opened = Arc::new(Mutex::new(None));
    let service =
        service_fn(|request: Request<Incoming>| answer(parts.clone(), outer.clone(), opened.clone(), request));
    let mut served = pin!(http1().serve_connection(TokioIo::new(stream), service).with_upgrades());
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stopping(parts.draining.clone()) => {
            served.as_mut().graceful_shutdown();
            served.as_mut().await
        }
    };
    note(parts, outer, ended).await;
    opened.lock().ok().and_then(|mut opened| opened.take())
}

async fn answer(
    parts: Arc<Parts>,
    outer: Arc<Connection>,
    slot: Arc<Mutex<Option<connect::Opened>>>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    if request.method() != Method::CONNECT {
        return reverse::serve(&parts, &outer, request).await;
    }
    match Box::pin(connect::open(&parts, &outer, request)).await {
        Ok((response, opened)) => {
            if let Ok(mut slot) = slot.lock() {
                *slot = Some(opened);
            }
            Ok(response)
        }
        Err(refused) => Ok(refused),
    }
}

/// The requests inside a tunnel whose TLS we ended, in the protocol that ALPN agreed on.
///
/// The stream is boxed, as is what only some connections become: each connection has the memory for it all its life.
pub(super) async fn inside<S>(parts: &Arc<Parts>, mut connection: Connection, stream: Box<TlsStream<S>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        true => {
            // It is read all the while, so its end is seen there.
            connection.presence = Presence::default();
            Box::pin(http2::requests(parts, Arc::new(connection), stream)).await;
        }
        false => requests(parts, Arc::new(connection), stream).await,
    }
}

/// The requests of a connection, one after the other: inside a tunnel, or of a listener that is no proxy.
async fn requests<S>(parts: &Arc<Parts>, connection: Arc<Connection>, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request: Request<Incoming>| {
        let (parts, connection) = (parts.clone(), connection.clone());
        async move { reverse::serve(&parts, &connection, request).await }
    });
    let mut served = pin!(http1().serve_connection(TokioIo::new(stream), service).with_upgrades());
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stopping(parts.draining.clone()) => {
            served.as_mut().graceful_shutdown();
            served.as_mut().await
        }
    };
    note(parts, &connection, ended).await;
    Box::pin(connection.stream.run(parts)).await;
}

/// What hyper itself refused was answered with its bare 4xx; the trail gets one entry for the connection.
async fn note(parts: &Parts, connection: &Connection, ended: hyper::Result<()>) {
    let Err(error) = ended else { return };
    let detail = match http2::breach(&error) {
        Some(breach) => format!("not HTTP/2 as it may be: {breach}"),
        None if error.is_parse() => format!("not an HTTP/1.1 request: {error}"),
        None => return,
    };
    connect::refused(parts, connection, &Refusal::new(Reason::Malformed, detail)).await;
}

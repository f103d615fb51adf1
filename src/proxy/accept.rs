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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;

use super::follow::Body;
use super::stream::Slot;
use super::{Connection, Parts, Proxy, connect, greeting, handle};
use crate::io::drain::{Working, stopping};
use crate::model::{Reason, Refusal};

/// For a request's head to arrive, and for the next on a connection that is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(75);
/// Bytes of a head: request line and fields. (hyper takes at most 100 fields.)
const LARGEST_HEAD: usize = 32 << 10;
/// Bytes read ahead of a connection.
const READ_AHEAD: usize = 64 << 10;
/// For calls under way when we are to stop.
const DRAINED_WITHIN: Duration = Duration::from_secs(10);
/// After an accept that failed (no file descriptors left): what is open may close meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

impl Proxy {
    /// Serves until `shutdown`, then ends: held calls are answered, calls under way get a while, the rest is cut off.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let Self { parts, drain } = self;
        let mut shutdown = pin!(shutdown);
        let slots = Arc::new(Semaphore::new(parts.connections));
        let mut connections = JoinSet::new();
        loop {
            // Beyond the limit nothing is accepted: clients wait in the system's queue.
            let accepted = async {
                let slot = slots.clone().acquire_owned().await;
                (listener.accept().await, slot)
            };
            let (accepted, slot) = tokio::select! {
                () = &mut shutdown => break,
                accepted = accepted => accepted,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((stream, peer)) => {
                    let (parts, working) = (parts.clone(), drain.working());
                    connections.spawn(async move {
                        connection(&parts, stream, peer, working).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(PAUSE).await;
                }
            }
        }
        drop(listener);
        drain.begin();
        let all_ended = async { while connections.join_next().await.is_some() {} };
        if timeout(DRAINED_WITHIN, all_ended).await.is_err() {
            // Their records close themselves as they are dropped.
            tracing::warn!(connections = connections.len(), "connections are cut off");
            connections.shutdown().await;
        }
        if !drain.finish(DRAINED_WITHIN).await {
            tracing::warn!("approved calls are still under way: their outcome will be unknown");
        }
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

/// One connection of an agent: its requests, and the tunnel it may become.
async fn connection(parts: &Arc<Parts>, mut stream: TcpStream, peer: SocketAddr, working: Working) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let outer = Arc::new(Connection {
        peer,
        tunnel: None,
        working,
        stream: Slot::default(),
    });
    if !greeting::is_clear(parts, &outer, &mut stream).await {
        return;
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
    note(parts, &outer, ended).await;
    let opened = opened.lock().ok().and_then(|mut opened| opened.take());
    if let Some(opened) = opened {
        let outer = Connection {
            peer,
            tunnel: None,
            working: outer.working.clone(),
            stream: Slot::default(),
        };
        connect::run(parts, outer, opened).await;
    } else {
        outer.stream.run(parts).await;
    }
}

async fn answer(
    parts: Arc<Parts>,
    outer: Arc<Connection>,
    slot: Arc<Mutex<Option<connect::Opened>>>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    if request.method() != Method::CONNECT {
        return handle::serve(&parts, &outer, request).await;
    }
    match connect::open(&parts, &outer, request).await {
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
pub(super) async fn requests<S>(parts: &Arc<Parts>, connection: Arc<Connection>, stream: TlsStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        return http2::requests(parts, connection, stream).await;
    }
    let service = service_fn(|request: Request<Incoming>| {
        let (parts, connection) = (parts.clone(), connection.clone());
        async move { handle::serve(&parts, &connection, request).await }
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
    connection.stream.run(parts).await;
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

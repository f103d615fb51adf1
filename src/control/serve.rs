//! The control listener's connections.

mod guest;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, HeaderName};
use http::{HeaderValue, Request, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use self::guest::{Guest, Line, heard};
use super::problem::Problem;
use crate::io::stream::gives_up;
use crate::io::{proof, tls};

/// Connections at a time. Whoever can reach the port could otherwise use up our file descriptors, and with them the proxy's.
const CONNECTIONS: usize = 64;
/// Connections that may be kept between two questions. With 16 questions that wait for a decision (`proxy::guard`), half of
/// all places stay free: for the people who decide, and for short questions.
const KEPT: usize = CONNECTIONS / 4;
/// For how long a connection is kept.
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
/// Where agents ask before they act (`proxy::guard`).
const QUESTIONS: &str = "/api/v1/guard";
/// A request is read and answered within this, else its connection is given to others.
const ANSWER: Duration = Duration::from_secs(30);
/// What is under way when we stop may take this long.
const DRAIN: Duration = Duration::from_secs(5);
/// After a failed accept (no file descriptors), a moment for others to end.
const PAUSE: Duration = Duration::from_millis(100);

/// What one peer may keep of a port.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections of one address at a time; more are closed unheard.
    pub connections: usize,
    /// A connection that sends no whole head within this is closed.
    pub head: Duration,
    /// One that takes nothing of its answer for so long is closed.
    ///
    /// SECURITY: who asks and does not read the answer could hold all places for ever. Test: `who_does_not_read_leaves`.
    pub unread: Duration,
}

impl Bounds {
    /// Consoles and Guard's callers, all of whom may be on one machine and wait for a decision. So none of them is turned away for being
    /// many; when all places are taken, who has asked nothing yet makes room (`guest`).
    pub const CONTROL: Bounds = Bounds {
        connections: usize::MAX,
        head: Duration::from_secs(10),
        // Not sooner: a laptop that slept and a phone without a network have their events again after that.
        unread: Duration::from_secs(60),
    };
    /// Probes: short calls, of many machines.
    ///
    /// SECURITY: whoever reaches the port holds all places by saying nothing, and the sidecar would be taken for dead (test
    /// `one_silent_peer_leaves_places_to_others`).
    pub const PROBES: Bounds = Bounds {
        connections: 8,
        head: Duration::from_secs(2),
        unread: Duration::from_secs(10),
    };
}

/// Serves `router` until `stop`, then lets what is under way end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<tls::Server>>,
    router: Router,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (peers, line) = (Arc::new(Peers::default()), Arc::new(Line::default()));
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener) => accepted,
        };
        let Some((stream, peer)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        let Some(seat) = Seat::of(&peers, peer.ip(), bounds.connections) else {
            tracing::debug!(%peer, "one connection more than a peer may have");
            continue;
        };
        let place = tokio::select! {
            () = &mut stop => break,
            place = guest::place(&places, &line) => place,
        };
        if let Err(error) = gives_up(&stream, bounds.unread) {
            tracing::debug!(%error, %peer, "a peer that does not read will not be noticed");
        }
        let guest = Guest::new(&line);
        let (router, tls, graceful, places) = (router.clone(), tls.clone(), graceful.watcher(), places.clone());
        tokio::spawn(async move {
            let asks = guest.clone();
            let served = async move {
                let Some(stream) = tls::accept(tls.as_deref(), stream.into()).await else {
                    return;
                };
                let service = service_fn(move |request| {
                    let request = heard(request, &asks);
                    answer(
                        router.clone(),
                        (places.clone(), asks.clone()),
                        (peer, bounds.head),
                        request,
                    )
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(bounds.head)
                    .max_buf_size(64 * 1024)
                    .serve_connection(TokioIo::new(stream), service);
                if let Err(error) = graceful.watch(connection).await {
                    tracing::debug!(%error, %peer, "a control connection ended badly");
                }
            };
            tokio::select! {
                biased;
                () = served => {}
                () = guest.makes_room() => tracing::debug!(%peer, "a control connection that asked nothing makes room"),
            }
            drop((place, seat));
        });
    }
    drop(listener);
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("control connections were still busy when we stopped");
    }
}

/// `None` if the system gives none now.
async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            tracing::warn!(%error, "a control connection could not be accepted");
            None
        }
    }
}

/// Connections by the addresses they come from.
type Peers = Mutex<HashMap<IpAddr, usize>>;

/// One of the connections that an address may have.
struct Seat {
    peers: Arc<Peers>,
    address: IpAddr,
}

impl Seat {
    fn of(peers: &Arc<Peers>, address: IpAddr, most: usize) -> Option<Seat> {
        let address = machine(address);
        let mut taken = peers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Seat {
            peers: peers.clone(),
            address,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = taken.entry(self.address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// IPv6 gives each machine a network (/64) to take its addresses from.
fn machine(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

async fn answer(
    router: Router,
    (places, guest): (Arc<Semaphore>, Arc<Guest>),
    (peer, head): (SocketAddr, Duration),
    mut request: Request<Body>,
) -> Result<Response, Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer));
    // The key goes where the proof came from, so who was shown one goes on.
    let proves = request.uri().path() == proof::PATH;
    let asks = request.uri().path() == QUESTIONS;
    let mut answer = match timeout(ANSWER, router.oneshot(request)).await {
        Ok(Ok(answered)) => answered,
        Err(_) => Problem::new(StatusCode::REQUEST_TIMEOUT, "the request took too long").into_response(),
    };
    // Otherwise one answer for each connection. An agent that asks before each of its actions would spend a third of the
    // time on connecting.
    let left = places.available_permits() >= CONNECTIONS - KEPT;
    match proves || asks && answer.status() == StatusCode::OK && left {
        // Well before it is closed: a question that meets the end of its connection is lost, and most clients do not send it
        // again.
        true => {
            if proves {
                guest.waits();
            }
            let seconds = format!("timeout={}", head.as_secs() / 2);
            // Always a field value; without it the client would only be told less.
            let told = HeaderValue::from_str(&seconds).ok();
            answer.headers_mut().extend(told.map(|told| (KEEP_ALIVE, told)));
        }
        false => drop(
            answer
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close")),
        ),
    }
    Ok(answer)
}

#[cfg(test)]
mod tests;

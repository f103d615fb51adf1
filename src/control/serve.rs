//! The control listener's connections.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, HeaderName};
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::problem::Problem;
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
}

impl Bounds {
    /// Consoles and Guard's callers, all of whom may be on one machine and wait for a decision.
    pub const CONTROL: Bounds = Bounds {
        connections: CONNECTIONS,
        head: Duration::from_secs(10),
    };
    /// Probes: short calls, of many machines.
    ///
    /// SECURITY: whoever reaches the port holds all places by saying nothing, and the sidecar would be taken for dead (test
    /// `one_silent_peer_leaves_places_to_others`).
    pub const PROBES: Bounds = Bounds {
        connections: 8,
        head: Duration::from_secs(2),
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
    let peers = Arc::new(Peers::default());
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        let Some(seat) = Seat::of(&peers, peer.ip(), bounds.connections) else {
            tracing::debug!(%peer, "one connection more than a peer may have");
            continue;
        };
        let (router, tls, graceful, places) = (router.clone(), tls.clone(), graceful.watcher(), places.clone());
        tokio::spawn(async move {
            let Some(stream) = tls::accept(tls.as_deref(), stream).await else {
                return;
            };
            let all = places.clone();
            let service = service_fn(move |request| answer(router.clone(), all.clone(), (peer, bounds.head), request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(bounds.head)
                .max_buf_size(64 * 1024)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = graceful.watch(connection).await {
                tracing::debug!(%error, %peer, "a control connection ended badly");
            }
            drop((place, seat));
        });
    }
    drop(listener);
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("control connections were still busy when we stopped");
    }
}

/// A place, then a connection for it; `None` if the system gives none now.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
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
    places: Arc<Semaphore>,
    (peer, head): (SocketAddr, Duration),
    mut request: Request<Incoming>,
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
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpSocket;

    use super::*;

    async fn serving(bounds: Bounds) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/live", axum::routing::get(|| async { "alive" }))
            .route(
                QUESTIONS,
                axum::routing::get(|| async { "asked" }).post(|| async { StatusCode::FORBIDDEN }),
            );
        tokio::spawn(serve(listener, None, router, bounds, std::future::pending()));
        address
    }

    async fn from(peer: &str, to: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{peer}:0").parse().unwrap()).unwrap();
        socket.connect(to).await.unwrap()
    }

    /// What is said until the end, if it comes in a minute.
    async fn said(stream: &mut TcpStream) -> String {
        let mut said = Vec::new();
        // A connection that is reset has said all it will.
        let _ = timeout(Duration::from_secs(60), stream.read_to_end(&mut said))
            .await
            .expect("it ends");
        String::from_utf8(said).unwrap()
    }

    #[tokio::test]
    async fn one_silent_peer_leaves_places_to_others() {
        let hour = Duration::from_secs(3600);
        let address = serving(Bounds {
            head: hour,
            ..Bounds::PROBES
        })
        .await;
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS {
            silent.push(from("127.0.0.1", address).await);
        }
        let mut probe = from("127.0.0.2", address).await;
        probe.write_all(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(said(&mut probe).await.ends_with("alive"));
        let mut more = silent.split_off(Bounds::PROBES.connections);
        assert_eq!(said(&mut more[0]).await, "");
        // Who leaves makes room for another of its own.
        drop(silent);
        loop {
            let mut again = from("127.0.0.1", address).await;
            let asked = again.write_all(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n").await;
            if asked.is_ok() && said(&mut again).await.ends_with("alive") {
                break;
            }
        }
    }

    /// Asks once, and tells whether the connection goes on.
    async fn goes_on(stream: &mut TcpStream, method: &str, path: &str) -> bool {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        if head.contains("content-length: 5") {
            stream.read_exact(&mut [0; 5]).await.unwrap();
        }
        let goes_on = !head.contains("connection: close");
        assert_eq!(head.contains("keep-alive: timeout=5\r\n"), goes_on, "{head}");
        goes_on
    }

    #[tokio::test]
    async fn who_asks_before_each_action_keeps_the_connection_while_places_are_left_for_people() {
        let address = serving(Bounds::CONTROL).await;
        let mut agent = from("127.0.0.1", address).await;
        assert!(goes_on(&mut agent, "GET", QUESTIONS).await);
        assert!(goes_on(&mut agent, "GET", QUESTIONS).await, "a second time");
        assert!(!goes_on(&mut agent, "POST", QUESTIONS).await, "it was refused");
        let mut person = from("127.0.0.1", address).await;
        assert!(!goes_on(&mut person, "GET", "/live").await);
        drop((agent, person));
        let mut pool = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut agent = from("127.0.0.1", address).await;
            if goes_on(&mut agent, "GET", QUESTIONS).await {
                pool.push(agent);
            }
        }
        // The two before may not have left yet.
        assert!((KEPT - 3..=KEPT).contains(&pool.len()), "{} are kept", pool.len());
    }

    #[tokio::test]
    async fn who_says_nothing_is_closed() {
        let soon = Duration::from_millis(50);
        let address = serving(Bounds {
            head: soon,
            ..Bounds::PROBES
        })
        .await;
        assert_eq!(said(&mut from("127.0.0.1", address).await).await, "");
        assert!(Bounds::PROBES.head <= Duration::from_secs(2));
    }

    #[test]
    fn a_network_of_addresses_is_one_peer() {
        let machine = |text: &str| super::machine(text.parse().unwrap());
        assert_eq!(machine("2001:db8:0:1::1"), machine("2001:db8:0:1:ffff::2"));
        assert_ne!(machine("2001:db8:0:1::1"), machine("2001:db8:0:2::1"));
        assert_eq!(machine("::ffff:10.0.0.1"), machine("10.0.0.1"));
        assert_ne!(machine("10.0.0.1"), machine("10.0.0.2"));
    }
}

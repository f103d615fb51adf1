//! The control listener's connections.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse, Response};
use http::header::CONNECTION;
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
/// A connection that sends no whole head within this is closed.
const HEAD: Duration = Duration::from_secs(10);
/// A request is read and answered within this, else its connection is given to others.
const ANSWER: Duration = Duration::from_secs(30);
/// What is under way when we stop may take this long.
const DRAIN: Duration = Duration::from_secs(5);
/// After a failed accept (no file descriptors), a moment for others to end.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` until `stop`, then lets what is under way end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<tls::Server>>,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
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
        let (router, tls, graceful) = (router.clone(), tls.clone(), graceful.watcher());
        tokio::spawn(async move {
            let Some(stream) = tls::accept(tls.as_deref(), stream).await else {
                return;
            };
            let service = service_fn(move |request| answer(router.clone(), peer, request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .max_buf_size(64 * 1024)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = graceful.watch(connection).await {
                tracing::debug!(%error, %peer, "a control connection ended badly");
            }
            drop(place);
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

async fn answer(router: Router, peer: SocketAddr, mut request: Request<Incoming>) -> Result<Response, Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer));
    let proves = request.uri().path() == proof::PATH;
    let mut answer = match timeout(ANSWER, router.oneshot(request)).await {
        Ok(Ok(answered)) => answered,
        Err(_) => Problem::new(StatusCode::REQUEST_TIMEOUT, "the request took too long").into_response(),
    };
    // One answer for each connection; only who was shown a proof goes on, for the key goes where the proof came from.
    if !proves {
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(answer)
}

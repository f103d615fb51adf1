//! HTTP/2 inside a tunnel: many requests at a time on one connection, each a call of its own.

use std::error::Error as _;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use super::{HEAD_WITHIN, LARGEST_HEAD, note};
use crate::io::drain::{Working, stopping};
use crate::proxy::{Connection, Parts, handle};

/// Requests at a time on one connection.
const STREAMS: u32 = 100;
/// Bytes of content read ahead of what takes it, for one request.
const STREAM_AHEAD: u32 = 64 << 10;
/// And for all requests of a connection: so much may lie in memory for each.
const CONNECTION_AHEAD: u32 = 1 << 20;
/// Bytes of an answer that wait for the agent to read on.
const WAITING: usize = 64 << 10;
/// Requests reset by the agent before we saw them, and by us for their faults, until the connection is ended.
const RESETS: usize = 50;
/// A connection that says nothing is asked whether it is still there.
const ASKED_AFTER: Duration = Duration::from_secs(45);
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

// SECURITY: each bound is there for a flood (resets, CONTINUATION, empty DATA, headers, half-open connections); extended
// CONNECT stays off, for what it opens is not HTTP. Tests: `bypass::floods`.
fn builder(working: Working) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(Streams(working));
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(LARGEST_HEAD).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_AHEAD)
        .initial_connection_window_size(CONNECTION_AHEAD)
        .max_send_buf_size(WAITING)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .keep_alive_interval(ASKED_AFTER)
        .keep_alive_timeout(ANSWERED_WITHIN);
    builder
}

/// Runs what a connection has running for each of its streams, and is waited for until all of that has ended: an answer's
/// record closes with the answer, which may outlive its connection for a moment.
#[derive(Clone)]
struct Streams(Working);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let working = self.0.clone();
        tokio::spawn(async move {
            stream.await;
            drop(working);
        });
    }
}

/// Held by each request of a connection; counts those that came.
type Requests = Arc<AtomicUsize>;

pub(super) async fn requests<S>(parts: &Arc<Parts>, connection: Arc<Connection>, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let came = Requests::default();
    let service = service_fn(|request: Request<Incoming>| {
        let (parts, connection, came) = (parts.clone(), connection.clone(), came.clone());
        came.fetch_add(1, Ordering::Relaxed);
        async move {
            let answer = handle::serve(&parts, &connection, request).await;
            drop(came);
            answer
        }
    });
    let mut served = pin!(builder(connection.working.clone()).serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stopping(parts.draining.clone()) => {
            served.as_mut().graceful_shutdown();
            served.as_mut().await
        }
        // SECURITY: who opens connections and asks nothing would keep everybody else out (test
        // `a_connection_is_idle_when_nothing_came_and_nothing_is_answered`).
        () = idle(&came) => match came.load(Ordering::Relaxed) {
            0 => return,
            _ => {
                served.as_mut().graceful_shutdown();
                served.as_mut().await
            }
        },
    };
    note(parts, &connection, ended).await;
}

/// Ends when no request came for a while and none is being answered.
async fn idle(came: &Requests) {
    let mut before = 0;
    loop {
        sleep(HEAD_WITHIN).await;
        let now = came.load(Ordering::Relaxed);
        if now == before && Arc::strong_count(came) == 1 {
            return;
        }
        before = now;
    }
}

/// What an agent did that ended its connection: more than HTTP/2, or our bounds, allow.
pub(super) fn breach(error: &hyper::Error) -> Option<&h2::Error> {
    let cause = error.source()?.downcast_ref::<h2::Error>()?;
    (cause.is_go_away() && cause.is_library()).then_some(cause)
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_when_nothing_came_and_nothing_is_answered() {
        let (came, start) = (Requests::default(), Instant::now());
        idle(&came).await;
        assert_eq!(start.elapsed().as_secs(), HEAD_WITHIN.as_secs());

        let under_way = came.clone();
        came.fetch_add(1, Ordering::Relaxed);
        assert!(
            timeout(20 * HEAD_WITHIN, idle(&came)).await.is_err(),
            "a call that takes its time"
        );
        drop(under_way);
        let begun = idle(&came);
        let busy = async {
            for _ in 0..10 {
                sleep(HEAD_WITHIN / 2).await;
                came.fetch_add(1, Ordering::Relaxed);
            }
        };
        let start = Instant::now();
        tokio::join!(begun, busy);
        assert!(start.elapsed() > 5 * HEAD_WITHIN, "calls that come and go");
    }
}

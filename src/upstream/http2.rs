//! What HTTP/2 towards providers takes, and what its errors tell.

use std::error::Error as _;
use std::time::Duration;

use hyper_util::client::legacy::Builder;
use hyper_util::rt::TokioTimer;

/// Bytes that a provider may send ahead on one stream.
const STREAM_AHEAD: u32 = 1 << 20;
/// And on one connection, which all agents share: one that does not read its answer must not stop the others.
const CONNECTION_AHEAD: u32 = 16 << 20;
/// Bytes of a request that wait for the provider.
const WAITING: usize = 256 << 10;
/// Bytes of an answer's head.
const LARGEST_HEAD: u32 = 64 << 10;
/// While calls are under way on a connection that says nothing, it is asked whether it is still there.
const ASKED_AFTER: Duration = Duration::from_secs(30);
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

pub(super) fn bound(builder: &mut Builder) -> &mut Builder {
    builder
        .timer(TokioTimer::new())
        .http2_initial_stream_window_size(STREAM_AHEAD)
        .http2_initial_connection_window_size(CONNECTION_AHEAD)
        .http2_max_send_buf_size(WAITING)
        .http2_max_header_list_size(LARGEST_HEAD)
        .http2_keep_alive_interval(ASKED_AFTER)
        .http2_keep_alive_timeout(ANSWERED_WITHIN)
}

/// Whether the provider says that it did not begin with the request (RFC 9113, 8.7). It was written all the same, and is
/// not sent again.
pub(super) fn is_refused(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| {
        cause.is_remote() && cause.is_reset() && cause.reason() == Some(h2::Reason::REFUSED_STREAM)
    })
}

//! The content of a request that is still to come, or part of it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::EXPECT;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// What of an unwanted content is still read, so that its sender gets to read our answer instead of a reset.
const DISCARDED: usize = 8 << 20;
const DISCARDED_WITHIN: Duration = Duration::from_secs(2);

/// Content on its way from an agent. Let go of before its end, it is read on for a bounded while beside the answer: a
/// client that still sends would see a reset, not the answer.
#[derive(Debug)]
pub struct Unread {
    /// Taken when it is let go of.
    incoming: Option<Incoming>,
    /// Its sender waits for our word (`Expect: 100-continue`), which the first read gives: until then there is nothing to
    /// read, and the word is not given for nothing.
    waits: bool,
    arrived: Arrived,
}

/// How far a content has come, for whoever has handed it on.
#[derive(Clone, Debug)]
pub struct Arrived(Arc<AtomicBool>);

impl Arrived {
    /// All of it was read.
    pub fn is_whole(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Unread {
    /// `headers`: of the request that it belongs to.
    pub fn new(incoming: Incoming, headers: &HeaderMap) -> Self {
        Self {
            arrived: Arrived(Arc::new(AtomicBool::new(incoming.is_end_stream()))),
            waits: headers.contains_key(EXPECT),
            incoming: Some(incoming),
        }
    }

    pub fn arrived(&self) -> Arrived {
        self.arrived.clone()
    }

    /// Reads on in what nobody wants, for a bounded while.
    pub async fn discard(&mut self) {
        if !self.waits {
            discard(self).await;
        }
    }
}

impl Body for Unread {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        this.waits = false;
        let Some(incoming) = &mut this.incoming else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(&mut *incoming).poll_frame(context));
        if frame.is_none() || incoming.is_end_stream() {
            this.arrived.0.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.incoming.as_ref().map(Body::size_hint);
        hint.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        if self.waits || self.arrived.is_whole() {
            return;
        }
        if let (Some(incoming), Ok(runtime)) = (self.incoming.take(), Handle::try_current()) {
            // What still comes after that closes the connection.
            drop(runtime.spawn(discard(incoming)));
        }
    }
}

async fn discard(mut body: impl Body<Data = Bytes> + Unpin) {
    let read = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > DISCARDED {
                break;
            }
        }
    };
    // Whether all of it came makes no difference to the answer.
    timeout(DISCARDED_WITHIN, read).await.unwrap_or_default();
}

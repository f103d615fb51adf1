//! Request content: read whole within limits when it has to be judged, else streamed through.

mod memory;
mod open;
mod unread;

use std::num::NonZero;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::available_parallelism;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

pub use self::unread::Unread;

use self::memory::{Memory, Reserved};
use super::coding;
use crate::model::{Body as Content, Call, Reason, Refusal};

/// How long an agent may leave us waiting for the next piece of a body that is being read whole.
const STALLED_AFTER: Duration = Duration::from_secs(60);
/// What is reserved at a time for a body that does not say its length.
const STEP: usize = 64 << 10;
/// In all, however steadily it drips.
const WHOLE_WITHIN: Duration = Duration::from_secs(300);

/// Why a body was not read whole. Nothing of it may go upstream.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    #[error("the content is larger than {0} bytes, the most that is read to be judged")]
    TooLarge(usize),
    #[error("the contents of all calls that are being judged fill the memory set aside for them")]
    NoMemory,
    #[error("the contents of this agent's other calls fill its share of the memory set aside for them")]
    NoShare,
    /// Bad chunk framing, or fewer bytes than declared.
    #[error("the content is not framed as its head says")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the content did not arrive: nothing came for {0:?}")]
    Stalled(Duration),
}

impl From<CaptureError> for Refusal {
    fn from(error: CaptureError) -> Self {
        let reason = match error {
            CaptureError::TooLarge(_) => Reason::TooLarge,
            CaptureError::NoMemory | CaptureError::NoShare => Reason::Overloaded,
            CaptureError::Broken(_) | CaptureError::Stalled(_) => Reason::Malformed,
        };
        Refusal::new(reason, error.to_string())
    }
}

/// Bounds of what one body may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes on the wire.
    pub body: usize,
    /// Without its coding.
    pub codings: coding::Limits,
}

/// Reads bodies whole, each within a limit and all together within another.
#[derive(Clone, Debug)]
pub struct Capture {
    limit: usize,
    stalled_after: Duration,
    memory: Arc<Memory>,
    codings: coding::Limits,
    /// One permit is one larger content that is being decoded. It bounds what the decoders' windows come to.
    decoding: Arc<Semaphore>,
}

/// Captured bytes with the memory they were promised: given back when the last holder lets go of them.
struct Held {
    bytes: Bytes,
    _memory: Reserved,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Capture {
    /// `limits` for one body, `total` bytes for all that are held at a time; one agent may hold half of that.
    pub fn new(limits: Limits, total: usize) -> Self {
        Self {
            limit: limits.body,
            stalled_after: STALLED_AFTER,
            memory: Arc::new(Memory::new(total, limits.body)),
            codings: limits.codings,
            decoding: Arc::new(Semaphore::new(available_parallelism().map_or(1, NonZero::get))),
        }
    }

    /// All of `body`, exactly as it will go upstream, in the share of `agent`. Trailers are dropped.
    ///
    /// # Errors
    /// A body beyond a limit or with broken framing; what was read of it is gone.
    pub async fn read<B>(&self, agent: &Arc<str>, mut body: B) -> Result<Bytes, CaptureError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if declared > self.limit {
            return Err(CaptureError::TooLarge(self.limit));
        }
        // SECURITY: memory is set aside for what came, not for what was announced: else a few connections that announce
        // much and send nothing stop everybody. Test: `what_is_announced_takes_no_memory`.
        let mut memory = self.memory.reserve(agent, declared.min(STEP))?;
        let mut read = Read::default();
        let ends = Instant::now() + WHOLE_WITHIN;
        loop {
            let within = self.stalled_after.min(ends.saturating_duration_since(Instant::now()));
            let frame = timeout(within, body.frame()).await;
            let Some(frame) = frame.map_err(|_| CaptureError::Stalled(self.stalled_after))? else {
                break;
            };
            let frame = frame.map_err(|error| CaptureError::Broken(error.into()))?;
            let Ok(data) = frame.into_data() else { continue };
            let length = read.len() + data.len();
            if length > self.limit {
                return Err(CaptureError::TooLarge(self.limit));
            }
            let reserved = memory.bytes();
            if length > reserved {
                let step = STEP.min(self.limit - reserved).max(length - reserved);
                memory.add(self.memory.reserve(agent, step)?);
            }
            read.push(data);
        }
        let bytes = read.finish();
        match bytes.is_empty() {
            true => Ok(bytes),
            false => Ok(Bytes::from_owner(Held { bytes, _memory: memory })),
        }
    }

    /// Reads the content of a call whole, if it is still unread, and undoes its coding. Whether that could be done is
    /// told by the content itself: not every rule needs to know what it says. True if it was unread: that may have taken
    /// minutes.
    ///
    /// # Errors
    /// As [`Capture::read`]; the call must not go on then.
    pub async fn fill(&self, call: &mut Call, unread: &mut Option<Unread>) -> Result<bool, Refusal> {
        if let Content::Streaming { .. } = call.body
            && let Some(body) = unread.take()
        {
            let wire = self.read(&call.caller.agent, body).await?;
            call.body = self.open(&call.caller.agent, &call.headers, wire).await;
            return Ok(true);
        }
        Ok(false)
    }
}

/// What has come so far. A body in one piece (most are) is not copied.
#[derive(Default)]
struct Read {
    only: Bytes,
    joined: BytesMut,
}

impl Read {
    fn len(&self) -> usize {
        self.only.len() + self.joined.len()
    }

    fn push(&mut self, data: Bytes) {
        if self.len() == 0 {
            self.only = data;
            return;
        }
        if self.joined.is_empty() {
            self.joined.reserve(self.only.len() + data.len());
            self.joined.extend_from_slice(&std::mem::take(&mut self.only));
        }
        self.joined.extend_from_slice(&data);
    }

    fn finish(self) -> Bytes {
        match self.joined.is_empty() {
            true => self.only,
            false => self.joined.freeze(),
        }
    }
}

/// The content of a request on its way upstream.
#[derive(Debug)]
pub enum Outgoing {
    /// Read whole and judged; `None` once taken, or where there is none.
    Whole(Option<Bytes>),
    /// The agent's own stream, read as fast as the provider takes it.
    Stream(Unread),
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Outgoing::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Outgoing::Stream(stream) => match std::task::ready!(Pin::new(stream).poll_frame(context)) {
                // SECURITY: trailers come after the decision and were not judged: they end here (a late `Authorization`
                // or method override would be merged by some servers). Test: `trailers_are_not_sent_on`.
                Some(Ok(frame)) if frame.is_trailers() => Poll::Ready(None),
                other => Poll::Ready(other),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Outgoing::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Outgoing::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Outgoing::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Outgoing::Stream(stream) => stream.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests;

//! The provider's answer on its way to the agent, with the call's record: closed when the answer ends.

mod grpc;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use http::{Method, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use self::grpc::Told;
use super::record::{Ending, Record};
use super::respond;
use crate::io::coding::{Coding, Limits};
use crate::io::drain::Working;
use crate::mapping::{self, Reading};
use crate::model::{Answer, ErrorShape, Outcome};
use crate::upstream::Stream;

/// What of an answer is looked at, beside the stream: as it comes, and without its coding.
const LOOKED_AT: usize = 64 << 10;
/// How long the end of an approved call's answer is waited for when the agent has left.
const LEARNT_WITHIN: Duration = Duration::from_secs(60);

/// The content of an answer to an agent.
pub(super) enum Body {
    /// Our own words.
    Whole(Option<Bytes>),
    /// The provider's.
    Followed(Box<Followed<Incoming>>),
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Body::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Body::Followed(followed) => Pin::new(followed).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Whole(bytes) => bytes.is_none(),
            Body::Followed(followed) => followed.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Body::Followed(followed) => followed.size_hint(),
        }
    }
}

/// Passes the answer on, and closes the record at its end. `to`: what was asked. `learns`: the outcome is wanted even if
/// the agent leaves.
pub(super) fn follow(
    response: Response<Incoming>,
    to: &Method,
    answer: Arc<Answer>,
    record: Record,
    learns: Option<Working>,
) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    // HTTP/2 may tell the end of what has no content after the head: nobody would read on to there.
    let bare = *to == Method::HEAD || matches!(head.status.as_u16(), 204 | 304);
    let body = (!bare).then_some(body);
    let stream = head.extensions.remove();
    let mut followed = Followed::new(body, head.status.as_u16(), &head.headers, answer, record, learns);
    followed._stream = stream;
    respond::clean(&mut head, http_body::Body::size_hint(&followed).exact());
    Response::from_parts(head, Body::Followed(Box::new(followed)))
}

/// A stream that closes a record when it ends.
pub(super) struct Followed<B: http_body::Body<Data = Bytes> + Unpin + Send + 'static> {
    /// None where there is no content; taken when the agent has left and the rest is read without it.
    body: Option<B>,
    reader: Option<Reader>,
    learns: Option<Working>,
    /// Why the content broke off, until the agent is told.
    broken: Option<B::Error>,
    _stream: Option<Stream>,
}

/// What is known of the answer so far.
struct Reader {
    record: Record,
    answer: Arc<Answer>,
    status: u16,
    /// The beginning of the content, if it is wanted and not too long.
    content: Option<Vec<u8>>,
    coding: Option<Coding>,
    /// Of a call by gRPC: how it ended, once that is known.
    call_by_grpc: Option<Told>,
}

impl Reader {
    fn see_trailers(&mut self, trailers: &HeaderMap) {
        if let Some(told @ Told::NotYet) = &mut self.call_by_grpc {
            *told = Told::read(trailers);
        }
    }

    /// Whether more of the answer could tell more of how the call ended.
    fn learns_more(&self) -> bool {
        self.content.is_some() || self.call_by_grpc == Some(Told::NotYet)
    }

    fn see(&mut self, data: &[u8]) {
        match &mut self.content {
            Some(content) if content.len() + data.len() <= LOOKED_AT => content.extend_from_slice(data),
            _ => self.content = None,
        }
    }

    fn ended(self) {
        if let Some(told) = self.call_by_grpc {
            return self.record.close(Ending {
                status: Some(self.status),
                ..Ending::of(told.outcome(self.status))
            });
        }
        let content = match (self.content, self.coding) {
            (Some(content), Some(coding)) => plain(&content, coding),
            (content, _) => content,
        };
        let Reading { success, result_id } = mapping::read_answer(&self.answer, self.status, content.as_deref());
        let outcome = if success { Outcome::Success } else { Outcome::Failure };
        self.record.close(Ending {
            status: Some(self.status),
            result_id,
            ..Ending::of(outcome)
        });
    }

    /// The answer began and did not end.
    fn broke_off(self) {
        self.record.close(Ending {
            status: Some(self.status),
            ..Ending::of(Outcome::Unknown)
        });
    }
}

/// A copy of the content without its coding, if it is small.
///
/// SECURITY: the provider's answer is as hostile as any (test `a_bomb_of_an_answer_is_not_looked_at`).
fn plain(content: &[u8], coding: Coding) -> Option<Vec<u8>> {
    let limits = Limits {
        decoded: LOOKED_AT,
        ratio: LOOKED_AT,
    };
    coding.decode(content, &limits, |_| true).ok()
}

impl<B: http_body::Body<Data = Bytes> + Unpin + Send + 'static> Followed<B> {
    fn new(
        body: impl Into<Option<B>>,
        status: u16,
        headers: &HeaderMap,
        answer: Arc<Answer>,
        mut record: Record,
        learns: Option<Working>,
    ) -> Self {
        record.answered(status);
        // SECURITY: an answer that is given again is what the thing was, and not what it is (test
        // `an_answer_that_is_repeated_teaches_nothing`).
        if answer.replayed.as_ref().is_some_and(|mark| !mark.marks(headers)) {
            record.answered_anew();
        }
        let coding = Coding::of(headers);
        let wanted = mapping::wants_content(&answer) && coding.is_ok();
        let call_by_grpc = (answer.error == ErrorShape::Grpc).then(|| Told::read(headers));
        let reader = Reader {
            record,
            answer,
            status,
            content: wanted.then(Vec::new),
            coding: coding.ok().flatten(),
            call_by_grpc,
        };
        let mut followed = Self {
            body: body.into(),
            reader: Some(reader),
            learns,
            broken: None,
            _stream: None,
        };
        // hyper does not read a content that it knows to be empty.
        if followed.is_end_stream() {
            followed.ended();
        }
        followed
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn ended(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.ended();
        }
    }
}

impl<B> http_body::Body for Followed<B>
where
    B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        if let Some(error) = this.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        match ready!(Pin::new(body).poll_frame(context)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    if let Some(reader) = &mut this.reader {
                        reader.see(&data);
                    }
                    if this.is_end_stream() {
                        this.ended();
                    }
                    Poll::Ready(Some(Ok(Frame::data(data))))
                }
                // An agent that speaks HTTP/1.1 does not get them: hyper leaves out what no `Trailer` announced.
                Err(frame) => {
                    let mut trailers = frame.into_trailers().unwrap_or_default();
                    if let Some(reader) = &mut this.reader {
                        reader.see_trailers(&trailers);
                    }
                    this.ended();
                    respond::clean_trailers(&mut trailers);
                    Poll::Ready(Some(Ok(Frame::trailers(trailers))))
                }
            },
            // The agent gets the error too, so that what it has does not look whole. SECURITY: not before what it has is out:
            // hyper would drop the head with the connection, and clients send a call again that had no answer at all on a
            // connection that was kept (test `an_answer_of_http1_that_breaks_off_does_not_look_whole`).
            Some(Err(error)) => {
                if let Some(reader) = this.reader.take() {
                    reader.broke_off();
                }
                this.broken = Some(error);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                this.ended();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

impl<B: http_body::Body<Data = Bytes> + Unpin + Send + 'static> Drop for Followed<B> {
    fn drop(&mut self) {
        if self.is_end_stream() {
            self.ended();
        }
        // Else the agent left. What people approved is followed to its end all the same; other records close themselves.
        if let (Some(reader), Some(body), Some(working)) = (self.reader.take(), self.body.take(), self.learns.take()) {
            match (reader.learns_more(), tokio::runtime::Handle::try_current()) {
                (true, Ok(_)) => working.clone().apart(learn(body, reader, working)),
                // The status says it all, or there is nobody left to read more.
                (false, _) | (true, Err(_)) => reader.ended(),
            }
        }
    }
}

/// Reads the rest of an answer that the agent no longer waits for.
async fn learn<B: http_body::Body<Data = Bytes> + Unpin>(mut body: B, mut reader: Reader, working: Working) {
    let rest = async {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            if let Some(data) = frame.data_ref() {
                reader.see(data);
            }
            if let Some(trailers) = frame.trailers_ref() {
                reader.see_trailers(trailers);
            }
            if !reader.learns_more() {
                break;
            }
        }
        true
    };
    match timeout(LEARNT_WITHIN, rest).await {
        Ok(true) => reader.ended(),
        Ok(false) | Err(_) => reader.broke_off(),
    }
    drop(working);
}

#[cfg(test)]
mod tests;

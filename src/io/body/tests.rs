use std::convert::Infallible;

use futures_util::stream;
use http::HeaderMap;
use http_body_util::{Full, StreamBody};

use super::*;

type Piece = Result<Frame<Bytes>, std::io::Error>;

fn pieces(pieces: Vec<Piece>) -> impl Body<Data = Bytes, Error = std::io::Error> + Unpin {
    StreamBody::new(stream::iter(pieces))
}

fn data(text: &'static str) -> Piece {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

#[tokio::test]
async fn all_pieces_are_read_in_order_and_trailers_dropped() {
    let trailers = Ok(Frame::trailers(HeaderMap::new()));
    let read = Capture::new(100, 100)
        .read(pieces(vec![data("amount"), data("=50"), data("000"), trailers]))
        .await;
    assert_eq!(read.unwrap(), "amount=50000");
}

#[tokio::test]
async fn one_byte_beyond_the_limit_is_refused_declared_or_not() {
    let capture = Capture::new(4, 100);
    let undeclared = capture.read(pieces(vec![data("123"), data("45")])).await.unwrap_err();
    assert_eq!(Refusal::from(undeclared).reason, Reason::TooLarge);
    let declared = capture.read(Full::from("12345")).await.unwrap_err();
    assert_eq!(Refusal::from(declared).reason, Reason::TooLarge);
    assert_eq!(capture.read(Full::from("1234")).await.unwrap(), "1234");
}

#[tokio::test]
async fn broken_framing_is_malformed() {
    let broken = Err(std::io::Error::other("bad chunk"));
    let error = Capture::new(100, 100)
        .read(pieces(vec![data("amount=1"), broken]))
        .await
        .unwrap_err();
    assert_eq!(Refusal::from(error).reason, Reason::Malformed);
}

#[tokio::test]
async fn bodies_together_beyond_the_memory_are_refused() {
    let capture = Capture::new(80, 100);
    let body = || Full::from(Bytes::from(vec![b'x'; 60]));
    let first = capture.read(body()).await.unwrap();
    let copy = first.clone();
    let error = capture.read(body()).await.unwrap_err();
    assert_eq!(Refusal::from(error).reason, Reason::Overloaded);
    drop(first);
    assert!(capture.read(body()).await.is_err(), "a copy still holds the memory");
    drop(copy);
    assert!(capture.read(body()).await.is_ok());
}

#[tokio::test]
async fn a_body_that_never_comes_is_given_up() {
    let never = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
    let capture = Capture {
        stalled_after: Duration::from_millis(5),
        ..Capture::new(100, 100)
    };
    let error = capture.read(never).await.unwrap_err();
    assert!(matches!(error, CaptureError::Stalled(_)));
    assert_eq!(Refusal::from(error).reason, Reason::Malformed);
}

#[tokio::test]
async fn what_is_announced_takes_no_memory() {
    struct Announced;
    impl Body for Announced {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(8 << 20)
        }
    }
    let capture = Capture::new(8 << 20, 16 << 20);
    let waiting: Vec<_> = (0..32)
        .map(|_| capture.clone())
        .map(|capture| async move { capture.read(Announced).await })
        .collect();
    let mut waiting = futures_util::future::join_all(waiting);
    assert!(
        timeout(Duration::from_millis(5), &mut waiting).await.is_err(),
        "they all wait for their content"
    );
    assert_eq!(capture.read(Full::from("amount=1")).await.unwrap(), "amount=1");
}

use std::convert::Infallible;

use futures_util::stream;
use http::HeaderMap;
use http_body_util::{Full, StreamBody};

use super::super::coding::Coding;
use super::super::coding::tests::encode;
use super::open::DECODED_AT_ONCE;
use super::*;

fn bot() -> Arc<str> {
    "bot".into()
}

type Piece = Result<Frame<Bytes>, std::io::Error>;

fn pieces(pieces: Vec<Piece>) -> impl Body<Data = Bytes, Error = std::io::Error> + Unpin {
    StreamBody::new(stream::iter(pieces))
}

fn capture(limit: usize, total: usize) -> Capture {
    let limits = Limits {
        body: limit,
        codings: coding::Limits::default(),
    };
    Capture::new(limits, total)
}

fn data(text: &'static str) -> Piece {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

#[tokio::test]
async fn all_pieces_are_read_in_order_and_trailers_dropped() {
    let trailers = Ok(Frame::trailers(HeaderMap::new()));
    let read = capture(100, 100)
        .read(&bot(), pieces(vec![data("amount"), data("=50"), data("000"), trailers]))
        .await;
    assert_eq!(read.unwrap(), "amount=50000");
}

#[tokio::test]
async fn one_byte_beyond_the_limit_is_refused_declared_or_not() {
    let capture = self::capture(4, 100);
    let undeclared = capture
        .read(&bot(), pieces(vec![data("123"), data("45")]))
        .await
        .unwrap_err();
    assert_eq!(Refusal::from(undeclared).reason, Reason::TooLarge);
    let declared = capture.read(&bot(), Full::from("12345")).await.unwrap_err();
    assert_eq!(Refusal::from(declared).reason, Reason::TooLarge);
    assert_eq!(capture.read(&bot(), Full::from("1234")).await.unwrap(), "1234");
}

#[tokio::test]
async fn broken_framing_is_malformed() {
    let broken = Err(std::io::Error::other("bad chunk"));
    let error = capture(100, 100)
        .read(&bot(), pieces(vec![data("amount=1"), broken]))
        .await
        .unwrap_err();
    assert_eq!(Refusal::from(error).reason, Reason::Malformed);
}

#[tokio::test]
async fn bodies_together_beyond_the_memory_are_refused() {
    let capture = self::capture(80, 100);
    let body = || Full::from(Bytes::from(vec![b'x'; 60]));
    let first = capture.read(&"other".into(), body()).await.unwrap();
    let copy = first.clone();
    let error = capture.read(&bot(), body()).await.unwrap_err();
    assert!(matches!(error, CaptureError::NoMemory));
    assert_eq!(Refusal::from(error).reason, Reason::Overloaded);
    drop(first);
    assert!(
        capture.read(&bot(), body()).await.is_err(),
        "a copy still holds the memory"
    );
    drop(copy);
    assert!(capture.read(&bot(), body()).await.is_ok());
}

#[tokio::test]
async fn a_body_that_never_comes_is_given_up() {
    let never = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
    let capture = Capture {
        stalled_after: Duration::from_millis(5),
        ..capture(100, 100)
    };
    let error = capture.read(&bot(), never).await.unwrap_err();
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
    let capture = self::capture(8 << 20, 16 << 20);
    let waiting: Vec<_> = (0..32)
        .map(|_| capture.clone())
        .map(|capture| async move { capture.read(&bot(), Announced).await })
        .collect();
    let mut waiting = futures_util::future::join_all(waiting);
    assert!(
        timeout(Duration::from_millis(5), &mut waiting).await.is_err(),
        "they all wait for their content"
    );
    assert_eq!(capture.read(&bot(), Full::from("amount=1")).await.unwrap(), "amount=1");
}

#[tokio::test]
async fn one_agents_bodies_leave_memory_for_others() {
    let capture = self::capture(30, 100);
    let body = || Full::from(Bytes::from(vec![b'x'; 20]));
    let mut held = vec![capture.read(&bot(), body()).await.unwrap()];
    held.push(capture.read(&bot(), body()).await.unwrap());
    let error = capture.read(&bot(), body()).await.unwrap_err();
    assert!(matches!(error, CaptureError::NoShare));
    assert_eq!(Refusal::from(error).reason, Reason::Overloaded);
    assert!(capture.read(&"other".into(), body()).await.is_ok());
    held.pop();
    assert!(
        capture.read(&bot(), body()).await.is_ok(),
        "what was held is given back"
    );
    let whole = self::capture(90, 100);
    let largest = Full::from(Bytes::from(vec![b'x'; 90]));
    assert!(
        whole.read(&bot(), largest).await.is_ok(),
        "one body may always be as large as one may be"
    );
}

#[tokio::test]
async fn decoded_content_takes_of_the_same_memory_and_gives_it_back() {
    let plain: Vec<u8> = (0..40_000_u32).flat_map(|number| number.to_be_bytes()).collect();
    let wire = Bytes::from(encode(Coding::Gzip, &plain));
    assert!(wire.len() > DECODED_AT_ONCE, "it is decoded beside");
    let mut headers = HeaderMap::new();
    headers.insert("content-encoding", "gzip".parse().unwrap());
    let capture = self::capture(1 << 20, 1 << 20);
    let free = capture.memory.free();
    let Content::Coded(coded) = capture.open(&bot(), &headers, wire.clone()).await else {
        panic!("not coded");
    };
    assert_eq!((&coded.wire, coded.decoded.as_deref()), (&wire, Ok(&*plain)));
    assert!(capture.memory.free() <= free - plain.len());
    drop(coded);
    assert_eq!(capture.memory.free(), free);
    let small = self::capture(1 << 20, 100 << 10);
    let Content::Coded(coded) = small.open(&bot(), &headers, wire).await else {
        panic!("not coded");
    };
    assert_eq!(coded.decoded.unwrap_err().reason, Reason::Overloaded);
    assert_eq!(small.memory.free(), 100 << 10);
}

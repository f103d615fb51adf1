use std::sync::Mutex;

use futures_util::stream;
use http_body_util::{Empty, Full, StreamBody};

use super::*;
use crate::io::coding::tests as coded;
use crate::io::drain::Drain;
use crate::proxy::record::tests::watched;

type Piece = Result<Frame<Bytes>, std::io::Error>;
type Endings = Arc<Mutex<Vec<Ending>>>;

fn data(text: &'static str) -> Piece {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

fn answered<B>(body: B, status: u16, answer: Answer, learns: Option<Working>) -> (Followed<B>, Endings)
where
    B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
{
    let (mut record, endings) = watched();
    record.sending();
    (
        Followed::new(body, status, &HeaderMap::new(), Arc::new(answer), record, learns),
        endings,
    )
}

fn pieces(pieces: Vec<Piece>) -> impl http_body::Body<Data = Bytes, Error = std::io::Error> + Unpin + Send {
    StreamBody::new(stream::iter(pieces))
}

fn told(endings: &Endings) -> Vec<(Outcome, Option<u16>)> {
    endings
        .lock()
        .unwrap()
        .iter()
        .map(|ending| (ending.outcome, ending.status))
        .collect()
}

fn reads_content() -> Answer {
    Answer {
        success: Some("$.ok".to_owned()),
        ..Answer::default()
    }
}

#[tokio::test]
async fn the_record_closes_when_the_answer_ends_and_not_before() {
    let (mut followed, endings) = answered(pieces(vec![data("a"), data("b")]), 200, Answer::default(), None);
    followed.frame().await.unwrap().unwrap();
    followed.frame().await.unwrap().unwrap();
    assert!(told(&endings).is_empty());
    assert!(followed.frame().await.is_none());
    drop(followed);
    assert_eq!(told(&endings), [(Outcome::Success, Some(200))]);
}

#[tokio::test]
async fn a_server_that_stops_reading_at_the_last_byte_closes_it_too() {
    let (mut followed, endings) = answered(Full::<Bytes>::from("whole"), 402, Answer::default(), None);
    followed.frame().await.unwrap().unwrap();
    assert_eq!(told(&endings), [(Outcome::Failure, Some(402))]);
    let (followed, endings) = answered(Empty::<Bytes>::new(), 204, Answer::default(), None);
    assert_eq!(told(&endings), [(Outcome::Success, Some(204))]);
    drop(followed);
    assert_eq!(told(&endings).len(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_for_the_agent_and_unknown_for_the_record() {
    let broken = Err(std::io::Error::other("reset"));
    let (mut followed, endings) = answered(pieces(vec![data("a"), broken]), 200, Answer::default(), None);
    followed.frame().await.unwrap().unwrap();
    assert!(followed.frame().await.unwrap().is_err());
    drop(followed);
    assert_eq!(told(&endings), [(Outcome::Unknown, Some(200))]);
}

#[tokio::test]
async fn an_agent_that_leaves_abandons_its_call() {
    let (mut followed, endings) = answered(pieces(vec![data("a"), data("b")]), 200, Answer::default(), None);
    followed.frame().await.unwrap().unwrap();
    drop(followed);
    assert_eq!(told(&endings), [(Outcome::Abandoned, Some(200))]);
}

#[tokio::test]
async fn the_outcome_of_an_approved_call_is_learnt_without_the_agent() {
    for answer in [Answer::default(), reads_content()] {
        let drain = Drain::default();
        let body = pieces(vec![data("{\"ok\""), data(":true}")]);
        let (mut followed, endings) = answered(body, 200, answer, Some(drain.working()));
        followed.frame().await.unwrap().unwrap();
        drop(followed);
        assert!(
            drain.finish(tokio::time::sleep(Duration::from_secs(5))).await,
            "it is waited for"
        );
        assert_eq!(told(&endings), [(Outcome::Success, Some(200))]);
    }
    let drain = Drain::default();
    let broken = pieces(vec![data("{"), Err(std::io::Error::other("reset"))]);
    let (followed, endings) = answered(broken, 200, reads_content(), Some(drain.working()));
    drop(followed);
    assert!(drain.finish(tokio::time::sleep(Duration::from_secs(5))).await);
    assert_eq!(told(&endings), [(Outcome::Unknown, Some(200))]);
}

#[test]
fn only_the_beginning_of_an_answer_is_kept() {
    let (record, _endings) = watched();
    let mut reader = Reader {
        record,
        answer: Arc::default(),
        status: 200,
        content: Some(Vec::new()),
        coding: None,
        call_by_grpc: None,
    };
    reader.see(&vec![0; LOOKED_AT]);
    assert_eq!(reader.content.as_ref().map(Vec::len), Some(LOOKED_AT));
    reader.see(&[0]);
    assert_eq!(reader.content, None, "never the first part of what is longer");
    reader.see(&[0]);
    assert_eq!(reader.content, None);
}

/// What the record says of a 200 whose coded content has `ok: false`, or whatever stands there.
async fn outcome_of(coding: &str, content: Vec<u8>) -> Outcome {
    let (mut record, endings) = watched();
    record.sending();
    let mut headers = HeaderMap::new();
    headers.insert("content-encoding", coding.parse().unwrap());
    let body = Full::new(Bytes::from(content.clone()));
    let mut followed = Followed::new(body, 200, &headers, Arc::new(reads_content()), record, None);
    let passed = followed.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(passed, content, "untouched");
    drop(followed);
    told(&endings)[0].0
}

#[tokio::test]
async fn what_a_coded_answer_says_is_read() {
    for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstandard, Coding::Deflate] {
        let (name, encode) = (coded::name(coding), |text: &str| coded::encode(coding, text.as_bytes()));
        assert_eq!(
            outcome_of(name, encode(r#"{"ok":false}"#)).await,
            Outcome::Failure,
            "{name}"
        );
        assert_eq!(
            outcome_of(name, encode(r#"{"ok":true}"#)).await,
            Outcome::Success,
            "{name}"
        );
        let cut = &encode(r#"{"ok":false}"#)[..12];
        assert_eq!(
            outcome_of(name, cut.to_vec()).await,
            Outcome::Success,
            "{name}: the 200 is all there is"
        );
    }
    let plain = br#"{"ok":false}"#.to_vec();
    assert_eq!(outcome_of("identity", plain.clone()).await, Outcome::Failure);
    assert_eq!(outcome_of("lzma", plain).await, Outcome::Success);
}

#[tokio::test]
async fn a_bomb_of_an_answer_is_not_looked_at() {
    let large = |length: usize| format!(r#"{{"ok":false,"x":"{}"}}"#, "x".repeat(length));
    let answer = |length| coded::encode(Coding::Gzip, large(length).as_bytes());
    assert_eq!(outcome_of("gzip", answer(60 << 10)).await, Outcome::Failure);
    assert_eq!(outcome_of("gzip", answer(64 << 10)).await, Outcome::Success);
    assert_eq!(outcome_of("gzip", answer(8 << 20)).await, Outcome::Success);
}

fn by_grpc() -> Answer {
    Answer {
        error: ErrorShape::Grpc,
        ..Answer::default()
    }
}

fn trailers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    for (name, value) in lines {
        trailers.append(*name, value.parse().unwrap());
    }
    trailers
}

#[tokio::test]
async fn a_call_by_grpc_ends_as_its_trailers_say() {
    let outcome = async |pieces: Vec<Piece>| {
        let (mut followed, endings) = answered(self::pieces(pieces), 200, by_grpc(), None);
        while followed.frame().await.is_some() {}
        drop(followed);
        told(&endings)[0].0
    };
    fn said(lines: &[(&'static str, &'static str)]) -> Piece {
        Ok(Frame::trailers(trailers(lines)))
    }
    assert_eq!(
        outcome(vec![data("m"), said(&[("grpc-status", "0")])]).await,
        Outcome::Success
    );
    for status in ["5", "00", "", "OK"] {
        assert_eq!(
            outcome(vec![said(&[("grpc-status", status)])]).await,
            Outcome::Failure,
            "{status}"
        );
    }
    let twice = said(&[("grpc-status", "0"), ("grpc-status", "5")]);
    for untold in [
        vec![data("m")],
        vec![data("m"), said(&[("x", "0")])],
        vec![data("m"), twice],
    ] {
        assert_eq!(outcome(untold).await, Outcome::Error);
    }
}

#[tokio::test]
async fn a_call_by_grpc_may_end_with_its_head() {
    for (status, code, outcome) in [
        (200, "0", Outcome::Success),
        (200, "7", Outcome::Failure),
        (503, "0", Outcome::Failure),
        (503, "14", Outcome::Failure),
    ] {
        let (mut record, endings) = watched();
        record.sending();
        let (head, answer) = (trailers(&[("grpc-status", code)]), Arc::new(by_grpc()));
        drop(Followed::new(
            Empty::<Bytes>::new(),
            status,
            &head,
            answer,
            record,
            None,
        ));
        assert_eq!(told(&endings), [(outcome, Some(status))]);
    }
}

#[tokio::test]
async fn the_trailers_of_an_approved_call_are_learnt_without_the_agent() {
    let drain = Drain::default();
    let body = pieces(vec![
        data("a"),
        data("b"),
        Ok(Frame::trailers(trailers(&[("grpc-status", "5")]))),
    ]);
    let (mut followed, endings) = answered(body, 200, by_grpc(), Some(drain.working()));
    followed.frame().await.unwrap().unwrap();
    drop(followed);
    assert!(drain.finish(tokio::time::sleep(Duration::from_secs(5))).await);
    assert_eq!(told(&endings), [(Outcome::Failure, Some(200))]);
}

#[tokio::test]
async fn trailers_do_not_speak_in_our_name() {
    let sent = trailers(&[
        ("grpc-status", "0"),
        ("runplane-decision", "ALLOW"),
        ("connection", "close"),
        ("x-kept", "1"),
    ]);
    let (mut followed, _endings) = answered(pieces(vec![Ok(Frame::trailers(sent))]), 200, Answer::default(), None);
    let frame = followed.frame().await.unwrap().unwrap();
    let passed = frame.into_trailers().unwrap();
    assert_eq!(passed, trailers(&[("grpc-status", "0"), ("x-kept", "1")]));
}

//! RFC 9113, 5.1, 6.2 and 6.10: what may come in which state of a stream.

use super::{GET, PROTOCOL_ERROR, STREAM_CLOSED, Want, get, judge, post, world};
use crate::harness::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, WINDOW_UPDATE, block, frame,
};

const PROTOCOL: Want = Want::Ends(&[PROTOCOL_ERROR]);
/// The stream is gone: whether that is the connection's affair, RFC 9113 leaves open where a reset may have crossed.
const CLOSED: Want = Want::Resets(1, &[STREAM_CLOSED, PROTOCOL_ERROR]);

fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())
}

/// A head that goes on.
fn begun(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM, stream, &block(&GET[..2]))
}

fn rest(stream: u32, ends: bool) -> Vec<u8> {
    frame(
        CONTINUATION,
        if ends { END_HEADERS } else { 0 },
        stream,
        &block(&GET[2..]),
    )
}

#[test]
fn on_a_stream_that_nobody_opened() {
    judge(&[
        ("DATA", vec![frame(DATA, END_STREAM, 1, b"x")], PROTOCOL),
        ("RST_STREAM", vec![reset(1)], PROTOCOL),
        (
            "WINDOW_UPDATE",
            vec![frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])],
            PROTOCOL,
        ),
        (
            "CONTINUATION",
            vec![frame(CONTINUATION, END_HEADERS, 1, &block(&GET))],
            PROTOCOL,
        ),
        ("an even one, which is ours to open", vec![get(2)], PROTOCOL),
        (
            "one below the last",
            vec![get(5), get(3)],
            Want::Ends(&[PROTOCOL_ERROR, STREAM_CLOSED]),
        ),
    ]);
}

#[test]
fn on_a_stream_whose_request_has_ended() {
    // Their answers may have come before.
    let closed = Want::Ends(&[STREAM_CLOSED, PROTOCOL_ERROR]);
    judge(&[
        ("DATA", vec![get(1), frame(DATA, END_STREAM, 1, b"x")], CLOSED),
        ("HEADERS", vec![get(1), get(1)], CLOSED),
        (
            "CONTINUATION",
            vec![get(1), frame(CONTINUATION, END_HEADERS, 1, &block(&GET))],
            closed,
        ),
        (
            "DATA after DATA",
            vec![
                post(1),
                frame(DATA, END_STREAM, 1, b"x"),
                frame(DATA, END_STREAM, 1, b"y"),
            ],
            CLOSED,
        ),
    ]);
}

#[test]
fn on_a_stream_that_was_reset() {
    judge(&[
        ("HEADERS", vec![post(1), reset(1), get(1)], CLOSED),
        (
            "CONTINUATION",
            vec![post(1), reset(1), frame(CONTINUATION, END_HEADERS, 1, &block(&GET))],
            PROTOCOL,
        ),
        (
            "DATA",
            vec![post(1), reset(1), frame(DATA, END_STREAM, 1, b"x")],
            CLOSED,
        ),
        // What may still have been under way.
        ("RST_STREAM", vec![post(1), reset(1), reset(1)], Want::Nothing),
        (
            "WINDOW_UPDATE",
            vec![post(1), reset(1), frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])],
            Want::Nothing,
        ),
        (
            "PRIORITY",
            vec![post(1), reset(1), frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 15])],
            Want::Nothing,
        ),
    ]);
}

#[test]
fn within_a_head() {
    judge(&[
        ("a head of another stream", vec![begun(1), get(3)], PROTOCOL),
        ("the same head again", vec![begun(1), get(1)], PROTOCOL),
        ("DATA", vec![begun(1), frame(DATA, END_STREAM, 1, b"x")], PROTOCOL),
        ("PING", vec![begun(1), frame(PING, 0, 0, &[0; 8])], PROTOCOL),
        (
            "PRIORITY",
            vec![begun(1), frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 15])],
            PROTOCOL,
        ),
        (
            "a kind that nobody knows",
            vec![begun(1), frame(0x16, 0, 0, b"x")],
            PROTOCOL,
        ),
        (
            "CONTINUATION of another stream",
            vec![begun(1), rest(3, true)],
            PROTOCOL,
        ),
        (
            "CONTINUATION after the end",
            vec![begun(1), rest(1, true), rest(1, true)],
            PROTOCOL,
        ),
        (
            "CONTINUATION after DATA",
            vec![post(1), frame(DATA, 0, 1, b"x"), rest(1, true)],
            PROTOCOL,
        ),
    ]);
}

/// As it may be: a head in as many pieces as it has fields.
#[test]
fn a_head_in_pieces_is_one_request() {
    let world = world();
    let mut client = world.client();
    client.head_to_be_continued(1, &GET[..1]);
    for field in &GET[1..] {
        client.continuation(1, &[*field]);
    }
    client.frame(CONTINUATION, END_HEADERS, 1, &[]);
    assert_eq!(client.answer(1), Some(200));
}

/// RFC 9113, 5.3.2 took priorities away; who depends on itself is ignored or in the wrong, and no call either way.
#[test]
fn a_stream_that_depends_on_itself() {
    let depends = [&[0, 0, 0, 1, 15][..], &block(&GET)].concat();
    judge(&[
        (
            "by its head",
            vec![frame(HEADERS, 0x25, 1, &depends)],
            Want::Resets(1, &[PROTOCOL_ERROR]),
        ),
        (
            "by PRIORITY",
            vec![get(1), frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 15])],
            Want::Resets(1, &[PROTOCOL_ERROR]),
        ),
    ]);
}

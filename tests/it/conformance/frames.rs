//! RFC 9113, 3.4 to 4.3 and 6: preface, sizes and layouts of frames.

use super::{FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GET, PROTOCOL_ERROR, Want, get, judge, post, world};
use crate::harness::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITY, PUSH_PROMISE,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, WITH_PRIORITY, block, frame,
};
use crate::harness::{Frame, Http2};

const PROTOCOL: Want = Want::Ends(&[PROTOCOL_ERROR]);
const SIZE: Want = Want::Ends(&[FRAME_SIZE_ERROR, PROTOCOL_ERROR]);
const FLOW: Want = Want::Ends(&[FLOW_CONTROL_ERROR, PROTOCOL_ERROR]);

fn setting(name: u16, value: u32) -> Vec<u8> {
    frame(
        SETTINGS,
        0,
        0,
        &[&name.to_be_bytes()[..], &value.to_be_bytes()].concat(),
    )
}

fn window(stream: u32, more: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &more.to_be_bytes())
}

#[test]
fn a_connection_begins_with_the_preface_and_settings() {
    let world = world();
    for beginning in [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rx".to_vec(),
        b"GET /hello HTTP/1.1\r\nHost: things.example\r\n\r\n".to_vec(),
        b"PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n".to_vec(),
        // The preface, and no settings.
        [PREFACE, &get(1)].concat(),
    ] {
        let mut client = Http2::silent(&world.sidecar, "things.example");
        client.wire().send(&beginning);
        // The h2 library takes a request before it has seen settings: it is judged like any other.
        match client.read() {
            Frame::Closed | Frame::GoAway(_) => {}
            Frame::Head(1, 200, _) if beginning.starts_with(PREFACE) => {}
            other @ (Frame::Head(..) | Frame::Data(..) | Frame::Reset(..)) => panic!("{beginning:x?}: {other:?}"),
        }
    }
}

#[test]
fn what_is_not_known_is_ignored() {
    judge(&[
        ("a kind", vec![frame(0xff, 0, 0, b"12345678")], Want::Nothing),
        (
            "a kind on a stream",
            vec![get(1), frame(0x16, 0xff, 1, b"x")],
            Want::Nothing,
        ),
        (
            "a kind on a stream that nobody opened",
            vec![frame(0x16, 0, 99, b"x")],
            Want::Nothing,
        ),
        ("a flag", vec![frame(PING, 0xfe, 0, &[0; 8])], Want::Nothing),
        (
            "the reserved bit",
            vec![frame(PING, 0, 1 << 31, &[0; 8])],
            Want::Nothing,
        ),
        ("a setting", vec![setting(0xff, 1)], Want::Nothing),
        (
            "a code of GOAWAY",
            vec![frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0xff])],
            Want::Ends(&[]),
        ),
        (
            "a code of RST_STREAM",
            vec![post(1), frame(RST_STREAM, 0, 1, &[0, 0, 0, 0xff])],
            Want::Nothing,
        ),
        (
            "a PING that is answered",
            vec![frame(PING, ACK, 0, &[7; 8])],
            Want::Nothing,
        ),
        (
            "PRIORITY of a stream to come",
            vec![frame(PRIORITY, 0, 3, &[0, 0, 0, 1, 15])],
            Want::Nothing,
        ),
        // RFC 9113, 5.3.2: the scheme is gone; a receiver ignores what is said of it.
        (
            "a head with a priority",
            vec![frame(
                HEADERS,
                END_HEADERS | END_STREAM | WITH_PRIORITY,
                1,
                &[&[0, 0, 0, 0, 15][..], &block(&GET)].concat(),
            )],
            Want::Nothing,
        ),
    ]);
}

#[test]
fn frames_beyond_their_size_end_the_connection() {
    let large = vec![0; (16 << 10) + 1];
    judge(&[
        ("DATA", vec![post(1), frame(DATA, 0, 1, &large)], SIZE),
        (
            "HEADERS",
            vec![frame(HEADERS, END_HEADERS | END_STREAM, 1, &large)],
            SIZE,
        ),
        (
            "CONTINUATION",
            vec![
                frame(HEADERS, END_STREAM, 1, &block(&GET)),
                frame(CONTINUATION, 4, 1, &large),
            ],
            SIZE,
        ),
        ("a kind that nobody knows", vec![frame(0x42, 0, 0, &large)], SIZE),
        ("SETTINGS", vec![frame(SETTINGS, 0, 0, &vec![0; 6 * 2800])], SIZE),
        (
            "PRIORITY of 4",
            vec![get(1), frame(PRIORITY, 0, 1, &[0; 4])],
            Want::Resets(1, &[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
        ),
        ("RST_STREAM of 3", vec![post(1), frame(RST_STREAM, 0, 1, &[0; 3])], SIZE),
        ("RST_STREAM of 5", vec![post(1), frame(RST_STREAM, 0, 1, &[0; 5])], SIZE),
        ("SETTINGS of 3", vec![frame(SETTINGS, 0, 0, &[0, 3, 0])], SIZE),
        (
            "SETTINGS answered with content",
            vec![frame(SETTINGS, ACK, 0, &[0; 6])],
            SIZE,
        ),
        ("PING of 6", vec![frame(PING, 0, 0, &[0; 6])], SIZE),
        ("PING of 9", vec![frame(PING, 0, 0, &[0; 9])], SIZE),
        ("WINDOW_UPDATE of 3", vec![frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1])], SIZE),
        ("GOAWAY of 4", vec![frame(GOAWAY, 0, 0, &[0; 4])], SIZE),
        (
            "HEADERS with half a priority",
            vec![frame(HEADERS, 0x25, 1, &[0; 3])],
            SIZE,
        ),
    ]);
}

#[test]
fn frames_where_they_do_not_belong_end_the_connection() {
    judge(&[
        ("DATA on 0", vec![frame(DATA, 1, 0, b"x")], PROTOCOL),
        ("HEADERS on 0", vec![get(0)], PROTOCOL),
        (
            "PRIORITY on 0",
            vec![frame(PRIORITY, 0, 0, &[0, 0, 0, 1, 15])],
            PROTOCOL,
        ),
        (
            "RST_STREAM on 0",
            vec![frame(RST_STREAM, 0, 0, &[0, 0, 0, 8])],
            PROTOCOL,
        ),
        (
            "SETTINGS on 1",
            vec![frame(SETTINGS, 0, 1, &[0, 3, 0, 0, 0, 9])],
            PROTOCOL,
        ),
        ("PING on 1", vec![frame(PING, 0, 1, &[0; 8])], PROTOCOL),
        ("GOAWAY on 1", vec![frame(GOAWAY, 0, 1, &[0; 8])], PROTOCOL),
        (
            "CONTINUATION on 0",
            vec![frame(CONTINUATION, 4, 0, &block(&GET))],
            PROTOCOL,
        ),
        (
            "PUSH_PROMISE",
            vec![
                get(1),
                frame(PUSH_PROMISE, 4, 1, &[&[0, 0, 0, 2][..], &block(&GET)].concat()),
            ],
            PROTOCOL,
        ),
    ]);
}

#[test]
fn padding_longer_than_the_frame_ends_the_connection() {
    let padded = |pad: u8| [&[pad][..], &block(&GET)].concat();
    judge(&[
        (
            "of DATA",
            vec![post(1), frame(DATA, PADDED, 1, &[6, 1, 2, 3, 4, 5])],
            PROTOCOL,
        ),
        (
            "of DATA, by one",
            vec![post(1), frame(DATA, PADDED, 1, &[5, 1, 2, 3, 4])],
            PROTOCOL,
        ),
        (
            "of DATA without its length",
            vec![post(1), frame(DATA, PADDED, 1, &[])],
            SIZE,
        ),
        ("of HEADERS", vec![frame(HEADERS, 0x0d, 1, &padded(255))], PROTOCOL),
        (
            "of HEADERS with a priority",
            vec![frame(HEADERS, 0x2d, 1, &[9, 0, 0, 0, 0, 15, 0x82])],
            PROTOCOL,
        ),
        // As it may be.
        (
            "padding alone",
            vec![post(1), frame(DATA, PADDED | END_STREAM, 1, &[4, 0, 0, 0, 0])],
            Want::Nothing,
        ),
    ]);
}

#[test]
fn settings_out_of_their_range_end_the_connection() {
    judge(&[
        ("ENABLE_PUSH", vec![setting(2, 2)], PROTOCOL),
        ("INITIAL_WINDOW_SIZE", vec![setting(4, 1 << 31)], FLOW),
        ("MAX_FRAME_SIZE, below", vec![setting(5, (1 << 14) - 1)], PROTOCOL),
        ("MAX_FRAME_SIZE, above", vec![setting(5, 1 << 24)], PROTOCOL),
        ("ENABLE_CONNECT_PROTOCOL", vec![setting(8, 2)], PROTOCOL),
        // As they may be.
        ("HEADER_TABLE_SIZE", vec![setting(1, u32::MAX)], Want::Nothing),
        ("MAX_CONCURRENT_STREAMS", vec![setting(3, 0)], Want::Nothing),
        ("the same twice", vec![setting(4, 1), setting(4, 2)], Want::Nothing),
    ]);
}

#[test]
fn windows_that_do_not_grow_or_grow_too_large_are_errors() {
    const ALL_OF_IT: u32 = (1 << 31) - 1;
    judge(&[
        ("the connection's by 0", vec![window(0, 0)], PROTOCOL),
        (
            "a stream's by 0",
            vec![get(1), window(1, 0)],
            Want::Resets(1, &[PROTOCOL_ERROR]),
        ),
        (
            "the connection's",
            vec![window(0, ALL_OF_IT), window(0, ALL_OF_IT)],
            FLOW,
        ),
        (
            "a stream's",
            vec![post(1), window(1, ALL_OF_IT), window(1, ALL_OF_IT)],
            Want::Resets(1, &[FLOW_CONTROL_ERROR]),
        ),
        (
            "a stream's by the settings",
            vec![post(1), window(1, ALL_OF_IT - 65_535), setting(4, 65_536)],
            FLOW,
        ),
        ("the reserved bit", vec![window(0, 1 << 31 | 1)], Want::Nothing),
    ]);
}

/// One byte at a time, then none, then all: what was granted is what is sent.
#[test]
fn an_answer_keeps_to_the_window_whatever_happens_to_it() {
    let world = world();
    let mut client = world.client();
    client.wire().send([setting(4, 1), get(1)].concat());
    assert_eq!(client.read(), Frame::Head(1, 200, false));
    assert_eq!(client.read(), Frame::Data(1, b"h".to_vec(), false));
    // Below zero, and back.
    client.wire().send([setting(4, 0), window(1, 1)].concat());
    assert!(client.is_alive(), "nothing more is sent, and pings are answered");
    client.wire().send(window(1, 2));
    assert_eq!(client.read(), Frame::Data(1, b"el".to_vec(), false));
    client.wire().send(setting(4, 100));
    assert_eq!(client.read(), Frame::Data(1, b"lo\n".to_vec(), true));
}

#[test]
fn settings_and_pings_are_acknowledged() {
    let world = world();
    let mut client = world.client();
    // Its own first settings were acknowledged, or will be.
    for _ in 0..3 {
        client.wire().send(setting(3, 100));
        assert!(client.is_alive());
    }
    assert_eq!(client.head(1, &GET, true).answer(1), Some(200));
}

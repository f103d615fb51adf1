//! RFC 7541: heads that cannot be decoded end the connection, for nobody knows its table any more.

use super::{COMPRESSION_ERROR, GET, PROTOCOL_ERROR, Want, judge};
use crate::harness::frames::{END_HEADERS, END_STREAM, HEADERS, block, frame};

const UNREADABLE: Want = Want::Ends(&[COMPRESSION_ERROR, PROTOCOL_ERROR]);

/// A request's fields and then these bytes.
fn with(bytes: &[u8]) -> Vec<Vec<u8>> {
    vec![frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        1,
        &[&block(&GET), bytes].concat(),
    )]
}

#[test]
fn heads_that_cannot_be_decoded_end_the_connection() {
    judge(&[
        ("an index of 0", with(&[0x80]), UNREADABLE),
        ("an index that nothing stands at", with(&[0xff, 0x00]), UNREADABLE),
        ("a far index", with(&[0xff, 0xff, 0xff, 0xff, 0x0f]), UNREADABLE),
        (
            "an index without end",
            with(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            UNREADABLE,
        ),
        ("the name of such an index", with(&[0x7f, 0x40, 1, b'x']), UNREADABLE),
        (
            "a length beyond the head",
            with(&[0x00, 5, b'x', b'-', b'a']),
            UNREADABLE,
        ),
        ("a value that is not there", with(&[0x00, 1, b'x']), UNREADABLE),
        ("half an integer", with(&[0x00, 0x7f]), UNREADABLE),
        (
            "a length beyond all bounds",
            with(&[0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]),
            UNREADABLE,
        ),
        // Huffman's `x-a` and what is wrong at its end.
        (
            "padding of eight bits",
            with(&[0x00, 1, b'x', 0x82, 0x1f, 0xff]),
            UNREADABLE,
        ),
        ("padding of zeros", with(&[0x00, 1, b'x', 0x81, 0x18]), UNREADABLE),
        (
            "the code that ends a text",
            with(&[0x00, 1, b'x', 0x84, 0xff, 0xff, 0xff, 0xff]),
            UNREADABLE,
        ),
        ("a size of the table after fields", with(&[0x20]), UNREADABLE),
        (
            "a table larger than was granted",
            vec![frame(
                HEADERS,
                5,
                1,
                &[&[0x3f, 0xff, 0xff, 0xff, 0x07][..], &block(&GET)].concat(),
            )],
            UNREADABLE,
        ),
        (
            "nothing that is text",
            vec![frame(HEADERS, 5, 1, &[0xfe; 64])],
            UNREADABLE,
        ),
    ]);
}

/// A field put into the table stands there for the requests that follow, also after one that was refused.
#[test]
fn the_table_is_kept_through_refusals() {
    let world = super::world();
    let mut client = world.client();
    let pseudo = block(&GET);
    // `x-kept: 1` into the table, in a head that is refused for `te`.
    let kept = [&[0x40, 6][..], b"x-kept", &[1, b'1']].concat();
    let refused = [&pseudo[..], &kept, &block(&[("te", "gzip")])].concat();
    client.frame(HEADERS, END_HEADERS | END_STREAM, 1, &refused);
    assert!(client.answer(1).is_none_or(|status| status >= 400));
    // 62 is the first entry after the static table.
    client.frame(HEADERS, END_HEADERS | END_STREAM, 3, &[&pseudo[..], &[0xbe]].concat());
    assert_eq!(client.answer(3), Some(200));
    let kept = world
        .origin
        .seen()
        .into_iter()
        .rev()
        .find_map(|seen| seen.header("x-kept").map(str::to_owned));
    assert_eq!(kept.as_deref(), Some("1"));
}

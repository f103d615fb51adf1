//! RFC 9113, 8: heads, trailers and lengths that are none of a request's.

use super::{GET, PROTOCOL_ERROR, Want, judge, world};
use crate::harness::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, block, frame};

type Field = (&'static str, &'static str);

/// The usual head to a path that no honest request here has, with a field instead of its namesake or beside the others.
fn head(field: Field) -> Vec<Field> {
    let mut head = GET.to_vec();
    head[3].1 = "/malformed";
    match head.iter_mut().find(|(name, _)| *name == field.0) {
        Some(known) => *known = field,
        None => head.push(field),
    }
    head
}

/// The head is answered with 4xx, or its stream or connection ends; nothing of it reaches the origin.
#[track_caller]
fn refused(head: &[Field]) {
    let world = world();
    let answer = world.client().head(1, head, true).answer(1);
    assert!(
        answer.is_none_or(|status| (400..500).contains(&status)),
        "{answer:?} to {head:?}"
    );
    let odd: Vec<_> = world
        .origin
        .seen()
        .into_iter()
        .filter(|seen| seen.target != "/hello")
        .collect();
    assert!(odd.is_empty(), "{head:?}: {odd:#?}");
}

#[test]
fn names_are_lower_case_tokens() {
    for name in [
        "X-Upper", "x-\u{e9}", "x a", "x:a", "", " x", "x\0", "x\r\n", "x(y)", "x\"", "x/y", "x=y", "x{", "\u{7f}x",
    ] {
        refused(&head((name, "1")));
    }
}

#[test]
fn values_have_no_line_ends() {
    for value in ["a\r\nb: c", "a\nb", "a\rb", "a\0b", "\u{7f}", "a\u{1}"] {
        refused(&head(("x-a", value)));
        refused(&head((":path", value)));
    }
}

#[test]
fn fields_of_a_connection_are_none_of_a_stream() {
    for field in [
        ("connection", "keep-alive"),
        ("connection", "close"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("te", "trailers, deflate;q=0.5"),
        ("te", "chunked"),
    ] {
        refused(&head(field));
    }
    let mut trailers = GET.to_vec();
    trailers.push(("te", "trailers"));
    assert_eq!(
        world().client().head(1, &trailers, true).answer(1),
        Some(200),
        "as it may be"
    );
}

#[test]
fn pseudo_headers_are_known_single_and_first() {
    for field in [
        (":unknown", "1"),
        (":status", "200"),
        (":Method", "GET"),
        (":", "1"),
        (":protocol", "websocket"),
        (":path", ""),
        (":path", "*"),
        (":path", "malformed"),
        (":scheme", ""),
        (":scheme", "http"),
        (":method", ""),
        (":method", "G T"),
        (":authority", ""),
        (":authority", "a b"),
        (":authority", "user@things.example"),
    ] {
        refused(&head(field));
    }
    let usual = head(("x-a", "1"));
    for place in 0..4 {
        let mut missing = usual.clone();
        missing.remove(place);
        // Where no Host is either, nobody is named.
        refused(&missing);
        let mut late = usual.clone();
        let moved = late.remove(place);
        late.push(moved);
        refused(&late);
        let mut twice = usual.clone();
        twice.insert(place, usual[place]);
        refused(&twice);
        let mut differs = usual.clone();
        differs.insert(place, (usual[place].0, "other"));
        refused(&differs);
    }
}

#[test]
fn connect_opens_nothing() {
    let connect = |more: &[Field]| [&[(":method", "CONNECT")], more].concat();
    for head in [
        connect(&[(":authority", "things.example:443")]),
        connect(&[(":authority", "evil.example:443")]),
        connect(&[(":authority", "things.example:443"), (":path", "/malformed")]),
        connect(&[
            (":authority", "things.example:443"),
            (":scheme", "https"),
            (":path", "/malformed"),
        ]),
        connect(&[]),
        connect(&[
            (":protocol", "websocket"),
            (":scheme", "https"),
            (":authority", "things.example"),
            (":path", "/socket"),
            ("sec-websocket-version", "13"),
        ]),
        connect(&[
            (":protocol", "connect-udp"),
            (":scheme", "https"),
            (":authority", "things.example"),
            (":path", "/malformed"),
        ]),
    ] {
        refused(&head);
    }
}

fn post(length: &'static str) -> Vec<u8> {
    let mut head = head(("content-length", length));
    head[0].1 = "POST";
    frame(HEADERS, END_HEADERS, 1, &block(&head))
}

fn data(content: &[u8], ends: bool) -> Vec<u8> {
    frame(DATA, if ends { END_STREAM } else { 0 }, 1, content)
}

/// What streams through may have begun by then: it ends there, and does not look whole.
#[test]
fn content_is_as_long_as_was_said() {
    let world = world();
    for (length, content) in [
        ("4", vec![data(b"short", true)]),
        ("6", vec![data(b"short", true)]),
        ("0", vec![data(b"x", true)]),
        ("3", vec![data(b"ab", false), data(b"cd", true)]),
        ("8", vec![data(b"ab", false), data(b"cd", true)]),
        ("5", vec![data(b"short", false), data(b"", false), data(b"x", true)]),
        ("-1", vec![data(b"x", true)]),
        ("x", vec![data(b"x", true)]),
        ("18446744073709551616", vec![data(b"x", true)]),
        ("1, 1", vec![data(b"x", true)]),
    ] {
        let mut client = world.client();
        client.wire().send([vec![post(length)], content].concat().concat());
        let answer = client.answer(1);
        assert!(answer.is_none_or(|status| status >= 400), "{length}: {answer:?}");
        let whole: Vec<_> = world
            .origin
            .seen()
            .into_iter()
            .filter(|seen| seen.target != "/hello" && seen.complete)
            .collect();
        assert!(whole.is_empty(), "{length}: {whole:#?}");
    }
    let mut ended = head(("content-length", "5"));
    ended[0].1 = "POST";
    let answer = world.client().head(1, &ended, true).answer(1);
    assert!(
        answer.is_none_or(|status| status >= 400),
        "a length and nothing: {answer:?}"
    );
}

fn with_trailers(flags: u8, fields: &[Field]) -> Vec<Vec<u8>> {
    let mut upload = GET.to_vec();
    upload[0].1 = "POST";
    vec![
        frame(HEADERS, END_HEADERS, 1, &block(&upload)),
        data(b"x", false),
        frame(HEADERS, END_HEADERS | flags, 1, &block(fields)),
    ]
}

#[test]
fn trailers_are_fields_and_the_end() {
    const RESETS: Want = Want::Resets(1, &[PROTOCOL_ERROR]);
    judge(&[
        ("that do not end the stream", with_trailers(0, &[("x-a", "1")]), RESETS),
        ("in upper case", with_trailers(END_STREAM, &[("X-A", "1")]), RESETS),
        (
            "with a field of the connection",
            with_trailers(END_STREAM, &[("connection", "close")]),
            RESETS,
        ),
        (
            "with a line end",
            with_trailers(END_STREAM, &[("x-a", "1\r\nx-b: 2")]),
            RESETS,
        ),
    ]);
}

/// The h2 library leaves pseudo-headers out of trailers without a word: the request stays what it was judged as.
#[test]
fn pseudo_headers_in_trailers_change_nothing() {
    let world = world();
    for fields in [
        &[(":method", "DELETE")][..],
        &[("x-a", "1"), (":path", "/malformed")],
        &[(":status", "200")],
        &GET,
    ] {
        let mut client = world.client();
        client.wire().send(with_trailers(END_STREAM, fields).concat());
        let answer = client.answer(1);
        assert!(
            answer.is_none_or(|status| status == 200 || (400..500).contains(&status)),
            "{answer:?}"
        );
    }
    for seen in world.origin.seen().iter().filter(|seen| seen.method != "GET") {
        assert_eq!(
            (&*seen.method, &*seen.target, seen.trailers.len()),
            ("POST", "/hello", 0),
            "{seen:?}"
        );
    }
}

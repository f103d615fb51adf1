//! Providers that break the protocol: the agent is told in words it can read that the call may have been executed, or gets
//! an answer that does not look whole; the call is never sent a second time.

use super::ALL;
use crate::harness::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PUSH_PROMISE, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, block, frame,
};
use crate::harness::{HttpAnswer, Sidecar, Tunnel, broken::Broken, eventually};

/// What a provider says to the call, given the call's stream.
type Breach = fn(u32) -> Vec<u8>;

fn head(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, stream, &block(fields))
}

fn ok(stream: u32) -> Vec<u8> {
    head(stream, 0, &[(":status", "200")])
}

fn data(stream: u32, content: &[u8], ends: bool) -> Vec<u8> {
    frame(DATA, if ends { END_STREAM } else { 0 }, stream, content)
}

fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

fn goaway(last: u32, code: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

/// Before there is an answer.
const INSTEAD_OF_AN_ANSWER: &[(&str, Breach)] = &[
    ("a head that cannot be decoded", |stream| {
        frame(HEADERS, 5, stream, &[0xff; 9])
    }),
    ("no status", |stream| head(stream, END_STREAM, &[("x-a", "1")])),
    ("two statuses", |stream| {
        head(stream, END_STREAM, &[(":status", "200"), (":status", "204")])
    }),
    ("a status late", |stream| {
        head(stream, END_STREAM, &[("x-a", "1"), (":status", "200")])
    }),
    ("a status of two digits", |stream| {
        head(stream, END_STREAM, &[(":status", "20")])
    }),
    ("a status that is none", |stream| {
        head(stream, END_STREAM, &[(":status", "abc")])
    }),
    ("101, which HTTP/2 does not know", |stream| {
        head(stream, END_STREAM, &[(":status", "101")])
    }),
    ("upper case", |stream| {
        head(stream, END_STREAM, &[(":status", "200"), ("X-A", "1")])
    }),
    ("a field of the connection", |stream| {
        head(stream, END_STREAM, &[(":status", "200"), ("connection", "close")])
    }),
    ("a field with a line end", |stream| {
        head(stream, END_STREAM, &[(":status", "200"), ("x-a", "1\r\nx-b: 2")])
    }),
    ("DATA before a head", |stream| data(stream, b"x", true)),
    ("DATA of a stream that nobody opened", |stream| {
        data(stream + 10, b"x", true)
    }),
    ("a head of a stream that nobody opened", |stream| ok(stream + 10)),
    ("a head of no stream", |_| ok(0)),
    ("a push", |stream| {
        frame(
            PUSH_PROMISE,
            END_HEADERS,
            stream,
            &[&[0, 0, 0, 2][..], &block(&super::GET)].concat(),
        )
    }),
    ("a stream of its own", |_| ok(2)),
    ("CONTINUATION of nothing", |stream| {
        frame(CONTINUATION, END_HEADERS, stream, &[0x88])
    }),
    ("something within a head", |stream| {
        [frame(HEADERS, 0, stream, &[0x88]), frame(PING, 0, 0, &[0; 8])].concat()
    }),
    ("a frame that is too large", |stream| {
        frame(HEADERS, END_HEADERS, stream, &[0; (16 << 10) + 1])
    }),
    ("padding longer than its frame", |stream| {
        frame(HEADERS, END_HEADERS | PADDED, stream, &[9, 0x88])
    }),
    ("SETTINGS of 5", |_| frame(SETTINGS, 0, 0, &[0; 5])),
    ("a window that grows by nothing", |_| {
        frame(WINDOW_UPDATE, 0, 0, &[0; 4])
    }),
    ("a window beyond its bound", |_| {
        frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]).repeat(2)
    }),
    ("PROTOCOL_ERROR", |stream| reset(stream, 1)),
    ("INTERNAL_ERROR", |stream| reset(stream, 2)),
    ("NO_ERROR", |stream| reset(stream, 0)),
    ("CANCEL", |stream| reset(stream, 8)),
    ("ENHANCE_YOUR_CALM", |stream| reset(stream, 11)),
    ("HTTP_1_1_REQUIRED", |stream| reset(stream, 13)),
    ("GOAWAY with an error", |stream| goaway(stream, 2)),
    ("GOAWAY that knows nothing of it", |_| goaway(0, 2)),
    ("GOAWAY for calm", |_| goaway(0, 11)),
    ("no HTTP/2", |_| {
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()
    }),
    ("nothing", |_| Vec::new()),
];

/// After the head of one.
const WITHIN_AN_ANSWER: &[(&str, Breach)] = &[
    ("less than was said", |stream| {
        [
            head(stream, 0, &[(":status", "200"), ("content-length", "9")]),
            data(stream, b"less", true),
        ]
        .concat()
    }),
    ("more than was said", |stream| {
        [
            head(stream, 0, &[(":status", "200"), ("content-length", "2")]),
            data(stream, b"more", true),
        ]
        .concat()
    }),
    ("a reset", |stream| {
        [ok(stream), data(stream, b"half", false), reset(stream, 2)].concat()
    }),
    ("its end", |stream| [ok(stream), data(stream, b"half", false)].concat()),
    ("GOAWAY", |stream| {
        [ok(stream), data(stream, b"half", false), goaway(0, 2)].concat()
    }),
    ("another head that does not end it", |stream| {
        [
            ok(stream),
            data(stream, b"half", false),
            ok(stream),
            data(stream, b"other", true),
        ]
        .concat()
    }),
    ("trailers in upper case", |stream| {
        [
            ok(stream),
            data(stream, b"half", false),
            head(stream, END_STREAM, &[("X-A", "1")]),
        ]
        .concat()
    }),
    ("trailers that cannot be decoded", |stream| {
        [
            ok(stream),
            data(stream, b"half", false),
            frame(HEADERS, 5, stream, &[0xff; 9]),
        ]
        .concat()
    }),
    ("padding longer than its frame", |stream| {
        [ok(stream), frame(DATA, PADDED, stream, &[9, 1])].concat()
    }),
];

/// A call with content, or without.
fn call(host: &str, content: &str) -> String {
    match content {
        "" => format!("GET /call HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        _ => format!(
            "POST /call HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n{content}",
            content.len()
        ),
    }
}

/// Calls each provider over a connection that has answered one call already: what the agent is told, and how the trail says
/// that it ended.
#[track_caller]
fn each(providers: &[(&str, Broken)], content: &str, judge: impl Fn(&str, &HttpAnswer, &str)) {
    let host = |place: usize| format!("p{place}.example");
    let all = providers.iter().enumerate();
    let sidecar = all.fold(Sidecar::new(), |sidecar, (place, (_, provider))| {
        let address = provider.address();
        sidecar.resolve_to(&host(place), &address).destination(&address)
    });
    let sidecar = sidecar.only_policy(ALL).start();
    for (place, (name, provider)) in providers.iter().enumerate() {
        println!("{name:?}");
        let mut wire = Tunnel::to(&format!("{}:443", host(place))).open(&sidecar);
        assert_eq!(wire.ask(call(&host(place), "")).status, 200);
        let answer = wire.ask(call(&host(place), content));
        let id = answer.header("runplane-request-id").unwrap().to_owned();
        let outcome = || {
            let mut outcomes = sidecar.trail().of_kind("outcome").into_iter();
            let of_call = outcomes.find(|entry| entry["call"] == *id)?;
            Some(of_call["outcome"].as_str().unwrap().to_owned())
        };
        eventually("the outcome is in the trail", || outcome().is_some());
        judge(name, &answer, &outcome().unwrap());
        assert_eq!(provider.heads(), 2, "{name}: sent again");
    }
}

fn by_http2(breach: Breach) -> Broken {
    Broken::http2([], move |count, stream| match count {
        0 => (head(stream, END_STREAM, &[(":status", "200")]), false),
        _ => (breach(stream), true),
    })
}

#[track_caller]
fn assert_in_doubt(name: &str, answer: &HttpAnswer, outcome: &str) {
    assert_eq!(answer.status, 502, "{name}: {answer:?}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json"),
        "{name}"
    );
    let text = answer.text();
    assert!(
        text.contains("upstream_unreachable") && text.contains("MAY have been executed"),
        "{name}: {text}"
    );
    assert!(matches!(outcome, "unknown" | "error"), "{name}: {outcome}");
}

#[track_caller]
fn assert_cut_off(name: &str, answer: &HttpAnswer, outcome: &str) {
    match answer.status {
        200 => assert!(!answer.complete, "{name}: it looks whole: {answer:?}"),
        // The connection ended before the answer began to be read.
        status => assert_eq!(status, 502, "{name}: {answer:?}"),
    }
    assert!(matches!(outcome, "unknown" | "error"), "{name}: {outcome}");
}

fn all_by_http2(breaches: &[(&'static str, Breach)]) -> Vec<(&'static str, Broken)> {
    breaches
        .iter()
        .map(|(name, breach)| (*name, by_http2(*breach)))
        .collect()
}

#[test]
fn what_is_no_answer_of_http2_leaves_the_call_in_doubt() {
    each(&all_by_http2(INSTEAD_OF_AN_ANSWER), "a=1", assert_in_doubt);
}

#[test]
fn an_answer_of_http2_that_breaks_off_does_not_look_whole() {
    each(&all_by_http2(WITHIN_AN_ANSWER), "", assert_cut_off);
}

/// What may be said besides is no breach.
#[test]
fn what_a_provider_may_say_besides_an_answer_is_ignored() {
    const BESIDES: &[(&str, Breach)] = &[
        ("unknown frames", |stream| {
            [frame(0x42, 0xff, stream, b"x"), frame(0x42, 0, 0, b"x")].concat()
        }),
        ("hints", |stream| {
            head(stream, 0, &[(":status", "103"), ("link", "</style.css>; rel=preload")]).repeat(3)
        }),
        ("pings", |_| frame(PING, 0, 0, &[7; 8]).repeat(20)),
        ("settings", |_| frame(SETTINGS, 0, 0, &[0, 0xff, 0, 0, 0, 1]).repeat(20)),
    ];
    let provider = |(name, besides): &(&'static str, Breach)| {
        let besides = *besides;
        let provider = Broken::http2([], move |_, stream| {
            (
                [besides(stream), ok(stream), data(stream, b"whole", true)].concat(),
                false,
            )
        });
        (*name, provider)
    };
    let providers: Vec<_> = BESIDES.iter().map(provider).collect();
    each(&providers, "", |name, answer, outcome| {
        assert_eq!(
            (answer.status, answer.text().as_str(), outcome),
            (200, "whole", "success"),
            "{name}"
        );
    });
}

/// Settings that no HTTP/2 has, at the very beginning: no call was written to the end, none is sent again.
#[test]
fn a_provider_that_begins_with_a_breach_gets_no_call_twice() {
    for greeting in [
        frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1]),
        frame(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff]),
        frame(SETTINGS, 0, 1, &[]),
        goaway(0, 1),
        ok(1),
    ] {
        let provider = Broken::http2(greeting.clone(), |_, stream| {
            (head(stream, END_STREAM, &[(":status", "200")]), false)
        });
        let sidecar = provider.known().only_policy(ALL).start();
        let answer = Tunnel::to("things.example:443")
            .open(&sidecar)
            .ask(call("things.example", "a=1"));
        // Its first answer may have come just as the breach was seen.
        assert!(matches!(answer.status, 200 | 502), "{greeting:x?}: {answer:?}");
        assert!(provider.heads() <= 1, "{greeting:x?}: sent {} times", provider.heads());
    }
}

/// The same by HTTP/1.1: what is said instead of an answer.
const NO_ANSWERS: &[&str] = &[
    "",
    "ICY 200 OK\r\n\r\n",
    "HTTP/3.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 99 Low\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 2000 High\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\nab",
    "HTTP/1.1 200 OK\r\nx-nul: a\0b\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nx a: b\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-le",
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
];

const HALF_ANSWERS: &[&str] = &[
    "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nless",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nless",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x4\r\nhalf\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nhalf\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalfmore\r\n0\r\n\r\n",
];

fn by_http1(says: &'static str) -> Broken {
    Broken::http1(move |count| match count {
        0 => (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(), false),
        _ => (says.as_bytes().to_vec(), true),
    })
}

fn all_by_http1(says: &[&'static str]) -> Vec<(&'static str, Broken)> {
    says.iter().map(|says| (*says, by_http1(says))).collect()
}

#[test]
fn what_is_no_answer_of_http1_leaves_the_call_in_doubt() {
    each(&all_by_http1(NO_ANSWERS), "a=1", assert_in_doubt);
}

#[test]
fn an_answer_of_http1_that_breaks_off_does_not_look_whole() {
    each(&all_by_http1(HALF_ANSWERS), "", assert_cut_off);
}

/// A second answer that nobody asked for would be read as the answer to the next agent's call.
#[test]
fn an_answer_too_many_is_nobodys() {
    let provider = Broken::http1(|count| {
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{}", count % 10);
        (
            answer
                .into_bytes()
                .into_iter()
                .chain(*b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged")
                .collect(),
            false,
        )
    });
    let sidecar = provider.known().only_policy(ALL).start();
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    for turn in 0..20 {
        let answer = wire.ask(call("things.example", if turn % 2 == 0 { "" } else { "a=1" }));
        assert!(
            !answer.text().contains("forged"),
            "call {turn} got another's answer: {answer:?}"
        );
        assert!(matches!(answer.status, 200 | 502), "{answer:?}");
    }
    assert!(provider.heads() <= 20, "sent again: {}", provider.heads());
}

//! Answers that nobody reads, and providers that flood.

use super::World;
use crate::harness::frames::{END_HEADERS, END_STREAM, HEADERS, SETTINGS, block, frame};
use crate::harness::{Frame, Http2, Tunnel, broken::Broken, eventually, noise};

/// Large answers that nobody takes, many at a time: the providers are kept from sending.
#[test]
fn answers_that_are_not_read_are_not_kept() {
    let world = World::new();
    let mut client = Http2::to(&world.sidecar, "things.example");
    // No window at all for the answers.
    client.frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    for call in 0..60u32 {
        let fields = [
            (":method", "GET"),
            (":scheme", "https"),
            (":authority", "things.example"),
            (":path", "/bytes/2000000"),
        ];
        client.head(2 * call + 1, &fields, true);
    }
    for _ in 0..60 {
        let read = client.read();
        assert!(matches!(read, Frame::Head(_, 200, false)), "{read:?}");
    }
    // 120 MB in all. Read ahead is some 500 KiB of each: hyper's buffer, and ours towards the agent.
    world.assert_bears(48);
    drop(client);
    // Those and the honest ones.
    eventually("each has its outcome", || {
        world.sidecar.trail().of_kind("outcome").len() == 62
    });
}

/// A provider that says 103 for ever, and one whose head never ends.
#[test]
fn a_provider_that_floods_fills_no_memory() {
    let hints: Vec<u8> = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(100_000);
    let last = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let hinting = Broken::http1(move |_| ([&hints[..], last].concat(), true));
    let endless = Broken::http1(|_| {
        (
            [b"HTTP/1.1 200 OK\r\nx-long: ", &*noise(16 << 20).to_ascii_lowercase()].concat(),
            true,
        )
    });
    let many = Broken::http1(|_| {
        (
            [&b"HTTP/1.1 200 OK\r\n"[..], &b"x-a: b\r\n".repeat(1 << 20)].concat(),
            true,
        )
    });
    let by_http2 = Broken::http2([], |_, stream| {
        let hint = frame(
            HEADERS,
            END_HEADERS,
            stream,
            &block(&[(":status", "103"), ("link", "</a>")]),
        );
        let last = frame(HEADERS, END_HEADERS | END_STREAM, stream, &[0x88]);
        ([hint.repeat(50_000), last].concat(), true)
    });
    let continued = Broken::http2([], |_, stream| {
        let more = frame(9, 0, stream, &block(&[("x-more", &"x".repeat(1000))]));
        ([frame(HEADERS, 0, stream, &[0x88]), more.repeat(10_000)].concat(), true)
    });
    let pings = Broken::http2(frame(6, 0, 0, &[0; 8]).repeat(200_000), |_, stream| {
        (frame(HEADERS, END_HEADERS | END_STREAM, stream, &[0x88]), true)
    });
    let providers = [
        ("hinting", &hinting, [200, 200]),
        ("endless", &endless, [502, 502]),
        ("many", &many, [502, 502]),
        ("by-http2", &by_http2, [200, 502]),
        ("continued", &continued, [502, 502]),
        ("pings", &pings, [200, 502]),
    ];
    let world = World::with(|sidecar| {
        providers.iter().fold(sidecar, |sidecar, (name, provider, _)| {
            let address = provider.address();
            sidecar
                .resolve_to(&format!("{name}.example"), &address)
                .destination(&address)
        })
    });
    for (name, provider, statuses) in providers {
        println!("{name}");
        let request = format!("GET /flood HTTP/1.1\r\nHost: {name}.example\r\n\r\n");
        let answer = Tunnel::to(&format!("{name}.example:443"))
            .open(&world.sidecar)
            .ask(request);
        assert!(statuses.contains(&answer.status), "{name}: {answer:?}");
        assert!(provider.heads() <= 1, "{name}: sent again");
        world.assert_bears(32);
    }
}

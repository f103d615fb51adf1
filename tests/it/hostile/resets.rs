//! Streams of HTTP/2 that are ended as soon as they were begun.

use std::time::Duration;

use super::World;
use crate::harness::Http2;
use crate::harness::frames::{END_HEADERS, END_STREAM, HEADERS, WINDOW_UPDATE, block, frame};

/// CVE-2025-8671: the agent makes us reset its streams, each of which has been begun with.
#[test]
fn streams_that_we_are_made_to_reset_end_the_connection() {
    let world = World::new();
    let fields = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "things.example"),
        (":path", "/made"),
    ];
    for _ in 0..3 {
        let mut client = Http2::to(&world.sidecar, "things.example");
        client.wire().patience(Duration::from_secs(30));
        for call in 0..5000u32 {
            let stream = 2 * call + 1;
            client
                .head(stream, &fields, false)
                .frame(WINDOW_UPDATE, 0, stream, &[0; 4]);
        }
        assert_eq!(client.ended_with().unwrap_or(11), 11, "ENHANCE_YOUR_CALM");
    }
    world.assert_bears(32);
    let begun = world.origin.calls("POST", "/made").len();
    assert!(begun < 1000, "{begun} of 15000 reached the provider");
}

/// CVE-2023-44487: what is reset at once is not sent on for ever.
#[test]
fn rapid_resets_reach_the_provider_seldom() {
    let world = World::new();
    let fields = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "things.example"),
        (":path", "/rapid"),
    ];
    let mut client = Http2::to(&world.sidecar, "things.example");
    client.wire().patience(Duration::from_secs(30));
    let one = |stream: u32| {
        [
            frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&fields)),
            frame(3, 0, stream, &[0, 0, 0, 8]),
        ]
        .concat()
    };
    let flood: Vec<u8> = (0..20_000).flat_map(|call| one(2 * call + 1)).collect();
    for part in flood.chunks(64 << 10) {
        client.wire().send(part);
    }
    client.ended_with();
    world.assert_bears(32);
    let sent = world.origin.calls("GET", "/rapid").len();
    let decided = world.sidecar.trail().of_kind("decided").len();
    assert!(sent < 2000 && decided < 2000, "{sent} sent, {decided} decided of 20000");
}

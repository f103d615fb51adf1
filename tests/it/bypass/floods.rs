//! Floods of HTTP/2: each is borne or ends its connection, in bounded memory, and others are served.

use crate::harness::{Frame, Http2, Origin, Sidecar};

/// A sidecar of one's own, for what is measured.
fn alone() -> (Origin, Sidecar) {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("things.example", &origin).hold("1s").start();
    (origin, sidecar)
}

const HELLO: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "things.example"),
    (":path", "/hello"),
];

/// Resident memory in KiB.
fn memory(sidecar: &Sidecar) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", sidecar.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What floods: the connection is ended for it or bears it, memory stays, and others are served.
#[track_caller]
fn bears(flood: impl Fn(&mut Http2)) {
    let (_origin, sidecar) = alone();
    assert_eq!(
        Http2::to(&sidecar, "things.example").head(1, &HELLO, true).answer(1),
        Some(200)
    );
    let before = memory(&sidecar);
    for _ in 0..4 {
        let mut client = Http2::to(&sidecar, "things.example");
        client.wire().patience(std::time::Duration::from_secs(30));
        flood(&mut client);
        assert!(
            memory(&sidecar) < before + (32 << 10),
            "{before} KiB became {}",
            memory(&sidecar)
        );
    }
    assert_eq!(
        Http2::to(&sidecar, "things.example").head(1, &HELLO, true).answer(1),
        Some(200)
    );
}

#[test]
fn rapid_resets_are_borne() {
    bears(|client| {
        for call in 0..20_000u32 {
            let stream = 2 * call + 1;
            client.head(stream, &HELLO, true).reset(stream);
        }
    });
}

#[test]
fn a_flood_of_continuation_ends_the_connection() {
    bears(|client| {
        client.head_to_be_continued(1, &HELLO);
        let more = "x".repeat(1000);
        for _ in 0..20_000 {
            client.continuation(1, &[("x-more", &more)]);
        }
        client.ended_with();
    });
}

#[test]
fn a_flood_of_continuation_without_content_ends_the_connection() {
    bears(|client| {
        client.head_to_be_continued(1, &HELLO);
        for _ in 0..20_000 {
            client.continuation(1, &[]);
        }
        client.ended_with();
    });
}

#[test]
fn a_flood_of_empty_data_is_borne() {
    bears(|client| {
        let post = [&[(":method", "POST")], &HELLO[1..]].concat();
        client.head(1, &post, false);
        for _ in 0..20_000 {
            client.data(1, b"", false);
        }
    });
}

#[test]
fn floods_of_settings_and_pings_are_borne() {
    bears(|client| {
        for _ in 0..10_000 {
            client.frame(6, 0, 0, &[0; 8]).frame(4, 0, 0, &[]);
        }
    });
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let (origin, sidecar) = alone();
    let mut client = Http2::to(&sidecar, "things.example");
    let large = "x".repeat(9000);
    let fields: Vec<_> = HELLO
        .into_iter()
        .chain(["x-a", "x-b", "x-c", "x-d"].map(|name| (name, large.as_str())))
        .collect();
    // In frames of at most 16 KiB.
    client.head_to_be_continued(1, &fields[..5]);
    for field in &fields[5..] {
        client.continuation(1, &[*field]);
    }
    client.frame(9, 4, 1, &[]);
    assert!(client.answer(1).is_none_or(|status| status == 431), "refused");
    let names: Vec<_> = (0..200).map(|count| format!("x-{count}")).collect();
    let many: Vec<_> = HELLO
        .into_iter()
        .chain(names.iter().map(|name| (name.as_str(), "1")))
        .collect();
    assert_eq!(
        Http2::to(&sidecar, "things.example").head(1, &many, true).answer(1),
        Some(400)
    );
    origin.assert_untouched();
}

/// More streams than were granted: those beyond are refused, the others answered.
#[test]
fn streams_beyond_the_limit_are_refused() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold("2s").start();
    let mut client = Http2::to(&sidecar, "api.stripe.com");
    let post = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "api.stripe.com"),
        (":path", "/v1/refunds"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    // Contents that do not end: each is waited for.
    for call in 0..150u32 {
        client.head(2 * call + 1, &post, false);
    }
    let refused: Vec<_> = (0..50).map(|_| client.read()).collect();
    assert!(
        refused.iter().all(|frame| matches!(frame, Frame::Reset(200.., 7))),
        "{refused:?}"
    );
    assert_eq!(client.data(1, b"charge=ch_1&amount=1", true).answer(1), Some(200));
    assert_eq!(origin.seen().len(), 1);
}

/// Nothing after the handshake, half a preface, half a head: the connection is given up, the others are served.
#[test]
fn connections_that_say_nothing_hold_nobody_up() {
    let (origin, sidecar) = alone();
    let before = memory(&sidecar);
    let half: Vec<_> = (0..200)
        .map(|count| {
            let mut client = Http2::silent(&sidecar, "things.example");
            match count % 3 {
                0 => {}
                1 => drop(client.wire().send("PRI * HTTP/2.0\r\n\r\n")),
                _ => {
                    client.wire().send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
                    client.frame(4, 0, 0, &[]).head_to_be_continued(1, &HELLO);
                }
            }
            client
        })
        .collect();
    assert_eq!(
        Http2::to(&sidecar, "things.example").head(1, &HELLO, true).answer(1),
        Some(200)
    );
    assert!(
        memory(&sidecar) < before + (60 << 10),
        "{before} KiB became {}",
        memory(&sidecar)
    );
    assert_eq!(origin.seen().len(), 1);
    drop(half);
}

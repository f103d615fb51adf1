//! Breaches of HTTP/2 (RFC 9113) and HPACK (RFC 7541), as h2spec has them: each has the error that the RFC wants, or a
//! stricter one, and no request that breaks them reaches the gate's yes or the provider.

mod fields;
mod frames;
mod hpack;
mod provider;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use crate::harness::frames::{END_HEADERS, END_STREAM, HEADERS, block, frame};
use crate::harness::{Http2, Origin, Shared, Sidecar, eventually};

/// Everything may pass, if it is a request.
const ALL: &str = r#"@id("all") permit (principal, action, resource);"#;

// RFC 9113, 7.
const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const COMPRESSION_ERROR: u32 = 9;

const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "things.example"),
    (":path", "/hello"),
];

/// A request that is whole.
fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&GET))
}

/// A request whose content follows.
fn post(stream: u32) -> Vec<u8> {
    let head = [&[(":method", "POST")], &GET[1..]].concat();
    frame(HEADERS, END_HEADERS, stream, &block(&head))
}

/// What must come of a breach.
#[derive(Clone, Copy, Debug)]
enum Want {
    /// The connection is ended with one of these codes, or closed without one.
    Ends(&'static [u32]),
    /// The stream is reset with one of these codes, or the connection is ended with one.
    Resets(u32, &'static [u32]),
    /// It is ignored, and the connection goes on.
    Nothing,
}

struct World {
    origin: Origin,
    sidecar: Sidecar,
}

static WORLD: Shared<World> = Shared::new();

fn world() -> Arc<World> {
    WORLD.get(|| {
        let origin = Origin::of_things();
        let sidecar = Sidecar::new()
            .resolve("things.example", &origin)
            .only_policy(ALL)
            .start();
        World { origin, sidecar }
    })
}

impl World {
    fn client(&self) -> Http2 {
        Http2::to(&self.sidecar, "things.example")
    }

    /// Sends these frames, and sees to what comes of them. What was a whole request before may have been answered.
    #[track_caller]
    fn judge(&self, name: &str, frames: &[Vec<u8>], want: Want) {
        let mut client = self.client();
        client.wire().patience(Duration::from_secs(20));
        client.wire().send(frames.concat());
        match want {
            Want::Ends(codes) => {
                let code = client.ended_with();
                assert!(
                    code.is_none_or(|code| codes.contains(&code)),
                    "{name}: ended with {code:?}"
                );
            }
            Want::Resets(stream, codes) => {
                let code = client.reset_of(stream);
                assert!(
                    code.is_none_or(|code| codes.contains(&code)),
                    "{name}: reset with {code:?}"
                );
            }
            Want::Nothing => assert!(client.is_alive(), "{name}: the connection ended"),
        }
    }
}

/// A breach: what is sent, and what must come of it.
type Case<'a> = (&'a str, Vec<Vec<u8>>, Want);

/// Each on a connection of its own. Nothing but `/hello` may reach the origin; whoever is honest is served after all of it.
#[track_caller]
fn judge(cases: &[Case<'_>]) {
    let world = world();
    for (name, frames, want) in cases {
        println!("{name}");
        world.judge(name, frames, *want);
    }
    assert_eq!(world.client().head(1, &GET, true).answer(1), Some(200));
    let odd: Vec<_> = world
        .origin
        .seen()
        .into_iter()
        .filter(|seen| seen.target != "/hello")
        .collect();
    assert!(odd.is_empty(), "{odd:#?}");
}

/// Every breach that ends a connection is in the trail.
#[test]
fn breaches_are_in_the_trail() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new()
        .resolve("things.example", &origin)
        .only_policy(ALL)
        .start();
    let breaches = [
        frame(HEADERS, END_HEADERS | END_STREAM, 2, &block(&GET)),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff; 8]),
        frame(0, 0, 1, b"x"),
        frame(4, 0, 0, &[1, 2, 3]),
    ];
    for breach in &breaches {
        let mut client = Http2::to(&sidecar, "things.example");
        client.wire().send(breach);
        client.ended_with();
    }
    eventually("each is in the trail", || {
        sidecar.trail().of_kind("refused").len() == breaches.len()
    });
    assert!(sidecar.trail().of_kind("decided").is_empty(), "none of it was a call");
    origin.assert_untouched();
}

//! Content that drips, in the smallest pieces, or without an end; requests that come faster than their answers are read.

use std::time::Duration;

use super::{HELLO, World};
use crate::harness::{Origin, Tunnel, Wire, read_answer};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// What was announced takes no memory from who sends what they announce.
#[test]
fn contents_that_drip_leave_room_for_others() {
    let stripe = Origin::stripe();
    let world = World::with(|sidecar| {
        sidecar
            .resolve("api.stripe.com", &stripe)
            .section("limits: { body: 8MiB, bodies: 16MiB, decoded: 8MiB }")
    });
    let charge = |length: usize| {
        format!(
            "POST /v1/charges HTTP/1.1\r\nHost: api.stripe.com\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\n\r\namount=1&currency=usd&source=x"
        )
    };
    let drips: Vec<Wire> = (0..50)
        .map(|_| {
            let mut wire = Tunnel::to("api.stripe.com:443").open(&world.sidecar);
            wire.send(charge(8_000_000));
            wire
        })
        .collect();
    let answer = Tunnel::to("api.stripe.com:443").open(&world.sidecar).ask(charge(30));
    assert_eq!(answer.status, 200, "{answer:?}");
    world.assert_bears(24);
    assert_eq!(stripe.seen().len(), 1);
    drop(drips);
}

#[test]
fn content_in_the_smallest_pieces_is_read_in_little_memory() {
    let stripe = Origin::stripe();
    let world = World::with(|sidecar| sidecar.resolve("api.stripe.com", &stripe));
    let head = format!("POST /v1/charges HTTP/1.1\r\nHost: api.stripe.com\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n");
    let content = format!("amount=1&currency=usd&source=x&description={}", "x".repeat(100_000));
    let mut pieces = String::new();
    for byte in content.chars() {
        pieces.push_str("1\r\n");
        pieces.push(byte);
        pieces.push_str("\r\n");
    }
    let mut wire = Tunnel::to("api.stripe.com:443").open(&world.sidecar);
    assert_eq!(wire.send(head).ask(pieces + "0\r\n\r\n").status, 200);
    assert_eq!(stripe.seen()[0].text(), content);
    world.assert_bears(16);
}

#[test]
fn a_content_that_never_comes_to_its_end_is_refused() {
    let stripe = Origin::stripe();
    let world = World::with(|sidecar| sidecar.resolve("api.stripe.com", &stripe));
    let head = format!("POST /v1/charges HTTP/1.1\r\nHost: api.stripe.com\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n");
    let start = "1e\r\namount=1&currency=usd&source=x\r\n";
    let trailers = format!("{start}0\r\n{}", "X-Trailer: v\r\n".repeat(8));
    for (beginning, more) in [
        // Trailers, extensions of chunks, chunks.
        (
            trailers.as_str(),
            format!("X-More: {}\r\n", "v".repeat(1000)).repeat(64),
        ),
        ("1;x=", "y".repeat(64 << 10)),
        (start, format!("10000\r\n{}\r\n", "x".repeat(0x10000))),
    ] {
        let mut wire = Tunnel::to("api.stripe.com:443").open(&world.sidecar);
        wire.patience(Duration::from_secs(30));
        wire.send(&head).send(beginning);
        // Up to 32 MiB.
        for _ in 0..512 {
            if wire.try_send(more.as_bytes()).is_err() {
                break;
            }
        }
        // The refusal may be lost with the connection that it ends.
        if let Ok(Some(answer)) = read_answer(&mut wire, false) {
            assert!((400..500).contains(&answer.status), "{answer:?}");
        }
    }
    world.assert_bears(48);
    assert!(stripe.seen().is_empty());
}

/// Requests without end on one connection, and nobody who reads their answers: it is not read on from.
#[test]
fn requests_whose_answers_nobody_reads_are_not_taken() {
    let world = World::new();
    let mut wire = world.tunnel();
    wire.patience(Duration::from_secs(2));
    let many = HELLO
        .replace("/hello", "/bytes/100000")
        .replacen("\r\n\r\n", &format!("\r\nX-Long: {}\r\n\r\n", "v".repeat(4000)), 1)
        .repeat(16);
    let mut sent = 0;
    while sent < 32 << 20 && wire.try_send(many.as_bytes()).is_ok() {
        sent += many.len();
    }
    // Most of it lies in the buffers of two sockets.
    assert!(sent < 16 << 20, "{sent} bytes of requests were taken, and no answer");
    world.assert_bears(16);
}

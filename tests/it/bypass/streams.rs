//! Around O34: a handshake as a way round. Streams to this host are allowed, changes are not.

use std::time::Duration;

use crate::harness::{HttpAnswer, Origin, Reply, Shared, Sidecar, Tunnel, Wire};

const RULES: &str = r#"
@id("feed")
permit (principal, action == Action::"open_stream", resource) when { context.host == "feed.example" };
"#;

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const SMUGGLED: &str = "POST /pay HTTP/1.1\r\nHost: feed.example\r\nContent-Length: 1\r\n\r\nx";

struct World {
    origin: Origin,
    sidecar: Sidecar,
}

static WORLD: Shared<World> = Shared::new();

/// What a request to the allowed host is answered, and whether anything of it reached the origin; `SMUGGLED` follows in
/// the same write.
fn asked(line: &str, fields: &str) -> (HttpAnswer, bool) {
    let world = WORLD.get(|| {
        let origin = Origin::of_things();
        let sidecar = Sidecar::new().resolve("feed.example", &origin).policy(RULES).start();
        World { origin, sidecar }
    });
    // Told apart by its query.
    let case = format!("case={}", crate::harness::sha256(format!("{line}{fields}")));
    let line = line.replacen(' ', &format!(" /socket?{case} "), 1);
    let mut wire = Tunnel::to("feed.example:443").open(&world.sidecar);
    let answer = wire.ask(format!("{line}\r\nHost: feed.example\r\n{fields}\r\n{SMUGGLED}"));
    wire.patience(Duration::from_secs(10));
    if answer.status != 101 {
        let next = wire.answer();
        assert!(next.is_none_or(|next| (400..500).contains(&next.status)));
    }
    assert!(world.origin.calls("POST", "/pay").is_empty(), "smuggled: {line}");
    let reached = world.origin.seen().iter().any(|seen| seen.target.contains(&case));
    (answer, reached)
}

/// What the cases below differ in one point from.
#[test]
fn ws_a_whole_handshake_is_carried() {
    let (answer, reached) = asked("GET HTTP/1.1", &format!("{UPGRADE}{KEY}{VERSION}"));
    assert_eq!((answer.status, reached), (101, true));
    assert_eq!(
        answer.header("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
}

macro_rules! refused {
    ($($test:ident: $line:literal, $fields:expr;)*) => {$(
        #[test]
        fn $test() {
            let (answer, reached) = asked($line, &$fields.concat());
            assert!(matches!(answer.status, 400 | 415), "{answer:?}");
            assert_eq!(answer.header("connection"), Some("close"));
            assert!(!reached, "neither as a handshake nor as a request");
        }
    )*};
}

refused! {
    ws_post_with_content: "POST HTTP/1.1", [UPGRADE, KEY, VERSION, "Content-Length: 5\r\n"];
    ws_post_in_chunks: "POST HTTP/1.1", [UPGRADE, KEY, VERSION, "Transfer-Encoding: chunked\r\n"];
    ws_get_with_content: "GET HTTP/1.1", [UPGRADE, KEY, VERSION, "Content-Length: 70\r\n"];
    ws_head: "HEAD HTTP/1.1", [UPGRADE, KEY, VERSION];
    ws_in_http_1_0: "GET HTTP/1.0", [UPGRADE, KEY, VERSION];
    ws_two_values: "GET HTTP/1.1", [UPGRADE, "Upgrade: foo\r\n", KEY, VERSION];
    ws_two_values_in_one_line: "GET HTTP/1.1", ["Connection: Upgrade\r\nUpgrade: foo, websocket\r\n", KEY, VERSION];
    ws_beside_h2c: "GET HTTP/1.1", [UPGRADE, "Upgrade: h2c\r\nHTTP2-Settings: AA\r\n", KEY, VERSION];
    ws_twice: "GET HTTP/1.1", [UPGRADE, "Upgrade: websocket\r\n", KEY, VERSION];
    ws_without_connection: "GET HTTP/1.1", ["Upgrade: websocket\r\n", KEY, VERSION];
    ws_connection_names_other_fields: "GET HTTP/1.1", ["Connection: keep-alive, X-Upgrade\r\nUpgrade: websocket\r\n", KEY, VERSION];
    ws_without_key: "GET HTTP/1.1", [UPGRADE, VERSION];
    ws_two_keys: "GET HTTP/1.1", [UPGRADE, KEY, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", VERSION];
    ws_short_key: "GET HTTP/1.1", [UPGRADE, "Sec-WebSocket-Key: AAAA\r\n", VERSION];
    ws_old_version: "GET HTTP/1.1", [UPGRADE, KEY, "Sec-WebSocket-Version: 8\r\n"];
    ws_key_dropped_by_connection: "GET HTTP/1.1", ["Connection: Upgrade, Sec-WebSocket-Key\r\nUpgrade: websocket\r\n", VERSION];
    ws_other_protocol: "GET HTTP/1.1", ["Connection: Upgrade\r\nUpgrade: TLS/1.3\r\n"];
}

fn alone() -> (Origin, Sidecar) {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("feed.example", &origin).policy(RULES).start();
    (origin, sidecar)
}

fn handshake(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: feed.example\r\n{UPGRADE}{KEY}{VERSION}\r\n")
}

/// RUSTSEC-2026-0033: a handshake that the provider declines must not leave the connection unread.
#[test]
fn ws_declined_stays_http() {
    let (origin, sidecar) = alone();
    for status in [200, 403, 426] {
        origin.answer_next_with(Reply::new(status).header("upgrade", "websocket").bytes("declined\n"));
        let mut wire = Tunnel::to("feed.example:443").open(&sidecar);
        let declined = wire.ask(handshake("/declined") + SMUGGLED);
        assert_eq!((declined.status, declined.text().as_str()), (status, "declined\n"));
        assert_eq!(declined.header("upgrade"), None, "{declined:?}");
        let judged = wire.answer().unwrap();
        assert_eq!(
            (judged.status, judged.text().contains("policy_blocked")),
            (403, true),
            "{judged:?}"
        );
        assert_eq!(
            wire.ask("GET /hello HTTP/1.1\r\nHost: feed.example\r\n\r\n").text(),
            "hello\n"
        );
    }
    assert!(origin.calls("POST", "/pay").is_empty());
}

#[test]
fn ws_a_101_to_something_else() {
    let (origin, sidecar) = alone();
    let accept = ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    for fields in [
        vec![("upgrade", "websocket")],
        vec![
            ("upgrade", "websocket"),
            ("sec-websocket-accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ],
        vec![("upgrade", "h2c"), accept],
        vec![accept],
    ] {
        let reply = fields
            .iter()
            .fold(Reply::new(101), |reply, (name, value)| reply.header(name, *value));
        origin.answer_next_with(reply.header("connection", "upgrade"));
        let mut wire = Tunnel::to("feed.example:443").open(&sidecar);
        let refused = wire.ask(handshake("/odd") + SMUGGLED);
        assert_eq!(
            (refused.status, refused.header("connection")),
            (502, Some("close")),
            "{fields:?}: {refused:?}"
        );
        assert!(refused.text().contains("MAY have been executed"), "{refused:?}");
        assert!(wire.is_closed());
    }
    for connection in 1..=origin.connections() {
        let raw = origin.raw(connection as u64);
        assert!(!crate::harness::contains(&raw, b"POST /pay"), "smuggled");
    }
}

#[test]
fn ws_absolute_form() {
    let (origin, sidecar) = alone();
    // In a tunnel a target is a path, whoever it names.
    for target in [
        "https://feed.example/socket",
        "http://evil.example/socket",
        "ws://feed.example/socket",
    ] {
        let refused = Tunnel::to("feed.example:443").open(&sidecar).ask(handshake(target));
        assert_eq!(refused.status, 400, "{target}: {refused:?}");
    }
    // In clear the scheme is http: there is no other that names what follows.
    for target in [
        "ws://feed.example/socket",
        "wss://feed.example/socket",
        "https://feed.example/socket",
        "/socket",
    ] {
        let refused = Wire::to(&sidecar).ask(handshake(target));
        assert_eq!(
            (refused.status, refused.header("connection")),
            (400, Some("close")),
            "{target}: {refused:?}"
        );
    }
    // The rule names a host, and Host must be it.
    let other = handshake("/socket").replace("Host: feed.example", "Host: evil.example");
    assert_eq!(Tunnel::to("feed.example:443").open(&sidecar).ask(other).status, 421);
    origin.assert_untouched();
}

/// A stream is opened by its own rule only: what a read or a write may do says nothing of it.
#[test]
fn ws_is_no_read() {
    let origin = Origin::stripe();
    let everything_else =
        "@id(\"all\") permit (principal, action, resource) unless { action == Action::\"open_stream\" };";
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .policy(everything_else)
        .start();
    let balance = handshake("/v1/balance").replace("feed.example", "api.stripe.com");
    let refused = Tunnel::to("api.stripe.com:443").open(&sidecar).ask(balance);
    assert_eq!(
        (refused.status, refused.text().contains("policy_blocked")),
        (403, true),
        "{refused:?}"
    );
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json"),
        "no WebSocket reads Stripe's errors"
    );
    origin.assert_untouched();
}

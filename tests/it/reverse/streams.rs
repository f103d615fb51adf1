//! WebSockets and events in reverse: the same gate, the same record, and the provider's own name towards the provider.

use std::io::Read;

use serde_json::Value;

use super::{assert_refused, house};
use crate::harness::{Gate, Origin, Reply, Session, Sidecar, WebSockets, Wire, eventually, free_port};

const FEED: &str = r#"
@id("market-feed")
permit (principal, action == Action::"open_stream", resource) when { context.host == "feed.example" };
"#;

const HELD: &str = r#"
@id("feeds") permit (principal, action == Action::"open_stream", resource);
@id("ask-first") @decision("REQUIRE_APPROVAL") @reason("Feeds are opened by people")
forbid (principal, action == Action::"open_stream", resource);
"#;

/// The library's own server behind a port of ours.
fn before(server: &WebSockets, policy: &str) -> (Sidecar, String) {
    let port = free_port();
    let section = format!("reverse:\n  - {{ listen: \"127.0.0.1:{port}\", to: \"https://feed.example\" }}\n");
    let sidecar = Sidecar::new()
        .resolve_to("feed.example", &server.address())
        .destination(&server.address())
        .policy(policy)
        .section(&section)
        .start();
    (sidecar, format!("127.0.0.1:{port}"))
}

fn client() -> Session {
    Session::at("websockets_client.py", "FEED_URL", "")
}

fn handshake(port: u16, target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

fn outcome(sidecar: &Sidecar) -> Value {
    eventually("it is closed in the record", || {
        !sidecar.trail().of_kind("outcome").is_empty()
    });
    sidecar.trail().of_kind("outcome").remove(0)
}

fn echoed(wire: &mut Wire, bytes: &[u8]) -> Vec<u8> {
    wire.send(bytes);
    let mut back = vec![0; bytes.len()];
    wire.read_exact(&mut back).unwrap();
    back
}

#[test]
fn a_websocket_is_carried_where_a_rule_names_its_host() {
    let server = WebSockets::start("feed.example");
    let (sidecar, address) = before(&server, FEED);
    let mut client = client();
    let opened = client.call(&format!(
        "open a ws://{address}/chat?token=hunter2 subprotocol=other,chat"
    ));
    assert_eq!(opened.assert_ok().value, "chat");
    server.says("opened /chat?token=hunter2 alpn http/1.1");
    assert_eq!(client.call("say a hello").value, "hello");
    client.call("big a 8").assert_ok();
    assert_eq!(client.call("close a 1000").value, 1000);
    let ended = outcome(&sidecar);
    assert_eq!((&ended["outcome"], &ended["status"]), (&"success".into(), &101.into()));
    for way in ["sent", "received"] {
        let bytes = ended[way].as_i64().unwrap();
        assert!((8 << 20..9 << 20).contains(&bytes), "{ended}");
    }
    assert!(ended["milliseconds"].as_i64().unwrap() > 0, "{ended}");
    let decided = &sidecar.trail().of_kind("decided")[0];
    assert_eq!(
        (&decided["action"], &decided["inspected"]),
        (&"open_stream".into(), &0.into())
    );
    assert!(!sidecar.trail().holds(b"hunter2"));
}

#[test]
fn a_websocket_is_blocked_where_no_rule_names_its_host() {
    let server = WebSockets::start("feed.example");
    let (_sidecar, address) = before(&server, "");
    let refused = client().call(&format!("open a ws://{address}/chat"));
    refused.assert_refused("policy_blocked").assert_refused("NOT executed");
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    assert_eq!(refused.headers["connection"], "close");
    assert!(!server.printed().contains("opened"));
}

#[test]
fn a_websocket_that_needs_approval_is_held_and_opened_once() {
    let server = WebSockets::start("feed.example");
    let (sidecar, address) = before(&server, HELD);
    let mut client = client();
    client.send(&format!("open a ws://{address}/chat"));
    let id = sidecar.next_held();
    assert!(!server.printed().contains("opened"));
    sidecar.approve(&id);
    client.receive().assert_ok();
    assert_eq!(client.call("say a hello").value, "hello");
    let again = client.call(&format!("open b ws://{address}/chat"));
    again.assert_refused("already_executed");
    // By proxy it is the same call.
    Session::websockets(&sidecar)
        .call("open c wss://feed.example/chat")
        .assert_refused("already_executed");
}

/// On the proxy's own port, behind a prefix, which the provider never sees.
#[test]
fn the_provider_sees_its_own_name_and_path() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new()
        .resolve("feed.example", &origin)
        .policy(FEED)
        .section("reverse: [ { prefix: /feed, to: \"https://feed.example\" } ]")
        .start();
    let port = sidecar.proxy_port();
    let mut wire = Wire::to(&sidecar);
    assert_eq!(wire.ask(handshake(port, "/feed/socket?a=%20b") + "early").status, 101);
    let mut early = [0; 5];
    wire.read_exact(&mut early).unwrap();
    assert_eq!(
        (&early, echoed(&mut wire, b"hello").as_slice()),
        (b"early", &b"hello"[..])
    );
    let seen = &origin.seen()[0];
    assert_eq!(
        (&*seen.target, seen.header("host"), seen.header("origin")),
        ("/socket?a=%20b", Some("feed.example"), None)
    );
    assert_eq!(seen.header("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    // Another name for us than our own, as a page in a browser could bring about.
    let rebound = handshake(port, "/feed/socket").replace("localhost:", "evil.example:");
    assert_refused(&Wire::to(&sidecar).ask(rebound), 421, "authority_mismatch");
    let page = handshake(port, "/feed/socket").replacen("\r\n", "\r\nOrigin: https://evil.example\r\n", 1);
    assert_refused(&Wire::to(&sidecar).ask(page), 421, "web pages");
    assert_eq!(origin.seen().len(), 1);
}

#[test]
fn a_stream_ends_when_its_rule_goes() {
    let origin = Origin::of_things();
    let house = house("feed.example", &origin, "", |sidecar| sidecar.policy(FEED));
    let mut wire = Wire::at(house.port);
    assert_eq!(wire.ask(handshake(house.port, "/socket")).status, 101);
    assert_eq!(echoed(&mut wire, b"hello"), b"hello");
    house.sidecar.puts(
        "policies/house.cedar",
        FEED.replace("feed.example", "elsewhere.example"),
    );
    assert!(wire.is_closed());
    let ended = outcome(&house.sidecar);
    assert_eq!(
        (&ended["outcome"], &ended["reason"], &ended["sent"]),
        (&"abandoned".into(), &"policy_blocked".into(), &5.into())
    );
    eventually("the provider's side is closed too", || origin.sockets() == 0);
}

/// Refused or declined, what follows in the same write is a request and judged as one.
#[test]
fn nothing_rides_on_a_handshake_that_fails() {
    let origin = Origin::of_things();
    let house = house("feed.example", &origin, "", |sidecar| sidecar.policy(FEED));
    let port = house.port;
    let smuggled = format!("POST /pay HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: 1\r\n\r\nx");
    origin.answer_next_with(Reply::new(426).bytes("no\n"));
    let mut wire = Wire::at(port);
    assert_eq!(wire.ask(handshake(port, "/declined") + &smuggled).status, 426);
    assert_refused(&wire.answer().unwrap(), 403, "policy_blocked");
    for breach in [
        handshake(port, "/socket").replace("websocket", "TLS/1.3"),
        handshake(port, "/socket").replace("GET", "POST"),
        handshake(port, "/socket").replace("Version: 13", "Version: 8"),
    ] {
        let mut wire = Wire::at(port);
        let refused = wire.ask(breach + &smuggled);
        assert!((400..500).contains(&refused.status), "{refused:?}");
        assert!(wire.answer().is_none_or(|answer| (400..500).contains(&answer.status)));
    }
    // Clients offer it of their own accord: it is passed over, and what comes is HTTP/1.1.
    let mut wire = Wire::at(port);
    let offered = wire.ask(handshake(port, "/hello").replace("websocket", "h2c") + &smuggled);
    assert_eq!((offered.status, offered.header("upgrade")), (200, None), "{offered:?}");
    assert_refused(&wire.answer().unwrap(), 403, "policy_blocked");
    let mut clear = Wire::at(port);
    clear
        .send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .send([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    assert!(
        clear.answer().is_none_or(|answer| answer.status >= 400),
        "no HTTP/2 in clear"
    );
    assert!(origin.calls("POST", "/pay").is_empty());
}

/// An answer that is looked at for its outcome comes as it is written too.
#[test]
fn events_of_a_mapped_provider_come_as_they_are_written() {
    let origin = Origin::openai();
    let house = house("api.openai.com", &origin, "", |sidecar| sidecar);
    let gate = Gate::shut();
    let reply = Reply::new(200).header("content-type", "text/event-stream");
    origin.answer_next_with(reply.bytes("data: 1\n\n").gate(&gate).bytes("data: 2\n\n"));
    let content = r#"{"model":"m","stream":true,"messages":[]}"#;
    let mut wire = Wire::at(house.port);
    wire.send(format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost:{}\r\nAuthorization: Bearer sk-1\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{content}",
        house.port,
        content.len()
    ));
    let mut read = Vec::new();
    for expected in ["data: 1\n\n", "data: 2\n\n"] {
        while !String::from_utf8_lossy(&read).contains(expected) {
            let mut piece = [0; 1024];
            let length = wire.read(&mut piece).expect("an event");
            assert_ne!(length, 0);
            read.extend_from_slice(&piece[..length]);
        }
        gate.open();
    }
    assert_eq!(origin.seen()[0].header("host"), Some("api.openai.com"));
    drop(wire);
    let ended = outcome(&house.sidecar);
    assert_eq!(ended["status"], 200, "{ended}");
}

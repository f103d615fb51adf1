//! WebSockets: judged by their handshake, carried where a rule names the host, and closed when what they rest on goes.

use std::io::Read;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Configuration, Origin, Reply, Session, Sidecar, Tunnel, WebSockets, Wire, eventually};

pub const FEED: &str = r#"
@id("market-feed")
permit (principal, action == Action::"open_stream", resource) when { context.host == "feed.example" };
"#;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A handshake for `/socket`, and further lines of its head.
pub fn handshake(lines: &str) -> String {
    format!(
        "GET /socket HTTP/1.1\r\nHost: feed.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
}

pub fn feed(configuration: Configuration) -> (Origin, Sidecar) {
    let origin = Origin::of_things();
    let sidecar = configuration.resolve("feed.example", &origin).policy(FEED).start();
    (origin, sidecar)
}

/// A stream through the tunnel that has given back a first word.
pub fn opened(origin: &Origin, sidecar: &Sidecar, tunnel: Tunnel) -> Wire {
    let before = origin.sockets();
    let mut wire = tunnel.open(sidecar);
    assert_eq!(wire.ask(handshake("")).status, 101);
    assert_eq!(echoed(&mut wire, b"first"), b"first");
    assert_eq!(origin.sockets(), before + 1);
    wire
}

fn echoed(wire: &mut Wire, bytes: &[u8]) -> Vec<u8> {
    wire.send(bytes);
    let mut back = vec![0; bytes.len()];
    wire.read_exact(&mut back).unwrap();
    back
}

/// The one outcome on record.
pub fn outcome(sidecar: &Sidecar) -> Value {
    eventually("it is closed in the record", || {
        !sidecar.trail().of_kind("outcome").is_empty()
    });
    let mut outcomes = sidecar.trail().of_kind("outcome");
    assert_eq!(outcomes.len(), 1, "{outcomes:#?}");
    outcomes.remove(0)
}

#[test]
fn a_websocket_is_carried_where_a_rule_names_its_host() {
    let server = WebSockets::start("feed.example");
    let sidecar = Sidecar::new()
        .resolve_to("feed.example", &server.address())
        .destination(&server.address())
        .policy(FEED)
        .start();
    let mut client = Session::websockets(&sidecar);
    let opened = client.call("open a wss://feed.example/chat?token=hunter2 subprotocol=other,chat");
    assert_eq!(opened.assert_ok().value, "chat");
    server.says("opened /chat?token=hunter2 alpn http/1.1");
    assert_eq!(client.call("say a hello").value, "hello");
    client.call("big a 8").assert_ok();
    assert_eq!(client.call("close a 1000").value, 1000);
    server.says("closed /chat?token=hunter2 code 1000");

    let ended = outcome(&sidecar);
    assert_eq!((&ended["outcome"], &ended["status"]), (&"success".into(), &101.into()));
    for way in ["sent", "received"] {
        let bytes = ended[way].as_i64().unwrap();
        assert!((8 << 20..9 << 20).contains(&bytes), "{ended}");
    }
    assert!(ended["milliseconds"].as_i64().unwrap() > 0, "{ended}");
    let decided = &sidecar.trail().of_kind("decided")[0];
    assert_eq!(
        (&decided["action"], &decided["inspected"], &decided["rules"]),
        (&"open_stream".into(), &0.into(), &"market-feed".into())
    );
    assert!(
        !sidecar.trail().holds(b"hunter2"),
        "what is said in a query may be secret"
    );
    let shown = sidecar.told(&["audit", "show", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (&shown["sent"], &shown["received"]),
        (&ended["sent"], &ended["received"])
    );
}

#[test]
fn close_codes_come_through_from_either_side() {
    let server = WebSockets::start("feed.example");
    let sidecar = Sidecar::new()
        .resolve_to("feed.example", &server.address())
        .destination(&server.address())
        .policy(FEED)
        .start();
    let mut client = Session::websockets(&sidecar);
    client.call("open a wss://feed.example/close/4001").assert_ok();
    let closed = client.call("say a hello");
    assert_eq!(closed.error().code.as_deref(), Some("4001"), "{closed:?}");
    client.call("open b wss://feed.example/b").assert_ok();
    client.call("close b 4002").assert_ok();
    server.says("closed /b code 4002");
}

#[test]
fn a_websocket_that_no_rule_names_is_refused_at_once_with_the_reason() {
    let server = WebSockets::start("feed.example");
    let sidecar = Sidecar::new()
        .resolve_to("feed.example", &server.address())
        .destination(&server.address())
        .start();
    let mut client = Session::websockets(&sidecar);
    let start = Instant::now();
    let refused = client.call("open a wss://feed.example/chat");
    refused.assert_refused("policy_blocked").assert_refused("NOT executed");
    assert_eq!(refused.error().http_status, Some(403));
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    assert_eq!(refused.headers["connection"], "close");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(!server.printed().contains("opened"));
    assert!(sidecar.trail().of_kind("outcome").is_empty(), "a block is its own end");
}

#[test]
fn a_websocket_that_needs_approval_is_held_and_opened() {
    let held = r#"
        @id("feeds") permit (principal, action == Action::"open_stream", resource);
        @id("ask-first") @decision("REQUIRE_APPROVAL") @reason("Feeds are opened by people")
        forbid (principal, action == Action::"open_stream", resource);
    "#;
    let server = WebSockets::start("feed.example");
    let sidecar = Sidecar::new()
        .resolve_to("feed.example", &server.address())
        .destination(&server.address())
        .policy(held)
        .start();
    let mut client = Session::websockets(&sidecar);
    client.send("open a wss://feed.example/chat");
    let id = sidecar.next_held();
    assert!(!server.printed().contains("opened"));
    sidecar.approve(&id);
    client.receive().assert_ok();
    assert_eq!(client.call("say a hello").value, "hello");
    // Approved once, opened once: the same again asks for what was spent.
    client
        .call("open b wss://feed.example/chat")
        .assert_refused("already_executed");
    // An unrelated rule changes nothing; another text of the rule that asked does.
    sidecar.puts(
        "policies/other.cedar",
        "@id(\"other\") forbid (principal, action == Action::\"send_sms\", resource);",
    );
    assert_eq!(client.call("say a still").value, "still");
    sidecar.puts("policies/house.cedar", held.replace("by people", "by other people"));
    client.call("hear a").assert_refused("no close frame");
}

#[test]
fn a_websocket_that_was_not_approved_in_time_attaches_when_it_comes_again() {
    let held = r#"
        @id("feeds") permit (principal, action == Action::"open_stream", resource);
        @id("ask-first") @decision("REQUIRE_APPROVAL") forbid (principal, action == Action::"open_stream", resource);
    "#;
    let server = WebSockets::start("feed.example");
    let sidecar = Sidecar::new()
        .resolve_to("feed.example", &server.address())
        .destination(&server.address())
        .policy(held)
        .hold("1s")
        .start();
    let mut client = Session::websockets(&sidecar);
    let pending = client.call("open a wss://feed.example/chat x-room=one");
    pending.assert_refused("approval_pending");
    assert_eq!(pending.headers["connection"], "close");
    sidecar.approve(&sidecar.next_held());
    // Another room is another call, however alike; the same one has another key by now.
    client
        .call("open b wss://feed.example/chat x-room=two")
        .assert_refused("approval_pending");
    client.call("open c wss://feed.example/chat x-room=one").assert_ok();
    assert_eq!(client.call("say c hello").value, "hello");
}

#[test]
fn a_stream_is_closed_when_its_rule_goes() {
    let (origin, sidecar) = feed(Sidecar::new());
    let mut wire = opened(&origin, &sidecar, Tunnel::to("feed.example:443"));
    sidecar.puts(
        "policies/other.cedar",
        "@id(\"other\") forbid (principal, action == Action::\"send_sms\", resource);",
    );
    assert_eq!(
        echoed(&mut wire, b"second"),
        b"second",
        "rules about other things close nothing"
    );
    sidecar.puts(
        "policies/house.cedar",
        FEED.replace("feed.example", "elsewhere.example"),
    );
    assert!(wire.is_closed());
    eventually("the provider's side is closed too", || origin.sockets() == 0);
    let ended = outcome(&sidecar);
    assert_eq!(
        (&ended["outcome"], &ended["reason"]),
        (&"abandoned".into(), &"policy_blocked".into())
    );
    assert_eq!((&ended["sent"], &ended["received"]), (&11.into(), &11.into()));
    assert!(sidecar.prints(&["CLOSED support-bot", "feed.example:443", "policy no longer allows it"]));
    let refused = Tunnel::to("feed.example:443").open(&sidecar).ask(handshake(""));
    assert_eq!(refused.status, 403);
}

#[test]
fn a_stream_is_closed_when_its_agents_key_is_rotated() {
    for command in ["rotate", "disable"] {
        let (origin, sidecar) = feed(Sidecar::new().without_fixed_agent());
        let added = sidecar.told(&["agents", "add", "bot", "--owner", "owner"]);
        let key = added.split_whitespace().find(|word| word.starts_with("rp_")).unwrap();
        let tunnel = Tunnel::to("feed.example:443").field(&format!("Proxy-Authorization: Bearer {key}"));
        let mut wire = opened(&origin, &sidecar, tunnel);
        sidecar.told(&["agents", "add", "other", "--owner", "owner"]);
        assert_eq!(echoed(&mut wire, b"second"), b"second", "other agents close nothing");
        sidecar.told(&["agents", command, "bot"]);
        assert!(wire.is_closed(), "{command}");
        eventually("the provider's side is closed too", || origin.sockets() == 0);
        assert_eq!(outcome(&sidecar)["reason"], "agent_unknown", "{command}");
    }
}

#[test]
fn a_tunnel_is_closed_when_its_rule_goes() {
    let rule = FEED.replace("open_stream", "open_tunnel");
    let origin = Origin::of_things_in_clear();
    let sidecar = Sidecar::new().resolve("feed.example:80", &origin).policy(&rule).start();
    let (mut wire, answer) = Tunnel::to("feed.example:80").connect(&sidecar);
    assert_eq!(answer.unwrap().status, 200);
    assert_eq!(
        wire.ask("GET /hello HTTP/1.1\r\nHost: feed.example\r\n\r\n").text(),
        "hello\n"
    );
    sidecar.puts("policies/house.cedar", FEED);
    assert!(wire.is_closed());
    let ended = outcome(&sidecar);
    assert_eq!(
        (&ended["outcome"], &ended["reason"]),
        (&"abandoned".into(), &"policy_blocked".into())
    );
    assert!(
        ended["sent"].as_i64().unwrap() > 40 && ended["received"].as_i64().unwrap() > 40,
        "{ended}"
    );
}

#[test]
fn a_drain_closes_streams_and_records_them() {
    let (origin, sidecar) = feed(Sidecar::new());
    let mut wire = opened(&origin, &sidecar, Tunnel::to("feed.example:443"));
    let start = Instant::now();
    sidecar.terminate();
    assert!(wire.is_closed());
    assert!(sidecar.ended().success());
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    let ended = outcome(&sidecar);
    assert_eq!((&ended["outcome"], &ended["sent"]), (&"abandoned".into(), &5.into()));
    assert_eq!(origin.sockets(), 0);
}

#[test]
fn an_agent_that_leaves_closes_the_providers_side() {
    let (origin, sidecar) = feed(Sidecar::new());
    drop(opened(&origin, &sidecar, Tunnel::to("feed.example:443")));
    eventually("the provider's side is closed", || origin.sockets() == 0);
    assert_eq!(outcome(&sidecar)["sent"], 5);
}

#[test]
fn what_comes_with_the_handshake_is_not_lost_nor_kept_from_being_judged() {
    let (origin, sidecar) = feed(Sidecar::new());
    let mut wire = Tunnel::to("feed.example:443").open(&sidecar);
    assert_eq!(wire.ask(handshake("") + "early").status, 101);
    let mut back = [0; 5];
    wire.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"early");
    drop(wire);
    // What the provider does not take stays HTTP: what follows is a request, and blocked as one.
    origin.answer_next_with(Reply::new(426).header("upgrade", "other").bytes("no\n"));
    let mut wire = Tunnel::to("feed.example:443").open(&sidecar);
    let smuggled = "POST /pay HTTP/1.1\r\nHost: feed.example\r\nContent-Length: 1\r\n\r\nx";
    let declined = wire.ask(handshake("").replace("/socket", "/declined") + smuggled);
    assert_eq!((declined.status, declined.text().as_str()), (426, "no\n"));
    assert_eq!(declined.header("upgrade"), None);
    assert_eq!(wire.answer().unwrap().status, 403);
    assert!(origin.calls("POST", "/pay").is_empty());
}

#[test]
fn a_stream_in_clear_goes_through_the_same_gate() {
    let origin = Origin::of_things_in_clear();
    let sidecar = Sidecar::new()
        .resolve("feed.example:80", &origin)
        .resolve("other.example:80", &origin)
        .policy(FEED)
        .start();
    let absolute = |host: &str| {
        handshake("")
            .replace("GET /", &format!("GET http://{host}/"))
            .replace("feed.example", host)
    };
    let refused = Wire::to(&sidecar).ask(absolute("other.example"));
    assert_eq!((refused.status, refused.header("connection")), (403, Some("close")));
    assert!(origin.seen().is_empty());
    let mut wire = Wire::to(&sidecar);
    assert_eq!(wire.ask(absolute("feed.example")).status, 101);
    assert_eq!(echoed(&mut wire, b"hello"), b"hello");
    assert_eq!(origin.seen()[0].target, "/socket");
}

#[test]
fn a_stream_never_shares_a_connection() {
    let (origin, sidecar) = feed(Sidecar::new());
    let mut wire = Tunnel::to("feed.example:443").open(&sidecar);
    assert_eq!(wire.ask("GET /one HTTP/1.1\r\nHost: feed.example\r\n\r\n").status, 200);
    assert_eq!(wire.ask(handshake("")).status, 101);
    let connections: Vec<_> = origin.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [1, 2], "and the kept one stays free for requests");
    drop(wire);
    let mut wire = Tunnel::to("feed.example:443").open(&sidecar);
    assert_eq!(wire.ask("GET /two HTTP/1.1\r\nHost: feed.example\r\n\r\n").status, 200);
    assert_eq!(origin.seen()[2].connection, 1);
}

#[test]
fn a_provider_that_does_not_read_stops_the_agent_from_sending() {
    let (origin, sidecar) = feed(Sidecar::new());
    let mut wire = opened(&origin, &sidecar, Tunnel::to("feed.example:443"));
    // Nothing is read back, so the echo stops, and with it everybody.
    wire.patience(Duration::from_secs(2));
    let piece = vec![7; 256 << 10];
    let mut sent = 0;
    while wire.try_send(&piece).is_ok() {
        sent += piece.len();
        assert!(sent < 64 << 20, "took {sent} bytes that nobody has read");
    }
}

//! Libraries for WebSockets: what is judged is the handshake.

use super::*;
use crate::harness::{WebSockets, eventually};

const FEEDS: &str = r#"
@id("feeds")
permit (principal, action == Action::"open_stream", resource)
when { ["feed.example", "held.example"].contains(context.host) };

@id("ask-first")
@decision("REQUIRE_APPROVAL")
@reason("This feed is opened by people")
forbid (principal, action == Action::"open_stream", resource) when { context.host == "held.example" };

@id("no-others")
@reason("Other feeds are not opened")
forbid (principal, action == Action::"open_stream", resource)
unless { ["feed.example", "held.example"].contains(context.host) };
"#;

/// The handshake that is held.
const HOLD: &str = "open c wss://held.example/chat";

fn shows_sockets(client: &str, user_agent: Option<&str>, start: impl Fn(&Sidecar) -> Session) {
    let (matrix, feed, held) = (
        Matrix::of(client),
        WebSockets::start("feed.example"),
        WebSockets::start("held.example"),
    );
    let before = |hold: &str| {
        let servers = [("feed.example", &feed), ("held.example", &held)];
        let sidecar = servers.iter().fold(Sidecar::new(), |sidecar, (name, server)| {
            sidecar
                .resolve_to(name, &server.address())
                .destination(&server.address())
        });
        sidecar.policy(FEEDS).hold(hold).start()
    };
    let opened = || held.printed().matches("opened /chat").count();

    let sidecar = before("30s");
    let mut client = start(&sidecar);
    client.call("open a wss://feed.example/chat").assert_ok();
    assert_eq!(client.call("say a hello").value, "hello");
    matrix.calls_itself(user_agent);
    matrix.found("allow", "word for word");
    let (blocked, _) = refused_once(&matrix, &sidecar, "BLOCK", || {
        client.call("open b wss://else.example/chat")
    });
    blocked
        .assert_refused("policy_blocked")
        .assert_refused("Other feeds are not opened");
    matrix.found("block", told(&blocked));
    client.send(HOLD);
    let id = sidecar.next_held();
    assert_eq!(opened(), 0);
    sidecar.approve(&id);
    client.receive().assert_ok();
    assert_eq!(client.call("say c hello").value, "hello");
    eventually("it is opened", || opened() == 1);
    matrix.found("hold", "the answer");

    let sidecar = before("1s");
    let mut client = start(&sidecar);
    let (pending, _) = refused_once(&matrix, &sidecar, "REQUIRE_APPROVAL", || client.call(HOLD));
    pending
        .assert_refused("approval_pending")
        .assert_refused("NOT executed")
        .assert_refused(&why(&sidecar));
    sidecar.approve(&pending.approval());
    client.call(HOLD).assert_ok();
    eventually("it is opened again", || opened() == 2);
    matrix.found("re-attach", format!("{}, then the answer", told(&pending)));
    let (third, _) = refused_once(&matrix, &sidecar, "REQUIRE_APPROVAL", || client.call(HOLD));
    third.assert_refused("already_executed");
    assert_eq!(opened(), 2);
    matrix.found("repeat", told(&third));
}

const HANDSHAKES: Calls = Calls {
    allow: "open a wss://feed.example/chat",
    block: ("open b wss://else.example/chat", "Other feeds are not opened"),
    hold: HOLD,
    executed: |_| 0,
};

#[test]
fn websockets() {
    shows_sockets("websockets", Some("Python/3 websockets/17"), Session::websockets);
    let before = |_| raised::at(None, &["feed.example"], FEEDS);
    raises("websockets", &HANDSHAKES, &before, Session::websockets);
}

#[test]
fn ws() {
    shows_sockets("ws", None, |sidecar| {
        Session::open("node/ws_client.js", sidecar, None, &[])
    });
}

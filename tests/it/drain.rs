//! A polite end: what is held is told to come again, what is under way ends, and the record says so.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::harness::{
    Frame, Gate, Http2, Origin, Reply, Session, Sidecar, Tunnel, WebSockets, Wire, eventually, free_port,
};
use crate::streams::FEED;

const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "things.example"),
    (":path", "/slow"),
];

const ALL: &str = r#"@id("all") permit (principal, action, resource);"#;

#[test]
fn held_calls_are_told_to_come_again_and_do() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let mut client = Session::stripe(&sidecar);
    client.send("refund ch_1 amount=90000");
    let id = sidecar.next_held();
    let start = Instant::now();
    sidecar.terminate();
    let told = client.receive();
    told.assert_refused("approval_pending");
    assert!(sidecar.ended().success(), "{}", sidecar.printed());
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    origin.assert_untouched();
    assert_eq!(sidecar.trail().of_kind("shutdown").len(), 1);
    sidecar.restart();
    sidecar.approve(&id);
    client.call("refund ch_1 amount=90000").assert_ok();
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
}

#[test]
fn calls_under_way_end_as_they_would_have() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("things.example", &origin).start();
    let gate = Gate::shut();
    origin.answer_next_with(Reply::new(200).bytes("in ").gate(&gate).bytes("time"));
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    wire.send("GET /slow HTTP/1.1\r\nHost: things.example\r\n\r\n");
    eventually("the call is at the origin", || origin.seen().len() == 1);
    sidecar.terminate();
    std::thread::sleep(Duration::from_millis(300));
    gate.open();
    let answer = wire.answer().unwrap();
    assert_eq!((answer.text().as_str(), answer.complete), ("in time", true));
    assert!(sidecar.ended().success());
    assert_eq!(sidecar.trail().of_kind("outcome")[0]["outcome"], "success");
}

/// A call whose answer never ends.
fn endless(sidecar: &Sidecar, origin: &Origin) -> (Gate, Wire) {
    let gate = Gate::shut();
    origin.answer_next_with(Reply::new(200).bytes("and so ").gate(&gate));
    let mut wire = Tunnel::to("things.example:443").open(sidecar);
    wire.send("GET /endless HTTP/1.1\r\nHost: things.example\r\n\r\n");
    eventually("the call is at the origin", || origin.seen().len() == 1);
    (gate, wire)
}

/// It ended well, with the call's end in the trail and its own after that.
fn assert_recorded(sidecar: &Sidecar, outcome: &str) {
    assert!(sidecar.ended().success(), "{}", sidecar.printed());
    let ends: Vec<_> = sidecar.trail().of_kind("outcome");
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert_eq!(ends[0]["outcome"], outcome);
    assert_eq!(sidecar.trail().entries().last().unwrap()["kind"], "shutdown");
}

#[test]
fn what_never_ends_has_as_long_as_the_configuration_says() {
    let origin = Origin::of_things();
    let configuration = Sidecar::new().resolve("things.example", &origin);
    let sidecar = configuration.section("shutdown: { within: 2s }").start();
    let (gate, mut wire) = endless(&sidecar, &origin);
    let start = Instant::now();
    sidecar.terminate();
    assert_recorded(&sidecar, "abandoned");
    let took = start.elapsed();
    assert!(
        (Duration::from_secs(2)..Duration::from_secs(20)).contains(&took),
        "{took:?}"
    );
    while !wire.is_closed() {}
    gate.open();
}

#[test]
fn streams_of_http2_that_never_end_are_recorded_too() {
    let origin = Origin::of_things();
    let configuration = Sidecar::new().resolve("things.example", &origin);
    let sidecar = configuration.section("shutdown: { within: 1s }").start();
    let gate = Gate::shut();
    origin.answer_next_with(Reply::new(200).bytes("and so ").gate(&gate));
    let mut client = Http2::to(&sidecar, "things.example");
    client.head(1, &GET, true);
    assert_eq!(client.read(), Frame::Head(1, 200, false));
    sidecar.terminate();
    assert_recorded(&sidecar, "abandoned");
    assert!(!sidecar.printed().contains("approved calls"), "{}", sidecar.printed());
    while client.read() != Frame::Closed {}
    gate.open();
}

#[test]
fn what_was_approved_and_is_cut_off_is_recorded_as_that_and_never_sent_again() {
    let origin = Origin::stripe();
    let configuration = Sidecar::new().resolve("api.stripe.com", &origin);
    let sidecar = configuration.section("shutdown: { within: 1s }").start();
    let gate = Gate::shut();
    origin.answer_next_with(Reply::new(200).gate(&gate));
    let mut client = Session::stripe(&sidecar);
    client.send("refund ch_1 amount=90000");
    let id = sidecar.next_held();
    sidecar.approve(&id);
    eventually("the call is at the origin", || origin.seen().len() == 1);
    sidecar.terminate();
    assert_recorded(&sidecar, "abandoned");
    gate.open();
    assert!(!client.receive().ok);
    sidecar.restart();
    client
        .call("refund ch_1 amount=90000")
        .assert_refused("already_executed");
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
}

#[test]
fn a_second_signal_ends_at_once_and_all_is_recorded() {
    let origin = Origin::of_things();
    let configuration = Sidecar::new().resolve("things.example", &origin);
    let sidecar = configuration.section("shutdown: { within: 10m }").start();
    let (gate, _wire) = endless(&sidecar, &origin);
    sidecar.terminate();
    assert!(sidecar.prints(&["stopping"]));
    sidecar.terminate();
    // Within the test's patience, which is a tenth of what calls would have had.
    assert_recorded(&sidecar, "abandoned");
    gate.open();
}

#[test]
fn probes_learn_at_once_that_it_is_not_ready() {
    let (origin, port) = (Origin::of_things(), free_port());
    let configuration = Sidecar::new().resolve("things.example", &origin);
    let health = format!("health: {{ listen: \"127.0.0.1:{port}\" }}");
    let sidecar = configuration.section(&health).start();
    let (gate, _wire) = endless(&sidecar, &origin);
    let status = |path: &str| {
        let ask = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        Wire::at(port).ask(ask).status
    };
    assert_eq!((status("/live"), status("/ready")), (200, 200));
    sidecar.terminate();
    eventually("it is not ready", || status("/ready") == 503);
    assert_eq!(status("/live"), 200, "it is not to be killed for that");
    let refused = || std::net::TcpStream::connect(("127.0.0.1", sidecar.proxy_port())).is_err();
    eventually("no connection is taken", refused);
    gate.open();
    assert_recorded(&sidecar, "success");
}

#[test]
fn uploads_under_way_are_finished() {
    let origin = Origin::of_things();
    let configuration = Sidecar::new().resolve("things.example", &origin);
    let sidecar = configuration.only_policy(ALL).start();
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    wire.send("POST /echo HTTP/1.1\r\nHost: things.example\r\nContent-Length: 10\r\n\r\nfirst");
    eventually("the call is at the origin", || origin.seen().len() == 1);
    sidecar.terminate();
    assert!(sidecar.prints(&["stopping"]));
    wire.send("later");
    let answer = wire.answer().unwrap();
    assert_eq!((answer.text().as_str(), answer.complete), ("firstlater", true));
    assert_recorded(&sidecar, "success");
}

#[test]
fn a_call_that_would_be_held_when_its_upload_ends_is_told_to_come_again() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
    let content = "charge=ch_1&amount=90000";
    let head = format!(
        "POST /v1/refunds HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        content.len()
    );
    let mut go_on = *b"HTTP/1.1 100 Continue\r\n\r\n";
    wire.send(head).read_exact(&mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"), "its content is being read");
    sidecar.terminate();
    assert!(sidecar.prints(&["stopping"]));
    let told = wire.ask(content);
    assert!(told.text().contains("approval_pending"), "{told:?}");
    assert!(sidecar.ended().success());
    origin.assert_untouched();
    sidecar.restart();
    assert_eq!(sidecar.approvals("pending").len(), 1);
}

#[test]
fn who_asks_nothing_keeps_nobody_waiting() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("things.example", &origin).start();
    let mut kept = Tunnel::to("things.example:443").open(&sidecar);
    let hello = "GET /hello HTTP/1.1\r\nHost: things.example\r\n\r\n";
    assert_eq!(kept.ask(hello).status, 200);
    let mut http2 = Http2::to(&sidecar, "things.example");
    let (mut opened, answer) = Tunnel::to("things.example:443").connect(&sidecar);
    assert_eq!(answer.unwrap().status, 200);
    let mut silent = Wire::to(&sidecar);
    let start = Instant::now();
    sidecar.terminate();
    assert!(kept.is_closed() && opened.is_closed() && silent.is_closed());
    while http2.read() != Frame::Closed {}
    assert!(sidecar.ended().success());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(!sidecar.printed().contains("cut off"), "{}", sidecar.printed());
}

#[test]
fn streams_of_http2_end_as_they_would_have_and_no_new_ones_begin() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("things.example", &origin).start();
    let gate = Gate::shut();
    origin.answer_next_with(Reply::new(200).bytes("in ").gate(&gate).bytes("time"));
    let mut client = Http2::to(&sidecar, "things.example");
    client.head(1, &GET, true);
    assert_eq!(client.read(), Frame::Head(1, 200, false));
    assert_eq!(client.read(), Frame::Data(1, b"in ".to_vec(), false));
    sidecar.terminate();
    assert_eq!(client.read(), Frame::GoAway(0));
    assert!(sidecar.prints(&["stopping"]));
    gate.open();
    let mut content = Vec::new();
    loop {
        match client.read() {
            Frame::Data(1, more, ends) => {
                content.extend(more);
                if ends {
                    break;
                }
            }
            Frame::GoAway(0) => {}
            other @ (Frame::Head(..) | Frame::Data(..) | Frame::Reset(..) | Frame::GoAway(_) | Frame::Closed) => {
                panic!("{other:?}")
            }
        }
    }
    assert_eq!(content, b"time");
    assert_recorded(&sidecar, "success");
}

#[test]
fn a_websocket_is_closed_and_its_bytes_are_recorded() {
    let server = WebSockets::start("feed.example");
    let configuration = Sidecar::new().resolve_to("feed.example", &server.address());
    let sidecar = configuration.destination(&server.address()).policy(FEED).start();
    let mut client = Session::websockets(&sidecar);
    client.call("open a wss://feed.example/chat").assert_ok();
    assert_eq!(client.call("say a hello").value, "hello");
    let start = Instant::now();
    sidecar.terminate();
    assert_recorded(&sidecar, "abandoned");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let ended = &sidecar.trail().of_kind("outcome")[0];
    assert!(
        ended["sent"].as_i64() > Some(0) && ended["received"].as_i64() > Some(0),
        "{ended}"
    );
}

#[test]
fn new_connections_are_not_taken_any_more() {
    let sidecar = Sidecar::new().start();
    sidecar.terminate();
    sidecar.ended();
    assert!(std::net::TcpStream::connect(("127.0.0.1", sidecar.proxy_port())).is_err());
}

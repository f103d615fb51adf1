//! A polite end: what is held is told to come again, what is under way ends, and the record says so.

use std::time::{Duration, Instant};

use crate::harness::{Gate, Origin, Reply, Session, Sidecar, Tunnel, eventually};

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

#[test]
fn an_origin_that_never_ends_does_not_keep_us_up() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("things.example", &origin).start();
    let gate = Gate::shut();
    origin.answer_next_with(Reply::new(200).bytes("and so ").gate(&gate));
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    wire.send("GET /endless HTTP/1.1\r\nHost: things.example\r\n\r\n");
    eventually("the call is at the origin", || origin.seen().len() == 1);
    let start = Instant::now();
    sidecar.terminate();
    sidecar.ended();
    assert!(start.elapsed() < Duration::from_secs(45), "{:?}", start.elapsed());
    gate.open();
}

#[test]
fn new_connections_are_not_taken_any_more() {
    let sidecar = Sidecar::new().start();
    sidecar.terminate();
    sidecar.ended();
    assert!(std::net::TcpStream::connect(("127.0.0.1", sidecar.proxy_port())).is_err());
}

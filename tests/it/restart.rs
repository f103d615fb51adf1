//! A hold outlives the client, the process and a reboot; nothing is ever sent twice.

use crate::harness::{Gate, Origin, Reply, Session, Sidecar, Tunnel, eventually};

const REFUND: &str = "refund ch_1 amount=90000";

#[test]
fn a_held_call_survives_kill_9_and_goes_through_once() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let mut client = Session::open("stripe_client.py", &sidecar, None, &[("STRIPE_RETRIES", "0")]);
    client.send(REFUND);
    let id = sidecar.next_held();
    sidecar.kill9();
    assert!(!client.receive().ok, "its connection is gone");
    sidecar.restart();
    let pending = sidecar.approvals("pending");
    assert_eq!(pending.len(), 1);
    assert!(pending[0]["id"].as_str().unwrap().starts_with(&id));
    origin.assert_untouched();
    sidecar.approve(&id);
    origin.assert_untouched();
    client.call(REFUND).assert_ok();
    client.call(REFUND).assert_refused("already_executed");
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
}

#[test]
fn an_approval_given_before_kill_9_is_worth_one_call_after_it() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s").start();
    let mut client = Session::stripe(&sidecar);
    sidecar.approve(&client.call(REFUND).approval());
    sidecar.restart_hard();
    client.call(REFUND).assert_ok();
    sidecar.restart_hard();
    client.call(REFUND).assert_refused("already_executed");
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
}

#[test]
fn an_approval_spent_on_a_call_that_kill_9_cut_off_stays_spent() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let gate = Gate::shut();
    origin.answer_next_with(Reply::new(200).bytes("{}").after(&gate));
    let mut client = Session::open("stripe_client.py", &sidecar, None, &[("STRIPE_RETRIES", "0")]);
    client.send(REFUND);
    sidecar.approve(&sidecar.next_held());
    eventually("the refund is at the provider", || origin.seen().len() == 1);
    sidecar.kill9();
    assert!(!client.receive().ok);
    sidecar.restart();
    client.call(REFUND).assert_refused("already_executed");
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
    let outcomes = sidecar.trail().of_kind("outcome");
    assert!(
        outcomes.iter().any(|entry| entry["outcome"] == "unknown"),
        "told as what it is: {outcomes:?}"
    );
    gate.open();
}

#[test]
fn an_approved_call_that_could_not_be_sent_keeps_its_approval_over_a_restart_and_at_most_three_times() {
    let nobody = format!("127.0.0.1:{}", free_port());
    let sidecar = Sidecar::new()
        .resolve_to("api.stripe.com", &nobody)
        .destination(&nobody)
        .hold("1s")
        .start();
    let mut client = Session::open("stripe_client.py", &sidecar, None, &[("STRIPE_RETRIES", "0")]);
    let id = client.call(REFUND).approval();
    sidecar.approve(&id);
    client.call(REFUND).assert_refused("upstream_unreachable");
    eventually("both calls have their end on disk", || {
        sidecar.trail().of_kind("outcome").len() == 2
    });
    sidecar.restart_hard();
    assert_eq!(sidecar.approvals("returned").len(), 1);
    for _ in 0..3 {
        client.call(REFUND).assert_refused("upstream_unreachable");
    }
    let again = client.call(REFUND);
    again.assert_refused("approval_pending");
    assert_ne!(again.approval(), id, "people are asked anew");
    assert_eq!(sidecar.trail().of_kind("returned").len(), 3);
}

/// Where nobody listens.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_call_that_kill_9_cut_off_is_unknown_and_not_made_again() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("things.example", &origin).start();
    let gate = Gate::shut();
    origin.answer_next_with(Reply::new(200).bytes("late").after(&gate));
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    wire.send("GET /hello HTTP/1.1\r\nHost: things.example\r\n\r\n");
    eventually("the call is at the origin", || origin.seen().len() == 1);
    sidecar.restart_hard();
    let trail = sidecar.trail();
    let (decided, outcomes) = (trail.of_kind("decided"), trail.of_kind("outcome"));
    assert_eq!(
        (decided.len(), outcomes.len()),
        (1, 1),
        "each decision has exactly one end"
    );
    assert_eq!(decided[0]["call"], outcomes[0]["call"]);
    assert_eq!(outcomes[0]["outcome"], "unknown");
    assert_eq!(origin.seen().len(), 1);
    gate.open();
}

#[test]
fn the_trail_has_no_gap_after_kill_9() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("things.example", &origin).start();
    for _ in 0..3 {
        let mut wire = Tunnel::to("things.example:443").open(&sidecar);
        for _ in 0..20 {
            wire.ask("GET /hello HTTP/1.1\r\nHost: things.example\r\n\r\n");
        }
        sidecar.restart_hard();
    }
    let entries = sidecar.trail().entries();
    let numbers: Vec<i64> = entries.iter().map(|entry| entry["seq"].as_i64().unwrap()).collect();
    let first = numbers[0];
    assert_eq!(numbers, (first..first + numbers.len() as i64).collect::<Vec<_>>());
    assert_eq!(
        sidecar.trail().of_kind("decided").len(),
        60,
        "every call that got an answer is in it"
    );
    assert_eq!(sidecar.trail().of_kind("boot").len(), 4);
}

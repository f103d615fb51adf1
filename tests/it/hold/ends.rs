//! How a hold ends where nobody says yes in time, and what is spent by then.

use super::*;

#[test]
fn nothing_is_sent_for_a_client_that_has_left() {
    let (origin, sidecar) = stripe("30s");
    let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
    wire.send(refund(90_000, "one"));
    let id = sidecar.next_held();
    drop(wire);
    std::thread::sleep(std::time::Duration::from_millis(500));
    sidecar.approve(&id);
    std::thread::sleep(std::time::Duration::from_millis(500));
    origin.assert_untouched();
    let answer = Tunnel::to("api.stripe.com:443")
        .open(&sidecar)
        .ask(refund(90_000, "another"));
    assert_eq!(answer.status, 200, "its next call finds the approval: {answer:?}");
    assert_eq!(refunds(&origin), 1);
}

/// What it sent behind its request, nobody reads while that is held; that it is gone is to be seen all the same.
#[test]
fn nothing_is_sent_for_a_client_that_left_bytes_behind() {
    let (origin, sidecar) = stripe("30s");
    let behind = ["\r\n".to_owned(), refund(100, "next")];
    for (round, behind) in (1..).zip(behind) {
        let held = refund(90_000 + round, "one");
        let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
        wire.send(format!("{held}{behind}"));
        let id = sidecar.next_held();
        drop(wire);
        std::thread::sleep(std::time::Duration::from_millis(500));
        sidecar.approve(&id);
        std::thread::sleep(std::time::Duration::from_millis(500));
        let sent = || u64::try_from(refunds(&origin)).unwrap();
        assert_eq!(sent(), round - 1, "sent for nobody");
        let answer = Tunnel::to("api.stripe.com:443").open(&sidecar).ask(held);
        assert_eq!(answer.status, 200, "its next call finds the approval: {answer:?}");
        assert_eq!(sent(), round);
    }
    assert_eq!(sidecar.trail().of_kind("consumed").len(), 2);
}

#[test]
fn who_only_sends_its_next_request_early_is_there() {
    let (origin, sidecar) = stripe("30s");
    let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
    wire.send(format!("{}{}", refund(90_000, "one"), refund(100, "two")));
    let id = sidecar.next_held();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(sidecar.approvals("pending")[0]["clients"], 1);
    sidecar.approve(&id);
    assert_eq!(wire.answer().unwrap().status, 200);
    assert_eq!(wire.answer().unwrap().status, 200);
    assert_eq!(refunds(&origin), 2);
}

/// The system's own timer of the connection, as it is shown: `02`, and when it is due, in hundredths of a second.
#[cfg(target_os = "linux")]
#[test]
fn the_system_asks_a_silent_client_whether_it_is_there() {
    let (_origin, sidecar) = stripe("30s");
    let client = std::net::TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, sidecar.proxy_port())).unwrap();
    let ends = [sidecar.proxy_port(), client.local_addr().unwrap().port()];
    let ends = ends.map(|port| format!(":{port:04X}"));
    let timer = || {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let line = table.lines().find(|line| {
            let mut columns = line.split_whitespace().skip(1);
            ends.iter()
                .all(|end| columns.next().is_some_and(|column| column.ends_with(end)))
        })?;
        let (kind, due) = line.split_whitespace().nth(5)?.split_once(':')?;
        (kind == "02").then(|| u64::from_str_radix(due, 16).unwrap())
    };
    eventually("a timer stands", || timer().is_some());
    assert!(timer().unwrap() <= 1_500, "by the system's own it would be two hours");
}

#[test]
fn a_pending_approval_ends_with_its_time() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .approvals("pending: 2s")
        .start();
    let mut client = Session::stripe(&sidecar);
    let expired = client.call(REFUND);
    expired.assert_refused("approval_expired");
    let id = expired.approval();
    assert!(
        !sidecar.cli(&["approvals", "approve", &id]).status.success(),
        "too late to approve"
    );
    origin.assert_untouched();
}

#[test]
fn a_grant_that_is_not_used_ends_with_its_time() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .hold("1s")
        .approvals("grant: 1s")
        .start();
    let mut client = Session::stripe(&sidecar);
    let id = client.call(REFUND).approval();
    sidecar.approve(&id);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let again = client.call(REFUND);
    again.assert_refused("approval_pending");
    assert_ne!(again.approval(), id, "people are asked anew");
    origin.assert_untouched();
}

#[test]
fn an_agent_cannot_flood_the_people() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .hold("1s")
        .approvals("max_pending_per_agent: 2")
        .start();
    let mut client = Session::stripe(&sidecar);
    for charge in ["ch_1", "ch_2"] {
        client
            .call(&format!("refund {charge} amount=90000"))
            .assert_refused("approval_pending");
    }
    let third = client.call("refund ch_3 amount=90000");
    assert!(!third.ok && !third.told().contains("apr_"), "{third:?}");
    assert_eq!(sidecar.approvals("pending").len(), 2);
    origin.assert_untouched();
}

#[test]
fn an_approved_call_whose_answer_never_came_is_spent() {
    let (origin, sidecar) = stripe("30s");
    origin.answer_next_with(crate::harness::Reply::none());
    let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
    wire.send(refund(90_000, "one"));
    sidecar.approve(&sidecar.next_held());
    assert_eq!(wire.answer().unwrap().status, 502);
    let again = Tunnel::to("api.stripe.com:443")
        .open(&sidecar)
        .ask(refund(90_000, "one"));
    assert_eq!(again.status, 403);
    assert!(again.text().contains("already_executed"), "{again:?}");
    assert_eq!(refunds(&origin), 1, "in doubt is never sent again");
}

/// One attempt, and the words that say what is to be looked up: a second one would be told of the first alone.
#[test]
fn in_doubt_stripes_library_does_not_try_again() {
    let (origin, sidecar) = stripe("30s");
    let mut client = Session::open("stripe_client.py", &sidecar, None, &[("STRIPE_RETRIES", "2")]);
    let decided = || sidecar.trail().of_kind("decided").len();
    origin.answer_next_with(crate::harness::Reply::none());
    client.call("charge 100").assert_refused("MAY have been executed");
    assert_eq!((origin.calls("POST", "/v1/charges").len(), decided()), (1, 1));

    origin.answer_next_with(crate::harness::Reply::none());
    client.send(REFUND);
    sidecar.approve(&sidecar.next_held());
    client.receive().assert_refused("MAY have been executed");
    assert_eq!(
        (refunds(&origin), decided()),
        (1, 3),
        "held, and then let go: one attempt"
    );
    // What only reads may be asked for again.
    origin.answer_next_with(crate::harness::Reply::none());
    client.call("balance").assert_ok();
}

/// boto3 goes by the status alone.
#[test]
fn in_doubt_boto3_tries_again_and_what_was_approved_is_made_once() {
    let moto = crate::harness::Moto::start();
    let name = "ec2.us-east-1.amazonaws.com";
    let sidecar = Sidecar::new().resolve(name, &moto.origin).hold("30s").start();
    let mut client = Session::boto3(&sidecar);
    moto.origin.answer_next_with(crate::harness::Reply::none());
    client.send("run_instances 120");
    sidecar.approve(&sidecar.next_held());
    let told = client.receive();
    told.assert_refused("already_executed")
        .assert_refused("whether that was executed is not known");
    let seen = moto.origin.seen();
    assert_eq!(
        seen.iter()
            .filter(|seen| seen.text().contains("Action=RunInstances"))
            .count(),
        1
    );
}

/// In the last quarter of its client's time a call is not sent: nobody would hear the answer.
#[test]
fn approved_too_late_the_call_is_told_so_and_goes_once_when_it_comes_again() {
    let (origin, sidecar) = stripe("12s");
    let mut client = Session::stripe(&sidecar);
    client.send(REFUND);
    let id = sidecar.next_held();
    std::thread::sleep(std::time::Duration::from_millis(9_100));
    sidecar.approve(&id);
    let late = client.receive();
    late.assert_refused("approved_repeat")
        .assert_refused("NOT executed yet");
    assert_eq!(
        (late.approval(), late.error().http_status),
        (id_of(&sidecar, "approved"), Some(403))
    );
    origin.assert_untouched();
    client.call(REFUND).assert_ok();
    client.call(REFUND).assert_refused("already_executed");
    assert_eq!(refunds(&origin), 1);
}

fn id_of(sidecar: &Sidecar, state: &str) -> String {
    let approvals = sidecar.approvals(state);
    assert_eq!(approvals.len(), 1, "{approvals:?}");
    approvals[0]["id"].as_str().unwrap().to_owned()
}

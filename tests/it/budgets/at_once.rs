//! Budgets of money under many calls at once.

use std::collections::BTreeMap;
use std::sync::{Barrier, Mutex};

use super::*;
use crate::harness::{Tunnel, Wire, read_answer};

const CHARGES: [&str; 4] = ["ch_1", "ch_2", "ch_3", "ch_4"];
const AMOUNTS: [i64; 3] = [700, 1_300, 2_900];
const CLIENTS: usize = 16;

fn tunnel(sidecar: &Sidecar) -> Wire {
    Tunnel::to("api.stripe.com:443").open(sidecar)
}

/// The status of one refund; an error where the sidecar is gone.
fn refund(wire: &mut Wire, charge: &str, amount: i64) -> io::Result<u16> {
    let form = format!("charge={charge}&amount={amount}");
    let length = form.len();
    let request = format!(
        "POST /v1/refunds HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_x\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    );
    wire.try_send(request.as_bytes())?;
    let answer = read_answer(wire, false)?;
    answer
        .map(|answer| answer.status)
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// What came to the provider, by charge.
fn arrived(origin: &Origin) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for call in origin.calls("POST", "/v1/refunds") {
        let text = call.text();
        let of = |name: &str| text.split('&').find_map(|pair| pair.strip_prefix(name)).unwrap();
        *sums.entry(of("charge=").to_owned()).or_default() += of("amount=").parse::<i64>().unwrap();
    }
    sums
}

/// Many clients at once, killed in the middle; then the rest, until nothing fits any more. `windows`: each has this `limit`.
fn is_never_exceeded(per: &str, limit: i64, windows: i64) {
    let budget = format!(
        "budgets:\n  refunds: {{ window: 1h, sum: amount_base, groups: [payments], per: {per}, limit: {limit} }}\n"
    );
    let (origin, sidecar) = stripe(&budget);
    let wires: Vec<Wire> = (0..CLIENTS).map(|_| tunnel(&sidecar)).collect();
    let all_are_there = Barrier::new(CLIENTS);
    std::thread::scope(|scope| {
        for (client, mut wire) in wires.into_iter().enumerate() {
            let all_are_there = &all_are_there;
            scope.spawn(move || {
                all_are_there.wait();
                for call in client..client + 10_000 {
                    let (charge, amount) = (CHARGES[call % 4], AMOUNTS[call % 3]);
                    // Once it is killed, nobody answers.
                    let Ok(status) = refund(&mut wire, charge, amount) else {
                        return;
                    };
                    assert!([200, 403].contains(&status), "{status}");
                }
                panic!("nothing was killed while calls were under way");
            });
        }
        scope.spawn(|| {
            eventually("some came through", || origin.seen().len() >= 6);
            sidecar.kill9();
        });
    });
    sidecar.restart();
    let before: i64 = arrived(&origin).values().sum();
    assert!(used(&sidecar, "refunds") >= before, "each that arrived counts");
    let mut wire = tunnel(&sidecar);
    for charge in CHARGES {
        for amount in AMOUNTS.into_iter().rev() {
            while refund(&mut wire, charge, amount).unwrap() == 200 {}
        }
    }
    let sums = arrived(&origin);
    match per {
        "target" => assert!(sums.values().all(|sum| *sum <= limit), "{sums:?}"),
        _ => assert!(sums.values().sum::<i64>() <= limit, "{sums:?}"),
    }
    let used = used(&sidecar, "refunds");
    let full = windows * (limit - AMOUNTS[0])..=windows * limit;
    assert!(full.contains(&used), "per {per}: {used}, and nothing fits any more");
}

#[test]
fn a_sum_of_money_is_never_exceeded_by_many_at_once_whatever_is_killed_in_the_middle() {
    is_never_exceeded("agent", 30_000, 1);
}

#[test]
fn neither_is_one_of_a_role_a_target_or_a_group() {
    is_never_exceeded("role", 30_000, 1);
    is_never_exceeded("target", 8_000, 4);
    is_never_exceeded("group", 30_000, 1);
}

#[test]
fn of_twenty_calls_that_are_approved_at_once_beyond_a_limit_each_goes_and_counts_once() {
    let asks = REFUNDS.replace("limit: 100000", "limit: 30000, over: REQUIRE_APPROVAL");
    let origin = Origin::stripe();
    let sidecar = with_budgets(&asks)
        .resolve("api.stripe.com", &origin)
        .hold("60s")
        .start();
    assert_eq!(refund(&mut tunnel(&sidecar), "ch_0", 30_000).unwrap(), 200);
    let statuses = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for call in 1..=20 {
            let (sidecar, statuses) = (&sidecar, &statuses);
            scope.spawn(move || {
                let status = refund(&mut tunnel(sidecar), &format!("ch_{call}"), 2_000).unwrap();
                statuses.lock().unwrap().push(status);
            });
        }
        eventually("all are held", || sidecar.approvals("pending").len() == 20);
        assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1, "none before a yes");
        assert_eq!(used(&sidecar, "refunds_per_day"), 30_000, "what is held takes nothing");
        for held in sidecar.approvals("pending") {
            let sidecar = &sidecar;
            scope.spawn(move || sidecar.approve(held["id"].as_str().unwrap()));
        }
    });
    assert_eq!(statuses.into_inner().unwrap(), [200; 20]);
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 21, "each once");
    assert_eq!(used(&sidecar, "refunds_per_day"), 70_000);
    sidecar.restart_hard();
    assert_eq!(used(&sidecar, "refunds_per_day"), 70_000, "and so by the record");
    // A yes is to one call: the next is asked about again.
    let mut next = tunnel(&sidecar);
    std::thread::scope(|scope| {
        let status = scope.spawn(|| refund(&mut next, "ch_21", 100).unwrap());
        eventually("it is held", || sidecar.approvals("pending").len() == 1);
        let held = sidecar.approvals("pending");
        sidecar.deny(held[0]["id"].as_str().unwrap(), "enough");
        assert_eq!(status.join().unwrap(), 403);
    });
    assert_eq!(used(&sidecar, "refunds_per_day"), 70_000);
}

//! What goes on behind the months that are pruned, and what of it went with them.

use super::{age, prune, verify};
use crate::harness::{Origin, Session, Sidecar, eventually, free_port};
use crate::trail::{GRANT, database, stop};

const REFUND: &str = "refund ch_1 amount=90000";

/// The outcome of which it was given back goes with its call; the approval stays with all that was said of it.
#[test]
fn an_approval_that_was_given_back_goes_on_without_the_call_that_did() {
    let (origin, port) = (Origin::stripe(), free_port());
    let nobody = format!("127.0.0.1:{port}");
    let sidecar = Sidecar::new()
        .resolve_to("api.stripe.com", &nobody)
        .destination(&nobody)
        .hold("1s")
        .start();
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    let count = |kind: &str| sidecar.trail().of_kind(kind).len();
    let mut client = Session::open("stripe_client.py", &sidecar, None, &[("STRIPE_RETRIES", "0")]);
    let held = client.call(REFUND).approval();
    sidecar.approve(&held);
    client.call(REFUND).assert_refused("upstream_unreachable");
    eventually("it is given back", || count("returned") == 1);
    stop(&sidecar);
    age(&sidecar, 100);
    sidecar.restart();
    let told = prune(&sidecar, &[]);
    assert!(told.starts_with("Pruned ") && told.contains(" 1 approvals,"), "{told}");
    let left = ["held", "approved", "consumed", "returned", "outcome"].map(count);
    assert_eq!(left, [1, 1, 1, 1, 0], "nothing says that its call was not sent");
    verify(&key, &database(&sidecar), &sidecar);
    // It counts on, and what is taken up at the next start is held to the same.
    sidecar.restart();
    origin.comes_to(port);
    Session::stripe(&sidecar).call(REFUND).assert_ok();
    stop(&sidecar);
    assert_eq!((count("consumed"), count("outcome")), (2, 1));
    verify(&key, &database(&sidecar), &sidecar);
}

/// Its uses are told by the approvals by it, and one of these goes on.
#[test]
fn a_grant_that_is_used_up_stays_for_the_approval_by_it() {
    let (origin, port) = (Origin::stripe(), free_port());
    let nobody = format!("127.0.0.1:{port}");
    let sidecar = Sidecar::new()
        .resolve_to("api.stripe.com", &nobody)
        .destination(&nobody)
        .hold("1s")
        .start();
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    let count = |kind: &str| sidecar.trail().of_kind(kind).len();
    sidecar.told(&[&GRANT[..], &["--uses", "1"]].concat());
    let mut client = Session::open("stripe_client.py", &sidecar, None, &[("STRIPE_RETRIES", "0")]);
    client.call(REFUND).assert_refused("upstream_unreachable");
    eventually("it is given back", || count("returned") == 1);
    stop(&sidecar);
    age(&sidecar, 100);
    sidecar.restart();
    let told = prune(&sidecar, &[]);
    assert!(told.contains(" 1 approvals, 1 grants)"), "{told}");
    assert_eq!(["grant", "approved", "returned", "outcome"].map(count), [1, 1, 1, 0]);
    verify(&key, &database(&sidecar), &sidecar);
    sidecar.restart();
    origin.comes_to(port);
    Session::stripe(&sidecar).call(REFUND).assert_ok();
    stop(&sidecar);
    verify(&key, &database(&sidecar), &sidecar);
}

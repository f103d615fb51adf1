//! What was made through the sidecar completes calls that name its id and no more.

use crate::harness::{Origin, Session, Sidecar, eventually};

#[test]
fn a_charge_that_was_made_here_is_refunded_whole_by_its_amount() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s").start();
    let mut client = Session::stripe(&sidecar);
    // Of a charge that somebody else made nobody knows how much it is.
    client.call("refund ch_earlier").assert_refused("approval_pending");
    let mut charged = |amount: &str| {
        let ended = sidecar.trail().of_kind("outcome").len();
        let charge = client.call(&format!("charge {amount}"));
        let id = charge.assert_ok().value["id"].as_str().unwrap().to_owned();
        eventually("its outcome", || sidecar.trail().of_kind("outcome").len() > ended);
        id
    };
    let (small, large) = (charged("2000"), charged("50000"));
    client.call(&format!("refund {small}")).assert_ok();
    // What was taken of it since is not known from the id.
    client.call(&format!("refund {large} amount=100")).assert_ok();
    client
        .call(&format!("refund {large}"))
        .assert_refused("approval_pending");
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 2);
    let decided = sidecar.trail().of_kind("decided");
    let allowed = decided.iter().filter(|entry| entry["decision"] == "ALLOW");
    let call = allowed.map(|entry| entry["call"].as_str().unwrap()).nth(2).unwrap();
    let told = sidecar.told(&["explain", call]);
    assert!(told.contains("$20.00"), "{told}");
}

//! Stripe's libraries, wired by what `exec` loads into them.

use super::*;

#[test]
fn stripe() {
    let start = |sidecar: &Sidecar| Session::preloaded("stripe_client.py", sidecar, &[]);
    let hosts: &[&str] = &["api.stripe.com"];
    shows("stripe", &STRIPE, &Origin::stripe(), (hosts, NO_PAYOUTS), start);
}

#[test]
fn stripe_for_node() {
    let start = |sidecar: &Sidecar| Session::preloaded("node/stripe_client.js", sidecar, &[]);
    let hosts: &[&str] = &["api.stripe.com"];
    shows(
        "stripe for Node",
        &STRIPE,
        &Origin::stripe(),
        (hosts, NO_PAYOUTS),
        start,
    );
}

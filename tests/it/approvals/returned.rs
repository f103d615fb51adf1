//! A call that was approved and found nobody: the consent counts on, and what takes it back takes it back.

use super::*;
use crate::harness::{Answer, Reply, free_port};

/// Where Stripe is to be, and is not yet.
struct Away {
    origin: Origin,
    port: u16,
    sidecar: Sidecar,
    client: Session,
}

impl Away {
    fn new() -> Self {
        let (origin, port) = (Origin::stripe(), free_port());
        let nobody = format!("127.0.0.1:{port}");
        let sidecar = Sidecar::new()
            .resolve_to("api.stripe.com", &nobody)
            .destination(&nobody)
            .hold("1s")
            .start();
        let client = Session::open("stripe_client.py", &sidecar, None, &[("STRIPE_RETRIES", "0")]);
        Self {
            origin,
            port,
            sidecar,
            client,
        }
    }

    fn call(&mut self) -> Answer {
        self.client.call(REFUND)
    }

    /// The call was made, and nobody was there.
    fn returns(&mut self) {
        self.call().assert_refused("upstream_unreachable");
        // On disk, too: what a kill takes with it is in doubt, and stays consumed.
        eventually("it is given back", || {
            self.kinds(["returned", "outcome", "gap"])[0] == 1
        });
        assert_eq!(self.sidecar.approvals("returned").len(), 1);
    }

    /// The same of a call that a person approved.
    fn approved(&mut self) -> String {
        let id = self.call().approval();
        self.sidecar.approve(&id);
        self.returns();
        id
    }

    /// The same of a call that goes by a grant, whose id this is.
    fn granted(&mut self) -> String {
        let words = "grants add --agent support-bot --action process_refund --kind charge --max amount=100000usd \
                     --for 30m --uses 5 --reason lost";
        let words: Vec<&str> = words.split_whitespace().collect();
        let said = self.sidecar.told(&words);
        let is_id = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let mut found = said.split(|character| !is_id(character));
        let id = found.find(|word| word.starts_with("gra_")).unwrap().to_owned();
        self.returns();
        id
    }

    fn kinds(&self, kinds: [&str; 3]) -> [usize; 3] {
        let trail = self.sidecar.trail();
        kinds.map(|kind| trail.of_kind(kind).len())
    }
}

/// Nothing was sent, so the yes counts on, until as long as it would have; the provider is back by then.
#[test]
fn an_approved_call_that_found_nobody_goes_through_when_it_comes_again() {
    let mut away = Away::new();
    away.approved();
    away.origin.comes_to(away.port);
    away.call().assert_ok();
    assert_eq!(refunds(&away.origin), 1);
    away.call().assert_refused("already_executed");
    assert_eq!(refunds(&away.origin), 1);
    assert_eq!(away.kinds(["approved", "consumed", "returned"]), [1, 2, 1]);
}

#[test]
fn an_approved_call_that_found_nobody_goes_through_after_a_restart_once() {
    let mut away = Away::new();
    away.approved();
    away.sidecar.restart_hard();
    away.origin.comes_to(away.port);
    away.call().assert_ok();
    away.call().assert_refused("already_executed");
    assert_eq!(refunds(&away.origin), 1);
}

#[test]
fn what_was_given_back_may_still_be_denied() {
    let mut away = Away::new();
    let id = away.approved();
    away.sidecar
        .told(&["approvals", "deny", &id, "--reason", "not any more"]);
    away.origin.comes_to(away.port);
    away.call().assert_refused("approval_denied");
    away.origin.assert_untouched();
    assert_eq!(away.kinds(["consumed", "returned", "denied"]), [1, 1, 1]);
}

#[test]
fn a_returned_call_goes_by_its_grant_after_a_restart() {
    let mut away = Away::new();
    away.granted();
    away.sidecar.restart_hard();
    away.origin.comes_to(away.port);
    away.call().assert_ok();
    assert_eq!(refunds(&away.origin), 1);
}

#[test]
fn a_returned_call_does_not_go_by_a_grant_that_was_revoked() {
    let mut away = Away::new();
    let grant = away.granted();
    away.sidecar.told(&["grants", "revoke", &grant]);
    away.origin.comes_to(away.port);
    away.call().assert_refused("approval_pending");
    away.origin.assert_untouched();
}

/// Memory knew that it was taken back; the database has to tell it again.
#[test]
fn a_returned_call_does_not_go_by_a_grant_that_was_revoked_before_the_restart() {
    let mut away = Away::new();
    let grant = away.granted();
    away.sidecar.told(&["grants", "revoke", &grant]);
    away.sidecar.restart_hard();
    away.origin.comes_to(away.port);
    away.call().assert_refused("approval_pending");
    away.origin.assert_untouched();
}

/// The provider got the request and broke off: whether it was executed nobody knows, so it is not made again.
#[test]
fn in_doubt_nothing_is_given_back() {
    let mut away = Away::new();
    away.origin.comes_to(away.port);
    away.origin.answer_next_with(Reply::none());
    let id = away.call().approval();
    away.sidecar.approve(&id);
    let answer = away.call();
    assert!(!answer.ok, "{answer:?}");
    let outcomes = || {
        let trail = away.sidecar.trail();
        let of_sent = |entry: &serde_json::Value| entry["outcome"] != "not_sent";
        trail.of_kind("outcome").iter().filter(|entry| of_sent(entry)).count()
    };
    eventually("its end is on disk", || outcomes() == 1);
    assert_eq!(away.sidecar.approvals("consumed").len(), 1);
    away.call().assert_refused("already_executed");
    assert_eq!(refunds(&away.origin), 1);
    assert_eq!(away.kinds(["consumed", "returned", "denied"]), [1, 0, 0]);
}

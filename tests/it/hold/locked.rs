//! Held calls while another program keeps the database locked: refused, never sent, never lost.

use rusqlite::Connection;
use serde_json::json;

use super::*;

const BALANCE: &str = "GET /v1/balance HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\n\r\n";

/// Nothing can be recorded until it is dropped.
pub struct Lock(Connection);

impl Lock {
    pub fn of(sidecar: &Sidecar) -> Self {
        let connection = Connection::open(sidecar.home().join("state/runplane.db")).unwrap();
        // The sidecar may be writing just now.
        connection.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self(connection)
    }

    pub fn ends(self, writes: impl FnMut() -> bool) {
        self.0.execute_batch("ROLLBACK").unwrap();
        eventually("the trail is written again", writes);
    }
}

fn ask(sidecar: &Sidecar, request: impl AsRef<[u8]>) -> crate::harness::HttpAnswer {
    Tunnel::to("api.stripe.com:443").open(sidecar).ask(request)
}

fn approves(sidecar: &Sidecar, id: &str) -> crate::harness::HttpAnswer {
    let path = format!("/api/v1/approvals/{id}/approve");
    sidecar.api("POST", &path, &sidecar.owner_key(), Some(&json!({})))
}

fn states(sidecar: &Sidecar) -> Vec<String> {
    let answer = sidecar.api("GET", "/api/v1/approvals", &sidecar.owner_key(), None);
    let shown = answer.json()["items"].as_array().unwrap().clone();
    let state = |approval: &serde_json::Value| approval["state"].as_str().unwrap().to_owned();
    shown.iter().map(state).collect()
}

/// The record proves itself.
fn verifies(sidecar: &Sidecar) {
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    let database = sidecar.home().join("state/runplane.db");
    let told = sidecar.told(&["audit", "verify", "--key", &key, database.to_str().unwrap()]);
    assert!(told.starts_with("OK: "), "{told}");
}

#[test]
fn what_would_be_held_is_refused_and_nobody_is_asked() {
    let (origin, sidecar) = stripe("1s");
    let lock = Lock::of(&sidecar);
    let refused = ask(&sidecar, refund(90_000, "one"));
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.text().contains("audit_unavailable"), "{refused:?}");
    assert!(states(&sidecar).is_empty(), "{:?}", states(&sidecar));
    lock.ends(|| ask(&sidecar, BALANCE).status == 200);
    assert!(states(&sidecar).is_empty(), "{:?}", states(&sidecar));
    assert_eq!(refunds(&origin), 0);
    // It is asked for as if nothing had been.
    let held = ask(&sidecar, refund(90_000, "one"));
    assert!(held.text().contains("approval_pending"), "{held:?}");
    assert_eq!(states(&sidecar), ["pending"]);
    assert_eq!(sidecar.trail().of_kind("held").len(), 1);
    verifies(&sidecar);
}

#[test]
fn a_yes_that_is_not_on_disk_lets_nothing_through_and_can_be_given_again() {
    let (origin, sidecar) = stripe("60s");
    let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
    wire.send(refund(90_000, "one"));
    let id = sidecar.next_held();
    let lock = Lock::of(&sidecar);
    let refused = approves(&sidecar, &id);
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(states(&sidecar), ["pending"]);
    assert_eq!(refunds(&origin), 0);
    lock.ends(|| ask(&sidecar, BALANCE).status == 200);
    assert_eq!((states(&sidecar), refunds(&origin)), (vec!["pending".to_owned()], 0));
    let given = approves(&sidecar, &id);
    assert_eq!(given.status, 200, "{given:?}");
    assert_eq!(
        wire.answer().unwrap().status,
        200,
        "the client has waited all the while"
    );
    assert_eq!(refunds(&origin), 1);
    assert_eq!(sidecar.trail().of_kind("approved").len(), 1);
    verifies(&sidecar);
}

#[test]
fn what_was_approved_is_neither_sent_nor_spent_and_goes_once_when_it_comes_again() {
    let (origin, sidecar) = stripe("1s");
    let held = ask(&sidecar, refund(90_000, "one"));
    let id = crate::harness::approval_id(&held.text()).unwrap();
    assert_eq!(approves(&sidecar, &id).status, 200);
    let lock = Lock::of(&sidecar);
    let refused = ask(&sidecar, refund(90_000, "one"));
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!((states(&sidecar), refunds(&origin)), (vec!["approved".to_owned()], 0));
    lock.ends(|| ask(&sidecar, BALANCE).status == 200);
    assert_eq!((states(&sidecar), refunds(&origin)), (vec!["approved".to_owned()], 0));
    assert_eq!(ask(&sidecar, refund(90_000, "one")).status, 200);
    let again = ask(&sidecar, refund(90_000, "one"));
    assert!(again.text().contains("already_executed"), "{again:?}");
    assert_eq!((states(&sidecar), refunds(&origin)), (vec!["consumed".to_owned()], 1));
    verifies(&sidecar);
}

#[test]
fn an_agent_that_asks_first_gets_no_consent_that_is_not_on_record() {
    let sidecar = Sidecar::new().agent("support-bot", "support").start();
    let statement = json!({ "action": "read_balance", "target": "till" });
    let asks = || sidecar.api("POST", "/api/v1/guard", &key("support-bot"), Some(&statement));
    let lock = Lock::of(&sidecar);
    let refused = asks();
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(!refused.text().contains("ALLOW"), "{refused:?}");
    lock.ends(|| asks().status == 200);
    verifies(&sidecar);
}

//! A held question and its outcome report while nothing can be recorded: refused, never lost, never allowed twice.

use std::time::Duration;

use serde_json::json;

use super::{body, ended, house, tells, transfer, verifies};
use crate::harness::{Configuration, HttpAnswer, Sidecar, eventually, key};
use crate::hold::locked::Lock;
use crate::kill::faults;

fn ask(sidecar: &Sidecar) -> HttpAnswer {
    sidecar.api("POST", "/api/v1/guard", &key("support-bot"), Some(&transfer()))
}

fn states(sidecar: &Sidecar) -> Vec<String> {
    let answer = sidecar.api("GET", "/api/v1/approvals", &sidecar.owner_key(), None);
    let shown = answer.json()["items"].as_array().unwrap().clone();
    let state = |approval: &serde_json::Value| approval["state"].as_str().unwrap().to_owned();
    shown.iter().map(state).collect()
}

#[track_caller]
fn refused(answer: &HttpAnswer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    for decision in ["ALLOW", "REQUIRE_APPROVAL"] {
        assert!(!answer.text().contains(decision), "{answer:?}");
    }
}

/// From the question to the report of how it ended; `without` runs a step while nothing can be recorded, and comes back when it can.
fn goes_on(sidecar: &Sidecar, without: &dyn Fn(&dyn Fn())) {
    let trail = |kind: &str| sidecar.trail().of_kind(kind).len();
    // The question.
    without(&|| {
        refused(&ask(sidecar));
        assert!(states(sidecar).is_empty(), "{:?}", states(sidecar));
    });
    assert!(states(sidecar).is_empty(), "{:?}", states(sidecar));
    let held = body(&ask(sidecar));
    assert_eq!(held["decision"], "REQUIRE_APPROVAL", "{held}");
    assert_eq!(states(sidecar), ["pending"]);
    // Asked again while it waits.
    without(&|| refused(&ask(sidecar)));
    assert_eq!(states(sidecar), ["pending"], "not lost");
    // What people gave is not spent, and not lost.
    sidecar.approve(held["approval_id"].as_str().unwrap());
    without(&|| {
        refused(&ask(sidecar));
        assert_eq!(states(sidecar), ["approved"]);
    });
    assert_eq!((states(sidecar), trail("consumed")), (vec!["approved".to_owned()], 0));
    let allowed = body(&ask(sidecar));
    assert_eq!(
        (&allowed["decision"], &allowed["approval_id"]),
        (&json!("ALLOW"), &held["approval_id"]),
        "{allowed}"
    );
    // Its end.
    let success = json!({ "outcome": "success", "result_id": "tr_1" });
    without(&|| {
        let answer = tells(sidecar, "support-bot", &allowed, &success);
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(ended(sidecar, &allowed).is_empty());
    });
    let told = tells(sidecar, "support-bot", &allowed, &success);
    assert_eq!(told.status, 200, "{told:?}");
    let ends = ended(sidecar, &allowed);
    assert_eq!((ends.len(), &ends[0]["outcome"]), (1, &json!("success")), "{ends:?}");
    let again = body(&ask(sidecar));
    assert_eq!(
        (&again["decision"], &again["code"]),
        (&json!("BLOCK"), &json!("already_executed")),
        "{again}"
    );
    assert_eq!((trail("approved"), trail("consumed")), (1, 1));
    verifies(sidecar);
}

/// An allowed question is answered again.
fn works(sidecar: &Sidecar) -> bool {
    let statement = json!({ "action": "read_balance", "target": "till" });
    let asked = sidecar.api("POST", "/api/v1/guard", &key("support-bot"), Some(&statement));
    asked.status == 200
}

#[test]
fn a_held_question_and_its_end_outlast_a_locked_database() {
    let sidecar = house().start();
    goes_on(&sidecar, &|step| {
        let lock = Lock::of(&sidecar);
        step();
        lock.ends(|| works(&sidecar));
    });
}

#[test]
fn a_held_question_and_its_end_outlast_a_full_disk() {
    const FULL: i32 = 1;
    let configured: Configuration = house();
    let sidecar = faults::on(configured);
    goes_on(&sidecar, &|step| {
        faults::put(sidecar.home(), FULL);
        step();
        let struck = faults::put(sidecar.home(), 0);
        assert!(struck > 0, "the disk was full for nobody");
        eventually("the trail is written again", || {
            std::thread::sleep(Duration::from_millis(50));
            works(&sidecar)
        });
    });
}

//! The score of a call: rules read it, people see it, the record keeps it, and it can be worked out again from there.

use crate::harness::{Origin, Session, Sidecar, said};

const RISKY: &str = r#"@id("risky") @decision("REQUIRE_APPROVAL") @approvers("approver") @reason("Its risk is high")
    forbid (principal, action, resource) when { context.risk >= 60 };"#;
/// $400, which the baseline allows.
const REFUND: &str = "refund ch_1 amount=40000";

/// The id of the last call that was decided.
fn last_call(sidecar: &Sidecar) -> String {
    let decided = sidecar.trail().of_kind("decided");
    decided.last().unwrap()["call"].as_str().unwrap().to_owned()
}

#[test]
fn a_risky_call_is_held_shown_with_its_score_and_recorded() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).policy(RISKY).start();
    let mut client = Session::stripe(&sidecar);
    client.call("refund ch_1 amount=500").assert_ok();
    client.send(REFUND);
    let line = sidecar.next_held_line();
    // Test mode: action 26, reversibility 8, sensitivity 3 and scale 15 of it come to 66.
    assert!(line.contains(" (risky), risk 66 high, waits "), "{line}");
    let id = line.split_whitespace().nth(1).unwrap().to_owned();
    let pending = sidecar.approvals("pending");
    assert_eq!(pending[0]["risk"]["score"], 66);
    assert!(sidecar.told(&["approvals", "list"]).contains("66 high"));
    let shown = sidecar.told(&["approvals", "show", &id]);
    assert!(shown.contains("risk        66 high (action "), "{shown}");
    sidecar.approve(&id);
    client.receive().assert_ok();
    let record = sidecar.told(&["audit", "show", "--json"]);
    let last: serde_json::Value = serde_json::from_str(record.lines().last().unwrap()).unwrap();
    assert_eq!((&last["risk"], &last["decision"]), (&66.into(), &"ALLOW".into()));
    assert!(
        sidecar
            .trail()
            .of_kind("decided")
            .iter()
            .all(|entry| entry["commit_risk"].is_string())
    );
    let told = sidecar.told(&["explain", &last_call(&sidecar)]);
    assert!(told.contains("risk         66 high (action "), "{told}");
    assert!(told.contains("amount_base 40000, from 1000 to 1000000"), "{told}");
    assert!(told.contains("the same, from what is on record"), "{told}");
}

#[test]
fn a_score_that_was_changed_on_disk_is_noticed() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    Session::stripe(&sidecar).call(REFUND).assert_ok();
    sidecar.terminate();
    assert!(sidecar.ended().success());
    let call = last_call(&sidecar);
    assert!(
        sidecar
            .told(&["explain", &call])
            .contains("the same, from what is on record")
    );
    let database = rusqlite::Connection::open(sidecar.home().join("state/runplane.db")).unwrap();
    let change = |from: &str, to: &str| {
        let sql = "UPDATE entry_values SET committed = replace(committed, ?1, ?2)";
        assert!(database.execute(sql, [from, to]).unwrap() > 0);
    };
    database.execute_batch("DROP TRIGGER entry_values_stay").unwrap();
    change("\"score\":66", "\"score\":6");
    let told = sidecar.told(&["explain", &call]);
    assert!(told.contains("NOT the same, the record was changed"), "{told}");
    change("\"score\":6,", "\"score\":66,");
    assert!(
        sidecar
            .told(&["explain", &call])
            .contains("the same, from what is on record")
    );
    // Consistent in itself, and still not what was committed to.
    change("\"weights\":\"", "\"weights\":\"0");
    let told = sidecar.told(&["explain", &call]);
    assert!(told.contains("not what the entry commits to"), "{told}");
}

#[test]
fn what_is_usual_of_an_agent_survives_a_restart() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let mut client = Session::stripe(&sidecar);
    client.call(REFUND).assert_ok();
    sidecar.terminate();
    assert!(sidecar.ended().success());
    let first = sidecar.told(&["explain", &last_call(&sidecar)]);
    assert!(
        first.contains("no baseline yet") && !first.contains("in the agent's"),
        "{first}"
    );
    let refund = [
        "explain",
        "-X",
        "POST",
        "https://api.stripe.com/v1/refunds",
        "-d",
        "charge=ch_1",
        "-d",
        "amount=40000",
    ];
    let would = sidecar.told(&refund);
    assert!(would.contains("amount_base 40000; in the agent's 1 calls"), "{would}");
    sidecar.restart();
    client.call("refund ch_2 amount=40000").assert_ok();
    let second = sidecar.told(&["explain", &last_call(&sidecar)]);
    assert!(second.contains("amount_base 40000; in the agent's 1 calls"), "{second}");
}

#[test]
fn rules_that_a_score_could_loosen_do_not_start() {
    let loose = r#"@id("loose") permit (principal, action, resource) when { context.risk < 10 };"#;
    let refused = said(&Sidecar::new().policy(loose).refuses());
    assert!(
        refused.contains("house.cedar:1:") && refused.contains("a `permit` does not read `context.risk`"),
        "{refused}"
    );
}

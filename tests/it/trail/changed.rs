//! Who can write the database while the sidecar runs, and what comes of it.

use std::time::Duration;

use rusqlite::Connection;

use super::{ANCHORED, database, triggers};
use crate::harness::{Origin, Session, Sidecar, Wire, eventually};

/// Changes an entry that no checkpoint is over, as the sidecar itself would have written it. False: all are sealed.
fn forge(sidecar: &Sidecar) -> bool {
    let connection = Connection::open(database(sidecar)).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let triggers = triggers(&connection);
    for (name, _) in &triggers {
        connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    let forged = connection
        .execute(
            "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"decision\":\"ALLOW\"', '\"decision\":\"BLOCK\"') AS BLOB)
            WHERE kind = 'decided' AND seq > (SELECT max(size) FROM checkpoints)",
            [],
        )
        .unwrap();
    for (_, made) in &triggers {
        connection.execute_batch(made).unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
    forged > 0
}

#[test]
fn a_trail_that_is_changed_before_it_is_sealed_is_not_signed_and_nothing_leaves_any_more() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .section(ANCHORED)
        .start();
    let mut client = Session::stripe(&sidecar);
    loop {
        client.call("balance").assert_ok();
        if forge(&sidecar) {
            break;
        }
    }
    eventually("it is told", || {
        sidecar.printed().contains("is not what this sidecar wrote there")
    });
    let arrived = origin.seen().len();
    client.call("charge 100").assert_refused("audit_unavailable");
    assert_eq!(origin.seen().len(), arrived, "nothing left");
    let get = |path: &str| {
        Wire::at(sidecar.control_port()).ask(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"))
    };
    let ready = get("/ready");
    assert!(ready.status == 503 && ready.text().contains("trail_changed"), "{}", ready.text());
    let counted = get("/metrics").text();
    assert!(counted.contains("runplane_audit_seals_total{result=\"changed\"} 1"), "{counted}");
    let signed = std::fs::read_to_string(sidecar.home().join("published.checkpoint")).unwrap();
    sidecar.terminate();
    assert!(!sidecar.ended().success(), "its end is not on record");
    let published = std::fs::read_to_string(sidecar.home().join("published.checkpoint")).unwrap();
    assert_eq!(published, signed);
    // A start holds what is behind the last checkpoint to nothing, and says so.
    sidecar.restart();
    let boots = sidecar.trail().of_kind("boot");
    assert!(boots[1]["unsealed"] != "0" && boots[1]["unsealed_held"] == "to nothing", "{boots:?}");
}

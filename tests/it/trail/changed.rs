//! Who can write the database while the sidecar runs, and what comes of it.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::anchors::start;
use super::{ANCHORED, GRANT, changed, database, second, stop, triggers};
use crate::harness::{Origin, Session, Sidecar, Wire, eventually, said};

/// A decision, as the sidecar itself would have written it.
const ACCESS: &str = "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"access\":\"read\"', '\"access\":\"admin\"') AS BLOB)
    WHERE kind = 'decided' AND seq > (SELECT max(size) FROM checkpoints)";

/// Changes an entry that no checkpoint is over. False: all are sealed.
fn forge(sidecar: &Sidecar, sql: &str) -> bool {
    let connection = Connection::open(database(sidecar)).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let triggers = triggers(&connection);
    for (name, _) in &triggers {
        connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    let forged = connection.execute(sql, []).unwrap();
    for (_, made) in &triggers {
        connection.execute_batch(made).unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
    forged > 0
}

#[test]
fn a_database_whose_schema_was_changed_is_refused_by_both_verifiers_and_at_start() {
    let sidecar = Sidecar::new().start();
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    stop(&sidecar);
    let database = database(&sidecar);
    let before = std::fs::read(&database).unwrap();
    assert_eq!(second(&key, &[], std::slice::from_ref(&database)), [true]);
    for change in [
        "CREATE TRIGGER sqlite1stat_x BEFORE INSERT ON entries BEGIN SELECT RAISE(IGNORE); END",
        "CREATE VIEW more AS SELECT 1",
        "ALTER TABLE habits ADD COLUMN more TEXT",
    ] {
        Connection::open(&database).unwrap().execute_batch(change).unwrap();
        let verify = ["audit", "verify", "--key", &key, database.to_str().unwrap()];
        assert_eq!(sidecar.cli(&verify).status.code(), Some(1), "{change}");
        assert_eq!(second(&key, &[], std::slice::from_ref(&database)), [false], "{change}");
        let refused = start(&sidecar);
        assert!(refused.contains("are not those that runplane makes"), "{refused}");
        std::fs::write(&database, &before).unwrap();
    }
    sidecar.restart();
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
        if forge(&sidecar, ACCESS) {
            break;
        }
    }
    eventually("it is told", || {
        sidecar.printed().contains("is not what this sidecar wrote there")
    });
    let arrived = origin.seen().len();
    client.call("charge 100").assert_refused("audit_unavailable");
    assert_eq!(origin.seen().len(), arrived, "nothing left");
    let get =
        |path: &str| Wire::at(sidecar.control_port()).ask(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
    let ready = get("/ready");
    assert!(
        ready.status == 503 && ready.text().contains("trail_changed"),
        "{}",
        ready.text()
    );
    let counted = get("/metrics").text();
    assert!(
        counted.contains("runplane_audit_seals_total{result=\"changed\"} 1"),
        "{counted}"
    );
    let signed = std::fs::read_to_string(sidecar.home().join("published.checkpoint")).unwrap();
    sidecar.terminate();
    assert!(!sidecar.ended().success(), "its end is not on record");
    let published = std::fs::read_to_string(sidecar.home().join("published.checkpoint")).unwrap();
    assert_eq!(published, signed);
    // A restart does not make that unsaid.
    let refused = start(&sidecar);
    assert!(
        refused.contains("found that the trail had been changed: entry ")
            && refused.contains("audit verify")
            && refused.contains("dangerously_accept_rollback"),
        "{refused}"
    );
    let configuration = sidecar.home().join("runplane.yaml");
    let yaml = std::fs::read_to_string(&configuration).unwrap();
    std::fs::write(&configuration, format!("{yaml}dangerously_accept_rollback: true\n")).unwrap();
    // A start holds what is behind the last checkpoint to nothing, and says so.
    sidecar.restart();
    let boots = sidecar.trail().of_kind("boot");
    assert!(
        boots[1]["unsealed"] != "0" && boots[1]["unsealed_held"] == "to nothing",
        "{boots:?}"
    );
    assert!(boots[1]["changed_found"].as_str().unwrap().ends_with('Z'), "{boots:?}");
    stop(&sidecar);
    std::fs::write(&configuration, yaml).unwrap();
    sidecar.restart();
    assert_eq!(sidecar.trail().of_kind("boot").len(), 3);
}

/// Nobody consented, or it was given back without having been spent.
#[test]
fn consent_that_was_taken_out_of_the_trail_is_missed_by_a_start_and_by_both_verifiers() {
    missed("escalated", "an approval was spent that people had not given");
    missed("returned", "an approval was given back that was not spent");
}

/// The operator has it signed all the same; the tree and all rows fit then.
fn missed(instead: &str, missed: &str) {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s").start();
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    let unsaid = format!(
        "UPDATE entries SET kind = '{instead}',
        bytes = CAST(replace(CAST(bytes AS TEXT), '\"kind\":\"approved\"', '\"kind\":\"{instead}\"') AS BLOB)
        WHERE kind = 'approved' AND seq > (SELECT max(size) FROM checkpoints)"
    );
    let mut client = Session::stripe(&sidecar);
    for charge in 1.. {
        let refund = format!("refund ch_{charge} amount=90000");
        let held = client.call(&refund).approval();
        sidecar.approve(&held);
        client.call(&refund).assert_ok();
        sidecar.kill9();
        if forge(&sidecar, &unsaid) {
            break;
        }
        sidecar.restart();
        client = Session::stripe(&sidecar);
    }
    let refused = start(&sidecar);
    assert!(refused.contains(missed), "{refused}");
    let configuration = sidecar.home().join("runplane.yaml");
    let yaml = std::fs::read_to_string(&configuration).unwrap();
    std::fs::write(&configuration, format!("{yaml}dangerously_accept_rollback: true\n")).unwrap();
    sidecar.restart();
    stop(&sidecar);
    // It was not for one start, and that was said.
    std::fs::write(&configuration, yaml).unwrap();
    let again = start(&sidecar);
    assert!(again.contains(missed), "{again}");
    for told in [refused, again] {
        assert!(
            told.contains("stays so for ever") && !told.contains("for one start"),
            "{told}"
        );
    }
    let database = database(&sidecar);
    let output = sidecar.cli(&["audit", "verify", "--key", &key, database.to_str().unwrap()]);
    let told = said(&output);
    assert!(output.status.code() == Some(1) && told.contains(missed), "{told}");
    assert_eq!(second(&key, &[], &[database]), [false]);
}

/// It is as before whenever it is looked at, and was not in between.
#[test]
fn what_is_changed_while_a_start_reads_is_not_taken_up() {
    let sidecar = Sidecar::new().start();
    stop(&sidecar);
    // Nor does such a start forget what the run before found.
    let finding = sidecar.home().join("state/trail.changed");
    let found = "2026-11-22T07:31:04.000Z entry 7 is another\n";
    std::fs::write(&finding, found).unwrap();
    let configuration = sidecar.home().join("runplane.yaml");
    let yaml = std::fs::read_to_string(&configuration).unwrap();
    std::fs::write(&configuration, format!("{yaml}dangerously_accept_rollback: true\n")).unwrap();
    let connection = Connection::open(database(&sidecar)).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    let refused = std::thread::scope(|scope| {
        let (ended, running) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            // Until the other end is dropped.
            while running.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                let unseen = "BEGIN IMMEDIATE; INSERT INTO pauses VALUES ('x', 'x', NULL, 1); DELETE FROM pauses WHERE agent = 'x'; COMMIT";
                connection.execute_batch(unseen).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let refused = start(&sidecar);
        drop(ended);
        refused
    });
    assert!(
        refused.contains("another program wrote to the database while it was read"),
        "{refused}"
    );
    assert_eq!(std::fs::read_to_string(&finding).unwrap(), found);
    let (boots, ends) = (sidecar.trail().of_kind("boot"), sidecar.trail().of_kind("shutdown"));
    assert_eq!((boots.len(), ends.len()), (1, 1), "nothing is on record of that start");
    sidecar.restart();
    assert!(!finding.exists(), "it is on record");
    stop(&sidecar);
    std::fs::write(&configuration, yaml).unwrap();
    sidecar.restart();
}

/// What could not be removed in the end is told before anything is recorded.
#[test]
fn a_directory_in_the_place_of_what_was_found_is_told_before_boot() {
    let sidecar = Sidecar::new().section("dangerously_accept_rollback: true").start();
    stop(&sidecar);
    let finding = sidecar.home().join("state/trail.changed");
    std::fs::create_dir(&finding).unwrap();
    let refused = start(&sidecar);
    assert!(refused.contains("a directory is there"), "{refused}");
    std::fs::remove_dir(&finding).unwrap();
    sidecar.restart();
    assert_eq!(sidecar.trail().of_kind("boot").len(), 2);
}

/// While nothing runs, and with all that is signed left as it is.
#[test]
fn what_a_start_takes_up_is_held_to_the_entries() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    Session::stripe(&sidecar).call("charge 100").assert_ok();
    sidecar.told(&["pause", "--agent", "ops-bot", "--reason", "sleeps"]);
    sidecar.told(&["people", "add", "bob", "--group", "approver"]);
    sidecar.told(&[&GRANT[..], &["--uses", "1"]].concat());
    stop(&sidecar);
    let database = database(&sidecar);
    let before = std::fs::read(&database).unwrap();
    let directory = tempfile::tempdir().unwrap();
    for sql in [
        "DELETE FROM pauses",
        "UPDATE people SET groups = '[\"admin\"]' WHERE name = 'bob'",
        "UPDATE grants SET uses = 100",
        "UPDATE calls SET outcome = 'unknown' WHERE outcome = 'success'",
        "UPDATE entries SET kind = 'boot' WHERE kind = 'decided'",
        "UPDATE entries SET time = time - 99 WHERE kind = 'decided'",
        "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"access\":\"write\"', '\"access\":\"read\"') AS BLOB)",
        "UPDATE entry_values SET committed = replace(committed, 'usd', 'jpy')",
        "DELETE FROM entries WHERE seq = 3",
    ] {
        let path = changed(&directory, "changed.db", &database, |connection| {
            assert!(connection.execute(sql, []).unwrap() > 0, "{sql}");
        });
        std::fs::copy(&path, &database).unwrap();
        let refused = start(&sidecar);
        assert!(refused.contains("is not what was written"), "{sql}: {refused}");
        std::fs::write(&database, &before).unwrap();
    }
    sidecar.restart();
    stop(&sidecar);
    // The operator goes on with it.
    let path = changed(&directory, "changed.db", &database, |connection| {
        connection.execute("DELETE FROM pauses", []).unwrap();
    });
    std::fs::copy(&path, &database).unwrap();
    let configuration = sidecar.home().join("runplane.yaml");
    let yaml = std::fs::read_to_string(&configuration).unwrap();
    std::fs::write(&configuration, yaml + "dangerously_accept_rollback: true\n").unwrap();
    sidecar.restart();
    assert_eq!(sidecar.trail().of_kind("boot")[2]["changed_accepted"], "1 findings");
}

#[test]
fn who_keeps_checkpoints_out_of_the_database_is_found() {
    let sidecar = Sidecar::new().start();
    let connection = Connection::open(database(&sidecar)).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    let ignore = "CREATE TRIGGER x BEFORE INSERT ON checkpoints BEGIN SELECT RAISE(IGNORE); END";
    connection.execute_batch(ignore).unwrap();
    sidecar.told(&["pause", "--agent", "ops-bot", "--reason", "sleeps"]);
    eventually("it is found", || {
        let ready = sidecar.api("GET", "/ready", &sidecar.owner_key(), None);
        ready.status == 503 && ready.text().contains("trail_changed")
    });
}

/// What would be whole in itself: the entry of a pause's end once more, and the pause gone.
fn unpause(database: &Path) {
    let connection = Connection::open(database).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let resumed = "SELECT seq, bytes FROM entries WHERE kind = 'pause' ORDER BY seq LIMIT 1 OFFSET 1";
    let (seq, bytes): (i64, Vec<u8>) = connection
        .query_row(resumed, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let last = "SELECT max(seq), max(time) FROM entries";
    let (end, time): (i64, i64) = connection
        .query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let mut entry: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    (entry["seq"], entry["time"]) = ((end + 1).into(), time.into());
    let put = "INSERT INTO entries (seq, time, kind, bytes) VALUES (?1, ?2, 'pause', ?3)";
    connection
        .execute(put, rusqlite::params![end + 1, time, entry.to_string().into_bytes()])
        .unwrap();
    let values = "INSERT INTO entry_values SELECT ?1, committed FROM entry_values WHERE seq = ?2";
    connection.execute(values, [end + 1, seq]).unwrap();
    connection.execute_batch("DELETE FROM pauses; COMMIT").unwrap();
}

const PAUSE: [&str; 5] = ["pause", "--agent", "ops-bot", "--reason", "sleeps"];

#[test]
fn behind_the_end_of_a_run_nobody_decides_anything() {
    let sidecar = Sidecar::new().start();
    sidecar.told(&PAUSE);
    sidecar.told(&["resume", "--agent", "ops-bot"]);
    sidecar.told(&PAUSE);
    stop(&sidecar);
    unpause(&database(&sidecar));
    let refused = start(&sidecar);
    assert!(refused.contains("behind the end of the last run"), "{refused}");
}

/// The run has no signed end; what is behind its last checkpoint is held to nothing but what the sidecar knew.
#[test]
fn an_entry_that_somebody_else_put_behind_ours_is_not_taken_up_by_the_next_start() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    sidecar.told(&PAUSE);
    sidecar.told(&["resume", "--agent", "ops-bot"]);
    sidecar.told(&PAUSE);
    let mut client = Session::stripe(&sidecar);
    client.call("balance").assert_ok();
    unpause(&database(&sidecar));
    client.call("charge 100").assert_refused("audit_unavailable");
    eventually("it is told", || {
        let ready = sidecar.api("GET", "/ready", &sidecar.owner_key(), None);
        ready.status == 503 && ready.text().contains("trail_changed")
    });
    let kept = sidecar.home().join("state/trail.changed");
    eventually("it is kept", || kept.exists());
    sidecar.kill9();
    let refused = start(&sidecar);
    assert!(
        refused.contains("found that the trail had been changed: the trail ends at")
            && refused.contains("somebody else put entries there"),
        "{refused}"
    );
}

#[test]
fn a_checkpoint_that_cannot_be_published_is_on_record_once_when_that_begins_and_when_it_ends() {
    let sidecar = Sidecar::new()
        .section("audit: { publish: { file: anchor/published.checkpoint } }")
        .start();
    let anchor = sidecar.home().join("anchor");
    let told = || -> Vec<String> {
        let told = sidecar.trail().of_kind("anchor");
        let told = told.iter().map(|entry| entry["event"].as_str().unwrap().to_owned());
        told.collect()
    };
    assert_eq!(told(), ["failed"], "the directory is not there");
    let get =
        |path: &str| Wire::at(sidecar.control_port()).ask(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
    eventually("it is a note", || get("/ready").text().contains("anchor_failing"));
    assert_eq!(get("/ready").status, 200);
    eventually("it is counted", || {
        let counted = get("/metrics").text();
        !counted.contains("runplane_audit_publications_total{to=\"file\",result=\"failed\"} 0")
    });
    std::fs::create_dir(&anchor).unwrap();
    eventually("it goes on", || anchor.join("published.checkpoint").exists());
    eventually("it is on record", || told() == ["failed", "published"]);
    eventually("it is a note no more", || {
        !get("/ready").text().contains("anchor_failing")
    });
}

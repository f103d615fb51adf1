//! Checkpoints while the sidecar runs, what is published of them, and what a start makes of it.

use std::fs;

use rusqlite::Connection;

use super::{ANCHORED, database, second, stop, triggers};
use crate::harness::{Curl, Origin, Session, Sidecar, bounded, eventually, runplane, said};

#[test]
fn a_sidecar_does_not_go_on_with_a_trail_that_was_set_back_unless_it_is_told_to() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .section(ANCHORED)
        .start();
    stop(&sidecar);
    let yesterday = sidecar.home().join("yesterday.db");
    fs::copy(database(&sidecar), &yesterday).unwrap();
    let last = sidecar.home().join("state/log.last");
    let (older, newer) = (fs::read(&last).unwrap(), sidecar.home().join("newer"));
    sidecar.restart();
    Session::stripe(&sidecar).call("charge 100").assert_ok();
    stop(&sidecar);
    assert!(
        sidecar.trail().of_kind("boot")[1]["anchor"]
            .as_str()
            .unwrap()
            .starts_with("held against")
    );
    let anchor = sidecar.home().join("published.checkpoint");
    let published = fs::read_to_string(&anchor).unwrap();
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    fs::copy(&yesterday, database(&sidecar)).unwrap();

    // Whole in itself, and cut by what was published.
    let (file, database) = (anchor.to_str().unwrap(), database(&sidecar));
    let told = sidecar.told(&["audit", "verify", "--key", &key, database.to_str().unwrap()]);
    assert!(told.starts_with("OK: "), "{told}");
    let output = sidecar.cli(&[
        "audit",
        "verify",
        "--key",
        &key,
        "--checkpoint",
        file,
        database.to_str().unwrap(),
    ]);
    assert!(
        output.status.code() == Some(1) && said(&output).contains("its end was cut off"),
        "{}",
        said(&output)
    );
    assert_eq!(
        second(&key, &["--checkpoint", file], std::slice::from_ref(&database)),
        [false]
    );

    let before = fs::read(&database).unwrap();
    let refused = start(&sidecar);
    assert!(
        refused.contains("older than the checkpoint that was signed last")
            && refused.contains("dangerously_accept_rollback"),
        "{refused}"
    );
    // With what lies beside the key: by what lies elsewhere.
    fs::copy(&last, &newer).unwrap();
    fs::write(&last, older).unwrap();
    let refused = start(&sidecar);
    assert!(
        refused.contains("older than the checkpoint in `") && refused.contains("dangerously_accept_rollback"),
        "{refused}"
    );
    fs::copy(&newer, &last).unwrap();
    assert_eq!(fs::read_to_string(&anchor).unwrap(), published, "left as it is");
    assert_eq!(fs::read(&database).unwrap().len(), before.len());
    let configuration = sidecar.home().join("runplane.yaml");
    let yaml = fs::read_to_string(&configuration).unwrap();
    fs::write(&configuration, yaml + "dangerously_accept_rollback: true\n").unwrap();
    sidecar.restart();
    let boots = sidecar.trail().of_kind("boot");
    assert!(
        boots[1]["anchor"].as_str().unwrap().starts_with("rollback accepted: "),
        "{}",
        boots[1]
    );
    assert!(
        boots[1]["log_last"]
            .as_str()
            .unwrap()
            .starts_with("rollback accepted: "),
        "{}",
        boots[1]
    );
    assert_eq!(boots[1]["dangerously_accept_rollback"], "true");
    // From there on it is the trail.
    fs::write(
        &configuration,
        fs::read_to_string(&configuration)
            .unwrap()
            .replace("dangerously_accept_rollback: true\n", ""),
    )
    .unwrap();
    sidecar.restart();
    let boots = sidecar.trail().of_kind("boot");
    assert!(
        boots[2]["log_last"].as_str().unwrap().starts_with("goes on from "),
        "{}",
        boots[2]
    );
}

/// By who can write the database, and neither the key nor what lies beside it.
#[test]
fn a_history_that_is_whole_in_itself_is_not_signed_while_the_sidecar_runs_or_at_its_start() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .section(ANCHORED)
        .start();
    let published = || fs::read_to_string(sidecar.home().join("published.checkpoint")).unwrap();
    let before = published();
    let connection = Connection::open(database(&sidecar)).unwrap();
    let triggers = triggers(&connection);
    let dropped: String = triggers
        .iter()
        .map(|(name, _)| format!("DROP TRIGGER {name};"))
        .collect();
    let again: String = triggers.iter().map(|(_, sql)| format!("{sql};")).collect();
    let forge = "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"by\":\"first start\"', '\"by\":\"alice\"') AS BLOB);
        DELETE FROM checkpoints; DELETE FROM tiles;";
    connection.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
    connection
        .execute_batch(&format!("BEGIN IMMEDIATE; {dropped} {forge} {again} COMMIT"))
        .unwrap();
    Session::stripe(&sidecar).call("balance").assert_ok();
    eventually("it is told", || {
        sidecar
            .printed()
            .contains("older than the checkpoint that was signed last")
    });
    assert_eq!(published(), before);
    sidecar.terminate();
    sidecar.ended();
    let refused = start(&sidecar);
    assert!(
        refused.contains("older than the checkpoint that was signed last"),
        "{refused}"
    );
    assert_eq!(published(), before);
}

#[test]
fn no_checkpoint_is_written_over_the_trail_or_another_file() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("things.example", &origin).start();
    stop(&sidecar);
    let configuration = sidecar.home().join("runplane.yaml");
    let yaml = fs::read_to_string(&configuration).unwrap();
    fs::write(sidecar.home().join("diary"), b"Dear diary \xff").unwrap();
    for (file, why) in [
        ("state/runplane.db", "lies beside the trail"),
        ("diary", "it is not text"),
    ] {
        let before = fs::read(sidecar.home().join(file)).unwrap();
        fs::write(
            &configuration,
            format!("{yaml}audit: {{ publish: {{ file: {file} }} }}\n"),
        )
        .unwrap();
        let refused = start(&sidecar);
        assert!(refused.contains(why), "{refused}");
        assert_eq!(fs::read(sidecar.home().join(file)).unwrap(), before);
    }
}

/// What a sidecar says that does not start.
pub(super) fn start(sidecar: &Sidecar) -> String {
    let mut command = runplane();
    command.arg("run").arg("--home").arg(sidecar.home());
    let output = bounded(command);
    assert!(!output.status.success(), "it started: {}", said(&output));
    said(&output)
}

#[test]
fn a_second_sidecar_on_one_database_does_not_start() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("things.example", &origin).start();
    let refused = start(&sidecar);
    assert!(refused.contains("another runplane is running"), "{refused}");
    // The first goes on.
    Curl::call(&sidecar, &["https://things.example/hello"]).assert_ok();
}

#[test]
fn checkpoints_come_while_the_trail_grows() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .section(ANCHORED)
        .start();
    let published = || fs::read_to_string(sidecar.home().join("published.checkpoint")).unwrap();
    let first = published();
    let mut client = Session::stripe(&sidecar);
    client.call("balance").assert_ok();
    eventually("a checkpoint is published", || published() != first);
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    sidecar.told(&[
        "audit",
        "verify",
        "--key",
        &key,
        "--checkpoint",
        sidecar.home().join("published.checkpoint").to_str().unwrap(),
        database(&sidecar).to_str().unwrap(),
    ]);
    // A full tile is sealed at once.
    let sealed = || {
        Connection::open(database(&sidecar))
            .unwrap()
            .query_row("SELECT count(*) FROM tiles WHERE level = 1", [], |row| {
                row.get::<_, i64>(0)
            })
            .unwrap()
    };
    assert_eq!(sealed(), 0);
    for _ in 0..130 {
        client.call("balance").assert_ok();
    }
    eventually("the tile is full", || sealed() == 1);
    // What was signed for it in between is published, too, though the trail grows no more.
    let last = || {
        let sql = "SELECT note FROM checkpoints ORDER BY ordinal DESC LIMIT 1";
        let connection = Connection::open(database(&sidecar)).unwrap();
        connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap()
    };
    eventually("what was signed last is published", || published() == last());
}

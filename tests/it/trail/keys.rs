//! A new key of the log, with an overlap in which both sign.

use std::fs;

use runplane::io::keys::LogKey;
use runplane::model::note::Note;
use rusqlite::Connection;

use super::{ANCHORED, changed, database, second, stop};
use crate::harness::{Origin, Session, Sidecar, bounded, runplane, said};

#[test]
fn a_trail_is_verified_by_the_old_key_until_the_overlap_ends_and_wholly_by_both() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .section(ANCHORED)
        .start();
    let old = sidecar.told(&["audit", "key"]).trim().to_owned();
    let told = sidecar.told(&["audit", "rotate-key", "--overlap", "1d"]);
    let new = sidecar.told(&["audit", "key"]).trim().to_owned();
    assert!(old != new && told.contains(&old) && told.contains(&new), "{told}");
    let again = sidecar.cli(&["audit", "rotate-key"]);
    assert!(!again.status.success(), "{}", said(&again));
    assert!(said(&again).contains("still under way"), "{}", said(&again));
    assert_eq!(sidecar.told(&["audit", "key"]).trim(), new);

    sidecar.restart();
    Session::stripe(&sidecar).call("charge 100").assert_ok();
    // One that changes nothing of its keys.
    sidecar.restart();
    stop(&sidecar);
    let turns = sidecar.trail().of_kind("key");
    let events: Vec<&str> = turns.iter().filter_map(|turn| turn["event"].as_str()).collect();
    assert_eq!(events, ["made", "rotated"], "{turns:?}");
    assert_eq!(
        (&turns[1]["log_key"], &turns[1]["previous"]),
        (&new.as_str().into(), &old.as_str().into())
    );
    let boots = sidecar.trail().of_kind("boot");
    assert!(
        boots[1]["anchor"].as_str().unwrap().starts_with("held against"),
        "{boots:?}"
    );

    let database = database(&sidecar);
    let verified = |keys: &[&str]| {
        let mut arguments = vec!["audit", "verify"];
        arguments.extend(keys.iter().flat_map(|key| ["--key", key]));
        arguments.push(database.to_str().unwrap());
        let whole = sidecar.cli(&arguments).status.success();
        let more: Vec<&str> = keys[1..].iter().flat_map(|key| ["--key", key]).collect();
        assert_eq!(
            second(keys[0], &more, std::slice::from_ref(&database)),
            [whole],
            "{keys:?}"
        );
        whole
    };
    assert!(verified(&[&old]), "all of it is within the overlap");
    assert!(verified(&[&old, &new]));
    assert!(!verified(&[&new]), "what was before it is signed by the old one alone");
}

#[test]
fn a_key_whose_overlap_is_over_signs_no_more_and_is_removed() {
    let sidecar = Sidecar::new().start();
    let old = sidecar.told(&["audit", "key"]).trim().to_owned();
    sidecar.told(&["audit", "rotate-key", "--overlap", "0s"]);
    let new = sidecar.told(&["audit", "key"]).trim().to_owned();
    let previous = sidecar.home().join("state/log.key.previous");
    assert!(previous.exists());
    sidecar.restart();
    stop(&sidecar);
    assert!(!previous.exists());
    let turns = sidecar.trail().of_kind("key");
    assert_eq!(
        (&turns[2]["event"], &turns[2]["log_key"]),
        (&"retired".into(), &old.as_str().into())
    );
    let database = database(&sidecar);
    let of_one = sidecar.cli(&["audit", "verify", "--key", &old, database.to_str().unwrap()]);
    assert!(
        said(&of_one).contains("no key that was given has signed it"),
        "{}",
        said(&of_one)
    );
    let both = [
        "audit",
        "verify",
        "--key",
        &old,
        "--key",
        &new,
        database.to_str().unwrap(),
    ];
    let told = sidecar.told(&both);
    assert!(told.starts_with("OK: "), "{told}");
}

#[test]
fn no_agent_rotates_the_key_of_the_trail() {
    let configuration = Sidecar::new().in_target();
    configuration.write();
    let mut exec = runplane();
    exec.arg("--home").arg(configuration.home.path()).args(["exec", "--"]);
    exec.arg(runplane().get_program()).args(["audit", "rotate-key"]);
    exec.current_dir(configuration.work());
    let output = bounded(exec);
    assert!(!output.status.success());
    assert!(
        said(&output).contains("The attempt is on record (call_"),
        "{}",
        said(&output)
    );
    assert!(!configuration.home.join("state/log.key.previous").exists());
}

#[test]
fn a_key_that_was_retired_signs_no_checkpoint_after_that() {
    let sidecar = Sidecar::new().start();
    let old = sidecar.told(&["audit", "key"]).trim().to_owned();
    let stolen = tempfile::tempdir().unwrap();
    fs::copy(sidecar.home().join("state/log.key"), stolen.path().join("log.key")).unwrap();
    let stolen = LogKey::load(stolen.path()).unwrap().unwrap();
    sidecar.told(&["audit", "rotate-key", "--overlap", "0s"]);
    let new = sidecar.told(&["audit", "key"]).trim().to_owned();
    sidecar.restart();
    stop(&sidecar);
    let directory = tempfile::tempdir().unwrap();
    let last = "SELECT note FROM checkpoints ORDER BY ordinal DESC LIMIT 1";
    let last: String = Connection::open(database(&sidecar))
        .unwrap()
        .query_row(last, [], |row| row.get(0))
        .unwrap();
    let claims = Note::parse(&last).unwrap();
    let forged = stolen.sign(claims.claims(), claims.claimed_seconds());
    // In the place of the true one, and behind it.
    let put = "UPDATE checkpoints SET note = ?1 WHERE ordinal = (SELECT max(ordinal) FROM checkpoints)";
    let add = "INSERT INTO checkpoints SELECT max(ordinal) + 1, max(size), ?1 FROM checkpoints";
    for (number, sql) in [put, add].into_iter().enumerate() {
        let path = changed(&directory, &format!("{number}.db"), &database(&sidecar), |connection| {
            assert_eq!(connection.execute(sql, [&forged]).unwrap(), 1);
        });
        let keys = ["audit", "verify", "--key", &old, "--key", &new];
        let output = sidecar.cli(&[&keys[..], &[path.to_str().unwrap()]].concat());
        assert!(
            output.status.code() == Some(1) && said(&output).contains("signed no more by then"),
            "{}",
            said(&output)
        );
        assert_eq!(second(&old, &["--key", &new], &[path]), [false]);
    }
    // Nor one that is said to have been kept elsewhere.
    let elsewhere = directory.path().join("published");
    fs::write(&elsewhere, &forged).unwrap();
    let (file, database) = (elsewhere.to_str().unwrap(), database(&sidecar));
    let keys = ["audit", "verify", "--key", &old, "--key", &new, "--checkpoint", file];
    let output = sidecar.cli(&[&keys[..], &[database.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let more = ["--key", &new, "--checkpoint", file];
    assert_eq!(second(&old, &more, std::slice::from_ref(&database)), [false]);
    assert_eq!(second(&old, &["--key", &new], &[database]), [true]);
}

#[test]
fn a_report_follows_the_keys_of_its_home_and_no_others() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let proof = || {
        let file = sidecar.home().join("report.html");
        let file = file.to_str().unwrap();
        sidecar.told(&["audit", "report", "--from", "1970-01-01", "--output", file]);
        fs::read_to_string(file).unwrap()
    };
    for _ in 0..2 {
        Session::stripe(&sidecar).call("charge 100").assert_ok();
        assert!(proof().contains("Verified:"), "{}", proof());
        sidecar.told(&["audit", "rotate-key", "--overlap", "0s"]);
        assert!(proof().contains("Verified:"), "before its next start, too");
        sidecar.restart();
        assert!(proof().contains("Verified:"), "{}", proof());
    }
    stop(&sidecar);
    assert!(proof().contains("Verified:"), "{}", proof());
    // By a key that has signed nothing of it.
    fs::remove_file(sidecar.home().join("state/log.key")).unwrap();
    LogKey::load_or_create(&sidecar.home().join("state")).unwrap();
    assert!(proof().contains("CHANGED"), "{}", proof());
}

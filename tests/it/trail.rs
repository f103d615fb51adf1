//! The record proves itself: sealed while the sidecar runs, verified from its file alone, by two verifiers that share no line
//! (`tests/verify.py` is the other).

mod anchors;
mod changed;
mod clock;
mod cuts;
mod damaged;
mod erased;
mod keys;
mod mutations;
mod pruned;
mod published;
mod steps;
mod taken;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use runplane::audit::{Against, Report, verify};
use runplane::model::note::VerifierKey;
use runplane::store::Evidence;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::harness::{Origin, Session, Sidecar, bounded, python, root, runplane, said};
use crate::reject::NO_PAYOUTS;

const ANCHORED: &str = "audit: { publish: { file: published.checkpoint } }";

const GRANT: [&str; 14] = [
    "grants",
    "add",
    "--agent",
    "support-bot",
    "--action",
    "process_refund",
    "--kind",
    "charge",
    "--max",
    "amount=95000usd",
    "--for",
    "30m",
    "--reason",
    "the shipment of Monday was lost",
];

/// A trail with one of each row, its sidecar stopped.
struct Recorded {
    sidecar: Sidecar,
    key: String,
    /// Answers those who call on.
    _origin: Origin,
}

impl Recorded {
    /// Past a full tile.
    fn new() -> Self {
        Self::with_calls(130)
    }

    fn with_calls(calls: u32) -> Self {
        let origin = Origin::stripe();
        let sidecar = Sidecar::new()
            .resolve("api.stripe.com", &origin)
            .policy(NO_PAYOUTS)
            .section(ANCHORED)
            .hold("1s")
            .start();
        sidecar.told(&["agents", "add", "ops-bot", "--role", "sre", "--owner", "owner"]);
        sidecar.told(&["agents", "add", "old-bot", "--role", "sre"]);
        sidecar.told(&["agents", "disable", "old-bot"]);
        sidecar.told(&["people", "add", "bob", "--group", "approver"]);
        let mut client = Session::stripe(&sidecar);
        client.call("charge 100").assert_ok();
        client.call("payout 100").assert_refused("policy_blocked");
        let held = client.call("refund ch_1 amount=90000").approval();
        sidecar.approve(&held);
        client.call("refund ch_1 amount=90000").assert_ok();
        let denied = client.call("refund ch_2 amount=90000").approval();
        sidecar.deny(&denied, "not \"this\" customer");
        client
            .call("refund ch_3 amount=90000")
            .assert_refused("approval_pending");
        // Used up, revoked, and given by a correction.
        let grant = |uses| sidecar.told(&[&GRANT[..], &["--uses", uses]].concat());
        grant("1");
        client.call("refund ch_4 amount=90000").assert_ok();
        let given = grant("2");
        let is_id = |word: &&str| word.starts_with("gra_");
        let id = given
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .find(is_id);
        sidecar.told(&["grants", "revoke", id.unwrap()]);
        let corrected = client.call("refund ch_5 amount=90000").approval();
        let correction = ["--reason", "too much", "--correct", "amount=60000"];
        sidecar.told(&[&["approvals", "deny", &corrected][..], &correction].concat());
        client.call("refund ch_5 amount=60000").assert_ok();
        for _ in 0..calls {
            client.call("balance").assert_ok();
        }
        sidecar.told(&["pause", "--agent", "ops-bot", "--reason", "sleeps"]);
        stop(&sidecar);
        let key = sidecar.told(&["audit", "key"]).trim().to_owned();
        Self {
            sidecar,
            key,
            _origin: origin,
        }
    }

    fn database(&self) -> PathBuf {
        database(&self.sidecar)
    }

    fn against(&self, published: Option<&str>) -> Against {
        Against::new(vec![VerifierKey::parse(&self.key).unwrap()], published).unwrap()
    }
}

fn database(sidecar: &Sidecar) -> PathBuf {
    sidecar.home().join("state/runplane.db")
}

fn stop(sidecar: &Sidecar) {
    sidecar.terminate();
    assert!(sidecar.ended().success());
}

fn verified(database: &Path, against: &Against) -> Report {
    verify(&Evidence::open(database).unwrap(), against, |_, _| {}).unwrap()
}

/// What the second verifier says of each file.
pub(crate) fn second(key: &str, more: &[&str], files: &[PathBuf]) -> Vec<bool> {
    let mut command = Command::new(python());
    command
        .arg(root().join("tests/verify.py"))
        .args(["--key", key])
        .args(more)
        .args(files);
    let output = bounded(command);
    let said = said(&output);
    let verdicts: Vec<bool> = said.lines().map(|line| line.starts_with("OK: ")).collect();
    assert_eq!(verdicts.len(), files.len(), "{said}");
    assert!(
        said.lines()
            .all(|line| line.starts_with("OK: ") || line.starts_with("CHANGED: ")),
        "{said}"
    );
    verdicts
}

/// A copy of a database, changed as nobody may, and with its triggers as before.
fn changed(directory: &TempDir, name: &str, from: &Path, change: impl FnOnce(&Connection)) -> PathBuf {
    let path = directory.path().join(name);
    fs::copy(from, &path).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA journal_mode = MEMORY")
        .unwrap();
    let triggers = triggers(&connection);
    for (trigger, _) in &triggers {
        connection.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    change(&connection);
    for (_, made) in &triggers {
        connection.execute_batch(made).unwrap();
    }
    path
}

/// Their names, and how they were made.
fn triggers(connection: &Connection) -> Vec<(String, String)> {
    let mut statement = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap();
    let triggers = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    triggers.map(Result::unwrap).collect()
}

#[test]
fn a_trail_is_verified_from_its_file_alone() {
    let recorded = Recorded::new();
    let published = fs::read_to_string(recorded.sidecar.home().join("published.checkpoint")).unwrap();
    let report = verified(&recorded.database(), &recorded.against(Some(&published)));
    assert_eq!(report.findings.told, [], "{report:?}");
    assert_eq!(
        (report.unsealed(), report.uncommitted),
        (0, 0),
        "sealed with its shutdown"
    );
    assert_eq!(report.published.unwrap().size, report.entries);
    assert!(report.entries > 270 && report.values > 500, "{report:?}");
    // Nothing of the machine but the file, which nobody may write.
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("copy of the trail?.db");
    fs::copy(recorded.database(), &copy).unwrap();
    let mut command = runplane();
    command
        .env_clear()
        .args(["audit", "verify", "--key", &recorded.key])
        .arg(&copy);
    let output = bounded(command);
    let said = said(&output);
    assert!(output.status.success() && said.starts_with("OK: "), "{said}");
    assert!(said.contains("that no entries were cut from the end"), "{said}");
    assert_eq!(
        fs::read_dir(elsewhere.path()).unwrap().count(),
        1,
        "no trace is left beside it"
    );
    assert_eq!(second(&recorded.key, &[], &[copy]), [true]);
}

#[test]
fn a_trail_is_verified_while_the_sidecar_runs_and_as_a_copy_with_its_log() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    assert!(sidecar.printed().contains(&key), "printed at the first start");
    Session::stripe(&sidecar).call("balance").assert_ok();
    let live = database(&sidecar);
    let told = sidecar.told(&["audit", "verify", "--key", &key, live.to_str().unwrap()]);
    assert!(told.starts_with("OK: "), "{told}");
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("runplane.db");
    fs::copy(&live, &copy).unwrap();
    fs::copy(live.with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    let told = sidecar.told(&["audit", "verify", "--key", &key, copy.to_str().unwrap()]);
    assert!(told.starts_with("OK: "), "{told}");
    assert_eq!(second(&key, &[], &[live, copy]), [true, true]);
}

/// It is decided twice, and its row tells of the second time.
#[test]
fn a_call_that_was_approved_while_its_client_waited_is_verified_by_both() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold("60s").start();
    let mut client = Session::stripe(&sidecar);
    thread::scope(|scope| {
        let call = scope.spawn(|| client.call("refund ch_1 amount=90000"));
        sidecar.approve(&sidecar.next_held());
        call.join().unwrap().assert_ok();
    });
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    stop(&sidecar);
    let decisions = sidecar.trail().of_kind("decided");
    let decisions: Vec<_> = decisions
        .iter()
        .filter_map(|entry| entry["decision"].as_str())
        .collect();
    assert_eq!(decisions, ["REQUIRE_APPROVAL", "ALLOW"]);
    let told = sidecar.told(&["audit", "verify", "--key", &key, database(&sidecar).to_str().unwrap()]);
    assert!(told.starts_with("OK: "), "{told}");
    assert_eq!(second(&key, &[], &[database(&sidecar)]), [true]);
}

#[test]
fn what_is_no_trail_or_of_another_log_is_refused_with_what_it_is() {
    let recorded = Recorded::new();
    let directory = tempfile::tempdir().unwrap();
    let diary = directory.path().join("diary.db");
    fs::write(&diary, "Dear diary, today an agent asked me for money. ".repeat(40)).unwrap();
    let older = changed(&directory, "older.db", &recorded.database(), |connection| {
        connection.execute_batch("PRAGMA user_version = 4").unwrap();
    });
    let newer = changed(&directory, "newer.db", &recorded.database(), |connection| {
        connection.execute_batch("PRAGMA user_version = 99").unwrap();
    });
    let missing = directory.path().join("missing.db");
    for (file, word) in [
        (&diary, "not a runplane"),
        (&older, "older"),
        (&newer, "newer"),
        (&missing, "no database"),
    ] {
        let before = fs::read(file).ok();
        let output = recorded
            .sidecar
            .cli(&["audit", "verify", "--key", &recorded.key, file.to_str().unwrap()]);
        assert!(
            !output.status.success() && said(&output).contains(word),
            "{}",
            said(&output)
        );
        assert_eq!(fs::read(file).ok(), before, "left as it is");
    }
    let other = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
    let database = recorded.database();
    let output = recorded
        .sidecar
        .cli(&["audit", "verify", "--key", other, database.to_str().unwrap()]);
    assert!(
        !output.status.success() && said(&output).contains("no key that was given"),
        "{}",
        said(&output)
    );
    assert_eq!(second(other, &[], std::slice::from_ref(&database)), [false]);
    fs::write(&diary, "Dear diary\n").unwrap();
    let forged = ["--checkpoint", diary.to_str().unwrap(), database.to_str().unwrap()];
    let output = recorded
        .sidecar
        .cli(&[&["audit", "verify", "--key", &recorded.key][..], &forged].concat());
    assert!(
        !output.status.success() && said(&output).contains("not a checkpoint"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_trail_that_was_killed_catches_up_at_the_next_start() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    for _ in 0..3 {
        Session::stripe(&sidecar).call("balance").assert_ok();
        sidecar.restart_hard();
    }
    stop(&sidecar);
    let boots = sidecar.trail().of_kind("boot");
    assert_eq!(boots.len(), 4);
    // What the kill left open is on record.
    assert!(boots[1..].iter().any(|boot| boot["unsealed"] != "0"), "{boots:?}");
    let told = sidecar.told(&["audit", "verify", "--key", &key, database(&sidecar).to_str().unwrap()]);
    assert!(
        told.starts_with("OK: ") && !told.contains("no checkpoint is over"),
        "{told}"
    );
    assert_eq!(second(&key, &[], &[database(&sidecar)]), [true]);
}

#[test]
fn an_entry_is_proven_without_the_database_and_checkpoints_continue_each_other() {
    let recorded = Recorded::new();
    let sidecar = &recorded.sidecar;
    let early = sidecar.home().join("early.checkpoint");
    fs::copy(sidecar.home().join("published.checkpoint"), &early).unwrap();
    let call = sidecar.trail().of_kind("outcome")[0]["call"]
        .as_str()
        .unwrap()
        .to_owned();
    let directory = tempfile::tempdir().unwrap();
    sidecar.told(&["audit", "prove", &call, "--out", directory.path().to_str().unwrap()]);
    let mut proofs: Vec<PathBuf> = fs::read_dir(directory.path())
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    proofs.sort();
    assert_eq!(proofs.len(), 2, "decided and outcome");
    assert_eq!(second(&recorded.key, &[], &proofs), [true, true]);
    for proof in &proofs {
        let told = sidecar.told(&["audit", "verify", "--key", &recorded.key, proof.to_str().unwrap()]);
        assert!(told.starts_with("Proven: ") && told.contains(&call), "{told}");
        by_other_libraries(&recorded.key, &fs::read_to_string(proof).unwrap());
        let text = fs::read_to_string(proof).unwrap().replacen("\nindex ", "\nindex 1", 1);
        fs::write(proof, text).unwrap();
        let output = sidecar.cli(&["audit", "verify", "--key", &recorded.key, proof.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    }
    assert_eq!(second(&recorded.key, &[], &proofs), [false, false]);
    // On to a later one.
    sidecar.restart();
    stop(sidecar);
    let continued = sidecar.told(&["audit", "consistency", early.to_str().unwrap()]);
    let file = directory.path().join("consistency");
    fs::write(&file, continued).unwrap();
    let old = ["--old", early.to_str().unwrap()];
    assert_eq!(second(&recorded.key, &old, std::slice::from_ref(&file)), [true]);
    let late = sidecar.home().join("published.checkpoint");
    let wrong = ["--old", late.to_str().unwrap()];
    assert_eq!(second(&recorded.key, &wrong, &[file]), [false]);
}

/// Of a third party, which implement the same specifications.
fn by_other_libraries(key: &str, proof: &str) {
    use base64::Engine;
    let decode = |text: &str| base64::prelude::BASE64_STANDARD.decode(text).unwrap();
    let (head, note) = proof.split_once("\n\n").unwrap();
    let lines: Vec<&str> = head.lines().collect();
    let note = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
    let verifier = signed_note::StandardVerifier::new(key).unwrap();
    note.verify(&signed_note::VerifierList::new(vec![Box::new(verifier)]))
        .unwrap();
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    let entry = decode(lines[1].strip_prefix("extra ").unwrap());
    let index = lines[2].strip_prefix("index ").unwrap().parse().unwrap();
    let path: Vec<_> = lines[3..]
        .iter()
        .map(|line| tlog_tiles::Hash::parse_hash(line).unwrap())
        .collect();
    let leaf = tlog_tiles::record_hash(&entry);
    tlog_tiles::check_record(&path, checkpoint.size(), *checkpoint.hash(), index, leaf).unwrap();
}

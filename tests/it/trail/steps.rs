//! What may become of an approval, asked of the second verifier.

use std::process::Command;

use runplane::model::entry::hmac_sha256;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::anchors::start;
use super::{database, second, stop};
use crate::harness::{Origin, Session, Sidecar, bounded, python, root, said};

/// The place of the first wrong entry of each line, by the class that reads a whole trail.
const ASK: &str = r"
import json, re, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import verify
for line in open(sys.argv[2]):
    said = json.loads(line)
    to, kept = said.get('pruned', 0), verify.places_of(said['kept'], 99) if 'kept' in said else []
    steps = verify.Steps(lambda seq: 1 <= seq <= to and not verify.has(kept, seq))
    try:
        for seq, entry in enumerate(said['entries'], 1):
            if entry is not None:
                steps.entry(seq, entry['kind'], entry)
        steps.finish()
        print('null')
    except verify.Wrong as wrong:
        print(re.match(r'entry (\d+): ', str(wrong))[1])
";

/// The first one reads the same table in a test of its own (`what_was_spent_has_been_consented_to_before`).
#[test]
fn both_verifiers_know_the_steps_of_an_approval() {
    let table = root().join("tests/golden/steps.jsonl");
    let mut second = Command::new(python());
    second.args(["-c", ASK]).arg(root().join("tests")).arg(&table);
    let told = said(&bounded(second));
    let lines = std::fs::read_to_string(&table).unwrap();
    assert_eq!(told.lines().count(), lines.lines().count(), "{told}");
    for (told, line) in told.lines().zip(lines.lines()) {
        let expected: Value = serde_json::from_str(line).unwrap();
        assert_eq!(told, expected["wrong"].to_string(), "{line}");
    }
}

/// Everything fits but what people said: the row, what its last entry commits to, and the entry.
#[test]
fn a_yes_that_is_only_in_its_row_is_not_taken_up() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s").start();
    let mut client = Session::stripe(&sidecar);
    let held = client.call("refund ch_1 amount=90000").approval();
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    stop(&sidecar);
    say_yes(&Connection::open(database(&sidecar)).unwrap(), &held);
    let told = "its state is not what its entries come to";
    let refused = start(&sidecar);
    assert!(refused.contains(told) && refused.contains(&held), "{refused}");
    let database = database(&sidecar);
    let output = sidecar.cli(&["audit", "verify", "--key", &key, database.to_str().unwrap()]);
    assert!(
        output.status.code() == Some(1) && said(&output).contains(told),
        "{}",
        said(&output)
    );
    assert_eq!(second(&key, &[], &[database]), [false]);
    origin.assert_untouched();
}

/// As somebody would have it who can write the database: with an entry that nobody takes for a step.
fn say_yes(connection: &Connection, approval: &str) {
    let row = "SELECT row, (SELECT bytes FROM entries WHERE kind = 'held' LIMIT 1) FROM approvals WHERE id = ?1";
    let (row, held): (String, Vec<u8>) = connection
        .query_row(row, [approval], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let last = "SELECT max(seq), max(time) FROM entries";
    let (end, time): (i64, i64) = connection
        .query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let until = time + 3_600_000;
    let mut row: Value = serde_json::from_str(&row).unwrap();
    (row["state"], row["decided"], row["grant_expires"]) = ("approved".into(), time.into(), until.into());
    row["revision"] = (row["revision"].as_i64().unwrap() + 1).into();
    let (row, salt) = (row.to_string(), [7; 16]);
    let put = "UPDATE approvals SET state = 'approved', revision = revision + 1, decided = ?2, grant_expires = ?3, row = ?4 WHERE id = ?1";
    connection.execute(put, params![approval, time, until, row]).unwrap();
    let held: Value = serde_json::from_slice(&held).unwrap();
    let entry = json!({
        "agent": held["agent"], "approval": approval, "call": held["call"], "commit_row": hex::encode(hmac_sha256(&salt, row.as_bytes())),
        "groups": "approver", "kind": "escalated", "revision": 1, "rules": "", "seq": end + 1, "time": time, "v": 1,
    });
    let put = "INSERT INTO entries (seq, time, kind, call, bytes) VALUES (?1, ?2, 'escalated', ?3, ?4)";
    let call = held["call"].as_str();
    connection
        .execute(put, params![end + 1, time, call, entry.to_string().into_bytes()])
        .unwrap();
    let values = json!({ "row": { "salt": hex::encode(salt) } }).to_string();
    let put = "INSERT INTO entry_values (seq, committed) VALUES (?1, ?2)";
    connection.execute(put, params![end + 1, values]).unwrap();
}

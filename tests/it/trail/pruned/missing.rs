//! What went with an entry that says so, told from what is missing or was changed.

use std::fs;

use rusqlite::Connection;

use super::{REASON, last_month, old, prune, verify};
use crate::harness::said;
use crate::trail::{changed, database, second, stop, triggers};

#[test]
fn what_is_pruned_is_told_from_what_is_missing() {
    let recorded = old(130);
    let (sidecar, key) = (&recorded.sidecar, &recorded.key);
    stop(sidecar);
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole.db");
    fs::copy(database(sidecar), &whole).unwrap();
    sidecar.restart();
    prune(sidecar, &[]);
    stop(sidecar);
    verify(key, &database(sidecar), sidecar);
    let attach = format!("ATTACH '{}' AS whole", whole.display());
    let upto = "(SELECT upto FROM pruned)";
    let back = "INSERT INTO entries SELECT * FROM whole.entries WHERE seq = 100;
        INSERT INTO entry_values SELECT * FROM whole.entry_values WHERE seq = 100; DETACH whole";
    let further = "UPDATE pruned SET upto = upto + 1; DELETE FROM entries WHERE seq = (SELECT upto FROM pruned);
        DELETE FROM entry_values WHERE seq = (SELECT upto FROM pruned)";
    for (name, change, told) in [
        (
            "behind",
            format!("DELETE FROM entries WHERE seq = {upto} + 2"),
            "it is missing",
        ),
        (
            "kept",
            format!("DELETE FROM entries WHERE seq = (SELECT max(seq) FROM entries WHERE seq <= {upto})"),
            "it is missing",
        ),
        ("back", format!("{attach}; {back}"), "is there"),
        ("further", further.to_owned(), "no entry says that so much was pruned"),
        ("unsaid", "DELETE FROM pruned".to_owned(), "it is missing"),
        (
            "another",
            "UPDATE pruned SET by = by - 1".to_owned(),
            "no entry says that so much was pruned",
        ),
        (
            "row",
            "DELETE FROM calls WHERE ordinal = (SELECT min(ordinal) FROM calls)".to_owned(),
            "calls",
        ),
        ("person", "DELETE FROM people WHERE name = 'bob'".to_owned(), "people"),
        (
            "hash",
            "UPDATE tiles SET hashes = CAST(zeroblob(32) || substr(hashes, 33) AS BLOB) WHERE level = 0 AND n = 0"
                .to_owned(),
            "CHANGED",
        ),
    ] {
        let path = changed(&directory, &format!("{name}.db"), &database(sidecar), |connection| {
            connection.execute_batch(&change).unwrap();
        });
        assert_eq!(second(key, &[], std::slice::from_ref(&path)), [false], "{name}");
        let output = sidecar.cli(&["audit", "verify", "--key", key, path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(said(&output).contains(told), "{name}: {}", said(&output));
    }
    // Said behind the last checkpoint, by somebody who has the file and not the key.
    let forged = changed(&directory, "forged.db", &whole, |connection| {
        let last = "(SELECT max(seq) FROM entries)";
        let time = "(SELECT max(time) FROM entries)";
        for more in [
            format!(
                "'{{\"before\":\"2020-01\",\"entries\":99,\"event\":\"ordered\",\"from\":1,\"kind\":\"pruned\",\"months\":\"2019-12\",\"seq\":' || {last} + 1 || ',\"time\":' || {time} || ',\"to\":1,\"v\":1}}'"
            ),
            format!(
                "'{{\"approvals\":0,\"calls\":0,\"entries\":1,\"event\":\"done\",\"from\":1,\"grants\":0,\"kind\":\"pruned\",\"order\":' || {last} || ',\"seq\":' || ({last} + 1) || ',\"time\":' || {time} || ',\"to\":1,\"v\":1}}'"
            ),
        ] {
            let more = more.replace(&format!("|| {last} + 1 ||"), &format!("|| ({last} + 1) ||"));
            let sql = format!(
                "INSERT INTO entries (seq, time, kind, bytes) SELECT {last} + 1, {time}, 'pruned', CAST({more} AS BLOB)"
            );
            connection.execute(&sql, []).unwrap();
        }
        connection
            .execute_batch(&format!("INSERT INTO pruned VALUES (1, 1, {last}); DELETE FROM entries WHERE seq = 1; DELETE FROM entry_values WHERE seq = 1"))
            .unwrap();
    });
    assert_eq!(second(key, &[], std::slice::from_ref(&forged)), [false]);
    let output = sidecar.cli(&["audit", "verify", "--key", key, forged.to_str().unwrap()]);
    assert!(
        said(&output).contains("was not signed before it was"),
        "{}",
        said(&output)
    );
}

/// So are values, rows and steps: they would go with the entries.
#[test]
fn what_was_changed_beside_its_entry_is_not_pruned() {
    for change in [
        "DELETE FROM entry_values WHERE seq = (SELECT min(seq) FROM entry_values)",
        "UPDATE calls SET milliseconds = coalesce(milliseconds, 0) + 7 WHERE ordinal = 1",
    ] {
        let recorded = old(3);
        let sidecar = &recorded.sidecar;
        let connection = Connection::open(database(sidecar)).unwrap();
        let triggers = triggers(&connection);
        for (name, _) in &triggers {
            connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        }
        assert_eq!(connection.execute(change, []).unwrap(), 1, "{change}");
        for (_, made) in &triggers {
            connection.execute_batch(made).unwrap();
        }
        for more in [&["--dry-run"][..], &[]] {
            let before = last_month().to_string();
            let output = sidecar.cli(&[&["audit", "prune", "--before", &before][..], &REASON, more].concat());
            assert!(
                !output.status.success() && said(&output).contains("what is recorded is not what was written"),
                "{change}: {}",
                said(&output)
            );
        }
        assert_eq!(sidecar.trail().of_kind("pruned").len(), 0);
    }
}

/// It is evidence.
#[test]
fn what_was_changed_is_not_pruned() {
    let recorded = old(3);
    let sidecar = &recorded.sidecar;
    let connection = Connection::open(database(sidecar)).unwrap();
    let (name, made): (String, String) = connection
        .query_row(
            "SELECT name, sql FROM sqlite_schema WHERE name = 'entries_stay'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    let changed =
        "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"v\":1', '\"v\":2') AS BLOB) WHERE seq = 20";
    assert_eq!(connection.execute(changed, []).unwrap(), 1);
    connection.execute_batch(&made).unwrap();
    let before = last_month().to_string();
    let output = sidecar.cli(&[&["audit", "prune", "--before", &before][..], &REASON].concat());
    assert!(
        !output.status.success() && said(&output).contains("entry 20 is not what was signed"),
        "{}",
        said(&output)
    );
    assert_eq!(sidecar.trail().of_kind("pruned").len(), 0);
}

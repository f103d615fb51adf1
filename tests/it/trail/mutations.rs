//! Everything that can be changed in a trail is changed, one thing at a time, and both verifiers are asked.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use runplane::audit::Place;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::{Recorded, changed, second, verified};

/// What is no part of the trail, and said not to be.
const OUTSIDE: [&str; 4] = ["deliveries", "habits", "posts", "receivers"];

struct Column {
    table: String,
    name: String,
    nullable: bool,
    /// By which a row of the table is found.
    row: Vec<String>,
}

fn columns(connection: &Connection) -> Vec<Column> {
    let names = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        statement
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    };
    let mut all = Vec::new();
    for table in names("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name") {
        let keys = names(&format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0"));
        let row = if keys.is_empty() {
            vec!["rowid".to_owned()]
        } else {
            keys
        };
        let nullable = names(&format!(
            "SELECT name FROM pragma_table_info('{table}') WHERE \"notnull\" = 0 AND pk = 0"
        ));
        for name in names(&format!("SELECT name FROM pragma_table_info('{table}')")) {
            all.push(Column {
                nullable: nullable.contains(&name),
                table: table.clone(),
                row: row.clone(),
                name,
            });
        }
    }
    assert!(all.len() > 60, "{}", all.len());
    all
}

impl Column {
    /// The values to put into the first row that has one, and into the first that has none.
    fn others(&self, connection: &Connection) -> Vec<(String, Value)> {
        let Column { table, name, .. } = self;
        let found = |condition: &str| -> Option<Value> {
            let sql = format!("SELECT \"{name}\" FROM {table} WHERE \"{name}\" {condition} LIMIT 1");
            connection.query_row(&sql, [], |row| row.get(0)).ok()
        };
        let mut others = Vec::new();
        let sql = "SELECT type FROM pragma_table_info(?1) WHERE name = ?2";
        let kind: String = connection.query_row(sql, [table, name], |row| row.get(0)).unwrap();
        if let Some(value) = found("IS NOT NULL") {
            let other = match value {
                Value::Integer(number) => Value::Integer(number + 1_000_000),
                // Its index refuses what is no JSON.
                Value::Text(text) if (&**table, &**name) == ("approvals", "row") => Value::Text(text + " "),
                Value::Text(text) => Value::Text(text + "x"),
                Value::Blob(mut bytes) => {
                    *bytes.last_mut().unwrap() ^= 1;
                    Value::Blob(bytes)
                }
                Value::Null | Value::Real(_) => panic!("{table}.{name}"),
            };
            others.push(("IS NOT NULL".to_owned(), other));
            if self.nullable {
                others.push(("IS NOT NULL".to_owned(), Value::Null));
            }
        }
        if found("IS NULL").is_some() {
            let some = if kind == "INTEGER" {
                Value::Integer(1)
            } else {
                Value::Text("x".to_owned())
            };
            others.push(("IS NULL".to_owned(), some));
        }
        // What is no text in a column of texts.
        if kind == "TEXT" && (&**table, &**name) != ("approvals", "row") {
            let conditions: BTreeSet<String> = others.iter().map(|(condition, _)| condition.clone()).collect();
            others.extend(
                conditions
                    .into_iter()
                    .map(|condition| (condition, Value::Blob(vec![0xff]))),
            );
        }
        others
    }

    fn put(&self, connection: &Connection, condition: &str, value: &Value) {
        let Column { table, name, row, .. } = self;
        let row = row.join(", ");
        let is_text = format!("(SELECT type FROM pragma_table_info('{table}') WHERE name = '{name}') = 'TEXT'");
        let sql = format!(
            "UPDATE {table} SET \"{name}\" = CASE WHEN {is_text} THEN CAST(?1 AS TEXT) ELSE ?1 END WHERE ({row}) = (SELECT {row} FROM {table} WHERE \"{name}\" {condition} LIMIT 1)"
        );
        assert_eq!(connection.execute(&sql, [value]).unwrap(), 1, "{sql}");
    }
}

/// What is done to a copy, and what it is called.
pub(super) type Change = (String, Box<dyn Fn(&Connection)>);

/// Changes a copy in each of these ways and asks both verifiers; those that one of them did not notice.
pub(super) fn unnoticed(recorded: &Recorded, changes: &[Change]) -> Vec<String> {
    let mut unnoticed = Vec::new();
    for batch in changes.chunks(40) {
        let directory = tempfile::tempdir().unwrap();
        let mut asked: Vec<(PathBuf, &String)> = Vec::new();
        for (number, (name, change)) in batch.iter().enumerate() {
            let path = changed(&directory, &format!("{number}.db"), &recorded.database(), change);
            // What SQLite itself finds wrong with the file is no answer to what the trail says.
            let findings = verified(&path, &recorded.against(None)).findings.told;
            if findings.iter().all(|finding| matches!(finding.place, Place::File(_))) {
                unnoticed.push(format!("first: {name}"));
            }
            asked.push((path, name));
        }
        let files: Vec<PathBuf> = asked.iter().map(|(path, _)| path.clone()).collect();
        let verdicts = second(&recorded.key, &[], &files);
        let believed = asked.iter().zip(verdicts).filter(|(_, believed)| *believed);
        unnoticed.extend(believed.map(|((_, name), _)| format!("second: {name}")));
    }
    unnoticed
}

pub(super) fn change(name: impl Into<String>, change: impl Fn(&Connection) + 'static) -> Change {
    (name.into(), Box::new(change))
}

fn sql(sql: &'static str) -> Change {
    change(sql, move |connection| connection.execute_batch(sql).unwrap())
}

/// A change of each column of each table that has a row, as a table of them, and the columns of those that have none.
fn of_columns(recorded: &Recorded) -> (Vec<Change>, String, Vec<String>) {
    let connection = Connection::open(recorded.database()).unwrap();
    let (mut changes, mut table) = (
        Vec::new(),
        String::from("| column | changes | caught by both |\n|---|---|---|\n"),
    );
    let mut without = Vec::new();
    for column in columns(&connection) {
        let name = format!("{}.{}", column.table, column.name);
        let others = column.others(&connection);
        if OUTSIDE.contains(&&*column.table) {
            writeln!(table, "| {name} | | no part of the trail, and said so |").unwrap();
            continue;
        }
        if others.is_empty() {
            without.push(name);
            continue;
        }
        writeln!(table, "| {name} | {} | yes |", others.len()).unwrap();
        let column = std::rc::Rc::new(column);
        for (condition, value) in others {
            let column = column.clone();
            changes.push(change(format!("{name} {condition} → {value:?}"), move |connection| {
                column.put(connection, &condition, &value);
            }));
        }
    }
    (changes, table, without)
}

#[test]
fn every_column_of_every_table_is_held_to_the_trail() {
    let recorded = Recorded::new();
    let (changes, table, without) = of_columns(&recorded);
    // Those have a row in the trail of the next test.
    let later = ["pruned.only", "pruned.upto", "pruned.by"];
    assert_eq!(without, later, "the sample has a row in every other table");
    let unnoticed = unnoticed(&recorded, &changes);
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
    let target = Path::new(env!("CARGO_BIN_EXE_runplane"));
    fs::write(target.ancestors().nth(2).unwrap().join("mutation-table.md"), table).unwrap();
}

#[test]
fn every_column_is_held_to_a_trail_that_was_pruned() {
    let recorded = super::pruned::pruned();
    let (changes, table, _) = of_columns(&recorded);
    assert!(table.contains("| pruned.by | 1 | yes |"), "{table}");
    let unnoticed = unnoticed(&recorded, &changes);
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

#[test]
fn every_byte_of_an_entry_is_held_to_the_trail() {
    let recorded = Recorded::with_calls(5);
    let connection = Connection::open(recorded.database()).unwrap();
    let sql = "SELECT seq, length(bytes) FROM entries WHERE kind = 'decided' LIMIT 1";
    let (seq, length): (i64, i64) = connection
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    drop(connection);
    let changes: Vec<_> = (0..length)
        .map(|at| {
            change(format!("byte {at} of entry {seq}"), move |connection: &Connection| {
                let bytes = "SELECT bytes FROM entries WHERE seq = ?1";
                let mut bytes: Vec<u8> = connection.query_row(bytes, [seq], |row| row.get(0)).unwrap();
                bytes[usize::try_from(at).unwrap()] ^= 1;
                let put = "UPDATE entries SET bytes = ?1 WHERE seq = ?2";
                connection.execute(put, rusqlite::params![bytes, seq]).unwrap();
            })
        })
        .collect();
    let unnoticed = unnoticed(&recorded, &changes);
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
    // It names the entry where the rest fits: a member that no projection has.
    let directory = tempfile::tempdir().unwrap();
    let path = changed(&directory, "one.db", &recorded.database(), |connection| {
        let put = "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"inspected\":1', '\"inspected\":0') AS BLOB)
            WHERE seq = ?1";
        assert_eq!(connection.execute(put, [seq]).unwrap(), 1);
    });
    let report = verified(&path, &recorded.against(None));
    let seq = u64::try_from(seq).unwrap();
    assert_eq!(report.findings.first_entry, Some((seq, seq)), "{report:?}");
    assert_eq!(report.findings.told.len(), 1, "{report:?}");
}

#[test]
fn rows_that_are_removed_put_in_or_reordered_are_noticed() {
    let recorded = Recorded::new();
    let changes = vec![
        sql("DELETE FROM entries WHERE seq = 1"),
        sql("DELETE FROM entries WHERE seq = 100"),
        sql("DELETE FROM entries WHERE seq BETWEEN 20 AND 290"),
        sql("DELETE FROM entries"),
        sql("INSERT INTO entries SELECT 0, time, kind, call, bytes FROM entries WHERE seq = 1"),
        sql("INSERT INTO entries SELECT -5, time, kind, call, bytes FROM entries WHERE seq = 1"),
        sql("UPDATE entries SET seq = -1 WHERE seq = 7; UPDATE entries SET seq = 7 WHERE seq = 8;
            UPDATE entries SET seq = 8 WHERE seq = -1"),
        // With its number in the bytes, too.
        sql("UPDATE entries SET bytes = (SELECT CAST(replace(CAST(other.bytes AS TEXT), '\"seq\":8,', '\"seq\":7,') AS BLOB)
                FROM entries AS other WHERE other.seq = 8),
            time = (SELECT time FROM entries AS other WHERE other.seq = 8),
            kind = (SELECT kind FROM entries AS other WHERE other.seq = 8),
            call = (SELECT call FROM entries AS other WHERE other.seq = 8) WHERE seq = 7"),
        sql("DELETE FROM entry_values WHERE seq = (SELECT min(seq) FROM entry_values)"),
        sql("INSERT INTO entry_values SELECT 999999, committed FROM entry_values LIMIT 1"),
        // Beside an entry that commits to nothing, and no text either.
        sql("INSERT INTO entry_values SELECT min(seq), CAST(x'ffffff' AS TEXT) FROM entries WHERE kind = 'boot'"),
        sql("DELETE FROM calls WHERE ordinal = 1"),
        sql("DELETE FROM calls WHERE ordinal = (SELECT max(ordinal) FROM calls)"),
        sql("UPDATE calls SET ordinal = -1 WHERE ordinal = 2; UPDATE calls SET ordinal = 2 WHERE ordinal = 3;
            UPDATE calls SET ordinal = 3 WHERE ordinal = -1"),
        sql("CREATE TEMP TABLE one AS SELECT * FROM calls LIMIT 1;
            UPDATE one SET ordinal = (SELECT max(ordinal) + 1 FROM main.calls), id = 'call_zzzzzzzzzzzzzzzzzzzzzzzzzz';
            INSERT INTO calls SELECT * FROM one; DROP TABLE one"),
        sql("CREATE TEMP TABLE one AS SELECT * FROM approvals LIMIT 1;
            UPDATE one SET ordinal = (SELECT max(ordinal) + 1 FROM main.approvals), id = 'apr_zzzzzzzzzzzzzzzzzzzzzzzzzz';
            INSERT INTO approvals SELECT * FROM one; DROP TABLE one"),
        sql("CREATE TEMP TABLE one AS SELECT * FROM grants LIMIT 1;
            UPDATE one SET ordinal = (SELECT max(ordinal) + 1 FROM main.grants), id = 'gra_zzzzzzzzzzzzzzzzzzzzzzzzzz';
            INSERT INTO grants SELECT * FROM one; DROP TABLE one"),
        sql("INSERT INTO checkpoints SELECT max(ordinal) + 1, size + 1, note FROM checkpoints"),
        change("an entry more behind 30", |connection| {
            connection.execute_batch(&put_behind(30)).unwrap();
        }),
        sql("DELETE FROM approvals WHERE ordinal = 1"),
        sql("DELETE FROM grants"),
        sql("DELETE FROM grants WHERE ordinal = 2"),
        sql("DELETE FROM agents WHERE name = 'ops-bot'"),
        sql("INSERT INTO agents SELECT 'evil-bot', roles, owner, key_sha256, created, disabled FROM agents LIMIT 1"),
        sql("DELETE FROM people WHERE name = 'bob'"),
        sql("INSERT INTO people SELECT 'mallory', groups, key_sha256, created, disabled FROM people LIMIT 1"),
        sql("DELETE FROM pauses WHERE agent = 'ops-bot'"),
        sql("INSERT INTO pauses VALUES ('some-bot', 'owner', NULL, 1)"),
        sql("DELETE FROM tiles WHERE level = 0 AND n = 0"),
        sql("DELETE FROM tiles"),
        sql("INSERT INTO tiles VALUES (3, 0, zeroblob(32))"),
        sql("DELETE FROM checkpoints WHERE ordinal = 1"),
        sql("DELETE FROM checkpoints"),
        sql("UPDATE checkpoints SET note = note || '— evil AAAAAAAA' || char(10)"),
        sql("UPDATE checkpoints SET note = (SELECT note FROM checkpoints ORDER BY ordinal DESC LIMIT 1) WHERE ordinal = 1"),
    ];
    let unnoticed = unnoticed(&recorded, &changes);
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

#[test]
fn a_value_of_any_name_that_is_taken_away_is_noticed() {
    let recorded = Recorded::with_calls(5);
    let connection = Connection::open(recorded.database()).unwrap();
    let mut kept = connection
        .prepare(
            "SELECT min(seq), one.key FROM entry_values, json_each(committed) AS one
            WHERE json_type(one.value, '$.value') IS NOT NULL GROUP BY one.key",
        )
        .unwrap();
    let kept: Vec<(i64, String)> = kept
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let names: Vec<&str> = kept.iter().map(|(_, name)| name.as_str()).collect();
    for name in ["fields", "reason", "request_line", "scope", "summary", "target"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let changes: Vec<_> = kept
        .into_iter()
        .map(|(seq, name)| {
            change(format!("`{name}` of entry {seq}"), move |connection: &Connection| {
                let strip = "UPDATE entry_values SET committed = json_remove(committed, ?1) WHERE seq = ?2";
                let path = format!("$.{name}.value");
                assert_eq!(connection.execute(strip, rusqlite::params![path, seq]).unwrap(), 1);
            })
        })
        .collect();
    let unnoticed = unnoticed(&recorded, &changes);
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

/// What is no part of the trail may be anything, and whoever verifies is told so.
#[test]
fn what_is_no_part_of_the_trail_is_named_as_not_proven() {
    let recorded = Recorded::with_calls(5);
    let directory = tempfile::tempdir().unwrap();
    let connection = Connection::open(recorded.database()).unwrap();
    let mut files = Vec::new();
    for column in columns(&connection) {
        if !OUTSIDE.contains(&&*column.table) {
            continue;
        }
        for (number, (condition, value)) in column.others(&connection).into_iter().enumerate() {
            let name = format!("{}.{}.{number}.db", column.table, column.name);
            files.push(changed(&directory, &name, &recorded.database(), |connection| {
                column.put(connection, &condition, &value);
            }));
        }
    }
    assert!(!files.is_empty());
    for file in &files {
        let told = recorded
            .sidecar
            .told(&["audit", "verify", "--key", &recorded.key, file.to_str().unwrap()]);
        assert!(told.starts_with("OK: "), "{told}");
        assert!(OUTSIDE.iter().all(|table| told.contains(table)), "{told}");
    }
    assert_eq!(second(&recorded.key, &[], &files), vec![true; files.len()]);
}

/// An entry more behind this one, and the others one further on.
pub(super) fn put_behind(entry: u64) -> String {
    format!(
        "UPDATE entries SET seq = -seq - 1 WHERE seq > {entry}; UPDATE entries SET seq = -seq WHERE seq < 0;
        INSERT INTO entries SELECT {entry} + 1, time, kind, call, bytes FROM entries WHERE seq = {entry}"
    )
}

//! What is wrong with the file itself, or with what it is held to: both verifiers say the same, and by the same exit code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use super::{Recorded, changed, second, verified};
use crate::harness::{bounded, python, root, runplane, said};

const AS_SIGNED: i32 = 0;
const CHANGED: i32 = 1;
const UNREADABLE: i32 = 2;

fn first_says(key: &str, more: &[&str], file: &Path) -> (i32, String) {
    let mut command = runplane();
    command.args(["audit", "verify", "--key", key]).args(more).arg(file);
    let output = bounded(command);
    (output.status.code().unwrap(), said(&output))
}

/// Of each file: one process reads all of them.
fn second_says(key: &str, files: &[PathBuf]) -> Vec<i32> {
    let mut command = Command::new(python());
    command
        .arg(root().join("tests/verify.py"))
        .args(["--key", key])
        .args(files);
    let told = said(&bounded(command));
    let codes: Vec<i32> = told
        .lines()
        .map(|line| match line.split(':').next() {
            Some("OK") => AS_SIGNED,
            Some("CHANGED") => CHANGED,
            Some("UNREADABLE") => UNREADABLE,
            _ => panic!("{told}"),
        })
        .collect();
    assert_eq!(codes.len(), files.len(), "{told}");
    codes
}

/// The salt of a value that is not kept is held to nothing, as `Not proven` says.
fn without_bare_salts(cell: Value) -> Value {
    let Value::Text(text) = &cell else { return cell };
    let Ok(serde_json::Value::Object(mut values)) = serde_json::from_str(text) else {
        return cell;
    };
    for value in values.values_mut().filter_map(serde_json::Value::as_object_mut) {
        if !value.contains_key("value") {
            value.remove("salt");
        }
    }
    Value::Text(serde_json::Value::Object(values).to_string())
}

/// All rows that are part of the trail; `None`: they cannot be read.
fn rows(path: &Path) -> Option<Vec<Vec<Value>>> {
    let uri = format!("file:{}?immutable=1", path.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags).ok()?;
    let mut all = Vec::new();
    for table in [
        "sqlite_schema",
        "entries",
        "entry_values",
        "calls",
        "approvals",
        "grants",
        "agents",
        "people",
        "pauses",
        "tiles",
        "checkpoints",
    ] {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).ok()?;
        let columns = statement.column_count();
        let read = statement.query_map([], |row| {
            (0..columns).map(|at| row.get(at)).collect::<Result<Vec<_>, _>>()
        });
        let read = read.ok()?.collect::<Result<Vec<_>, _>>().ok()?;
        all.extend(
            read.into_iter()
                .map(|row| row.into_iter().map(without_bare_salts).collect()),
        );
    }
    Some(all)
}

/// Every byte of the file's header, the heads of pages, and of the rest one here and there.
fn places(file: &[u8]) -> Vec<usize> {
    const PAGE: usize = 4096;
    let heads = (1..file.len() / PAGE).flat_map(|page| [0, 3, 5, 8, 9].map(|at| page * PAGE + at));
    let others = (100..file.len()).filter(|at| file[*at] != 0).step_by(997);
    (0..100).chain(heads).chain(others).collect()
}

#[test]
fn a_bit_that_is_turned_anywhere_in_the_file_is_found_by_both() {
    let recorded = Recorded::with_calls(5);
    let whole = fs::read(recorded.database()).unwrap();
    let before = rows(&recorded.database()).unwrap();
    let (mut wrong, mut counts) = (Vec::new(), [0; 3]);
    for batch in places(&whole).chunks(40) {
        let directory = tempfile::tempdir().unwrap();
        let turned: Vec<PathBuf> = batch
            .iter()
            .map(|at| {
                let path = directory.path().join(format!("{at}.db"));
                let mut file = whole.clone();
                file[*at] ^= 1;
                fs::write(&path, file).unwrap();
                path
            })
            .collect();
        for ((at, path), second) in batch.iter().zip(&turned).zip(second_says(&recorded.key, &turned)) {
            let (first, told) = first_says(&recorded.key, &[], path);
            counts[usize::try_from(first).unwrap()] += 1;
            let right = match (first, second) {
                (CHANGED, CHANGED) => true,
                // Nothing that anybody reads of the trail.
                (AS_SIGNED, AS_SIGNED) => rows(path).as_ref() == Some(&before),
                // By its header it is no database, none of ours, or of another version.
                (UNREADABLE, UNREADABLE) => *at < 100,
                _ => false,
            };
            if !right {
                wrong.push(format!("byte {at}: first {first}, second {second}: {told}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(counts[1] > 100, "{counts:?}");
}

#[test]
fn a_published_checkpoint_that_is_forged_is_a_finding() {
    let recorded = Recorded::with_calls(5);
    let database = recorded.database();
    let published = fs::read_to_string(recorded.sidecar.home().join("published.checkpoint")).unwrap();
    let lines: Vec<&str> = published.lines().collect();
    let size: u64 = lines[1].parse().unwrap();
    let other_root = lines[2].replacen(&lines[2][..1], if lines[2].starts_with('A') { "B" } else { "A" }, 1);
    let unsigned = published.split("\n\n").next().unwrap().to_owned() + "\n\n— other/log AAAAAAAA\n";
    for (forged, word) in [
        (published.replacen(lines[1], &(size + 1).to_string(), 1), "does not fit"),
        (published.replacen(lines[2], &other_root, 1), "does not fit"),
        (unsigned, "no key that was given"),
    ] {
        assert_ne!(forged, published);
        let file = recorded.sidecar.home().join("forged.checkpoint");
        fs::write(&file, forged).unwrap();
        let more = ["--checkpoint", file.to_str().unwrap()];
        let (code, told) = first_says(&recorded.key, &more, &database);
        assert_eq!(code, CHANGED, "{told}");
        assert!(told.starts_with("CHANGED") && told.contains(word), "{told}");
        assert_eq!(second(&recorded.key, &more, std::slice::from_ref(&database)), [false]);
    }
}

/// SQLite takes both for the same, and whoever compares texts does not.
#[test]
fn a_table_whose_kind_is_no_text_is_found_by_both() {
    let recorded = Recorded::with_calls(5);
    let directory = tempfile::tempdir().unwrap();
    for column in ["type", "name", "tbl_name", "sql"] {
        let path = changed(
            &directory,
            &format!("{column}.db"),
            &recorded.database(),
            |connection| {
                let put = format!(
                    "PRAGMA writable_schema = ON;
                UPDATE sqlite_schema SET {column} = CAST({column} AS BLOB) WHERE name = 'habits';
                PRAGMA writable_schema = OFF"
                );
                connection.execute_batch(&put).unwrap();
            },
        );
        let findings = verified(&path, &recorded.against(None)).findings;
        assert!(findings.count > 0, "{column}");
        assert_eq!(second_says(&recorded.key, &[path]), [CHANGED], "{column}");
    }
}

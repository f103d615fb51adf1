//! The store, from outside: what is promised of commits, failures and files.

mod durability;
mod erasure;
mod failures;
mod opening;
mod outbox;
mod pruning;
pub(crate) mod sample;
mod steps;
mod tables;

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::Store;

/// A directory of its own and the path of a database in it.
fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state").join("runplane.db");
    (directory, path)
}

pub(super) fn fresh() -> (TempDir, PathBuf, Store) {
    let (directory, path) = place();
    let store = Store::open(&path).unwrap();
    (directory, path, store)
}

/// Looks into the database with a connection that is not ours.
fn count(path: &Path, sql: &str) -> i64 {
    Connection::open(path)
        .unwrap()
        .query_row(sql, [], |row| row.get(0))
        .unwrap()
}

/// The trail's sequence numbers are 1, 2, 3 … and nothing goes back in time. How many there are.
fn gapless(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    let rows: Vec<(i64, i64)> = connection
        .prepare("SELECT seq, time FROM entries ORDER BY seq")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (index, (seq, _)) in rows.iter().enumerate() {
        assert_eq!(*seq, i64::try_from(index).unwrap() + 1);
    }
    assert!(rows.is_sorted_by_key(|(_, time)| *time));
    i64::try_from(rows.len()).unwrap()
}

/// Removes what is kept beside an entry.
pub(crate) fn erase(path: &Path, seq: i64) {
    let connection = Connection::open(path).unwrap();
    let removed = connection.execute("DELETE FROM entry_values WHERE seq = ?1", [seq]);
    assert_eq!(removed.unwrap(), 1);
}

impl Store {
    /// As if more were without a checkpoint than can be kept in mind.
    pub(crate) fn is_full(&self) {
        self.inner.queue.is_full();
    }
}

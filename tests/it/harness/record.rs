//! What is on a sidecar's disk, read without knowing its tables: every cell of every table.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// The database as it stands.
pub struct Trail {
    cells: Vec<Vec<u8>>,
}

impl Trail {
    pub fn read(home: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(home.join("state/runplane.db"), flags).unwrap();
        connection.busy_timeout(super::PATIENCE).unwrap();
        let mut tables = connection
            .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
            .unwrap();
        let tables: Vec<String> = tables
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let mut cells = Vec::new();
        for table in tables {
            let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                cells.extend((0..columns).filter_map(|column| match row.get_ref(column).unwrap() {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_vec()),
                    ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => None,
                }));
            }
        }
        Self { cells }
    }

    /// The entries of the trail, in order: canonical JSON with `v`, `seq`, `time` and `kind`.
    pub fn entries(&self) -> Vec<Value> {
        let parsed = self.cells.iter().filter(|cell| cell.starts_with(b"{"));
        let parsed = parsed.filter_map(|cell| serde_json::from_slice::<Value>(cell).ok());
        let mut entries: Vec<Value> = parsed
            .filter(|value| value["seq"].is_i64() && value["kind"].is_string())
            .collect();
        entries.sort_by_key(|entry| entry["seq"].as_i64());
        entries
    }

    pub fn of_kind(&self, kind: &str) -> Vec<Value> {
        let mut entries = self.entries();
        entries.retain(|entry| entry["kind"] == kind);
        entries
    }

    pub fn holds(&self, needle: &[u8]) -> bool {
        self.cells.iter().any(|cell| contains(cell, needle))
    }
}

pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Every file under a directory.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

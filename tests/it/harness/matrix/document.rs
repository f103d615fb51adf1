//! `docs/clients.md`, whose table is what the tests found.

use std::path::PathBuf;
use std::sync::Mutex;

use super::{cells, table};
use crate::harness::root;

/// Where this variable is set, the table is written instead of compared.
const WRITE: &str = "RUNPLANE_WRITE_CLIENTS";
const BEGINS: &str = "<!-- found by the tests -->\n";
const ENDS: &str = "<!-- end of what was found -->\n";

static WRITING: Mutex<()> = Mutex::new(());

fn path() -> PathBuf {
    root().join("docs/clients.md")
}

/// What stands before the table, the table, and what stands after it.
fn parts() -> [String; 3] {
    let text = std::fs::read_to_string(path()).unwrap();
    let (before, rest) = text
        .split_once(BEGINS)
        .expect("docs/clients.md has its table's beginning");
    let (table, after) = rest.split_once(ENDS).expect("docs/clients.md has its table's end");
    [before, table, after].map(str::to_owned)
}

/// The document's table.
pub fn shown() -> String {
    parts()[1].clone()
}

/// The cell of the document is this; or is made so.
#[track_caller]
pub fn holds(client: &'static str, column: &'static str, what: &str) {
    let writing = WRITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let [before, shown, after] = parts();
    let mut cells = cells(&shown);
    if std::env::var_os(WRITE).is_some() {
        cells.insert((client, column), what.to_owned());
        std::fs::write(path(), format!("{before}{BEGINS}{}{ENDS}{after}", table(&cells))).unwrap();
        return;
    }
    drop(writing);
    assert_eq!(
        cells.get(&(client, column)).map(String::as_str),
        Some(what),
        "docs/clients.md, {client}, {column}: if the test is right, `{WRITE}=1 tests/run --test it` writes what it found"
    );
}

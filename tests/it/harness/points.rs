//! What was found at each point where the process was killed, as a table that people read: `kill-table.md` beside the
//! build.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

/// Rows found so far, by their place in the table.
static FOUND: Mutex<BTreeMap<(usize, String), String>> = Mutex::new(BTreeMap::new());

/// Writes a row; called once its assertions have held.
pub fn found_at(place: usize, point: &str, what: &str) {
    let mut found = FOUND.lock().unwrap();
    found.insert((place, point.to_owned()), what.to_owned());
    let mut text = String::from("| kill -9 | found after the restart |\n|---|---|\n");
    for ((_, point), what) in found.iter() {
        text.push_str(&format!("| {point} | {what} |\n"));
    }
    std::fs::write(path(), text).unwrap();
}

fn path() -> PathBuf {
    // The binary under test lies in TARGET/debug.
    let target = PathBuf::from(env!("CARGO_BIN_EXE_runplane"));
    target.ancestors().nth(2).unwrap().join("kill-table.md")
}

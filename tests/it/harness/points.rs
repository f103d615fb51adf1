//! What was found at each point where the process was killed, as a table that people read: `kill-table.md` beside the
//! build.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

/// Rows found so far, by their place in the table.
static FOUND: Mutex<BTreeMap<(usize, String), String>> = Mutex::new(BTreeMap::new());

/// Calls that were under way at a random point: by what the trail said of each when the process died, what the origin saw of it,
/// and what the trail says after the restart.
static DIED: Mutex<BTreeMap<[String; 3], usize>> = Mutex::new(BTreeMap::new());

/// Counts one call; it is in the table with the next row of [`found_at`].
pub fn died_at(point: [String; 3]) {
    *DIED.lock().unwrap().entry(point).or_default() += 1;
}

/// Writes a row; called once its assertions have held.
pub fn found_at(place: usize, point: &str, what: &str) {
    let mut found = FOUND.lock().unwrap();
    found.insert((place, point.to_owned()), what.to_owned());
    let mut text = String::from("| kill -9 | found after the restart |\n|---|---|\n");
    for ((_, point), what) in found.iter() {
        text.push_str(&format!("| {point} | {what} |\n"));
    }
    let died = DIED.lock().unwrap();
    if !died.is_empty() {
        text.push_str(
            "\n| under way at a random point: the trail said | the origin saw | the trail says after the restart | calls |\n|---|---|---|---|\n",
        );
    }
    for ([before, at_origin, after], calls) in died.iter() {
        text.push_str(&format!("| {before} | {at_origin} | {after} | {calls} |\n"));
    }
    drop(died);
    std::fs::write(path(), text).unwrap();
}

fn path() -> PathBuf {
    // The binary under test lies in TARGET/debug.
    let target = PathBuf::from(env!("CARGO_BIN_EXE_runplane"));
    target.ancestors().nth(2).unwrap().join("kill-table.md")
}

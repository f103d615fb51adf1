//! What was seen of each client, as a table that people read: `client-matrix.md` beside the build.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

const COLUMNS: [&str; 5] = ["allow", "block", "hold", "re-attach", "repeat"];

/// Cells found so far, by client and column.
static FOUND: Mutex<BTreeMap<(String, &'static str), String>> = Mutex::new(BTreeMap::new());

/// One client's row; a cell is written once its assertions have held.
pub struct Matrix(&'static str);

impl Matrix {
    pub fn of(client: &'static str) -> Self {
        Self(client)
    }

    pub fn found(&self, column: &'static str, what: impl Into<String>) {
        assert!(COLUMNS.contains(&column));
        let mut found = FOUND.lock().unwrap();
        found.insert((self.0.to_owned(), column), what.into());
        std::fs::write(path(), table(&found)).unwrap();
    }
}

fn table(found: &BTreeMap<(String, &'static str), String>) -> String {
    let mut text = format!(
        "| client | {} |\n|{}\n",
        COLUMNS.join(" | "),
        "---|".repeat(COLUMNS.len() + 1)
    );
    let mut clients: Vec<&String> = found.keys().map(|(client, _)| client).collect();
    clients.dedup();
    for client in clients {
        let cell = |column| {
            found
                .get(&(client.clone(), column))
                .map_or("**not shown**", String::as_str)
        };
        text.push_str(&format!("| {client} | {} |\n", COLUMNS.map(cell).join(" | ")));
    }
    text
}

fn path() -> PathBuf {
    // The binary under test lies in TARGET/debug.
    let target = PathBuf::from(env!("CARGO_BIN_EXE_runplane"));
    target.ancestors().nth(2).unwrap().join("client-matrix.md")
}

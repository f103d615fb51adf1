//! What was seen of each client, as a table that people read: `client-matrix.md` beside the build, and `docs/clients.md`.

mod document;
mod known;
mod raised;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use runplane::approval::{Patience, shipped_clients};

use document::Document;
pub use known::{CLIENTS, Known};
pub use raised::{libraries, raised, rows};

const CLIENTS_PAGE: Document = Document("clients.md");

/// The table of `docs/clients.md`.
pub fn shown() -> String {
    CLIENTS_PAGE.shown()
}

/// What a test finds; the columns before these stand in [`CLIENTS`].
const COLUMNS: [&str; 7] = ["allow", "block", "hold", "re-attach", "repeat", "attempts", "held for"];

/// Cells by client and column.
pub type Cells = BTreeMap<(&'static str, &'static str), String>;

static FOUND: Mutex<Cells> = Mutex::new(BTreeMap::new());

/// One client's row; a cell is written once its assertions have held.
pub struct Matrix(&'static Known);

impl Matrix {
    /// # Panics
    /// If [`CLIENTS`] has no such client.
    pub fn of(client: &str) -> Self {
        let known = CLIENTS.iter().find(|known| known.name == client);
        Self(known.unwrap_or_else(|| panic!("{client} is not among the clients of matrix/known.rs")))
    }

    /// # Panics
    /// If `docs/clients.md` says otherwise.
    #[track_caller]
    pub fn found(&self, column: &'static str, what: impl Into<String>) {
        assert!(COLUMNS.contains(&column));
        let what = what.into();
        {
            let mut found = FOUND.lock().unwrap();
            found.insert((self.0.name, column), what.clone());
            std::fs::write(path(), table(&found)).unwrap();
        }
        CLIENTS_PAGE.holds(&format!("{}, {column}", self.0.name), |shown| {
            let mut cells = cells(shown);
            cells.insert((self.0.name, column), what);
            table(&cells)
        });
    }

    /// What the client calls itself, which is what its connection is held by.
    ///
    /// # Panics
    /// If it is held longer than it waits.
    #[track_caller]
    pub fn calls_itself(&self, user_agent: Option<&str>) {
        let held = Patience::load(&shipped_clients()).unwrap().of(user_agent);
        let waits = self.0.waits.map(Duration::from_secs);
        assert!(
            waits.is_none_or(|waits| held < waits),
            "{user_agent:?} is held {held:?}"
        );
        self.found("held for", format!("{} s", held.as_secs()));
    }
}

/// The rows of those clients of which anything is found.
pub fn table(found: &Cells) -> String {
    let mut text = format!(
        "| client | version | wired by | waits | {} |\n|{}\n",
        COLUMNS.join(" | "),
        "---|".repeat(COLUMNS.len() + 4)
    );
    for known in &CLIENTS {
        if !found.keys().any(|(client, _)| *client == known.name) {
            continue;
        }
        let cell = |column| found.get(&(known.name, column)).map_or("**not shown**", String::as_str);
        let waits = known
            .waits
            .map_or("for ever".to_owned(), |seconds| format!("{seconds} s"));
        let fixed = [known.name, &known.version(), known.wired.as_str(), &waits].join(" | ");
        text.push_str(&format!("| {fixed} | {} |\n", COLUMNS.map(cell).join(" | ")));
    }
    text
}

/// The cells of a table of that form.
pub fn cells(table: &str) -> Cells {
    let rows = table
        .lines()
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(str::trim));
    let mut cells = Cells::new();
    for mut row in rows {
        let name = row.next().unwrap_or_default();
        let Some(known) = CLIENTS.iter().find(|known| known.name == name) else {
            continue;
        };
        let found = COLUMNS.iter().zip(row.skip(3));
        cells.extend(found.map(|(column, cell)| ((known.name, *column), cell.to_owned())));
    }
    cells
}

fn path() -> PathBuf {
    // The binary under test lies in TARGET/debug.
    let target = PathBuf::from(env!("CARGO_BIN_EXE_runplane"));
    target.ancestors().nth(2).unwrap().join("client-matrix.md")
}

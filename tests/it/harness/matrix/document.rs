//! The documents whose tables are what the tests found: `docs/clients.md` and `docs/agents.md`.

use std::sync::Mutex;

use crate::harness::root;

/// Where this variable is set, the table is written instead of compared.
const WRITE: &str = "RUNPLANE_WRITE_CLIENTS";
const BEGINS: &str = "<!-- found by the tests -->\n";
const ENDS: &str = "<!-- end of what was found -->\n";

static WRITING: Mutex<()> = Mutex::new(());

/// One of them, by its name in `docs/`.
#[derive(Clone, Copy)]
pub struct Document(pub &'static str);

impl Document {
    /// What stands before the table, the table, and what stands after it.
    fn parts(self) -> [String; 3] {
        let text = std::fs::read_to_string(root().join("docs").join(self.0)).unwrap();
        let (before, rest) = text.split_once(BEGINS).expect("the document has its table's beginning");
        let (table, after) = rest.split_once(ENDS).expect("the document has its table's end");
        [before, table, after].map(str::to_owned)
    }

    /// Its table.
    pub fn shown(self) -> String {
        let _whole = WRITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.parts()[1].clone()
    }

    /// Its table is what this makes of it; or is made so.
    #[track_caller]
    pub fn holds(self, what: &str, with: impl FnOnce(&str) -> String) {
        let writing = WRITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let [before, shown, after] = self.parts();
        let found = with(&shown);
        if std::env::var_os(WRITE).is_some() {
            let path = root().join("docs").join(self.0);
            std::fs::write(path, format!("{before}{BEGINS}{found}{ENDS}{after}")).unwrap();
            return;
        }
        drop(writing);
        let new: Vec<&str> = found
            .lines()
            .filter(|line| !shown.lines().any(|old| old == *line))
            .collect();
        assert!(
            found == shown,
            "docs/{}, {what}: if the test is right, `{WRITE}=1 tests/run --test it` writes what it found: {new:#?}",
            self.0
        );
    }
}

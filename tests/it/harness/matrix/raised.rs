//! What each library raises for a refusal: the table of `docs/agents.md`.

use super::CLIENTS;
use super::document::Document;

const AGENTS: Document = Document("agents.md");
const HEAD: &str = "| library | refused | its own text has | 502 | 503 | 407 |\n|---|---|---|---|---|---|\n";

/// What runs on an agent's behalf without being a library of its code, or is the same library wired in another way.
const OTHERS: [&str; 6] = ["Chromium", "curl", "git", "pip", "ws", "boto3 (S3)"];

/// The clients that have a row.
pub fn libraries() -> Vec<&'static str> {
    let variant = |name: &str| name.ends_with("(base URL)") || name.ends_with("(HTTP/2)");
    let names = CLIENTS.iter().map(|client| client.name);
    names.filter(|name| !variant(name) && !OTHERS.contains(name)).collect()
}

/// The row of a library is this.
///
/// # Panics
/// If `docs/agents.md` says otherwise.
#[track_caller]
pub fn raised(library: &str, cells: &[String; 5]) {
    let libraries = libraries();
    assert!(libraries.contains(&library), "{library} has no row");
    let row = format!("| {library} | {} |\n", cells.join(" | "));
    AGENTS.holds(library, |shown| {
        let of = |name: &str| {
            let beginning = format!("| {name} | ");
            shown.lines().find(|line| line.starts_with(&beginning))
        };
        let is_shown = |row: &str| of(library).is_some_and(|line| is_alike(line, row.trim_end()));
        let rows = libraries
            .iter()
            .filter_map(|name| match *name == library && !is_shown(&row) {
                true => Some(row.clone()),
                false => of(name).map(|line| format!("{line}\n")),
            });
        format!("{HEAD}{}", rows.collect::<String>())
    });
}

/// Whether two rows say the same. How often a library tries goes by its own clock, too: on a busy machine it is one less.
fn is_alike(shown: &str, found: &str) -> bool {
    let (shown, found) = (shown.split(" | "), found.trim_end_matches(" |").split(" | "));
    let [shown, found] = [shown.map(counted).collect::<Vec<_>>(), found.map(counted).collect()];
    let alike =
        |((text, count), (other, found)): (&(&str, u32), &(&str, u32))| text == other && count.abs_diff(*found) <= 1;
    shown.len() == found.len() && shown.iter().zip(&found).all(alike)
}

/// What a cell says, and how many attempts it tells of.
fn counted(cell: &str) -> (&str, u32) {
    let cell = cell.trim_end_matches(" |");
    let counted = cell.rsplit_once(", ").and_then(|(text, last)| {
        let count = last.strip_suffix(" attempts")?.parse().ok()?;
        Some((text, count))
    });
    counted.unwrap_or((cell, 1))
}

#[test]
fn a_library_that_tries_more_often_than_shown_is_another_row() {
    let row = "| a | `E` 403 | code | `E` 502, 3 attempts | `E` 503 | `F` |";
    assert!(is_alike(row, row));
    assert!(is_alike(row, &row.replace("3 attempts", "2 attempts")));
    assert!(is_alike(row, &row.replace("`E` 503", "`E` 503, 2 attempts")));
    assert!(!is_alike(row, &row.replace("3 attempts", "5 attempts")));
    assert!(!is_alike(row, &row.replace("`E` 503", "`E` 503, 3 attempts")));
    assert!(!is_alike(row, &row.replace("`F`", "`G`")));
}

/// The libraries that have a row in `docs/agents.md`, in its order.
pub fn rows() -> Vec<String> {
    let shown = AGENTS.shown();
    let rows = shown.strip_prefix(HEAD).expect("the table has its head").lines();
    rows.map(|row| {
        row.split(" | ")
            .next()
            .unwrap_or_default()
            .trim_start_matches("| ")
            .to_owned()
    })
    .collect()
}

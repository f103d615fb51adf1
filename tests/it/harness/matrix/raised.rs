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
        // How often a library tries goes by its own clock, too: on a busy machine it is one less.
        let is_shown = |row: &str| of(library).is_some_and(|line| uncounted(line) == uncounted(row.trim_end()));
        let rows = libraries
            .iter()
            .filter_map(|name| match *name == library && !is_shown(&row) {
                true => Some(row.clone()),
                false => of(name).map(|line| format!("{line}\n")),
            });
        format!("{HEAD}{}", rows.collect::<String>())
    });
}

/// A row without the numbers of attempts.
fn uncounted(row: &str) -> String {
    let parts = row.split(", ").map(|part| match part.split_once(" attempts") {
        Some((count, rest)) if count.parse::<u32>().is_ok() => format!("attempts{rest}"),
        Some(_) | None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(", ")
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

//! The floors of the house (src/lib.rs), held by reading `src/`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Modules of the crate with their floor, lowest first.
const FLOORS: [(&str, usize); 24] = [
    ("model", 0),
    ("store", 1),
    ("io", 1),
    ("metrics", 1),
    ("agent", 2),
    ("approval", 2),
    ("audit", 2),
    ("authority", 2),
    ("budget", 2),
    ("labels", 2),
    ("mapping", 2),
    ("policy", 2),
    ("risk", 2),
    ("upstream", 2),
    ("gate", 3),
    ("notify", 3),
    ("proxy", 4),
    ("control", 4),
    ("publish", 4),
    ("config", 5),
    ("import", 5),
    ("app", 6),
    ("fakes", 6),
    ("cli", 7),
];

/// Arrows inside a floor, and what of `policy` every stage may speak of.
const ALLOWED_INSIDE: [(&str, &str); 2] = [("store", "io"), ("cli", "app")];
const PROOFS: [&str; 4] = ["Decision", "Permit", "Blocked", "Hold"];

fn source_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => source_files(&path, found),
            false if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
            false => {}
        }
    }
}

/// (module, file, text) of every source file but the crate's root and `main.rs`; tests inside and
/// comments are cut off.
fn modules() -> Vec<(String, String, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&source, &mut files);
    let mut modules = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&source).unwrap().display().to_string();
        if inside == "lib.rs" || inside == "main.rs" || inside.ends_with("tests.rs") || inside.contains("/tests/") {
            continue;
        }
        let module = inside.split(['/', '.']).next().unwrap().to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let code: Vec<&str> = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let depth = inside.split('/').count();
        modules.push((module, inside, rooted(&code.join("\n"), depth)));
    }
    assert!(modules.len() > 30, "the sources were not found");
    modules
}

fn floor(module: &str) -> usize {
    FLOORS
        .iter()
        .find(|(name, _)| *name == module)
        .unwrap_or_else(|| panic!("module `{module}` has no floor"))
        .1
}

/// `super::` chains that end at the crate's root, written as `crate::`; `depth`: how deep the file's module lies.
fn rooted(text: &str, depth: usize) -> String {
    text.replace(&"super::".repeat(depth), "crate::")
}

/// The crate's modules that a text names, with what is named of them: `policy` and `{Decision, Permit}`.
fn imports(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with('$') {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let end = closing(group);
            for item in split_outside_braces(&group[..end]) {
                let item = item.trim().trim_start_matches("self::");
                let name = item
                    .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .next()
                    .unwrap()
                    .to_owned();
                found.push((name.clone(), item[name.len()..].to_owned()));
            }
        } else {
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let after = &rest[name.len()..];
            let end = match after.strip_prefix("::{") {
                Some(group) => closing(group) + 4,
                None => after
                    .find([';', '(', ')', ',', '<', '>', ' ', '\n', '?', '&', '}'])
                    .unwrap_or(after.len()),
            };
            found.push((name, after[..end.min(after.len())].to_owned()));
        }
    }
    found
}

fn closing(group: &str) -> usize {
    let mut depth = 1;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    panic!("an import without its closing brace");
}

fn split_outside_braces(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}

/// Whether what is named of `policy` is its decision and proofs only.
fn only_proofs(named: &str) -> bool {
    let words: Vec<&str> = named
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .collect();
    !words.is_empty() && words.iter().all(|word| PROOFS.contains(word))
}

#[test]
fn every_module_uses_only_floors_below_it() {
    let mut wrong = BTreeSet::new();
    for (module, file, text) in modules() {
        for (used, named) in imports(&text) {
            if used == module || !FLOORS.iter().any(|(name, _)| *name == used) {
                continue;
            }
            let below = floor(&used) < floor(&module);
            let inside = ALLOWED_INSIDE.contains(&(module.as_str(), used.as_str()));
            let proof = used == "policy" && floor(&module) == 2 && only_proofs(&named);
            if !(below || inside || proof) {
                wrong.insert(format!("{file}: `{module}` may not use `{used}{named}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_floor_reader_sees_every_form_of_import() {
    let seen = imports(
        "use crate::{model::*, policy::{Decision, Verdict}};\nuse crate::store;\nlet x = crate::gate::Gate::new();",
    );
    let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["model", "policy", "store", "gate"]);
    assert_eq!(rooted("use super::policy::Verdict;", 1), "use crate::policy::Verdict;");
    assert_eq!(
        imports(&rooted("use super::super::gate::Gate; use super::index;", 2))[0].0,
        "gate"
    );
    assert!(only_proofs("::{Decision, Permit}") && only_proofs("::Permit"));
    assert!(!only_proofs(&seen[1].1) && !only_proofs(""));
}

/// What may appear in which files only: each keeps a promise in one place.
#[test]
fn what_decides_or_reaches_out_stands_in_one_place() {
    let places: [(&str, &[&str]); 5] = [
        ("rusqlite::", &["store.rs", "store/"]),
        ("serde_saphyr::", &["io/yaml.rs", "io/yaml/"]),
        ("Permit {", &["policy.rs", "policy/"]),
        (
            "StatusCode::",
            // What agents ask of the proxy itself is answered, not refused.
            &[
                "proxy/respond.rs",
                "proxy/respond/",
                "proxy/internal",
                "proxy/guard",
                "control.rs",
                "control/",
            ],
        ),
        ("TcpStream::connect", &["upstream.rs", "upstream/", "cli/"]),
    ];
    let mut wrong = Vec::new();
    for (_, file, text) in modules() {
        for (word, homes) in places {
            if text.contains(word) && !homes.iter().any(|home| file.starts_with(home)) {
                wrong.push(format!("{file} holds `{word}`, which belongs in {}", homes.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_data_path_stays_readable() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/proxy/handle.rs");
    let lines = std::fs::read_to_string(path).unwrap().lines().count();
    assert!(
        lines < 150,
        "src/proxy/handle.rs has {lines} lines; the data path is to fit under 150"
    );
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for directory in ["src", "tests"] {
        source_files(&root.join(directory), &mut files);
    }
    let lines = |file: &PathBuf| std::fs::read_to_string(file).unwrap().lines().count();
    let mut long = files
        .iter()
        .map(|file| (lines(file), file))
        .filter(|(lines, _)| *lines > 400);
    assert!(files.len() > 100, "the sources were not found");
    assert_eq!(long.next(), None, "part it: coherent parts go into files beside it");
}

/// What stands in backticks after `test` in a comment, its lines put together.
fn tests_named_in(comment: &str) -> Vec<String> {
    let mut names = Vec::new();
    let lower = comment.replace("Test", "test");
    for after in lower.split("test").skip(1) {
        let mut rest = after.trim_start_matches('s').trim_start_matches(':').trim_start();
        while let Some((name, after)) = rest.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
            let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            names.extend(Some(name).filter(|name| is_name(name)).map(str::to_owned));
            rest = after.trim_start_matches(',').trim_start();
            rest = rest.strip_prefix("and ").unwrap_or(rest).trim_start();
        }
    }
    names
}

/// A comment that names an attack names the test that tries it; one that is gone holds nothing.
#[test]
fn the_tests_that_security_comments_name_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for directory in ["src", "tests"] {
        source_files(&root.join(directory), &mut files);
    }
    let texts: Vec<_> = files
        .iter()
        .map(|file| (file, std::fs::read_to_string(file).unwrap()))
        .collect();
    let words = texts
        .iter()
        .flat_map(|(_, text)| text.split("fn ").skip(1))
        .map(|after| {
            after
                .split(|end: char| !end.is_ascii_alphanumeric() && end != '_')
                .next()
                .unwrap()
        });
    let known: BTreeSet<&str> = words.collect();
    let (mut named, mut missing) = (0, Vec::new());
    for (file, text) in &texts {
        let mut comment = None::<String>;
        for line in text.lines().chain([""]) {
            match line
                .trim()
                .strip_prefix("//")
                .map(|line| line.trim_start_matches(['/', '!']))
            {
                Some(line) if line.contains("SECURITY:") || comment.is_some() => {
                    *comment.get_or_insert_default() += line;
                }
                Some(_) => {}
                None => {
                    let tests = tests_named_in(&comment.take().unwrap_or_default());
                    named += tests.len();
                    let gone = tests.into_iter().filter(|name| !known.contains(name.as_str()));
                    missing.extend(gone.map(|name| format!("{}: {name}", file.display())));
                }
            }
        }
    }
    assert!(named > 200, "the comments were not found: {named}");
    assert_eq!(missing, Vec::<String>::new());
}

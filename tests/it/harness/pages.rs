//! Pages of `docs/`, followed as people follow them: their files written, their commands typed.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Sidecar, bounded, root, said};

/// The fenced blocks of a page in order: what kind each is, the file it is the content of, and its text.
pub fn blocks(page: &str) -> Vec<(String, Option<String>, String)> {
    let page = fs::read_to_string(root().join(page)).unwrap();
    let parts: Vec<&str> = page.split("\n```").collect();
    let blocks = parts.iter().enumerate().skip(1).step_by(2).map(|(at, block)| {
        let (kind, text) = block.split_once('\n').unwrap();
        let before = parts[at - 1].trim_end().lines().last().unwrap_or_default();
        let file = before.strip_prefix('`').and_then(|line| line.strip_suffix("`:"));
        (kind.to_owned(), file.map(str::to_owned), text.to_owned() + "\n")
    });
    blocks.collect()
}

/// A block of commands as it is typed in this directory, with the sidecar's home known; gives what they said.
#[track_caller]
pub fn typed(sidecar: &Sidecar, directory: &Path, commands: &str) -> String {
    let binaries = Path::new(env!("CARGO_BIN_EXE_runplane")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-e", "-c", commands]).current_dir(directory);
    command.env("PATH", &path).env("RUNPLANE_HOME", sidecar.home());
    let output = bounded(command);
    assert!(output.status.success(), "{commands}: {}", said(&output));
    said(&output)
}

/// A whole page in this directory; gives what its commands said.
#[track_caller]
pub fn followed(sidecar: &Sidecar, directory: &Path, page: &str) -> String {
    let mut told = String::new();
    for (kind, file, text) in blocks(page) {
        match (kind.as_str(), file) {
            ("sh", _) => told.push_str(&typed(sidecar, directory, &text)),
            (_, Some(file)) => fs::write(directory.join(file), text).unwrap(),
            (kind, None) => panic!("a block of {kind} that nobody uses: {text}"),
        }
    }
    told
}

//! `runplane init`: the shipped mappings and policies as files to edit.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;

use crate::config::home::Home;
use crate::config::shipped;

pub(super) fn run(home: &Home) -> anyhow::Result<ExitCode> {
    let written = shipped::write_out(home).with_context(|| format!("cannot write into {}", home.path().display()))?;
    let mut out = std::io::stdout().lock();
    for file in &written {
        writeln!(out, "wrote {file}")?;
    }
    if written.is_empty() {
        writeln!(
            out,
            "nothing to write: every shipped file is in {} already",
            home.path().display()
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

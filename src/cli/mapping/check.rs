//! `runplane mapping check`: everything that is wrong in mapping files, all at once.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::files::Files;
use crate::cli::check::print;
use crate::config::home::Home;

/// Read the mapping files and say everything that is wrong in them: file, line, column, and what was expected
///
/// Ends with 1 if anything is. Such files never come into force: a running sidecar keeps those that it has. What is a mapping
/// but calls a change a read that a shipped file knows ends with 1 too; what is milder otherwise, or takes a shipped operation
/// along under a parameter, is a warning.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files, or directories of them, that stand in for those of the same name [default: those of the home as they are]
    #[arg(value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
}

pub(super) fn run(home: &Home, args: &Args) -> anyhow::Result<ExitCode> {
    let files = match Files::of(home) {
        Ok(files) => files.with(&args.files),
        Err(wrong) => return print(&wrong),
    };
    let mappings = match files.load() {
        Ok(mappings) => mappings,
        Err(wrong) => return print(&wrong),
    };
    let shadows = files.shadows(mappings.vocabulary());
    for shadow in shadows.iter().filter(|shadow| !shadow.wrong) {
        writeln!(std::io::stderr().lock(), "warning: {}\n", shadow.told)?;
    }
    let wrong = shadows.into_iter().filter(|shadow| shadow.wrong);
    let wrong: Vec<_> = wrong.map(|shadow| shadow.told).collect();
    if !wrong.is_empty() {
        return print(&wrong);
    }
    let (all, own) = files.counted();
    writeln!(
        std::io::stdout().lock(),
        "ok: {all} mapping files, {own} of them yours; {} operations that people wrote down",
        mappings.written_operations().count()
    )?;
    Ok(ExitCode::SUCCESS)
}

//! `runplane test`: what the rules should say of calls, stated in files, and whether they do. Nothing is sent or recorded.

pub(super) mod curl;
mod fixture;
mod junit;
mod run;
mod show;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::check;
use crate::app;
use crate::config::Config;
use crate::config::home::Home;
use crate::config::shipped;
use crate::model::{Diagnostic, Source};
use run::Ran;

/// Run the tests of the policies: calls, and what is to be decided of them
///
/// Tests are files `policies/tests/*.yaml`; docs/policies.md says how they are written. Where a home has none, those that
/// ship are run. A test whose decision or rules are otherwise is told with both, and the exit code is 1.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files of tests, or directories of them [default: `tests/` among the policies]
    #[arg(value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    /// Directory of policies that stands in for the home's `policies/`
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Write the results as JUnit XML too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Name the tests that pass as well
    #[arg(short, long)]
    verbose: bool,
}

pub(super) fn run(home: Home, args: &Args) -> anyhow::Result<ExitCode> {
    let config = match Config::load(home) {
        Ok(config) => config,
        Err(wrong) => return check::print(&wrong),
    };
    let policies = policies_of(&config.home, args.policies.as_deref())?;
    let groups = app::known_groups(&config);
    let rules = app::load_rules_with(&config.home, &policies, groups.as_ref(), config.gate.clone());
    let sources = match args.paths.as_slice() {
        [] => shipped::fixtures(&policies.join("tests")),
        paths => given(paths),
    };
    let (rules, sources) = match (rules, sources) {
        (Ok(rules), Ok(sources)) => (rules, sources),
        (rules, sources) => {
            let wrong: Vec<Diagnostic> = rules.err().into_iter().chain(sources.err()).flatten().collect();
            return check::print(&wrong);
        }
    };
    let (mut cases, mut wrong) = (Vec::new(), Vec::new());
    for source in &sources {
        match fixture::read(source, &rules) {
            Ok(read) => cases.extend(read),
            Err(mistakes) => wrong.extend(mistakes),
        }
    }
    if !wrong.is_empty() {
        return check::print(&wrong);
    }
    if cases.is_empty() {
        bail!(
            "no tests: expected `tests:` in files *.yaml of {}",
            policies.join("tests").display()
        );
    }
    let limits = config.limits.of_one_body();
    let ran: Vec<Ran> = cases.iter().map(|case| run::run(case, &rules, &limits)).collect();
    if let Some(file) = &args.junit {
        fs::write(file, junit::report(&ran)).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let mut out = io::stdout().lock();
    show::results(&ran, &rules, args.verbose, &mut out)?;
    out.flush()?;
    Ok(match ran.iter().all(Ran::passed) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// The directory of policies that is meant.
///
/// # Errors
/// If it was given and is none.
pub(super) fn policies_of(home: &Home, given: Option<&Path>) -> anyhow::Result<PathBuf> {
    match given {
        Some(directory) if !directory.is_dir() => {
            bail!(
                "{} is no directory: expected one with policy files (*.cedar)",
                directory.display()
            )
        }
        Some(directory) => Ok(directory.to_owned()),
        None => Ok(home.policies()),
    }
}

/// The files given, and those of the directories given.
pub(super) fn given(paths: &[PathBuf]) -> Result<Vec<Source>, Vec<Diagnostic>> {
    let (mut sources, mut wrong) = (Vec::new(), Vec::new());
    for path in paths {
        let shown = path.display().to_string();
        if path.is_dir() {
            match shipped::own(path, "yaml") {
                Ok(found) => sources.extend(found.into_values()),
                Err(mistakes) => wrong.extend(mistakes),
            }
            continue;
        }
        match fs::read_to_string(path) {
            Ok(text) => sources.push(Source { file: shown, text }),
            Err(error) => wrong.push(Diagnostic::of_file(shown, error.to_string())),
        }
    }
    if wrong.is_empty() { Ok(sources) } else { Err(wrong) }
}

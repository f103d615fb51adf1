//! `runplane check`: everything that is wrong in configuration, mappings and policies, all at once; and what in policies is idle.

use std::io::Write;
use std::process::ExitCode;

use super::policy;
use crate::app;
use crate::config::Config;
use crate::config::home::Home;
use crate::model::Diagnostic;

pub(super) fn run(home: Home) -> anyhow::Result<ExitCode> {
    let config = Config::load(home.clone());
    let known = config.as_ref().ok(); // what is wrong with it is told below
    let groups = known.and_then(app::known_groups);
    let gate = known.map(|config| config.gate.clone()).unwrap_or_default();
    let rules = app::load_rules(&home, groups.as_ref(), gate);
    let wrong = config.as_ref().err().into_iter().chain(rules.as_ref().err());
    let wrong: Vec<Diagnostic> = wrong.flatten().cloned().collect();
    match (rules, known) {
        (Ok(rules), Some(config)) if wrong.is_empty() => {
            for warning in config.warnings() {
                writeln!(std::io::stderr().lock(), "warning: {warning}\n")?;
            }
            policy::check::warnings(config, &rules, &config.home.policies())?;
            writeln!(std::io::stdout().lock(), "ok: {}", rules.describe())?;
            Ok(ExitCode::SUCCESS)
        }
        _ => print(&wrong),
    }
}

/// Prints what is wrong to standard error.
pub(super) fn print(wrong: &[Diagnostic]) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stderr().lock();
    for diagnostic in wrong {
        writeln!(out, "error: {diagnostic}\n")?;
    }
    writeln!(
        out,
        "{} error{} found",
        wrong.len(),
        if wrong.len() == 1 { "" } else { "s" }
    )?;
    Ok(ExitCode::FAILURE)
}

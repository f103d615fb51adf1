//! `runplane policy check`: what is wrong in policies, and what in them is idle.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::app;
use crate::cli::{agent_option, check};
use crate::config::Config;
use crate::config::home::Home;
use crate::gate::Rules;
use crate::model::Diagnostic;
use crate::policy::Known;

/// Read the policies, say everything that is wrong in them, and every rule that decides nothing
///
/// Wrong is what keeps them from coming into force. Warned of are rules that never hold, that an unconditional block makes idle,
/// that stand twice or that a wider rule covers, and agents, roles and approvers that nobody is.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of policies that stands in for the home's `policies/`
    #[arg(value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Exit with 1 on warnings as well
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(home: Home, args: &Args) -> anyhow::Result<ExitCode> {
    let config = match Config::load(home) {
        Ok(config) => config,
        Err(wrong) => return check::print(&wrong),
    };
    let policies = crate::cli::test::policies_of(&config.home, args.policies.as_deref())?;
    let groups = app::known_groups(&config);
    let rules = match app::load_rules_with(&config.home, &policies, groups.as_ref(), config.gate.clone()) {
        Ok(rules) => rules,
        Err(wrong) => return check::print(&wrong),
    };
    let warnings = warnings(&config, &rules, &policies)?;
    writeln!(
        std::io::stdout().lock(),
        "ok: {} rules, {} warning{}",
        rules.policies().rules(),
        warnings.len(),
        if warnings.len() == 1 { "" } else { "s" }
    )?;
    Ok(match args.strict && !warnings.is_empty() {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// Prints what is idle in the rules of a directory to standard error, and gives it.
pub(in crate::cli) fn warnings(config: &Config, rules: &Rules, policies: &Path) -> anyhow::Result<Vec<Diagnostic>> {
    // They were read a moment ago: what changed since then is told next time.
    let files = app::sources(&config.home, policies)
        .map(|sources| sources.policies)
        .unwrap_or_default();
    let mut warnings = rules.policies().warnings(&files, &known(config, rules)?);
    warnings.extend(rules.doubtful_budgets());
    let mut out = std::io::stderr().lock();
    for warning in &warnings {
        writeln!(out, "warning: {warning}\n")?;
    }
    Ok(warnings)
}

/// Agents, roles and groups as far as they are known: where nobody is registered yet, rules may come first.
fn known(config: &Config, rules: &Rules) -> anyhow::Result<Known> {
    let registry = agent_option::registry(config)?;
    let (agents, people) = (registry.agents(), registry.people());
    let anonymous = registry.authenticate(None).ok(); // refused where agents are registered: then there is none
    let names = agents.iter().map(|agent| agent.row.name.to_string());
    let roles = agents
        .iter()
        .flat_map(|agent| &agent.row.roles)
        .map(ToString::to_string);
    let groups = people.iter().filter(|person| person.row.disabled.is_none());
    let groups = groups.flat_map(|person| &person.row.groups).map(ToString::to_string);
    Ok(Known {
        providers: Some(rules.mappings().providers().map(str::to_owned).collect()),
        agents: (!agents.is_empty()).then(|| {
            let anonymous = anonymous.iter().map(|caller| caller.agent.to_string());
            names.chain(anonymous).collect()
        }),
        roles: (!agents.is_empty()).then(|| {
            let anonymous = anonymous
                .iter()
                .flat_map(|caller| caller.roles.iter().map(ToString::to_string));
            roles.chain(anonymous).collect()
        }),
        groups: (!people.is_empty()).then(|| groups.collect()),
        domains: Some(rules.labels().domains().is_configured()),
    })
}

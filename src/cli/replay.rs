//! `runplane replay`: what other rules would have made of the calls on record. Nothing is sent and nothing is recorded.

mod report;
mod show;
#[cfg(test)]
mod tests;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::period::Period;
use crate::app;
use crate::config::Config;
use crate::config::home::Home;
use crate::model::Timestamp;
use crate::store::Reader;
use report::Report;

pub(super) use report::amount;
pub(super) use show::shown_amount;

/// Decide the calls on record again, by other policies or by those of today, and tell the difference
///
/// Calls are decided with what was read of them when they were recorded, in the order and at the times of the record. What
/// the gate said first of a call is compared: a call that was held and then approved was held.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    period: Period,
    /// Directory of policies that stands in for the home's `policies/` [default: the policies of the home]
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Exit with 1 if any call would be decided otherwise
    #[arg(long)]
    fail_on_change: bool,
}

pub(super) fn run(home: Home, args: &Args) -> anyhow::Result<ExitCode> {
    let config = match Config::load(home) {
        Ok(config) => config,
        Err(wrong) => return super::check::print(&wrong),
    };
    let policies = super::test::policies_of(&config.home, args.policies.as_deref())?;
    let groups = app::known_groups(&config);
    let rules = match app::load_rules_with(&config.home, &policies, groups.as_ref(), config.gate.clone()) {
        Ok(rules) => rules,
        Err(wrong) => return super::check::print(&wrong),
    };
    let reader = Reader::open(&config.home.database())?;
    let mut report = Report::new(args.period.at(Timestamp::now()), config.gate.rates.account.clone());
    super::gone::tell(&reader, rules.replay_begins(report.period.since))?;
    rules.replay(&reader, &report.period.clone(), |replayed| report.add(replayed))?;
    let mut out = BufWriter::new(io::stdout().lock());
    let told = match args.json {
        true => show::json(&report, &mut out),
        false => show::text(&report, &mut out),
    };
    match told.and_then(|()| out.flush()) {
        // A reader that closes early (`| head`) is no error.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    Ok(match args.fail_on_change && report.changed() > 0 {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

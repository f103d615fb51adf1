//! `runplane mapping test`: what calls must mean, stated in files, and whether they do.

mod compare;
mod sample;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;

use super::files::Files;
use super::new::SAMPLES;
use crate::cli::check::print;
use crate::cli::explain::show::shown_place;
use crate::config::Config;
use crate::config::home::Home;
use crate::mapping::Mappings;
use crate::model::accounts::Accounts;
use crate::model::{Diagnostic, inert};
use compare::Ran;

/// Run the samples beside the mappings: requests, and what they must mean
///
/// Samples are files mappings/samples/NAME.yaml or NAME.jsonl; docs/mappings.md says how they are written. One that means
/// something else is told with both, and the exit code is 1.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names of mappings, or files of samples, or directories of them [default: all of mappings/samples/]
    #[arg(value_name = "NAME|FILE|DIR")]
    which: Vec<PathBuf>,
    /// Files of mappings, or directories of them, that stand in for those of the same name
    #[arg(long = "with", value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
    /// End with 1 if an operation of your mappings has no sample, too
    #[arg(long)]
    strict: bool,
    /// Name the samples that are as expected as well
    #[arg(short, long)]
    verbose: bool,
}

pub(super) fn run(home: Home, args: &Args) -> anyhow::Result<ExitCode> {
    let config = match Config::load(home) {
        Ok(config) => config,
        Err(wrong) => return print(&wrong),
    };
    let loaded = Files::of(&config.home).and_then(|files| files.with(&args.files).load());
    let directory = config.home.mappings().join(SAMPLES);
    let (mut mappings, read) = match (loaded, sample::read_all(&directory, &args.which)) {
        (Ok(mappings), Ok(samples)) => (mappings, samples),
        (mappings, samples) => {
            let wrong: Vec<Diagnostic> = mappings.err().into_iter().chain(samples.err()).flatten().collect();
            return print(&wrong);
        }
    };
    if read.is_empty() {
        bail!(
            "no samples: expected `samples:` in files *.yaml, or lines in files *.jsonl, of {} (`runplane mapping new` writes the first)",
            directory.display()
        );
    }
    let limits = config.limits.of_one_body();
    let mut ran: Vec<Ran<'_>> = Vec::new();
    for sample in &read {
        // An amount in decimals has the places of its currency, which the account's may be. What is said of single accounts
        // is of a deployment, and no mapping's.
        let usual = sample.account_currency.as_deref();
        let usual = usual.or(config.gate.rates.account.as_deref());
        mappings = mappings.with_accounts(usual, Accounts::default());
        ran.push(compare::run(sample, &mappings, &limits));
    }
    let without = without_sample(&mappings, &ran);
    let mut out = io::stdout().lock();
    show(&ran, args.verbose, &mut out)?;
    for (place, names) in &without {
        writeln!(
            out,
            "no sample of {}: {}",
            inert(&shown_place(place)),
            inert(&names.join(", "))
        )?;
    }
    let failed = ran.iter().any(|one| !one.otherwise.is_empty()) || (args.strict && !without.is_empty());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn show(ran: &[Ran<'_>], verbose: bool, out: &mut impl Write) -> io::Result<()> {
    for one in ran {
        let sample = one.sample;
        match one.otherwise.is_empty() {
            true if verbose => writeln!(out, "ok         {}", inert(&sample.name))?,
            true => {}
            false => {
                let place = shown_place(&sample.place());
                writeln!(out, "OTHERWISE  {}: {}", inert(&place), inert(&sample.name))?;
                for line in &one.otherwise {
                    writeln!(out, "             {}", inert(line))?;
                }
                writeln!(out, "           found {}", inert(&one.found))?;
            }
        }
    }
    let failed = ran.iter().filter(|one| !one.otherwise.is_empty()).count();
    writeln!(
        out,
        "{} samples: {} as expected, {failed} otherwise",
        ran.len(),
        ran.len() - failed
    )
}

/// Operations that no sample means, of files of the home of which some are sampled.
fn without_sample(mappings: &Mappings, ran: &[Ran<'_>]) -> Vec<(String, Vec<String>)> {
    let meant: BTreeSet<&str> = ran.iter().filter_map(|one| one.operation.as_deref()).collect();
    let sampled = |name: &str, in_bulk: bool| match in_bulk {
        true => meant.iter().any(|meant| meant.starts_with(name)),
        false => meant.contains(name),
    };
    let mut files: std::collections::BTreeMap<&str, (bool, BTreeSet<String>)> = std::collections::BTreeMap::new();
    for (file, name, in_bulk) in mappings.written_operations() {
        let (any, without) = files.entry(file).or_default();
        match sampled(name, in_bulk) {
            true => *any = true,
            false => drop(without.insert(if in_bulk { format!("{name}…") } else { name.to_owned() })),
        }
    }
    let some = files
        .into_iter()
        .filter(|(_, (any, without))| *any && !without.is_empty());
    let own = some.filter(|(file, _)| !file.starts_with(crate::model::diagnostic::EMBEDDED));
    own.map(|(file, (_, without))| (file.to_owned(), without.into_iter().collect()))
        .collect()
}

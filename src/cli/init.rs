//! `runplane init`: the shipped mappings and policies as files to edit.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::builder::PossibleValuesParser;

use crate::config::home::Home;
use crate::config::shipped::{self, Placed};
use crate::labels::{self, Labelling};

/// Write the shipped mappings and policies into the home, to be edited; keeps files that are there
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only the policies for a field of work, which come into force beside the baseline
    #[arg(long = "pack", value_name = "PACK", value_parser = PossibleValuesParser::new(shipped::packs()))]
    packs: Vec<String>,
}

pub(super) fn run(home: &Home, args: &Args) -> anyhow::Result<ExitCode> {
    let placed = match args.packs.as_slice() {
        [] => shipped::write_out(home),
        packs => shipped::write_packs(home, packs),
    };
    let Placed { written, kept } = placed.with_context(|| format!("cannot write into {}", home.path().display()))?;
    let mut out = std::io::stdout().lock();
    for file in &written {
        writeln!(out, "wrote {file}")?;
    }
    // Of all that ships nobody reads the names.
    for file in kept.iter().filter(|_| !args.packs.is_empty()) {
        writeln!(
            out,
            "kept {file} as it is: to have it as shipped, move it away and run this again"
        )?;
    }
    if written.is_empty() {
        writeln!(
            out,
            "nothing to write: every file is in {} already",
            home.path().display()
        )?;
    }
    let packs = args.packs.iter().filter(|pack| shipped::asks_who_is_outside(pack));
    for pack in packs.filter(|_| !says_who_is_inside(home)) {
        writeln!(
            out,
            "{pack}: people outside are asked about once `domains:` in {} says which are your own",
            home.policies().join(labels::FILE).display()
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn says_who_is_inside(home: &Home) -> bool {
    let data = shipped::policy_data(&home.policies());
    let labelling = data.ok().and_then(|data| Labelling::load(&data.targets, None).ok());
    // Files that cannot be read are told of by `check`.
    labelling.is_none_or(|labelling| labelling.domains().is_configured())
}

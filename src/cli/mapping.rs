//! `runplane mapping`: what calls mean: written, checked, tested, and what is not understood yet.

mod check;
mod coverage;
mod files;
mod new;
mod schema;
mod test;

use std::process::ExitCode;

use clap::Subcommand;

use crate::config::home::Home;
use crate::model::Caller;

/// Mappings: write one, say what is wrong in them, test them, and find what they do not understand
///
/// docs/mappings.md teaches them in ten minutes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::Args),
    Check(check::Args),
    Test(test::Args),
    Coverage(coverage::Args),
    /// Print the JSON Schema of a mapping file with this home's vocabulary, for editors
    Schema,
}

/// Whoever calls: what a call means is the same for all.
fn anybody() -> Caller {
    Caller {
        agent: "default".into(),
        roles: [].into(),
        owner: None,
    }
}

pub(super) fn run(home: Home, args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::New(args) => new::run(&home, args),
        Command::Check(args) => check::run(&home, args),
        Command::Test(args) => test::run(home, args),
        Command::Coverage(args) => coverage::run(home, args),
        Command::Schema => schema::run(&home),
    }
}

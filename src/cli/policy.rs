//! `runplane policy`: what rules are written against, and what is the matter with them.

pub(super) mod check;
mod suggest;

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;

use super::check::print;
use crate::budget::{Budgets, Known, Ledger};
use crate::config::home::Home;
use crate::config::shipped;
use crate::mapping::Mappings;
use crate::model::{Diagnostic, Vocabulary};
use crate::policy::Policies;

/// Policies: what they are written against, and what is the matter with them
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the Cedar schema of this home's vocabulary, for Cedar's own tools and editors
    Schema,
    Check(check::Args),
    Suggest(suggest::Args),
}

pub(super) fn run(home: Home, args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Schema => schema(&home),
        Command::Check(args) => check::run(home, args),
        Command::Suggest(args) => suggest::run(home, args),
    }
}

/// The vocabulary with what budgets add to the context of its actions.
pub(super) fn covered(home: &Home) -> Result<Vocabulary, Vec<Diagnostic>> {
    let (vocabulary, _) = shipped::mappings(&home.mappings())?;
    let vocabulary = Mappings::read_vocabulary(&vocabulary)?;
    let sources = shipped::policy_data(&home.policies())?.budgets;
    Ok(Budgets::load(&sources, &vocabulary, Known::default(), &Ledger::new(None))?.extend(&vocabulary))
}

fn schema(home: &Home) -> anyhow::Result<ExitCode> {
    let text = covered(home).and_then(|vocabulary| Policies::schema(&vocabulary));
    match text {
        Ok(text) => {
            std::io::stdout().lock().write_all(text.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(wrong) => print(&wrong),
    }
}

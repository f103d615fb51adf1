//! `runplane audit`: what is on record. Reads the database itself, whether the sidecar runs or not.

mod erase;
mod export;
mod filter;
mod keys;
mod output;
mod progress;
mod prove;
mod prune;
mod report;
mod show;
mod stats;
mod verify;
mod witness;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::home::Home;

/// Look at the record of what agents did.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    pub command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Show the latest calls, newest last: agent, action, decision, outcome.
    Show(Box<show::ShowArgs>),
    /// Count calls and money: by action, agent and decision
    Stats(Box<stats::Args>),
    /// Write the entries of the trail for other programs: JSON lines, OCSF, CEF, CSV or OTLP
    Export(Box<export::Args>),
    /// Write a page about a period for people: one HTML file that needs nothing else
    Report(Box<report::Args>),
    /// Verify a trail, or a proof of an entry, by the public key of its log and nothing else of this machine
    Verify(verify::Args),
    /// Write proofs of entries that others verify without the database (C2SP tlog-proof)
    Prove(prove::ProveArgs),
    /// Print the proof that a checkpoint continues an older one (as C2SP tlog-witness takes it)
    Consistency(prove::ConsistencyArgs),
    Erase(erase::Args),
    Prune(prune::Args),
    /// Print the public key of the log, to be kept elsewhere
    Key,
    /// Make another key of the log; both sign for a while. A sidecar that runs takes it up at its next start
    RotateKey(keys::RotateArgs),
}

/// Carries out `runplane audit …`; `verify` asks for no home.
///
/// # Errors
/// As each command says.
pub fn run(
    args: &AuditArgs,
    home: impl FnOnce() -> anyhow::Result<Home>,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    match &args.command {
        AuditCommand::Verify(args) => return Ok(verify::run(args, out)),
        AuditCommand::Show(args) => show::show(args, home()?.path(), &mut io::BufWriter::new(out))?,
        AuditCommand::Stats(args) => stats::run(args, home()?.path(), out)?,
        AuditCommand::Export(args) => export::run(args, home()?.path(), out)?,
        AuditCommand::Report(args) => report::run(args, &home()?, out)?,
        AuditCommand::Prove(args) => prove::prove(args, home()?.path(), out)?,
        AuditCommand::Consistency(args) => prove::consistency(args, home()?.path(), out)?,
        AuditCommand::Erase(args) => {
            return super::ask(&home()?, "erasures", async |client, out| {
                erase::run(args, client, out).await
            });
        }
        AuditCommand::Prune(args) => {
            return super::ask(&home()?, "prunings", async |client, out| {
                prune::run(args, client, out).await
            });
        }
        AuditCommand::Key => keys::show(&home()?, out)?,
        AuditCommand::RotateKey(args) => keys::rotate(args, &home()?, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A reader that closes early (`| head`) is no error.
fn unless_gone(written: anyhow::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error)
            if error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(())
        }
        written => written,
    }
}

#[cfg(test)]
mod tests;

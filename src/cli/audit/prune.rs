//! `runplane audit prune`: takes the first months out of the record of a running sidecar.

use std::io::Write;

use serde::Serialize;

use crate::cli::client::{Client, ClientError};
use crate::control::view::Pruned;
use crate::model::inert::inert;

/// Take whole months out of the record for good: their entries, values and rows; proofs of what is kept hold as before
///
/// What people are still asked, what budgets count, agents, people, pauses and keys stay, and so do the current month and the last
/// whole one. See docs/audit.md.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is older than this month goes (`2026-01`, in UTC)
    #[arg(long, value_name = "MONTH")]
    before: String,
    /// Why, for people and the record: it is kept, so name nobody here
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Only tell how much there is
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct New<'a> {
    before: &'a str,
    reason: &'a str,
    dry_run: bool,
}

/// # Errors
/// As [`ClientError`] says.
pub(super) async fn run(args: &Args, client: &Client, out: &mut (dyn Write + Send)) -> Result<(), ClientError> {
    let new = New {
        before: &args.before,
        reason: &args.reason,
        dry_run: args.dry_run,
    };
    let pruned: Pruned = client.post("/api/v1/prunings", &new).await?;
    let Some((_, to)) = pruned.range else {
        writeln!(
            out,
            "Nothing is pruned: nothing that may go is older than {}.",
            inert(&args.before)
        )?;
        return Ok(held(&pruned, out)?);
    };
    let verb = if args.dry_run { "Would prune" } else { "Pruned" };
    write!(
        out,
        "{verb} {} entries, up to entry {to} ({})",
        pruned.entries,
        inert(&pruned.months)
    )?;
    match pruned.bytes {
        Some(bytes) => writeln!(out, ": about {} KiB.", bytes / 1024)?,
        None => writeln!(out, ". Their hashes stay: proofs hold as before.")?,
    }
    held(&pruned, out)?;
    if !args.dry_run {
        writeln!(
            out,
            "Not pruned: backups and copies of the database, exports, logs, and messages that were sent (e-mail, Slack, webhooks)."
        )?;
    }
    Ok(())
}

fn held(pruned: &Pruned, out: &mut (dyn Write + Send)) -> std::io::Result<()> {
    match &pruned.held {
        Some(held) => writeln!(out, "Kept, though older: {}.", inert(held)),
        None => Ok(()),
    }
}

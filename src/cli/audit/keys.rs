//! `runplane audit key` and `rotate-key`: the key that signs checkpoints, and one that follows it.

use std::io::Write;
use std::time::Duration;

use anyhow::bail;

use crate::cli::{exec, period};
use crate::config::home::Home;
use crate::io::keys::{self, LogKey};
use crate::model::Timestamp;

/// Longer ones are mistakes of a unit.
const LONGEST: Duration = Duration::from_secs(3 * 366 * 24 * 60 * 60);

#[derive(Debug, clap::Args)]
pub struct RotateArgs {
    /// How long the old key signs beside the new one, so that who verifies by it alone has time to take up the new one; up to 3 years
    #[arg(long, value_name = "SPAN", default_value = "30d", value_parser = overlap)]
    overlap: Duration,
}

fn overlap(text: &str) -> Result<Duration, String> {
    match period::span(text) {
        Some(span) if span <= LONGEST => Ok(span),
        _ => Err("expected a span of up to 3 years, such as 90d or 12h".to_owned()),
    }
}

/// Prints the public half of the log's key.
///
/// # Errors
/// If there is no key yet, or it cannot be used.
pub(super) fn show(home: &Home, out: &mut dyn Write) -> anyhow::Result<()> {
    match LogKey::load(&home.state())? {
        Some(key) => Ok(writeln!(out, "{}", key.public())?),
        None => bail!("there is no key yet: `runplane run` makes it at its first start"),
    }
}

/// Makes the key that follows.
///
/// # Errors
/// If there is none yet, an earlier rotation is under way, or a file cannot be written.
pub(super) fn rotate(args: &RotateArgs, home: &Home, out: &mut dyn Write) -> anyhow::Result<()> {
    // SECURITY: who makes the key has it, and can sign another trail. Test: `no_agent_rotates_the_key_of_the_trail`.
    exec::refuse_inside("/api/v1/audit/key")?;
    let span = i64::try_from(args.overlap.as_millis()).unwrap_or(i64::MAX);
    let until = Timestamp(Timestamp::now().0.saturating_add(span));
    let seconds = u64::try_from(until.0 / 1_000).unwrap_or_default();
    let (old, new) = keys::rotate(&home.state(), seconds)?;
    writeln!(
        out,
        "From its next start on the sidecar signs checkpoints by a new key, and until {until} by the old one, too.\n\
         Give the new public half to all who verify the trail; they verify all of it by both (--key OLD --key NEW).\n  \
         old  {old}\n  new  {new}"
    )?;
    Ok(())
}

//! `runplane audit report`: a period of the record, as one page for people.

mod counted;
mod html;
mod page;
mod people;
mod rows;
mod sections;
mod sidecar;
mod style;

use std::io::Write;
use std::path::PathBuf;

use super::{filter, output, verify};
use crate::audit::{Against, Choice, Review, with_earlier};
use crate::cli::period::{Moment, moment};
use crate::config::home::Home;
use crate::io::keys::LogKeys;
use crate::model::Timestamp;
use crate::model::note::VerifierKey;
use crate::store::{self, Evidence, Reader};
use page::{Page, Proof};

/// The page counts what was attempted, allowed, held and blocked, the money in it, who decided and how fast, and leads from each
/// figure to the entries that it is counted from. The trail is verified as `runplane audit verify` does it, and the page says
/// what that could not prove.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// From when on: a date (`2026-11-01`, in UTC), a time (`2026-11-01T08:00:00Z`) or a span back from now (`30d`)
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    from: Moment,
    /// Before when [default: now]
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    to: Option<Moment>,
    /// Only calls of this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// The file that takes the page, in the place of one that is there
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Public key of the log, or a file with it, as `audit verify` takes it [default: that of this home]
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// A checkpoint that was kept elsewhere, as `audit verify` takes it
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

/// Carries it out.
///
/// # Errors
/// If there is no record, or it cannot be read, or the page cannot be written.
pub(super) fn run(args: &Args, home: &Home, out: &mut dyn Write) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let (from, to) = (whole(args.from.at(now)), args.to.map_or(now, |to| to.at(now)));
    // Up to the second that is not over yet.
    let to = whole(Timestamp(to.0.saturating_add(999)));
    anyhow::ensure!(from < to, "--from {from} is not before --to {to}");
    let database = home.path().join(store::FILE);
    let reader = Reader::open(&database)?;
    let choice = Choice::of_period(Some(from), Some(to), args.agent.clone());
    let review = Review::of(&reader, &choice)?;
    let page = Page {
        from,
        to,
        written: now,
        agent: args.agent.as_deref(),
        home: home.option(),
        // The record has amounts in it, not what it is called.
        account: filter::account_currency(home.path()).ok(),
        proof: proof(args, home, &Evidence::open(&database)?)?,
        review: &review,
        gone: crate::cli::gone::note(&reader, Some(from))?,
    };
    let text = page.html(&reader)?;
    output::into_file(&args.output, |file| Ok(file.write_all(text.as_bytes())?))?;
    let told = writeln!(out, "{}", args.output.display());
    super::unless_gone(told.map_err(Into::into))
}

/// The second that a moment is in: what the page says can be typed again.
fn whole(moment: Timestamp) -> Timestamp {
    Timestamp(moment.0.div_euclid(1_000).saturating_mul(1_000))
}

fn proof(args: &Args, home: &Home, evidence: &Evidence) -> anyhow::Result<Proof> {
    let given: Vec<VerifierKey> = args
        .keys
        .iter()
        .map(|key| verify::read_key(key))
        .collect::<anyhow::Result<_>>()?;
    let own = LogKeys::load(&home.state())?.map(|keys| keys.all());
    let (keys, of_home) = match (given.is_empty(), own) {
        (false, _) => (given, false),
        (true, Some(own)) => (with_earlier(evidence, own)?, true),
        (true, None) => return Ok(Proof::NoKey),
    };
    let note = args.checkpoint.as_deref().map(verify::read_checkpoint).transpose()?;
    let against = Against::new(keys, note.as_deref())?;
    let report = verify::held_against(evidence, &against)?;
    let mut words = Vec::new();
    verify::tell(&report, None, &mut words)?;
    Ok(Proof::Verified {
        report: Box::new(report),
        words: String::from_utf8_lossy(&words).into_owned(),
        of_home,
    })
}

#[cfg(test)]
mod tests;

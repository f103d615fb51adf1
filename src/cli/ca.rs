//! `runplane ca`: the CA that agents trust, another one in its place in time, and how systems are told of it.

mod trust;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use jiff::SpanRelativeTo;

use super::env;
use crate::app::public;
use crate::authority::{self, Certificate, Successor};
use crate::config::home::Home;
use crate::model::Timestamp;

/// The CA that agents trust
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Which it is, how long it lasts, and where its files are
    Show,
    /// Make another one, which agents trust besides from now on, and which signs later
    ///
    /// Agents read at their start what to trust: start them again within the overlap. After it the new one signs, and the old
    /// one is trusted no more. A running sidecar takes note within half a minute, and records both. docs/ca.md has all of it.
    Rotate {
        /// How long agents have, as in 7d, 12h or 30m; no longer than the present one lasts
        #[arg(long, value_name = "SPAN", default_value = "7d", value_parser = overlap, conflicts_with = "now")]
        overlap: Duration,
        /// The new one signs at once, also one that was made before; agents fail until they are started again
        #[arg(long)]
        now: bool,
    },
    /// Print the commands that have a system, a browser or Java trust it; runs none of them
    Trust,
}

fn overlap(text: &str) -> Result<Duration, String> {
    // Whatever is wrong with it, the sentence at the end says what is taken.
    let span = text.parse::<jiff::Span>().ok();
    let span = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let span = span.and_then(|span| Duration::try_from(span).ok());
    span.ok_or_else(|| "expected a span with its unit, as 7d, 12h or 30m".to_owned())
}

pub(super) fn run(home: &Home, args: &Args) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match args.command {
        Command::Show => show(home, &mut out)?,
        Command::Rotate { overlap, now } => {
            // SECURITY: who makes the CA has its key, and with it every provider to the agents that trust it. Tests:
            // `nobody_rotates_from_inside_exec`; that its files are out of reach, in `tests/it/exec/escape.rs`.
            super::exec::refuse_inside("/api/v1/ca")?;
            rotate(home, overlap, now, &mut out)?;
        }
        Command::Trust => trust::write(home, &env::authorities(home)?, &mut out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(home: &Home, out: &mut impl Write) -> anyhow::Result<()> {
    let mut trusted = env::authorities(home)?.into_iter();
    if let Some(current) = trusted.next() {
        describe(out, "signs", &current, &home.certs())?;
    }
    if let Some(Successor {
        certificate,
        signs_from,
    }) = authority::successor(&home.certs())?
    {
        let when = match signs_from <= Timestamp::now() {
            true => "within half a minute where a sidecar runs, else at its next start".to_owned(),
            false => format!("from {signs_from} on; agents trust both until then"),
        };
        writeln!(out)?;
        describe(out, &format!("signs {when}"), &certificate, &home.certs().join("next"))?;
    }
    let public = home.public();
    writeln!(out, "\nagents read   {}", public::authority(&public).display())?;
    writeln!(
        out,
        "              {} (with the system's roots)",
        public::bundle(&public).display()
    )?;
    writeln!(
        out,
        "              {} (the same for Java)",
        public::trust_store(&public).display()
    )?;
    Ok(())
}

fn describe(out: &mut impl Write, when: &str, certificate: &Certificate, directory: &Path) -> std::io::Result<()> {
    let now = Timestamp::now();
    let left = match certificate.is_valid(now) {
        true => format!("{} days left", certificate.left(now).as_secs() / (24 * 3600)),
        false => "NOT VALID NOW: `runplane ca rotate` makes another one".to_owned(),
    };
    writeln!(out, "CA            {}", certificate.subject)?;
    writeln!(out, "role          {when}")?;
    writeln!(out, "SHA-256       {}", colons(&certificate.fingerprint()))?;
    writeln!(
        out,
        "valid         {} to {} ({left})",
        certificate.not_before, certificate.not_after
    )?;
    writeln!(out, "certificate   {}", directory.join("ca.pem").display())?;
    writeln!(
        out,
        "key           {} (for the sidecar alone)",
        directory.join("ca.key").display()
    )
}

/// As openssl and browsers show it.
fn colons(fingerprint: &str) -> String {
    let pairs = fingerprint.as_bytes().chunks(2);
    let pairs = pairs.map(|pair| String::from_utf8_lossy(pair).to_uppercase());
    pairs.collect::<Vec<_>>().join(":")
}

fn rotate(home: &Home, overlap: Duration, now: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let certs = home.certs();
    let next = match now && authority::successor(&certs)?.is_some() {
        true => authority::hasten(&certs)?,
        false => authority::rotate(&certs, if now { Duration::ZERO } else { overlap })?,
    };
    // A sidecar that runs does so too; agents may be started before it has.
    env::publish(home)?;
    writeln!(out, "made: {}", next.certificate.subject)?;
    writeln!(out, "SHA-256 {}", colons(&next.certificate.fingerprint()))?;
    if next.is_due(Timestamp::now()) {
        writeln!(
            out,
            "It signs within half a minute where a sidecar runs, else from its next start on."
        )?;
        writeln!(
            out,
            "Start every agent again then: what they trust now is what they read at their start."
        )?;
    } else {
        writeln!(
            out,
            "It signs from {} on; until then agents trust both.",
            next.signs_from
        )?;
        writeln!(
            out,
            "Start every agent again before, and repeat `runplane ca trust` where a system trusts the old one."
        )?;
    }
    Ok(())
}

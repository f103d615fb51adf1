//! `runplane audit verify`: needs nothing of this machine but the file.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};

use super::progress::Progress;
use super::witness::Witnessed;
use crate::audit::{self, Against, Disclosure, Point, Proof, Report};
use crate::model::note::VerifierKey;
use crate::model::{Timestamp, inert};
use crate::store::{Evidence, ReadError};

/// A proof is an entry, some dozen hashes and a note; longer files are cut, and then none.
const LONGEST_PROOF: u64 = 1 << 20;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Public key of the log, or a file with it: what `runplane audit key` and the first start printed. Again for a second key
    #[arg(long = "key", value_name = "KEY", required = true)]
    keys: Vec<String>,
    /// A checkpoint that was kept elsewhere: without one, a trail whose end was cut off looks whole
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Public key of a witness, or a file with it: it must have signed that checkpoint; without one, what is kept beside the database
    #[arg(long, value_name = "KEY")]
    witness: Option<String>,
    /// The database (with its `-wal` beside it, if there is one), a `.tlog-proof` or a `.disclosure`
    #[arg(value_name = "DB")]
    file: PathBuf,
}

/// Carries it out: 1 if anything is not as it was signed, 2 if that cannot be told. A reader that closes early (`| head`) changes
/// nothing of that.
pub(super) fn run(args: &Args, out: &mut dyn Write) -> ExitCode {
    match verified(args, out) {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to do if standard error is gone too.
            let _told = writeln!(io::stderr(), "error: {error:#}").is_ok();
            ExitCode::from(2)
        }
    }
}

/// # Errors
/// If a file cannot be read, or a key or checkpoint is none.
fn verified(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let keys = args
        .keys
        .iter()
        .map(|key| read_key(key))
        .collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(text) = text_of(&args.file, audit::PROOF_HEADER) {
        // It is over the log's own checkpoint: whoever else signed would be believed unseen.
        ensure!(
            args.witness.is_none(),
            "--witness goes with a database, not with a proof"
        );
        return proof(&text, &keys, out);
    }
    if let Some(text) = text_of(&args.file, audit::DISCLOSURE_BEGINNING) {
        return disclosure(&text, &keys, out);
    }
    let of_file = args.checkpoint.as_deref();
    let witnessed = args.witness.as_deref();
    let witnessed = witnessed
        .map(|key| Witnessed::read(key, (of_file, &args.file), &keys))
        .transpose()?;
    let (file, note) = match &witnessed {
        Some(witnessed) => (Some(&*witnessed.file), Some(witnessed.note.clone())),
        None => (of_file, of_file.map(read_checkpoint).transpose()?),
    };
    let named = || format!("{}", file.unwrap_or(Path::new("--checkpoint")).display());
    let against = match Against::new(keys, note.as_deref()) {
        // SECURITY: "it cannot be told" would be all that a checkpoint that somebody wrote themselves comes to (test
        // `a_published_checkpoint_that_is_forged_is_a_finding`).
        Err(error) if error.is_forgery() => return changed(&format!("{}: {error}", named()), out),
        against => against.with_context(named)?,
    };
    let evidence = match Evidence::open(&args.file) {
        Err(error) if error.is_damage() => return changed(&chain(&error), out),
        evidence => evidence?,
    };
    let report = held_against(&evidence, &against).with_context(|| format!("{}", args.file.display()))?;
    if !evidence.is_still() {
        bail!(
            "{}: it was written to while it was read, so nothing can be said of it; verify a copy, or try again",
            args.file.display()
        );
    }
    match tell(&report, witnessed.as_ref(), out) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    Ok(match report.findings.count {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Verifies, and shows on a terminal how far it is.
///
/// # Errors
/// If the database cannot be read.
pub(super) fn held_against(evidence: &Evidence, against: &Against) -> Result<Report, ReadError> {
    let mut progress = Progress::new();
    let report = audit::verify(evidence, against, |done, all| progress.show(done, all));
    progress.clear();
    report
}

pub(super) fn read_key(text: &str) -> anyhow::Result<VerifierKey> {
    if let Ok(key) = VerifierKey::parse(text) {
        return Ok(key);
    }
    // A key that is mistyped is no file either: what is said is that it is no key.
    let of_file = match std::fs::read_to_string(text) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(error).with_context(|| format!("--key {}", inert(text)));
        }
        read => read.ok(),
    };
    VerifierKey::parse(of_file.as_deref().unwrap_or(text)).with_context(|| format!("--key {}", inert(text)))
}

/// The text of a proof, which begins so; `None`: it is none, and no more was read than tells that.
fn text_of(file: &Path, begins: &str) -> Option<String> {
    let mut file = File::open(file).ok()?;
    let mut text = vec![0; begins.len()];
    file.read_exact(&mut text).ok()?;
    (text == begins.as_bytes()).then_some(())?;
    file.take(LONGEST_PROOF).read_to_end(&mut text).ok()?;
    String::from_utf8(text).ok()
}

pub(super) fn read_checkpoint(file: &Path) -> anyhow::Result<String> {
    audit::read_note(file).with_context(|| format!("cannot read {}", file.display()))
}

fn proof(text: &str, keys: &[VerifierKey], out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let proof = match Proof::parse(text) {
        Ok(proof) => proof,
        Err(error) => return failed(&error.to_string(), out),
    };
    let (entry, signed) = match proof.verify(keys) {
        Ok(proven) => proven,
        Err(error) => return failed(&error.to_string(), out),
    };
    let (seq, time) = (proof.seq(), at(signed.seconds));
    let size = signed.checkpoint.size;
    writeln!(
        out,
        "Proven: this is entry {seq} of a trail of {size} entries, signed {time}."
    )?;
    writeln!(out, "{}", inert(&String::from_utf8_lossy(entry)))?;
    Ok(ExitCode::SUCCESS)
}

fn disclosure(text: &str, keys: &[VerifierKey], out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let verified =
        Disclosure::parse(text).and_then(|disclosed| disclosed.verify(keys).map(|proven| (disclosed, proven)));
    let (disclosed, (seq, signed)) = match verified {
        Ok(verified) => verified,
        Err(error) => return failed(&error.to_string(), out),
    };
    let (size, time) = (signed.checkpoint.size, at(signed.seconds));
    let name = inert(disclosed.name());
    writeln!(
        out,
        "Proven: this is `{name}` of entry {seq} of a trail of {size} entries, signed {time}."
    )?;
    writeln!(out, "{}", inert(disclosed.value()))?;
    Ok(ExitCode::SUCCESS)
}

/// Before anything of the trail was looked at.
fn changed(why: &str, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    writeln!(out, "CHANGED: nothing of the trail was looked at")?;
    writeln!(out, "  {}", inert(why))?;
    Ok(ExitCode::FAILURE)
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

fn failed(why: &str, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    writeln!(out, "NOT PROVEN: {why}")?;
    Ok(ExitCode::FAILURE)
}

fn at(seconds: u64) -> Timestamp {
    Timestamp(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000))
}

/// `3 min`, as of now.
fn age(seconds: u64) -> String {
    let passed = Timestamp::now().since(at(seconds)).as_secs();
    match passed {
        0..=119 => format!("{passed} s"),
        120..=7_199 => format!("{} min", passed / 60),
        7_200..=172_799 => format!("{} h", passed / 3_600),
        _ => format!("{} days", passed / 86_400),
    }
}

fn point(point: Point) -> String {
    let Point { size, seconds } = point;
    format!("entries 1 to {size}, signed {} ({} ago)", at(seconds), age(seconds))
}

/// What came out, in the words of `audit verify`.
///
/// # Errors
/// If `out` does not take it.
pub(super) fn tell(report: &Report, witnessed: Option<&Witnessed>, out: &mut dyn Write) -> io::Result<()> {
    let findings = &report.findings;
    match findings.count {
        0 => writeln!(out, "OK: what was signed of this trail is as it was signed.")?,
        count => {
            writeln!(out, "CHANGED: {count} findings")?;
            match findings.first_entry {
                None => {}
                Some((first, last)) if first == last => writeln!(out, "first bad entry: {first}")?,
                Some((first, last)) => writeln!(out, "first bad entry: between {first} and {last}")?,
            }
            for finding in &findings.told {
                writeln!(
                    out,
                    "  {}: {}",
                    inert(&finding.place.to_string()),
                    inert(&finding.wrong)
                )?;
            }
            let told = u64::try_from(findings.told.len()).unwrap_or(u64::MAX);
            if count > told {
                writeln!(out, "  and {} more", count - told)?;
            }
        }
    }
    writeln!(out, "  entries      {}", report.entries)?;
    let last = report.last.map_or_else(|| "none".to_owned(), point);
    let first = report.first.map_or_else(|| "none".to_owned(), point);
    writeln!(out, "  checkpoints  {}; the first: {first}", report.checkpoints)?;
    writeln!(out, "  sealed       {last}")?;
    let published = report.published.map_or_else(|| "none was given".to_owned(), point);
    writeln!(out, "  anchored     {published}")?;
    if let Some(witnessed) = witnessed {
        writeln!(out, "  witnessed    {} by {}", point(witnessed.point), witnessed.by())?;
    }
    writeln!(out, "  values       {} are what their entries commit to", report.values)?;
    if report.erased > 0 {
        writeln!(
            out,
            "  erased       {} values, as entries of kind `erased` say",
            report.erased
        )?;
    }
    if let Some(pruned) = &report.pruned {
        let (months, by) = match &pruned.ordered {
            None => (String::new(), String::new()),
            Some(ordered) => {
                let by = ordered.by.as_deref().map_or("`audit.retention`".into(), inert);
                (format!(" ({})", inert(&ordered.months)), format!(", ordered by {by}"))
            }
        };
        writeln!(
            out,
            "  pruned       entries 1 to {} were pruned, the last of them{months} on {}, as entry {} says{by}; {} of them are kept, and the hashes \
             of all still prove the rest",
            pruned.to, pruned.time, pruned.by, pruned.kept
        )?;
    }
    writeln!(out, "Not proven:")?;
    unproven(report, witnessed.is_some_and(|witnessed| witnessed.beside), out)
}

/// `beside`: the checkpoint that it was held to lies beside the database.
///
/// SECURITY: who sets the database back sets that back with it, and the trail would look whole. Test:
/// `what_a_witness_signed_is_kept_shown_and_gone_on_from`.
fn unproven(report: &Report, beside: bool, out: &mut dyn Write) -> io::Result<()> {
    if report.unsealed() > 0 {
        writeln!(
            out,
            "  - entries {} to {}: no checkpoint is over them yet",
            report.entries - report.unsealed() + 1,
            report.entries
        )?;
    }
    match report.published {
        Some(_) if beside => writeln!(
            out,
            "  - that no entries were cut from the end since the witness signed: what it signed lies beside the database, and may be \
             older than what it signed last (--checkpoint)"
        )?,
        None => writeln!(
            out,
            "  - that no entries were cut from the end: that takes a checkpoint that was kept elsewhere (--checkpoint)"
        )?,
        Some(anchored) if anchored.size < report.entries => writeln!(
            out,
            "  - that entries behind {} were not replaced together with their checkpoints by who holds the log's key",
            anchored.size
        )?,
        Some(_) => {}
    }
    if let Some(pruned) = &report.pruned {
        writeln!(
            out,
            "  - what the entries up to {} said, their times, values and rows: they were pruned, and their hashes tell only that they are the \
             ones that were signed; nor how much of what was erased there was erased",
            pruned.to
        )?;
    }
    if report.hidden > 0 {
        writeln!(out, "  - {} values of which only the commitment is kept", report.hidden)?;
    }
    if report.uncommitted > 0 {
        writeln!(
            out,
            "  - {} rows that an earlier build recorded without committing to all of them",
            report.uncommitted
        )?;
    }
    writeln!(
        out,
        "  - what is usual of agents (habits): it is learnt, and no part of the trail"
    )?;
    writeln!(
        out,
        "  - who is to be told of approvals, and whether they were (receivers, deliveries, posts): no part of the trail"
    )?;
    writeln!(
        out,
        "  - that all that happened is in the trail: only what went through this sidecar is"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_of_a_database_than_tells_that_it_is_no_proof() {
        let directory = tempfile::tempdir().unwrap();
        for (begins, proves) in [("SQLite format 3\0", false), (audit::PROOF_HEADER, true)] {
            let path = directory.path().join("file");
            std::fs::write(&path, begins).unwrap();
            // Of holes: more than any machine has in memory.
            File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_len(1 << 42)
                .unwrap();
            let found = text_of(&path, audit::PROOF_HEADER).map(|text| text.len());
            let cut = audit::PROOF_HEADER.len() + (1 << 20);
            assert_eq!(found, proves.then_some(cut), "{begins}");
        }
    }
}

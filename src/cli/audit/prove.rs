//! `runplane audit prove` and `consistency`: what others verify without us.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::audit::{self, ProveError};
use crate::model::CallId;
use crate::store::{Evidence, Reader};

#[derive(Debug, clap::Args)]
pub struct ProveArgs {
    /// A call (each of its entries is proven), or the number of an entry
    #[arg(value_name = "ID")]
    id: String,
    /// Disclose one of its values, too (`fields`, `summary`, `target` …), with what proves it
    #[arg(long, value_name = "NAME")]
    field: Option<String>,
    /// Where the files go
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct ConsistencyArgs {
    /// The older checkpoint
    old: PathBuf,
    /// The newer one; the last of the trail if it is not given
    new: Option<PathBuf>,
}

/// Writes a `.tlog-proof` for each entry.
///
/// # Errors
/// If there is no such entry, or none that is sealed, or a file is there already.
pub(super) fn prove(args: &ProveArgs, home: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let database = home.join(crate::store::FILE);
    let (evidence, reader) = (Evidence::open(&database)?, Reader::open(&database)?);
    let places = places(&args.id, &reader)?;
    if let Some(name) = &args.field {
        return disclose(args, name, &places, (&evidence, &reader), out);
    }
    for seq in places {
        let proof = audit::prove(&evidence, &reader, seq)?;
        let file = args.out.join(format!("entry-{seq}.tlog-proof"));
        make(&file, &proof.to_string(), out)?;
    }
    Ok(())
}

fn make(file: &Path, text: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(file);
    let mut made = made.with_context(|| format!("cannot make {}", file.display()))?;
    made.write_all(text.as_bytes())?;
    Ok(writeln!(out, "{}", file.display())?)
}

/// Of a call, each entry that has such a value.
fn disclose(
    args: &ProveArgs,
    name: &str,
    places: &[u64],
    (evidence, reader): (&Evidence, &Reader),
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (mut made, mut lacks) = (false, None);
    for seq in places {
        match audit::disclose(evidence, reader, *seq, name) {
            Ok(disclosure) => {
                let file = args.out.join(format!("entry-{seq}.{name}.disclosure"));
                make(&file, &disclosure.to_string(), out)?;
                made = true;
            }
            Err(error @ ProveError::NoValue { .. }) => lacks = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    match lacks {
        Some(error) if !made => Err(error.into()),
        _ => Ok(()),
    }
}

fn places(id: &str, reader: &Reader) -> anyhow::Result<Vec<u64>> {
    #[derive(Deserialize)]
    struct Entry {
        seq: u64,
    }
    if let Ok(seq) = id.parse() {
        return Ok(vec![seq]);
    }
    let call: CallId = id
        .parse()
        .context("expected a call's id, as `runplane audit show` has it, or an entry's number")?;
    let approval = reader.call(&call)?.and_then(|call| call.row.approval);
    let entries = reader.entries_about(&call, approval.as_ref())?;
    if entries.is_empty() {
        match crate::cli::gone::note(reader, None)? {
            None => bail!("there is no call {call}"),
            Some(note) => bail!("there is no call {call}; {note}"),
        }
    }
    let places = entries.iter().map(|kept| serde_json::from_slice::<Entry>(&kept.bytes));
    Ok(places
        .map(|entry| entry.map(|entry| entry.seq))
        .collect::<Result<_, _>>()?)
}

/// Prints that the newer checkpoint continues the older.
///
/// # Errors
/// If it does not, by this trail.
pub(super) fn consistency(args: &ConsistencyArgs, home: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let reader = Reader::open(&home.join(crate::store::FILE))?;
    let read = |file: &PathBuf| audit::read_note(file).with_context(|| format!("cannot read {}", file.display()));
    let new = args.new.as_ref().map(read).transpose()?;
    write!(
        out,
        "{}",
        audit::consistency(&reader, &read(&args.old)?, new.as_deref())?
    )?;
    Ok(())
}

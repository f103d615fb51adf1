//! `runplane audit export`: the entries of the trail for other programs.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::filter::Filter;
use super::output;
use crate::audit::{self, Exporter, Format};
use crate::model::Timestamp;
use crate::store::{self, Reader};

/// Entries are written in their order, one record each, with the place and hash of each in the tree. A filter takes the entries
/// about calls that fit; its times are those of entries.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    filter: Filter,
    /// What is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = As::Jsonl)]
    format: As,
    /// Only entries behind this one: where the last export ended
    #[arg(long, value_name = "ENTRY", default_value_t = 0)]
    after: i64,
    /// The file that takes them, in the place of one that is there [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A format, as typed.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum As {
    /// Entries as they are kept, with their values, one JSON object per line
    Jsonl,
    /// Open Cybersecurity Schema Framework 1.9.0, one JSON object per line
    Ocsf,
    /// ArcSight Common Event Format
    Cef,
    /// Comma-separated values (RFC 4180)
    Csv,
    /// OpenTelemetry logs (OTLP/JSON), one request per line
    Otlp,
}

impl From<As> for Format {
    fn from(format: As) -> Self {
        match format {
            As::Jsonl => Format::Jsonl,
            As::Ocsf => Format::Ocsf,
            As::Cef => Format::Cef,
            As::Csv => Format::Csv,
            As::Otlp => Format::Otlp,
        }
    }
}

/// Carries it out for the home `home`.
///
/// # Errors
/// If there is no record, or it cannot be read or written out. A reader that closes early (`| head`) is no error.
pub(super) fn run(args: &Args, home: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    match &args.output {
        Some(file) => output::into_file(file, |out| export(args, home, out)),
        None => {
            let mut out = BufWriter::new(out);
            let written = export(args, home, &mut out).and_then(|()| Ok(out.flush()?));
            super::unless_gone(written)
        }
    }
}

fn export(args: &Args, home: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let reader = Reader::open(&home.join(store::FILE))?;
    let choice = args.filter.choice(&reader, home, Timestamp::now())?;
    crate::cli::gone::tell(&reader, choice.query.since)?;
    let exporter = Exporter::new(args.format.into(), &reader)?;
    exporter.head(out)?;
    audit::entries(&reader, &choice, args.after, |entry, call| {
        anyhow::Ok(exporter.entry(entry, call, out)?)
    })
}

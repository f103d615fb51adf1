//! `runplane audit erase`: takes values out of the record of a running sidecar.

use std::collections::BTreeMap;
use std::io::Write;

use clap::ArgGroup;
use serde::Serialize;

use crate::cli::client::{Client, ClientError};
use crate::control::view::Erased;
use crate::model::inert::inert;

/// Take values out of the record for good: of calls, or of all in which a field says something
///
/// What is erased of a call is erased of every entry about it, of its approvals and of the calls that asked for these. Its
/// entries stay, and the trail verifies as before. See docs/audit.md.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true))]
pub struct Args {
    /// A call, or the number of an entry
    #[arg(value_name = "ID", group = "what")]
    ids: Vec<String>,
    /// All in which a canonical field, or `target`, says this
    #[arg(long = "where", value_name = "FIELD=VALUE", group = "what")]
    field: Option<String>,
    /// Why, for people and the record: it is kept, so name nobody here
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Only tell how much there is
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct New<'a> {
    ids: &'a [String],
    #[serde(rename = "where")]
    field: BTreeMap<&'a str, &'a str>,
    reason: &'a str,
    dry_run: bool,
}

/// # Errors
/// As [`ClientError`] says.
pub(super) async fn run(args: &Args, client: &Client, out: &mut (dyn Write + Send)) -> Result<(), ClientError> {
    let field = args.field.as_deref().map(|field| {
        let assignment = field
            .split_once('=')
            .filter(|(name, value)| !name.is_empty() && !value.is_empty());
        assignment.ok_or_else(|| ClientError::NotAnAssignment(field.to_owned()))
    });
    let new = New {
        ids: &args.ids,
        field: field.transpose()?.into_iter().collect(),
        reason: &args.reason,
        dry_run: args.dry_run,
    };
    let erased: Erased = client.post("/api/v1/erasures", &new).await?;
    match (erased.again, args.dry_run, &erased.traces) {
        (true, false, None) => writeln!(out, "Not on record, or already erased; the file was cleaned.")?,
        (true, _, _) => writeln!(out, "Not on record, or already erased.")?,
        (false, dry_run, _) => {
            let verb = if dry_run { "Would erase" } else { "Erased" };
            writeln!(
                out,
                "{verb} {} values beside {} entries: {} calls, {} approvals, {} grants.",
                erased.values, erased.entries, erased.calls, erased.approvals, erased.grants
            )?;
        }
    }
    if let Some(traces) = &erased.traces {
        writeln!(out, "Traces of them may be left in the file: {}.", inert(traces))?;
    }
    if !args.dry_run {
        writeln!(
            out,
            "Not erased: backups and copies of the database, exports, logs, and messages that were sent (e-mail, Slack, webhooks)."
        )?;
    }
    Ok(())
}

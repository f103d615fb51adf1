//! `runplane audit`: what is on record. Reads the database itself, whether the sidecar runs or not.

use std::io::{self, Write};
use std::path::Path;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::model::inert::{inert, inert_json};
use crate::model::{Outcome, Reason};
use crate::store::{self, CallFilter, CallRecord, OpenError, ReadError, Reader};

/// Look at the record of what agents did.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    pub command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Show the latest calls, newest last: agent, action, decision, outcome.
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// At most this many, the latest.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: u32,
    /// Only of this agent.
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// One JSON object per line and call, with all that is known of it.
    #[arg(long)]
    pub json: bool,
    /// The entries of the trail instead of calls, one per line, in the bytes that are kept for ever.
    #[arg(long, conflicts_with = "json")]
    pub entries: bool,
}

/// Why the record was not shown.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("cannot write the output")]
    Write(#[from] io::Error),
}

/// Widest summary shown in a column; `--json` has all of it.
const MAX_SUMMARY: usize = 72;
const HEADINGS: [&str; 10] = [
    "TIME", "AGENT", "ACTION", "DECISION", "RISK", "OUTCOME", "RULES", "SUMMARY", "APPROVAL", "CALL",
];

/// Carries out `runplane audit …` for the home `home`.
///
/// # Errors
/// If there is no record, or it cannot be read or written out. A reader that closes early (`| head`) is no error.
pub fn run(args: &AuditArgs, home: &Path, out: &mut dyn Write) -> Result<(), AuditError> {
    let AuditCommand::Show(show) = &args.command;
    let reader = Reader::open(&home.join(store::FILE))?;
    let filter = CallFilter {
        agent: show.agent.clone(),
        limit: show.limit,
    };
    let written = match (show.entries, show.json) {
        (true, _) => entries(&reader.entries(&filter)?, out),
        (false, true) => lines(&with_people(&reader, reader.calls(&filter)?)?, out),
        (false, false) => table(&reader.calls(&filter)?, out),
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn entries(entries: &[Vec<u8>], out: &mut dyn Write) -> io::Result<()> {
    for bytes in entries {
        out.write_all(bytes)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// A call for machines.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    /// Milliseconds since 1970.
    time: i64,
    agent: &'a str,
    action: &'a str,
    decision: &'a str,
    /// What would have been decided, of a call that is only observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    would: Option<&'a str>,
    outcome: Option<&'a str>,
    reason: Option<&'a str>,
    rules: &'a [std::sync::Arc<str>],
    approval: Option<&'a str>,
    /// The people who said yes to the approval, or no.
    decided_by: &'a [std::sync::Arc<str>],
    provider: &'a str,
    operation: &'a str,
    environment: &'a str,
    target_kind: &'a str,
    target_id: Option<&'a str>,
    summary: &'a str,
    request_line: &'a str,
    status: Option<u16>,
    result_id: Option<&'a str>,
    /// Bytes to the provider and from it, and how long, of a connection that was opened and not read.
    sent: Option<i64>,
    received: Option<i64>,
    milliseconds: Option<i64>,
    closed: Option<i64>,
    /// 0 to 100.
    risk: Option<i64>,
}

/// A call with the people who decided on it.
type Decided = (CallRecord, Vec<std::sync::Arc<str>>);

fn with_people(reader: &Reader, calls: Vec<CallRecord>) -> Result<Vec<Decided>, ReadError> {
    let mut decided = Vec::with_capacity(calls.len());
    for call in calls {
        let approval = match &call.row.approval {
            Some(approval) => reader.approval(approval)?,
            None => None,
        };
        let people = approval.map(|row| {
            let votes = row.votes.into_iter().map(|vote| vote.person);
            votes.chain(row.denial.map(|denial| denial.person)).collect()
        });
        decided.push((call, people.unwrap_or_default()));
    }
    Ok(decided)
}

impl<'a> From<&'a Decided> for Line<'a> {
    fn from((record, decided_by): &'a Decided) -> Self {
        let row = &record.row;
        Self {
            id: row.id.as_str(),
            time: row.time.0,
            agent: &row.agent,
            action: &row.action,
            decision: row.decision,
            would: row.would,
            outcome: row.outcome.map(Outcome::as_str),
            reason: row.reason.map(Reason::as_str),
            rules: &row.rules,
            approval: row.approval.as_ref().map(|approval| approval.as_str()),
            decided_by,
            provider: &row.provider,
            operation: &row.operation,
            environment: &row.environment,
            target_kind: &row.target_kind,
            target_id: row.target_id.as_deref(),
            summary: &row.summary,
            request_line: &row.request_line,
            status: record.status,
            result_id: record.result_id.as_deref(),
            sent: record.carried.map(|carried| carried.sent),
            received: record.carried.map(|carried| carried.received),
            milliseconds: record.carried.map(|carried| carried.milliseconds),
            closed: record.closed.map(|time| time.0),
            risk: row.risk,
        }
    }
}

fn lines(calls: &[Decided], out: &mut dyn Write) -> io::Result<()> {
    for call in calls {
        let json = serde_json::to_string(&Line::from(call))?;
        writeln!(out, "{}", inert_json(&json))?;
    }
    Ok(())
}

fn table(calls: &[CallRecord], out: &mut dyn Write) -> io::Result<()> {
    if calls.is_empty() {
        return writeln!(out, "No calls on record.");
    }
    let rows: Vec<[String; 10]> = std::iter::once(HEADINGS.map(str::to_owned))
        .chain(calls.iter().map(columns))
        .collect();
    let mut widths = [0; 10];
    for row in &rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = text.chars().count().max(*width);
        }
    }
    for row in &rows {
        let padded: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(text, width)| format!("{text:width$}"))
            .collect();
        writeln!(out, "{}", padded.join("  ").trim_end())?;
    }
    Ok(())
}

fn columns(call: &CallRecord) -> [String; 10] {
    let row = &call.row;
    let outcome = row.outcome.map_or("-", Outcome::as_str);
    let rules: Vec<&str> = row.rules.iter().map(|rule| &**rule).collect();
    let summary = match row.summary.is_empty() {
        true => &row.request_line,
        false => &row.summary,
    };
    [
        row.time.to_string(),
        inert(&row.agent).into_owned(),
        inert(&row.action).into_owned(),
        row.would
            .map_or_else(|| row.decision.to_owned(), |would| format!("observed, would {would}")),
        row.risk.map_or_else(|| "-".to_owned(), |score| score.to_string()),
        outcome.to_owned(),
        inert(&rules.join(",")).into_owned(),
        clip(&inert(summary)),
        row.approval
            .as_ref()
            .map_or("-", |approval| approval.short())
            .to_owned(),
        row.id.to_string(),
    ]
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(MAX_SUMMARY) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;

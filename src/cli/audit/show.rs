//! `runplane audit show`: calls of the record, newest last.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use serde::Serialize;

use super::filter::Filter;
use crate::audit::{self, Money, Stood};
use crate::model::inert::{inert, inert_json};
use crate::model::{Outcome, Reason, Timestamp};
use crate::store::{self, CallFilter, CallRecord, Found, Order, Reader};

#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    #[command(flatten)]
    filter: Filter,
    /// At most this many, the latest
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// One JSON object per line and call, with all that is known of it
    #[arg(long)]
    json: bool,
    /// The entries of the trail instead of calls, one per line, in the bytes that are kept for ever
    #[arg(long, conflicts_with = "json")]
    entries: bool,
}

/// Rows of the table that are laid out together.
const LAID_OUT: usize = 1_000;
/// Widest summary shown in a column; `--json` has all of it.
const MAX_SUMMARY: usize = 72;
const HEADINGS: [&str; 10] = [
    "TIME", "AGENT", "ACTION", "DECISION", "RISK", "OUTCOME", "RULES", "SUMMARY", "APPROVAL", "CALL",
];

/// Carries out `runplane audit show` for the home `home`.
///
/// # Errors
/// If there is no record, or it cannot be read or written out. A reader that closes early (`| head`) is no error.
pub(super) fn show(show: &ShowArgs, home: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let reader = Reader::open(&home.join(store::FILE))?;
    let written = match (show.entries, show.json) {
        (true, _) => entries(show, &reader, out),
        (false, true) => each(show, &reader, home, |found, stood| json(&reader, found, stood, out)),
        (false, false) => table(show, &reader, home, out),
    };
    super::unless_gone(written.and_then(|()| Ok(out.flush()?)))
}

fn entries(show: &ShowArgs, reader: &Reader, out: &mut dyn Write) -> anyhow::Result<()> {
    let Some(agent) = show.filter.only_agent() else {
        bail!("entries are filtered by --agent only; `runplane audit export` takes all filters");
    };
    let filter = CallFilter {
        agent: agent.map(str::to_owned),
        limit: show.limit,
    };
    for bytes in reader.entries(&filter)? {
        out.write_all(&bytes)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Gives the latest calls that fit to `tell`, oldest first: first it is looked where they begin, then they are read again, so
/// that there may be any number of them.
fn each(
    show: &ShowArgs,
    reader: &Reader,
    home: &Path,
    mut tell: impl FnMut(&Found, &Stood) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let choice = show.filter.choice(reader, home, Timestamp::now())?;
    if choice.query.since.is_some() {
        crate::cli::gone::tell(reader, choice.query.since)?;
    }
    let begin = audit::latest(reader, &choice, show.limit)?;
    let mut left = show.limit;
    audit::calls(reader, &choice, Order::OldestFirst, begin, |found, stood| {
        tell(found, stood)?;
        left -= 1;
        anyhow::Ok(left > 0)
    })
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
    /// `allowed`, `approved`, `held`, `blocked`, `observed`.
    verdict: &'a str,
    /// `done`, `doubtful`, `failed`, `stopped`, `waiting`, `again`.
    standing: &'a str,
    reason: Option<&'a str>,
    rules: &'a [Arc<str>],
    approval: Option<&'a str>,
    /// The people who said yes to the approval, or no.
    decided_by: Vec<Arc<str>>,
    provider: &'a str,
    operation: &'a str,
    environment: &'a str,
    target_kind: &'a str,
    target_id: Option<&'a str>,
    /// Of each meaning that has any, in minor units.
    money: Vec<Amount<'a>>,
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
    /// The entry that decided it.
    entry: Option<i64>,
}

#[derive(Serialize)]
struct Amount<'a> {
    amount: Option<i64>,
    currency: &'a str,
    amount_base: Option<i64>,
}

impl<'a> From<&'a Money> for Amount<'a> {
    fn from(money: &'a Money) -> Self {
        Self {
            amount: money.amount,
            currency: &money.currency,
            amount_base: money.base,
        }
    }
}

fn json(reader: &Reader, found: &Found, stood: &Stood, out: &mut dyn Write) -> anyhow::Result<()> {
    let record = &found.call;
    let row = &record.row;
    let approval = match &row.approval {
        Some(approval) => reader.approval(approval)?,
        None => None,
    };
    let people = approval.map(|row| {
        let votes = row.votes.into_iter().map(|vote| vote.person);
        votes.chain(row.denial.map(|denial| denial.person)).collect()
    });
    let line = Line {
        id: row.id.as_str(),
        time: row.time.0,
        agent: &row.agent,
        action: &row.action,
        decision: row.decision,
        would: row.would,
        outcome: row.outcome.map(Outcome::as_str),
        verdict: stood.verdict.as_str(),
        standing: stood.standing.as_str(),
        reason: row.reason.map(Reason::as_str),
        rules: &row.rules,
        approval: row.approval.as_ref().map(|approval| approval.as_str()),
        decided_by: people.unwrap_or_default(),
        provider: &row.provider,
        operation: &row.operation,
        environment: &row.environment,
        target_kind: &row.target_kind,
        target_id: row.target_id.as_deref(),
        money: stood.money.iter().map(Amount::from).collect(),
        summary: &row.summary,
        request_line: &row.request_line,
        status: record.status,
        result_id: record.result_id.as_deref(),
        sent: record.carried.map(|carried| carried.sent),
        received: record.carried.map(|carried| carried.received),
        milliseconds: record.carried.map(|carried| carried.milliseconds),
        closed: record.closed.map(|time| time.0),
        risk: row.risk,
        entry: found.decided.as_ref().map(|decided| decided.seq),
    };
    Ok(writeln!(out, "{}", inert_json(&serde_json::to_string(&line)?))?)
}

fn table(show: &ShowArgs, reader: &Reader, home: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    let mut widths = [0; 10];
    let mut any = false;
    each(show, reader, home, |found, _| {
        any = true;
        rows.push(columns(&found.call));
        if rows.len() >= LAID_OUT {
            lay_out(&mut rows, &mut widths, out)?;
        }
        Ok(())
    })?;
    match any {
        true => lay_out(&mut rows, &mut widths, out)?,
        false => writeln!(out, "No calls on record.")?,
    }
    Ok(())
}

/// Writes the rows and forgets them. Columns do not get narrower again.
fn lay_out(rows: &mut Vec<[String; 10]>, widths: &mut [usize; 10], out: &mut dyn Write) -> io::Result<()> {
    for row in rows.iter() {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = text.chars().count().max(*width);
        }
    }
    for row in rows.drain(..) {
        let padded: Vec<String> = row
            .iter()
            .zip(widths.iter())
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

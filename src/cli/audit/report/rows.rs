//! The entries that figures lead to.

use std::collections::BTreeSet;

use super::html::Html;
use crate::audit::Stood;
use crate::cli::audit::stats::shown;
use crate::model::Outcome;
use crate::store::{Found, ReadError, Reader, Written};

/// Characters of a summary.
const LONGEST: usize = 200;

/// Writes a row for each.
///
/// # Errors
/// If they cannot be read.
pub(super) fn entries(reader: &Reader, wanted: &BTreeSet<i64>, page: &mut Html) -> Result<(), ReadError> {
    if wanted.is_empty() {
        page.raw("<p>None.</p>\n");
        return Ok(());
    }
    page.raw("<div class=\"scroll\"><table>");
    page.headings(&[
        "Entry", "Time", "Kind", "Agent", "Action", "What", "Money", "Summary", "Call",
    ]);
    page.raw("<tbody>\n");
    for seq in wanted {
        let Some(entry) = reader.written(*seq, seq.saturating_add(1), &[], 1)?.pop() else {
            continue;
        };
        let call = match &entry.call {
            Some(call) => reader.found(call)?,
            None => None,
        };
        row(&entry, call.as_ref(), page);
    }
    page.raw("</tbody></table></div>\n");
    Ok(())
}

fn row(entry: &Written, call: Option<&Found>, page: &mut Html) {
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&entry.bytes).unwrap_or_default();
    let text = |name: &str| members.get(name).and_then(|member| member.as_str());
    let row = call.map(|call| &call.call.row);
    page.raw("<tr id=\"e")
        .number(entry.seq)
        .raw("\"><td>")
        .number(entry.seq)
        .raw("</td>");
    page.cell(&entry.time.to_string()).cell(&entry.kind);
    page.cell(text("agent").or_else(|| row.map(|row| &*row.agent)).unwrap_or_default());
    page.cell(row.map_or("", |row| &row.action));
    let ended = row.and_then(|row| row.outcome).map(Outcome::as_str);
    let said = ["decision", "would", "outcome", "reason", "person", "rules"];
    let mut said: Vec<&str> = said
        .into_iter()
        .filter_map(text)
        .filter(|said| !said.is_empty())
        .collect();
    if entry.kind == "decided" {
        said.extend(ended);
    }
    page.cell(&said.join(" · "));
    let money = call.map(Stood::of).map(|stood| stood.money).unwrap_or_default();
    let amounts = money
        .iter()
        .filter_map(|money| Some(shown(money.amount?.into(), &money.currency)));
    page.cell(&amounts.collect::<Vec<_>>().join(", "));
    let summary = row.map_or("", |row| match row.summary.is_empty() {
        true => &row.request_line,
        false => &row.summary,
    });
    let shortened: String = summary.chars().take(LONGEST).collect();
    page.cell(&shortened);
    page.cell(entry.call.as_deref().unwrap_or_default()).raw("</tr>\n");
}

//! What a start takes up: tables held to the entries that made them, and these to the tree as it was signed last.

use super::calls::Calls;
use super::entry::{Members, Values};
use super::erased::Erased;
use super::pruned::Pruned;
use super::rows::Rows;
use super::{Findings, Place, columns_fit};
use crate::model::merkle::{self, Edge, Hash};
use crate::store::{Cell, Evidence, ReadError, Table};

/// Reads all entries once. `sealed`: how many of them the last checkpoint is over, and their root; the signatures of checkpoints
/// and what a whole trail has to say beyond that are for [`super::verify`]. `each` is told of what kind each entry is, and its bytes.
///
/// SECURITY: budgets, approvals, grants, pauses and who may decide are taken up from columns and rows; who changes these while
/// nothing runs would have spent nothing, be paused no more or be an approver. Test:
/// `what_a_start_takes_up_is_held_to_the_entries`.
///
/// # Errors
/// If the database cannot be read.
pub fn recallable(
    evidence: &Evidence,
    sealed: (u64, Hash),
    mut each: impl FnMut(&str, &[u8]),
) -> Result<Findings, ReadError> {
    let mut findings = Findings::default();
    let (mut calls, mut entries) = (evidence.query(Table::Calls)?, evidence.query(Table::Entries)?);
    let mut pruned = Pruned::read(evidence, &mut findings)?;
    let [ordinals, ..] = pruned.ordinals();
    let (mut calls, mut rows) = (Calls::new(calls.lines()?, ordinals), Rows::behind(&pruned));
    let (mut edge, mut lines, mut erased) = (Edge::default(), entries.lines()?, Erased::behind(&pruned));
    while let Some(line) = lines.line()? {
        while pruned.has(edge.size() + 1)
            && let Some(hash) = pruned.leaf(evidence, edge.size() + 1)?
        {
            edge.push(hash, drop);
        }
        let seq = edge.size() + 1;
        if line.cell(0).int().and_then(|found| u64::try_from(found).ok()) != Some(seq) {
            findings.add(Place::Entry(seq), "it is missing, or another stands before it");
            break;
        }
        let bytes = line.cell(4).bytes();
        edge.push(merkle::leaf(bytes), drop);
        if edge.size() == sealed.0 && edge.root() != sealed.1 {
            findings.add(Place::Entries(1, seq), "what was signed was another");
        }
        let members = Members::read(bytes).filter(|members| columns_fit(&line, members));
        if members.is_none() {
            findings.add(Place::Entry(seq), "its columns are not what its bytes say");
        }
        let members = members.unwrap_or_default();
        let values = match line.cell(5) {
            Cell::Null => Some(Values::default()),
            cell @ (Cell::Int(_) | Cell::Text(_) | Cell::Bytes(_)) => cell.text().and_then(Values::read),
        };
        let whole = values
            .as_ref()
            .is_some_and(|values| values.first_wrong(&members).is_none());
        if !whole {
            let place = Place::Values(i64::try_from(seq).unwrap_or(i64::MAX));
            findings.add(place, "they are not what the entry commits to");
        }
        let kind = members.text("kind").unwrap_or_default();
        each(kind, bytes);
        let (values, place) = (values.unwrap_or_default(), i64::try_from(seq).unwrap_or(i64::MAX));
        pruned.entry(evidence, (seq, sealed.0), (kind, &members), &mut findings)?;
        calls.entry((place, kind), &members, &values, &mut findings)?;
        erased.entry(evidence, place, &values, &mut findings)?;
        erased.says(place, kind, &members, &mut findings);
        rows.entry(place, kind, &members);
    }
    if edge.size() < sealed.0 {
        findings.add(Place::Entry(edge.size() + 1), "it is missing");
    }
    // What was pruned is told by `verify`; here it is only held to what says so.
    pruned.end(&mut findings);
    calls.end(&mut findings)?;
    rows.end(evidence, &mut findings)?;
    Ok(findings)
}

//! Approvals, agents, people and pauses held against the last entry that made each: it commits to the whole row.

use std::collections::HashMap;

use serde::Serialize;

use super::entry::{Member, Members, Values};
use super::grants::Grants;
use super::pruned::{Ordinals, Pruned};
use super::steps::Steps;
use super::{Findings, Place};
use crate::model::change::ApprovalRow;
use crate::store::{Cell, Evidence, Line, ReadError, Table};

/// What the entries say of one row.
#[derive(Clone, Copy, Debug)]
struct Told {
    /// Which of its table it was, from 1, of approvals.
    ordinal: Option<i64>,
    /// The last entry that wrote it.
    seq: i64,
    /// That entry removed it.
    gone: bool,
}

/// What the entries say of all rows of a table, by their names.
#[derive(Debug, Default)]
pub(super) struct Rows {
    approvals: HashMap<String, Told>,
    agents: HashMap<String, Told>,
    people: HashMap<String, Told>,
    pauses: HashMap<String, Told>,
    grants: Grants,
    /// Of approvals; and whether anything was pruned.
    ordinals: Ordinals,
    pruned: bool,
    steps: Steps,
    /// Rows that an earlier build wrote without committing to them.
    pub(super) uncommitted: u64,
}

impl Rows {
    /// Those that `pruned` left.
    pub(super) fn behind(pruned: &Pruned) -> Self {
        let [_, ordinals, grants] = pruned.ordinals();
        Self {
            grants: Grants::new(grants),
            ordinals,
            pruned: pruned.to() > 0,
            steps: Steps::behind(pruned),
            ..Self::default()
        }
    }

    pub(super) fn entry(&mut self, seq: i64, kind: &str, members: &Members<'_>) {
        self.grants.entry(seq, kind, members);
        self.steps.entry(seq, kind, members);
        let (told, name, gone) = match kind {
            "registry" if members.text("entity") == Some("agent") => (&mut self.agents, members.text("name"), false),
            "registry" => (&mut self.people, members.text("name"), false),
            "pause" => {
                let gone = members.text("event") == Some("resumed");
                let agent = members.text("agent").unwrap_or_default();
                (&mut self.pauses, Some(agent), gone)
            }
            // The first ones did not commit to it yet.
            "held" | "approved" | "denied" | "expired" | "consumed" => {
                (&mut self.approvals, members.text("approval"), false)
            }
            // `Grants` has them; one that corrects a call names its approval, too.
            "grant" => return,
            _ if members.get("commit_row").is_some() => (&mut self.approvals, members.text("approval"), false),
            _ => return,
        };
        let Some(name) = name else { return };
        match told.get_mut(name) {
            Some(told) => (told.seq, told.gone) = (seq, gone),
            // What is left of an approval was erased before it was pruned.
            None if kind == "erased" && self.pruned => {}
            None => {
                let ordinal = match kind {
                    "registry" | "pause" => None,
                    _ => self.ordinals.next(seq),
                };
                told.insert(name.to_owned(), Told { ordinal, seq, gone });
            }
        }
    }

    /// After the last entry.
    pub(super) fn end(&mut self, evidence: &Evidence, findings: &mut Findings) -> Result<(), ReadError> {
        // What an entry says wrong goes before the row that comes of it.
        self.steps.end(findings);
        for (table, mut told) in [
            (Table::Approvals, std::mem::take(&mut self.approvals)),
            (Table::Agents, std::mem::take(&mut self.agents)),
            (Table::People, std::mem::take(&mut self.people)),
            (Table::Pauses, std::mem::take(&mut self.pauses)),
        ] {
            let mut query = evidence.query(table)?;
            let mut lines = query.lines()?;
            while let Some(line) = lines.line()? {
                let name = line
                    .cell(usize::from(table == Table::Approvals))
                    .text()
                    .unwrap_or_default()
                    .to_owned();
                if let Some(wrong) = self.wrong(evidence, table, &line, told.remove(&name))? {
                    findings.add(Place::Row(table.name(), name), wrong);
                }
            }
            let mut left: Vec<String> = told
                .into_iter()
                .filter(|(_, told)| !told.gone)
                .map(|(name, _)| name)
                .collect();
            left.sort();
            for name in left {
                findings.add(
                    Place::Row(table.name(), name),
                    "the entries tell of it, and it is missing",
                );
            }
        }
        self.grants.end(evidence, findings)
    }

    fn wrong(
        &mut self,
        evidence: &Evidence,
        table: Table,
        line: &Line<'_>,
        told: Option<Told>,
    ) -> Result<Option<&'static str>, ReadError> {
        let Some(told) = told.filter(|told| !told.gone) else {
            return Ok(Some("no entry tells of it"));
        };
        let Some((bytes, committed)) = evidence.entry(told.seq)? else {
            return Ok(Some("the entry that made it is missing"));
        };
        let Some(text) = row_text(table, line, told.ordinal) else {
            return Ok(Some("its columns do not fit each other"));
        };
        let state = line.cell(3).text().unwrap_or_default();
        if table == Table::Approvals && !self.steps.is(line.cell(1).text().unwrap_or_default(), state) {
            return Ok(Some("its state is not what its entries come to"));
        }
        let members = Members::read(&bytes).unwrap_or_default();
        let values = committed.as_deref().and_then(Values::read).unwrap_or_default();
        Ok(
            match (members.get("commit_row"), values.is_committed(&members, "row", &text)) {
                (None, _) => {
                    self.uncommitted += 1;
                    None
                }
                (Some(_), Some(true)) => None,
                (Some(Member::Int(_) | Member::Text(_)), Some(false) | None) => {
                    Some("it is not what its last entry commits to")
                }
            },
        )
    }
}

/// The row as its entry commits to it. `None`: a column cannot be as it is.
fn row_text(table: Table, line: &Line<'_>, ordinal: Option<i64>) -> Option<String> {
    let quoted = |column| json(line.cell(column));
    match table {
        Table::Agents | Table::People => {
            let groups = if table == Table::Agents { "roles" } else { "groups" };
            let owner = if table == Table::Agents {
                format!("\"owner\":{},", quoted(2)?)
            } else {
                String::new()
            };
            let after = if table == Table::Agents { 3 } else { 2 };
            Some(format!(
                "{{\"name\":{},\"{groups}\":{},{owner}\"key_sha256\":{},\"created\":{},\"disabled\":{}}}",
                quoted(0)?,
                line.cell(1).text()?,
                quoted(after)?,
                quoted(after + 1)?,
                quoted(after + 2)?
            ))
        }
        Table::Pauses => serde_json::to_string(&PauseRow {
            agent: line.cell(0).text_or_null()?,
            by: line.cell(1).text()?,
            reason: line.cell(2).text_or_null()?,
            since: line.cell(3).int()?,
        })
        .ok(),
        Table::Approvals => {
            let text = line.cell(12).text()?;
            let row: ApprovalRow = serde_json::from_str(text).ok()?;
            let counted = ordinal.is_some() && line.cell(0).int() == ordinal;
            (approval_fits(line, &row) && counted).then(|| text.to_owned())
        }
        Table::Entries
        | Table::BareEntries
        | Table::Values
        | Table::Calls
        | Table::Grants
        | Table::Tiles
        | Table::Checkpoints => None,
    }
}

fn approval_fits(line: &Line<'_>, row: &ApprovalRow) -> bool {
    let text = |column, expected: Option<&str>| match (line.cell(column), expected) {
        (Cell::Null, None) => true,
        (cell, expected) => expected.is_some() && cell.text() == expected,
    };
    let int = |column, expected: Option<i64>| match (line.cell(column), expected) {
        (Cell::Null, None) => true,
        (cell, expected) => expected.is_some() && cell.int() == expected,
    };
    text(1, Some(row.id.as_str()))
        && int(2, Some(i64::from(row.revision)))
        && text(3, Some(row.state.as_str()))
        && text(4, Some(&row.facts.agent))
        && line.cell(5).bytes() == row.fingerprint
        && int(6, Some(row.created.0))
        && int(7, Some(row.expires.0))
        && int(8, row.decided.map(|time| time.0))
        && int(9, row.grant_expires.map(|time| time.0))
        && text(10, row.consumed_by.as_ref().map(|call| call.as_str()))
        && int(11, row.consumed.map(|time| time.0))
}

/// A cell as JSON. `None`: we write no such.
fn json(cell: Cell<'_>) -> Option<String> {
    match cell {
        Cell::Null => Some("null".to_owned()),
        Cell::Int(number) => Some(number.to_string()),
        Cell::Text(text) => serde_json::to_string(text).ok(),
        Cell::Bytes(_) => None,
    }
}

/// A pause as its entry commits to it.
#[derive(Serialize)]
pub(in crate::audit) struct PauseRow<'a> {
    pub(in crate::audit) agent: Option<&'a str>,
    pub(in crate::audit) by: &'a str,
    pub(in crate::audit) reason: Option<&'a str>,
    pub(in crate::audit) since: i64,
}

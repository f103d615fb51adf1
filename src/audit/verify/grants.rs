//! Grants held against their entries: the one that gave each commits to all of it; its uses and its end are told by others.

use std::collections::HashMap;

use super::entry::{Member, Members, Values};
use super::pruned::Ordinals;
use super::{Findings, Place};
use crate::model::grant::Grant;
use crate::store::{Cell, Evidence, Line, ReadError, Table};

/// What the entries say of one grant.
#[derive(Clone, Debug)]
struct Told {
    /// Which of them it was, from 1.
    ordinal: Option<i64>,
    /// The entry that gave it, or erased what it says.
    seq: i64,
    used: i64,
    /// When it ended, and who revoked it.
    ended: Option<(Option<i64>, Option<String>)>,
}

/// What the entries say of all grants, by their ids.
#[derive(Debug, Default)]
pub(super) struct Grants {
    told: HashMap<String, Told>,
    ordinals: Ordinals,
}

impl Grants {
    pub(super) fn new(ordinals: Ordinals) -> Self {
        Self {
            ordinals,
            ..Self::default()
        }
    }

    pub(super) fn entry(&mut self, seq: i64, kind: &str, members: &Members<'_>) {
        let Some(id) = members.text("grant") else { return };
        match (kind, members.text("event")) {
            ("grant", Some("given")) => {
                let ordinal = self.ordinals.next(seq);
                let told = Told {
                    ordinal,
                    seq,
                    used: 0,
                    ended: None,
                };
                self.told.insert(id.to_owned(), told);
            }
            ("grant", _) => {
                if let Some(told) = self.told.get_mut(id) {
                    told.ended = Some((members.int("ended"), members.text("person").map(str::to_owned)));
                }
            }
            // It commits to what is left of it.
            ("erased", _) => {
                if let Some(told) = self.told.get_mut(id) {
                    told.seq = seq;
                }
            }
            ("approved", _) => {
                if let Some(told) = self.told.get_mut(id) {
                    told.used += 1;
                }
            }
            _ => {}
        }
    }

    /// After the last entry.
    pub(super) fn end(&mut self, evidence: &Evidence, findings: &mut Findings) -> Result<(), ReadError> {
        let place = |id: String| Place::Row(Table::Grants.name(), id);
        let mut query = evidence.query(Table::Grants)?;
        let mut lines = query.lines()?;
        while let Some(line) = lines.line()? {
            let id = line.cell(1).text().unwrap_or_default().to_owned();
            let wrong = match self.told.remove(&id) {
                None => Some("no entry tells of it"),
                Some(told) => told.wrong(evidence, &line)?,
            };
            if let Some(wrong) = wrong {
                findings.add(place(id), wrong);
            }
        }
        let mut left: Vec<String> = self.told.drain().map(|(id, _)| id).collect();
        left.sort();
        for id in left {
            findings.add(place(id), "the entries tell of it, and it is missing");
        }
        Ok(())
    }
}

impl Told {
    fn wrong(&self, evidence: &Evidence, line: &Line<'_>) -> Result<Option<&'static str>, ReadError> {
        let Some((bytes, committed)) = evidence.entry(self.seq)? else {
            return Ok(Some("the entry that made it is missing"));
        };
        let text = line.cell(10).text().unwrap_or_default();
        let fits = serde_json::from_str(text).is_ok_and(|grant| fits(line, &grant));
        if !fits || self.ordinal.is_none() || line.cell(0).int() != self.ordinal {
            return Ok(Some("its columns do not fit each other"));
        }
        let members = Members::read(&bytes).unwrap_or_default();
        let values = committed.as_deref().and_then(Values::read).unwrap_or_default();
        let committed = match members.get("commit_row") {
            Some(Member::Int(_) | Member::Text(_)) => values.is_committed(&members, "row", text),
            None => None,
        };
        let (time, by) = self.ended.clone().unzip();
        let told = line.cell(5).int() == Some(self.used)
            && int_or_null(line.cell(8)) == Some(time.flatten())
            && line.cell(9).text_or_null() == Some(by.flatten().as_deref());
        Ok(match (committed, told) {
            (Some(true), true) => None,
            (Some(true), false) => Some("its uses or its end are not what the entries tell"),
            (Some(false) | None, _) => Some("it is not what the entry that gave it commits to"),
        })
    }
}

/// The columns say what the whole says.
fn fits(line: &Line<'_>, grant: &Grant) -> bool {
    line.cell(1).text() == Some(grant.id.as_str())
        && line.cell(2).text() == Some(&*grant.agent)
        && line.cell(3).text() == Some(&*grant.vote.person)
        && line.cell(4).int() == Some(i64::from(grant.uses))
        && line.cell(6).int() == Some(grant.created.0)
        && line.cell(7).int() == Some(grant.expires.0)
}

fn int_or_null(cell: Cell<'_>) -> Option<Option<i64>> {
    match cell {
        Cell::Null => Some(None),
        Cell::Int(number) => Some(Some(number)),
        Cell::Text(_) | Cell::Bytes(_) => None,
    }
}

//! The trail verified, from nothing but its database and the public key of its log: the tree is grown anew from the entries
//! and held against every checkpoint; values are held against commitments, projections against entries.
//!
//! Memory is bounded by the calls that are open at a time, and by the number of approvals, agents and people.

mod beside;
mod calls;
mod clock;
mod entry;
mod erased;
mod findings;
mod grants;
mod keys;
mod pruned;
mod rows;
mod spelled;
mod start;
mod steps;
#[cfg(test)]
mod tests;
mod tree;

use crate::model::note::{Note, NoteError, Signed, VerifierKey};
use crate::store::{Bare, Cell, Evidence, Line, ReadError, Table};

use beside::Beside;
use calls::Calls;
pub(super) use entry::Members;
use entry::{Member, Values};
use erased::Erased;
use pruned::Pruned;
use rows::Rows;
use tree::Tree;

pub use findings::{Finding, Findings, Place};
pub use keys::with_earlier;
pub use pruned::PrunedPart;
pub(super) use rows::PauseRow;
pub use start::recallable;
pub use tree::Point;

/// Entries between two reports of progress.
const STEP: u64 = 4096;

/// What the trail is held against.
#[derive(Clone, Debug)]
pub struct Against {
    /// Public keys of the log.
    pub keys: Vec<VerifierKey>,
    /// A checkpoint that was kept elsewhere.
    pub published: Option<Signed>,
}

impl Against {
    /// # Errors
    /// If `published` is not a checkpoint that one of `keys` has signed.
    pub fn new(keys: Vec<VerifierKey>, published: Option<&str>) -> Result<Self, NoteError> {
        let published = published.map(|note| Note::parse(note)?.verify(&keys)).transpose()?;
        Ok(Self { keys, published })
    }

    fn point(&self) -> Option<Point> {
        self.published.as_ref().map(|signed| Point {
            size: signed.checkpoint.size,
            seconds: signed.seconds,
        })
    }
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub entries: u64,
    pub checkpoints: u64,
    /// The first checkpoint in the database: when entries before it were written, they say themselves.
    pub first: Option<Point>,
    /// The last checkpoint in the database.
    pub last: Option<Point>,
    /// The one that was kept elsewhere.
    pub published: Option<Point>,
    /// Values that are what their entries commit to.
    pub values: u64,
    /// Commitments of which the value is not kept, so that nothing can be said.
    pub hidden: u64,
    /// Values that were erased, as entries say.
    pub erased: u64,
    /// What was pruned: of those entries their hashes alone are there.
    pub pruned: Option<PrunedPart>,
    /// Rows of projections that an earlier build did not commit to, wholly or but for their times.
    pub uncommitted: u64,
    pub findings: Findings,
}

impl Report {
    /// Of a file that could not be read to its end.
    fn damaged(entries: u64, against: &Against, findings: Findings) -> Self {
        Self {
            entries,
            checkpoints: 0,
            first: None,
            last: None,
            published: against.point(),
            values: 0,
            hidden: 0,
            erased: 0,
            pruned: None,
            uncommitted: 0,
            findings,
        }
    }

    /// Entries behind the last checkpoint.
    pub fn unsealed(&self) -> u64 {
        self.entries.saturating_sub(self.last.map_or(0, |last| last.size))
    }
}

/// Verifies a trail; `progress` is told of entries done and all there are; of none done as it begins, while pages and indexes are looked at.
///
/// SECURITY: who overwrites a page must not get "it cannot be read" for it, and what was found so far with it: that is a finding
/// itself (test `a_bit_that_is_turned_anywhere_in_the_file_is_found_by_both`).
///
/// # Errors
/// If the database is out of reach. What cannot be read because it is damaged is a finding, and the last one.
pub fn verify(evidence: &Evidence, against: &Against, mut progress: impl FnMut(u64, u64)) -> Result<Report, ReadError> {
    let (mut findings, mut read) = (Findings::default(), 0);
    let shown = |done, all| {
        read = done;
        progress(done, all);
    };
    match look(evidence, against, shown, &mut findings) {
        Ok(report) => Ok(Report { findings, ..report }),
        Err(error) if error.is_damage() => {
            let wrong = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            let wrong = format!("it cannot be read, and nothing more was looked at: {wrong}");
            findings.add(Place::File("a page or a table".to_owned()), &wrong);
            Ok(Report::damaged(read, against, findings))
        }
        Err(error) => Err(error),
    }
}

fn look(
    evidence: &Evidence,
    against: &Against,
    mut progress: impl FnMut(u64, u64),
    findings: &mut Findings,
) -> Result<Report, ReadError> {
    let last = || {
        evidence
            .last_entry()
            .map(|last| u64::try_from(last).unwrap_or_default())
    };
    // Looking at the pages takes a good part of the time. What cannot be read of them is told below.
    if let Ok(all) = last() {
        progress(0, all);
    }
    for (name, wrong) in evidence.strange()? {
        findings.add(Place::File(name), wrong);
    }
    if let Some(damage) = evidence.damage()? {
        findings.add(Place::File("a page or an index".to_owned()), &damage);
    }
    let all = last()?;
    let sealed = u64::try_from(evidence.sealed()?.unwrap_or_default()).unwrap_or_default();
    let (mut checkpoints, mut calls) = (evidence.query(Table::Checkpoints)?, evidence.query(Table::Calls)?);
    let (mut entries, mut beside) = (evidence.query(Table::BareEntries)?, evidence.query(Table::Values)?);
    let pruned = Pruned::read(evidence, findings)?;
    let [ordinals, ..] = pruned.ordinals();
    let published = against.published.clone();
    let mut trail = Trail {
        tree: Tree::new(
            evidence,
            &against.keys,
            checkpoints.lines()?,
            published,
            sealed,
            findings,
        )?,
        calls: Calls::new(calls.lines()?, ordinals),
        rows: Rows::behind(&pruned),
        beside: Beside::new(beside.lines()?),
        values: 0,
        hidden: 0,
        erased: Erased::behind(&pruned),
        pruned,
    };
    let (mut lines, mut whole) = (entries.lines()?, true);
    while let Some(line) = lines.line()? {
        if !trail.entry(evidence, &line, findings)? {
            whole = false;
            break;
        }
        if trail.tree.size().is_multiple_of(STEP) {
            progress(trail.tree.size(), all);
        }
    }
    let Trail {
        tree,
        mut calls,
        mut rows,
        mut beside,
        values,
        hidden,
        erased,
        pruned,
    } = trail;
    let entries = tree.size();
    progress(entries, all);
    let ended = tree.end(findings)?;
    let pruned = pruned.end(findings);
    calls.end(findings)?;
    rows.end(evidence, findings)?;
    if whole && let Some(seq) = beside.end()? {
        findings.add(Place::Values(seq), "there is no such entry");
    }
    Ok(Report {
        entries,
        checkpoints: ended.checkpoints,
        first: ended.first,
        last: ended.last,
        published: against.point(),
        values,
        hidden,
        erased: erased.count,
        pruned,
        uncommitted: rows.uncommitted + calls.untimed,
        findings: Findings::default(),
    })
}

/// What is carried from entry to entry.
struct Trail<'q> {
    tree: Tree<'q>,
    calls: Calls<'q>,
    rows: Rows,
    beside: Beside<'q>,
    values: u64,
    hidden: u64,
    erased: Erased,
    pruned: Pruned,
}

impl Trail<'_> {
    /// False: entries are missing, and nothing is known of where those behind stand.
    fn entry(&mut self, evidence: &Evidence, line: &Line<'_>, findings: &mut Findings) -> Result<bool, ReadError> {
        let Some(seq) = line
            .cell(0)
            .int()
            .and_then(|seq| u64::try_from(seq).ok())
            .filter(|seq| *seq > self.tree.size())
        else {
            self.beside.of(line.cell(0).int().unwrap_or_default())?;
            findings.add(Place::Trail, "an entry stands before the first");
            return Ok(true);
        };
        while self.tree.size() + 1 < seq {
            if self.pruned.has(self.tree.size() + 1)
                && let Some(hash) = self.pruned.leaf(evidence, self.tree.size() + 1)?
            {
                self.tree.pruned(hash, findings)?;
                continue;
            }
            findings.add(Place::Entry(self.tree.size() + 1), "it is missing");
            if !self.tree.missing(findings)? {
                return Ok(false);
            }
        }
        let bytes = line.cell(4).bytes();
        let members = Members::read(bytes);
        let fits = members.as_ref().is_some_and(|members| columns_fit(line, members));
        if !fits {
            findings.add(
                Place::Entry(seq),
                "its columns are not what its bytes say, or these are not as they are written",
            );
        }
        let members = members.unwrap_or_default();
        let place = i64::try_from(seq).unwrap_or(i64::MAX);
        let values = held(self.beside.of(place)?, &members, Place::Values(place), findings);
        self.values += values.kept();
        self.hidden += values.hidden();
        let kind = members.text("kind").unwrap_or_default();
        self.tree.turns.entry(kind, &members);
        let sealed = self.tree.last.map_or(0, |last| last.size);
        self.pruned.entry(evidence, (seq, sealed), (kind, &members), findings)?;
        self.tree
            .entry((seq, line.cell(1).int().unwrap_or_default(), kind, bytes), findings)?;
        self.calls.entry((place, kind), &members, &values, findings)?;
        self.erased.entry(evidence, place, &values, findings)?;
        self.erased.says(place, kind, &members, findings);
        self.rows.entry(place, kind, &members);
        Ok(true)
    }
}

/// The values beside an entry, held to what it commits to.
///
/// SECURITY: what is no text (bytes that are no UTF-8, in a column of texts) is there all the same. Test:
/// `rows_that_are_removed_put_in_or_reordered_are_noticed`.
fn held<'a>(cell: Option<Cell<'a>>, members: &Members<'a>, place: Place, findings: &mut Findings) -> Values<'a> {
    let Some(cell) = cell else {
        if members.commits() {
            findings.add(place, "they were removed, and no entry says so");
        }
        return Values::default();
    };
    let Some(values) = cell.text().and_then(Values::read) else {
        findings.add(place, "they are not as they are written");
        return Values::default();
    };
    if let Some(name) = values.first_wrong(members) {
        findings.add(place, &format!("`{name}` is not what the entry commits to"));
    }
    values
}

/// Whether the columns beside the bytes say the same.
fn columns_fit(line: &Line<'_>, members: &Members<'_>) -> bool {
    cells_fit([0, 1, 2, 3].map(|column| line.cell(column)), members)
}

/// The same of an entry that is to be pruned.
pub(super) fn is_as_written(entry: &Bare, members: &Members<'_>) -> bool {
    let call = entry.call.as_deref().map_or(Cell::Null, Cell::Text);
    let (seq, time) = (Cell::Int(entry.seq), Cell::Int(entry.time.0));
    cells_fit([seq, time, Cell::Text(&entry.kind), call], members)
}

fn cells_fit([seq, time, kind, call]: [Cell<'_>; 4], members: &Members<'_>) -> bool {
    let is = |cell, name: &str| members.get(name).is_some_and(|member| member.is(cell));
    let call = match members.get("call") {
        Some(member) => member.is(call),
        None => call == Cell::Null,
    };
    is(seq, "seq") && is(time, "time") && is(kind, "kind") && call && members.get("v") == Some(&Member::Int(1))
}

//! The trail verified, from nothing but its database and the public key of its log: the tree is grown anew from the entries
//! and held against every checkpoint; values are held against commitments, projections against entries.
//!
//! Memory is bounded by the calls that are open at a time, and by the number of approvals, agents and people.

mod calls;
mod clock;
mod entry;
mod erased;
mod grants;
mod keys;
mod pruned;
mod rows;
mod start;
mod steps;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;

use crate::model::note::{Note, NoteError, Signed, VerifierKey};
use crate::store::{Bare, Cell, Evidence, Line, ReadError, Table};

use calls::Calls;
pub(super) use entry::Members;
use entry::{Member, Values};
use erased::Erased;
use pruned::Pruned;
use rows::Rows;
use tree::Tree;

pub use keys::with_earlier;
pub use pruned::PrunedPart;
pub(super) use rows::PauseRow;
pub use start::recallable;
pub use tree::Point;

/// Findings that are told one by one; the rest are counted.
const TOLD: usize = 50;

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
}

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Entry(u64),
    /// Somewhere among these.
    Entries(u64, u64),
    /// Beside an entry.
    Values(i64),
    /// Table, and the row's name.
    Row(&'static str, String),
    Tile(i64, u64),
    Checkpoint(i64),
    Published,
    Trail,
    /// Of the database: a table, index or trigger, or all of it.
    File(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Entry(seq) => write!(f, "entry {seq}"),
            Place::Entries(first, last) if first == last => write!(f, "entry {first}"),
            Place::Entries(first, last) => write!(f, "one of the entries {first} to {last}"),
            Place::Values(seq) => write!(f, "the values of entry {seq}"),
            Place::Row(table, name) => write!(f, "{table}, {name}"),
            Place::Tile(level, index) => write!(f, "tile {index} of level {level}"),
            Place::Checkpoint(ordinal) => write!(f, "checkpoint {ordinal}"),
            Place::Published => f.write_str("the published checkpoint"),
            Place::Trail => f.write_str("the trail"),
            Place::File(name) => write!(f, "{name} of the database"),
        }
    }
}

/// Something that is not as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub place: Place,
    pub wrong: String,
}

/// What was found wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The first of them.
    pub told: Vec<Finding>,
    pub count: u64,
    /// Between which entries, both included, the first one is that is bad, as far as known.
    pub first_entry: Option<(u64, u64)>,
}

impl Findings {
    fn add(&mut self, place: Place, wrong: &str) {
        let entry = match &place {
            Place::Entry(seq) => Some((*seq, *seq)),
            Place::Entries(first, last) => Some((*first, *last)),
            Place::Values(seq) => u64::try_from(*seq).ok().map(|seq| (seq, seq)),
            Place::Row(..)
            | Place::Tile(..)
            | Place::Checkpoint(_)
            | Place::Published
            | Place::Trail
            | Place::File(_) => None,
        };
        self.first_entry = self.first_entry.into_iter().chain(entry).min();
        self.count += 1;
        if self.told.len() < TOLD {
            self.told.push(Finding {
                place,
                wrong: wrong.to_owned(),
            });
        }
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
    /// Entries behind the last checkpoint.
    pub fn unsealed(&self) -> u64 {
        self.entries.saturating_sub(self.last.map_or(0, |last| last.size))
    }
}

/// Verifies a trail; `progress` is told of entries done and all there are.
///
/// # Errors
/// If the database cannot be read.
pub fn verify(evidence: &Evidence, against: &Against, mut progress: impl FnMut(u64, u64)) -> Result<Report, ReadError> {
    let mut findings = Findings::default();
    for (name, wrong) in evidence.strange()? {
        findings.add(Place::File(name), wrong);
    }
    if let Some(damage) = evidence.damage()? {
        findings.add(Place::File("a page or an index".to_owned()), &damage);
    }
    let all = u64::try_from(evidence.last_entry()?).unwrap_or_default();
    let sealed = u64::try_from(evidence.sealed()?.unwrap_or_default()).unwrap_or_default();
    let (mut checkpoints, mut calls) = (evidence.query(Table::Checkpoints)?, evidence.query(Table::Calls)?);
    let mut entries = evidence.query(Table::Entries)?;
    let pruned = Pruned::read(evidence, &mut findings)?;
    let [ordinals, ..] = pruned.ordinals();
    let published = against.published.clone();
    let mut trail = Trail {
        tree: Tree::new(
            evidence,
            &against.keys,
            checkpoints.lines()?,
            published,
            sealed,
            &mut findings,
        )?,
        calls: Calls::new(calls.lines()?, ordinals),
        rows: Rows::behind(&pruned),
        values: 0,
        hidden: 0,
        erased: Erased::behind(&pruned),
        pruned,
    };
    let mut lines = entries.lines()?;
    while let Some(line) = lines.line()? {
        if !trail.entry(evidence, &line, &mut findings)? {
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
        values,
        hidden,
        erased,
        pruned,
    } = trail;
    let entries = tree.size();
    progress(entries, all);
    let ended = tree.end(&mut findings)?;
    let pruned = pruned.end(&mut findings);
    calls.end(&mut findings)?;
    rows.end(evidence, &mut findings)?;
    let mut loose = evidence.query(Table::LooseValues)?;
    if let Some(line) = loose.lines()?.line()? {
        let place = Place::Values(line.cell(0).int().unwrap_or_default());
        findings.add(place, "there is no such entry");
    }
    Ok(Report {
        entries,
        checkpoints: ended.checkpoints,
        first: ended.first,
        last: ended.last,
        published: against.published.as_ref().map(|signed| Point {
            size: signed.checkpoint.size,
            seconds: signed.seconds,
        }),
        values,
        hidden,
        erased: erased.count,
        pruned,
        uncommitted: rows.uncommitted + calls.untimed,
        findings,
    })
}

/// What is carried from entry to entry.
struct Trail<'q> {
    tree: Tree<'q>,
    calls: Calls<'q>,
    rows: Rows,
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
        let values = self.values(seq, line, &members, findings);
        let kind = members.text("kind").unwrap_or_default();
        self.tree.turns.entry(kind, &members);
        let sealed = self.tree.last.map_or(0, |last| last.size);
        self.pruned.entry(evidence, (seq, sealed), (kind, &members), findings)?;
        self.tree
            .entry((seq, line.cell(1).int().unwrap_or_default(), kind, bytes), findings)?;
        let place = i64::try_from(seq).unwrap_or(i64::MAX);
        self.calls.entry((place, kind), &members, &values, findings)?;
        self.erased.entry(evidence, place, &values, findings)?;
        self.erased.says(place, kind, &members, findings);
        self.rows.entry(place, kind, &members);
        Ok(true)
    }

    fn values<'a>(&mut self, seq: u64, line: &Line<'a>, members: &Members<'a>, findings: &mut Findings) -> Values<'a> {
        let place = Place::Values(i64::try_from(seq).unwrap_or(i64::MAX));
        let Some(text) = line.cell(5).text() else {
            if members.commits() {
                findings.add(place, "they were removed, and no entry says so");
            }
            return Values::default();
        };
        let Some(values) = Values::read(text) else {
            findings.add(place, "they are not as they are written");
            return Values::default();
        };
        if let Some(name) = values.first_wrong(members) {
            findings.add(place, &format!("`{name}` is not what the entry commits to"));
        }
        self.values += values.kept();
        self.hidden += values.hidden();
        values
    }
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

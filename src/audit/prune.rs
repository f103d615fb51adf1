//! The first months taken out of the record: up to where nothing counts any more, in pieces, and the entries that say so. The
//! hashes stay, and with them every proof.

mod cut;
mod held;
mod state;
#[cfg(test)]
mod tests;

use crate::model::change::Pruning;
use crate::model::entry::{Committed, Kind};
use crate::model::erasure::spell;
use crate::model::inert::inert;
use crate::model::merkle::Hash;
use crate::model::month::Month;
use crate::model::{Change, Entry, Timestamp};
use crate::store::{Evidence, Gone, ReadError, Reader};

use super::verify::{Members, recallable};
use cut::{Cut, Cuts};
use held::{Held, Old};

/// Entries read at once.
const PAGE: u32 = 1_000;
/// Entries of one piece: a commit that holds up those behind it for some hundredths of a second.
///
/// In builds for tests a trail of some hundred is pruned in several, too.
const PIECE: i64 = if cfg!(debug_assertions) { 50 } else { 2_000 };

/// Why nothing is pruned.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(
        "nothing is pruned: entry {0} is not what was signed, or is missing, and what may be evidence of that stays. Look at it with \
         `runplane audit verify`"
    )]
    Changed(i64),
    #[error(
        "nothing is pruned: the first {0} entries are not what was signed, and what may be evidence of that stays. Look at it with `runplane \
         audit verify`"
    )]
    Another(u64),
    #[error(
        "nothing is pruned: what is recorded is not what was written ({place}: {wrong}; findings in all: {count}), and what may be evidence of \
         that stays. Look at it with `runplane audit verify`"
    )]
    Found { place: String, wrong: String, count: u64 },
}

/// What goes.
#[derive(Debug, Default)]
pub struct Prune {
    pieces: Vec<Piece>,
    /// What keeps entries of those months, or which of them stay, in words.
    pub held: Option<String>,
    /// The last entry that was read for it.
    read: i64,
}

/// What goes in one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    from: i64,
    months: (Month, Month),
    /// The ordinals of the rows of calls, approvals and grants that stay.
    stayed: [Vec<i64>; 3],
    pruning: Pruning,
}

/// Who wants it, and why.
#[derive(Clone, Debug)]
pub enum By<'a> {
    Person {
        name: &'a str,
        reason: &'a str,
    },
    /// The configuration: so many months are kept.
    Retention {
        months: u32,
    },
}

impl Prune {
    /// What goes of the months before `before`, up to the place `most`. `signed`: how many entries were signed last, and their
    /// root, from elsewhere than the database.
    ///
    /// # Errors
    /// If the database cannot be read, or is not what was signed.
    pub fn plan(reader: &Reader, signed: (u64, Hash), before: Timestamp, most: i64) -> Result<Self, PruneError> {
        let gone = reader.gone()?;
        let most = most.min(i64::try_from(signed.0).unwrap_or(i64::MAX));
        let begins = gone.map_or(0, |gone| gone.upto);
        if reader.first_at(before)?.saturating_sub(1).min(most) <= begins {
            return Ok(Self::default());
        }
        let mut old = Old::find(reader, before, most)?;
        if old.last <= begins {
            let held =
                "the clock was set forward since, or they were signed later: they are newer than they look".to_owned();
            return Ok(Self {
                held: Some(held),
                ..Self::default()
            });
        }
        let mut cuts = Cuts::new((begins, old.last), PIECE, rows_before(reader, gone)?);
        let (mut from, mut trail) = (1, Held::new(reader, signed, begins));
        loop {
            let page = reader.bare(from, PAGE)?;
            let Some(last) = page.last() else { break };
            from = last.seq.saturating_add(1);
            for entry in &page {
                let members = trail.entry(entry)?;
                old.entry(entry, &members);
                cuts.entry(entry, &members);
            }
        }
        trail.end()?;
        old.end()?;
        cuts.keep_what_goes_on(reader)?;
        let held = cuts.all.last().and_then(Cut::goes_on);
        let pieces = pieces(reader, begins, cuts)?;
        let read = from.saturating_sub(1);
        Ok(Self { pieces, held, read })
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether the clock was set between what was read for it and its order. Then it is older than it looks, or newer, and whoever
    /// reads the order reckons with that.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn is_outdated(&self, reader: &Reader, order: i64) -> Result<bool, ReadError> {
        Ok(!reader.written(self.read + 1, order, &["gap"], 1)?.is_empty())
    }

    /// No more than its first pieces.
    pub fn truncate(&mut self, pieces: usize) {
        self.pieces.truncate(pieces);
    }

    /// The first and the last of the entries that go.
    pub fn range(&self) -> Option<(i64, i64)> {
        let (first, last) = (self.pieces.first()?, self.pieces.last()?);
        Some((first.from, last.pruning.upto))
    }

    pub fn entries(&self) -> i64 {
        self.pieces.iter().map(|piece| piece.pruning.entries).sum()
    }

    /// `2025-01..2025-03`.
    pub fn months(&self) -> String {
        let (first, last) = (self.pieces.first(), self.pieces.last());
        first
            .zip(last)
            .map_or_else(String::new, |(first, last)| spelled((first.months.0, last.months.1)))
    }

    /// The entry that is signed before anything goes.
    pub fn ordered(&self, before: Month, by: &By<'_>) -> Vec<Change> {
        let (from, to) = self.range().unwrap_or_default();
        let entry = Entry::new(Kind::Pruned)
            .with("before", before.to_string())
            .with("entries", self.entries())
            .with("event", "ordered")
            .with("from", from)
            .with("months", self.months())
            .with("to", to)
            .with_some("kept", self.pieces.last().and_then(Piece::kept));
        vec![Change::Append(by.told(entry))]
    }
}

impl Piece {
    fn kept(&self) -> Option<String> {
        let kept = &self.pruning.kept;
        (!kept.is_empty()).then(|| spell(kept))
    }

    /// The entry that says so, and what it takes away. `order`: the entry that was signed before.
    pub fn changes(&self, order: i64, by: &By<'_>) -> Vec<Change> {
        let Pruning {
            upto,
            entries,
            follows: [calls, approvals, grants],
            ..
        } = &self.pruning;
        let entry = Entry::new(Kind::Pruned)
            .with("approvals", *approvals)
            .with("calls", *calls)
            .with("entries", *entries)
            .with("event", "done")
            .with("from", self.from)
            .with("grants", *grants)
            .with("months", spelled(self.months))
            .with("order", order)
            .with("to", *upto)
            .with_some("kept", self.kept());
        let stayed = ["open_calls", "open_approvals", "open_grants"]
            .into_iter()
            .zip(&self.stayed);
        let entry = stayed.fold(entry, |entry, (name, stayed)| {
            entry.with_some(name, (!stayed.is_empty()).then(|| spell(stayed)))
        });
        vec![
            Change::Append(by.told(entry)),
            Change::Pruned(Box::new(self.pruning.clone())),
        ]
    }
}

impl By<'_> {
    fn told(&self, entry: Entry) -> Entry {
        match self {
            By::Person { name, reason } => entry.with("person", *name).commit("reason", Committed::keep(reason)),
            By::Retention { months } => entry.with("retention", i64::from(*months)),
        }
    }
}

/// Whether anything that would go is not what was written: then it is evidence, and nothing goes. `signed`: as for [`Prune::plan`].
///
/// SECURITY: values, rows of calls, approvals and grants, and steps go with the entries; who changed these beside a running sidecar
/// would have it pruned, and with it what tells. Test: `what_was_changed_beside_its_entry_is_not_pruned`.
///
/// # Errors
/// If so, or the database cannot be read.
pub fn hold(evidence: &Evidence, signed: (u64, Hash)) -> Result<(), PruneError> {
    let findings = recallable(evidence, signed, |_, _| {})?;
    match findings.told.first() {
        None => Ok(()),
        Some(first) => Err(PruneError::Found {
            place: inert(&first.place.to_string()).into_owned(),
            wrong: inert(&first.wrong).into_owned(),
            count: findings.count,
        }),
    }
}

fn spelled((first, last): (Month, Month)) -> String {
    match first == last {
        true => first.to_string(),
        false => format!("{first}..{last}"),
    }
}

/// What was pruned before of calls, approvals and grants, as the entry says.
fn rows_before(reader: &Reader, gone: Option<Gone>) -> Result<[i64; 3], PruneError> {
    let Some(Gone { by, .. }) = gone else {
        return Ok([0; 3]);
    };
    let entry = reader.bare(by, 1)?.into_iter().next().filter(|entry| entry.seq == by);
    let members = entry.as_ref().and_then(|entry| Members::read(&entry.bytes));
    let members = members.ok_or(PruneError::Changed(by))?;
    let [calls, approvals, grants] = ["calls", "approvals", "grants"].map(|name| members.int(name));
    match (calls, approvals, grants) {
        (Some(calls), Some(approvals), Some(grants)) => Ok([calls, approvals, grants]),
        _ => Err(PruneError::Changed(by)),
    }
}

fn pieces(reader: &Reader, begins: i64, cuts: Cuts) -> Result<Vec<Piece>, PruneError> {
    let mut pieces: Vec<Piece> = Vec::new();
    // `left`: entries that stayed until now.
    let (mut from, mut left) = (begins.saturating_add(1), cuts.left);
    let (mut month, mut emptied) = (None, [None; 3]);
    for cut in cuts.all {
        let stay = i64::try_from(cut.kept.len()).unwrap_or(i64::MAX);
        let (mut rows, mut follows) = (cut.rows, cut.rows);
        let (behind, stayed) = (reader.are_behind(cut.rows)?, reader.ordinals(&cut.open)?);
        for place in 0..3 {
            // A table of which all rows went, but for those that stay, goes on behind these.
            let last = stayed.get(place).and_then(|stayed| stayed.last()).copied();
            let last = last.unwrap_or_default();
            if let (Some(row), Some(follow), Some(emptied), Some(false)) = (
                rows.get_mut(place),
                follows.get_mut(place),
                emptied.get_mut(place),
                behind.get(place),
            ) {
                *follow = last;
                if let Some(before) = emptied.replace(last) {
                    *row = before;
                }
            }
        }
        let last = Month::of(cut.time);
        let first = month.unwrap_or_else(|| cuts.first.map_or(last, Month::of));
        pieces.push(Piece {
            from,
            months: (first, last),
            stayed,
            pruning: Pruning {
                upto: cut.seq,
                entries: cut.seq - from + 1 + left - stay,
                kept: cut.kept,
                rows,
                open: cut.open,
                follows,
            },
        });
        (from, left, month) = (cut.seq + 1, stay, Some(last));
    }
    Ok(pieces)
}

#[cfg(test)]
impl Prune {
    /// One piece.
    pub(crate) fn sample() -> Self {
        let month = Month::of(Timestamp(1_795_183_500_000));
        let pruning = Pruning {
            upto: 9,
            kept: vec![1, 2, 4],
            entries: 6,
            rows: [3, 1, 0],
            open: [const { Vec::new() }; 3],
            follows: [3, 1, 0],
        };
        let piece = Piece {
            from: 1,
            months: (month.before(2), month.before(1)),
            stayed: [const { Vec::new() }; 3],
            pruning,
        };
        Self {
            pieces: vec![piece],
            held: None,
            read: 9,
        }
    }
}

//! The first months taken out of the record: up to where nothing counts any more, in pieces, and the entries that say so. The
//! hashes stay, and with them every proof.

mod cut;

use crate::model::change::Pruning;
use crate::model::entry::{Committed, Kind};
use crate::model::erasure::spell;
use crate::model::merkle::{self, Hash, Tiles as _};
use crate::model::month::Month;
use crate::model::{Change, Entry, Timestamp};
use crate::store::{Bare, Gone, ReadError, Reader};

use super::verify::Members;
use cut::Cuts;

/// Entries read at once.
const PAGE: u32 = 1_000;
/// Entries of one piece, where nothing reaches over its end: a commit that holds up those behind it for some hundredths of a second.
const PIECE: i64 = 2_000;

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
}

/// What goes.
#[derive(Debug, Default)]
pub struct Prune {
    pieces: Vec<Piece>,
    /// What keeps entries of those months, in words.
    pub held: Option<String>,
}

/// What goes in one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    from: i64,
    months: (Month, Month),
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
    /// What goes of the months before `before`, up to the place `most`.
    ///
    /// # Errors
    /// If the database cannot be read, or is not what was signed.
    pub fn plan(reader: &Reader, before: Timestamp, most: i64) -> Result<Self, PruneError> {
        let gone = reader.gone()?;
        let sealed = reader.checkpoint()?.map_or(0, |last| last.size);
        let most = most.min(i64::try_from(sealed).unwrap_or(i64::MAX));
        let begins = gone.map_or(0, |gone| gone.upto);
        if reader.first_at(before)?.saturating_sub(1).min(most) <= begins {
            return Ok(Self::default());
        }
        let most = set_forward(reader, before)?.min(most);
        if most <= begins {
            let held = "the clock was set forward since: they are newer than they look".to_owned();
            return Ok(Self {
                pieces: Vec::new(),
                held: Some(held),
            });
        }
        let mut cuts = Cuts::new(most, rows_before(reader, gone)?);
        let (mut from, mut next, mut tile) = (1, begins + 1, (u64::MAX, Vec::new()));
        loop {
            let page = reader.bare(from, PAGE)?;
            let Some(last) = page.last() else { break };
            from = last.seq.saturating_add(1);
            for entry in &page {
                if entry.seq > begins {
                    if entry.seq != next {
                        return Err(PruneError::Changed(next));
                    }
                    next += 1;
                }
                if entry.seq <= most && !is_signed(reader, entry, &mut tile)? {
                    return Err(PruneError::Changed(entry.seq));
                }
                let members = Members::read(&entry.bytes).ok_or(PruneError::Changed(entry.seq))?;
                cuts.entry(entry, &members);
            }
        }
        cuts.still_open(reader)?;
        let held = cuts.held.take().map(|(_, held)| held);
        let pieces = pieces(reader, gone, &cuts)?;
        Ok(Self { pieces, held })
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
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
            .with("to", to);
        vec![Change::Append(by.told(entry))]
    }
}

impl Piece {
    /// The entry that says so, and what it takes away. `order`: the entry that was signed before.
    pub fn changes(&self, order: i64, by: &By<'_>) -> Vec<Change> {
        let Pruning {
            upto,
            kept,
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
            .with_some("kept", (!kept.is_empty()).then(|| spell(kept)));
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

fn spelled((first, last): (Month, Month)) -> String {
    match first == last {
        true => first.to_string(),
        false => format!("{first}..{last}"),
    }
}

/// The last place before `time`, where the clock that was set forward later makes older entries newer than they look.
fn set_forward(reader: &Reader, time: Timestamp) -> Result<i64, PruneError> {
    let mut gaps: Vec<(i64, i64)> = Vec::new();
    super::erase::each(reader, &[Kind::Gap.as_str()], |gap| {
        let members = Members::read(&gap.bytes);
        let forward = members.and_then(|members| members.int("set_forward_ms"));
        gaps.push((gap.seq, forward.unwrap_or_default().max(0)));
    })?;
    let (mut last, mut begins) = (i64::MAX, time);
    loop {
        let place = reader.first_at(begins)?.saturating_sub(1);
        if place >= last {
            return Ok(place);
        }
        last = place;
        let later = gaps.iter().filter(|(seq, _)| *seq > place).map(|(_, forward)| *forward);
        begins = Timestamp(time.0.saturating_sub(later.fold(0, i64::saturating_add)));
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

/// SECURITY: who changed an entry would have it pruned, and with it what tells. Test: `what_was_changed_is_not_pruned`.
fn is_signed(reader: &Reader, entry: &Bare, tile: &mut (u64, Vec<Hash>)) -> Result<bool, PruneError> {
    let index = u64::try_from(entry.seq - 1).unwrap_or_default();
    if tile.0 != index / 256 {
        *tile = (index / 256, reader.tile(0, index / 256, 1)?);
    }
    let at = usize::try_from(index % 256).unwrap_or_default();
    Ok(tile.1.get(at) == Some(&merkle::leaf(&entry.bytes)))
}

fn pieces(reader: &Reader, gone: Option<Gone>, cuts: &Cuts) -> Result<Vec<Piece>, PruneError> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut from = gone.map_or(1, |gone| gone.upto.saturating_add(1));
    // Entries that stayed until now.
    let mut left = match gone {
        None => 0,
        Some(gone) => cuts.kept_before(gone.upto),
    };
    let (mut month, mut emptied) = (None, [false; 3]);
    for (at, cut) in cuts.all.iter().enumerate() {
        let is_last = at + 1 == cuts.all.len();
        if cut.seq < from || (!is_last && cut.seq - from < PIECE) {
            continue;
        }
        let kept = cuts.kept(cut.seq);
        let stay = i64::try_from(kept.len()).unwrap_or(i64::MAX);
        let (mut rows, mut follows) = (cut.rows, cut.rows);
        let behind = reader.are_behind(cut.rows)?;
        for place in 0..3 {
            // A table of which all rows went begins anew.
            if let (Some(row), Some(follow), Some(emptied), Some(false)) = (
                rows.get_mut(place),
                follows.get_mut(place),
                emptied.get_mut(place),
                behind.get(place),
            ) {
                *follow = 0;
                if *emptied {
                    *row = 0;
                }
                *emptied = true;
            }
        }
        let last = Month::of(cut.time);
        let first = month.unwrap_or_else(|| cuts.first.map_or(last, Month::of));
        pieces.push(Piece {
            from,
            months: (first, last),
            pruning: Pruning {
                upto: cut.seq,
                entries: cut.seq - from + 1 + left - stay,
                kept,
                rows,
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
    pub(super) fn sample() -> Self {
        let month = Month::of(Timestamp(1_795_183_500_000));
        let pruning = Pruning {
            upto: 9,
            kept: vec![1, 2, 4],
            entries: 6,
            rows: [3, 1, 0],
            follows: [3, 1, 0],
        };
        let piece = Piece {
            from: 1,
            months: (month.before(2), month.before(1)),
            pruning,
        };
        Self {
            pieces: vec![piece],
            held: None,
        }
    }
}

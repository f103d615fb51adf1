//! What may go, held to what was signed: who can write the database says neither how old an entry is nor of which kind.

use super::PruneError;
use crate::audit::verify::{Members, is_as_written};
use crate::model::Timestamp;
use crate::model::merkle::{self, Edge, Hash, Tiles as _};
use crate::model::note::Note;
use crate::store::{Bare, Reader};

/// The trail as it is read, from its first entry on.
pub(super) struct Held<'r> {
    reader: &'r Reader,
    /// How many entries were signed last, and their root.
    signed: (u64, Hash),
    /// The last entry that is gone.
    gone: u64,
    edge: Edge,
    tile: (u64, Vec<Hash>),
}

impl<'r> Held<'r> {
    pub(super) fn new(reader: &'r Reader, signed: (u64, Hash), gone: i64) -> Self {
        Self {
            reader,
            signed,
            gone: u64::try_from(gone).unwrap_or_default(),
            edge: Edge::default(),
            tile: (u64::MAX, Vec::new()),
        }
    }

    /// The next entry, and what it says.
    ///
    /// SECURITY: who changed an entry, or what stands beside its bytes, would have it pruned, and with it what tells. Tests:
    /// `what_was_changed_is_not_pruned`, `what_is_old_is_told_by_what_was_signed`.
    pub(super) fn entry<'a>(&mut self, entry: &'a Bare) -> Result<Members<'a>, PruneError> {
        let place = u64::try_from(entry.seq).unwrap_or_default();
        while self.edge.size() + 1 < place.min(self.gone + 1) {
            let gone = self.in_tile()?.ok_or_else(|| self.changed())?;
            self.push(gone)?;
        }
        let members = Members::read(&entry.bytes).filter(|members| is_as_written(entry, members));
        let members = members.filter(|_| place == self.edge.size() + 1);
        let members = members.ok_or_else(|| self.changed())?;
        let leaf = merkle::leaf(&entry.bytes);
        if place <= self.signed.0 && self.in_tile()? != Some(leaf) {
            return Err(self.changed());
        }
        self.push(leaf)?;
        Ok(members)
    }

    /// After the last entry.
    pub(super) fn end(&self) -> Result<(), PruneError> {
        match self.edge.size() < self.signed.0 {
            true => Err(self.changed()),
            false => Ok(()),
        }
    }

    /// The hash of the next entry, as its tile has it.
    fn in_tile(&mut self) -> Result<Option<Hash>, PruneError> {
        let (index, at) = (self.edge.size() / 256, self.edge.size() % 256);
        if self.tile.0 != index {
            self.tile = (index, self.reader.tile(0, index, 1)?);
        }
        Ok(usize::try_from(at).ok().and_then(|at| self.tile.1.get(at)).copied())
    }

    fn push(&mut self, leaf: Hash) -> Result<(), PruneError> {
        self.edge.push(leaf, drop);
        let (size, root) = self.signed;
        match self.edge.size() == size && self.edge.root() != root {
            true => Err(PruneError::Another(size)),
            false => Ok(()),
        }
    }

    fn changed(&self) -> PruneError {
        PruneError::Changed(i64::try_from(self.edge.size() + 1).unwrap_or(i64::MAX))
    }
}

/// The last place that is older than a time, as the columns tell at first, and then the entries.
pub(super) struct Old {
    before: Timestamp,
    pub(super) last: i64,
    /// Where the clock was set forward, and how far.
    forward: Vec<(i64, i64)>,
    /// When the last entry was written that is no younger, and how far the clock was set forward behind it.
    time: Timestamp,
    later: i64,
}

impl Old {
    /// At most up to the place `most`. What was written before the clock was set forward counts as so much newer.
    pub(super) fn find(reader: &Reader, before: Timestamp, most: i64) -> Result<Self, PruneError> {
        let mut old = Self {
            before,
            last: most,
            forward: Vec::new(),
            time: Timestamp(i64::MIN),
            later: 0,
        };
        crate::audit::erase::each(reader, &["gap"], |gap| {
            let forward = Members::read(&gap.bytes).and_then(|members| members.int("set_forward_ms"));
            old.forward.extend(forward.filter(|by| *by > 0).map(|by| (gap.seq, by)));
        })?;
        loop {
            let first = reader.first_at(old.begins(old.last))?;
            let place = old.last.min(first.saturating_sub(1)).max(0);
            let place = old.signed_before(reader, place)?;
            if place == old.last {
                return Ok(old);
            }
            old.last = place;
        }
    }

    /// What was written up to `place` has to be older than that.
    fn begins(&self, place: i64) -> Timestamp {
        let later = self.forward.iter().filter(|(seq, _)| *seq > place).map(|(_, by)| *by);
        Timestamp(self.before.0.saturating_sub(later.fold(0, i64::saturating_add)))
    }

    /// The last place up to `place` of which the checkpoint was signed before that time: by that, verifiers tell how old they were
    /// once the entries are gone.
    pub(super) fn signed_before(&self, reader: &Reader, mut place: i64) -> Result<i64, PruneError> {
        while let Some(note) = reader.note_up_to(place)? {
            let note = Note::parse(&note).map_err(|_| PruneError::Changed(place))?;
            let seconds = i64::try_from(note.claimed_seconds()).unwrap_or(i64::MAX);
            if seconds.saturating_mul(1_000) < self.begins(place).0 {
                break;
            }
            let size = i64::try_from(note.claims().size).unwrap_or_default();
            place = place.min(size).saturating_sub(1);
        }
        Ok(place)
    }

    /// Each entry in its turn.
    pub(super) fn entry(&mut self, entry: &Bare, members: &Members<'_>) {
        if entry.seq <= self.last {
            self.time = Timestamp(members.int("time").unwrap_or(i64::MAX));
        } else if members.text("kind") == Some("gap") {
            let forward = members.int("set_forward_ms").unwrap_or_default().max(0);
            self.later = self.later.saturating_add(forward);
        }
    }

    /// SECURITY: columns that were changed while they were asked would make young entries old. Test:
    /// `what_is_old_is_told_by_what_was_signed`.
    pub(super) fn end(&self) -> Result<(), PruneError> {
        match self.time.0.saturating_add(self.later) < self.before.0 {
            true => Ok(()),
            false => Err(PruneError::Changed(self.last)),
        }
    }
}

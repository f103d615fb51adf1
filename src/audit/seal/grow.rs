//! The tree with what was written since the last checkpoint, held to what this process knows that it wrote.

use super::{AT_MOST, Known, SealError, Sealed, seconds_of};
use crate::model::merkle::{self, Edge, Tile, Tiles as _};
use crate::model::note::VerifierKey;
use crate::store::{ReadError, Reader, Store, Wrote};

/// What the tiles say of the first `size` entries.
pub(super) fn resume(reader: &Reader, size: u64) -> Result<Edge, SealError> {
    let mut failed = None;
    let edge = Edge::resume(size, |level, index| {
        let tile = reader.tile(level, index, 1).map_err(|error| failed = Some(error));
        tile.ok()
    });
    match failed {
        Some(error) => Err(unless_gone(error)),
        None => edge.ok_or(SealError::Broken),
    }
}

/// A tile that is not there was taken away; of one that cannot be read nothing is known.
pub(super) fn unless_gone(error: ReadError) -> SealError {
    match error {
        ReadError::NoTile { .. } => SealError::Broken,
        ReadError::Open(_) | ReadError::Read(_) | ReadError::Missing { .. } => error.into(),
    }
}

/// The tree with what was written since.
pub(super) struct Grown {
    pub(super) sealed: Sealed,
    /// The tiles that were filled.
    pub(super) full: Vec<Tile>,
    /// The second of the last entry.
    pub(super) until: u64,
    /// Nothing was left for the next time.
    pub(super) is_all: bool,
}

/// Grows the tree by what was written since.
pub(super) fn grow(
    before: Option<Sealed>,
    known: Option<Known>,
    keys: &[VerifierKey],
    store: &Store,
    reader: &Reader,
) -> Result<Grown, SealError> {
    let from = known.map_or(0, |known| known.size);
    // Asked for before the database is read: what comes after is sealed the next time.
    let wrote = store.wrote(from, usize::MAX);
    let mut sealed = match before {
        Some(sealed) => sealed,
        None => {
            let sealed = Sealed::read(reader, store.entries(), keys, known)?;
            hold(reader, from, &sealed.edge, &wrote)?;
            sealed
        }
    };
    let (mut full, mut last, mut wrong) = (Vec::new(), Vec::new(), None);
    let first = sealed.edge.size();
    let most = u32::try_from(wrote.entries.saturating_sub(first)).map_or(AT_MOST, |left| left.min(AT_MOST));
    let read = reader.behind(first, most, |bytes| {
        let leaf = merkle::leaf(bytes);
        if wrote.leaf(sealed.edge.size()).is_some_and(|wrote| *wrote != leaf) {
            wrong.get_or_insert(sealed.edge.size() + 1);
        }
        last.clear();
        last.extend_from_slice(bytes);
        sealed.edge.push(leaf, |tile| full.push(tile));
    });
    match read {
        Err(ReadError::Missing { entry }) => wrong = Some(entry),
        read => read?,
    }
    if sealed.edge.size() < first + u64::from(most) {
        wrong.get_or_insert(sealed.edge.size() + 1);
    }
    match wrong {
        Some(entry) => Err(SealError::Rewritten { entry }),
        None => Ok(Grown {
            is_all: sealed.edge.size() >= wrote.entries,
            until: second_of(&last),
            sealed,
            full,
        }),
    }
}

/// Holds what a checkpoint is over that was not known to be on disk to what this process wrote.
fn hold(reader: &Reader, from: u64, edge: &Edge, wrote: &Wrote) -> Result<(), SealError> {
    let mut ours = resume(reader, from)?;
    while ours.size() < edge.size() {
        let (at, in_tile) = (ours.size(), usize::try_from(ours.size() % 256).unwrap_or_default());
        let leaf = match wrote.leaf(at) {
            Some(leaf) => *leaf,
            // Of an earlier run.
            None => {
                let tile = reader.tile(0, at / 256, in_tile + 1).map_err(unless_gone)?;
                *tile.get(in_tile).ok_or(SealError::Broken)?
            }
        };
        ours.push(leaf, drop);
    }
    match ours.root() == edge.root() {
        true => Ok(()),
        false => Err(SealError::Rewritten { entry: from + 1 }),
    }
}

/// Of an entry's bytes: its column is not what is signed.
fn second_of(bytes: &[u8]) -> u64 {
    #[derive(serde::Deserialize)]
    struct Timed {
        time: i64,
    }
    serde_json::from_slice(bytes).map_or(0, |Timed { time }| seconds_of(time))
}

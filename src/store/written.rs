//! What this process wrote itself, and no checkpoint is over yet: the hashes of those entries, which nobody who can write the
//! database reaches.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::merkle::Hash;

/// Hashes that are kept at most (32 MiB): so many entries are without a checkpoint only where something keeps it from being
/// signed, for hours.
const MOST: usize = 1024 * 1024;

/// Entries that this process wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrote {
    /// Entries before the first of them.
    pub before: u64,
    /// Their hashes as leaves of the tree, in their order.
    pub leaves: Vec<Hash>,
    /// How many entries the trail has by what this process knows.
    pub entries: u64,
}

impl Wrote {
    /// The hash of the entry `index`, the first of the trail being 0; `None`: an earlier run wrote it.
    pub fn leaf(&self, index: u64) -> Option<&Hash> {
        let at = index.checked_sub(self.before)?;
        self.leaves.get(usize::try_from(at).ok()?)
    }
}

#[derive(Debug, Default)]
pub(super) struct Written(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    before: u64,
    leaves: VecDeque<Hash>,
}

impl Written {
    /// What stands in the trail so far is of earlier runs.
    pub(super) fn begins(&self, entries: u64) {
        *self.lock() = Kept {
            before: entries,
            leaves: VecDeque::new(),
        };
    }

    /// These are on disk, behind all that were before. False: they are more than can be kept.
    pub(super) fn add(&self, leaves: Vec<Hash>) -> bool {
        let mut kept = self.lock();
        kept.leaves.extend(leaves);
        kept.leaves.len() <= MOST
    }

    /// A checkpoint is over so many entries: from there on they are held to that.
    pub(super) fn sealed(&self, entries: u64) {
        let mut kept = self.lock();
        let over = usize::try_from(entries.saturating_sub(kept.before)).unwrap_or(usize::MAX);
        let over = over.min(kept.leaves.len());
        kept.leaves.drain(..over);
        kept.before += u64::try_from(over).unwrap_or_default();
    }

    /// Those behind the first `from` entries, at most `most`.
    pub(super) fn behind(&self, from: u64, most: usize) -> Wrote {
        let kept = self.lock();
        let count = u64::try_from(kept.leaves.len()).unwrap_or(u64::MAX);
        let skipped = from.saturating_sub(kept.before).min(count);
        let leaves = kept.leaves.iter().skip(usize::try_from(skipped).unwrap_or(usize::MAX));
        Wrote {
            before: kept.before + skipped,
            leaves: leaves.take(most).copied().collect(),
            entries: kept.before + count,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing under this lock can panic halfway through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_forgotten_and_the_rest_is_found_by_its_place() {
        let written = Written::default();
        written.begins(10);
        assert!(written.add((0..6).map(|n| [n; 32]).collect()));
        written.sealed(3);
        assert_eq!(written.behind(0, 9).leaf(10), Some(&[0; 32]));
        written.sealed(12);
        let wrote = written.behind(0, 2);
        assert_eq!((wrote.before, wrote.leaves.len(), wrote.entries), (12, 2, 16));
        let wrote = written.behind(15, 9);
        assert_eq!(
            (wrote.leaf(14), wrote.leaf(15), wrote.leaf(16)),
            (None, Some(&[5; 32]), None)
        );
        written.sealed(99);
        assert_eq!(written.behind(0, 9).entries, 16);
    }

    #[test]
    fn more_than_can_be_kept_is_told() {
        let written = Written::default();
        assert!(written.add(vec![[0; 32]; MOST]));
        assert!(!written.add(vec![[0; 32]]));
    }
}

//! How far the trail has grown, how far it is sealed, and that it is not gone on with.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::Queue;
use crate::model::Change;
use crate::model::merkle::Hash;
use crate::store::CommitError;

/// Entries without a checkpoint from which on one is due at once: a full tile.
const SEAL_AFTER: i64 = 256;

impl Queue {
    /// Up to there the trail is of earlier runs.
    pub(in crate::store) fn begins(&self, place: i64) {
        self.written.begins(u64::try_from(place).unwrap_or_default());
        self.reached(place, Vec::new());
    }

    /// The trail is on disk up to there; the last entries are those of `leaves`.
    pub(in crate::store) fn reached(&self, place: i64, leaves: Vec<Hash>) {
        if !self.written.add(leaves) {
            self.is_full();
        }
        self.reached.store(place, Ordering::Relaxed);
        self.tell_of_growth();
    }

    /// So much is without a checkpoint that nothing more is recorded.
    pub(in crate::store) fn is_full(&self) {
        let why = "no checkpoint could be signed for so long that what was written cannot be kept in mind any more";
        self.condemned.get_or_init(|| why.to_owned());
    }

    /// SECURITY: where checkpoints were kept from being signed until nothing more is recorded, a change would be looked for no more,
    /// and the next start would hold those entries to nothing: they are signed for as long as this process knows what it wrote.
    /// Test: `what_is_too_much_to_be_kept_in_mind_is_held_to_what_was_written_and_signed`.
    pub(in crate::store) fn refuse_if_condemned(&self, changes: &[Change]) -> Result<(), CommitError> {
        let seals = !changes.is_empty() && changes.iter().all(|change| matches!(change, Change::Sealed(_)));
        match self.condemned() {
            Some(why) if !seals || self.changed().is_some() => Err(CommitError::Unavailable(why.to_owned())),
            _ => Ok(()),
        }
    }

    /// Somebody changed the trail: nothing is to be recorded any more, for this reason; the first one counts. What nobody waits for
    /// is written all the same.
    pub(in crate::store) fn condemn(&self, why: &str) {
        self.changed.get_or_init(|| why.to_owned());
        self.condemned.get_or_init(|| why.to_owned());
        // Whoever signs keeps it for the next start.
        self.grown.notify_one();
    }

    /// Somebody else wrote to the database.
    pub(in crate::store) fn disturb(&self) {
        self.disturbed.store(true, Ordering::Relaxed);
    }

    pub(in crate::store) fn is_disturbed(&self) -> bool {
        self.disturbed.load(Ordering::Relaxed)
    }

    pub(in crate::store) fn changed(&self) -> Option<&str> {
        self.changed.get().map(String::as_str)
    }

    pub(in crate::store) fn condemned(&self) -> Option<&str> {
        self.condemned.get().map(String::as_str)
    }

    /// A checkpoint is on disk that is over so many entries, which have this root.
    pub(in crate::store) fn sealed(&self, size: u64, root: Hash) {
        *self.signed.lock().unwrap_or_else(PoisonError::into_inner) = (size, root);
        self.sealed
            .store(i64::try_from(size).unwrap_or(i64::MAX), Ordering::Relaxed);
        self.written.sealed(size);
        self.tell_of_growth();
    }

    pub(in crate::store) fn signed(&self) -> (u64, Hash) {
        *self.signed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::store) fn seal_soon(&self) {
        self.grown.notify_one();
    }

    pub(in crate::store) fn sealed_up_to(&self) -> i64 {
        self.sealed.load(Ordering::Relaxed)
    }

    fn tell_of_growth(&self) {
        if self.reached.load(Ordering::Relaxed) - self.sealed.load(Ordering::Relaxed) >= SEAL_AFTER {
            self.grown.notify_one();
        }
    }

    /// Waits until so many entries are without a checkpoint that one is due.
    pub(in crate::store) async fn grown(&self) {
        self.grown.notified().await;
    }

    /// How many entries the trail has.
    pub(in crate::store) fn entries(&self) -> u64 {
        u64::try_from(self.reached.load(Ordering::Relaxed)).unwrap_or_default()
    }
}

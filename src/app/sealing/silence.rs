//! When a checkpoint is due, and what is on record where none came for long: a machine that slept, a process that was stopped, a disk
//! that was full. Auditors take a silence that nobody tells of for a trail that somebody held back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::audit;
use crate::model::{Change, Timestamp};
use crate::store::{CommitError, Store};

/// That nothing happened is worth a signature, too.
const HEARTBEAT: Duration = Duration::from_secs(10 * 60);
/// A longer silence is on record. Verifiers want that from 65 minutes on.
const SILENT: Duration = Duration::from_secs(15 * 60);

/// Shared with whoever ends the run.
#[derive(Clone, Debug, Default)]
pub(super) struct Silence(Arc<Times>);

#[derive(Debug, Default)]
struct Times {
    /// When the last checkpoint was signed, in seconds since 1970; zero: none was.
    signed: AtomicU64,
    /// The checkpoint since which the silence is on record already, by its time.
    told: AtomicU64,
}

/// What a checkpoint may be due for.
pub(super) struct Since {
    /// The last one failed.
    pub(super) failed: bool,
    /// Entries have come since.
    pub(super) grown: bool,
    /// By the clock that nobody sets, which may stand still while the machine sleeps.
    pub(super) elapsed: Duration,
}

impl Silence {
    pub(super) fn signed(&self, seconds: Option<u64>) {
        self.0.signed.store(seconds.unwrap_or_default(), Ordering::Relaxed);
    }

    pub(super) fn is_due(&self, since: &Since, now: Timestamp) -> bool {
        since.failed || since.grown || since.elapsed.max(self.lasts(now)) >= HEARTBEAT
    }

    /// Whether it is to be on record before anything is signed.
    pub(super) fn is_long(&self, now: Timestamp) -> bool {
        let told = self.0.told.load(Ordering::Relaxed) == self.0.signed.load(Ordering::Relaxed);
        !told && self.lasts(now) > SILENT
    }

    /// On record before the checkpoint that ends it, and once, though that fails.
    ///
    /// # Errors
    /// If it cannot be recorded: told again with the next one.
    pub(super) async fn tell(&self, store: &Store) -> Result<(), CommitError> {
        let told = self.told(Timestamp::now());
        if !told.is_empty() {
            store.write(told).await?;
            self.is_told();
        }
        Ok(())
    }

    fn is_told(&self) {
        self.0
            .told
            .store(self.0.signed.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// The entry that says so, where it is long.
    pub(super) fn told(&self, now: Timestamp) -> Vec<Change> {
        match self.is_long(now) {
            true => audit::silence(self.lasts(now)),
            false => Vec::new(),
        }
    }

    /// By the clock on the wall.
    fn lasts(&self, now: Timestamp) -> Duration {
        let signed = self.0.signed.load(Ordering::Relaxed);
        let now = u64::try_from(now.0 / 1_000).unwrap_or_default();
        match signed {
            0 => Duration::ZERO,
            _ => Duration::from_secs(now.saturating_sub(signed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: u64 = 1_795_000_000;

    fn after(seconds: u64) -> Timestamp {
        Timestamp(i64::try_from(SIGNED + seconds).unwrap() * 1_000)
    }

    fn since(seconds: u64) -> Since {
        Since {
            failed: false,
            grown: false,
            elapsed: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn a_checkpoint_is_due_when_the_trail_grew_or_every_ten_minutes() {
        let silence = Silence::default();
        silence.signed(Some(SIGNED));
        assert!(!silence.is_due(&since(599), after(599)));
        assert!(
            silence.is_due(&since(600), after(0)),
            "though the wall clock was set back"
        );
        assert!(silence.is_due(&since(1), after(600)), "though the machine slept");
        assert!(silence.is_due(
            &Since {
                grown: true,
                ..since(1)
            },
            after(1)
        ));
        assert!(silence.is_due(
            &Since {
                failed: true,
                ..since(1)
            },
            after(1)
        ));
    }

    #[test]
    fn a_long_silence_is_told_before_it_is_signed_over() {
        let silence = Silence::default();
        assert!(!silence.is_long(after(0)), "nothing was ever signed");
        silence.signed(Some(SIGNED));
        assert!(!silence.is_long(after(900)) && silence.told(after(900)).is_empty());
        assert!(silence.is_long(after(901)));
        assert_eq!(silence.told(after(901)).len(), 1);
        silence.is_told();
        assert!(!silence.is_long(after(1_000)), "once, though the checkpoint failed");
        silence.signed(Some(SIGNED + 1_000));
        assert!(silence.is_long(after(2_000)));
        let back = Timestamp(after(0).0 - 7_200_000);
        assert!(!silence.is_long(back), "a clock that was set back is told of by itself");
    }
}

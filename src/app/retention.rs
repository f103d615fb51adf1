//! `audit.retention`: what is older goes by itself, at start and once a day, once the machine has run for long enough to know the time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::approval::Uptime;
use crate::audit::By;
use crate::control::{self, PruningError};
use crate::gate::Gate;
use crate::model::Timestamp;
use crate::model::month::Month;
use crate::store::Store;

const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// So many whole months are kept besides the current one; `None`: all.
pub(super) struct Retention {
    pub(super) months: Option<u32>,
    pub(super) gate: Arc<Gate>,
    pub(super) store: Store,
    pub(super) one_at_a_time: Arc<Mutex<()>>,
    /// The machine has run for so long when its clock is believed.
    pub(super) settles: Duration,
}

/// Goes on until `stop`, in whose way no piece stands: each is written whole or not at all.
pub(super) async fn keep(retention: Retention, stop: impl Future<Output = ()>) {
    let Some(months) = retention.months else { return };
    let wait = left(retention.settles, Uptime::now().map(|up| up.since));
    if !wait.is_zero() {
        tracing::info!(
            seconds = wait.as_secs(),
            "what is older than `audit.retention` says is pruned once the machine has run for long enough to know the time"
        );
    }
    let prune = daily(wait, || retention.tick(months));
    tokio::select! {
        () = stop => {}
        () = prune => {}
    }
}

/// Once that has passed, and every day after.
async fn daily<F: Future<Output = ()>>(wait: Duration, mut each: impl FnMut() -> F) {
    sleep(wait).await;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        each().await;
    }
}

impl Retention {
    async fn tick(&self, months: u32) {
        match self.prune(months, Timestamp::now()).await {
            Ok(()) => {}
            Err(error) => tracing::error!(%error, "what is older than `audit.retention` says could not be pruned"),
        }
    }

    async fn prune(&self, months: u32, now: Timestamp) -> Result<(), PruningError> {
        let before = Month::of(now).before(months);
        let before = match control::may_be_pruned(&self.gate.rules(), before, now) {
            Ok(()) => before,
            Err(PruningError::Counted { budget, since, most }) => {
                tracing::warn!(%budget, %since, "more is kept than `audit.retention` says: a budget counts it");
                most
            }
            Err(error) => return Err(error),
        };
        let by = By::Retention { months };
        // By the clock of then: it may have been set back since.
        let counts = || {
            let then = now.min(Timestamp::now());
            match before > Month::of(then).before(months) {
                true => Err(PruningError::Changing),
                false => control::may_be_pruned(&self.gate.rules(), before, then),
            }
        };
        let pruned = control::prune(&self.store, &self.one_at_a_time, before, &by, counts).await?;
        if let Some((from, to)) = pruned.range {
            let entries = pruned.entries;
            tracing::info!(from, to, entries, "pruned what is older than `audit.retention` says");
        }
        if let Some(held) = pruned.held {
            tracing::warn!(held, "more is kept than `audit.retention` says");
        }
        Ok(())
    }
}

/// How long it is until the clock is believed. Who does not know how long the machine has run waits from now on.
///
/// SECURITY: a machine may come up years ahead before it is told the time, and all would be old; nor does the record tell, for what an
/// earlier start wrote is as far ahead. Tests: `a_clock_is_believed_once_the_machine_has_run_for_long_enough`,
/// `nothing_is_pruned_before_the_clock_is_believed`.
fn left(settles: Duration, up: Option<Duration>) -> Duration {
    settles.saturating_sub(up.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nothing_is_pruned_before_the_clock_is_believed() {
        let hours = |hours: u64| Duration::from_secs(hours * 60 * 60);
        let (began, mut pruned) = (Instant::now(), Vec::new());
        let wait = left(EVERY, Some(hours(1)));
        let each = || {
            pruned.push(began.elapsed().as_secs() / 3_600);
            std::future::ready(())
        };
        let ended = timeout(hours(72), daily(wait, each)).await;
        assert!(ended.is_err(), "it goes on");
        assert_eq!(pruned, [23, 47, 71]);
    }

    #[test]
    fn a_clock_is_believed_once_the_machine_has_run_for_long_enough() {
        let hours = |hours: u64| Duration::from_secs(hours * 60 * 60);
        assert_eq!(left(EVERY, Some(hours(1))), hours(23));
        assert_eq!(left(EVERY, Some(hours(24))), Duration::ZERO);
        assert_eq!(left(EVERY, Some(hours(9_000))), Duration::ZERO);
        assert_eq!(left(EVERY, None), EVERY);
    }
}

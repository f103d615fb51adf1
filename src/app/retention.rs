//! `audit.retention`: what is older goes by itself, at start and once a day. At start, by what was signed before.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};

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
    /// When the last entry was written that was signed before the first start of the sidecar since the machine's.
    pub(super) until: Option<Timestamp>,
}

/// Goes on until `stop`, in whose way no piece stands: each is written whole or not at all.
pub(super) async fn keep(retention: Retention, stop: impl Future<Output = ()>) {
    let Some(months) = retention.months else { return };
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let prune = async {
        let mut up_for_a_day = false;
        loop {
            ticks.tick().await;
            let now = believed(Timestamp::now(), retention.until, up_for_a_day);
            up_for_a_day = true;
            let Some(now) = now else { continue };
            match retention.prune(months, now).await {
                Ok(()) => {}
                Err(error) => tracing::error!(%error, "what is older than `audit.retention` says could not be pruned"),
            }
        }
    };
    tokio::select! {
        () = stop => {}
        () = prune => {}
    }
}

impl Retention {
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
        let counts = || control::may_be_pruned(&self.gate.rules(), before, now);
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

/// By which time it is told what is old. `None`: it is not known yet. `until`: when the last entry was written that was signed before
/// the machine's own start.
///
/// SECURITY: a machine may come up years ahead, before it is told the time, and all would be old; what an earlier start since then has
/// recorded is as far ahead. Tests: `a_clock_that_is_ahead_at_start_is_not_believed`,
/// `the_first_start_since_the_machines_own_is_found`.
fn believed(now: Timestamp, until: Option<Timestamp>, up_for_a_day: bool) -> Option<Timestamp> {
    match up_for_a_day {
        true => Some(now),
        false => until.map(|until| now.min(until)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_ahead_at_start_is_not_believed() {
        let (now, until) = (Timestamp(9_000), Timestamp(5_000));
        assert_eq!(believed(now, Some(until), false), Some(until));
        assert_eq!(believed(until, Some(now), false), Some(until));
        assert_eq!(believed(now, None, false), None, "nothing was signed");
        assert_eq!(believed(now, None, true), Some(now));
    }
}

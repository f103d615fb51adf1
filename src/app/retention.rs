//! `audit.retention`: what is older goes by itself, at start and once a day.

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
}

/// Goes on until `stop`, in whose way no piece stands: each is written whole or not at all.
pub(super) async fn keep(retention: Retention, stop: impl Future<Output = ()>) {
    let Some(months) = retention.months else { return };
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let prune = async {
        loop {
            ticks.tick().await;
            match retention.prune(months).await {
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
    async fn prune(&self, months: u32) -> Result<(), PruningError> {
        let now = Timestamp::now();
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
            let (entries, held) = (pruned.entries, pruned.held);
            tracing::info!(
                from,
                to,
                entries,
                held,
                "pruned what is older than `audit.retention` says"
            );
        }
        Ok(())
    }
}

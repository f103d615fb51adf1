//! What is usual of agents: read at start, and written now and then, for calls do not wait for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::gate::Memory;
use crate::model::Change;
use crate::store::Store;

/// What a crash may forget.
const EVERY: Duration = Duration::from_secs(60);

/// Writes what changed until `stop`, and once more then.
pub(super) async fn keep(memory: Arc<Memory>, store: Store, stop: impl Future<Output = ()>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(stop);
    loop {
        let stops = tokio::select! {
            () = &mut stop => true,
            _ = ticks.tick() => false,
        };
        write(&memory, &store).await;
        if stops {
            return;
        }
    }
}

async fn write(memory: &Arc<Memory>, store: &Store) {
    let learnt = memory.clone();
    let rows = match tokio::task::spawn_blocking(move || learnt.history.changed()).await {
        Ok(rows) => rows,
        Err(error) => return tracing::error!(%error, "what is usual of agents could not be written"),
    };
    if rows.is_empty() {
        return;
    }
    let changes = rows.iter().cloned().map(Change::HabitsPut).collect();
    if let Err(error) = store.write(changes).await {
        tracing::warn!(%error, "what is usual of agents could not be written: tried again in a minute");
        memory.history.unwritten(&rows);
    }
}

//! Puts on disk what time has ended.

use std::future::Future;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::approval::{Approvals, CLOCK_SLACK, Draft};
use crate::audit;
use crate::model::Timestamp;
use crate::model::time::Jump;
use crate::store::{CommitError, Store, to_its_end};

/// How often the clocks are looked at. Whoever uses an approval looks at them too: this is for the record.
const EVERY: Duration = Duration::from_secs(1);

/// Expires approvals in the trail until `stop`.
pub async fn expire(approvals: Approvals, store: Store, stop: impl Future<Output = ()>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => {}
        }
        let sweep = approvals.sweep();
        if let Some(jump) = sweep.jump {
            match jump {
                Jump::Back(by) => tracing::warn!(
                    seconds = by.as_secs(),
                    "the clock was set back: approvals not used yet are expired"
                ),
                Jump::Forward(by) => tracing::warn!(seconds = by.as_secs(), "the clock was set forward"),
            }
            store.later(audit::gap(jump));
        }
        for draft in sweep.expired {
            if let Err(error) = put(&store, draft).await {
                // It stays expired in memory; the next look tries again.
                tracing::warn!(%error, "an expired approval could not be recorded");
            }
        }
    }
}

/// Ends all that is open, where the secret of the fingerprints is lost. To be called at start.
///
/// # Errors
/// If it cannot be recorded.
pub async fn expire_all(approvals: &Approvals, store: &Store) -> Result<(), CommitError> {
    for draft in approvals.end_all() {
        put(store, draft).await?;
    }
    Ok(())
}

/// To be called at start, with the time of the last entry: a clock that was set back while we were down makes the stored end
/// of every grant worthless.
///
/// # Errors
/// If it cannot be recorded.
pub async fn mind_the_gap(approvals: &Approvals, store: &Store, last: Timestamp) -> Result<(), CommitError> {
    let Some(jump @ Jump::Back(by)) = Jump::between(last, Timestamp::now(), CLOCK_SLACK) else {
        return Ok(());
    };
    tracing::warn!(
        seconds = by.as_secs(),
        "the clock was set back since the last run: approvals not used yet are expired"
    );
    store.write(audit::gap(jump)).await?;
    for draft in approvals.end_grants() {
        put(store, draft).await?;
    }
    Ok(())
}

async fn put(store: &Store, draft: Draft) -> Result<(), CommitError> {
    let store = store.clone();
    to_its_end(async move {
        let changes = audit::expired(draft.row());
        draft.write(&store, changes).await?;
        Ok(())
    })
    .await
}

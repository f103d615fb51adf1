//! Puts on disk what time has ended.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::time::{MissedTickBehavior, interval};

use crate::approval::{Approvals, Draft, Notices, Question};
use crate::audit;
use crate::gate::Gate;
use crate::model::grant::{Grant, GrantEnd};
use crate::model::inert::inert;
use crate::model::time::Jump;
use crate::model::{HoldRule, Timestamp};
use crate::store::{CommitError, Store, to_its_end};

/// How often the clocks are looked at. Whoever uses an approval looks at them too: this is for the record.
const EVERY: Duration = Duration::from_secs(1);
/// How many ends are put on disk at a time: fewer than the store takes.
const TOGETHER: usize = 256;

/// What looks at the clocks for approvals.
pub struct Watch {
    pub approvals: Approvals,
    pub store: Store,
    pub gate: Arc<Gate>,
    /// Where people are told that they are asked now, too.
    pub notices: Arc<dyn Notices>,
    /// ` --home DIR` for commands that are printed, where one is needed.
    pub home_option: String,
}

impl Watch {
    /// Further people are asked, and told so.
    async fn escalate(&self, draft: Draft) {
        let store = self.store.clone();
        let put = to_its_end(async move {
            let changes = audit::escalated(draft.row());
            draft.write(&store, changes).await
        });
        match put.await {
            Ok(row) => {
                let rules = row.rules.iter().filter(|rule| row.escalated.contains(&rule.id));
                let asks: Vec<String> = rules.map(HoldRule::asks).collect();
                let how = format!("nobody has answered, asks {} now", inert(&asks.join(", ")));
                let vocabulary = self.gate.rules().vocabulary().clone();
                self.notices
                    .line(Question::of(&row).line(&how, &vocabulary, &self.home_option));
            }
            // The next look tries again.
            Err(error) => tracing::warn!(%error, "that further people are asked could not be recorded"),
        }
    }
}

/// Expires approvals in the trail until `stop`.
pub async fn expire(watch: Watch, stop: impl Future<Output = ()>) {
    let Watch { approvals, store, .. } = &watch;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(stop);
    let mut untold = Vec::new();
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => {}
        }
        approvals.settle(store);
        let sweep = approvals.sweep();
        if let Some(jump) = sweep.jump {
            match jump {
                Jump::Back(by) => {
                    tracing::warn!(
                        seconds = by.as_secs(),
                        "the clock was set back: approvals not used yet are expired"
                    );
                    untold.push(jump);
                }
                // It ends nothing, and budgets are to know of it.
                Jump::Forward(by) => {
                    tracing::warn!(seconds = by.as_secs(), "the clock was set forward");
                    store.later(audit::gap(jump));
                }
            }
        }
        let mut all = !sweep.busy;
        for (grant, by) in sweep.grants {
            if let Err(error) = end_grant(approvals, store, &grant, by).await {
                tracing::warn!(%error, "the end of a grant could not be recorded");
                all = false;
            }
        }
        for draft in sweep.expired {
            if let Err(error) = put(store, draft).await {
                // It stays expired in memory; the next look tries again.
                tracing::warn!(%error, "an expired approval could not be recorded");
                all = false;
            }
        }
        // Last, as in `tell`.
        if all {
            untold.drain(..).for_each(|jump| store.later(audit::gap(jump)));
        }
        for draft in sweep.escalated {
            watch.escalate(draft).await;
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

/// Puts on disk that the clock jumped: set back, the stored end of what people gave cannot be trusted, and all of it ends.
///
/// SECURITY: the jump is told last. Told first, the next start of a sidecar that died meanwhile would know of it, and would trust
/// what is not ended yet (test `a_start_that_could_not_end_what_was_given_finds_the_step_again`).
pub(super) async fn tell(approvals: &Approvals, store: &Store, jump: Jump) -> Result<(), CommitError> {
    if let Jump::Back(_) = jump {
        let (given, grants) = approvals.distrust();
        let ends = stream::iter(given).map(|draft| put(store, draft));
        ends.buffer_unordered(TOGETHER).try_collect::<()>().await?;
        let ends = stream::iter(&grants).map(|(grant, by)| end_grant(approvals, store, grant, by.clone()));
        ends.buffer_unordered(TOGETHER).try_collect::<()>().await?;
    }
    store.write(audit::gap(jump)).await
}

/// A grant that cannot be recorded as ended stays ended in memory; the next look tries again.
async fn end_grant(
    approvals: &Approvals,
    store: &Store,
    grant: &Grant,
    by: Option<Arc<str>>,
) -> Result<(), CommitError> {
    let end = GrantEnd {
        time: Timestamp::now(),
        by,
    };
    let ended = store.write(audit::grant_ended(grant, &end)).await;
    match ended {
        // Lost: it is used up or was ended on disk, which memory did not know.
        Ok(()) | Err(CommitError::Lost) => {
            approvals.grant_ended(&grant.id, end);
            Ok(())
        }
        Err(error) => {
            approvals.grant_not_ended(&grant.id);
            Err(error)
        }
    }
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

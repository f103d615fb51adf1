//! Checkpoints while the sidecar runs: every ten seconds while the trail grows, at once for each 256 entries, every ten
//! minutes otherwise, and when all is over. And the start, at which the trail is held against the last one that was published.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::audit::{self, Anchor, Failing, Fault, PublishError, SealError, Sealer, Signed, Turns};
use crate::config::Config;
use crate::control::health::Readiness;
use crate::io::drain;
use crate::io::keys::{LastNote, LogKeys};
use crate::metrics::{Metrics, Publisher, Sealed};
use crate::model::{Change, Timestamp};
use crate::publish::Newest;
use crate::store::{CommitError, Store};

use super::publishing::Publishing;
use found::Finding;
pub(super) use running::Running;
use silence::{Silence, Since};
pub(super) use start::of_one_piece;
use start::{accepted, ended, last, not_held, others_than, taken_up, told};

mod found;
mod running;
mod silence;
mod start;

const EVERY: Duration = Duration::from_secs(10);

/// The trail, ready to be sealed.
pub(super) struct Sealing {
    sealer: Sealer,
    anchor: Option<Anchor>,
    /// The key was made just now.
    fresh: bool,
    /// The key took the place of another one, and has signed nothing yet.
    follows: bool,
    /// Each checkpoint is a line of the log.
    log: bool,
    /// Signed last, and told to nobody yet.
    signed: Option<Signed>,
    /// Told last.
    told: Option<Signed>,
    /// Signed, and not in the file yet.
    unpublished: Option<Signed>,
    /// For the other places.
    newest: Option<Newest>,
    /// Why nothing can be published, since it last could.
    failing: Option<&'static str>,
    /// What is on record of that.
    turns: Turns,
    /// What is on record of the other places.
    recorded: Failing,
    /// What the trail was held against, for `boot`.
    held: String,
    /// What is not as it was recorded, and is taken up all the same.
    taken_up: Option<String>,
    /// That the trail was changed while a sidecar ran.
    finding: Finding,
    /// When the run before found that, and the operator goes on all the same.
    found: Option<String>,
    /// Entries that the last run left without a checkpoint.
    unsealed: u64,
    /// What the last checkpoint is over is all of a run, its end too, or there was none.
    ended: bool,
    silence: Silence,
}

impl Sealing {
    /// Nothing is signed or written yet.
    ///
    /// # Errors
    /// If the key cannot be used, the tree is not what was signed, the trail is older than its anchor, or the run before found it
    /// changed.
    pub(super) fn open(config: &Config, store: &Store) -> anyhow::Result<Self> {
        let (state, accept) = (config.home.state(), config.audit.accept_rollback);
        let finding = Finding::of(&state);
        let found = finding.accepted(config)?;
        let (keys, fresh) = LogKeys::load_or_create(&state)?;
        others_than(&keys, config)?;
        let sealer = Sealer::open(store, keys, LastNote::of(&state), accept)
            .with_context(|| format!("{}", config.home.database().display()))?;
        let (taken_up, mut recorded) = taken_up(config, store, &sealer)?;
        let (ended, added) = ended(config, store, &sealer)?;
        let added = (added > 0).then(|| format!("{added} entries behind the end of a run"));
        let file = config.audit.publish.clone();
        let mut anchor = file.map(|file| Anchor::new(file, &state)).transpose()?;
        let held = match &mut anchor {
            None => not_held(config),
            Some(anchor) => match anchor.hold(&sealer, &store.reader()?, store.entries()) {
                Ok(held) => told(anchor, held),
                Err(error) if error.is_acceptable() && accept => accepted(&error),
                Err(error) => return Err(error.into()),
            },
        };
        Ok(Self {
            turns: Turns::new(None, recorded.remove(&None)),
            recorded,
            unsealed: store.entries().saturating_sub(sealer.size()),
            follows: !fresh && sealer.is_new(&store.reader()?)?,
            sealer,
            anchor,
            log: config.audit.log,
            signed: None,
            told: None,
            unpublished: None,
            newest: None,
            failing: None,
            fresh,
            held,
            ended,
            taken_up: taken_up.or(added),
            finding,
            found,
            silence: Silence::default(),
        })
    }

    /// For `boot`.
    pub(super) fn members(&self) -> Vec<(&'static str, String)> {
        vec![
            ("anchor", self.held.clone()),
            ("log_key", self.key()),
            ("log_last", last(&self.sealer)),
            ("unsealed", self.unsealed.to_string()),
        ]
        .into_iter()
        .chain((self.unsealed > 0 || !self.ended).then(|| ("unsealed_held", "to nothing".to_owned())))
        .chain(self.taken_up.clone().map(|changed| ("changed_accepted", changed)))
        .chain(self.found.clone().map(|when| ("changed_found", when)))
        .collect()
    }

    /// The public half of a key that signs from now on, as auditors keep it.
    pub(super) fn new_key(&self) -> Option<String> {
        (self.fresh || self.follows).then(|| self.key())
    }

    fn key(&self) -> String {
        self.sealer.keys().public().to_string()
    }

    /// What became of the keys, for the trail.
    pub(super) fn turns(&self) -> Vec<Change> {
        let key = self.key();
        let made = match self.sealer.keys().previous() {
            Some((previous, until)) if self.follows => audit::log_key_follows(&key, &previous.to_string(), until),
            _ if self.fresh || self.follows => audit::log_key(&key),
            _ => Vec::new(),
        };
        let retired = self.sealer.retires();
        let retired = retired.map(|retired| audit::log_key_retired(&retired.to_string()));
        made.into_iter().chain(retired.into_iter().flatten()).collect()
    }

    /// Seals what the last run left, and forgets the key whose time is over; to be called once all is taken up.
    ///
    /// # Errors
    /// If something cannot be written, or somebody else wrote since the database was opened.
    pub(super) async fn begin(&mut self, store: &Store) -> anyhow::Result<()> {
        of_one_piece(store).await?;
        let caught_up = self.catch_up(store).await;
        self.finding.keep(store);
        caught_up?;
        of_one_piece(store).await?;
        // SECURITY: what the run before found is on record by `boot`, and that is signed now; a start that came to nothing leaves it
        // for the next one. Test: `what_is_changed_while_a_start_reads_is_not_taken_up`.
        self.finding.forget().context("state/trail.changed cannot be removed")?;
        self.record(store)
            .await
            .context("the failure of the anchor cannot be recorded")?;
        self.sealer.retire().context("state/log.key.previous cannot be removed")
    }

    async fn catch_up(&mut self, store: &Store) -> anyhow::Result<()> {
        loop {
            let signed = self.sealer.seal(store).await;
            if let Err(error) = &signed
                && error.is_change()
            {
                store.condemn(&chain(error));
            }
            let signed = signed.context("the trail could not be sealed")?;
            self.silence.signed(self.sealer.signed_at());
            let all = signed.size >= store.entries();
            self.signed = Some(signed);
            if all {
                self.publish();
                return Ok(());
            }
        }
    }

    /// Goes on beside everything else.
    pub(super) fn start(
        mut self,
        store: &Store,
        (metrics, readiness): (&Arc<Metrics>, &Arc<Readiness>),
        elsewhere: Option<Publishing>,
    ) -> Running {
        let (stop, stopped) = watch::channel(false);
        let (newest, elsewhere) = elsewhere
            .map(|elsewhere| elsewhere.start(store, (metrics, readiness), std::mem::take(&mut self.recorded)))
            .unzip();
        if let (Some(newest), Some(begun)) = (&newest, &self.told) {
            newest.put(begun);
        }
        self.newest = newest;
        let (house, silence) = ((metrics.clone(), readiness.clone()), self.silence.clone());
        let task = tokio::spawn(self.keep(store.clone(), house, drain::stopping(stopped)));
        Running {
            stop,
            task,
            elsewhere,
            silence,
        }
    }

    async fn keep(
        mut self,
        store: Store,
        (metrics, readiness): (Arc<Metrics>, Arc<Readiness>),
        stop: impl Future<Output = ()>,
    ) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut sealed, mut failed) = (Instant::now(), false);
        tokio::pin!(stop);
        loop {
            let ticked = tokio::select! {
                () = &mut stop => break,
                () = store.grown() => false,
                _ = ticks.tick() => true,
            };
            let (now, since) = (
                Timestamp::now(),
                Since {
                    failed,
                    grown: store.entries() > self.sealer.size(),
                    elapsed: sealed.elapsed(),
                },
            );
            // The end of the run says so, with `shutdown`: nothing is recorded behind that.
            let is_told_last = readiness.is_stopping() && self.silence.is_long(now);
            if self.silence.is_due(&since, now) && !is_told_last && store.changed().is_none() {
                let signed = self.seal(&store, &metrics).await;
                failed = signed.is_none();
                readiness.seals(!failed);
                match signed {
                    Some(signed) => (sealed, self.signed) = (Instant::now(), Some(signed)),
                    // Else a failure at every tile would be tried again at once.
                    None => tokio::time::sleep(Duration::from_secs(1)).await,
                }
            }
            self.finding.keep(&store);
            // The file and the log need not follow every tile: at each tick they have what was signed last.
            if ticked {
                if let Some(well) = self.publish() {
                    metrics.published(Publisher::File, well);
                }
                readiness.publishes(Publisher::File.as_str(), self.failing.is_none());
                // SECURITY: what stands behind `shutdown` would take the last word from it, and that no person decides anything behind
                // it would not be held (test `behind_the_end_of_a_run_nobody_decides_anything`).
                if !readiness.is_stopping()
                    && let Err(error) = self.record(&store).await
                {
                    tracing::error!(%error, "what became of the anchor is not on record");
                }
            }
        }
        if let Some(why) = store.changed() {
            tracing::error!(why, "the end of the trail has no checkpoint");
        } else if let Err(error) = self.catch_up(&store).await {
            tracing::error!(error = format!("{error:#}"), "the end of the trail has no checkpoint");
            self.publish();
        }
        self.finding.keep(&store);
    }

    /// A trail that somebody changed is not gone on with: nothing is signed or recorded any more, and so nothing leaves.
    async fn seal(&mut self, store: &Store, metrics: &Metrics) -> Option<Signed> {
        let signed = match self.silence.tell(store).await {
            Ok(()) => self.sealer.seal(store).await,
            Err(error) => Err(error.into()),
        };
        self.silence.signed(self.sealer.signed_at());
        let result = match &signed {
            Ok(_) => Sealed::Signed,
            Err(error) if error.is_change() => Sealed::Changed,
            Err(SealError::Commit(CommitError::Lost)) if is_altered(store).await => Sealed::Changed,
            Err(_) => Sealed::Failed,
        };
        metrics.sealed(result);
        let error = match signed {
            Ok(signed) => return Some(signed),
            Err(error) => error,
        };
        let told = chain(&error);
        match result {
            Sealed::Changed => {
                store.condemn(&told);
                tracing::error!(
                    error = told,
                    "the trail was changed: nothing is signed or recorded any more"
                );
            }
            Sealed::Signed | Sealed::Failed => {
                tracing::error!(error = told, "the trail could not be sealed: tried again");
            }
        }
        None
    }

    /// What could not be put into the file is tried again. Whether it could; `None`: there was nothing to put, or nowhere.
    fn publish(&mut self) -> Option<bool> {
        if let Some(signed) = self.signed.take() {
            self.tell(&signed);
            self.unpublished = Some(signed);
        }
        let anchor = self.anchor.as_mut()?;
        let signed = self.unpublished.take()?;
        let failed = anchor.publish(&signed.note).err();
        self.failing = failed.as_ref().map(PublishError::code);
        if let Some(error) = &failed {
            tracing::error!(%error, file = %anchor.file().display(), "the checkpoint could not be published");
            self.unpublished = Some(signed);
        }
        Some(failed.is_none())
    }

    /// A copy in the log, and to the other places.
    fn tell(&mut self, signed: &Signed) {
        if self.log {
            let entries = signed.size;
            tracing::info!(target: "runplane::checkpoint", entries, note = signed.note, "checkpoint");
        }
        if let Some(newest) = &self.newest {
            newest.put(signed);
        }
        self.told = Some(signed.clone());
    }

    /// Once when publishing begins to fail, and once when it goes on: it may fail for days, every ten seconds.
    async fn record(&mut self, store: &Store) -> Result<(), CommitError> {
        let reason = self.failing.map(|word| Fault {
            word,
            is_no_outage: false,
        });
        // Without a file there is nothing to tell of it.
        let now = std::time::Instant::now();
        if self.anchor.is_some()
            && let Some(turned) = self.turns.turn(now, reason)
        {
            store.write(turned).await?;
            self.turns.is_made(now, reason);
        }
        Ok(())
    }
}

/// Whether the tables are not those that were opened.
///
/// SECURITY: nobody else seals, so a checkpoint that is lost may be a trigger's doing, and what is not signed could be changed before
/// the next start signs it. Test: `who_keeps_checkpoints_out_of_the_database_is_found`.
async fn is_altered(store: &Store) -> bool {
    let store = store.clone();
    let altered = move || {
        let strange = store.evidence().map(|evidence| evidence.strange());
        matches!(strange, Ok(Ok(strange)) if !strange.is_empty())
    };
    tokio::task::spawn_blocking(altered).await.unwrap_or_default()
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

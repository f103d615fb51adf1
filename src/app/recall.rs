//! Approvals as a start takes them up.

use crate::approval::{self, Approvals, Uptime};
use crate::config::Config;
use crate::control;
use crate::io::keys::Secrets;
use crate::model::Timestamp;
use crate::store::Store;

/// What the clocks said as approvals were taken up. They are asked once: a step while the start goes on is the first look's to find,
/// and a `boot` that knew of it already would have the next start find one that never was.
pub(super) struct Began {
    pub(super) clock: Timestamp,
    pub(super) up: Option<Uptime>,
}

/// Approvals as they stood when the last run ended.
pub(super) async fn approvals(config: &Config, secrets: &Secrets, store: &Store) -> anyhow::Result<(Approvals, Began)> {
    let keys = approval::Keys::new(secrets.fingerprint_key(), secrets.credential_key());
    let rows = store.approvals(remembered_since(config))?;
    let up = Uptime::now();
    let approvals = Approvals::new(config.approvals.clone(), keys, rows);
    let clock = approvals.last_look();
    approvals.remember_grants(store.grants()?);
    // First: what is written before it is read has a time of its own.
    control::mind_the_clock(&approvals, store, clock, up.as_ref()).await?;
    if secrets.is_fresh() {
        control::expire_all(&approvals, store).await?;
    }
    Ok((approvals, Began { clock, up }))
}

/// What was finished before this matters no more.
pub(super) fn remembered_since(config: &Config) -> Timestamp {
    let remembered = Approvals::remembered(&config.approvals).as_millis();
    Timestamp(
        Timestamp::now()
            .0
            .saturating_sub(i64::try_from(remembered).unwrap_or(i64::MAX)),
    )
}

/// How the calls ended that approvals were spent on, so that a call that was never sent is not taken for executed.
pub(super) fn remember_ends(approvals: &Approvals, store: &Store, since: Timestamp) -> anyhow::Result<()> {
    for spent in store.spent(since)? {
        approvals.ended(&spent.approval, &spent.call, spent.outcome, spent.status);
    }
    Ok(())
}

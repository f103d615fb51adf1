//! What a start makes of the trail that it finds, before anything is taken up from it.

use crate::audit::{self, Anchor, Failing, Held, Last, RollbackError, Sealer};
use crate::config::Config;
use crate::io::keys::LogKeys;
use crate::model::entry::Kind;
use crate::model::inert::inert;
use crate::store::Store;

const DECIDED_BY_PEOPLE: [Kind; 6] = [
    Kind::Approved,
    Kind::Erased,
    Kind::Grant,
    Kind::Pause,
    Kind::Pruned,
    Kind::Registry,
];

/// Holds the tables that this start takes up to the entries, and these to what was signed. What is wrong with them, where the
/// operator goes on with that; and where publishing failed as the last run ended.
pub(super) fn taken_up(config: &Config, store: &Store, sealer: &Sealer) -> anyhow::Result<(Option<String>, Failing)> {
    let mut failing = Failing::new();
    let each = |kind: &str, bytes: &[u8]| audit::fails(&mut failing, kind, bytes);
    let findings = audit::recallable(&store.evidence()?, sealer.sealed(), each)?;
    let Some(first) = findings.told.first() else {
        return Ok((None, failing));
    };
    let (place, count) = (inert(&first.place.to_string()).into_owned(), findings.count);
    anyhow::ensure!(
        config.audit.accept_rollback,
        "{}: what is recorded there is not what was written ({place}: {}; findings in all: {count}), and nothing is taken up from it: who was \
         paused, what was spent, who may decide. Keep a copy, and look at it with `runplane audit verify`; then restore it from a backup, or begin a new \
         trail. To go on with it nonetheless, set `dangerously_accept_rollback: true` for as long as that stands there, which each start records: what is \
         wrong in an entry stays so for ever",
        config.home.database().display(),
        first.wrong
    );
    tracing::error!(
        place,
        count,
        "the trail was changed: accepted, as `dangerously_accept_rollback` says"
    );
    // What stands in the entry is kept for ever: places of ours and a count, and no name that somebody else wrote.
    Ok((Some(format!("{count} findings")), failing))
}

/// Whether the last run came to its end, which is then what the last checkpoint is over last; and how much people decided behind
/// that, where the operator goes on with it.
///
/// SECURITY: who can write the database while nothing runs could make themselves an approver there, or resume who was paused, and
/// have it signed. Test: `behind_the_end_of_a_run_nobody_decides_anything`.
pub(super) fn ended(config: &Config, store: &Store, sealer: &Sealer) -> anyhow::Result<(bool, u64)> {
    let (evidence, size) = (store.evidence()?, sealer.size());
    let last = evidence.kind(size)?;
    if last.as_deref() != Some(Kind::Shutdown.as_str()) {
        return Ok((size == 0, 0));
    }
    let added = evidence.count_behind(size, &DECIDED_BY_PEOPLE.map(Kind::as_str))?;
    anyhow::ensure!(
        added == 0 || config.audit.accept_rollback,
        "{}: behind the end of the last run, which is signed, stand {added} entries that say what people decided, and no sidecar wrote them. \
         Keep a copy; then restore it from a backup. To go on with it nonetheless, which is recorded, set `dangerously_accept_rollback: \
         true` for one start",
        config.home.database().display()
    );
    Ok((true, added))
}

/// A witness is somebody else than the log.
pub(super) fn others_than(keys: &LogKeys, config: &Config) -> anyhow::Result<()> {
    let of_log = keys.all();
    let mut witnesses = config.publish.witnesses.iter().map(|witness| &witness.key);
    if let Some(key) = witnesses.find(|key| of_log.iter().any(|log| key.is(log))) {
        anyhow::bail!(
            "`audit.publish.witnesses`: {key} is the key of this log itself, which vouches for nobody else: give the one of the witness"
        );
    }
    Ok(())
}

/// Without a file: a webhook and witnesses are not asked at start.
pub(super) fn not_held(config: &Config) -> String {
    if config.publish.is_empty() {
        return "none is configured".to_owned();
    }
    tracing::warn!(
        "whether the trail was set back cannot be told: checkpoints are published, but none is read back (`audit.publish.file`)"
    );
    "none that can be read is configured".to_owned()
}

pub(super) fn told(anchor: &Anchor, held: Held) -> String {
    let file = anchor.file().display();
    match &held {
        Held::Against { .. } => tracing::info!(file = %file, "the trail was {held}"),
        Held::Nothing => tracing::warn!(file = %file, "whether the trail was set back cannot be told: {held}"),
        Held::Unreadable(_) => tracing::error!(file = %file, "whether the trail was set back cannot be told: {held}"),
    }
    held.to_string()
}

/// What was taken up is what was held to the entries before.
///
/// SECURITY: who writes while a start reads could have one database checked and another one taken up. Test:
/// `what_is_changed_while_a_start_reads_is_not_taken_up`.
pub(in crate::app) async fn of_one_piece(store: &Store) -> anyhow::Result<()> {
    // Whoever writes looks whether others did.
    store.flush().await?;
    anyhow::ensure!(
        store.is_undisturbed(),
        "another program wrote to the database while it was read: what was checked may not be what was taken up. Find out which one it was, \
         and start again"
    );
    Ok(())
}

/// What the trail goes on from, for `boot`.
pub(super) fn last(sealer: &Sealer) -> String {
    match &sealer.held {
        Last::From(size) => format!("goes on from {size} entries"),
        Last::Unknown if sealer.size() == 0 => "nothing was signed yet".to_owned(),
        Last::Unknown => {
            tracing::warn!("whether the trail was set back cannot be told: state/log.last is not there");
            "log.last is not there".to_owned()
        }
        Last::Accepted { signed, found } => {
            tracing::error!(
                signed,
                found,
                "the trail does not go on from what was signed last: accepted, as `dangerously_accept_rollback` says"
            );
            format!("rollback accepted: it does not go on from what was signed over {signed} entries, but from {found}")
        }
    }
}

pub(super) fn accepted(error: &RollbackError) -> String {
    tracing::error!(%error, "accepted, as `dangerously_accept_rollback` says");
    match error {
        RollbackError::Older { anchored, found, .. } => {
            format!("rollback accepted: from {anchored} entries to {found}")
        }
        RollbackError::Another { anchored, .. } => {
            format!("rollback accepted: other entries than the {anchored} of it")
        }
        RollbackError::Foreign { .. } | RollbackError::Link(_) | RollbackError::Beside(_) | RollbackError::Seal(_) => {
            error.to_string()
        }
    }
}

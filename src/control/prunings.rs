//! `/api/v1/prunings`: the first months taken out of the record. For owners; and what the configuration keeps, by itself.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::{Extension, Json};
use http::StatusCode;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::Parts;
use super::approvals::reason_of;
use super::problem::Problem;
use super::registry::owner_only;
use super::view::Pruned;
use crate::agent::Person;
use crate::audit::{By, Prune, PruneError, hold_before_pruning};
use crate::gate::Rules;
use crate::model::Timestamp;
use crate::model::inert::inert;
use crate::model::month::Month;
use crate::store::{CommitError, ReadError, Store, to_its_end};

/// What is not pruned whatever is asked for: what counts, is remembered or is told of what was usual reaches back less than that.
const WHOLE_MONTHS: u32 = 1;
/// How long the order may wait for its checkpoint.
const SIGNED_WITHIN: Duration = Duration::from_secs(30);
/// How often it is planned anew where something else changed meanwhile.
const ATTEMPTS: u32 = 5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    /// `2026-01`: what is older goes.
    before: String,
    reason: String,
    /// Only count.
    #[serde(default)]
    dry_run: bool,
}

/// Why nothing, or not all, was pruned.
#[derive(Debug, thiserror::Error)]
pub enum PruningError {
    #[error("nothing is pruned: the current month and the last whole one are always kept, so `before` is at most {0}")]
    TooLate(Month),
    #[error(
        "nothing (more) is pruned: the budget `{budget}` counts calls since {since}, so `before` is at most {most}"
    )]
    Counted {
        budget: Arc<str>,
        since: Timestamp,
        most: Month,
    },
    #[error(transparent)]
    Plan(#[from] PruneError),
    #[error("what was to be pruned was not signed in time; nothing of it is gone")]
    Unsigned,
    #[error("the record changed while it was pruned; the same command goes on")]
    Changing,
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("a task died")]
    Died,
}

/// By the sidecar itself or for an owner, one at a time.
pub(super) async fn prune(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    new: Result<Json<New>, JsonRejection>,
) -> Result<Json<Pruned>, Problem> {
    let Json(new) = new?;
    owner_only(&person)?;
    let reason = reason_of(&new.reason)?;
    let before = Month::parse(&new.before);
    let before = before.ok_or_else(|| Problem::unprocessable("expected `before` to be a month, such as 2026-01"))?;
    may_go(&parts.gate.rules(), before, Timestamp::now())?;
    if new.dry_run {
        let _one_at_a_time = parts.pruning.lock().await;
        let plan = planned(&parts.store, before, i64::MAX).await?;
        let mut pruned = told(&plan);
        if let Some((_, to)) = plan.range() {
            pruned.bytes = weight(&parts.store, to).await?;
        }
        return Ok(Json(pruned));
    }
    to_its_end(async move {
        let by = By::Person {
            name: &person.name,
            reason: &reason,
        };
        let counts = || may_go(&parts.gate.rules(), before, Timestamp::now());
        let pruned = carry_out(&parts.store, &parts.pruning, before, &by, counts).await?;
        if let Some((from, to)) = pruned.range {
            parts
                .notices
                .line(format!("PRUNED entries {from} to {to} by {}", inert(&person.name)));
        }
        Ok(Json(pruned))
    })
    .await
}

/// Whether all that counts is of this month or a later one.
///
/// SECURITY: what was pruned of a budget's window would be zero after a restart. Test: `what_counts_is_not_pruned`.
///
/// # Errors
/// If something of an earlier month counts.
pub fn may_go(rules: &Rules, before: Month, now: Timestamp) -> Result<(), PruningError> {
    is_over(rules.counts_since(now), before, now)
}

/// `counted`: by which budget, and since when.
fn is_over(counted: Option<(Arc<str>, Timestamp)>, before: Month, now: Timestamp) -> Result<(), PruningError> {
    let most = Month::of(now).before(WHOLE_MONTHS);
    if before > most {
        return Err(PruningError::TooLate(most));
    }
    match counted {
        Some((budget, since)) if since < before.begins() => Err(PruningError::Counted {
            budget,
            since,
            most: Month::of(since),
        }),
        _ => Ok(()),
    }
}

/// Prunes what is older than `before`, piece by piece, for as long as it may go.
///
/// SECURITY: the order is signed before anything goes: behind the last checkpoint, who can write the database while nothing runs could
/// say that the beginning was pruned. Test: `what_is_pruned_is_told_from_what_is_missing`.
///
/// # Errors
/// If the record cannot be read or written, or is not what was signed.
pub async fn carry_out(
    store: &Store,
    one_at_a_time: &Mutex<()>,
    before: Month,
    by: &By<'_>,
    may_go: impl Fn() -> Result<(), PruningError>,
) -> Result<Pruned, PruningError> {
    let _one_at_a_time = one_at_a_time.lock().await;
    let (mut most, mut gone) = (i64::MAX, None);
    for _ in 0..ATTEMPTS {
        may_go()?;
        let mut plan = planned(store, before, most).await?;
        let Some((_, to)) = plan.range() else {
            return Ok(and(gone, told(&plan)));
        };
        most = to;
        let begins = i64::try_from(store.entries()).unwrap_or(i64::MAX);
        store.write(plan.ordered(before, by)).await?;
        let order = order_behind(store, begins).await?;
        if plan.is_outdated(&store.reader().map_err(read)?, order).map_err(read)? {
            continue;
        }
        is_signed(store, order).await?;
        let mut pieces = 0;
        match in_pieces(store, &plan, order, by, (&may_go, &mut pieces)).await {
            Err(PruningError::Commit(CommitError::Lost)) => {
                plan.truncate(pieces);
                gone = Some(and(gone, told(&plan)));
            }
            done => return done.map(|()| and(gone, told(&plan))),
        }
    }
    Err(PruningError::Changing)
}

/// What went in all, where it was planned anew; what is held is told by the last plan.
fn and(before: Option<Pruned>, then: Pruned) -> Pruned {
    let Some(before) = before else { return then };
    let range = match (before.range, then.range) {
        (Some((from, _)), Some((_, to))) => Some((from, to)),
        (one, other) => one.or(other),
    };
    let ends = |months: &str| months.rsplit("..").next().unwrap_or_default().to_owned();
    let begins = |months: &str| months.split("..").next().unwrap_or_default().to_owned();
    let months = match (&*before.months, &*then.months) {
        (one, "") | ("", one) => one.to_owned(),
        (one, other) if begins(one) == ends(other) => begins(one),
        (one, other) => format!("{}..{}", begins(one), ends(other)),
    };
    Pruned {
        range,
        entries: before.entries + then.entries,
        months,
        ..then
    }
}

fn read(error: impl Into<ReadError>) -> PruningError {
    PruningError::Plan(PruneError::Read(error.into()))
}

/// Between two pieces the writer is left to the calls for as long as one took; and rules may have come into force that count more.
/// `written`: how many pieces went.
async fn in_pieces(
    store: &Store,
    plan: &Prune,
    order: i64,
    by: &By<'_>,
    (may_go, written): (impl Fn() -> Result<(), PruningError>, &mut usize),
) -> Result<(), PruningError> {
    for piece in plan.pieces() {
        may_go()?;
        let began = Instant::now();
        store.write(piece.changes(order, by)).await?;
        *written += 1;
        sleep(began.elapsed().max(Duration::from_millis(5))).await;
    }
    Ok(())
}

async fn planned(store: &Store, before: Month, most: i64) -> Result<Prune, PruningError> {
    let store = store.clone();
    let plan = tokio::task::spawn_blocking(move || {
        let signed = store.signed();
        let reader = store.reader().map_err(ReadError::from)?;
        reader.stand_still()?;
        let plan = Prune::plan(&reader, signed, before.begins(), most)?;
        // Who stands still keeps the writer from emptying its log.
        drop(reader);
        if plan.range().is_some() {
            hold_before_pruning(&store.evidence().map_err(ReadError::from)?, signed)?;
        }
        Ok::<_, PruneError>(plan)
    });
    Ok(plan.await.map_err(|_| PruningError::Died)??)
}

async fn weight(store: &Store, to: i64) -> Result<Option<i64>, PruningError> {
    let store = store.clone();
    let weight = move || store.reader().map_err(ReadError::from)?.weight(to);
    let weight = tokio::task::spawn_blocking(weight).await;
    Ok(Some(weight.map_err(|_| PruningError::Died)?.map_err(PruneError::from)?))
}

/// The place of the order, which was written behind `begins`. One is written at a time.
async fn order_behind(store: &Store, begins: i64) -> Result<i64, PruningError> {
    let store = store.clone();
    let find = move || {
        let reader = store.reader().map_err(ReadError::from)?;
        Ok::<_, ReadError>(reader.written(begins + 1, i64::MAX, &["pruned"], 1)?.into_iter().next())
    };
    let found = tokio::task::spawn_blocking(find)
        .await
        .map_err(|_| PruningError::Died)?;
    let order = found.map_err(PruneError::from)?;
    order.map(|order| order.seq).ok_or(PruningError::Changing)
}

async fn is_signed(store: &Store, order: i64) -> Result<(), PruningError> {
    let until = Instant::now() + SIGNED_WITHIN;
    while store.is_sealed_up_to() < order {
        if Instant::now() > until {
            return Err(PruningError::Unsigned);
        }
        store.seal_soon();
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn told(plan: &Prune) -> Pruned {
    Pruned {
        range: plan.range(),
        entries: plan.entries(),
        months: plan.months(),
        held: plan.held.clone(),
        bytes: None,
    }
}

impl From<PruningError> for Problem {
    fn from(error: PruningError) -> Self {
        match error {
            PruningError::TooLate(_) => Self::unprocessable(error.to_string()),
            PruningError::Counted { .. }
            | PruningError::Plan(PruneError::Changed(_) | PruneError::Another(_) | PruneError::Found { .. })
            | PruningError::Changing => Self::conflict(error.to_string()),
            PruningError::Commit(error) => error.into(),
            PruningError::Plan(PruneError::Read(_)) | PruningError::Unsigned | PruningError::Died => {
                tracing::error!(%error, "the record could not be pruned");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_comes_to_count_meanwhile_is_not_pruned() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("state").join("runplane.db")).unwrap();
        let most = Month::parse("2026-02").unwrap();
        let by = By::Retention { months: 13 };
        let mut written = 0;
        let too_late = || Err(PruningError::TooLate(most));
        let pruned = in_pieces(&store, &Prune::sample(), 1, &by, (too_late, &mut written)).await;
        assert!(matches!(pruned, Err(PruningError::TooLate(_))), "{pruned:?}");
        let pruned = in_pieces(&store, &Prune::sample(), 1, &by, (|| Ok(()), &mut written)).await;
        assert!(
            matches!(pruned, Err(PruningError::Commit(_))),
            "it is tried: {pruned:?}"
        );
        assert_eq!(written, 0);
    }

    #[test]
    fn what_went_before_it_was_planned_anew_is_told_with_the_rest() {
        let pruned = |range, entries, months: &str, held: Option<&str>| Pruned {
            range,
            entries,
            months: months.to_owned(),
            held: held.map(str::to_owned),
            bytes: None,
        };
        let first = pruned(Some((1, 50)), 40, "2025-01..2025-02", Some("one call"));
        let then = pruned(Some((51, 90)), 30, "2025-02..2025-03", None);
        let all = and(Some(first.clone()), then);
        assert_eq!((all.range, all.entries, all.held), (Some((1, 90)), 70, None));
        assert_eq!(all.months, "2025-01..2025-03");
        let nothing = pruned(None, 0, "", Some("the clock"));
        let all = and(Some(first), nothing);
        assert_eq!(
            (all.range, &*all.months, all.held.as_deref()),
            (Some((1, 50)), "2025-01..2025-02", Some("the clock"))
        );
    }

    /// Who reads the order reckons with what stands before it.
    #[tokio::test]
    async fn where_the_clock_was_set_before_the_order_it_is_planned_anew() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("state").join("runplane.db")).unwrap();
        for _ in 0..9 {
            store.write(crate::audit::shutdown()).await.unwrap();
        }
        let outdated = |order| Prune::sample().is_outdated(&store.reader().unwrap(), order).unwrap();
        assert!(!outdated(11));
        let jump = crate::model::time::Jump::Forward(Duration::from_secs(60));
        store.write(crate::audit::gap(jump)).await.unwrap();
        assert!(outdated(11) && !outdated(10), "before the order, and not behind it");
    }

    /// A window of 30 days reaches over February.
    #[test]
    fn what_counts_is_not_pruned() {
        let month = |text: &str| Month::parse(text).unwrap();
        let now = Timestamp::of_date("2026-03-01").unwrap();
        let counted = || Some(("refunds".into(), Timestamp(now.0 - 31 * 86_400_000)));
        let refused = is_over(counted(), month("2026-02"), now);
        assert!(matches!(refused, Err(PruningError::Counted { most, .. }) if most == month("2026-01")));
        assert!(is_over(counted(), month("2026-01"), now).is_ok());
        assert!(is_over(None, month("2026-02"), now).is_ok());
        for late in ["2026-03", "2026-04"] {
            assert!(
                matches!(is_over(None, month(late), now), Err(PruningError::TooLate(most)) if most == month("2026-02"))
            );
        }
    }
}

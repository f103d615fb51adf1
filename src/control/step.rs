//! Steps of the wall clock that nobody saw: while we were down, or right before we were killed.

use std::time::Duration;

use serde::Deserialize;

use super::expiry::tell;
use crate::approval::{Approvals, CLOCK_SLACK, Uptime};
use crate::model::Timestamp;
use crate::model::time::Jump;
use crate::store::{CommitError, ReadError, Store};

/// Why a step could not be told.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// What a start, or a jump of the clock, says of the clocks.
#[derive(Debug, Deserialize)]
struct Members {
    kind: String,
    time: Timestamp,
    boot_id: Option<String>,
    uptime_ms: Option<String>,
    /// What the wall clock said then. The entry's own time is never before the last entry's, and so is no clock's.
    clock_ms: Option<String>,
    #[serde(default)]
    set_back_ms: i64,
    #[serde(default)]
    set_forward_ms: i64,
}

/// How old the machine is, at `now` by the wall clock, for the entry of a start.
pub fn uptime_members(up: Option<Uptime>, now: Timestamp) -> impl Iterator<Item = (&'static str, String)> {
    up.into_iter().flat_map(move |up| {
        [
            ("boot_id", up.boot),
            ("clock_ms", now.0.to_string()),
            ("uptime_ms", up.since.as_millis().to_string()),
        ]
    })
}

/// To be called at start. Set forward, the clock makes what is on record look older than it is, and would free what was taken of
/// budgets. Set back, it makes what people gave count for longer: they are asked anew. Within one run of the machine its own age
/// tells (`up`: that age, at `now`); in any case a clock does that is further behind the last entry's time than was told.
///
/// # Errors
/// If the record cannot be read or written.
pub async fn mind_the_clock(
    approvals: &Approvals,
    store: &Store,
    now: Timestamp,
    up: Option<&Uptime>,
) -> Result<(), StepError> {
    for jump in steps(store, now, up)? {
        match jump {
            Jump::Forward(by) => tracing::warn!(
                seconds = by.as_secs(),
                "the clock was set forward since the last start: what was taken of budgets is kept that much longer"
            ),
            Jump::Back(by) => tracing::warn!(
                seconds = by.as_secs(),
                "the clock was set back since the last start: approvals not used yet are expired"
            ),
        }
        // SECURITY: a yes would count for as much longer as the clock was set back, where the sidecar was killed before it saw
        // that. Test: `a_clock_that_was_set_back_and_ran_on_makes_no_yes_longer`.
        tell(approvals, store, jump).await?;
    }
    Ok(())
}

/// By how much the clock is elsewhere than it should be.
fn steps(store: &Store, now: Timestamp, up: Option<&Uptime>) -> Result<Vec<Jump>, StepError> {
    let last = store.last_time()?;
    let run = up.map_or(Ok(Run::default()), |up| run(store, up))?;
    let by_age = run
        .expected
        .and_then(|expected| Jump::between(expected, now, CLOCK_SLACK));
    // An entry's time is never before the last one's: of a clock that was set back, and was told of, it knows nothing.
    let known = Timestamp(last.0.saturating_sub(run.ahead));
    let by_entry = Jump::between(known, now, CLOCK_SLACK).filter(|jump| matches!(jump, Jump::Back(_)));
    Ok(both(by_age, by_entry))
}

/// A machine that was put back to an earlier moment knows nothing of what is on record since. And a clock may be behind the record,
/// and ahead by the machine's age: it was set forward, and back by less. What is told first makes the other longer, also for budgets,
/// which know of steps forward alone: they keep what was taken too long rather than too short.
fn both(by_age: Option<Jump>, by_entry: Option<Jump>) -> Vec<Jump> {
    match (by_age, by_entry) {
        (Some(Jump::Forward(ahead)), Some(Jump::Back(behind))) => {
            vec![Jump::Back(behind), Jump::Forward(ahead.saturating_add(behind))]
        }
        (one, other) => one.or(other).into_iter().collect(),
    }
}

/// What the last start and the jumps told since say, where it was in this run of the machine.
#[derive(Default)]
struct Run {
    /// Where they and the machine's age have the clock.
    expected: Option<Timestamp>,
    /// By how many milliseconds at most entries may be ahead of the clock.
    ahead: i64,
}

fn run(store: &Store, up: &Uptime) -> Result<Run, StepError> {
    let (mut run, mut known, mut back) = (Run::default(), 0_i64, 0_i64);
    store.reader().map_err(ReadError::from)?.starts(|entry| {
        let Ok(members) = serde_json::from_slice::<Members>(&entry.bytes) else {
            // An entry that is none of ours: the trail's own check tells.
            return true;
        };
        if members.kind == "boot" {
            if let Some((clock, expected)) = members.now(up, known) {
                let behind = members.time.0.saturating_sub(clock).max(0);
                run = Run {
                    expected: Some(expected),
                    ahead: behind.saturating_add(back),
                };
            }
            return false;
        }
        known = known.saturating_add(members.set_forward_ms.saturating_sub(members.set_back_ms));
        back = back.saturating_add(members.set_back_ms);
        true
    })?;
    Ok(run)
}

impl Members {
    /// What the wall clock said at this start, in milliseconds, and should say now; `known`: by how much it was set forward since,
    /// in milliseconds. `None`: the machine itself was started since, or does not tell.
    fn now(&self, up: &Uptime, known: i64) -> Option<(i64, Timestamp)> {
        self.boot_id.as_ref().filter(|boot| **boot == up.boot)?;
        let then = Duration::from_millis(self.uptime_ms.as_ref()?.parse().ok()?);
        let passed = i64::try_from(up.since.checked_sub(then)?.as_millis()).ok()?;
        let clock: i64 = self.clock_ms.as_ref()?.parse().ok()?;
        Some((clock, Timestamp(clock.checked_add(passed)?.checked_add(known)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::{Config, Keys};
    use crate::audit;

    const NEVER: [i64; 0] = [];
    const HOUR: Duration = Duration::from_secs(3600);

    fn up(boot: &str, hours: u32) -> Uptime {
        Uptime {
            boot: boot.to_owned(),
            since: HOUR * hours,
        }
    }

    /// The jumps told in the end, in hours, where a machine that is `up` by now was started `after` a sidecar's start, and the
    /// wall clock tells `hours` more than then.
    async fn told(jumps: &[Jump], hours: u32, up: Option<Uptime>) -> Vec<i64> {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("state/runplane.db")).unwrap();
        let started = Timestamp::now();
        let start: Vec<_> = uptime_members(Some(self::up("a", 5)), started).collect();
        store.write(audit::boot(start)).await.unwrap();
        for jump in jumps {
            store.write(audit::gap(*jump)).await.unwrap();
        }
        let now = started.plus(HOUR * hours);
        let approvals = Approvals::new(Config::default(), Keys::new(&[1; 32], &[2; 32]), Vec::new());
        mind_the_clock(&approvals, &store, now, up.as_ref()).await.unwrap();
        // What is told once is known then.
        mind_the_clock(&approvals, &store, now, up.as_ref()).await.unwrap();
        let mut found = Vec::new();
        let see = |entry: &crate::store::Kept| {
            let members: Members = serde_json::from_slice(&entry.bytes).unwrap();
            found.push((members.set_forward_ms - members.set_back_ms) / 3_600_000);
            true
        };
        store.reader().unwrap().starts(see).unwrap();
        found.retain(|by| *by != 0);
        found
    }

    #[tokio::test]
    async fn a_step_forward_that_nobody_saw_is_told_at_the_next_start() {
        assert_eq!(
            told(&[], 14, Some(up("a", 7))).await,
            [12],
            "two hours passed, not fourteen"
        );
        assert_eq!(told(&[], 2, Some(up("a", 7))).await, NEVER);
        assert_eq!(
            told(&[Jump::Forward(HOUR * 12)], 14, Some(up("a", 7))).await,
            [12],
            "once"
        );
        assert_eq!(
            told(&[Jump::Forward(HOUR * 12), Jump::Back(HOUR * 12)], 14, Some(up("a", 7))).await,
            [12, -12, 12],
            "and once more"
        );
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_and_ran_on_is_told_at_the_next_start() {
        let at = |hours| up("a", hours);
        assert_eq!(
            told(&[], 1, Some(at(9))).await,
            [-3],
            "four hours passed, and it tells one"
        );
        assert_eq!(told(&[Jump::Back(HOUR * 3)], 1, Some(at(9))).await, [-3], "once");
    }

    /// An entry's time is never before the last one's: found by a reader.
    #[tokio::test]
    async fn a_start_behind_the_last_entrys_time_counts_by_the_clock_on_the_wall() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("state/runplane.db")).unwrap();
        let started = Timestamp::now();
        let behind = Timestamp(started.0 - 3_600_000);
        let start: Vec<_> = uptime_members(Some(up("a", 5)), behind).collect();
        store.write(audit::boot(start)).await.unwrap();
        assert_eq!(steps(&store, behind.plus(HOUR * 2), Some(&up("a", 7))).unwrap(), []);
        assert_eq!(
            steps(&store, started.plus(HOUR * 2), Some(&up("a", 7))).unwrap(),
            [Jump::Forward(HOUR)]
        );
    }

    #[test]
    fn the_machines_age_tells_how_far_a_clock_was_set_back() {
        let (ahead, behind, less) = (Jump::Forward(HOUR), Jump::Back(HOUR), Jump::Back(HOUR / 2));
        assert_eq!(both(Some(less), Some(behind)), [less]);
        assert_eq!(both(None, Some(behind)), [behind]);
        assert_eq!(both(Some(ahead), None), [ahead]);
        assert_eq!(both(Some(ahead), Some(less)), [less, Jump::Forward(HOUR * 3 / 2)]);
    }

    #[tokio::test]
    async fn where_the_machine_was_started_since_its_clock_is_believed() {
        for up in [Some(up("b", 7)), Some(up("a", 4)), None] {
            assert_eq!(told(&[], 14, up).await, NEVER);
        }
    }
}

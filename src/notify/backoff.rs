//! When an attempt that failed is repeated.

use std::time::Duration;

use crate::model::Timestamp;
use crate::model::secret::random_bytes;

/// After the first attempt; it doubles with each.
const FIRST: Duration = Duration::from_secs(5);
/// While people are asked, who wait at most for minutes.
pub(super) const LONGEST_WHILE_ASKED: Duration = Duration::from_secs(60);
pub(super) const LONGEST: Duration = Duration::from_secs(60 * 60);
/// From the event on.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// When to try again what failed `failed` times, the last time at `now`; `None`: no more. `asked`: people are asked, so it is
/// urgent. `wanted`: what the receiver asks for (`Retry-After`).
///
/// Half of the pause is left to chance, so that what failed together is not tried together.
pub(super) fn next(
    created: Timestamp,
    now: Timestamp,
    failed: u32,
    asked: bool,
    wanted: Option<Duration>,
) -> Option<Timestamp> {
    let longest = if asked { LONGEST_WHILE_ASKED } else { LONGEST };
    let doubled = FIRST.saturating_mul(1 << failed.saturating_sub(1).min(20));
    let pause = doubled.min(longest);
    let chance = u64::from(u16::from_be_bytes(random_bytes())) * half(pause) / u64::from(u16::MAX);
    let pause = Duration::from_millis(half(pause) + chance);
    let due = now.plus(pause.max(wanted.unwrap_or_default().min(longest)));
    (due <= created.plus(GIVEN_UP_AFTER)).then_some(due)
}

fn half(pause: Duration) -> u64 {
    u64::try_from(pause.as_millis() / 2).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(failed: u32, asked: bool) -> Duration {
        next(Timestamp(0), Timestamp(0), failed, asked, None)
            .unwrap()
            .since(Timestamp(0))
    }

    #[test]
    fn pauses_double_up_to_a_bound_and_half_of_each_is_chance() {
        for _ in 0..100 {
            for (failed, asked, longest) in [
                (1, false, 5),
                (2, false, 10),
                (5, false, 80),
                (5, true, 60),
                (20, false, 3600),
                (u32::MAX, true, 60),
            ] {
                let (pause, longest) = (pause(failed, asked), Duration::from_secs(longest));
                assert!(pause >= longest / 2 && pause <= longest, "{failed} {pause:?}");
            }
        }
        let some: std::collections::BTreeSet<_> = (0..50).map(|_| pause(5, false)).collect();
        assert!(some.len() > 10, "{some:?}");
    }

    #[test]
    fn after_a_day_it_is_given_up_and_a_receiver_may_ask_for_an_hour_or_a_minute_at_most() {
        let day = Timestamp(24 * 3600 * 1000);
        assert_eq!(next(Timestamp(0), day, 30, false, None), None);
        assert!(next(Timestamp(0), Timestamp(day.0 - 3_600_001), 30, false, None).is_some());
        let wanted = |asked, seconds| {
            let due = next(Timestamp(0), Timestamp(0), 1, asked, Some(Duration::from_secs(seconds)));
            due.unwrap().0
        };
        assert_eq!((wanted(false, 600), wanted(false, u64::MAX)), (600_000, 3_600_000));
        assert_eq!((wanted(true, 30), wanted(true, 600)), (30_000, 60_000));
    }
}

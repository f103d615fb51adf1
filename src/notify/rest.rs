//! How long a receiver wants to be left alone: what it asks for by one message counts for all that are for it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::{LONGEST, LONGEST_WHILE_ASKED};

/// Shared by all who send to the same receiver, or by the same token.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// Its wishes are for what asks, or for what does not: these go by two methods, each with a limit of its own.
    apart: bool,
    until: Mutex<Until>,
}

#[derive(Debug, Default)]
struct Until {
    asking: Option<Instant>,
    others: Option<Instant>,
}

impl Rest {
    pub(super) fn by_method() -> Self {
        Self {
            apart: true,
            ..Self::default()
        }
    }

    /// A receiver asked for this (`Retry-After`) when people were to be asked, or told of something else; an earlier wish that is longer stays.
    ///
    /// SECURITY: whatever is told would keep people from being asked until their time is over. Asking waits for a minute at most. Test:
    /// `people_are_asked_a_minute_after_whatever_a_receiver_wished`.
    pub(super) fn wanted(&self, asks: bool, span: Option<Duration>) {
        let Some(span) = span else { return };
        let mut until = self.until();
        if asks || !self.apart {
            longer(&mut until.asking, span.min(LONGEST_WHILE_ASKED));
        }
        if !asks || !self.apart {
            longer(&mut until.others, span.min(LONGEST));
        }
    }

    /// For how long it is still left alone with questions, or with all else.
    pub(super) fn left(&self, asks: bool) -> Option<Duration> {
        let until = self.until();
        let end = if asks { until.asking } else { until.others };
        let left = end?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    fn until(&self) -> MutexGuard<'_, Until> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn longer(until: &mut Option<Instant>, span: Duration) {
    let end = Instant::now() + span;
    *until = Some(until.map_or(end, |until| until.max(end)));
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const NONE: Option<Duration> = None;

    fn seconds(count: u64) -> Option<Duration> {
        Some(Duration::from_secs(count))
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_wish_counts_and_none_for_more_than_an_hour() {
        let rest = Rest::default();
        rest.wanted(false, None);
        assert_eq!((rest.left(true), rest.left(false)), (NONE, NONE));
        rest.wanted(false, seconds(30));
        rest.wanted(true, seconds(10));
        assert_eq!((rest.left(true), rest.left(false)), (seconds(30), seconds(30)));
        advance(Duration::from_secs(30)).await;
        assert_eq!((rest.left(true), rest.left(false)), (NONE, NONE));
        rest.wanted(true, Some(Duration::MAX));
        assert_eq!(rest.left(false), Some(LONGEST));
    }

    #[tokio::test(start_paused = true)]
    async fn people_are_asked_a_minute_after_whatever_a_receiver_wished() {
        let rest = Rest::default();
        rest.wanted(false, seconds(3_600));
        assert_eq!(rest.left(true), Some(LONGEST_WHILE_ASKED));
        advance(LONGEST_WHILE_ASKED).await;
        assert_eq!((rest.left(true), rest.left(false)), (NONE, seconds(3_540)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_by_one_method_is_none_by_the_other() {
        let rest = Rest::by_method();
        rest.wanted(false, seconds(30));
        assert_eq!((rest.left(true), rest.left(false)), (NONE, seconds(30)));
        rest.wanted(true, seconds(20));
        assert_eq!((rest.left(true), rest.left(false)), (seconds(20), seconds(30)));
    }
}

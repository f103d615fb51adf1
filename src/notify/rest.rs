//! How long a receiver wants to be left alone: what it asks for by one message counts for all that are for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::LONGEST;

/// Shared by all who send to the same receiver, or by the same token.
#[derive(Debug, Default)]
pub(super) struct Rest(Mutex<Option<Instant>>);

impl Rest {
    /// A receiver asked for this (`Retry-After`); an earlier wish that is longer stays.
    pub(super) fn wanted(&self, span: Option<Duration>) {
        let Some(span) = span else { return };
        let end = Instant::now() + span.min(LONGEST);
        let mut until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *until = Some(until.map_or(end, |until| until.max(end)));
    }

    /// For how long it is still left alone.
    pub(super) fn left(&self) -> Option<Duration> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_wish_counts_and_none_for_more_than_an_hour() {
        let rest = Rest::default();
        rest.wanted(None);
        assert_eq!(rest.left(), None);
        rest.wanted(Some(Duration::from_secs(30)));
        rest.wanted(Some(Duration::from_secs(10)));
        assert_eq!(rest.left(), Some(Duration::from_secs(30)));
        advance(Duration::from_secs(30)).await;
        assert_eq!(rest.left(), None);
        rest.wanted(Some(Duration::MAX));
        assert_eq!(rest.left(), Some(LONGEST));
    }
}

//! Wall-clock time as it is stored: milliseconds since 1970, UTC.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch. Data only: waiting uses the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// This moment plus `span`, at most the end of time.
    pub fn plus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// How long from now on until this moment; zero once it has passed.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// The wall clock is not where it should be, by so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    Back(Duration),
    Forward(Duration),
}

impl Jump {
    /// From where the clock should be to where it is, if they differ by more than `slack`.
    pub fn between(expected: Timestamp, found: Timestamp, slack: Duration) -> Option<Jump> {
        let (back, forward) = (expected.since(found), found.since(expected));
        match (back > slack, forward > slack) {
            (true, _) => Some(Jump::Back(back)),
            (_, true) => Some(Jump::Forward(forward)),
            (false, false) => None,
        }
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339, UTC, seconds: `2026-11-20T14:05:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{}", time.strftime("%Y-%m-%dT%H:%M:%SZ")),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_as_rfc_3339() {
        assert_eq!(Timestamp(1_795_183_500_000).to_string(), "2026-11-20T14:05:00Z");
    }
}

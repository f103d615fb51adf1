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

    /// Reads an RFC 3339 time with its offset, as `2026-11-20T14:05:00Z`; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let time: jiff::Timestamp = text.parse().ok()?;
        Some(Self(time.as_millisecond()))
    }

    /// The beginning of a date, `2026-11-20`, in UTC; `None` if it is none.
    pub fn of_date(text: &str) -> Option<Self> {
        // Longer ones name a time, too, and no offset.
        let date: jiff::civil::Date = text.parse().ok().filter(|_| text.len() == "2026-11-20".len())?;
        let begins = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Self(begins.timestamp().as_millisecond()))
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

/// `45 s`, `14 min`, `2 h 5 min`
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// A time zone by its IANA name (`Europe/Berlin`), as it was known when this program was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(jiff::tz::TimeZone);

impl Default for Zone {
    /// UTC.
    fn default() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }
}

impl Zone {
    /// `None`: there is no zone of this name.
    pub fn named(name: &str) -> Option<Zone> {
        jiff::tz::TimeZone::get(name).ok().map(Zone)
    }

    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// What a clock on a wall there shows at `moment`.
    pub fn at(&self, moment: Timestamp) -> LocalTime {
        let moment = jiff::Timestamp::from_millisecond(moment.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let there = moment.to_zoned(self.0.clone());
        LocalTime {
            date: there.strftime("%Y-%m-%d").to_string(),
            weekday: match there.weekday() {
                jiff::civil::Weekday::Monday => "monday",
                jiff::civil::Weekday::Tuesday => "tuesday",
                jiff::civil::Weekday::Wednesday => "wednesday",
                jiff::civil::Weekday::Thursday => "thursday",
                jiff::civil::Weekday::Friday => "friday",
                jiff::civil::Weekday::Saturday => "saturday",
                jiff::civil::Weekday::Sunday => "sunday",
            },
            hour: i64::from(there.hour()),
            minute: i64::from(there.minute()),
        }
    }
}

/// A time as people speak of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// `2026-11-20`.
    pub date: String,
    /// In English, lower case.
    pub weekday: &'static str,
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
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

    #[test]
    fn a_zone_tells_the_time_there_and_the_day_with_it() {
        let shown = |zone: &str, moment: &str| {
            let moment: jiff::Timestamp = moment.parse().unwrap();
            let there = Zone::named(zone).unwrap().at(Timestamp(moment.as_millisecond()));
            format!("{} {} {}:{}", there.date, there.weekday, there.hour, there.minute)
        };
        assert_eq!(shown("UTC", "2026-11-20T14:05:00Z"), "2026-11-20 friday 14:5");
        assert_eq!(shown("Asia/Tokyo", "2026-11-20T15:00:00Z"), "2026-11-21 saturday 0:0");
        // On both sides of the hour that is left out in spring.
        assert_eq!(shown("Europe/Berlin", "2026-03-29T00:59:00Z"), "2026-03-29 sunday 1:59");
        assert_eq!(shown("Europe/Berlin", "2026-03-29T01:00:00Z"), "2026-03-29 sunday 3:0");
    }

    #[test]
    fn a_zone_that_nobody_knows_is_none() {
        assert_eq!(Zone::named("Europe/Atlantis"), None);
        assert_eq!(Zone::named("Europe/Berlin").unwrap().name(), "Europe/Berlin");
        assert_eq!(Zone::default().name(), "UTC");
    }

    #[test]
    fn a_span_is_told_in_two_units_at_most() {
        for (seconds, told) in [
            (0, "0 s"),
            (45, "45 s"),
            (60, "1 min"),
            (899, "14 min"),
            (3600, "1 h"),
            (7_500, "2 h 5 min"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), told);
        }
    }
}

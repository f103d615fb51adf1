//! Calendar months, in UTC.

use std::fmt;

use super::Timestamp;
use super::time::Zone;

/// A month, counted from the first one of the year 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(i64);

impl Month {
    /// `2026-11`; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        Timestamp::of_date(&format!("{text}-01")).map(Self::of)
    }

    /// The month in which a moment lies.
    pub fn of(time: Timestamp) -> Self {
        let date = Zone::default().at(time).date;
        let mut parts = date.split('-').map(|part| part.parse::<i64>().unwrap_or_default());
        let (year, month) = (parts.next().unwrap_or_default(), parts.next().unwrap_or(1));
        Self(year * 12 + month - 1)
    }

    /// So many months before this one.
    #[must_use]
    pub fn before(self, months: u32) -> Self {
        Self(self.0.saturating_sub(i64::from(months)))
    }

    /// Its first moment.
    pub fn begins(self) -> Timestamp {
        Timestamp::of_date(&format!("{self}-01")).unwrap_or(Timestamp(i64::MIN))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_each_other_over_the_turn_of_the_year() {
        let month = Month::parse("2026-02").unwrap();
        assert_eq!(month.before(1).to_string(), "2026-01");
        assert_eq!(month.before(14).to_string(), "2024-12");
        assert_eq!(month.begins().to_string(), "2026-02-01T00:00:00Z");
        assert_eq!(Month::of(Timestamp(month.begins().0 - 1)), month.before(1));
        assert_eq!(Month::of(month.begins()), month);
        for wrong in [
            "",
            "2026",
            "2026-13",
            "2026-2",
            "2026-00",
            "2026-02-01",
            "26-02",
            "x026-02",
        ] {
            assert_eq!(Month::parse(wrong), None, "{wrong}");
        }
    }
}

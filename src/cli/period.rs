//! `--since`, `--until`, `--agent`: which calls of the record.

use std::time::Duration;

use crate::audit;
use crate::model::Timestamp;

#[derive(Debug, clap::Args)]
pub(super) struct Period {
    /// From when on: a span back from now (`90m`, `24h`, `7d`), a date (`2026-11-20`, in UTC) or a time
    /// (`2026-11-20T14:00:00Z`)
    #[arg(long, value_name = "WHEN", default_value = "7d", value_parser = moment)]
    since: Moment,
    /// Up to when [default: now]
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<Moment>,
    /// Calls of this agent only
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
}

/// A point in time, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Ago(Duration),
    At(Timestamp),
}

impl Period {
    pub(super) fn at(&self, now: Timestamp) -> audit::Period {
        audit::Period {
            since: self.since.at(now),
            until: self
                .until
                .map_or(Timestamp(now.0.saturating_add(1)), |until| until.at(now)),
            agent: self.agent.clone(),
        }
    }
}

impl Moment {
    pub(super) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Moment::Ago(span) => Timestamp(
                now.0
                    .saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
            ),
            Moment::At(time) => time,
        }
    }
}

pub(super) fn moment(text: &str) -> Result<Moment, String> {
    if let Some(time) = Timestamp::parse(text).or_else(|| Timestamp::of_date(text)) {
        return Ok(Moment::At(time));
    }
    span(text).map(Moment::Ago).ok_or_else(|| {
        format!(
            "expected a span such as 90m, 24h or 7d, a date such as 2026-11-20, or a time such as 2026-11-20T14:00:00Z, \
             found `{text}`"
        )
    })
}

/// `90s`, `30m`, `24h`, `7d`.
pub(super) fn span(text: &str) -> Option<Duration> {
    let unit = match text.chars().next_back() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 60 * 60,
        Some('d') => 24 * 60 * 60,
        _ => return None,
    };
    let number = text.get(..text.len() - 1).unwrap_or_default();
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    Some(Duration::from_secs(number.checked_mul(unit)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_span_back_or_a_time() {
        let now = Timestamp(1_795_183_500_000);
        let at = |text: &str| moment(text).map(|moment| moment.at(now).to_string());
        assert_eq!(at("90m").unwrap(), "2026-11-20T12:35:00Z");
        assert_eq!(at("7d").unwrap(), "2026-11-13T14:05:00Z");
        assert_eq!(at("2026-11-20T14:00:00+01:00").unwrap(), "2026-11-20T13:00:00Z");
        assert_eq!(at("2026-11-20").unwrap(), "2026-11-20T00:00:00Z");
        for wrong in [
            "",
            "2026-11-31",
            "2026-11-2",
            "20261120",
            "2026-11-20T14:00",
            "d",
            "7",
            "7w",
            "-1d",
            "+1d",
            "yesterday",
            "99999999999999999999d",
            "1.5h",
            "7é",
        ] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
        assert!(moment("999999999999d").unwrap().at(now) < Timestamp(0));
    }
}

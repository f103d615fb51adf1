//! The single values of `runplane.yaml`, each checked as it is read so that an error names its line and column.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::approval::LONGEST as LONGEST_HOLD;
use crate::model::money::Rates;
use crate::model::observed::Observe;
use crate::model::time::Zone;

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Listen(pub(super) SocketAddr);

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |_| format!("expected an address and a port, as 127.0.0.1:8080, found `{text}`");
        text.parse().map(Listen).map_err(wrong)
    }
}

/// An address and port to dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct SocketAddress(pub(super) SocketAddr);

impl TryFrom<String> for SocketAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |_| format!("expected an address and a port, as 127.0.0.1:9443 or [::1]:9443, found `{text}`");
        text.parse().map(SocketAddress).map_err(wrong)
    }
}

/// A span of time with its unit: `25s`, `15m`, `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Span(pub(super) Duration);

/// Longer than any wait for people makes sense.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("expected a time with its unit, as 25s, 15m or 1h30m, at most 7 days, found `{text}`");
        let span: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
        let span = Duration::try_from(span).map_err(|_| wrong())?;
        (span >= Duration::from_secs(1) && span <= LONGEST)
            .then_some(Span(span))
            .ok_or_else(wrong)
    }
}

/// `true`, `false`, or a list of agents.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed(pub(super) Observe);

impl<'de> Deserialize<'de> for Observed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Switch;
        impl<'de> Visitor<'de> for Switch {
            type Value = Observe;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, `false` or a list of agents, as [ support-bot ]")
            }

            fn visit_bool<E>(self, all: bool) -> Result<Observe, E> {
                Ok(if all { Observe::Everyone } else { Observe::Nobody })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Observe, A::Error> {
                let mut agents = BTreeSet::new();
                while let Some(name) = names.next_element::<Name>()? {
                    agents.insert(name.arc());
                }
                match agents.is_empty() {
                    true => Ok(Observe::Nobody),
                    false => Ok(Observe::Agents(agents)),
                }
            }
        }
        deserializer.deserialize_any(Switch).map(Observed)
    }
}

/// A time zone by its IANA name: `Europe/Berlin`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct TimeZone(pub(super) Zone);

impl TryFrom<String> for TimeZone {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("expected a time zone by its IANA name, as Europe/Berlin or UTC, found `{text}`");
        Zone::named(&text).map(TimeZone).ok_or_else(wrong)
    }
}

/// A number of bytes: `512KiB`, `8MiB`, or digits alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Size(pub(super) usize);

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("expected a size, as 512KiB, 8MiB or 1GiB, found `{text}`");
        let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let shift = match unit.trim() {
            "" | "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return Err(wrong()),
        };
        let number: usize = digits.parse().map_err(|_| wrong())?;
        number
            .checked_mul(1 << shift)
            .filter(|bytes| *bytes > 0)
            .map(Size)
            .ok_or_else(wrong)
    }
}

/// How many of something there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "usize")]
pub(super) struct Count(pub(super) usize);

impl TryFrom<usize> for Count {
    type Error = String;

    fn try_from(count: usize) -> Result<Self, String> {
        (count > 0)
            .then_some(Count(count))
            .ok_or_else(|| "expected at least 1".to_owned())
    }
}

/// A score of risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Score(pub(super) i64);

impl TryFrom<i64> for Score {
    type Error = String;

    fn try_from(score: i64) -> Result<Self, String> {
        (0..=100)
            .contains(&score)
            .then_some(Score(score))
            .ok_or_else(|| "expected a score of risk, 0 to 100".to_owned())
    }
}

/// The name of an agent, role, person or group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Name(pub(super) String);

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let first = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let rest = text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        match first && rest && text.len() <= 63 {
            true => Ok(Name(text)),
            false => Err(format!(
                "expected a name of at most 63 characters a-z 0-9 . _ -, found `{text}`"
            )),
        }
    }
}

impl Name {
    pub(super) fn arc(&self) -> Arc<str> {
        self.0.as_str().into()
    }
}

/// SHA-256 of a key, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct KeyHash(pub(super) String);

impl TryFrom<String> for KeyHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            true => Ok(KeyHash(text.to_ascii_lowercase())),
            false => {
                Err("expected the SHA-256 of a key, 64 hexadecimal digits (`printf %s KEY | sha256sum`)".to_owned())
            }
        }
    }
}

/// A currency code of ISO 4217.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Currency(pub(super) String);

impl TryFrom<String> for Currency {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        crate::model::money::named(&text).map(Currency)
    }
}

/// What one unit of a currency is worth in the account's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Rate(pub(super) String);

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parsed = Rates::new(None).insert("usd", &text);
        parsed.map_err(|error| error.to_string()).map(|()| Rate(text))
    }
}

/// How long a client is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct HoldSpan(pub(super) Duration);

impl TryFrom<String> for HoldSpan {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Span(span) = text.try_into()?;
        match span <= LONGEST_HOLD {
            true => Ok(HoldSpan(span)),
            false => Err(format!(
                "expected at most {} s, found {} s",
                LONGEST_HOLD.as_secs(),
                span.as_secs()
            )),
        }
    }
}

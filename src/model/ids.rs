//! Identifiers: a prefix that tells the kind, then 128 bits in lower-case Crockford base 32.
//!
//! All of an approval's bits are random. A call's begin with the time (48 bits of milliseconds), so that calls of one time
//! lie beside each other in the database: at random places each would cost a page of the log. 80 random bits follow.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Digits for 128 bits, five each.
const LENGTH: usize = 26;
/// Of a call's bits those that are not its time.
const OWN_BYTES: usize = 10;
/// The digits that tell them.
const OWN_DIGITS: usize = 16;

/// A text that is not an identifier of the kind asked for.
#[derive(Debug, thiserror::Error)]
#[error("expected `{prefix}` and {LENGTH} characters of 0-9 a-z (without i l o u), found `{found}`")]
pub struct ParseIdError {
    prefix: &'static str,
    found: String,
}

fn random_bits() -> u128 {
    u128::from_be_bytes(super::secret::random_bytes())
}

fn bits_by_time() -> u128 {
    let milliseconds = u128::try_from(super::Timestamp::now().0).unwrap_or_default();
    (milliseconds << 80) | (random_bits() >> 48)
}

/// Those of a call at that time whose other bits are given.
fn bits_at(time: super::Timestamp, own: [u8; OWN_BYTES]) -> u128 {
    let milliseconds = u128::try_from(time.0).unwrap_or_default();
    let own = own.iter().fold(0, |bits, byte| (bits << 8) | u128::from(*byte));
    (milliseconds << (8 * OWN_BYTES)) | own
}

fn spell(prefix: &str, bits: u128) -> String {
    let mut id = String::with_capacity(prefix.len() + LENGTH);
    id.push_str(prefix);
    for place in (0..LENGTH).rev() {
        let digit = ((bits >> (5 * place)) & 31) as usize;
        id.extend(ALPHABET.get(digit).map(|byte| char::from(*byte)));
    }
    id
}

fn parse(prefix: &'static str, text: &str) -> Result<String, ParseIdError> {
    let digits = text.strip_prefix(prefix).unwrap_or_default().as_bytes();
    if digits.len() == LENGTH && digits.iter().all(|digit| ALPHABET.contains(digit)) {
        return Ok(text.to_owned());
    }
    Err(ParseIdError {
        prefix,
        found: text.to_owned(),
    })
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $bits:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// A new identifier, as no other is and nobody can guess.
            pub fn random() -> Self {
                Self(spell($prefix, $bits()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The first eight characters after the prefix: enough to name it on a command line.
            pub fn short(&self) -> &str {
                self.0.get(..$prefix.len() + 8).unwrap_or(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse($prefix, text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;

            fn try_from(text: String) -> Result<Self, ParseIdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

id!(
    /// One outbound call, from its first byte to its outcome. `Runplane-Request-Id` on the wire.
    CallId,
    "call_",
    bits_by_time
);
id!(
    /// One request for people's consent. `Runplane-Approval-Id` on the wire.
    ApprovalId,
    "apr_",
    random_bits
);
id!(
    /// What a person consented to beforehand.
    GrantId,
    "gra_",
    random_bits
);

impl CallId {
    /// One that tells which request it is of, by bits that only we can work out.
    pub fn of_request(time: super::Timestamp, own: [u8; OWN_BYTES]) -> Self {
        Self(spell(Self::PREFIX, bits_at(time, own)))
    }

    /// What it has besides its time: of calls of one request the same.
    pub fn own_part(&self) -> &str {
        self.0
            .get(Self::PREFIX.len() + LENGTH - OWN_DIGITS..)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_as_written() {
        let id = ApprovalId::random();
        assert_eq!(id.to_string().parse::<ApprovalId>().unwrap(), id);
        assert_eq!(id.as_str().len(), 30);
        assert!(id.as_str().starts_with(id.short()));
    }

    #[test]
    fn calls_are_in_the_order_of_their_time() {
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.push(CallId::random());
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        assert!(ids.is_sorted(), "{ids:?}");
        let random_part = |id: &CallId| id.as_str()[id.as_str().len() - 16..].to_owned();
        let random_parts: std::collections::BTreeSet<String> = ids.iter().map(random_part).collect();
        assert_eq!(random_parts.len(), ids.len());
    }

    #[test]
    fn calls_of_one_request_are_told_by_their_own_part() {
        let at = |time, own| CallId::of_request(super::super::Timestamp(time), own);
        let (one, later, other) = (
            at(1_795_197_570_000, [7; 10]),
            at(1_795_197_570_001, [7; 10]),
            at(1_795_197_570_000, [8; 10]),
        );
        assert!(one < later && one.own_part() == later.own_part());
        assert_ne!(one.own_part(), other.own_part());
        assert_eq!(one.to_string().parse::<CallId>().unwrap(), one);
        assert_eq!(one.as_str().get(..14), later.as_str().get(..14));
        assert_eq!(one.own_part().len(), OWN_DIGITS);
    }

    #[test]
    fn another_kind_or_alphabet_is_refused() {
        let call = CallId::random().to_string();
        assert!(call.parse::<ApprovalId>().is_err());
        assert!("apr_UUUUUUUUUUUUUUUUUUUUUUUUUU".parse::<ApprovalId>().is_err());
        assert!("apr_".parse::<ApprovalId>().is_err());
    }
}

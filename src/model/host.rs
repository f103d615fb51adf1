//! Reading a host as a person, a client or a file spells it into the one form that is judged.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::{Authority, Host};

/// The longest name DNS can hold (RFC 1035, 2.3.4), without the trailing dot.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// A text that does not name a host in exactly one way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseHostError {
    #[error("the host is empty")]
    Empty,
    #[error("the host is longer than a DNS name can be")]
    TooLong,
    /// Anything but ASCII letters, digits, `-`, `_` and single dots; IDN has to come as `xn--`.
    #[error("a host is ASCII letters, digits, `-`, `_` and dots (IDN as `xn--`), or an IP address")]
    Character,
    /// `127.1`, `0x7f000001`: a name to some, an address to others.
    #[error("a host that ends in a number must be an IPv4 address of four decimal parts")]
    Number,
    #[error("`[` and `]` must hold an IPv6 address without a zone")]
    Bracket,
    #[error("a port is a number from 1 to 65535")]
    Port,
    #[error("the port is missing")]
    PortMissing,
    #[error("an authority has no user name")]
    UserInfo,
}

impl FromStr for Host {
    type Err = ParseHostError;

    /// Lower-cases, drops one trailing dot, and reads addresses as addresses.
    fn from_str(text: &str) -> Result<Self, ParseHostError> {
        if let Some(inside) = text.strip_prefix('[') {
            let inside = inside.strip_suffix(']').ok_or(ParseHostError::Bracket)?;
            let address: Ipv6Addr = inside.parse().map_err(|_| ParseHostError::Bracket)?;
            return Ok(Host::Address(IpAddr::V6(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() {
            return Err(ParseHostError::Empty);
        }
        if name.len() > LONGEST_NAME {
            return Err(ParseHostError::TooLong);
        }
        if !name.split('.').all(is_label) {
            return Err(ParseHostError::Character);
        }
        // SECURITY: `127.1`, `2130706433` and `0x7f.1` are names here but addresses to the system's resolver; a policy
        // that names an address would not see them. Test: `an_address_in_disguise_is_refused`.
        if ends_in_a_number(name) {
            let address: Ipv4Addr = name.parse().map_err(|_| ParseHostError::Number)?;
            return Ok(Host::Address(IpAddr::V4(address)));
        }
        Ok(Host::Name(name.to_ascii_lowercase().into()))
    }
}

fn is_label(label: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// As the URL standard has it: the last label is all digits, or hexadecimal with `0x`.
fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    last.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl Authority {
    /// Reads `host`, `host:port` or `[address]:port`; without a port, `default_port`.
    ///
    /// # Errors
    /// A user name, a port that is no port, or whatever [`Host`] does not take.
    pub fn parse(text: &str, default_port: Option<u16>) -> Result<Self, ParseHostError> {
        let (host, port) = Self::parts(text)?;
        let port = port.or(default_port).ok_or(ParseHostError::PortMissing)?;
        Ok(Self { host, port })
    }

    /// Reads a host and its port, if it has one.
    ///
    /// # Errors
    /// As [`Authority::parse`].
    pub fn parts(text: &str) -> Result<(Host, Option<u16>), ParseHostError> {
        // SECURITY: `good.test@evil.test:443` names evil.test to some parsers and good.test to others.
        // Test: `a_user_name_is_refused`.
        if text.contains('@') {
            return Err(ParseHostError::UserInfo);
        }
        let (host, port) = split_port(text)?;
        let port = port.map(parse_port).transpose()?;
        Ok((host.parse()?, port))
    }
}

fn split_port(text: &str) -> Result<(&str, Option<&str>), ParseHostError> {
    let after_address = match text.starts_with('[') {
        true => text.find(']').ok_or(ParseHostError::Bracket)? + 1,
        false => 0,
    };
    match text.get(after_address..).and_then(|rest| rest.find(':')) {
        Some(at) => {
            let (host, port) = text.split_at(after_address + at);
            Ok((host, port.get(1..)))
        }
        None => Ok((text, None)),
    }
}

fn parse_port(digits: &str) -> Result<u16, ParseHostError> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParseHostError::Port);
    }
    match digits.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        Ok(_) | Err(_) => Err(ParseHostError::Port),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<String, ParseHostError> {
        Authority::parse(text, Some(443)).map(|authority| authority.to_string())
    }

    #[test]
    fn spellings_of_one_host_become_one() {
        for text in [
            "api.stripe.test",
            "API.Stripe.TEST",
            "api.stripe.test.",
            "api.stripe.test:443",
            "api.stripe.test.:0443",
        ] {
            assert_eq!(read(text).unwrap(), "api.stripe.test:443", "{text}");
        }
        assert_eq!(read("[::1]:8080").unwrap(), "[::1]:8080");
        assert_eq!(read("127.0.0.1").unwrap(), "127.0.0.1:443");
    }

    #[test]
    fn an_address_in_disguise_is_refused() {
        for text in [
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0X7f.1",
            "1.2.3.4.5",
            "0x",
        ] {
            assert_eq!(read(text), Err(ParseHostError::Number), "{text}");
        }
    }

    #[test]
    fn a_user_name_is_refused() {
        assert_eq!(read("api.stripe.test@evil.test:443"), Err(ParseHostError::UserInfo));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            ".",
            "a..b",
            "a b",
            "a\0b",
            "аpi.stripe.test",
            "a/b",
            "a%2eb",
            "a\\b",
            "[::1",
            "[fe80::1%25eth0]",
            "[a]:1",
            "::1",
            "a.test..",
            "[::1]x",
            "a:b:443",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
        for text in [
            "a.test:",
            "a.test:0",
            "a.test:65536",
            "a.test:99999",
            "a.test:+1",
            "a.test:4 4",
            "a.test: 443",
        ] {
            assert_eq!(read(text), Err(ParseHostError::Port), "{text:?}");
        }
        assert_eq!(read(&"a".repeat(64)), Err(ParseHostError::Character));
        assert_eq!(read(&"a.".repeat(127)).map(|_| ()), Ok(()));
        assert_eq!(read(&"a.".repeat(128)), Err(ParseHostError::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_read_reads_back_the_same(text in "\\PC{0,40}") {
            if let Ok(authority) = Authority::parse(&text, Some(1)) {
                prop_assert_eq!(Authority::parse(&authority.to_string(), None), Ok(authority));
            }
        }
    }
}

//! Which provider a host belongs to.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Authority, Host, Scheme};

/// `ec2.{region}.amazonaws.com:8443`: labels in the order written; a capture is exactly one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    labels: Vec<Label>,
    /// `None`: the scheme's default.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Label {
    Text(Box<str>),
    Capture(Arc<str>),
}

/// A host that a pattern fits.
pub(super) struct Found {
    /// Which service, as it was given to `insert`.
    pub service: usize,
    pub captures: Vec<(Arc<str>, String)>,
    /// The port is the one that the mapping is for.
    pub port: bool,
}

/// All patterns of all services.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// Patterns without captures by host.
    exact: HashMap<Box<str>, (Pattern, usize)>,
    /// Patterns with captures, by rank.
    captured: Vec<(Pattern, usize)>,
}

impl Found {
    /// What a capture of the pattern is.
    pub(super) fn capture(&self, wanted: &str) -> Option<&str> {
        let found = self.captures.iter().find(|(name, _)| **name == *wanted);
        found.map(|(_, value)| value.as_str())
    }
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("`{text}` is no host pattern: {why}"));
        let (host, port) = match text.rsplit_once(':') {
            None => (text, None),
            Some((host, port)) => match port.parse::<u16>() {
                Ok(port) if port > 0 => (host, Some(port)),
                _ => return wrong("what follows `:` is no port"),
            },
        };
        let mut labels = Vec::new();
        for label in host.split('.') {
            let capture = label.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
            let name = capture.unwrap_or(label);
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
            if name.is_empty() || !name.bytes().all(plain) {
                return wrong("expected labels of lower-case letters, digits and `-`, or `{name}` for a whole label");
            }
            labels.push(capture.map_or_else(|| Label::Text(label.into()), |name| Label::Capture(name.into())));
        }
        // A capture at the end would make a provider of strangers' domains.
        let fixed = labels
            .iter()
            .rev()
            .take_while(|label| matches!(label, Label::Text(_)))
            .count();
        match labels.len() {
            0 | 1 => wrong("expected at least two labels"),
            _ if fixed < 2 => wrong("the last two labels must be written out"),
            _ => Ok(Self { labels, port }),
        }
    }

    pub(super) fn captures(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().filter_map(|label| match label {
            Label::Capture(name) => Some(&**name),
            Label::Text(_) => None,
        })
    }

    /// Fewer captures go before more; then what is written out nearer to the end, where names are handed out.
    fn rank(&self) -> (usize, Vec<bool>) {
        let captures = self.labels.iter().rev().map(|label| matches!(label, Label::Capture(_)));
        (self.captures().count(), captures.collect())
    }

    fn matches(&self, host: &str) -> Option<Vec<(Arc<str>, String)>> {
        let mut captures = Vec::new();
        let mut rest = host.split('.');
        for label in &self.labels {
            match (label, rest.next()?) {
                (Label::Text(text), found) if **text == *found => {}
                (Label::Capture(name), found) if !found.is_empty() => captures.push((name.clone(), found.to_owned())),
                (Label::Text(_) | Label::Capture(_), _) => return None,
            }
        }
        rest.next().is_none().then_some(captures)
    }

    /// Some host that it fits is this name, or lies below it.
    fn is_below(&self, domain: &str) -> bool {
        let mut labels = self.labels.iter().rev();
        domain.rsplit('.').all(|wanted| match labels.next() {
            Some(Label::Text(text)) => text.eq_ignore_ascii_case(wanted),
            Some(Label::Capture(_)) => !wanted.is_empty(),
            None => false,
        })
    }

    /// Some host fits both.
    fn meets(&self, other: &Self) -> bool {
        let together = |(a, b): (&Label, &Label)| match (a, b) {
            (Label::Text(a), Label::Text(b)) => a == b,
            (Label::Capture(_), _) | (_, Label::Capture(_)) => true,
        };
        self.labels.len() == other.labels.len() && self.labels.iter().zip(&other.labels).all(together)
    }
}

impl Hosts {
    /// The services that have a host of this name, or below it.
    pub(super) fn below(&self, domain: &str) -> impl Iterator<Item = usize> {
        let all = self.exact.values().chain(&self.captured);
        all.filter(move |(pattern, _)| pattern.is_below(domain))
            .map(|(_, service)| *service)
    }

    /// Adds a pattern.
    ///
    /// # Errors
    /// The service that has a pattern of equal rank which some host fits too.
    pub(super) fn insert(&mut self, pattern: Pattern, service: usize) -> Result<(), usize> {
        let rank = pattern.rank();
        if rank.0 == 0 {
            let labels = pattern.labels.iter().map(|label| match label {
                Label::Text(text) => &**text,
                Label::Capture(name) => &**name,
            });
            let host = labels.collect::<Vec<_>>().join(".");
            return match self.exact.insert(host.into(), (pattern, service)) {
                None => Ok(()),
                Some((_, other)) => Err(other),
            };
        }
        let equal = |(other, _): &&(Pattern, usize)| other.rank() == rank && other.meets(&pattern);
        if let Some((_, other)) = self.captured.iter().find(equal) {
            return Err(*other);
        }
        let at = self.captured.partition_point(|(other, _)| other.rank() <= rank);
        self.captured.insert(at, (pattern, service));
        Ok(())
    }

    pub(super) fn find(&self, authority: &Authority, scheme: Scheme) -> Option<Found> {
        let Host::Name(name) = &authority.host else {
            return None;
        };
        let port = |pattern: &Pattern| authority.port == pattern.port.unwrap_or(scheme.default_port());
        if let Some((pattern, service)) = self.exact.get(&**name) {
            return Some(Found {
                service: *service,
                captures: Vec::new(),
                port: port(pattern),
            });
        }
        self.captured.iter().find_map(|(pattern, service)| {
            let captures = pattern.matches(name)?;
            Some(Found {
                service: *service,
                captures,
                port: port(pattern),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(hosts: &Hosts, host: &str, port: u16) -> Option<(usize, Vec<String>, bool)> {
        let authority = Authority {
            host: Host::Name(host.into()),
            port,
        };
        let found = hosts.find(&authority, Scheme::Https)?;
        Some((
            found.service,
            found.captures.into_iter().map(|(_, value)| value).collect(),
            found.port,
        ))
    }

    #[test]
    fn a_host_is_found_whole_or_not_at_all() {
        let mut hosts = Hosts::default();
        for (service, pattern) in [
            "api.stripe.com",
            "ec2.{region}.amazonaws.com",
            "{service}.{region}.amazonaws.com",
            "ec2.us-east-1.amazonaws.com",
            "x.example.com:8443",
        ]
        .iter()
        .enumerate()
        {
            hosts.insert(Pattern::parse(pattern).unwrap(), service).unwrap();
        }
        assert_eq!(find(&hosts, "api.stripe.com", 443), Some((0, vec![], true)));
        assert_eq!(find(&hosts, "api.stripe.com", 8080), Some((0, vec![], false)));
        assert_eq!(
            find(&hosts, "ec2.eu-west-1.amazonaws.com", 443),
            Some((1, vec!["eu-west-1".to_owned()], true))
        );
        assert_eq!(
            find(&hosts, "ec2.us-east-1.amazonaws.com", 443),
            Some((3, vec![], true))
        );
        assert_eq!(find(&hosts, "iam.eu-west-1.amazonaws.com", 443).unwrap().0, 2);
        assert_eq!(find(&hosts, "x.example.com", 8443), Some((4, vec![], true)));
        for stranger in [
            "api.stripe.com.evil.test",
            "xapi.stripe.com",
            "stripe.com",
            "api-eu.stripe.com",
            "ec2.a.b.amazonaws.com",
            "amazonaws.com",
        ] {
            assert_eq!(find(&hosts, stranger, 443), None, "{stranger}");
        }
    }

    #[test]
    fn patterns_of_equal_rank_for_one_host_are_refused() {
        let mut hosts = Hosts::default();
        hosts
            .insert(Pattern::parse("ec2.{region}.amazonaws.com").unwrap(), 0)
            .unwrap();
        assert!(
            hosts
                .insert(Pattern::parse("ec2.{place}.amazonaws.com").unwrap(), 1)
                .is_err()
        );
        assert!(
            hosts
                .insert(Pattern::parse("{service}.{region}.amazonaws.com").unwrap(), 1)
                .is_ok()
        );
        // A bucket of S3 may be called as another service is.
        hosts
            .insert(Pattern::parse("{bucket}.s3.amazonaws.com").unwrap(), 2)
            .unwrap();
        assert_eq!(find(&hosts, "ec2.s3.amazonaws.com", 443).unwrap().0, 2);
        assert_eq!(find(&hosts, "ec2.eu.amazonaws.com", 443).unwrap().0, 0);
        hosts.insert(Pattern::parse("a.example.com").unwrap(), 0).unwrap();
        assert!(hosts.insert(Pattern::parse("a.example.com:8443").unwrap(), 1).is_err());
        for wrong in [
            "",
            "com",
            "{x}",
            "{x}.com",
            "a.{x}.com",
            "A.example.com",
            "a..com",
            "*.example.com",
            "a.example.com:0",
            "a.example.com:x",
            "x{y}.example.com",
        ] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}

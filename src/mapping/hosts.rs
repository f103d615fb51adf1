//! Which provider a host belongs to.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::aws;
use crate::model::{Authority, Host, Scheme};

mod below;
mod region;

/// In the place of a name's last labels: what the hosts of AWS end in, in any of its partitions.
const AWS: &str = "{aws}";

/// `ec2.{region}.amazonaws.com:8443`, `…:443|9243`, `ec2.{region}.{aws}`: labels in the order written; a capture is one label, or what stands before `-ending` of
/// one; `{bucket+}` in front is one label or more. An address is one label: `127.0.0.1:8931`, `[::1]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    labels: Vec<Label>,
    /// The first label, a capture, may be several.
    several: bool,
    /// None: the scheme's default.
    ports: Vec<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Label {
    Text(Box<str>),
    Capture(Arc<str>),
    /// `{location}-aiplatform`: at least one letter, then this ending.
    Ending(Arc<str>, Box<str>),
    /// `s3express-{zone}`: this beginning, then at least one letter.
    Start(Box<str>, Arc<str>),
}

/// A host that a pattern fits.
pub(super) struct Found {
    /// Which service, as it was given to `insert`.
    pub service: usize,
    pub captures: Vec<(Arc<str>, String)>,
    /// The port is the one that the mapping is for.
    pub port: bool,
}

/// All patterns of all services. A host is looked up once for each shape of patterns, however many there are.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// Shapes of the patterns, by rank.
    shapes: Vec<Shape>,
    /// Those of patterns whose first label may be several.
    several: Vec<Shape>,
    /// Key of a pattern (`ec2.{}.amazonaws.com`) → the pattern.
    patterns: HashMap<Box<str>, (Pattern, usize)>,
}

/// Which labels of patterns are captures, first label first. Fewer captures go before more, whole labels after endings; then
/// what is written out nearer to the end, where names are handed out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    captures: usize,
    whole: usize,
    from_the_end: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Text,
    Ending,
    Start,
    Capture,
}

impl Part {
    /// Some of the label is written out, and some is not.
    fn is_open(self) -> bool {
        matches!(self, Part::Ending | Part::Start)
    }
}

impl Found {
    /// What a capture of the pattern is.
    pub(super) fn capture(&self, wanted: &str) -> Option<&str> {
        let found = self.captures.iter().find(|(name, _)| **name == *wanted);
        found.map(|(_, value)| value.as_str())
    }
}

impl Label {
    fn parse(label: &str) -> Option<Label> {
        let plain = |text: &str| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
            !text.is_empty() && text.bytes().all(plain)
        };
        if let Some((start, name)) = label.strip_suffix('}').and_then(|label| label.split_once('{'))
            && let Some(word) = start.strip_suffix('-')
        {
            return (plain(word) && plain(name)).then(|| Label::Start(start.into(), name.into()));
        }
        let Some((name, ending)) = label.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
            return plain(label).then(|| Label::Text(label.into()));
        };
        match (plain(name), ending.strip_prefix('-')) {
            (true, None) if ending.is_empty() => Some(Label::Capture(name.into())),
            (true, Some(rest)) if plain(rest) => Some(Label::Ending(name.into(), ending.into())),
            (true | false, _) => None,
        }
    }

    fn part(&self) -> Part {
        match self {
            Label::Text(_) => Part::Text,
            Label::Capture(_) => Part::Capture,
            Label::Ending(..) => Part::Ending,
            Label::Start(..) => Part::Start,
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Label::Capture(name) | Label::Ending(name, _) | Label::Start(_, name) => Some(name),
            Label::Text(_) => None,
        }
    }
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("`{text}` is no host pattern: {why}"));
        let (host, ports) = match text.rsplit_once(':') {
            None => (text, Vec::new()),
            // The colon is one of an IPv6 address.
            Some(_) if text.ends_with(']') => (text, Vec::new()),
            Some((host, ports)) => match ports.split('|').map(str::parse).collect::<Result<Vec<u16>, _>>() {
                Ok(ports) if !ports.contains(&0) => (host, ports),
                _ => return wrong("what follows `:` is no port"),
            },
        };
        if is_like_an_address(host) {
            return match host.parse::<Host>() {
                Ok(address) if address.to_string() == host => Ok(Self {
                    labels: vec![Label::Text(host.into())],
                    several: false,
                    ports,
                }),
                Ok(_) | Err(_) => wrong("an address is written whole, as it is connected to: `127.0.0.1`, `[::1]`"),
            };
        }
        let label = |label: &str| match label {
            AWS => Some(Label::Text(AWS.into())),
            label => Label::parse(label),
        };
        let rest = host.strip_prefix('{').and_then(|rest| rest.split_once("+}."));
        let (host, several) = match rest {
            Some((name, rest)) => (Cow::Owned(format!("{{{name}}}.{rest}")), true),
            None => (Cow::Borrowed(host), false),
        };
        let labels: Option<Vec<Label>> = host.split('.').map(label).collect();
        let Some(labels) = labels else {
            return wrong(
                "expected labels of lower-case letters, digits and `-`, `{name}` for a whole label, `{name}-ending` or `start-{name}`, and `{name+}` \
                 in front for one or more",
            );
        };
        let any_aws = host.ends_with(AWS);
        if host.matches(AWS).count() != usize::from(any_aws) {
            return wrong("`{aws}` is the end of a name");
        }
        // What is before it, is whose of AWS's services it is.
        if any_aws && labels.iter().filter(|label| label.part() != Part::Capture).count() < 2 {
            return wrong("a label before `{aws}` must be written out");
        }
        // A capture at the end would make a provider of strangers' domains.
        let fixed = labels
            .iter()
            .rev()
            .take_while(|label| label.part() == Part::Text)
            .count();
        match labels.len() {
            0 | 1 => wrong("expected at least two labels"),
            _ if fixed < 2 && !any_aws => wrong("the last two labels must be written out"),
            _ if labels.iter().filter(|label| label.part().is_open()).count() > 1 => {
                wrong("only one label may have an ending or a beginning")
            }
            _ => Ok(Self { labels, several, ports }),
        }
    }

    pub(super) fn captures(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().filter_map(Label::name)
    }

    fn shape(&self) -> Shape {
        let parts = || self.labels.iter().rev().map(Label::part);
        Shape {
            captures: self.captures().count(),
            whole: parts().filter(|part| *part == Part::Capture).count(),
            from_the_end: parts().collect(),
        }
    }

    fn key(&self) -> String {
        let labels = self.labels.iter().map(|label| match label {
            Label::Text(text) => text.to_string(),
            Label::Capture(_) => "{}".to_owned(),
            Label::Ending(_, ending) => format!("{{}}{ending}"),
            Label::Start(start, _) => format!("{start}{{}}"),
        });
        labels.collect::<Vec<_>>().join(".")
    }

    /// What its captures are in a host that it fits.
    fn read(&self, host: &str) -> Vec<(Arc<str>, String)> {
        let read = |(label, found): (&Label, &str)| match label {
            Label::Text(_) => None,
            Label::Capture(name) => Some((name.clone(), found.to_owned())),
            Label::Ending(name, ending) => {
                Some((name.clone(), found.strip_suffix(&**ending).unwrap_or(found).to_owned()))
            }
            Label::Start(start, name) => Some((name.clone(), found.strip_prefix(&**start).unwrap_or(found).to_owned())),
        };
        if self.captures().next().is_none() {
            return Vec::new();
        }
        let first = if self.several { self.first(host) } else { 1 };
        let end = host.match_indices('.').nth(first - 1).map_or(host.len(), |(at, _)| at);
        let (first, rest) = host.split_at(end);
        let parts = std::iter::once(first).chain(rest.split('.').skip(1));
        self.labels.iter().zip(parts).filter_map(read).collect()
    }

    /// How many labels of a host that it fits are its first.
    fn first(&self, host: &str) -> usize {
        let count = |text: &str| text.split('.').count();
        let ending = aws::ENDINGS.iter().find(|ending| host.ends_with(*ending));
        let last = match (self.labels.last(), ending) {
            (Some(Label::Text(last)), Some(ending)) if **last == *AWS => count(ending),
            _ => 1,
        };
        (count(host) + 2).saturating_sub(self.labels.len() + last).max(1)
    }
}

/// Whether nobody would take it for a name: what ends in a number is an address to who makes the connection.
fn is_like_an_address(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    host.starts_with('[') || last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit())
}

impl Shape {
    /// The keys that patterns of this shape may have which fit a host: more than one only where a label has an ending.
    fn keys(&self, labels: &[&str]) -> Vec<String> {
        let parts = || self.from_the_end.iter().rev().zip(labels);
        let open = parts().find(|(part, _)| part.is_open());
        let key = |open: &str| {
            let mut key = String::new();
            for (at, (part, label)) in parts().enumerate() {
                key.push_str(if at == 0 { "" } else { "." });
                key.push_str(match part {
                    Part::Text => label,
                    Part::Capture => "{}",
                    Part::Ending | Part::Start => open,
                });
            }
            key
        };
        let places = |label: &'_ str| label.match_indices('-').map(|(at, _)| at).collect::<Vec<_>>();
        // The longest that is written out says most.
        match open {
            None => vec![key("")],
            Some((Part::Start, label)) => places(label)
                .into_iter()
                .rev()
                .filter(|at| at + 1 < label.len())
                .filter_map(|at| Some(key(&format!("{}{{}}", label.get(..=at)?))))
                .collect(),
            Some((_, label)) => places(label)
                .into_iter()
                .filter(|at| *at > 0)
                .filter_map(|at| Some(key(&format!("{{}}{}", label.get(at..)?))))
                .collect(),
        }
    }
}

impl Hosts {
    /// The services that have a host of this name, or below it.
    pub(super) fn below(&self, domain: &str) -> impl Iterator<Item = usize> {
        let all = self.patterns.values();
        all.filter(move |(pattern, _)| pattern.is_below(domain))
            .map(|(_, service)| *service)
    }

    /// Adds a pattern.
    ///
    /// # Errors
    /// The service that has a pattern of equal rank which some host fits too.
    pub(super) fn insert(&mut self, pattern: Pattern, service: usize) -> Result<(), usize> {
        let shape = pattern.shape();
        let lists = [Some(&mut self.shapes), pattern.several.then_some(&mut self.several)];
        for shapes in lists.into_iter().flatten() {
            if let Err(at) = shapes.binary_search(&shape) {
                shapes.insert(at, shape.clone());
            }
        }
        match self.patterns.entry(pattern.key().into()) {
            Entry::Vacant(free) => {
                free.insert((pattern, service));
                Ok(())
            }
            Entry::Occupied(taken) => Err(taken.get().1),
        }
    }

    pub(super) fn find(&self, authority: &Authority, scheme: Scheme) -> Option<Found> {
        let name: Cow<'_, str> = match &authority.host {
            Host::Name(name) => Cow::Borrowed(name),
            Host::Address(_) => Cow::Owned(authority.host.to_string()),
        };
        let found = |(pattern, service): &(Pattern, usize)| Found {
            service: *service,
            captures: pattern.read(&name),
            port: match &*pattern.ports {
                [] => authority.port == scheme.default_port(),
                ports => ports.contains(&authority.port),
            },
        };
        // SECURITY: each port of an address is a server of its own, ours among them (test `o56_connect_to_ourselves`).
        if matches!(authority.host, Host::Address(_)) {
            return self.patterns.get(&*name).map(found).filter(|found| found.port);
        }
        let stem = |ending: &&str| name.strip_suffix(*ending)?.strip_suffix('.');
        let any_aws = || {
            let stem = aws::ENDINGS.iter().find_map(stem)?;
            self.lookup(&format!("{stem}.{AWS}"))
        };
        self.lookup(&name).or_else(any_aws).map(found)
    }

    fn lookup(&self, name: &str) -> Option<&(Pattern, usize)> {
        if let Some(exact) = self.patterns.get(name) {
            return Some(exact);
        }
        let labels: Vec<&str> = name.split('.').collect();
        if labels.iter().any(|label| label.is_empty()) {
            return None;
        }
        self.fitting(&self.shapes, &labels).or_else(|| {
            // The fewest in front: names are handed out from the end.
            let mut joined = (2..labels.len()).filter_map(|first| {
                let (front, rest) = labels.split_at_checked(first)?;
                let front = front.join(".");
                let labels: Vec<&str> = std::iter::once(front.as_str()).chain(rest.iter().copied()).collect();
                self.fitting(&self.several, &labels)
                    .filter(|(pattern, _)| pattern.several)
            });
            joined.next()
        })
    }

    fn fitting(&self, shapes: &[Shape], labels: &[&str]) -> Option<&(Pattern, usize)> {
        let shapes = shapes.iter().filter(|shape| shape.from_the_end.len() == labels.len());
        let mut keys = shapes
            .filter(|shape| shape.captures > 0)
            .flat_map(|shape| shape.keys(labels));
        keys.find_map(|key| {
            self.patterns
                .get(&*key)
                .filter(|(pattern, _)| pattern.takes_region(labels))
        })
    }
}

#[cfg(test)]
mod tests;

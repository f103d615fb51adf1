//! What is in the mapping files, for people and tools.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Mappings;
use super::field::{Reducer, Type};
use super::mcp::TOOL;
use super::service::{Operation, Reader, Service};
use crate::model::{Action, Authority, Call, GUARD, Scheme};

/// What a mapping file makes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Meant<'a> {
    /// The provider as people call it.
    pub title: &'a str,
    /// The provider's own word; with `in_bulk` how the words begin.
    pub operation: &'a str,
    pub in_bulk: bool,
    /// A canonical action.
    pub action: &'a str,
    /// Only for some calls of the operation.
    pub conditional: bool,
}

/// Where an operation is said: the file as people know it, and the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub file: String,
    pub line: usize,
    /// By what was made of the provider's description, and by nobody who wrote a mapping.
    pub generated: bool,
}

/// The operation that the record knows by this name. One that is named goes before those in bulk, and of these the longest.
fn named<'s>(service: &'s Service, name: &str) -> Option<&'s Operation> {
    if let (Some(mcp), Some(tool)) = (&service.mcp, name.strip_prefix(TOOL)) {
        return mcp.tools.exact.get(tool);
    }
    let says = |(known, in_bulk): &(&Operation, bool)| match in_bulk {
        true => name.starts_with(&*known.name),
        false => *name == *known.name,
    };
    let found = service.operations().filter(says);
    let (found, _) = found.max_by_key(|(known, in_bulk)| (!in_bulk, known.name.len()))?;
    Some(found)
}

impl Mappings {
    /// The operations that a file names which people wrote, by how calls are told: the file, the name, and whether that is how
    /// names begin. Not those that documents and messages name.
    pub fn written_operations(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        self.services.iter().flat_map(|service| {
            let reads_itself = |operation: &Operation| matches!(operation.reader, Some(Reader::Graphql | Reader::Mcp));
            let named = service.dispatch.operations();
            let named = named.filter(move |(operation, _)| !reads_itself(operation));
            named.map(|(operation, in_bulk)| (&*service.file, &*operation.name, in_bulk))
        })
    }

    /// Whether a call may be of this environment by what a mapping says.
    pub fn gives_environment(&self, name: &str) -> bool {
        let mut given = self.services.iter().filter_map(|service| service.environment.as_ref());
        given.any(|reading| {
            // Nothing else tells an environment.
            let Reducer::One(Type::PrefixMap(prefixes, otherwise)) = &reading.reduce else {
                return false;
            };
            let mut given = prefixes.iter().map(|(_, given)| given).chain(otherwise);
            given.any(|given| **given == *name)
        })
    }

    /// Where it is said what an operation at a host is. `None` where nothing says it.
    pub fn said(&self, host: &str, operation: &str) -> Option<Said> {
        let authority = Authority::parse(host, Some(Scheme::Https.default_port())).ok()?; // such a host has no mapping
        self.said_at(Scheme::Https, &authority, operation)
    }

    /// The same at the host and port of a request line that was recorded (`POST https://api.stripe.com/v1/refunds`).
    pub fn said_of(&self, request_line: &str, operation: &str) -> Option<Said> {
        let url = request_line.split_whitespace().nth(1)?;
        let (scheme, rest) = url.split_once("://")?;
        let schemes = [Scheme::Http, Scheme::Https];
        let scheme = schemes.into_iter().find(|known| known.as_str() == scheme)?;
        let authority = rest.split(['/', '?']).next()?;
        let authority = Authority::parse(authority, Some(scheme.default_port())).ok()?;
        self.said_at(scheme, &authority, operation)
    }

    fn said_at(&self, scheme: Scheme, authority: &Authority, operation: &str) -> Option<Said> {
        let find = |service: &Service, generated| {
            Some(Said {
                file: service.file.to_string(),
                line: named(service, operation)?.line,
                generated,
            })
        };
        let written = self.hosts.find(authority, scheme);
        let written = written.and_then(|found| find(self.services.get(found.service)?, false));
        written.or_else(|| {
            let (_, shelf) = self.generated.find(authority, scheme)?;
            // What cannot be used says nothing: calls there are refused.
            find(shelf.service(&self.vocabulary, &self.services, None).ok()?, true)
        })
    }

    /// The providers as rules name them, those of hosts without a mapping and of what agents state among them.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        let unknown = [super::UNKNOWN, GUARD].into_iter();
        let written = self.services.iter().map(|service| &*service.provider);
        unknown.chain(written).chain(self.generated.providers())
    }

    /// The providers as people call them, one for each file that people wrote.
    pub fn titles(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|service| &*service.title)
    }

    /// Where it is said what such a call is: `mappings/stripe.yaml:120`, the file alone where it does not name the operation.
    /// `None` for hosts without a mapping.
    pub fn place(&self, call: &Call, action: &Action) -> Option<String> {
        let service = match self.lead(call) {
            Ok(led) => led?.service,
            Err(_) => self.service(call)?,
        };
        let rule = named(service, &action.operation).filter(|_| !action.unmapped);
        Some(match rule {
            Some(operation) => format!("{}:{}", service.file, operation.line),
            None => service.file.to_string(),
        })
    }

    /// How many operations of which generated file are which action: its title, the action, and the number.
    pub fn generated_actions(&self) -> impl Iterator<Item = (&str, &str, usize)> {
        self.generated.actions()
    }

    /// What the files that people wrote say of each operation: its own meaning, and those that its content may give it. In no order.
    pub fn meanings(&self) -> impl Iterator<Item = Meant<'_>> {
        self.services.iter().flat_map(|service| {
            service.operations().flat_map(move |(operation, in_bulk)| {
                let meant = move |action, conditional| Meant {
                    title: &service.title,
                    operation: &operation.name,
                    in_bulk,
                    action,
                    conditional,
                };
                let conditional = operation
                    .when
                    .iter()
                    .map(move |(_, meaning)| meant(&meaning.action, true));
                let read = operation.reader.iter().flat_map(Reader::meanings);
                let conditional = conditional.chain(read.map(move |meaning| meant(&meaning.action, true)));
                std::iter::once(meant(&operation.meaning.action, false)).chain(conditional)
            })
        })
    }

    /// The kinds of targets of each provider.
    pub fn kinds(&self) -> BTreeMap<Arc<str>, BTreeSet<Arc<str>>> {
        let mut kinds: BTreeMap<Arc<str>, BTreeSet<Arc<str>>> = BTreeMap::new();
        if !self.services.is_empty() {
            kinds.insert(GUARD.into(), BTreeSet::from([super::stated::KIND.into()]));
        }
        for service in &self.services {
            let found = kinds.entry(service.provider.clone()).or_default();
            for (operation, _) in service.operations() {
                let others = operation.when.iter().filter_map(|(_, meaning)| meaning.target.as_ref());
                let targets = std::iter::once(&operation.target).chain(others);
                found.extend(targets.map(|target| target.kind.clone()));
            }
        }
        for (provider, of_file) in self.generated.kinds() {
            let found = kinds.entry(provider.clone()).or_default();
            for kind in of_file.filter(|kind| !kind.is_empty()) {
                if !found.contains(kind) {
                    found.insert(kind.into());
                }
            }
        }
        kinds
    }

    /// Titles of those that have a host of this name, or below it; each once.
    pub fn titles_below(&self, domain: &str) -> BTreeSet<&str> {
        // What listens on this machine is nobody's domain.
        if domain.parse::<std::net::IpAddr>().is_ok() {
            return BTreeSet::new();
        }
        let services = self
            .hosts
            .below(domain)
            .filter_map(|service| self.services.get(service));
        let written = services.map(|service| &*service.title);
        written.chain(self.generated.titles_below(domain)).collect()
    }
}

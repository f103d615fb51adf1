//! What is in the mapping files, for people and tools.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Mappings;
use super::service::Operation;
use crate::model::{Action, Call};

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

impl Mappings {
    /// The providers as rules name them, that of hosts without a mapping among them.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        let unknown = std::iter::once(super::UNKNOWN);
        unknown.chain(self.services.iter().map(|service| &*service.provider))
    }

    /// The providers as people call them, one for each file.
    pub fn titles(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|service| &*service.title)
    }

    /// Where it is said what such a call is: `mappings/stripe.yaml:120`, the file alone where it does not name the operation.
    /// `None` for hosts without a mapping.
    pub fn place(&self, call: &Call, action: &Action) -> Option<String> {
        let (service, _) = self.service(call)?;
        let says = |(operation, in_bulk): &(&Operation, bool)| match in_bulk {
            true => action.operation.starts_with(&*operation.name),
            false => action.operation == operation.name,
        };
        let mapped = service.dispatch.operations().filter(|_| !action.unmapped).filter(says);
        // One that is named goes before those in bulk, and of these the longest.
        let rule = mapped.max_by_key(|(operation, in_bulk)| (!in_bulk, operation.name.len()));
        Some(match rule {
            Some((operation, _)) => format!("{}:{}", service.file, operation.line),
            None => service.file.to_string(),
        })
    }

    /// What the files say of each operation: its own meaning, and those that its content may give it. In no order.
    pub fn meanings(&self) -> impl Iterator<Item = Meant<'_>> {
        self.services.iter().flat_map(|service| {
            service.dispatch.operations().flat_map(move |(operation, in_bulk)| {
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
                std::iter::once(meant(&operation.meaning.action, false)).chain(conditional)
            })
        })
    }

    /// The kinds of targets of each provider.
    pub fn kinds(&self) -> BTreeMap<Arc<str>, BTreeSet<Arc<str>>> {
        let mut kinds: BTreeMap<Arc<str>, BTreeSet<Arc<str>>> = BTreeMap::new();
        for service in &self.services {
            let found = kinds.entry(service.provider.clone()).or_default();
            for (operation, _) in service.dispatch.operations() {
                let others = operation.when.iter().filter_map(|(_, meaning)| meaning.target.as_ref());
                let targets = std::iter::once(&operation.target).chain(others);
                found.extend(targets.map(|target| target.kind.clone()));
            }
        }
        kinds
    }

    /// Titles of those that have a host of this name, or below it; each once.
    pub fn titles_below(&self, domain: &str) -> BTreeSet<&str> {
        let services = self
            .hosts
            .below(domain)
            .filter_map(|service| self.services.get(service));
        services.map(|service| &*service.title).collect()
    }
}

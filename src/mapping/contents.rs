//! What is in the mapping files, for people and tools.

use std::collections::BTreeSet;

use super::Mappings;

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

    /// Titles of those that have a host of this name, or below it; each once.
    pub fn titles_below(&self, domain: &str) -> BTreeSet<&str> {
        let services = self
            .hosts
            .below(domain)
            .filter_map(|service| self.services.get(service));
        services.map(|service| &*service.title).collect()
    }
}

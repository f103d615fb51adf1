//! The files that rules are made of, and what tells one set from another.

use std::collections::BTreeSet;

use crate::audit::Digests;
use crate::mapping::Mappings;
use crate::model::Source;

/// The files that rules are made of.
#[derive(Clone)]
pub struct Sources {
    pub vocabulary: Source,
    pub mappings: Vec<Source>,
    pub policies: Vec<Source>,
    /// `policies/budgets.yaml`, and those of packs.
    pub budgets: Vec<Source>,
    /// `policies/prices.yaml`
    pub prices: Option<Source>,
    /// Labels of targets.
    pub targets: Source,
}

impl Sources {
    /// Names of the files that are not shipped.
    pub fn own(&self) -> BTreeSet<String> {
        let files = self.mappings.iter().chain(self.rules()).chain([&self.vocabulary]);
        let own = files.filter(|source| !source.is_embedded());
        own.map(|source| source.file.clone()).collect()
    }

    /// Which set they would be, for the record.
    pub fn digests(&self) -> Digests {
        Digests {
            mappings: Mappings::digest_of(&self.vocabulary, &self.mappings),
            policies: Source::digest(self.rules()),
        }
    }

    /// Everything that decides what mappings read.
    fn rules(&self) -> impl Iterator<Item = &Source> {
        let data = self.budgets.iter().chain(&self.prices);
        self.policies.iter().chain(data).chain([&self.targets])
    }
}

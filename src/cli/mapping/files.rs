//! Which mapping files are meant: those in force, with each that is given in the place of the one of its name.

use std::path::{Path, PathBuf};

use crate::cli::test::given;
use crate::config::home::Home;
use crate::config::shipped;
use crate::gate;
use crate::mapping::{Mappings, Shadow, generated, shadows};
use crate::model::{Diagnostic, Source, Vocabulary};

/// Endings of YAML files that nobody reads.
const OTHER_ENDINGS: [&str; 3] = ["yml", "YAML", "YML"];

pub(super) struct Files {
    vocabulary: Source,
    mappings: Vec<Source>,
    /// What is wrong with files that are not among them.
    unread: Vec<Diagnostic>,
}

impl Files {
    /// Those of a home.
    ///
    /// # Errors
    /// If there is no vocabulary.
    pub(super) fn of(home: &Home) -> Result<Files, Vec<Diagnostic>> {
        let ((vocabulary, mappings), mut unread) = shipped::readable_mappings(&home.mappings())?;
        unread.extend(misnamed(&home.mappings()));
        Ok(Files {
            vocabulary,
            mappings,
            unread,
        })
    }

    /// The same with these files, and those of these directories.
    pub(super) fn with(mut self, paths: &[PathBuf]) -> Files {
        for path in paths {
            match given(std::slice::from_ref(path)) {
                Ok(sources) => sources.into_iter().for_each(|source| self.put(source)),
                Err(wrong) => self.unread.extend(wrong),
            }
        }
        self
    }

    /// Takes a file in the place of the one of its name; one of another name goes last, so that of two which do not go
    /// together it is the one that is told.
    pub(super) fn put(&mut self, source: Source) {
        let name = |file: &str| {
            let mut parts = file.rsplit(['/', ':']);
            let last = parts.next().unwrap_or_default().to_owned();
            (last, parts.next() == Some(generated::FOLDER))
        };
        let named = name(&source.file);
        if named.0 == shipped::VOCABULARY {
            self.vocabulary = source;
            return;
        }
        self.mappings.retain(|other| name(&other.file) != named);
        self.mappings.push(source);
    }

    /// How many are there, and how many of them people wrote or made here.
    pub(super) fn counted(&self) -> (usize, usize) {
        let own = self.mappings.iter().filter(|source| !source.is_embedded());
        (self.mappings.len(), own.count())
    }

    /// What those of the home make milder or wider than the shipped ones that they go before.
    pub(super) fn shadows(&self, vocabulary: &Vocabulary) -> Vec<Shadow> {
        let shipped = shipped::shipped_mappings();
        let own = self.mappings.iter().filter(|source| !source.is_embedded());
        own.flat_map(|source| shadows(source, &shipped, vocabulary)).collect()
    }

    /// All of them together, for accounts as the configuration says: what the gate reads.
    ///
    /// # Errors
    /// As [`load`](Files::load), and accounts of providers that none of them is for.
    pub(super) fn load_with(&self, config: &gate::Config) -> Result<Mappings, Vec<Diagnostic>> {
        let mappings = self.load()?;
        let strange = config.accounts.strange(&mappings.providers().collect::<Vec<_>>());
        match strange.is_empty() {
            true => Ok(mappings.with_accounts(config.rates.account.as_deref(), config.accounts.clone())),
            false => Err(strange),
        }
    }

    /// All of them together.
    ///
    /// # Errors
    /// Everything that is wrong in any of them; where the vocabulary is, of the others what can be told without it.
    pub(super) fn load(&self) -> Result<Mappings, Vec<Diagnostic>> {
        let loaded = match Mappings::read_vocabulary(&self.vocabulary) {
            Ok(_) => Mappings::load(&self.vocabulary, &self.mappings),
            Err(mut wrong) => {
                wrong.extend(Mappings::misshapen(&self.mappings));
                Err(wrong)
            }
        };
        match loaded {
            Ok(mappings) if self.unread.is_empty() => Ok(mappings),
            loaded => Err(self
                .unread
                .iter()
                .cloned()
                .chain(loaded.err().into_iter().flatten())
                .collect()),
        }
    }
}

/// Files that look like mappings to people only.
fn misnamed(directory: &Path) -> Vec<Diagnostic> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|ending| OTHER_ENDINGS.iter().any(|other| ending == *other))
        })
        .collect();
    found.sort();
    let message = "nobody reads a file of this name: expected one that ends in `.yaml`";
    let told = found
        .into_iter()
        .map(|path| Diagnostic::of_file(path.display().to_string(), message));
    told.collect()
}

//! The file → entries; all mistakes at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::file::{self, Conditions};
use super::glob::Glob;
use super::spelling::IdPattern;
use super::{Domains, Entry, Given, HOST, Kinds, Labelling, UNKNOWN_PROVIDER};
use crate::io::yaml::{self, Located};
use crate::model::diagnostic::meant;
use crate::model::labels::{Place, Sensitivity};
use crate::model::{Diagnostic, Source};

/// Entries of one file, and owners among them: each owner that a target may have is asked about on its own.
const MOST_ENTRIES: usize = 10_000;
const MOST_OWNERS: usize = 64;
/// Bytes of a word or pattern.
const LONGEST: usize = 512;

impl Labelling {
    /// Reads the file. `kinds` are the targets that mappings name; `None` where nobody knows them.
    ///
    /// # Errors
    /// All that is wrong, with its place.
    pub fn load(source: &Source, kinds: Option<&Kinds>) -> Result<Labelling, Vec<Diagnostic>> {
        yaml::load_with(source, |file: Option<file::File>| {
            Self::read(source, kinds, file.unwrap_or_default())
        })
    }

    fn read(source: &Source, kinds: Option<&Kinds>, file: file::File) -> Result<Labelling, Vec<Diagnostic>> {
        let mut reader = Reader {
            source,
            kinds,
            wrong: Vec::new(),
        };
        let domains = Domains::read(&file.domains.unwrap_or_default(), source, &mut reader.wrong);
        let typed = file.targets.unwrap_or_default();
        if let Some(first) = typed.get(MOST_ENTRIES) {
            return Err(vec![
                first.diagnostic(source, format!("more than {MOST_ENTRIES} entries")),
            ]);
        }
        let entries: Vec<Entry> = typed.into_iter().map(|entry| reader.entry(entry.value)).collect();
        reader.find_unreachable(&entries);
        reader.count_owners(&entries);
        match reader.wrong.is_empty() {
            true => Ok(Labelling {
                file: source.file.clone(),
                rich: entries
                    .iter()
                    .any(|entry| entry.gives.owner.is_some() || entry.gives.tags.is_some()),
                entries,
                domains,
            }),
            false => {
                reader.wrong.sort_by_key(|wrong| (wrong.line, wrong.column));
                Err(reader.wrong)
            }
        }
    }
}

struct Reader<'a> {
    source: &'a Source,
    kinds: Option<&'a Kinds>,
    wrong: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn entry(&mut self, typed: file::Entry) -> Entry {
        let gives = self.given(&typed.label);
        let Conditions {
            provider,
            kind,
            id,
            host,
            environment,
        } = &typed.matches.value;
        self.target(provider.as_ref(), kind.as_ref());
        if let Some(host) = host.as_ref().filter(|host| host.value.chars().any(char::is_uppercase)) {
            let lower = host.value.to_lowercase();
            self.refuse(host, format!("hosts are in lower case: `{lower}`"));
        }
        for word in [provider, kind, environment].into_iter().flatten() {
            if word.value.contains('*') {
                let message = "only `id` and `host` are patterns: leave the condition out to match any";
                self.refuse(word, message);
            }
        }
        let word = |typed: &Option<Located<String>>| typed.as_ref().map(|typed| Arc::from(&*typed.value));
        for text in [provider, kind, id, host, environment].into_iter().flatten() {
            self.text(text);
        }
        Entry {
            provider: word(provider),
            kind: word(kind),
            id: id.as_ref().map(|id| IdPattern::new(&id.value)),
            host: host.as_ref().map(|host| Glob::new(&*host.value)),
            environment: word(environment),
            gives,
        }
    }

    fn given(&mut self, typed: &Located<file::Given>) -> Given {
        let file::Given {
            environment,
            sensitivity,
            owner,
            tags,
        } = &typed.value;
        if environment.is_none() && sensitivity.is_none() && owner.is_none() && tags.is_none() {
            self.refuse(
                typed,
                "expected a label: `environment`, `sensitivity`, `owner` or `tags`",
            );
        }
        for text in [environment, owner]
            .into_iter()
            .flatten()
            .chain(tags.iter().flat_map(|tags| &tags.value))
        {
            self.text(text);
            // The record has them as lists.
            if text.value.contains(',') {
                self.refuse(text, "environments, tags and owners are without commas");
            }
        }
        let word = |typed: &Located<String>| (Arc::from(&*typed.value), place(typed));
        Given {
            environment: environment.as_ref().map(word),
            sensitivity: sensitivity.as_ref().and_then(|typed| self.sensitivity(typed)),
            owner: owner.as_ref().map(word),
            tags: tags.as_ref().map(|typed| self.tags(typed)),
        }
    }

    fn sensitivity(&mut self, typed: &Located<String>) -> Option<(Sensitivity, Place)> {
        let mut words = Sensitivity::ALL.into_iter().filter(|one| *one != Sensitivity::Unknown);
        let found = words.clone().find(|one| one.as_str() == typed.value);
        if found.is_none() {
            let hint = hint(&typed.value.to_lowercase(), words.by_ref().map(Sensitivity::as_str));
            let message = format!(
                "`{}` is no sensitivity: expected public, internal, confidential or restricted{hint}",
                typed.value
            );
            self.refuse(typed, message);
        }
        found.map(|sensitivity| (sensitivity, place(typed)))
    }

    fn tags(&mut self, typed: &Located<Vec<Located<String>>>) -> (Vec<Arc<str>>, Place) {
        let mut seen = BTreeSet::new();
        for tag in &typed.value {
            if !seen.insert(&*tag.value) {
                self.refuse(tag, format!("`{}` is there twice", tag.value));
            }
        }
        (seen.into_iter().map(Arc::from).collect(), place(typed))
    }

    /// A condition on a provider or kind that no mapping has would label nothing, and nobody would notice.
    fn target(&mut self, provider: Option<&Located<String>>, kind: Option<&Located<String>>) {
        let Some(kinds) = self.kinds else { return };
        let known = provider.and_then(|provider| kinds.get(&*provider.value));
        if let Some(provider) = provider.filter(|provider| known.is_none() && *provider.value != *UNKNOWN_PROVIDER) {
            let hint = hint(&provider.value, kinds.keys().map(AsRef::as_ref));
            let message = format!(
                "no mapping is for the provider `{}`{hint}; hosts without one are `unknown`",
                provider.value
            );
            self.refuse(provider, message);
            return;
        }
        let Some(kind) = kind.filter(|kind| *kind.value != *HOST) else {
            return;
        };
        let of_provider = known.or(None).into_iter();
        let any = kinds.values().filter(|_| provider.is_none());
        let kinds: BTreeSet<&str> = of_provider.chain(any).flatten().map(AsRef::as_ref).collect();
        if !kinds.contains(&*kind.value) {
            let hint = hint(&kind.value, kinds.iter().copied());
            let whose = provider.map_or_else(String::new, |provider| format!(" of `{}`", provider.value));
            self.refuse(
                kind,
                format!("no mapping has targets{whose} of kind `{}`{hint}", kind.value),
            );
        }
    }

    fn text(&mut self, typed: &Located<String>) {
        let text = &typed.value;
        if text.is_empty() || text.len() > LONGEST || text.trim() != *text || text.chars().any(char::is_control) {
            let message = format!("expected 1 to {LONGEST} bytes without control characters or spaces around them");
            self.refuse(typed, message);
        }
    }

    /// Labels that never count, since an earlier entry gives the same to all that they are for.
    fn find_unreachable(&mut self, entries: &[Entry]) {
        for (at, entry) in entries.iter().enumerate() {
            let before = entries.get(..at).unwrap_or_default();
            for (name, place) in entry.gives.places() {
                let gives = |earlier: &&Entry| earlier.gives.places().any(|(other, _)| other == name);
                let taken = before.iter().filter(gives).find(|earlier| earlier.covers(entry));
                let taken = taken.and_then(|earlier| earlier.gives.places().find(|(other, _)| *other == name));
                if let Some((_, first)) = taken {
                    let message = format!(
                        "`{name}` never counts here: the first entry that fits gives it, and line {} fits all that this one does \
                         (put what is special before what is general)",
                        first.line
                    );
                    let Source { file, text } = self.source;
                    self.wrong
                        .push(Diagnostic::at(file, text, place.line, place.column, message));
                }
            }
        }
    }

    fn count_owners(&mut self, entries: &[Entry]) {
        let mut seen = BTreeSet::new();
        for (owner, place) in entries.iter().filter_map(|entry| entry.gives.owner.as_ref()) {
            if seen.insert(owner) && seen.len() == MOST_OWNERS + 1 {
                let Source { file, text } = self.source;
                let message = format!("more than {MOST_OWNERS} owners: name teams instead of people");
                self.wrong
                    .push(Diagnostic::at(file, text, place.line, place.column, message));
            }
        }
    }

    fn refuse<T>(&mut self, at: &Located<T>, message: impl Into<String>) {
        self.wrong.push(at.diagnostic(self.source, message));
    }
}

impl Given {
    fn places(&self) -> impl Iterator<Item = (&'static str, Place)> {
        let all = [
            self.environment.as_ref().map(|(_, place)| ("environment", *place)),
            self.sensitivity.as_ref().map(|(_, place)| ("sensitivity", *place)),
            self.owner.as_ref().map(|(_, place)| ("owner", *place)),
            self.tags.as_ref().map(|(_, place)| ("tags", *place)),
        ];
        all.into_iter().flatten()
    }
}

fn place<T>(at: &Located<T>) -> Place {
    Place {
        line: at.line,
        column: at.column,
    }
}

fn hint<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    meant(wrong, known).map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

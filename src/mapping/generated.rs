//! Mappings that were made from providers' descriptions: known by an index, and read for a host when that is first met.
//!
//! They are below what people wrote for the same hosts. The index (`mappings/generated/INDEX`) says which file is for which
//! hosts and what each file's digest is: it stands in the digest of the mappings in force, so that this covers all of them,
//! read or not.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use sha2::{Digest as _, Sha256};

use super::compile::{self, compile};
use super::file::File;
use super::hosts::{Found, Hosts, Pattern};
use super::service::Service;
use crate::io::{embedded, yaml};
use crate::model::diagnostic::EMBEDDED;
use crate::model::{Authority, Diagnostic, Reason, Refusal, Scheme, Source, Vocabulary};

/// Name of the index among the generated mappings.
pub const INDEX: &str = "INDEX";
/// Where the generated mappings are among the mappings.
pub const FOLDER: &str = "generated";

/// The generated mappings.
#[derive(Default)]
pub(super) struct Generated {
    hosts: Hosts,
    shelves: Vec<Shelf>,
}

/// One generated file, read or not.
pub(super) struct Shelf {
    /// As people know it.
    file: Box<str>,
    entry: Entry,
    read: OnceLock<Result<Volume, String>>,
}

/// What the index says of a file.
struct Entry {
    /// Without folder and ending.
    name: Box<str>,
    digest: Box<str>,
    provider: Arc<str>,
    title: Box<str>,
    /// `call_api=3,read_record=5`
    actions: Box<str>,
    /// `charge,refund`
    kinds: Box<str>,
}

/// A file that was read.
struct Volume {
    own: Service,
    /// Its operations as a part of what people wrote, by the number of that.
    below: Box<[OnceLock<Box<Service>>]>,
}

/// Whether a file is the index, rather than a mapping.
pub(super) fn is_index(source: &Source) -> bool {
    source.file.rsplit(['/', '\\']).next() == Some(INDEX)
}

/// One file, made ready.
///
/// # Errors
/// All mistakes of it.
pub(super) fn read(source: &Source, vocabulary: &Vocabulary) -> Result<compile::Compiled, Vec<Diagnostic>> {
    yaml::load_with(source, |file: File| compile(source, vocabulary, &file))
}

/// What is wrong in a generated file, and where.
pub fn faults(source: &Source, vocabulary: &Vocabulary) -> Vec<Diagnostic> {
    read(source, vocabulary).err().unwrap_or_default()
}

/// The line of the index for a file.
///
/// # Errors
/// All mistakes of the file.
pub fn index_line(source: &Source, vocabulary: &Vocabulary) -> Result<String, Vec<Diagnostic>> {
    let compiled = read(source, vocabulary)?;
    let entry = Entry::of(source, &compiled.service);
    let hosts: Vec<&str> = compiled.hosts.iter().map(|(place, _)| place.value.as_str()).collect();
    Ok([
        &*entry.name,
        &*entry.digest,
        &*entry.provider,
        &*entry.title,
        &*entry.actions,
        &*entry.kinds,
        &hosts.join(","),
    ]
    .join("\t"))
}

fn stem(file: &str) -> &str {
    let name = file.rsplit(['/', '\\', ':']).next().unwrap_or(file);
    name.strip_suffix(".yaml").unwrap_or(name)
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

impl Entry {
    fn of(source: &Source, service: &Service) -> Entry {
        let mut actions: BTreeMap<&str, usize> = BTreeMap::new();
        let mut kinds = std::collections::BTreeSet::new();
        for (operation, _) in service.operations() {
            *actions.entry(&operation.meaning.action).or_default() += 1;
            kinds.insert(&*operation.target.kind);
        }
        let mut counted = String::new();
        for (action, count) in actions {
            let comma = if counted.is_empty() { "" } else { "," };
            let _ = write!(counted, "{comma}{action}={count}"); // a string cannot fail to be written to
        }
        Entry {
            name: stem(&source.file).into(),
            digest: digest(&source.text).into(),
            provider: service.provider.clone(),
            title: service.title.clone(),
            actions: counted.into(),
            kinds: kinds.into_iter().collect::<Vec<_>>().join(",").into(),
        }
    }

    fn parse(line: &str) -> Option<(Entry, Vec<&str>)> {
        let mut parts = line.split('\t');
        let mut next = || parts.next();
        let entry = Entry {
            name: next()?.into(),
            digest: next()?.into(),
            provider: next()?.into(),
            title: next()?.into(),
            actions: next()?.into(),
            kinds: next()?.into(),
        };
        let hosts = next()?.split(',').collect();
        parts.next().is_none().then_some((entry, hosts))
    }
}

impl Generated {
    /// The place of the file that is put next.
    pub(super) fn next(&mut self) -> (&mut Hosts, usize) {
        (&mut self.hosts, self.shelves.len())
    }

    /// Adds a file that was read already: one of the home's.
    pub(super) fn put(&mut self, source: &Source, service: Service, written: usize) {
        let shelf = Shelf {
            file: source.file.as_str().into(),
            entry: Entry::of(source, &service),
            read: OnceLock::from(Ok(Volume::new(service, written))),
        };
        self.shelves.push(shelf);
    }

    /// Name of the file with this number.
    pub(super) fn file(&self, number: usize) -> Option<&str> {
        self.shelves.get(number).map(|shelf| &*shelf.file)
    }

    /// Adds what the index lists, but for files that are there under the same name.
    pub(super) fn read_index(&mut self, index: &Source) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        let own: Vec<Box<str>> = self.shelves.iter().map(|shelf| shelf.entry.name.clone()).collect();
        for (at, line) in index
            .text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.starts_with('#'))
        {
            let wrong = |message: String| Diagnostic::at(&index.file, &index.text, at + 1, 1, message);
            let Some((entry, hosts)) = Entry::parse(line) else {
                problems.push(wrong("this is no line of the index: make it again".to_owned()));
                continue;
            };
            if own.contains(&entry.name) {
                continue;
            }
            for host in hosts {
                let number = self.shelves.len();
                let inserted = Pattern::parse(host).map(|pattern| self.hosts.insert(pattern, number));
                match inserted {
                    Ok(Ok(())) => {}
                    Ok(Err(other)) if other == number => {}
                    Ok(Err(other)) => {
                        let other = self.file(other).unwrap_or_default();
                        problems.push(wrong(format!(
                            "`{host}`: {other} is for the same hosts; give it the name {}.yaml to replace this one",
                            entry.name
                        )));
                    }
                    Err(message) => problems.push(wrong(message)),
                }
            }
            self.shelves.push(Shelf {
                file: format!("{EMBEDDED}mappings/{FOLDER}/{}.yaml", entry.name).into(),
                entry,
                read: OnceLock::new(),
            });
        }
        problems
    }

    /// Those that were read in `before`, with the numbers of what people wrote that they were a part of there.
    pub(super) fn read_in(&self, before: &Generated) -> impl Iterator<Item = (&Shelf, impl Iterator<Item = usize>)> {
        let read = before.shelves.iter().filter_map(|shelf| {
            let volume = shelf.read.get()?.as_ref().ok()?;
            Some((&*shelf.entry.name, volume))
        });
        let read: HashMap<&str, &Volume> = read.collect();
        self.shelves.iter().filter_map(move |shelf| {
            let below = read.get(&*shelf.entry.name)?.below.iter().enumerate();
            let below = below.filter(|(_, part)| part.get().is_some());
            Some((shelf, below.map(|(number, _)| number)))
        })
    }

    pub(super) fn find(&self, authority: &Authority, scheme: Scheme) -> Option<(Found, &Shelf)> {
        let found = self.hosts.find(authority, scheme)?;
        let shelf = self.shelves.get(found.service)?;
        Some((found, shelf))
    }

    /// Provider, with the kinds of targets that its file has.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (&Arc<str>, std::str::Split<'_, char>)> {
        let shelves = self.shelves.iter();
        shelves.map(|shelf| (&shelf.entry.provider, shelf.entry.kinds.split(',')))
    }

    pub(super) fn providers(&self) -> impl Iterator<Item = &str> {
        self.shelves.iter().map(|shelf| &*shelf.entry.provider)
    }

    /// Titles of those that have a host of this name, or below it.
    pub(super) fn titles_below(&self, domain: &str) -> impl Iterator<Item = &str> {
        let shelves = self.hosts.below(domain).filter_map(|shelf| self.shelves.get(shelf));
        shelves.map(|shelf| &*shelf.entry.title)
    }

    /// Title, action, and how many operations of that file are that action.
    pub(super) fn actions(&self) -> impl Iterator<Item = (&str, &str, usize)> {
        self.shelves.iter().flat_map(|shelf| {
            let counted = shelf.entry.actions.split(',').filter_map(|one| one.split_once('='));
            counted.filter_map(|(action, count)| Some((&*shelf.entry.title, action, count.parse().ok()?)))
        })
    }
}

impl Shelf {
    /// The file's service; with `below` as a part of that one of `written`. The first call reads the file; others for the same
    /// file wait for it, and for no other.
    ///
    /// SECURITY: a file that is not what the index says, or cannot be read, is none that nobody wrote: its hosts are known,
    /// so that calls to them are refused rather than taken for a stranger's (test `a_generated_file_that_fails_refuses`).
    pub(super) fn service(
        &self,
        vocabulary: &Vocabulary,
        written: &[Service],
        below: Option<usize>,
    ) -> Result<&Service, Refusal> {
        let read = self.read.get_or_init(|| self.load(vocabulary, written.len()));
        let volume = read.as_ref().map_err(|error| {
            let detail = format!("the generated mapping of this host cannot be used: {error}");
            Refusal::new(Reason::NotInspectable, detail)
        })?;
        let Some(number) = below else {
            return Ok(&volume.own);
        };
        // SECURITY: never by itself, where people wrote something: that would count no more (test
        // `what_people_wrote_counts_whichever_host_of_a_file_is_called_first`).
        let merged = volume
            .below
            .get(number)
            .zip(written.get(number))
            .map(|(place, service)| &**place.get_or_init(|| Box::new(volume.own.below(service))));
        merged.ok_or_else(|| {
            let detail = format!("{} cannot be read below what people wrote for this host", self.file);
            Refusal::new(Reason::NotInspectable, detail)
        })
    }

    /// How many parts of what people wrote it was read as; `None` where it is not read yet.
    #[cfg(test)]
    pub(super) fn parts_read(&self) -> Option<usize> {
        let volume = self.read.get()?.as_ref().ok()?;
        Some(volume.below.iter().filter(|part| part.get().is_some()).count())
    }

    fn load(&self, vocabulary: &Vocabulary, written: usize) -> Result<Volume, String> {
        let name = &self.entry.name;
        let text =
            embedded::mapping(&format!("{FOLDER}/{name}.yaml")).ok_or_else(|| format!("there is no {}", self.file))?;
        if digest(text) != *self.entry.digest {
            return Err(format!("{} is not the file that the index lists", self.file));
        }
        let source = Source {
            file: self.file.to_string(),
            text: text.to_owned(),
        };
        match read(&source, vocabulary) {
            Ok(compiled) => Ok(Volume::new(compiled.service, written)),
            Err(problems) => Err(problems.first().map_or_else(String::new, ToString::to_string)),
        }
    }
}

impl Volume {
    fn new(own: Service, written: usize) -> Volume {
        Volume {
            own,
            below: (0..written).map(|_| OnceLock::new()).collect(),
        }
    }
}

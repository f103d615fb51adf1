//! The mappings and policies that ship inside the binary; files of the same name in the home override them.

use std::collections::BTreeMap;
use std::path::Path;

use include_dir::Dir;

use crate::approval;
use crate::io::embedded::{self, MAPPINGS, POLICIES};
use crate::mapping::generated;
use crate::model::diagnostic::{EMBEDDED, meant};
use crate::model::{Diagnostic, Source};

/// Where the packs are among the policies.
const PACKS: &str = "packs";
/// Where the tests stand among the policies.
pub const TESTS: &str = "tests";

/// How the name of a pack's tests ends.
const TESTS_OF_PACK: &str = ".tests.yaml";

const BUDGETS: &str = "budgets.yaml";
/// Name of the vocabulary among the mappings.
pub const VOCABULARY: &str = "actions.yaml";

/// The vocabulary, and the mapping files.
type Mappings = (Source, Vec<Source>);

/// The mapping files in force, the vocabulary apart: shipped ones, overridden by those of `directory`. Shipped ones go
/// first, so that of two which do not go together the one that people can change is told. Of generated ones the index, in
/// the place of all that are shipped, and those of `directory`.
///
/// # Errors
/// Files that cannot be read, or are not text.
pub fn mappings(directory: &Path) -> Result<Mappings, Vec<Diagnostic>> {
    let (files, wrong) = readable_mappings(directory)?;
    if wrong.is_empty() { Ok(files) } else { Err(wrong) }
}

/// The same without the files that cannot be read, and why they cannot.
///
/// # Errors
/// If there is no vocabulary.
pub fn readable_mappings(directory: &Path) -> Result<(Mappings, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (own, mut wrong) = readable(directory, "yaml");
    let mut files = over(&MAPPINGS, "mappings", "yaml", own);
    let (below, unreadable) = readable(&directory.join(generated::FOLDER), "yaml");
    files.extend(below.into_values());
    wrong.extend(unreadable);
    let index = format!("{}/{}", generated::FOLDER, generated::INDEX);
    files.extend(embedded::mapping(&index).map(|text| Source {
        file: format!("{EMBEDDED}mappings/{index}"),
        text: text.to_owned(),
    }));
    let place = files.iter().position(|source| source.file.ends_with(VOCABULARY));
    match place {
        Some(place) => Ok(((files.remove(place), files), wrong)),
        None => Err(vec![Diagnostic::of_file(VOCABULARY, "the vocabulary is missing")]),
    }
}

/// The mapping files that ship, whatever the home has: those that people wrote.
pub fn shipped_mappings() -> Vec<Source> {
    let mut files = over(&MAPPINGS, "mappings", "yaml", BTreeMap::new());
    files.retain(|source| !source.file.ends_with(VOCABULARY));
    files
}

/// The policy files in force.
///
/// # Errors
/// Files that cannot be read, or are not text.
pub fn policies(directory: &Path) -> Result<Vec<Source>, Vec<Diagnostic>> {
    sources(&POLICIES, "policies", directory, "cedar")
}

/// Names of the packs: policies for a field of work, in force once they are in the home.
pub fn packs() -> impl Iterator<Item = &'static str> {
    let files = POLICIES.get_dir(PACKS).into_iter().flat_map(Dir::files);
    files.filter_map(|file| file.path().file_name()?.to_str()?.strip_suffix(".cedar"))
}

/// Whether a rule of the pack asks who is outside of the organisation.
pub fn asks_who_is_outside(pack: &str) -> bool {
    let rules = POLICIES.get_file(format!("{PACKS}/{pack}.cedar"));
    let text = rules.and_then(include_dir::File::contents_utf8);
    text.is_some_and(|text| text.contains("context.external_recipient_count"))
}

/// What stands beside the rules: those of `directory`, each in the place of the shipped one of its name.
pub struct PolicyData {
    pub targets: Source,
    pub prices: Option<Source>,
    /// `budgets.yaml`, and those of packs: `payments.budgets.yaml`.
    pub budgets: Vec<Source>,
}

/// # Errors
/// Files that cannot be read, are not text, or have a name that says nothing of what they are.
pub fn policy_data(directory: &Path) -> Result<PolicyData, Vec<Diagnostic>> {
    let (data, strange) = known_policy_data(directory)?;
    if strange.is_empty() { Ok(data) } else { Err(strange) }
}

/// The same without the files that have such a name, and what is to be said of them.
///
/// # Errors
/// Files that cannot be read, or are not text.
pub fn known_policy_data(directory: &Path) -> Result<(PolicyData, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (mut targets, mut prices, mut budgets, mut wrong) = (None, None, Vec::new(), Vec::new());
    for source in sources(&POLICIES, "policies", directory, "yaml")? {
        match source.file.rsplit('/').next() {
            Some("targets.yaml") => targets = Some(source),
            Some("prices.yaml") => prices = Some(source),
            Some(name) if name == BUDGETS || name.ends_with(".budgets.yaml") => budgets.push(source),
            // SECURITY: limits in a file that nobody reads would hold nothing.
            name => {
                let near = meant(
                    name.unwrap_or_default(),
                    ["targets.yaml", "prices.yaml", BUDGETS].into_iter(),
                );
                let hint = near
                    .map(|name| format!(" (did you mean `{name}`?)"))
                    .unwrap_or_default();
                let message = "nobody reads a file of this name: expected targets.yaml, prices.yaml, budgets.yaml or NAME.budgets.yaml";
                wrong.push(Diagnostic::of_file(&source.file, format!("{message}{hint}")));
            }
        }
    }
    let missing = || vec![Diagnostic::of_file("targets.yaml", "the file is missing")];
    let data = PolicyData {
        targets: targets.ok_or_else(missing)?,
        prices,
        budgets,
    };
    Ok((data, wrong))
}

/// How the tests of a pack are called in a home: as nobody calls their own.
fn tests_of(pack: &str) -> String {
    format!("pack-{pack}.yaml")
}

/// Tests of the policies: those of `directory`, and the shipped ones if it has none but those of packs.
///
/// # Errors
/// Files that cannot be read, or are not text.
pub fn fixtures(directory: &Path) -> Result<Vec<Source>, Vec<Diagnostic>> {
    let own = own(directory, "yaml")?;
    let is_of_pack = |name: &String| packs().any(|pack| *name == tests_of(pack));
    if !own.keys().all(is_of_pack) {
        return Ok(own.into_values().collect());
    }
    let shipped = POLICIES.get_dir(TESTS).into_iter().flat_map(Dir::files);
    let shipped = shipped.map(|file| Source {
        file: format!("{EMBEDDED}policies/{}", file.path().display()),
        text: file.contents_utf8().unwrap_or_default().to_owned(),
    });
    Ok(shipped.chain(own.into_values()).collect())
}

/// Names of files that are put into a home.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Placed {
    pub written: Vec<String>,
    /// They were there already, and are as they were.
    pub kept: Vec<String>,
}

/// Writes the shipped files into the home, keeping every file that is there already.
///
/// # Errors
/// What the file system says.
pub fn write_out(home: &super::home::Home) -> std::io::Result<Placed> {
    let mut placed = Placed::default();
    let all = [
        (Some(&MAPPINGS), home.mappings(), "yaml"),
        (Some(&POLICIES), home.policies(), "cedar"),
        (Some(&POLICIES), home.policies(), "yaml"),
        (POLICIES.get_dir(TESTS), home.policies().join(TESTS), "yaml"),
    ];
    for (shipped, directory, kind) in all {
        let Some(shipped) = shipped else { continue };
        for file in shipped
            .files()
            .filter(|file| file.path().extension().is_some_and(|found| found == kind))
        {
            write_one(file, &directory, &mut placed)?;
        }
    }
    let clients = home.clients();
    let name = clients.display().to_string();
    if clients.exists() {
        placed.kept.push(name);
    } else {
        std::fs::write(&clients, approval::shipped_clients().text)?;
        placed.written.push(name);
    }
    Ok(placed)
}

/// The same of these packs only.
///
/// # Errors
/// What the file system says.
pub fn write_packs(home: &super::home::Home, packs: &[String]) -> std::io::Result<Placed> {
    let mut placed = Placed::default();
    for file in POLICIES.get_dir(PACKS).into_iter().flat_map(Dir::files) {
        let name = file
            .path()
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let wanted = |pack: &String| name.split('.').next() == Some(pack.as_str());
        if !packs.iter().any(wanted) {
            continue;
        }
        match name.strip_suffix(TESTS_OF_PACK) {
            Some(pack) => {
                let tests = home.policies().join(TESTS);
                write_as(tests_of(pack), file, &tests, &mut placed)?;
            }
            None => write_one(file, &home.policies(), &mut placed)?,
        }
    }
    Ok(placed)
}

/// Into this directory, under its own name.
fn write_one(file: &include_dir::File<'_>, directory: &Path, placed: &mut Placed) -> std::io::Result<()> {
    let name = file.path().file_name().unwrap_or(file.path().as_os_str());
    write_as(name, file, directory, placed)
}

fn write_as(
    name: impl AsRef<Path>,
    file: &include_dir::File<'_>,
    directory: &Path,
    placed: &mut Placed,
) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let path = directory.join(name);
    let names = match std::fs::File::create_new(&path) {
        Ok(mut created) => {
            std::io::Write::write_all(&mut created, file.contents())?;
            &mut placed.written
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => &mut placed.kept,
        Err(error) => return Err(error),
    };
    names.push(path.display().to_string());
    Ok(())
}

fn sources(shipped: &Dir<'_>, label: &str, directory: &Path, kind: &str) -> Result<Vec<Source>, Vec<Diagnostic>> {
    Ok(over(shipped, label, kind, own(directory, kind)?))
}

/// The shipped files of a kind, and in the place of those of the same name a home's own.
fn over(shipped: &Dir<'_>, label: &str, kind: &str, own: BTreeMap<String, Source>) -> Vec<Source> {
    let mut found = BTreeMap::new();
    for file in shipped
        .files()
        .filter(|file| file.path().extension().is_some_and(|extension| extension == kind))
    {
        let name = file.path().display().to_string();
        let text = file.contents_utf8().unwrap_or_default().to_owned();
        found.insert(
            name.clone(),
            Source {
                file: format!("{EMBEDDED}{label}/{name}"),
                text,
            },
        );
    }
    found.extend(own);
    let mut found: Vec<Source> = found.into_values().collect();
    found.sort_by_key(|source| !source.is_embedded());
    found
}

/// The files of a kind in `directory`, by name; none where it is not there.
///
/// # Errors
/// Files that cannot be read, or are not text.
pub fn own(directory: &Path, kind: &str) -> Result<BTreeMap<String, Source>, Vec<Diagnostic>> {
    let (found, wrong) = readable(directory, kind);
    if wrong.is_empty() { Ok(found) } else { Err(wrong) }
}

/// The same without those that cannot be read, and why they cannot.
fn readable(directory: &Path, kind: &str) -> (BTreeMap<String, Source>, Vec<Diagnostic>) {
    let (mut found, mut wrong) = (BTreeMap::new(), Vec::new());
    let entries: Vec<std::path::PathBuf> = match list(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            wrong.push(Diagnostic::of_file(directory.display().to_string(), error.to_string()));
            Vec::new()
        }
    };
    for path in entries
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == kind))
    {
        let shown = path.display().to_string();
        let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else {
            continue;
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => drop(found.insert(name, Source { file: shown, text })),
            Err(error) => wrong.push(Diagnostic::of_file(shown, error.to_string())),
        }
    }
    (found, wrong)
}

fn list(directory: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    std::fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
}

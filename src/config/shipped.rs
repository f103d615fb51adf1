//! The mappings and policies that ship inside the binary; files of the same name in the home override them.

use std::collections::BTreeMap;
use std::path::Path;

use include_dir::{Dir, include_dir};

use crate::model::diagnostic::EMBEDDED;
use crate::model::{Diagnostic, Source};

static MAPPINGS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/mappings");
static POLICIES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/policies");

/// Where the tests stand among the policies.
pub const TESTS: &str = "tests";

/// Name of the vocabulary among the mappings.
pub const VOCABULARY: &str = "actions.yaml";

/// The mapping files in force, the vocabulary apart: shipped ones, overridden by those of `directory`. Shipped ones go
/// first, so that of two which do not go together the one that people can change is told.
///
/// # Errors
/// Files that cannot be read, or are not text.
pub fn mappings(directory: &Path) -> Result<(Source, Vec<Source>), Vec<Diagnostic>> {
    let mut files = sources(&MAPPINGS, "mappings", directory, "yaml")?;
    let place = files.iter().position(|source| source.file.ends_with(VOCABULARY));
    match place {
        Some(place) => Ok((files.remove(place), files)),
        None => Err(vec![Diagnostic::of_file(VOCABULARY, "the vocabulary is missing")]),
    }
}

/// The policy files in force.
///
/// # Errors
/// Files that cannot be read, or are not text.
pub fn policies(directory: &Path) -> Result<Vec<Source>, Vec<Diagnostic>> {
    sources(&POLICIES, "policies", directory, "cedar")
}

/// Tests of the policies: those of `directory`, or the shipped ones if it has none.
///
/// # Errors
/// Files that cannot be read, or are not text.
pub fn fixtures(directory: &Path) -> Result<Vec<Source>, Vec<Diagnostic>> {
    let own = own(directory, "yaml")?;
    if !own.is_empty() {
        return Ok(own.into_values().collect());
    }
    let shipped = POLICIES.get_dir(TESTS).into_iter().flat_map(Dir::files);
    let shipped = shipped.map(|file| Source {
        file: format!("{EMBEDDED}policies/{}", file.path().display()),
        text: file.contents_utf8().unwrap_or_default().to_owned(),
    });
    Ok(shipped.collect())
}

/// Writes the shipped files into the home, keeping every file that is there already. Gives the names written.
///
/// # Errors
/// What the file system says.
pub fn write_out(home: &super::home::Home) -> std::io::Result<Vec<String>> {
    let mut written = Vec::new();
    let all = [
        (Some(&MAPPINGS), home.mappings(), "yaml"),
        (Some(&POLICIES), home.policies(), "cedar"),
        (POLICIES.get_dir(TESTS), home.policies(), "yaml"),
    ];
    for (shipped, directory, kind) in all {
        let Some(shipped) = shipped else { continue };
        std::fs::create_dir_all(directory.join(shipped.path()))?;
        for file in shipped
            .files()
            .filter(|file| file.path().extension().is_some_and(|found| found == kind))
        {
            let path = directory.join(file.path());
            match std::fs::File::create_new(&path) {
                Ok(mut created) => std::io::Write::write_all(&mut created, file.contents())?,
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
            written.push(path.display().to_string());
        }
    }
    Ok(written)
}

fn sources(shipped: &Dir<'_>, label: &str, directory: &Path, kind: &str) -> Result<Vec<Source>, Vec<Diagnostic>> {
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
    found.extend(own(directory, kind)?);
    let mut found: Vec<Source> = found.into_values().collect();
    found.sort_by_key(|source| !source.is_embedded());
    Ok(found)
}

/// The files of a kind in `directory`, by name; none where it is not there.
///
/// # Errors
/// Files that cannot be read, or are not text.
pub fn own(directory: &Path, kind: &str) -> Result<BTreeMap<String, Source>, Vec<Diagnostic>> {
    let (mut found, mut wrong) = (BTreeMap::new(), Vec::new());
    let entries: Vec<std::path::PathBuf> = match list(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            return Err(vec![Diagnostic::of_file(
                directory.display().to_string(),
                error.to_string(),
            )]);
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
    match wrong.is_empty() {
        true => Ok(found),
        false => Err(wrong),
    }
}

fn list(directory: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    std::fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
}

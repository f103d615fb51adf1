//! Descriptions as they come: JSON or YAML, plain or packed, one file or a folder of them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{ImportError, unique};
use crate::io::yaml;
use crate::model::Source;

/// The largest description, unpacked.
const MAX_BYTES: usize = 64 << 20;
/// The most files of a folder, and of those below it.
const MAX_FILES: usize = 5_000;

/// One description.
#[derive(Debug)]
pub struct Document {
    /// Its path below the folder that was asked for, or its name.
    pub name: String,
    pub value: Value,
}

/// The descriptions in a file or folder, in order of their names.
///
/// # Errors
/// Files that cannot be read, are too large, or are neither JSON nor YAML.
pub fn documents(path: &Path) -> Result<Vec<Document>, ImportError> {
    let mut found = BTreeMap::new();
    match path.is_dir() {
        true => collect(path, path, &mut found)?,
        false => {
            let name = path.file_name().unwrap_or(path.as_os_str());
            found.insert(name.to_string_lossy().into_owned(), path.to_owned());
        }
    }
    found.into_iter().map(|(name, path)| read(name, &path)).collect()
}

fn collect(root: &Path, directory: &Path, found: &mut BTreeMap<String, PathBuf>) -> Result<(), ImportError> {
    let failed = |error| ImportError::Io {
        file: directory.to_owned(),
        error,
    };
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        // A link might lead round in a circle.
        if entry.file_type().map_err(failed)?.is_dir() {
            collect(root, &path, found)?;
        } else if let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str)
            && [".json", ".json.gz", ".yaml", ".yml"]
                .iter()
                .any(|ending| name.ends_with(ending))
        {
            found.insert(name.replace('\\', "/"), path.clone());
        }
        if found.len() > MAX_FILES {
            return Err(ImportError::TooMany {
                file: root.display().to_string(),
                limit: MAX_FILES,
                what: "files",
            });
        }
    }
    Ok(())
}

fn read(name: String, path: &Path) -> Result<Document, ImportError> {
    let bytes = bytes(&name, path)?;
    parse(name, bytes)
}

/// The bytes of a file, unpacked.
///
/// # Errors
/// A file that cannot be read, or is too large.
pub(super) fn bytes(name: &str, path: &Path) -> Result<Vec<u8>, ImportError> {
    let failed = |error| ImportError::Io {
        file: path.to_owned(),
        error,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    match name.ends_with(".gz") {
        true => flate2::read::GzDecoder::new(file).take(limit).read_to_end(&mut bytes),
        false => file.take(limit).read_to_end(&mut bytes),
    }
    .map_err(failed)?;
    if bytes.len() > MAX_BYTES {
        return Err(ImportError::TooLarge {
            file: name.to_owned(),
            limit: MAX_BYTES >> 20,
        });
    }
    Ok(bytes)
}

/// Reads JSON, or YAML where it is not that.
pub(super) fn parse(name: String, bytes: Vec<u8>) -> Result<Document, ImportError> {
    let unreadable = |what: String| ImportError::Unreadable {
        file: name.clone(),
        what,
    };
    let value = match name.ends_with(".yaml") || name.ends_with(".yml") {
        true => {
            let text = String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
            let source = Source {
                file: name.clone(),
                text,
            };
            yaml::load_large(&source).map_err(|error| unreadable(error.to_string()))?
        }
        false => json(&bytes).map_err(|error| match error.is_data() {
            true => unreadable(error.to_string()),
            false => unreadable(format!("this is no JSON: {error}")),
        })?,
    };
    Ok(Document { name, value })
}

/// Reads JSON in which no object has a member twice. Its depth is bounded by the reader.
fn json(bytes: &[u8]) -> serde_json::Result<Value> {
    unique::check(bytes)?;
    serde_json::from_slice(bytes)
}

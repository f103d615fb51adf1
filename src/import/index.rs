//! The index of a folder of generated mappings.

use std::path::Path;

use super::ImportError;
use crate::mapping::generated;
use crate::model::{Source, Vocabulary};

/// The index of a folder's files, in order of their names.
///
/// # Errors
/// Files that cannot be read, or are no mappings.
pub fn index(folder: &Path, vocabulary: &Vocabulary) -> Result<String, ImportError> {
    let failed = |error| ImportError::Io {
        file: folder.to_owned(),
        error,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".yaml") {
            names.push(name);
        }
    }
    names.sort_unstable();
    let mut out = String::from(
        "# Made with the files beside it: name, SHA-256, provider, title, operations of each action, kinds of targets, hosts.\n",
    );
    for name in names {
        let source = Source {
            text: std::fs::read_to_string(folder.join(&name)).map_err(failed)?,
            file: name,
        };
        let line = generated::index_line(&source, vocabulary);
        let line =
            line.map_err(|wrong| ImportError::NoMapping(wrong.first().map_or_else(String::new, ToString::to_string)))?;
        out.push_str(&line);
        out.push('\n');
    }
    Ok(out)
}

//! Descriptions of APIs → mapping text. Floor 5: no stage, nothing that a running sidecar uses.
//!
//! An importer (`openapi`, `google`) reads what a provider publishes and makes `Draft`s; a draft writes itself as a compact
//! mapping file, one line an operation, the same bytes each time. What an operation does to its target is judged by
//! `evidence`, in one place for all importers, and the evidence is kept in the file.
//!
//! A new importer makes a function `fn read(document: &[u8], …) -> Result<Vec<Draft>, ImportError>`, a subcommand of `import`,
//! and a part of `import all`. `settle` ([`regenerate`]) makes its text one that is a mapping.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::Diagnostic;
use crate::model::inert::inert;

pub mod botocore;
mod draft;
mod entry;
pub mod evidence;
mod files;
pub mod google;
pub mod graphql;
pub mod har;
mod index;
mod meaning;
mod openapi;
pub mod paths;
mod providers;
mod refs;
pub mod regenerate;
mod secrets;
pub mod stripe;
mod template;
#[cfg(test)]
mod tests;
mod things;
mod unique;
mod words;

pub use draft::{Dispatch, Draft, Operation, Origin, Tables, quoted, scalar};
pub use entry::{Entry, entry, judged};
pub use files::{Document, documents};
pub use index::index;
pub use openapi::{Options, read_all};

/// Why a description gives no mapping. Every message says which file it is about.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{}: {error}", file.display())]
    Io { file: PathBuf, error: std::io::Error },
    #[error("{file}: larger than {limit} MiB when unpacked: no description that is known is")]
    TooLarge { file: String, limit: usize },
    #[error("{file}: {what}")]
    Unreadable { file: String, what: String },
    #[error("{0}")]
    Wrong(Box<Diagnostic>),
    #[error("{file}: expected {expected}, found {found}")]
    Unexpected {
        file: String,
        expected: &'static str,
        found: String,
    },
    #[error("{file}: more than {limit} {what}: no description that is known has as many")]
    TooMany {
        file: String,
        limit: usize,
        what: &'static str,
    },
    #[error("nothing in it could be mapped{}", reasons(left_out))]
    Nothing { left_out: LeftOut },
    #[error("{of}: what it says makes no mapping: {what}")]
    Unmappable { of: String, what: String },
    #[error("the mapping that was made is not one: {0}")]
    NoMapping(String),
}

/// Operations that were left out of a mapping, and why: name → reason.
pub type LeftOut = BTreeMap<String, String>;

/// Of an error, a few are enough.
const REASONS: usize = 8;

fn reasons(left_out: &LeftOut) -> String {
    let told = left_out.iter().take(REASONS);
    let mut told: String = told
        .map(|(name, why)| format!("\nleft out: {}: {}", inert(name), inert(why)))
        .collect();
    if let Some(more) = left_out.len().checked_sub(REASONS + 1) {
        told.push_str(&format!("\nand {} more", more + 1));
    }
    told
}

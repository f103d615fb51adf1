//! All shipped generated mappings, made again: the same bytes of the same descriptions.

use std::collections::BTreeSet;
use std::path::Path;

use super::providers::{PROVIDERS, Provider};
use super::{Document, Draft, ImportError, LeftOut, botocore, documents, google, index, openapi, stripe};
use crate::io::embedded;
use crate::mapping::Mappings;
use crate::mapping::generated;
use crate::model::Source;
use crate::model::Vocabulary;
use crate::model::inert::inert;

/// Whose description is older than its package.
const STRIPE: &str = "stripe";
/// Rounds in which operations that do not go together are left out.
const MAX_ROUNDS: usize = 64;

/// A mapping file and the operations that could not stand in it.
pub struct Made {
    pub name: String,
    pub text: String,
    pub left_out: LeftOut,
}

/// The files of all OpenAPI descriptions in a folder whose provider is known.
///
/// # Errors
/// Descriptions that cannot be read.
pub fn from_openapi(folder: &Path) -> Result<Vec<Made>, ImportError> {
    let all = documents(folder)?;
    let vocabulary = vocabulary()?;
    let mut made = Vec::new();
    for provider in PROVIDERS.iter().filter(|provider| provider.name != STRIPE) {
        let of_provider = all.iter().filter(|document| is_of(document, provider));
        let (mut drafts, mut left_out) = (Vec::new(), LeftOut::new());
        for document in of_provider {
            let options = provider.options(stem(document));
            let (read, left) = openapi::read(document, &options)?;
            left_out.extend(left);
            for mut draft in read {
                if provider.is_many() {
                    draft.qualify();
                }
                openapi::put(&mut drafts, draft);
            }
        }
        for draft in drafts {
            made.push(settle(draft, std::mem::take(&mut left_out), &vocabulary)?);
        }
    }
    Ok(made)
}

/// The files of Stripe: the operations of its Python package, and of the older OpenAPI description in a folder those that it
/// does not have; those of other hosts in files of their own.
///
/// # Errors
/// What cannot be read.
pub fn from_stripe(package: &Path, folder: &Path) -> Result<Vec<Made>, ImportError> {
    let (mut draft, mut left_out) = stripe::read(package)?;
    let (hosts, mut beside) = (draft.hosts.clone(), Vec::new());
    for provider in PROVIDERS.iter().filter(|provider| provider.name == STRIPE) {
        for document in documents(folder)?.iter().filter(|document| is_of(document, provider)) {
            let (older, left) = openapi::read(document, &provider.options(stem(document)))?;
            left_out.extend(left);
            let (same, others): (Vec<Draft>, Vec<Draft>) = older.into_iter().partition(|older| older.hosts == hosts);
            same.into_iter().for_each(|older| draft.complete(older));
            others.into_iter().for_each(|other| openapi::put(&mut beside, other));
        }
    }
    let vocabulary = vocabulary()?;
    let beside = beside
        .into_iter()
        .map(|draft| settle(draft, LeftOut::new(), &vocabulary));
    std::iter::once(settle(draft, left_out, &vocabulary))
        .chain(beside)
        .collect()
}

fn is_of(document: &Document, provider: &Provider) -> bool {
    let rest = document.name.strip_prefix(provider.description);
    let folder = !provider.description.contains(['.', '-']);
    rest.is_some_and(|rest| !folder || rest.starts_with('/'))
}

/// The files of all discovery documents in a folder.
///
/// # Errors
/// Documents that cannot be read.
pub fn from_google(folder: &Path) -> Result<Vec<Made>, ImportError> {
    let vocabulary = vocabulary()?;
    let (drafts, left_out) = google::read(&documents(folder)?)?;
    let mut left_out = Some(left_out);
    let settled = drafts
        .into_iter()
        .map(|draft| settle(draft, left_out.take().unwrap_or_default(), &vocabulary));
    settled.collect()
}

/// The files of all services of AWS.
///
/// # Errors
/// Descriptions that cannot be read.
pub fn from_botocore(directory: &Path, authorization: &Path) -> Result<Vec<Made>, ImportError> {
    let vocabulary = vocabulary()?;
    let drafts = botocore::read(directory, authorization)?.into_iter();
    drafts.map(|draft| settle(draft, LeftOut::new(), &vocabulary)).collect()
}

/// Drafts as texts that are mappings. One that has no operation is none.
///
/// # Errors
/// As [`settle`]; where nothing is left, that nothing is, and why.
pub fn settle_all(drafts: Vec<Draft>, mut left_out: LeftOut) -> Result<(Vec<Made>, LeftOut), ImportError> {
    let vocabulary = vocabulary()?;
    let mut made = Vec::new();
    for draft in drafts {
        let settled = settle(draft, LeftOut::new(), &vocabulary)?;
        left_out.extend(settled.left_out.clone());
        let is_empty = settled.text.ends_with("\noperations:\n");
        made.extend(Some(settled).filter(|_| !is_empty));
    }
    match made.is_empty() {
        true => Err(ImportError::Nothing { left_out }),
        false => Ok((made, left_out)),
    }
}

/// A draft as text that is a mapping: operations that do not go together with others are left out.
///
/// # Errors
/// What is wrong besides.
pub fn settle(mut draft: Draft, mut left_out: LeftOut, vocabulary: &Vocabulary) -> Result<Made, ImportError> {
    left_out.extend(draft.dedupe());
    for _ in 0..MAX_ROUNDS {
        let text = draft.to_yaml();
        let source = Source {
            file: format!("{}.yaml", draft.name),
            text,
        };
        let faults = generated::faults(&source, vocabulary);
        let Some(first) = faults.first() else {
            return Ok(Made {
                name: draft.name,
                text: source.text,
                left_out,
            });
        };
        let before = draft.operations.len();
        // An operation is a line.
        let head = source.text.lines().position(|line| line == "operations:").unwrap_or(0) + 2;
        let names: Vec<String> = draft.operations.keys().cloned().collect();
        for fault in &faults {
            if let Some(name) = fault.line.checked_sub(head).and_then(|at| names.get(at)) {
                draft.operations.remove(name);
                left_out.insert(name.clone(), fault.message.clone());
            }
        }
        if draft.operations.len() == before {
            return Err(unmappable(&draft, first.message.clone(), vocabulary));
        }
    }
    let what = "its operations do not go together".to_owned();
    Err(unmappable(&draft, what, vocabulary))
}

/// The description is at fault, not the file that was made of it, which nobody has: of several the one that makes it by
/// itself, if there is one.
fn unmappable(draft: &Draft, what: String, vocabulary: &Vocabulary) -> ImportError {
    let mut head = draft.clone();
    head.operations.clear();
    let mut is_wrong = |hosts: &BTreeSet<String>| {
        head.hosts.clone_from(hosts);
        let source = Source {
            file: format!("{}.yaml", draft.name),
            text: head.to_yaml(),
        };
        generated::faults(&source, vocabulary)
            .iter()
            .any(|fault| fault.message == what)
    };
    let made_of = draft.made_of();
    let one = made_of.iter().find(|(_, hosts)| made_of.len() > 1 && is_wrong(hosts));
    let of = one.map_or(&draft.origin.source, |(source, _)| source);
    ImportError::Unmappable {
        of: inert(of).into_owned(),
        what: inert(&what).into_owned(),
    }
}

/// Writes files into a folder, and the index of all that are in it.
///
/// # Errors
/// What the file system says, and files of the folder that are no mappings.
pub fn write(made: &[Made], folder: &Path) -> Result<(), ImportError> {
    let failed = |error| ImportError::Io {
        file: folder.to_owned(),
        error,
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    for file in made {
        std::fs::write(folder.join(format!("{}.yaml", file.name)), &file.text).map_err(failed)?;
    }
    let text = index(folder, &*vocabulary()?)?;
    std::fs::write(folder.join(generated::INDEX), text).map_err(failed)
}

/// The shipped vocabulary.
///
/// # Errors
/// None but of a broken build.
pub fn vocabulary() -> Result<std::sync::Arc<Vocabulary>, ImportError> {
    let source = Source {
        file: "actions.yaml".to_owned(),
        text: embedded::mapping("actions.yaml").unwrap_or_default().to_owned(),
    };
    Mappings::read_vocabulary(&source)
        .map_err(|wrong| ImportError::NoMapping(wrong.first().map_or_else(String::new, ToString::to_string)))
}

fn stem(document: &Document) -> &str {
    let name = document.name.rsplit('/').next().unwrap_or(&document.name);
    name.split('.').next().unwrap_or(name)
}

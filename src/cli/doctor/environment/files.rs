//! The variables that name files of certificates: whether the CA is in them.

use std::collections::BTreeMap;
use std::path::Path;

use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};

use super::{Environment, Reached};
use crate::app::wiring::{ADDED, BUNDLES};
use crate::cli::doctor::finding::Finding;
use crate::cli::doctor::sidecar::{Place, certificates};

pub(super) fn findings(environment: &Environment) -> Vec<Finding> {
    let trusted = trusted(environment);
    // Variables with the same fault are one finding.
    let mut found: BTreeMap<State, Vec<&str>> = BTreeMap::new();
    for name in BUNDLES.into_iter().chain([ADDED]) {
        if let Some(path) = environment.variable(name) {
            found.entry(state(path, &trusted)).or_default().push(name);
        }
    }
    let finding = |(state, names): (State, Vec<&str>)| {
        let exports: Option<Vec<String>> = names.iter().map(|name| environment.export(name)).collect();
        let fix = exports.map_or_else(|| environment.rewire(), |exports| exports.join("\n"));
        let names = names.join(", ");
        Some(match state {
            State::Unknown => return None,
            State::Good => Finding::ok("CA files", &format!("{names}: they hold the CA")),
            State::Soon(path) => {
                let told = format!("{names}: {path} does not hold the CA that signs soon");
                Finding::note("CA files", &told).with_fix(fix)
            }
            State::Missing(path) => Finding::wrong("CA files", &format!("{names}: {path} does not hold the CA"), fix),
            State::Unreadable(path, error) => {
                Finding::wrong("CA files", &format!("{names}: {path} cannot be read: {error}"), fix)
            }
        })
    };
    found.into_iter().filter_map(finding).collect()
}

/// What is to be said of a file.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Good,
    /// It lacks the one that follows.
    Soon(String),
    Missing(String),
    Unreadable(String, String),
    /// What it should hold is not known.
    Unknown,
}

fn state(path: &str, trusted: &[String]) -> State {
    let found = match certificates(Path::new(path)) {
        Ok(found) => found,
        Err(error) => return State::Unreadable(path.to_owned(), error.to_string()),
    };
    let found: Vec<String> = found.iter().map(fingerprint).collect();
    match trusted.split_first() {
        None => State::Unknown,
        Some((signs, _)) if !found.contains(signs) => State::Missing(path.to_owned()),
        Some((_, follows)) if follows.iter().any(|next| !found.contains(next)) => State::Soon(path.to_owned()),
        Some(_) => State::Good,
    }
}

/// Fingerprints of what is to be trusted, the one that signs first; none: not known.
fn trusted(environment: &Environment) -> Vec<String> {
    if let Reached::Sidecar(told) = environment.reached() {
        return told
            .authorities
            .iter()
            .map(|authority| authority.sha256.clone())
            .collect();
    }
    match &environment.place {
        Place::Home(beside) => beside
            .trusted
            .iter()
            .map(|certificate| certificate.fingerprint())
            .collect(),
        Place::Inside | Place::Elsewhere { .. } => Vec::new(),
    }
}

fn fingerprint(certificate: &CertificateDer<'static>) -> String {
    hex::encode(Sha256::digest(certificate))
}

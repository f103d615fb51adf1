//! An authority that follows another one, taken note of while the sidecar runs. The trail has it before it counts.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;

use super::public;
use crate::audit;
use crate::authority::{self, Authority, Ready, Rotation, Successor};
use crate::model::Change;
use crate::store::Store;

/// Keeps the authority, and what agents are to trust, in step with the files.
pub(super) struct Rotations {
    authority: Arc<Authority>,
    store: Store,
    /// Where agents read what to trust.
    public: PathBuf,
    /// That is not written yet.
    stale: bool,
    /// What was wrong the last time, so that it is said once.
    wrong: Option<String>,
}

impl Rotations {
    pub(super) fn new(authority: Arc<Authority>, store: Store, public: PathBuf) -> Self {
        Self {
            authority,
            store,
            public,
            stale: false,
            wrong: None,
        }
    }

    /// Gives what there is to say: a mistake once, as long as it is the same.
    pub(super) async fn look(&mut self) -> Option<String> {
        match self.follow().await {
            Ok(said) => {
                self.wrong = None;
                said
            }
            Err(error) => {
                let error = format!("{error:#}");
                if self.wrong.as_ref() == Some(&error) {
                    return None;
                }
                tracing::error!(error, "the CA that was in force stays");
                let said = format!("CA REFUSED: {error}; the one that was in force stays");
                self.wrong = Some(error);
                Some(said)
            }
        }
    }

    async fn follow(&mut self) -> anyhow::Result<Option<String>> {
        let authority = self.authority.clone();
        // It reads and replaces files, and may have to wait for a person's `ca rotate`.
        let found = tokio::task::spawn_blocking(move || found(&authority));
        let found = found.await.context("the CA could not be looked at")??;
        let mut said = None;
        if let Some((rotation, ready)) = found {
            self.record(entry(&rotation)).await?;
            self.authority.apply(ready);
            self.stale = true;
            said = Some(told(&rotation));
        }
        if self.stale {
            public::write_trust(&self.public, &self.authority.trusted())?;
            self.stale = false;
        }
        Ok(said)
    }

    async fn record(&self, entry: Vec<Change>) -> anyhow::Result<()> {
        self.store.write(entry).await.context("it cannot be recorded")
    }
}

/// What the files say that does not count yet, and could at once.
fn found(authority: &Authority) -> Result<Option<(Rotation, Ready)>, authority::Error> {
    let rotation = authority.look()?;
    let ready = |rotation| {
        let ready = authority.prepare(&rotation)?;
        Ok((rotation, ready))
    };
    rotation.map(ready).transpose()
}

fn entry(rotation: &Rotation) -> Vec<Change> {
    match rotation {
        Rotation::Next(next) => {
            let next = next
                .as_ref()
                .map(|next| (next.certificate.fingerprint(), next.signs_from));
            audit::authority_next(next.as_ref().map(|(fingerprint, from)| (fingerprint.as_str(), *from)))
        }
        Rotation::Due(next) => audit::authority_in_force(&next.certificate.fingerprint()),
        Rotation::Replaced(current) => audit::authority_in_force(&current.fingerprint()),
    }
}

fn told(rotation: &Rotation) -> String {
    match rotation {
        Rotation::Next(Some(next)) => format!(
            "CA: another one signs from {} on; agents that are started from now on trust both ({})",
            next.signs_from,
            next.certificate.fingerprint()
        ),
        Rotation::Next(None) => "CA: the one that was to follow is gone; the present one stays".to_owned(),
        Rotation::Due(Successor { certificate, .. }) | Rotation::Replaced(certificate) => format!(
            "CA: another one signs from now on ({}); agents that were started before it was made have to be started again",
            certificate.fingerprint()
        ),
    }
}

#[cfg(test)]
mod tests;

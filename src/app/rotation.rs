//! An authority that follows another one, taken note of while the sidecar runs. The trail has it before it counts.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;

use super::public;
use crate::audit;
use crate::authority::{Authority, Rotation};
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
    /// That could not be although the trail says so; it is tried again, and not told again before.
    failed: Option<Rotation>,
    /// The trail has another one in force than the one that is.
    untold: bool,
}

impl Rotations {
    pub(super) fn new(authority: Arc<Authority>, store: Store, public: PathBuf) -> Self {
        Self {
            authority,
            store,
            public,
            stale: false,
            wrong: None,
            failed: None,
            untold: false,
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
        self.tell_which().await?;
        let rotation = self.authority.look()?;
        if let Some(rotation) = &rotation {
            self.authority.rehearse(rotation)?;
            let again = self.failed.as_ref() == Some(rotation);
            if !again {
                self.record(entry(rotation)).await?;
            }
            if let Err(error) = self.authority.apply(rotation.clone()) {
                self.untold = !again;
                self.failed = Some(rotation.clone());
                self.tell_which().await?;
                return Err(error.into());
            }
            self.untold = again;
            self.failed = None;
            self.stale = true;
            self.tell_which().await?;
        }
        if self.stale {
            public::write_trust(&self.public, &self.authority.trusted())?;
            self.stale = false;
        }
        Ok(rotation.map(|rotation| told(&rotation)))
    }

    /// Sets the trail right.
    async fn tell_which(&mut self) -> anyhow::Result<()> {
        if self.untold {
            let current = self.authority.certificate().fingerprint();
            self.record(audit::authority_in_force(&current)).await?;
            self.untold = false;
        }
        Ok(())
    }

    async fn record(&self, entry: Vec<Change>) -> anyhow::Result<()> {
        self.store.write(entry).await.context("it cannot be recorded")
    }
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
        Rotation::Due(next) => format!(
            "CA: another one signs from now on ({}); agents that were started before it was made have to be started again",
            next.certificate.fingerprint()
        ),
    }
}

#[cfg(test)]
mod tests;

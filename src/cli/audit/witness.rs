//! `runplane audit verify --witness`: the trail held to what somebody else than the log signed of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use super::verify::read_checkpoint;
use crate::audit::Point;
use crate::io::keys::LastNote;
use crate::model::inert;
use crate::model::note::{Note, VerifierKey, WitnessKey};

/// A checkpoint that a witness signed.
pub(super) struct Witnessed {
    key: WitnessKey,
    /// When it signed, and how much.
    pub(super) point: Point,
    pub(super) note: String,
    pub(super) file: PathBuf,
    /// That lies beside the database.
    pub(super) beside: bool,
}

impl Witnessed {
    /// That in `file`; without one, what the sidecar keeps beside its database.
    ///
    /// # Errors
    /// If the key is none, or the log's; there is no checkpoint, or the witness has not signed it.
    pub(super) fn read(
        key: &str,
        (file, database): (Option<&Path>, &Path),
        of_log: &[VerifierKey],
    ) -> anyhow::Result<Self> {
        // A key that is mistyped is no file either: what is said is that it is no key.
        let of_file = || std::fs::read_to_string(key).ok();
        let key = WitnessKey::parse(key)
            .or_else(|error| of_file().map_or(Err(error), |text| WitnessKey::parse(&text)))
            .with_context(|| format!("--witness {}", inert(key)))?;
        ensure!(
            !of_log.iter().any(|log| key.is(log)),
            "--witness {key}: that is the key of the log itself, which vouches for nobody else"
        );
        let (state, beside) = (database.parent().unwrap_or(Path::new("")), file.is_none());
        let file = match file {
            Some(file) => file.to_owned(),
            None => LastNote::of_witness(state, &key).path().to_owned(),
        };
        let note = read_checkpoint(&file)?;
        let place = || format!("{}", file.display());
        let parsed = Note::parse(&note).with_context(place)?;
        let Some(seconds) = parsed.cosigned_by(&key).with_context(place)? else {
            bail!("{}: {} has not signed it", file.display(), key.name());
        };
        let size = parsed.claims().size;
        Ok(Self {
            key,
            point: Point { size, seconds },
            note,
            file,
            beside,
        })
    }

    pub(super) fn by(&self) -> &str {
        self.key.name()
    }
}

//! `runplane audit verify --witness`: the trail held to what somebody else than the log signed of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::verify::read_checkpoint;
use crate::audit::Point;
use crate::io::keys::LastNote;
use crate::model::inert;
use crate::model::note::{Note, WitnessKey};

/// A checkpoint that a witness signed.
pub(super) struct Witnessed {
    key: WitnessKey,
    /// When it signed, and how much.
    pub(super) point: Point,
    pub(super) note: String,
    pub(super) file: PathBuf,
}

impl Witnessed {
    /// That in `file`; without one, what the sidecar keeps beside its database.
    ///
    /// # Errors
    /// If the key is none, there is no checkpoint, or the witness has not signed it.
    pub(super) fn read(key: &str, file: Option<&Path>, database: &Path) -> anyhow::Result<Self> {
        let of_file = || std::fs::read_to_string(key).ok();
        let key = WitnessKey::parse(key)
            .or_else(|error| of_file().map_or(Err(error), |text| WitnessKey::parse(&text)))
            .with_context(|| format!("--witness {}", inert(key)))?;
        let state = database.parent().unwrap_or(Path::new(""));
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
        })
    }

    pub(super) fn by(&self) -> &str {
        self.key.name()
    }
}

//! What the key of the log signed last, in a file beside it: who can write the database alone cannot take that back.

use std::path::{Path, PathBuf};

use super::{KeyError, load_up_to};
use crate::io::replace::replace;
use crate::model::note::{MAX_NOTE, Note, WitnessKey};

const FILE: &str = "log.last";

/// `log.last`: the checkpoint that was signed last, as its note. It may be some behind: it is written once they are on disk.
#[derive(Clone, Debug)]
pub struct LastNote {
    path: PathBuf,
}

impl LastNote {
    /// Of the log whose key lies in the directory `state`.
    pub fn of(state: &Path) -> Self {
        Self { path: state.join(FILE) }
    }

    /// What this witness signed last, with its signature: `log.witness.ID`. Of that, too, the file may be some behind.
    pub fn of_witness(state: &Path, witness: &WitnessKey) -> Self {
        let id = hex::encode(witness.id());
        Self {
            path: state.join(format!("log.witness.{id}")),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where [`LastNote::keep_denied`] puts what it holds.
    pub fn denied(&self) -> PathBuf {
        let mut path = self.path.as_os_str().to_owned();
        path.push(".denied");
        path.into()
    }

    /// Puts what it holds aside, unless what lies there is over as much: its signer says that it is none of theirs.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn keep_denied(&self) -> Result<(), KeyError> {
        let aside = Self { path: self.denied() };
        let size = |note: &str| Note::parse(note).map_or(0, |note| note.claims().size);
        let Some(note) = self.read()? else { return Ok(()) };
        match aside.read()? {
            Some(before) if size(&before) >= size(&note) => Ok(()),
            Some(_) | None => aside.keep(&note),
        }
    }

    /// The note; `None`: there is no such file.
    ///
    /// # Errors
    /// If it cannot be read, is open to others, or holds no checkpoint.
    pub fn read(&self) -> Result<Option<String>, KeyError> {
        let most = u64::try_from(MAX_NOTE).unwrap_or(u64::MAX).saturating_add(1);
        let Some(bytes) = load_up_to(&self.path, most)? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes.expose().clone()).ok();
        let note = text.filter(|text| Note::parse(text).is_ok());
        note.map(Some).ok_or_else(|| KeyError::NotANote(self.path.clone()))
    }

    /// Puts the note in the place of the one before: on disk, and whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, note: &str) -> Result<(), KeyError> {
        replace(&self.path, note.as_bytes(), 0o600).map_err(|source| KeyError::Unusable {
            path: self.path.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::super::LogKey;
    use super::*;
    use crate::model::Secret;
    use crate::model::note::Checkpoint;

    fn note(size: u64) -> String {
        let key = LogKey::new("runplane/test", &Secret::new([3; 32])).unwrap();
        let root = [1; 32];
        key.sign(
            &Checkpoint {
                origin: "runplane/test".to_owned(),
                size,
                root,
            },
            9,
        )
    }

    #[test]
    fn the_last_note_is_kept_whole_for_its_owner_alone() {
        let state = tempfile::tempdir().unwrap();
        let last = LastNote::of(state.path());
        assert_eq!(last.read().unwrap(), None);
        for size in [1, 2_000] {
            last.keep(&note(size)).unwrap();
            assert_eq!(last.read().unwrap(), Some(note(size)));
        }
        let path = state.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1, "no draft is left");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        assert!(matches!(last.read(), Err(KeyError::LaxMode { .. })));
    }

    #[test]
    fn of_what_is_denied_the_longest_is_kept() {
        let state = tempfile::tempdir().unwrap();
        let last = LastNote::of(state.path());
        last.keep_denied().unwrap();
        assert!(!last.denied().exists(), "there is nothing");
        for (size, longest) in [(7, 7), (3, 7), (9, 9)] {
            last.keep(&note(size)).unwrap();
            last.keep_denied().unwrap();
            assert_eq!(fs::read_to_string(last.denied()).unwrap(), note(longest));
        }
    }

    #[test]
    fn what_is_no_checkpoint_is_refused_and_left_as_it_is() {
        let state = tempfile::tempdir().unwrap();
        let (last, path) = (LastNote::of(state.path()), state.path().join(FILE));
        let whole = note(7);
        for wrong in [&b""[..], b"\xff\xfe", b"Dear diary\n", &whole.as_bytes()[..40]] {
            last.keep(&whole).unwrap();
            fs::write(&path, wrong).unwrap();
            let error = last.read().unwrap_err();
            assert!(matches!(error, KeyError::NotANote(_)), "{error}");
            assert_eq!(fs::read(&path).unwrap(), wrong);
        }
    }
}

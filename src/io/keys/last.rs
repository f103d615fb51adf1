//! What the key of the log signed last, in a file beside it: who can write the database alone cannot take that back.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::{KeyError, load_up_to};
use crate::io::replace::replace;
use crate::model::note::{MAX_NOTE, Note, WitnessKey};

const FILE: &str = "log.last";
/// That many of a witness's words against its own are enough to know it by.
const MOST_DENIED: usize = 16;

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

    /// Keeps a note beside it whose signer says that it is none of theirs: `log.witness.ID.denied-SIZE-ROOT`. Where it lies; `None`: so
    /// many are kept that this one is not.
    ///
    /// # Errors
    /// If it is no checkpoint, or cannot be written.
    pub fn keep_denied(&self, note: &str) -> Result<Option<PathBuf>, KeyError> {
        self.keep_beside("denied", note)
    }

    /// The same of a note of another log, which that of this one would take the place of: `log.witness.ID.other-SIZE-ROOT`.
    ///
    /// # Errors
    /// As [`LastNote::keep_denied`].
    pub fn keep_other(&self, note: &str) -> Result<Option<PathBuf>, KeyError> {
        self.keep_beside("other", note)
    }

    fn keep_beside(&self, what: &str, note: &str) -> Result<Option<PathBuf>, KeyError> {
        let parsed = Note::parse(note).map_err(|_| KeyError::NotANote(self.path.clone()))?;
        let claims = parsed.claims();
        let root = hex::encode(claims.root.get(..8).unwrap_or_default());
        let prefix = self.beside(what);
        let aside = Self {
            path: self.path.with_file_name(format!("{prefix}{}-{root}", claims.size)),
        };
        let is_same = |before: &str| Note::parse(before).is_ok_and(|before| before.claims() == claims);
        if matches!(aside.read(), Ok(Some(before)) if is_same(&before)) {
            return Ok(Some(aside.path));
        }
        // Whatever else lies there is not what it should be, and is not one more.
        if fs::symlink_metadata(&aside.path).is_err() && self.count_of(&prefix)? >= MOST_DENIED {
            return Ok(None);
        }
        aside.keep(note)?;
        Ok(Some(aside.path))
    }

    /// What their names begin with.
    fn beside(&self, what: &str) -> String {
        let name = self.path.file_name().unwrap_or_default();
        format!("{}.{what}-", name.to_string_lossy())
    }

    fn count_of(&self, prefix: &str) -> Result<usize, KeyError> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let names = fs::read_dir(directory).and_then(|files| {
            files
                .map(|file| file.map(|file| file.file_name()))
                .collect::<Result<Vec<_>, _>>()
        });
        let names = names.map_err(|source| KeyError::Unusable {
            path: directory.to_owned(),
            source,
        })?;
        let begins = |name: &&OsString| name.to_string_lossy().starts_with(prefix);
        Ok(names.iter().filter(begins).count())
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
    use std::os::unix::fs::PermissionsExt;

    use super::super::LogKey;
    use super::*;
    use crate::model::Secret;
    use crate::model::note::Checkpoint;

    fn note(size: u64) -> String {
        note_over(size, [1; 32])
    }

    fn note_over(size: u64, root: [u8; 32]) -> String {
        let key = LogKey::new("runplane/test", &Secret::new([3; 32])).unwrap();
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
    fn what_is_denied_is_kept_by_its_size_and_root() {
        let state = tempfile::tempdir().unwrap();
        let last = LastNote::of(state.path());
        let notes = [note(7), note_over(7, [2; 32]), note(3)];
        let kept = notes.each_ref().map(|note| last.keep_denied(note).unwrap().unwrap());
        let names = kept.each_ref().map(|path| path.file_name().unwrap().to_str().unwrap());
        assert_eq!(
            names,
            ["7-0101010101010101", "7-0202020202020202", "3-0101010101010101"]
                .map(|end| format!("log.last.denied-{end}"))
        );
        for (path, note) in kept.iter().zip(&notes) {
            assert_eq!(&fs::read_to_string(path).unwrap(), note);
            assert_eq!(last.keep_denied(note).unwrap().as_ref(), Some(path), "it is there");
        }
        // What cannot be read, or is something else, is no hindrance.
        fs::set_permissions(&kept[0], fs::Permissions::from_mode(0o604)).unwrap();
        fs::write(&kept[1], "Dear diary\n").unwrap();
        for (path, note) in kept.iter().zip(&notes) {
            last.keep_denied(note).unwrap().unwrap();
            assert_eq!(&fs::read_to_string(path).unwrap(), note);
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(last.keep_denied("Dear diary\n").is_err());
    }

    #[test]
    fn so_many_that_are_denied_are_kept_and_of_more_nobody_says_so() {
        let state = tempfile::tempdir().unwrap();
        let last = LastNote::of(state.path());
        let kept: Vec<bool> = (1..20)
            .map(|size| last.keep_denied(&note(size)).unwrap().is_some())
            .collect();
        assert_eq!(kept.iter().filter(|kept| **kept).count(), MOST_DENIED);
        let first = last.keep_denied(&note(1)).unwrap().unwrap();
        // A damaged one is no word of anybody, and is written anew.
        fs::write(&first, "Dear diary\n").unwrap();
        assert_eq!(last.keep_denied(&note(1)).unwrap().as_ref(), Some(&first));
        assert_eq!(fs::read_to_string(&first).unwrap(), note(1));
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), MOST_DENIED);
        assert!(last.keep_other(&note(99)).unwrap().is_some(), "of another kind");
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

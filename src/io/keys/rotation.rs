//! The key of the log with the one before it: for a while both sign, so that who knows the old one alone still verifies.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{KeyError, LogKey, create, load};
use crate::io::replace::replace;
use crate::model::Secret;
use crate::model::note::{Checkpoint, VerifierKey};
use crate::model::secret::random_bytes;

const PREVIOUS: &str = "log.key.previous";
const UNTIL: &str = "until ";

/// Why no other key was made.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("there is no key yet: `runplane run` makes it at its first start")]
    None,
    #[error(
        "the last rotation is still under way: `{}` signs beside the present key until its time is over, and is removed at the next start after \
         that. Wait for it; or, where the old key is lost to somebody, move that file away and restart the sidecar",
        .0.display()
    )]
    UnderWay(PathBuf),
}

/// The keys that sign checkpoints.
#[derive(Debug)]
pub struct LogKeys {
    current: LogKey,
    previous: Option<Previous>,
}

#[derive(Debug)]
struct Previous {
    key: LogKey,
    /// Seconds since 1970 from which on it signs no more.
    until: u64,
    path: PathBuf,
}

impl LogKeys {
    /// Reads `log.key` in the directory `state`, or makes it, and reads what `log.key.previous` holds. True: it was made just now.
    ///
    /// # Errors
    /// If one cannot be read or made, is open to others, or holds no key.
    pub fn load_or_create(state: &Path) -> Result<(Self, bool), KeyError> {
        let (current, fresh) = LogKey::load_or_create(state)?;
        let previous = Previous::load(state)?.filter(|previous| previous.key.public() != current.public());
        Ok((Self { current, previous }, fresh))
    }

    /// The same where there is a key already: nothing is made.
    ///
    /// # Errors
    /// As [`LogKeys::load_or_create`].
    pub fn load(state: &Path) -> Result<Option<Self>, KeyError> {
        let Some(current) = LogKey::load(state)? else {
            return Ok(None);
        };
        let previous = Previous::load(state)?.filter(|previous| previous.key.public() != current.public());
        Ok(Some(Self { current, previous }))
    }

    /// Of the key that signs.
    pub fn public(&self) -> &VerifierKey {
        self.current.public()
    }

    /// Of the key that signed before it, and until when, in seconds since 1970, both sign.
    pub fn previous(&self) -> Option<(&VerifierKey, u64)> {
        self.previous
            .as_ref()
            .map(|previous| (previous.key.public(), previous.until))
    }

    /// All that checkpoints may be signed by.
    pub fn all(&self) -> Vec<VerifierKey> {
        let previous = self.previous().map(|(key, _)| key);
        previous.into_iter().chain([self.public()]).cloned().collect()
    }

    /// The note that says so, at this time in seconds since 1970, signed by each key whose time it is.
    pub fn sign(&self, checkpoint: &Checkpoint, seconds: u64) -> String {
        let note = self.current.sign(checkpoint, seconds);
        match &self.previous {
            Some(previous) if seconds < previous.until => note + &previous.key.signatures(checkpoint, seconds),
            _ => note,
        }
    }

    /// Forgets the key before this one, and removes its file, where its time is over. Checkpoints that are signed from here on
    /// must be on disk before: until then it is known by its file alone.
    ///
    /// # Errors
    /// If the file cannot be removed.
    pub fn retire(&mut self, seconds: u64) -> io::Result<()> {
        let over = self.previous.take_if(|previous| previous.until <= seconds);
        over.map_or(Ok(()), |previous| fs::remove_file(&previous.path))
    }
}

impl From<LogKey> for LogKeys {
    fn from(current: LogKey) -> Self {
        Self {
            current,
            previous: None,
        }
    }
}

impl Previous {
    fn load(state: &Path) -> Result<Option<Self>, KeyError> {
        let path = state.join(PREVIOUS);
        let Some(text) = load(&path)? else {
            return Ok(None);
        };
        let read = || {
            let (key, until) = std::str::from_utf8(text.expose()).ok()?.split_once('\n')?;
            let until = until.strip_prefix(UNTIL)?.strip_suffix('\n')?.parse().ok()?;
            Some((Secret::new(key.as_bytes().to_vec()), until))
        };
        let (key, until) = read().ok_or_else(|| KeyError::NotALogKey(path.clone()))?;
        let key = LogKey::parse(path.clone(), &key)?;
        Ok(Some(Self { key, until, path }))
    }
}

/// Puts a new key of the same name in the place of `log.key`, which goes on to sign beside it until `until` (seconds since
/// 1970). A sidecar that runs takes it up at its next start. Gives the public halves, the old one first.
///
/// # Errors
/// If there is no key, an earlier rotation is under way, or a file cannot be written: then the old key is in force as before.
pub fn rotate(state: &Path, until: u64) -> Result<(VerifierKey, VerifierKey), RotateError> {
    let old = LogKey::load(state)?.ok_or(RotateError::None)?;
    let previous = state.join(PREVIOUS);
    if let Some(found) = Previous::load(state)? {
        if found.key.public() != old.public() {
            return Err(RotateError::UnderWay(previous));
        }
        // A rotation that came to no end: its new key never was.
        fs::remove_file(&previous).map_err(unusable(&previous))?;
    }
    let path = LogKey::path(state);
    let text = load(&path)?.ok_or(RotateError::None)?;
    let mut kept = text.expose().trim_ascii_end().to_vec();
    kept.extend_from_slice(format!("\n{UNTIL}{until}\n").as_bytes());
    create(&previous, Secret::new(kept))?;
    let name = old.public().name.clone();
    let text = Secret::new(LogKey::text(&name, &random_bytes()).into_bytes());
    let new = LogKey::parse(path.clone(), &text)?;
    replace(&path, text.expose(), 0o600).map_err(unusable(&path))?;
    Ok((old.public().clone(), new.public().clone()))
}

fn unusable(path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    |source| KeyError::Unusable {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::note::{Note, NoteError};

    const UNTIL_THEN: u64 = 2_000_000_000;

    fn keys(state: &Path) -> LogKeys {
        LogKeys::load_or_create(state).unwrap().0
    }

    fn checkpoint(keys: &LogKeys) -> Checkpoint {
        Checkpoint {
            origin: keys.public().name.clone(),
            size: 7,
            root: [1; 32],
        }
    }

    fn believes(note: &str, key: &VerifierKey) -> Result<u64, NoteError> {
        let signed = Note::parse(note)?.verify(std::slice::from_ref(key))?;
        Ok(signed.seconds)
    }

    #[test]
    fn both_keys_sign_until_the_overlap_ends_and_then_the_new_one_alone() {
        let state = tempfile::tempdir().unwrap();
        let before = keys(state.path()).public().clone();
        let (old, new) = rotate(state.path(), UNTIL_THEN).unwrap();
        let mut keys = keys(state.path());
        assert_eq!((&old, &new), (&before, keys.public()));
        assert_eq!((&old.name, keys.previous()), (&new.name, Some((&old, UNTIL_THEN))));

        let both = keys.sign(&checkpoint(&keys), UNTIL_THEN - 1);
        assert_eq!(believes(&both, &old), Ok(UNTIL_THEN - 1));
        assert_eq!(believes(&both, &new), Ok(UNTIL_THEN - 1));
        let alone = keys.sign(&checkpoint(&keys), UNTIL_THEN);
        assert_eq!(believes(&alone, &old), Err(NoteError::Unsigned));
        assert_eq!(believes(&alone, &new), Ok(UNTIL_THEN));

        keys.retire(UNTIL_THEN - 1).unwrap();
        assert_eq!(keys.previous(), Some((&old, UNTIL_THEN)));
        keys.retire(UNTIL_THEN).unwrap();
        assert!(!state.path().join(PREVIOUS).exists() && keys.previous().is_none());
        assert_eq!(self::keys(state.path()).all(), [new]);
    }

    #[test]
    fn a_rotation_waits_for_the_end_of_the_one_before() {
        let state = tempfile::tempdir().unwrap();
        assert!(matches!(rotate(state.path(), UNTIL_THEN), Err(RotateError::None)));
        drop(keys(state.path()));
        let (_, new) = rotate(state.path(), UNTIL_THEN).unwrap();
        assert!(matches!(
            rotate(state.path(), UNTIL_THEN),
            Err(RotateError::UnderWay(_))
        ));
        assert_eq!(keys(state.path()).public(), &new);
    }

    /// Killed between its two files.
    #[test]
    fn a_rotation_that_was_cut_short_changes_nothing_and_is_taken_up_again() {
        let state = tempfile::tempdir().unwrap();
        let old = keys(state.path()).public().clone();
        let private = fs::read(LogKey::path(state.path())).unwrap();
        rotate(state.path(), UNTIL_THEN).unwrap();
        fs::write(LogKey::path(state.path()), private).unwrap();
        let unfinished = keys(state.path());
        assert_eq!((unfinished.public(), unfinished.previous()), (&old, None));
        let (before, new) = rotate(state.path(), UNTIL_THEN).unwrap();
        assert!(before == old && new != old);
    }

    #[test]
    fn a_previous_key_that_is_cut_or_open_to_others_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let state = tempfile::tempdir().unwrap();
        drop(keys(state.path()));
        rotate(state.path(), UNTIL_THEN).unwrap();
        let path = state.path().join(PREVIOUS);
        let whole = fs::read(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for at in 0..whole.len() {
            fs::write(&path, &whole[..at]).unwrap();
            assert!(LogKeys::load_or_create(state.path()).is_err(), "cut at {at}");
        }
        fs::write(&path, &whole).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = LogKeys::load_or_create(state.path()).unwrap_err();
        assert!(matches!(error, KeyError::LaxMode { .. }), "{error}");
    }
}

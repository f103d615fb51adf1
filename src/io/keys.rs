//! Keys: the one secret file with what is derived from it, and the keys by which agents and people prove themselves.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use sha2::{Digest, Sha256};

use crate::model::Secret;
use crate::model::secret::random_bytes;

mod last;
mod log;
mod rotation;

pub use last::LastNote;
pub use log::LogKey;
pub use rotation::{LogKeys, RotateError, rotate};

/// What every key begins with, so that a secret scanner finds one that leaked.
const PREFIX: &str = "rp_";
const SECRET_LENGTH: usize = 32;
/// 32 bytes in base64url without padding.
const KEY_LENGTH: usize = PREFIX.len() + 43;

/// Why a key file was not used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot use `{}`; check that this user may read and write it", path.display())]
    Unusable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` is open to other users (mode {found:04o}), and it is secret; type: chmod 600 {}", path.display(), path.display())]
    LaxMode { path: PathBuf, found: u32 },
    #[error("`{}` is longer than what it should hold; is it another file?", .0.display())]
    TooLong(PathBuf),
    #[error("`{}` is not a regular file; move it away", .0.display())]
    NotAFile(PathBuf),
    #[error(
        "`{}` has {found} bytes instead of {SECRET_LENGTH}: it is cut or is something else; restore it from a backup, or remove it (all pending approvals then expire)",
        path.display()
    )]
    WrongLength { path: PathBuf, found: usize },
    #[error("`{}` does not hold a key (`{PREFIX}` and 43 characters); restore it, or remove it and declare a person with a key of yours under `people:`", .0.display())]
    NotAKey(PathBuf),
    #[error(
        "`{}` does not hold the key of a log (`PRIVATE+KEY+…`): restore it from a backup; or move it away, and checkpoints are signed by a new key from then on, \
         of which auditors must be told",
        .0.display()
    )]
    NotALogKey(PathBuf),
    #[error(
        "`{}` does not hold the checkpoint that was signed last: restore it from a backup, of the time of the database; or move it away, and the \
         next start can tell less of whether the trail was set back",
        .0.display()
    )]
    NotANote(PathBuf),
}

/// The keys derived from `state/secrets` (HKDF-SHA256, RFC 5869), one for each use.
#[derive(Debug)]
pub struct Secrets {
    fingerprint: Secret<[u8; 32]>,
    credential: Secret<[u8; 32]>,
    fresh: bool,
}

impl Secrets {
    /// Reads `secrets` in the directory `state`, or makes it (mode 0600, 32 random bytes) if it is not there.
    ///
    /// # Errors
    /// If it cannot be read or made, is open to others, or has another length.
    pub fn load_or_create(state: &Path) -> Result<Self, KeyError> {
        let path = state.join("secrets");
        let (bytes, fresh) = load_or_create(&path, || random_bytes::<SECRET_LENGTH>().to_vec())?;
        if bytes.expose().len() != SECRET_LENGTH {
            return Err(KeyError::WrongLength {
                path,
                found: bytes.expose().len(),
            });
        }
        let hkdf = Hkdf::<Sha256>::new(None, bytes.expose());
        Ok(Self {
            fingerprint: derive(&hkdf, "runplane fingerprint 1"),
            credential: derive(&hkdf, "runplane credential 1"),
            fresh,
        })
    }

    /// Key of the fingerprints of calls.
    pub fn fingerprint_key(&self) -> &[u8; 32] {
        self.fingerprint.expose()
    }

    /// Key of the hashes that stand for credentials and idempotency keys.
    pub fn credential_key(&self) -> &[u8; 32] {
        self.credential.expose()
    }

    /// The file was made just now: fingerprints from before match nothing any more, so what is pending expires.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }
}

#[expect(clippy::expect_used, reason = "HKDF-SHA256 gives up to 8160 bytes, this asks for 32")]
fn derive(hkdf: &Hkdf<Sha256>, purpose: &str) -> Secret<[u8; 32]> {
    let mut key = [0; 32];
    hkdf.expand(purpose.as_bytes(), &mut key)
        .expect("32 bytes are within HKDF's bound");
    Secret::new(key)
}

/// A new key of an agent or a person: `rp_` and 32 random bytes in base64url.
pub fn generate() -> Secret<String> {
    let mut key = String::with_capacity(KEY_LENGTH);
    key.push_str(PREFIX);
    BASE64_URL_SAFE_NO_PAD.encode_string(random_bytes::<SECRET_LENGTH>(), &mut key);
    Secret::new(key)
}

/// What is kept of a key: SHA-256, in hex. A key has 256 random bits: nothing slower is needed.
pub fn hash(key: &str) -> String {
    hex::encode(digest(key))
}

/// SHA-256 of a key.
pub fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// The key of the person `owner` from `owner.key` in the directory `state`; made (mode 0600) if it is not there.
///
/// # Errors
/// As [`owner_key`].
pub fn owner_key_or_create(state: &Path) -> Result<Secret<String>, KeyError> {
    let path = state.join("owner.key");
    let (bytes, _) = load_or_create(&path, || format!("{}\n", generate().expose()).into_bytes())?;
    key_of(path, &bytes)
}

/// The key of the person `owner`, for the command line; `None` if the file is not there.
///
/// # Errors
/// If the file cannot be read, is open to others, or holds no key.
pub fn owner_key(state: &Path) -> Result<Option<Secret<String>>, KeyError> {
    let path = state.join("owner.key");
    match load(&path)? {
        Some(bytes) => key_of(path, &bytes).map(Some),
        None => Ok(None),
    }
}

fn key_of(path: PathBuf, bytes: &Secret<Vec<u8>>) -> Result<Secret<String>, KeyError> {
    let text = std::str::from_utf8(bytes.expose()).unwrap_or_default();
    parse(text).ok_or(KeyError::NotAKey(path))
}

/// The key that a text is, white space around it left out; `None` if it is none.
pub fn parse(text: &str) -> Option<Secret<String>> {
    let key = text.trim();
    let digits = key.strip_prefix(PREFIX)?;
    let well_formed = key.len() == KEY_LENGTH && BASE64_URL_SAFE_NO_PAD.decode(digits).is_ok();
    well_formed.then(|| Secret::new(key.to_owned()))
}

/// The content of a secret file, and whether it was made just now.
fn load_or_create(path: &Path, make: impl FnOnce() -> Vec<u8>) -> Result<(Secret<Vec<u8>>, bool), KeyError> {
    match load(path)? {
        Some(found) => Ok((found, false)),
        None => create(path, Secret::new(make())).map(|made| (made, true)),
    }
}

/// The content of a secret file of the user's, of at most `most` bytes.
///
/// # Errors
/// If it is not there, cannot be read, is longer, or is open to others.
pub fn secret_file(path: &Path, most: u64) -> Result<Secret<Vec<u8>>, KeyError> {
    let missing = || KeyError::Unusable {
        path: path.to_owned(),
        source: io::ErrorKind::NotFound.into(),
    };
    let bytes = load_up_to(path, most.saturating_add(1))?.ok_or_else(missing)?;
    match u64::try_from(bytes.expose().len()).is_ok_and(|length| length <= most) {
        true => Ok(bytes),
        false => Err(KeyError::TooLong(path.to_owned())),
    }
}

fn load(path: &Path) -> Result<Option<Secret<Vec<u8>>>, KeyError> {
    // No key file of ours is longer than this: enough to see that it is another.
    load_up_to(path, 1024)
}

/// SECURITY: refuses what others can read (T12), and looks at the opened file, not at its name, so that nothing can be
/// put in its place between look and read. Test: `a_secret_that_others_can_read_is_refused`.
fn load_up_to(path: &Path, most: u64) -> Result<Option<Secret<Vec<u8>>>, KeyError> {
    let unusable = |source| KeyError::Unusable {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(unusable(source)),
    };
    let metadata = file.metadata().map_err(unusable)?;
    if !metadata.is_file() {
        return Err(KeyError::NotAFile(path.to_owned()));
    }
    let found = metadata.permissions().mode() & 0o7777;
    if found & 0o077 != 0 {
        return Err(KeyError::LaxMode {
            path: path.to_owned(),
            found,
        });
    }
    let mut bytes = Vec::with_capacity(128);
    file.take(most).read_to_end(&mut bytes).map_err(unusable)?;
    Ok(Some(Secret::new(bytes)))
}

/// Makes the file under another name and links it to its own: whole or not at all, and never over another.
fn create(path: &Path, content: Secret<Vec<u8>>) -> Result<Secret<Vec<u8>>, KeyError> {
    let unusable = |source| KeyError::Unusable {
        path: path.to_owned(),
        source,
    };
    let draft = path.with_extension(format!("new-{}", hex::encode(random_bytes::<8>())));
    let made = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(content.expose())?;
        file.sync_all()?;
        std::fs::hard_link(&draft, path)
    })();
    let removed = std::fs::remove_file(&draft);
    made.map_err(unusable)?;
    removed.map_err(unusable)?;
    if let Some(directory) = path.parent() {
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(unusable)?;
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn secrets_are_made_once_and_read_back() {
        let state = tempfile::tempdir().unwrap();
        let made = Secrets::load_or_create(state.path()).unwrap();
        let read = Secrets::load_or_create(state.path()).unwrap();
        assert!(made.is_fresh() && !read.is_fresh());
        assert_eq!(made.fingerprint_key(), read.fingerprint_key());
        assert_eq!(made.credential_key(), read.credential_key());
        assert_ne!(made.fingerprint_key(), made.credential_key());
        assert_eq!(mode(&state.path().join("secrets")), 0o600);
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn keys_are_derived_as_rfc_5869_says() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("secrets");
        create(&path, Secret::new(vec![7; 32])).unwrap();
        let secrets = Secrets::load_or_create(state.path()).unwrap();
        // HMAC-SHA256(HMAC-SHA256(0^32, secret), info || 0x01)
        let extracted = crate::model::entry::hmac_sha256(&[0; 32], &[7; 32]);
        let expanded = crate::model::entry::hmac_sha256(&extracted, b"runplane fingerprint 1\x01");
        assert_eq!(secrets.fingerprint_key(), &expanded);
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("secrets");
        drop(Secrets::load_or_create(state.path()).unwrap());
        for lax in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(lax)).unwrap();
            let error = Secrets::load_or_create(state.path()).unwrap_err();
            assert!(matches!(error, KeyError::LaxMode { found, .. } if found == lax));
            assert!(error.to_string().contains("chmod 600"), "{error}");
            assert!(matches!(secret_file(&path, 32), Err(KeyError::LaxMode { .. })));
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(secret_file(&path, 32).unwrap().expose().len(), 32);
        assert!(matches!(secret_file(&path, 31), Err(KeyError::TooLong(_))));
        assert!(secret_file(&state.path().join("none"), 32).is_err());
    }

    #[test]
    fn a_secret_of_another_length_is_refused_and_left_as_it_is() {
        for content in [vec![], vec![1; 31], vec![1; 33], vec![1; 5000]] {
            let state = tempfile::tempdir().unwrap();
            let path = state.path().join("secrets");
            create(&path, Secret::new(content.clone())).unwrap();
            let error = Secrets::load_or_create(state.path()).unwrap_err();
            assert!(matches!(error, KeyError::WrongLength { .. }), "{error}");
            assert_eq!(fs::read(&path).unwrap(), content);
        }
    }

    #[test]
    fn nothing_is_made_over_a_file_or_through_a_dangling_link() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("secrets");
        fs::write(&path, "mine").unwrap();
        assert!(create(&path, Secret::new(vec![1])).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        let link = state.path().join("owner.key");
        std::os::unix::fs::symlink(state.path().join("elsewhere"), &link).unwrap();
        assert!(owner_key_or_create(state.path()).is_err());
        assert!(!state.path().join("elsewhere").exists());
    }

    #[test]
    fn the_owner_key_is_made_once_and_is_well_formed() {
        let state = tempfile::tempdir().unwrap();
        assert!(owner_key(state.path()).unwrap().is_none());
        let made = owner_key_or_create(state.path()).unwrap();
        let read = owner_key(state.path()).unwrap().unwrap();
        assert_eq!(made.expose(), read.expose());
        assert_eq!(made.expose().len(), 46);
        assert_eq!(mode(&state.path().join("owner.key")), 0o600);
        fs::write(state.path().join("owner.key"), "rp_short").unwrap();
        assert!(matches!(owner_key(state.path()), Err(KeyError::NotAKey(_))));
    }
}

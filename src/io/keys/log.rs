//! The key that signs checkpoints of the trail, in a file of its own: who can write the database cannot sign it.

use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{KeyError, load, load_or_create};
use crate::model::Secret;
use crate::model::note::{Checkpoint, Signs, VerifierKey, signature_line};
use crate::model::secret::random_bytes;

const FILE: &str = "log.key";
const PRIVATE: &str = "PRIVATE+KEY+";

/// Signs checkpoints.
#[derive(Debug)]
pub struct LogKey {
    pair: Ed25519KeyPair,
    public: VerifierKey,
}

impl LogKey {
    /// Reads `log.key` in the directory `state`, or makes it (mode 0600) for a log of a new name. True: it was made just now.
    ///
    /// # Errors
    /// If it cannot be read or made, is open to others, or holds no key.
    pub fn load_or_create(state: &Path) -> Result<(Self, bool), KeyError> {
        let path = Self::path(state);
        let (text, fresh) = load_or_create(&path, || {
            let name = format!("runplane/{}", hex::encode(random_bytes::<16>()));
            Self::text(&name, &random_bytes()).into_bytes()
        })?;
        Ok((Self::parse(path, &text)?, fresh))
    }

    /// The same where it is there already.
    ///
    /// # Errors
    /// As [`LogKey::load_or_create`].
    pub fn load(state: &Path) -> Result<Option<Self>, KeyError> {
        let path = Self::path(state);
        match load(&path)? {
            Some(text) => Self::parse(path, &text).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn path(state: &Path) -> PathBuf {
        state.join(FILE)
    }

    pub(super) fn parse(path: PathBuf, text: &Secret<Vec<u8>>) -> Result<Self, KeyError> {
        let read = || {
            let text = std::str::from_utf8(text.expose()).ok()?.trim();
            let (name, rest) = text.strip_prefix(PRIVATE)?.split_once('+')?;
            let (_, key) = rest.split_once('+')?;
            let bytes = Secret::new(BASE64_STANDARD.decode(key).ok()?);
            let [1, seed @ ..] = bytes.expose().as_slice() else {
                return None;
            };
            let key = Self::new(name, &Secret::new(seed.try_into().ok()?))?;
            (Self::text(name, seed.try_into().ok()?).trim() == text).then_some(key)
        };
        read().ok_or(KeyError::NotALogKey(path))
    }

    /// `None`: the name cannot be one.
    pub fn new(name: &str, seed: &Secret<[u8; 32]>) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).ok()?;
        let public = VerifierKey {
            name: name.to_owned(),
            public: pair.public_key().as_ref().try_into().ok()?,
        };
        // As others read it.
        let public = VerifierKey::parse(&public.to_string()).ok()?;
        Some(Self { pair, public })
    }

    pub fn public(&self) -> &VerifierKey {
        &self.public
    }

    /// The note that says so, at this time in seconds since 1970.
    pub fn sign(&self, checkpoint: &Checkpoint, seconds: u64) -> String {
        format!("{}\n{}", checkpoint.text(), self.signatures(checkpoint, seconds))
    }

    /// The lines of a note that are this key's.
    pub(super) fn signatures(&self, checkpoint: &Checkpoint, seconds: u64) -> String {
        let VerifierKey { name, .. } = &self.public;
        let of_text = self.pair.sign(checkpoint.text().as_bytes());
        let mut of_time = seconds.to_be_bytes().to_vec();
        of_time.extend_from_slice(self.pair.sign(checkpoint.text_at(seconds).as_bytes()).as_ref());
        format!(
            "{}{}",
            signature_line(name, self.public.id(Signs::Text), of_text.as_ref()),
            signature_line(name, self.public.id(Signs::TextAndTime), &of_time)
        )
    }

    /// The file's text: a signer key as other programs for signed notes keep it.
    pub(super) fn text(name: &str, seed: &[u8; 32]) -> String {
        let public = Self::new(name, &Secret::new(*seed)).map(|key| hex::encode(key.public.id(Signs::Text)));
        let mut key = vec![Signs::Text as u8];
        key.extend_from_slice(seed);
        format!(
            "{PRIVATE}{name}+{}+{}\n",
            public.unwrap_or_default(),
            BASE64_STANDARD.encode(key)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_for_its_owner_alone() {
        let state = tempfile::tempdir().unwrap();
        assert!(LogKey::load(state.path()).unwrap().is_none());
        let (made, fresh) = LogKey::load_or_create(state.path()).unwrap();
        let (read, again) = LogKey::load_or_create(state.path()).unwrap();
        assert!(fresh && !again);
        assert_eq!(made.public(), read.public());
        let path = state.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let other = tempfile::tempdir().unwrap();
        let (other, _) = LogKey::load_or_create(other.path()).unwrap();
        assert_ne!(other.public().name, made.public().name);
    }

    /// As the package `note` of Go's checksum database has it.
    #[test]
    fn a_published_key_signs_as_published() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join(FILE);
        let text = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n";
        let key = LogKey::parse(path, &Secret::new(text.as_bytes().to_vec())).unwrap();
        assert_eq!(
            key.public().to_string(),
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        );
        let text =
            "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        assert_eq!(
            signature_line(
                "PeterNeumann",
                key.public().id(Signs::Text),
                key.pair.sign(text.as_bytes()).as_ref()
            ),
            "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
        );
    }

    #[test]
    fn a_key_that_is_cut_or_changed_is_refused_and_left_as_it_is() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join(FILE);
        drop(LogKey::load_or_create(state.path()).unwrap());
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() - 1 {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            for wrong in [&changed[..], &whole[..at]] {
                fs::write(&path, wrong).unwrap();
                let error = LogKey::load_or_create(state.path()).unwrap_err();
                assert!(matches!(error, KeyError::NotALogKey(_)), "{error}");
                assert_eq!(fs::read(&path).unwrap(), wrong);
            }
        }
    }
}

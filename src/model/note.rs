//! Checkpoints of the trail as signed notes: C2SP signed-note and tlog-checkpoint, and tlog-cosignature for the time.
//!
//! A key signs each checkpoint twice: its text as a log does (type 1), and its text with the time as a witness does (type 4), for
//! a checkpoint itself has no time. The type goes into the key's id, so that another algorithm (ML-DSA-44, type 6) is one more line.

use std::fmt;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::merkle::Hash;

#[cfg(test)]
mod tests;
mod witness;

pub use witness::{NotAWitness, WitnessKey};

/// Longer notes are not ours, with all the signatures that a log can collect.
pub const MAX_NOTE: usize = 64 * 1024;

/// What a log signs: that its first `size` entries have this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log.
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

/// Why a note was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("it is not a checkpoint (C2SP tlog-checkpoint): {0}")]
    Malformed(&'static str),
    #[error("no key that was given has signed it")]
    Unsigned,
    #[error("its signature does not fit its text")]
    Forged,
    #[error("its time is not signed")]
    Timeless,
    #[error("it is of another log than its key")]
    OtherLog,
}

impl NoteError {
    /// Whether it is a checkpoint, and not one of that log.
    pub fn is_forgery(self) -> bool {
        match self {
            NoteError::Malformed(_) => false,
            NoteError::Unsigned | NoteError::Forged | NoteError::Timeless | NoteError::OtherLog => true,
        }
    }
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a verifier key, as `runplane audit key` prints it: NAME+ID+BASE64 (Ed25519)")]
pub struct NotAKey;

/// What a signature is over, as it goes into the key's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Signs {
    /// Ed25519 over the note's text.
    Text = 1,
    /// Ed25519 over the time and the note's text.
    TextAndTime = 4,
}

/// First bytes of a digest that name a key among those of one name.
pub type KeyId = [u8; 4];

/// The public half of a log's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    pub name: String,
    pub public: [u8; 32],
}

impl VerifierKey {
    pub fn id(&self, signs: Signs) -> KeyId {
        let mut hash = Sha256::new();
        hash.update(self.name.as_bytes());
        hash.update([b'\n', signs as u8]);
        hash.update(self.public);
        let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
        [a, b, c, d]
    }

    /// Reads what [`fmt::Display`] writes.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        let (name, rest) = text.trim().split_once('+').ok_or(NotAKey)?;
        let (id, key) = rest.split_once('+').ok_or(NotAKey)?;
        let key = BASE64_STANDARD.decode(key).map_err(|_| NotAKey)?;
        let [1, public @ ..] = key.as_slice() else {
            return Err(NotAKey);
        };
        let key = Self {
            name: name.to_owned(),
            public: public.try_into().map_err(|_| NotAKey)?,
        };
        match is_name(name) && id == hex::encode(key.id(Signs::Text)) {
            true => Ok(key),
            false => Err(NotAKey),
        }
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public)
            .verify(message, signature)
            .is_ok()
    }
}

/// As people keep it: a vkey of C2SP signed-note.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![Signs::Text as u8];
        key.extend_from_slice(&self.public);
        let id = hex::encode(self.id(Signs::Text));
        write!(f, "{}+{id}+{}", self.name, BASE64_STANDARD.encode(key))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

impl Checkpoint {
    /// The note's text.
    pub fn text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            BASE64_STANDARD.encode(self.root)
        )
    }

    /// What is signed with the time.
    pub fn text_at(&self, seconds: u64) -> String {
        format!("cosignature/v1\ntime {seconds}\n{}", self.text())
    }

    fn parse(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(NoteError::Malformed("expected three lines: origin, size, root"));
        };
        let checkpoint = Self {
            origin: origin.to_owned(),
            size: size
                .parse()
                .map_err(|_| NoteError::Malformed("its size is no number"))?,
            root: hash(root).ok_or(NoteError::Malformed("its root is no SHA-256 in base64"))?,
        };
        // Numbers have more than one spelling.
        match checkpoint.text() == text && is_name(origin) {
            true => Ok(checkpoint),
            false => Err(NoteError::Malformed("it is not spelled as it should be")),
        }
    }
}

/// A SHA-256 in base64.
pub fn hash(text: &str) -> Option<Hash> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok()
}

/// A checkpoint with its signatures, none of them verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    checkpoint: Checkpoint,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    name: String,
    id: KeyId,
    bytes: Vec<u8>,
}

/// What a note says that a known key has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub checkpoint: Checkpoint,
    /// When it was signed, in seconds since 1970.
    pub seconds: u64,
    /// Which of the keys that were given have signed both, and the time that each of them signed.
    pub by: Vec<(usize, u64)>,
}

impl Note {
    /// # Errors
    /// If it is no checkpoint.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let malformed = NoteError::Malformed;
        if text.len() > MAX_NOTE {
            return Err(malformed("it is too long"));
        }
        if text.chars().any(|c| c < ' ' && c != '\n') {
            return Err(malformed("it holds control characters"));
        }
        let end = text.rfind("\n\n").ok_or(malformed("it has no signatures"))? + 1;
        let (text, signatures) = text.split_at(end);
        let signatures = signatures.strip_prefix('\n').unwrap_or_default();
        if !signatures.ends_with('\n') {
            return Err(malformed("it has no signatures, or its end is missing"));
        }
        let signatures: Option<Vec<Signature>> = signatures.lines().map(Signature::parse).collect();
        Ok(Self {
            checkpoint: Checkpoint::parse(text)?,
            signatures: signatures.ok_or(malformed("a line that should be a signature is none"))?,
        })
    }

    /// What it says before anybody is believed.
    pub fn claims(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Whether there is a signature by another name than the log's, as witnesses add them.
    pub fn has_others(&self) -> bool {
        let origin = &self.checkpoint.origin;
        self.signatures.iter().any(|signature| signature.name != *origin)
    }

    /// When it says that it was signed, in seconds since 1970, before anybody is believed; 0 if it does not say.
    pub fn claimed_seconds(&self) -> u64 {
        let of_origin = |signature: &&Signature| signature.name == self.checkpoint.origin;
        let timed = self.signatures.iter().filter(of_origin).filter_map(Signature::timed);
        timed
            .filter(|(_, bytes)| bytes.len() == 64)
            .map(|(seconds, _)| seconds)
            .max()
            .unwrap_or_default()
    }

    /// Believes it where one of `keys` has signed both the text and the time. Signatures of keys that are not known count for
    /// nothing.
    ///
    /// # Errors
    /// If none has, or a signature that should be of one of `keys` is not.
    pub fn verify(self, keys: &[VerifierKey]) -> Result<Signed, NoteError> {
        let (mut by, mut of) = (Vec::new(), None);
        for (at, key) in keys.iter().enumerate() {
            let (text, time) = self.signed_by(key)?;
            if text {
                of = of.or(Some(&key.name));
                // A time that another key signed is not this one's.
                by.extend(time.map(|seconds| (at, seconds)));
            }
        }
        if *of.ok_or(NoteError::Unsigned)? != self.checkpoint.origin {
            return Err(NoteError::OtherLog);
        }
        Ok(Signed {
            seconds: by.first().ok_or(NoteError::Timeless)?.1,
            checkpoint: self.checkpoint,
            by,
        })
    }

    /// Whether this key has signed the text, and the time that it signed with it.
    fn signed_by(&self, key: &VerifierKey) -> Result<(bool, Option<u64>), NoteError> {
        let (mut signed, mut time) = (false, None);
        for signature in self.signatures.iter().filter(|signature| signature.name == key.name) {
            if signature.id == key.id(Signs::Text) {
                if !key.verifies(self.checkpoint.text().as_bytes(), &signature.bytes) {
                    return Err(NoteError::Forged);
                }
                signed = true;
            } else if signature.id == key.id(Signs::TextAndTime) {
                let (seconds, bytes) = signature.timed().ok_or(NoteError::Forged)?;
                if !key.verifies(self.checkpoint.text_at(seconds).as_bytes(), bytes) {
                    return Err(NoteError::Forged);
                }
                time = time.or(Some(seconds));
            }
        }
        Ok((signed, time))
    }
}

impl Signature {
    /// `— NAME BASE64`
    fn parse(line: &str) -> Option<Self> {
        let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = BASE64_STANDARD.decode(signature).ok()?;
        let (id, bytes) = bytes.split_first_chunk()?;
        is_name(name).then(|| Self {
            name: name.to_owned(),
            id: *id,
            bytes: bytes.to_owned(),
        })
    }

    fn timed(&self) -> Option<(u64, &[u8])> {
        let (seconds, bytes) = self.bytes.split_first_chunk()?;
        Some((u64::from_be_bytes(*seconds), bytes))
    }
}

/// A line of a note: a signature (with the time before it, if it is over the time) by the key `name`, `id`.
pub fn signature_line(name: &str, id: KeyId, signature: &[u8]) -> String {
    let mut bytes = id.to_vec();
    bytes.extend_from_slice(signature);
    format!("— {name} {}\n", BASE64_STANDARD.encode(bytes))
}

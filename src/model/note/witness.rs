//! Signatures of others than the log: C2SP tlog-cosignature, version 1 (Ed25519).

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{KeyId, Note, NoteError, Signs, VerifierKey, is_name};

/// The public half of a witness's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKey(VerifierKey);

/// Why a text is no witness's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the verifier key of a witness: NAME+ID+BASE64 (Ed25519, of C2SP tlog-cosignature)")]
pub struct NotAWitness;

impl WitnessKey {
    /// Some witnesses give theirs as a key for cosignatures (type 4), others as one for notes (type 1); they sign the same.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn parse(text: &str) -> Result<Self, NotAWitness> {
        if let Ok(key) = VerifierKey::parse(text) {
            return Ok(Self(key));
        }
        let read = || {
            let (name, rest) = text.trim().split_once('+')?;
            let (id, key) = rest.split_once('+')?;
            let bytes = BASE64_STANDARD.decode(key).ok()?;
            let (signs, public) = bytes.split_first()?;
            let key = Self(VerifierKey {
                name: name.to_owned(),
                public: public.try_into().ok()?,
            });
            let is_one = *signs == Signs::TextAndTime as u8 && is_name(name) && id == hex::encode(key.id());
            is_one.then_some(key)
        };
        read().ok_or(NotAWitness)
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether who has this key has that one, too.
    pub fn is(&self, other: &VerifierKey) -> bool {
        self.0.public == other.public
    }

    /// Of its cosignatures.
    pub fn id(&self) -> KeyId {
        self.0.id(Signs::TextAndTime)
    }
}

/// As a key for cosignatures.
impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![Signs::TextAndTime as u8];
        key.extend_from_slice(&self.0.public);
        let id = hex::encode(self.id());
        write!(f, "{}+{id}+{}", self.0.name, BASE64_STANDARD.encode(key))
    }
}

impl Note {
    /// When this witness signed it, in seconds since 1970; `None`: it did not. The first time counts, where there are more.
    ///
    /// # Errors
    /// If a signature that should be the witness's is not.
    pub fn cosigned_by(&self, witness: &WitnessKey) -> Result<Option<u64>, NoteError> {
        let (key, mut time) = (&witness.0, None);
        let of_it = self.signatures.iter().filter(|signature| signature.name == key.name);
        for signature in of_it.filter(|signature| signature.id == witness.id()) {
            let (seconds, bytes) = signature.timed().ok_or(NoteError::Forged)?;
            if !key.verifies(self.checkpoint.text_at(seconds).as_bytes(), bytes) {
                return Err(NoteError::Forged);
            }
            time = time.or(Some(seconds));
        }
        Ok(time)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Checkpoint;
    use super::*;
    use crate::io::keys::LogKey;
    use crate::model::Secret;

    const LOG: &str = "runplane/0123";

    fn key(name: &str, seed: u8) -> LogKey {
        LogKey::new(name, &Secret::new([seed; 32])).unwrap()
    }

    fn signed(key: &LogKey, size: u64, seconds: u64) -> String {
        let root = [7; 32];
        let origin = LOG.to_owned();
        key.sign(&Checkpoint { origin, size, root }, seconds)
    }

    /// The checkpoint of the log with the signatures of the others.
    fn with(others: &[String]) -> Note {
        let lines = others.iter().map(|note| note.split_once("\n\n").unwrap().1);
        let text = signed(&key(LOG, 1), 42, 5) + &lines.collect::<String>();
        Note::parse(&text).unwrap()
    }

    #[test]
    fn a_key_is_read_as_one_for_notes_and_as_one_for_cosignatures() {
        // Made with Python's `cryptography`.
        let note = "witness.test/w1+b190e986+AfoeK328TZVdpLmiSWs4dSVsRomRKn6jKgjBDVFlPTdn";
        let cosignature = "witness.test/w1+849f66ac+BPoeK328TZVdpLmiSWs4dSVsRomRKn6jKgjBDVFlPTdn";
        let key = WitnessKey::parse(note).unwrap();
        assert_eq!(WitnessKey::parse(cosignature).unwrap(), key);
        assert_eq!((key.to_string().as_str(), key.name()), (cosignature, "witness.test/w1"));
        for at in 0..cosignature.len() {
            let mut other = cosignature.to_owned().into_bytes();
            other[at] = if other[at] == b'x' { b'y' } else { b'x' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(WitnessKey::parse(&other), Err(NotAWitness), "{other}");
        }
    }

    #[test]
    fn a_witness_signed_what_its_key_verifies_and_nothing_else() {
        let w1 = key("witness.test/w1", 2);
        let witness = WitnessKey::parse(&w1.public().to_string()).unwrap();
        assert_eq!(with(&[]).cosigned_by(&witness), Ok(None));
        assert_eq!(with(&[signed(&w1, 42, 9)]).cosigned_by(&witness), Ok(Some(9)));
        let two = with(&[signed(&key("witness.test/w2", 3), 42, 8), signed(&w1, 42, 9)]);
        assert_eq!(two.cosigned_by(&witness), Ok(Some(9)));
        // Of its name, by another key: none of its own.
        let other = with(&[signed(&key("witness.test/w1", 3), 42, 9)]);
        assert_eq!(other.cosigned_by(&witness), Ok(None));
        // Of another checkpoint.
        let moved = with(&[signed(&w1, 43, 9)]);
        assert_eq!(moved.cosigned_by(&witness), Err(NoteError::Forged));
    }
}

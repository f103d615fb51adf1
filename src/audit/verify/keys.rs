//! Which keys of the log sign where, as its entries of kind `key` tell it.

use super::entry::Members;
use crate::model::note::{Note, Signed, VerifierKey};
use crate::store::{Evidence, ReadError};

/// The keys whose signatures count from here on.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// As they are printed, with the time in milliseconds from which on each signs no more. `None`: no entry says anything, and
    /// all that are given count.
    in_force: Option<Vec<(String, Option<i64>)>>,
}

impl Turns {
    pub(super) fn entry(&mut self, kind: &str, members: &Members<'_>) {
        let (true, Some(key)) = (kind == "key", members.text("log_key")) else {
            return;
        };
        match (members.text("event"), members.text("previous")) {
            (Some("made"), _) => self.in_force = Some(vec![(key.to_owned(), None)]),
            (Some("rotated"), Some(previous)) => {
                let previous = (previous.to_owned(), members.int("until"));
                self.in_force = Some(vec![(key.to_owned(), None), previous]);
            }
            (Some("retired"), _) => {
                if let Some(in_force) = &mut self.in_force {
                    in_force.retain(|(other, _)| other != key);
                }
            }
            _ => {}
        }
    }

    /// When a checkpoint over the entries up to here was signed by a key that counts. `None`: by none.
    ///
    /// SECURITY: who finds a key that was put away signs another end of the trail with it. Test:
    /// `a_key_that_was_retired_signs_no_checkpoint_after_that`.
    pub(super) fn believed(&self, signed: &Signed, keys: &[VerifierKey]) -> Option<u64> {
        let Some(in_force) = &self.in_force else {
            return Some(signed.seconds);
        };
        let counts = |(at, seconds): &&(usize, u64)| {
            let key = keys.get(*at).map(ToString::to_string);
            let time = i64::try_from(*seconds).unwrap_or(i64::MAX).saturating_mul(1_000);
            let mut of_key = in_force.iter().filter(|(name, _)| Some(name) == key.as_ref());
            of_key.any(|(_, until)| until.is_none_or(|until| time < until))
        };
        signed.by.iter().find(counts).map(|(_, seconds)| *seconds)
    }
}

/// `ours`, and the keys that signed before them, as the trail itself names them: those are believed whom the last checkpoint is
/// over, and only where one of `ours` has signed that.
///
/// SECURITY: what no key of ours has signed names any key as the one before. Test: `a_report_follows_the_keys_of_its_home_and_no_others`.
///
/// # Errors
/// If the database cannot be read.
pub fn with_earlier(evidence: &Evidence, ours: Vec<VerifierKey>) -> Result<Vec<VerifierKey>, ReadError> {
    let note = evidence.last_note()?.and_then(|note| Note::parse(&note).ok());
    let Some(signed) = note.and_then(|note| note.verify(&ours).ok()) else {
        return Ok(ours);
    };
    let mut keys = ours;
    for bytes in evidence.key_entries(signed.checkpoint.size)? {
        let members = Members::read(&bytes).unwrap_or_default();
        for name in ["log_key", "previous"] {
            let key = members.text(name).and_then(|key| VerifierKey::parse(key).ok());
            let new = key.filter(|key| !keys.contains(key));
            keys.extend(new);
        }
    }
    Ok(keys)
}

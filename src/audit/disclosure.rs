//! One value of an entry, shown to somebody with what proves it: its salt, and the proof of the entry that commits to it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::proof::{Proof, ProofError, ProveError, prove};
use crate::model::entry::hmac_sha256;
use crate::model::note::{Signed, VerifierKey};
use crate::store::{Evidence, Reader};

/// What each begins with.
pub const BEGINNING: &str = "{\"disclosed\":";

/// A value of an entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// The name of the value: `commit_NAME` is the entry's member.
    #[serde(rename = "disclosed")]
    name: String,
    /// RFC 8785, as it is committed to.
    value: Box<RawValue>,
    /// Hex.
    salt: String,
    /// HMAC-SHA256(salt, value), in hex.
    commitment: String,
    /// C2SP tlog-proof of the entry.
    proof: String,
}

/// One value as it lies beside its entry.
#[derive(Deserialize)]
struct Kept {
    salt: Option<String>,
    value: Option<Box<RawValue>>,
    erased: Option<i64>,
}

/// Proves what the entry `seq` (the first is 1) commits to by this name.
///
/// # Errors
/// If it is not there, or not what the entry commits to, or the entry cannot be proven.
pub fn disclose(evidence: &Evidence, reader: &Reader, seq: u64, name: &str) -> Result<Disclosure, ProveError> {
    let proof = prove(evidence, reader, seq)?;
    let place = i64::try_from(seq).map_err(|_| ProveError::NoEntry(seq))?;
    let (_, committed) = evidence.entry(place)?.ok_or(ProveError::NoEntry(seq))?;
    let mut all: BTreeMap<String, Kept> = committed
        .and_then(|committed| serde_json::from_str(&committed).ok())
        .unwrap_or_default();
    let none = |why: String| ProveError::NoValue { seq, why };
    let Some(kept) = all.remove(name) else {
        let shown = all.iter().filter(|(_, kept)| kept.value.is_some());
        let names: Vec<&str> = shown.map(|(name, _)| name.as_str()).collect();
        return Err(none(format!("has no value `{name}`; it has: {}", names.join(", "))));
    };
    match (kept.salt, kept.value, kept.erased) {
        (Some(salt), Some(value), _) => {
            let disclosure = Disclosure {
                name: name.to_owned(),
                commitment: commitment(&salt, value.get()).unwrap_or_default(),
                value,
                salt,
                proof: proof.to_string(),
            };
            match disclosure.is_committed(proof.entry()) {
                true => Ok(disclosure),
                false => Err(none(format!(
                    "does not commit to the `{name}` that is kept beside it: `runplane audit verify` tells more"
                ))),
            }
        }
        (_, _, Some(by)) => Err(none(format!(
            "has no `{name}` any more: it was erased, as entry {by} says"
        ))),
        _ => Err(none(format!("commits to a `{name}` that is not kept"))),
    }
}

fn commitment(salt: &str, value: &str) -> Option<String> {
    let salt = hex::decode(salt).ok().filter(|salt| salt.len() == 16)?;
    Some(hex::encode(hmac_sha256(&salt, value.as_bytes())))
}

impl fmt::Display for Disclosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        writeln!(f, "{text}")
    }
}

impl Disclosure {
    /// # Errors
    /// If it is anything else than what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        // Whatever is wrong with it, it is no disclosure: nothing of it is believed.
        let read: Option<Self> = serde_json::from_str(text).ok();
        read.filter(|read| read.to_string() == text)
            .ok_or(ProofError::Malformed)
    }

    /// The place of the entry and who signed it, once the value is what that commits to, and its proof holds by one of `keys`.
    ///
    /// SECURITY: a value that is put in the place of another, with a proof that holds, would be taken for the recorded one. Test:
    /// `a_value_that_is_disclosed_is_proven_and_a_changed_one_is_not`.
    ///
    /// # Errors
    /// If it is not.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<(u64, Signed), ProofError> {
        let proof = Proof::parse(&self.proof)?;
        let (entry, signed) = proof.verify(keys)?;
        match self.is_committed(entry) {
            true => Ok((proof.seq(), signed)),
            false => Err(ProofError::NotCommitted),
        }
    }

    fn is_committed(&self, entry: &[u8]) -> bool {
        let members: BTreeMap<String, Json> = serde_json::from_slice(entry).unwrap_or_default();
        let promised = members.get(&format!("commit_{}", self.name)).and_then(Json::as_str);
        let found = commitment(&self.salt, self.value.get());
        found.is_some() && promised == found.as_deref() && promised == Some(&self.commitment)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// RFC 8785 JSON.
    pub fn value(&self) -> &str {
        self.value.get()
    }
}

//! That a listener knows somebody's key, shown to them before they send it.
//!
//! SECURITY: while no sidecar runs, any local process may listen in its place, an agent too, and be sent the key of whoever
//! types a command. So the command line sends a nonce and a name of the key that does not tell it, and sends the key only to
//! who answers with a proof that takes the key's hash, which is secret for that reason: it stands under `state/` and in a
//! `runplane.yaml` that others cannot read, or the sidecar does not start. Passing the nonce on to a sidecar elsewhere does
//! not help: the proof names its listener. Tests: `who_cannot_prove_to_know_the_key_is_not_sent_it`,
//! `hashes_of_keys_are_in_no_file_that_others_can_read`.

use std::net::SocketAddr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::model::entry::hmac_sha256;
use crate::model::secret::random_bytes;

/// The path that proves.
pub const PATH: &str = "/proof";

/// What is asked, as query: 32 and 64 hexadecimal digits.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    pub key: String,
    pub nonce: String,
}

/// What is answered: 64 hexadecimal digits.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Proof {
    pub proof: String,
}

impl Challenge {
    /// For the key with this digest (SHA-256).
    pub fn new(digest: &[u8; 32]) -> Self {
        Self {
            key: name(digest),
            nonce: hex::encode(random_bytes::<32>()),
        }
    }

    /// Whether it asks for the key with this digest.
    pub fn names(&self, digest: &[u8; 32]) -> bool {
        bool::from(name(digest).as_bytes().ct_eq(self.key.as_bytes()))
    }

    /// What only those who know the digest can say, at `listener`.
    pub fn answer(&self, digest: &[u8; 32], listener: SocketAddr) -> Proof {
        let said = format!("runplane control proof 1\n{listener}\n{}", self.nonce);
        Proof {
            proof: hex::encode(hmac_sha256(digest, said.as_bytes())),
        }
    }

    pub fn is_met_by(&self, proof: &Proof, digest: &[u8; 32], listener: SocketAddr) -> bool {
        let expected = self.answer(digest, listener).proof;
        bool::from(expected.as_bytes().ct_eq(proof.proof.as_bytes()))
    }
}

/// Tells keys apart, and tells nothing of them.
fn name(digest: &[u8; 32]) -> String {
    let mut hash = Sha256::new_with_prefix("runplane key name 1\n");
    hash.update(digest);
    let mut name = hex::encode(hash.finalize());
    name.truncate(32);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_of_one_key_one_nonce_and_one_listener() {
        let (ours, other) = ([1; 32], [2; 32]);
        let here: SocketAddr = "127.0.0.1:8081".parse().unwrap();
        let challenge = Challenge::new(&ours);
        assert!(challenge.names(&ours) && !challenge.names(&other));
        let proof = challenge.answer(&ours, here);
        assert!(challenge.is_met_by(&proof, &ours, here));
        assert!(!challenge.is_met_by(&challenge.answer(&other, here), &ours, here));
        assert!(!challenge.is_met_by(&Challenge::new(&ours).answer(&ours, here), &ours, here));
        let there = "127.0.0.1:8082".parse().unwrap();
        assert!(!challenge.is_met_by(&challenge.answer(&ours, there), &ours, here));
        assert!(!challenge.is_met_by(&Proof { proof: String::new() }, &ours, here));
    }
}

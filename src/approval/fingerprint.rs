//! What makes two calls the same call for an approval: keyed, so that the stored form tells nothing.

use std::sync::Arc;

use crate::model::entry::hmac_sha256;
use crate::model::{Action, Identity, Secret};

/// Version of the fingerprint below. Another version makes other fingerprints: no approval carries over.
const VERSION: &[u8] = b"1";

/// Hexadecimal digits that people are shown.
const MARK: usize = 16;

/// The keys of fingerprints, and of the hashes that stand for credentials and idempotency keys.
#[derive(Clone, Debug)]
pub struct Keys {
    fingerprint: Secret<[u8; 32]>,
    credential: Secret<[u8; 32]>,
}

impl Keys {
    /// Derived from the home's one secret; other keys make every stored fingerprint unknown.
    pub fn new(fingerprint: &[u8; 32], credential: &[u8; 32]) -> Self {
        Self {
            fingerprint: Secret::new(*fingerprint),
            credential: Secret::new(*credential),
        }
    }

    /// Keyed hash (hex) of a provider's idempotency key; never that of a credential with the same text.
    fn idempotency(&self, key: &str) -> String {
        let message = [b"idempotency\0", key.as_bytes()].concat();
        hex::encode(hmac_sha256(self.credential.expose(), &message))
    }
}

/// A call as approvals know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Who asks, and the fingerprint of what: approvals of one place are about the same call.
    pub(super) place: Place,
    /// Keyed hash (hex) of the provider's idempotency key, if the call has one: which request it is.
    pub(super) idempotency: Option<String>,
}

/// Agent and fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) agent: Arc<str>,
    pub(super) fingerprint: [u8; 32],
}

impl Fingerprint {
    /// SECURITY: every part has its length before it, so that no two different calls run together to the same bytes
    /// (`parts_do_not_run_together`).
    pub fn new(keys: &Keys, agent: &Arc<str>, action: &Action, identity: &Identity) -> Self {
        let credential = hmac_sha256(keys.credential.expose(), &identity.credential);
        let parts = [
            VERSION,
            agent.as_bytes(),
            &credential,
            action.name.as_bytes(),
            &identity.content,
        ];
        let mut message = Vec::with_capacity(identity.content.len() + agent.len() + action.name.len() + 80);
        // What a call does besides comes last: one that does nothing else keeps its fingerprint.
        let also = action.also.iter().map(|meaning| meaning.name.as_bytes());
        for part in parts.into_iter().chain(also) {
            message.extend_from_slice(&(part.len() as u64).to_be_bytes());
            message.extend_from_slice(part);
        }
        let fingerprint = hmac_sha256(keys.fingerprint.expose(), &message);
        zeroize::Zeroize::zeroize(&mut message);
        Self {
            place: Place {
                agent: agent.clone(),
                fingerprint,
            },
            idempotency: identity.idempotency_key.as_ref().map(|key| keys.idempotency(key)),
        }
    }

    /// Puts a short form of it at the end of a summary, so that two held calls read alike only if they are one.
    ///
    /// SECURITY: a summary tells some of a call's fields, and an agent could have one call approved for another (test
    /// `two_calls_that_differ_in_one_header_never_read_alike`). Keyed, so that it tells nothing of what is not shown.
    pub fn mark(&self, summary: &mut String) {
        let digits = hex::encode(self.place.fingerprint);
        summary.push_str(&format!(" [call {}]", digits.get(..MARK).unwrap_or_default()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::action;
    use super::*;

    fn print(agent: &str, name: &str, credential: &[u8], content: &[u8], key: Option<&str>) -> Fingerprint {
        let keys = Keys::new(&[7; 32], &[8; 32]);
        let mut action = action();
        action.name = name.into();
        let identity = Identity {
            credential: credential.to_vec(),
            content: content.to_vec(),
            idempotency_key: key.map(str::to_owned),
            key_is_header: false,
        };
        Fingerprint::new(&keys, &agent.into(), &action, &identity)
    }

    #[test]
    fn every_part_makes_another_call() {
        let base = print("a", "process_refund", b"sk", b"content", None);
        assert_eq!(base, print("a", "process_refund", b"sk", b"content", None));
        for other in [
            print("b", "process_refund", b"sk", b"content", None),
            print("a", "transfer_funds", b"sk", b"content", None),
            print("a", "process_refund", b"sk2", b"content", None),
            print("a", "process_refund", b"sk", b"content2", None),
        ] {
            assert_ne!(base.place, other.place);
        }
    }

    #[test]
    fn what_a_call_does_besides_is_part_of_what_it_is() {
        let keys = Keys::new(&[7; 32], &[8; 32]);
        let identity = Identity {
            credential: Vec::new(),
            content: Vec::new(),
            idempotency_key: None,
            key_is_header: false,
        };
        let of = |also: &[&str]| {
            let mut whole = action();
            whole.also = also
                .iter()
                .map(|name| Action {
                    name: (*name).into(),
                    ..action()
                })
                .collect();
            Fingerprint::new(&keys, &"a".into(), &whole, &identity)
        };
        let all = [
            of(&[]),
            of(&["delete_record"]),
            of(&["modify_record"]),
            of(&["delete_record", "modify_record"]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(all.iter().skip(at + 1).all(|other| one.place != other.place));
        }
    }

    #[test]
    fn a_mark_is_of_one_call() {
        let mark = |content: &[u8]| {
            let mut summary = "Refund".to_owned();
            print("a", "c", b"", content, None).mark(&mut summary);
            summary
        };
        let one = mark(b"1");
        assert!(
            one.starts_with("Refund [call ") && one.ends_with(']') && one.len() == 30,
            "{one}"
        );
        assert_eq!(one, mark(b"1"));
        assert_ne!(one, mark(b"2"));
    }

    #[test]
    fn parts_do_not_run_together() {
        let one = print("ab", "c", b"", b"d", None);
        let two = print("a", "bc", b"", b"d", None);
        assert_ne!(one.place.fingerprint, two.place.fingerprint);
    }

    #[test]
    fn an_idempotency_key_names_the_request_not_the_call() {
        let one = print("a", "c", b"", b"d", Some("k1"));
        let two = print("a", "c", b"", b"d", Some("k2"));
        assert_eq!(one.place, two.place);
        assert_ne!(one.idempotency, two.idempotency);
        assert!(!one.idempotency.unwrap().contains("k1"));
    }

    #[test]
    fn another_key_knows_nothing_of_the_first() {
        let identity = Identity {
            credential: Vec::new(),
            content: Vec::new(),
            idempotency_key: None,
            key_is_header: false,
        };
        let of = |byte| {
            let keys = Keys::new(&[byte; 32], &[8; 32]);
            Fingerprint::new(&keys, &"a".into(), &action(), &identity)
        };
        assert_ne!(of(1), of(2));
    }
}

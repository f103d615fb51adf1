//! What makes two calls the same call for an approval: keyed, so that the stored form tells nothing.

use std::sync::Arc;

use crate::model::entry::hmac_sha256;
use crate::model::grant::Remainder;
use crate::model::{Action, FieldSource, Identity, Saying, Secret};

/// Version of the fingerprint below. Another version makes other fingerprints: no approval carries over.
const VERSION: &[u8] = b"1";
/// The same of what stays when a call is corrected, and of what its fields are read from: never the fingerprint of a call.
const REST: &[u8] = b"1 rest";
const SOURCE: &[u8] = b"1 source";

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

    /// SECURITY: every part has its length before it, so that no two different calls run together to the same bytes
    /// (`parts_do_not_run_together`).
    fn keyed<'a>(&self, parts: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
        let mut message = Vec::new();
        for part in parts {
            message.extend_from_slice(&(part.len() as u64).to_be_bytes());
            message.extend_from_slice(part);
        }
        let keyed = hmac_sha256(self.fingerprint.expose(), &message);
        zeroize::Zeroize::zeroize(&mut message);
        keyed
    }

    /// What ids of calls have that were made of an agent's request by this id: keyed, so that they tell nothing of it.
    pub fn request(&self, agent: &str, request: &str) -> [u8; 10] {
        let length = (agent.len() as u64).to_be_bytes();
        let message = [b"request\0", &length[..], agent.as_bytes(), request.as_bytes()].concat();
        let mut own = [0; 10];
        own.iter_mut()
            .zip(hmac_sha256(self.credential.expose(), &message))
            .for_each(|(own, byte)| *own = byte);
        own
    }

    /// Keyed hash (hex) of a provider's idempotency key; never that of a credential with the same text.
    fn idempotency(&self, key: &str) -> String {
        let message = [b"idempotency\0", key.as_bytes()].concat();
        hex::encode(hmac_sha256(self.credential.expose(), &message))
    }
}

/// A call as approvals know it.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    /// Who asks, and the fingerprint of what: approvals of one place are about the same call.
    pub(super) place: Place,
    /// Keyed hash (hex) of the provider's idempotency key, if the call has one: which request it is.
    pub(super) idempotency: Option<String>,
    /// What stays the same when a person corrects it.
    pub(super) remainder: Option<Remainder>,
    /// What it says that nobody is shown of it.
    pub(super) beyond: Option<Vec<Saying>>,
}

impl PartialEq for Fingerprint {
    /// Whether it is the same request; wherever its fields are read from.
    fn eq(&self, other: &Self) -> bool {
        (&self.place, &self.idempotency) == (&other.place, &other.idempotency)
    }
}

/// Agent and fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) agent: Arc<str>,
    pub(super) fingerprint: [u8; 32],
}

impl Fingerprint {
    pub fn new(keys: &Keys, agent: &Arc<str>, action: &Action, identity: &Identity) -> Self {
        let credential = hmac_sha256(keys.credential.expose(), &identity.credential);
        // What a call does besides comes last: one that does nothing else keeps its fingerprint.
        let also = || action.also.iter().map(|meaning| meaning.name.as_bytes());
        let whole = |version, content| {
            let parts = [version, agent.as_bytes(), &credential, action.name.as_bytes(), content];
            keys.keyed(parts.into_iter().chain(also()))
        };
        let source = |source: &FieldSource| {
            let parts = [SOURCE, agent.as_bytes(), source.field.as_bytes(), &source.content];
            (source.field.clone(), hex::encode(keys.keyed(parts.into_iter())))
        };
        Self {
            place: Place {
                agent: agent.clone(),
                fingerprint: whole(VERSION, &identity.content),
            },
            idempotency: identity.idempotency_key.as_ref().map(|key| keys.idempotency(key)),
            beyond: identity.beyond.clone(),
            remainder: (!identity.sources.is_empty()).then(|| Remainder {
                rest: hex::encode(whole(REST, &identity.rest)),
                sources: identity.sources.iter().map(source).collect(),
            }),
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
            beyond: None,
            rest: Vec::new(),
            sources: Vec::new(),
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
            beyond: None,
            rest: Vec::new(),
            sources: Vec::new(),
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
    fn a_remainder_stays_where_a_source_changes_and_nowhere_else() {
        let keys = Keys::new(&[7; 32], &[8; 32]);
        let of = |agent: &str, credential: &[u8], rest: &[u8], amount: &[u8]| {
            let source = |field: &str, content: &[u8]| FieldSource {
                field: field.into(),
                content: content.to_vec(),
            };
            let identity = Identity {
                credential: credential.to_vec(),
                content: b"whole".to_vec(),
                idempotency_key: None,
                key_is_header: false,
                beyond: None,
                rest: rest.to_vec(),
                sources: vec![source("amount", amount), source("count", b"3")],
            };
            Fingerprint::new(&keys, &agent.into(), &action(), &identity)
                .remainder
                .unwrap()
        };
        let base = of("a", b"sk", b"rest", b"5");
        let other = of("a", b"sk", b"rest", b"6");
        assert_eq!(
            (&base.rest, &base.sources["count"]),
            (&other.rest, &other.sources["count"])
        );
        assert_ne!(base.sources["amount"], other.sources["amount"]);
        assert_ne!(base.rest, of("b", b"sk", b"rest", b"5").rest);
        assert_ne!(base.rest, of("a", b"sk2", b"rest", b"5").rest);
        assert_ne!(base.rest, of("a", b"sk", b"rest2", b"5").rest);
        assert!(print("a", "process_refund", b"sk", b"rest", None).remainder.is_none());
        let whole = print("a", "process_refund", b"sk", b"rest", None);
        assert_ne!(
            base.rest,
            hex::encode(whole.place.fingerprint),
            "never one for the other"
        );
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
            beyond: None,
            rest: Vec::new(),
            sources: Vec::new(),
        };
        let of = |byte| {
            let keys = Keys::new(&[byte; 32], &[8; 32]);
            Fingerprint::new(&keys, &"a".into(), &action(), &identity)
        };
        assert_ne!(of(1), of(2));
    }
}

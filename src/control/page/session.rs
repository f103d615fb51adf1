//! Who is signed in, and by which links people may. In memory only: after a restart everybody signs in again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::agent::Proof;
use crate::model::Secret;
use crate::model::entry::hmac_sha256;
use crate::model::secret::random_bytes;

/// How long a link may be used.
pub(super) const LINK: Duration = Duration::from_secs(10 * 60);
/// How long a person stays signed in, and how long without a page of theirs.
pub(super) const SESSION: Duration = Duration::from_secs(12 * 60 * 60);
const IDLE: Duration = Duration::from_secs(60 * 60);
/// How many of each one person may have: the oldest goes.
const MOST: usize = 8;

/// SECURITY: only hashes are kept, so that no dump of our memory and no mistake in a log signs anybody in. Whoever has the value
/// is who it was given to. Tests: `a_link_is_used_once_and_not_for_long`, `who_is_signed_in_is_signed_out_in_time`.
pub(super) struct Sessions {
    /// Of form tokens.
    key: Secret<[u8; 32]>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    links: HashMap<Hash, Entry>,
    sessions: HashMap<Hash, Entry>,
}

type Hash = [u8; 32];

#[derive(Clone)]
struct Entry {
    person: Arc<str>,
    proof: Proof,
    made: Instant,
    seen: Instant,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            key: Secret::new(random_bytes()),
            kept: Mutex::default(),
        }
    }
}

impl Sessions {
    /// A link for this person: the secret part of it.
    pub(super) fn link(&self, person: &Arc<str>) -> String {
        put(&mut self.kept().links, person, Proof::Link)
    }

    /// Whom a link would sign in.
    pub(super) fn linked(&self, link: &str) -> Option<Arc<str>> {
        self.kept().links.get(&hash(link)).map(|entry| entry.person.clone())
    }

    /// Uses a link up.
    pub(super) fn redeem(&self, link: &str) -> Option<Arc<str>> {
        self.kept().links.remove(&hash(link)).map(|entry| entry.person)
    }

    /// Signs a person in: the cookie's value.
    pub(super) fn open(&self, person: &Arc<str>, proof: Proof) -> String {
        put(&mut self.kept().sessions, person, proof)
    }

    /// Who is signed in by this cookie. `acts`: the person does something now, so they are not idle.
    pub(super) fn who(&self, cookie: &str, acts: bool) -> Option<(Arc<str>, Proof)> {
        let mut kept = self.kept();
        let entry = kept.sessions.get_mut(&hash(cookie))?;
        if acts {
            entry.seen = Instant::now();
        }
        Some((entry.person.clone(), entry.proof))
    }

    pub(super) fn close(&self, cookie: &str) {
        self.kept().sessions.remove(&hash(cookie));
    }

    /// What forms carry that are shown to the holder of this cookie.
    pub(super) fn form_token(&self, cookie: &str) -> String {
        hex::encode(hmac_sha256(
            self.key.expose(),
            format!("runplane form 1\n{cookie}").as_bytes(),
        ))
    }

    pub(super) fn is_form_token(&self, cookie: &str, token: &str) -> bool {
        bool::from(self.form_token(cookie).as_bytes().ct_eq(token.as_bytes()))
    }

    /// All that still counts.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A change is one insertion or removal: no panic leaves half of one behind.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        kept.links.retain(|_, link| now < link.made + LINK);
        kept.sessions
            .retain(|_, session| now < session.made + SESSION && now < session.seen + IDLE);
        kept
    }
}

fn put(entries: &mut HashMap<Hash, Entry>, person: &Arc<str>, proof: Proof) -> String {
    let theirs = entries.iter().filter(|(_, entry)| entry.person == *person);
    let (count, oldest) = (theirs.clone().count(), theirs.min_by_key(|(_, entry)| entry.made));
    if let (MOST.., Some(oldest)) = (count, oldest.map(|(hash, _)| *hash)) {
        entries.remove(&oldest);
    }
    let (value, now) = (value(), Instant::now());
    let entry = Entry {
        person: person.clone(),
        proof,
        made: now,
        seen: now,
    };
    entries.insert(hash(&value), entry);
    value
}

/// Nobody guesses it.
pub(super) fn value() -> String {
    hex::encode(random_bytes::<32>())
}

fn hash(value: &str) -> Hash {
    Sha256::digest(value).into()
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_link_is_used_once_and_not_for_long() {
        let (sessions, alice) = (Sessions::default(), Arc::from("alice"));
        let (one, late) = (sessions.link(&alice), sessions.link(&alice));
        assert_eq!(sessions.linked(&one).as_deref(), Some("alice"), "looking uses nothing");
        assert_eq!(sessions.redeem(&one).as_deref(), Some("alice"));
        assert_eq!((sessions.redeem(&one), sessions.linked(&one)), (None, None));
        advance(LINK - SECOND).await;
        assert!(sessions.linked(&late).is_some());
        advance(SECOND).await;
        assert_eq!(sessions.redeem(&late), None);
        assert_eq!(sessions.redeem(""), None);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_signed_in_is_signed_out_in_time() {
        let (sessions, alice) = (Sessions::default(), Arc::from("alice"));
        let (idle, open, used) = (
            sessions.open(&alice, Proof::Key),
            sessions.open(&alice, Proof::Key),
            sessions.open(&alice, Proof::Link),
        );
        let mut passed = Duration::ZERO;
        while passed < SESSION - SECOND {
            let step = (IDLE - SECOND).min(SESSION - SECOND - passed);
            advance(step).await;
            passed += step;
            assert_eq!(
                sessions.who(&used, true),
                Some((alice.clone(), Proof::Link)),
                "{passed:?}"
            );
            // A page that is left open asks on and on; nobody sits before it.
            assert_eq!(sessions.who(&open, false).is_some(), passed < IDLE);
        }
        assert_eq!(sessions.who(&idle, true), None);
        advance(SECOND).await;
        assert_eq!(sessions.who(&used, true), None);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_has_more_than_so_many_and_nobody_elses_go() {
        let (sessions, alice, sam) = (Sessions::default(), Arc::from("alice"), Arc::from("sam"));
        let (theirs, first) = (sessions.open(&sam, Proof::Key), sessions.open(&alice, Proof::Key));
        for _ in 0..MOST {
            advance(SECOND).await;
            sessions.open(&alice, Proof::Key);
        }
        assert_eq!(sessions.who(&first, true), None);
        assert!(sessions.who(&theirs, true).is_some());
        assert_eq!(sessions.kept().sessions.len(), MOST + 1);
    }

    #[test]
    fn nothing_that_signs_in_is_kept_and_no_form_is_anothers() {
        let (sessions, alice) = (Sessions::default(), Arc::from("alice"));
        let (one, other) = (sessions.open(&alice, Proof::Key), sessions.open(&alice, Proof::Key));
        for hash in sessions.kept().sessions.keys() {
            assert!(!one.contains(&hex::encode(hash)));
        }
        let token = sessions.form_token(&one);
        assert!(sessions.is_form_token(&one, &token) && !sessions.is_form_token(&other, &token));
        assert!(!sessions.is_form_token(&one, "") && !sessions.is_form_token(&one, &one));
        assert!(!Sessions::default().is_form_token(&one, &token));
        sessions.close(&one);
        assert_eq!(sessions.who(&one, true), None);
        assert!(sessions.who(&other, true).is_some());
    }
}

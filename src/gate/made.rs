//! What was made through this sidecar, by the id that the provider gave it: what a call is about that names the id and
//! nothing else (to confirm a payment, to refund a charge whole).
//!
//! A call that recalls is judged by what was remembered then, so that this must still hold when it is carried out. Whatever else
//! may change a thing names it: it forgets the thing when it leaves, it does not leave while a call that recalled the thing
//! is under way, and nothing is learnt by an answer if such a change left, or ended, since its call left. In doubt nothing is
//! remembered, the call is incomplete, and people are asked. It is kept in memory only.

mod things;
mod way;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

#[cfg(test)]
pub(in crate::gate) use self::things::Leaves;
use self::things::Things;
pub use self::way::{Hindered, Way};
use crate::budget::Steady;
use crate::model::{Timestamp, Value};

/// Texts that a call may name something by; of one with more it counts as naming anything.
const MOST_NAMES: usize = 512;

/// Fields and what they say.
pub(super) type Fields = Vec<(Arc<str>, Value)>;

/// A name without the difference of upper and lower case, by its hash.
type Hash = u64;

pub(super) struct Made {
    providers: Mutex<HashMap<Arc<str>, Things>>,
    /// Tells those who wait that a call has ended.
    ended: watch::Sender<()>,
    hashes: RandomState,
    /// For how long anything is remembered, in milliseconds.
    life: AtomicI64,
    steady: Option<Arc<Steady>>,
}

/// A moment by the clock that nobody sets, and by the one that may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    steady: Timestamp,
    said: Timestamp,
}

impl Moment {
    /// Whether less than that many milliseconds lie between, by either clock. A machine that sleeps stops the one, and people may
    /// set back the other.
    fn is_within(self, life: i64, since: Moment) -> bool {
        let steady = self.steady.0.saturating_sub(since.steady.0);
        let said = self.said.0.saturating_sub(since.said.0);
        (0..life).contains(&steady) && said < life
    }

    /// Whether so many milliseconds have not passed for sure.
    fn may_be_within(self, span: i64, since: Moment) -> bool {
        self.steady.0.saturating_sub(since.steady.0) < span
    }
}

/// By what a call may name things.
#[derive(Clone, Debug)]
pub(super) enum Names {
    /// By anything.
    Any,
    These(Arc<HashSet<Hash>>),
}

impl Names {
    fn have(&self, name: Hash) -> bool {
        match self {
            Names::Any => true,
            Names::These(names) => names.contains(&name),
        }
    }
}

impl Made {
    pub(super) fn new(steady: Option<Arc<Steady>>) -> Self {
        Self {
            providers: Mutex::default(),
            ended: watch::Sender::new(()),
            hashes: RandomState::new(),
            life: AtomicI64::new(0),
            steady,
        }
    }

    /// From now on anything is remembered for that long.
    pub(super) fn lives(&self, life: Duration) {
        let life = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        self.life.store(life, Ordering::Relaxed);
    }

    fn life(&self) -> i64 {
        self.life.load(Ordering::Relaxed)
    }

    pub(super) fn now(&self, said: Timestamp) -> Moment {
        let steady = self.steady.as_ref().map_or(said, |steady| steady());
        Moment { steady, said }
    }

    /// What is remembered of a thing of that holder, and of which version that is.
    pub(super) fn recall(
        &self,
        provider: &str,
        holder: &[u8; 32],
        id: &str,
        is_kind: impl Fn(&str) -> bool,
        said: Timestamp,
    ) -> Option<(Fields, u64)> {
        let (hash, now, life) = (self.hash(id), self.now(said), self.life());
        let providers = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        let thing = providers.get(provider)?.thing(hash, now, life)?;
        let same = thing.id == id && thing.holder == *holder && is_kind(&thing.kind);
        same.then(|| (thing.fields.clone(), thing.version))
    }

    /// Whether that version still holds.
    pub(super) fn holds(&self, provider: &str, id: &str, version: u64, said: Timestamp) -> bool {
        let (hash, now, life) = (self.hash(id), self.now(said), self.life());
        let providers = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        let thing = providers.get(provider).and_then(|things| things.thing(hash, now, life));
        thing.is_some_and(|thing| thing.version == version)
    }

    /// Whether anything may be known of that provider.
    fn knows(&self, provider: &str) -> bool {
        let providers = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        providers.contains_key(provider)
    }

    fn change<T>(&self, provider: &Arc<str>, change: impl FnOnce(&mut Things) -> T) -> T {
        let mut providers = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        change(providers.entry(provider.clone()).or_default())
    }

    /// The same of all that anything is known of.
    fn change_all(&self, mut change: impl FnMut(&mut Things)) {
        let mut providers = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        providers.values_mut().for_each(&mut change);
    }

    fn hash(&self, name: &str) -> Hash {
        self.hashes.hash_one(name.to_ascii_lowercase())
    }

    /// What the texts of a call may name: each as it is, its words, and the parts of those. `tell_all` tells the texts, and
    /// whether they are all.
    pub(super) fn names(&self, tell_all: impl FnOnce(&mut dyn FnMut(&str)) -> bool) -> Names {
        let mut names = HashSet::new();
        let mut put = |name: &str| {
            if !name.is_empty() && names.len() <= MOST_NAMES {
                names.insert(self.hash(name));
            }
        };
        let all = tell_all(&mut |text| {
            put(text);
            for word in text.split(|character| !is_of_id(character)) {
                put(word);
                word.split(['.', '-']).for_each(&mut put);
            }
        });
        match all && names.len() <= MOST_NAMES {
            true => Names::These(Arc::new(names)),
            false => Names::Any,
        }
    }
}

/// Ids are words of these; those with others are not remembered, for who looks for words would not find them.
fn is_of_id(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-')
}

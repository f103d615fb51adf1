//! One budget's windows: one ring for each agent, target … that it counts apart.

use std::collections::HashMap;
use std::sync::Arc;

use super::ring::{PARTS, Ring};

/// Scopes with a ring of their own. Bounds memory to about 4 MiB a budget.
const MOST: usize = 4096;

/// The windows of one budget.
#[derive(Debug)]
pub(super) struct Window {
    /// Milliseconds in a bucket.
    width: i64,
    scopes: HashMap<Arc<str>, Scope>,
    /// All that came when there was no place left, together.
    others: Ring,
    /// Bucket in which room was last looked for.
    swept: i64,
    /// What is on record is in it.
    pub(super) recalled: bool,
}

#[derive(Debug)]
struct Scope {
    ring: Ring,
    /// It may have been among the others before.
    among_others: bool,
}

/// Where an amount stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    scope: Arc<str>,
    bucket: i64,
    among_others: bool,
}

/// What is known of a scope's window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) scope: Arc<str>,
    pub(super) used: i128,
    /// When the oldest of it is forgotten, in the ledger's time.
    pub(super) oldest_ends: Option<i64>,
}

impl Window {
    /// `length` in milliseconds.
    pub(super) fn new(length: i64) -> Self {
        Self {
            // Rounded up: never early.
            width: (length.saturating_add(PARTS - 1) / PARTS).max(1),
            scopes: HashMap::new(),
            others: Ring::new(),
            swept: i64::MIN,
            recalled: false,
        }
    }

    /// The total of a scope. O(1) in the calls and the scopes there were.
    pub(super) fn total(&mut self, scope: &str, now: i64) -> i128 {
        let bucket = self.bucket(now);
        let (own, among_others) = match self.scopes.get_mut(scope) {
            Some(own) => (own.ring.total(bucket), own.among_others),
            None => (0, true),
        };
        match among_others {
            true => own + self.others.total(bucket),
            false => own,
        }
    }

    /// Adds to a scope at a time that is not after `now`.
    ///
    /// SECURITY: an agent that names ever new targets must not make us forget what was done to one of them. Who finds no
    /// place shares one with all others that found none, and whoever may have been among them has their total added. Test:
    /// `endless_targets_are_bounded_and_nothing_is_forgotten_early`.
    pub(super) fn add(&mut self, scope: &Arc<str>, time: i64, now: i64, amount: i64) -> Place {
        let (bucket, newest) = (self.bucket(time.min(now)), self.bucket(now));
        if !self.scopes.contains_key(scope) && self.has_room(newest) {
            let among_others = self.others.total(newest) != 0;
            let ring = Ring::new();
            self.scopes.insert(scope.clone(), Scope { ring, among_others });
        }
        let (ring, among_others) = match self.scopes.get_mut(scope) {
            Some(own) => (&mut own.ring, false),
            None => (&mut self.others, true),
        };
        ring.total(newest);
        ring.add(bucket, amount);
        Place {
            scope: scope.clone(),
            bucket,
            among_others,
        }
    }

    pub(super) fn take_back(&mut self, place: &Place, amount: i64) {
        match place.among_others {
            true => self.others.take_back(place.bucket, amount),
            false => {
                if let Some(own) = self.scopes.get_mut(&place.scope) {
                    own.ring.take_back(place.bucket, amount);
                }
            }
        }
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.scopes.len()
    }

    /// When so much will be forgotten of a scope that `room` is there; `None`: never, or not for certain.
    pub(super) fn room_at(&self, scope: &str, room: i128) -> Option<i64> {
        let own = self.scopes.get(scope)?;
        let bucket = own.ring.until_forgotten(room).filter(|_| !own.among_others)?;
        Some(self.forgotten_at(bucket))
    }

    /// Scopes with something in them; what is shared by many is last, as `others`.
    pub(super) fn states(&mut self, now: i64) -> Vec<State> {
        let bucket = self.bucket(now);
        let width = self.width;
        let ends = |ring: &Ring| Some((ring.oldest()? + PARTS + 1).saturating_mul(width));
        let mut states: Vec<State> = self
            .scopes
            .iter_mut()
            .map(|(scope, own)| State {
                scope: scope.clone(),
                used: own.ring.total(bucket),
                oldest_ends: ends(&own.ring),
            })
            .collect();
        states.push(State {
            scope: OTHERS.into(),
            used: self.others.total(bucket),
            oldest_ends: ends(&self.others),
        });
        states.retain(|state| state.used != 0);
        states.sort_by(|one, other| other.used.cmp(&one.used).then_with(|| one.scope.cmp(&other.scope)));
        states
    }

    /// The largest total of any scope.
    pub(super) fn largest(&mut self, now: i64) -> i128 {
        self.states(now).first().map_or(0, |state| state.used)
    }

    fn forgotten_at(&self, bucket: i64) -> i64 {
        (bucket + PARTS + 1).saturating_mul(self.width)
    }

    fn bucket(&self, time: i64) -> i64 {
        time.div_euclid(self.width)
    }

    /// Looks for places that nobody needs any more, once in a bucket at most: looking costs as much as there are.
    fn has_room(&mut self, newest: i64) -> bool {
        if self.scopes.len() >= MOST && self.swept < newest {
            self.swept = newest;
            self.scopes.retain(|_, own| {
                own.ring.total(newest);
                !own.ring.is_empty()
            });
        }
        self.scopes.len() < MOST
    }
}

/// How the place that many share is called.
pub(super) const OTHERS: &str = "(all others)";

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn endless_targets_are_bounded_and_nothing_is_forgotten_early() {
        let mut window = Window::new(MINUTE);
        let scope = |number: usize| Arc::from(format!("target {number}"));
        for number in 0..MOST + 1_000 {
            window.add(&scope(number), 0, 0, 1);
        }
        assert_eq!(window.scopes.len(), MOST);
        assert_eq!(window.total("target 0", 0), 1, "who has a place keeps it");
        assert_eq!(window.total(&scope(MOST), 0), 1_000, "the others are counted together");
        assert_eq!(
            window.total("nobody yet", 0),
            1_000,
            "and who is new may be one of them"
        );
        // Half a minute later one of them comes again: still no place, and nothing forgotten.
        window.add(&scope(MOST), MINUTE / 2, MINUTE / 2, 1);
        assert_eq!(window.total(&scope(MOST), MINUTE / 2), 1_001);
        // Places are free again after the window, and what is among the others still counts for who gets one.
        let later = MINUTE + 2_000;
        window.add(&scope(MOST), later, later, 1);
        assert_eq!(window.scopes.len(), 1);
        assert_eq!(window.total(&scope(MOST), later), 2);
        assert_eq!(window.total(&scope(MOST), 2 * MINUTE), 1, "in the end all is forgotten");
    }

    #[test]
    fn what_is_taken_back_makes_room_and_what_is_forgotten_does_not() {
        let mut window = Window::new(MINUTE);
        let scope: Arc<str> = "bot".into();
        let first = window.add(&scope, 0, 0, 5);
        let second = window.add(&scope, 30_000, 30_000, 3);
        window.take_back(&second, 3);
        assert_eq!(window.total(&scope, 30_000), 5);
        assert_eq!(window.room_at(&scope, 5), Some(61_000));
        assert_eq!(window.room_at(&scope, 6), None);
        assert_eq!(window.total(&scope, 60_999), 5);
        assert_eq!(window.total(&scope, 61_000), 0);
        window.take_back(&first, 5);
        assert_eq!(window.total(&scope, 61_000), 0);
        assert_eq!(window.states(61_000), []);
    }
}

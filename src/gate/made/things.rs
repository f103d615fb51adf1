//! What is remembered of one provider's things, and the calls that may change them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::{Fields, Hash, Moment, Names, is_of_id};
use crate::model::Value;

/// Things that are remembered; the oldest are forgotten.
const MOST: usize = 10_000;
/// Changes that are remembered when they have ended; what was made before the oldest of them left is not learnt.
const MOST_CHANGES: usize = 1_024;
/// Bytes of an id, and of a text that is remembered.
const LONGEST: usize = 256;
/// For how long a call whose outcome nobody knows may still be carried out, in milliseconds.
const DOUBT: i64 = 60_000;

/// A thing, as the call told it that made it.
pub(super) struct Thing {
    pub(super) id: String,
    /// Whose it is.
    pub(super) holder: [u8; 32],
    pub(super) kind: Arc<str>,
    pub(super) fields: Fields,
    /// No two things ever have the same.
    pub(super) version: u64,
    learnt: Moment,
}

/// What a provider says that a call made, as that told it.
#[derive(Clone, Copy)]
pub(super) struct Making<'a> {
    pub(super) id: &'a str,
    /// Of the id.
    pub(super) name: Hash,
    pub(super) holder: [u8; 32],
    pub(super) kind: &'a Arc<str>,
    pub(super) fields: &'a Fields,
}

/// A call that may change something.
pub(super) struct Change {
    pub(super) names: Names,
    /// What it recalled, and of which version.
    pub(super) recalled: Option<(Hash, u64)>,
}

/// How far a call is that would leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gate) enum Leaves {
    /// It has left, as this one.
    Left(u64),
    /// A call is under way that recalled what it names.
    Waits,
    /// What it recalled does not hold any more.
    Stale,
}

/// How a call ended that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nothing of it was sent.
    NotSent,
    /// It was carried out, or refused by the provider.
    Done,
    /// It may yet be carried out.
    Doubt,
}

#[derive(Default)]
pub(super) struct Things {
    by_name: HashMap<Hash, Thing>,
    /// With the version, for what was forgotten meanwhile.
    in_order: VecDeque<(Hash, u64)>,
    /// Goes up with each change that leaves or ends, and with each thing.
    count: u64,
    under_way: BTreeMap<u64, Names>,
    ended: VecDeque<(u64, Names)>,
    /// Changes that ended up to here are no longer in `ended`.
    reaches_back: u64,
    doubtful: VecDeque<(Moment, Names)>,
    /// More was in doubt at this moment than is remembered.
    blind: Option<Moment>,
    recalling: HashMap<Hash, Recalling>,
}

/// Calls that recalled a thing and left.
#[derive(Default)]
struct Recalling {
    under_way: usize,
    /// When one ended of which nobody knows whether it was carried out.
    doubt: Option<Moment>,
}

impl Recalling {
    fn is_over(&self, now: Moment) -> bool {
        self.under_way == 0 && !self.doubt.is_some_and(|doubt| now.may_be_within(DOUBT, doubt))
    }
}

impl Things {
    pub(super) fn thing(&self, name: Hash, now: Moment, life: i64) -> Option<&Thing> {
        let thing = self.by_name.get(&name)?;
        now.is_within(life, thing.learnt).then_some(thing)
    }

    /// Forgets what a change names, but for what it recalled itself.
    ///
    /// SECURITY: an intent that is raised after it was made is confirmed for more than was remembered (tests
    /// `what_is_changed_is_forgotten`, `a_change_that_nobody_knows_forgets_all_of_its_provider`).
    pub(super) fn forget(&mut self, names: &Names, recalled: Option<Hash>) {
        match names {
            Names::Any => self.by_name.retain(|name, _| Some(*name) == recalled),
            Names::These(names) => {
                for name in names.iter().filter(|name| Some(**name) != recalled) {
                    self.by_name.remove(name);
                }
            }
        }
    }

    /// A change would leave: what it names is forgotten, whether or not it does.
    ///
    /// SECURITY: between the decision on a call and its sending the thing may be changed, and while it is under way, too (tests
    /// `what_changed_between_decision_and_sending_is_not_sent`, `a_change_waits_for_what_is_under_way`,
    /// `no_more_is_taken_than_was_judged`).
    pub(super) fn leave(&mut self, change: &Change, now: Moment, life: i64) -> Leaves {
        let own = change.recalled.map(|(name, _)| name);
        self.forget(&change.names, own);
        if let Some((name, version)) = change.recalled
            && self.thing(name, now, life).is_none_or(|thing| thing.version != version)
        {
            return Leaves::Stale;
        }
        self.recalling.retain(|_, recalling| !recalling.is_over(now));
        let mut others = self.recalling.keys().filter(|name| Some(**name) != own);
        if others.any(|name| change.names.have(*name)) {
            return Leaves::Waits;
        }
        if let Some(name) = own {
            self.recalling.entry(name).or_default().under_way += 1;
        }
        self.count += 1;
        self.under_way.insert(self.count, change.names.clone());
        Leaves::Left(self.count)
    }

    /// A change that left as `left` has ended. `made`: what the provider says that it made, if that may be learnt.
    pub(super) fn end(&mut self, left: u64, change: &Change, ended: Ended, made: Option<Making<'_>>, now: Moment) {
        let Some(names) = self.under_way.remove(&left) else {
            return;
        };
        if let Some((name, _)) = change.recalled
            && let Some(recalling) = self.recalling.get_mut(&name)
        {
            recalling.under_way = recalling.under_way.saturating_sub(1);
            if ended == Ended::Doubt {
                recalling.doubt = Some(now);
            }
            if recalling.is_over(now) {
                self.recalling.remove(&name);
            }
        }
        match ended {
            Ended::NotSent => {}
            Ended::Done => {
                if let Some(making) = made {
                    let itself = Names::These(Arc::new([making.name].into()));
                    self.learn(left, making, now);
                    self.changed(itself);
                }
                self.changed(names);
            }
            Ended::Doubt => {
                self.doubtful.push_back((now, names));
                if self.doubtful.len() > MOST_CHANGES {
                    self.doubtful.pop_front();
                    self.blind = Some(now);
                }
            }
        }
    }

    /// A change was carried out.
    pub(super) fn changed(&mut self, names: Names) {
        self.count += 1;
        self.ended.push_back((self.count, names));
        if self.ended.len() > MOST_CHANGES
            && let Some((at, _)) = self.ended.pop_front()
        {
            self.reaches_back = at;
        }
    }

    /// What a call made that left as `since`, and has ended.
    ///
    /// SECURITY: the id is there with the first byte of an answer that ends when the agent wants it to (test
    /// `what_was_changed_while_it_was_made_is_not_learnt`).
    fn learn(&mut self, since: u64, making: Making<'_>, now: Moment) {
        let Making { id, name, .. } = making;
        let known = self.by_name.remove(&name).is_some() || self.recalling.contains_key(&name);
        let certain = !known && !self.may_have_changed(since, name, now);
        // A number has other spellings (`017`), by which a change would not be seen to name it.
        let plain =
            id.len() <= LONGEST && id.chars().all(is_of_id) && id.contains(|one: char| one.is_ascii_alphabetic());
        let short = making.fields.iter().all(|(_, value)| match value {
            Value::Bool(_) | Value::Int(_) => true,
            Value::Text(text) => text.len() <= LONGEST,
            Value::List(_) => false,
        });
        if !(certain && plain && short) {
            return;
        }
        self.count += 1;
        let thing = Thing {
            id: id.to_owned(),
            holder: making.holder,
            kind: making.kind.clone(),
            fields: making.fields.clone(),
            version: self.count,
            learnt: now,
        };
        self.by_name.insert(name, thing);
        self.in_order.push_back((name, self.count));
        if self.in_order.len() > MOST
            && let Some((oldest, version)) = self.in_order.pop_front()
            && self.by_name.get(&oldest).is_some_and(|thing| thing.version == version)
        {
            self.by_name.remove(&oldest);
        }
    }

    /// Whether a change that left or ended since then, or may yet be carried out, may be one of that name.
    fn may_have_changed(&mut self, since: u64, name: Hash, now: Moment) -> bool {
        let lasts = |doubt: &Moment| now.may_be_within(DOUBT, *doubt);
        self.doubtful.retain(|(doubt, _)| lasts(doubt));
        self.reaches_back > since
            || self.blind.as_ref().is_some_and(lasts)
            || self.under_way.values().any(|names| names.have(name))
            || self.doubtful.iter().any(|(_, names)| names.have(name))
            || self
                .ended
                .iter()
                .rev()
                .take_while(|(at, _)| *at > since)
                .any(|(_, names)| names.have(name))
    }
}

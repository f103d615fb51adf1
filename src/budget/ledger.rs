//! What is taken of budgets: the truth while running. Shared by old and new rules, so that it survives a reload.
//!
//! One lock guards all of it, taken only by calls that a budget counts, and held from reading the totals to the reservation:
//! no two calls find the same room, and nobody can wait for another in a circle.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::Budgets;
use super::counting::keeps;
use super::era::Era;
use super::window::{Place, State, Window};
use crate::model::{CallId, Reservation, Timestamp};

/// For how long the same request is the same.
pub(crate) const REPEATED_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// Requests that are remembered for that. Who is forgotten counts again.
const REMEMBERED: usize = 65_536;

/// A clock that nobody sets back or forward; it tells the time as it was when it started, and what has passed since.
pub type Steady = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// All windows of all budgets. Cloning gives another handle to the same.
#[derive(Clone)]
pub struct Ledger(Arc<Shared>);

struct Shared {
    state: Mutex<Books>,
    /// `None`: time is what is said with each call.
    steady: Option<Steady>,
    era: ArcSwap<Era>,
}

/// So much, in this window of that budget.
pub(super) type Part = (Slot, Arc<str>, i64);

/// Where a budget with one definition has its windows, from when it comes into force until it is no longer.
pub(super) type Slot = Arc<str>;

#[derive(Default)]
struct Books {
    /// By definition, those that are in force or about to be.
    slots: HashMap<String, Weak<str>>,
    /// By slot, for as long as anyone has it.
    windows: HashMap<Arc<str>, (Weak<str>, Window)>,
    /// Time does not go back.
    latest: i64,
    taken: HashMap<u64, Taken>,
    next: u64,
    repeats: HashMap<Print, Repeat>,
    /// In order of their end.
    ends: VecDeque<(i64, Print)>,
    /// While budgets are announced and not in force: the calls that are in them by themselves, by id.
    counted: Option<HashSet<String>>,
}

/// What tells that two requests are one: digest of content, credentials and idempotency key.
pub type Print = [u8; 32];

#[derive(Debug)]
struct Repeat {
    call: CallId,
    until: i64,
    /// While nobody knows how it ends; `None`: it counts for good.
    taken: Option<u64>,
}

/// What a call took, and others that are the same request lean on.
#[derive(Debug)]
struct Taken {
    parts: Vec<(Arc<str>, Place, i64)>,
    holders: usize,
    keeps: bool,
    print: Option<Print>,
}

impl Ledger {
    /// Empty. Without a clock of its own, it goes by the time that is said with each call, as far as that does not go back.
    pub fn new(steady: Option<Steady>) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            steady,
            era: ArcSwap::default(),
        }))
    }

    /// To be had before a call is decided, and until it is on record.
    pub fn era(&self) -> Arc<Era> {
        self.0.era.load_full()
    }

    /// Nobody else changes the books, or reads them, while this is held: not over a wait.
    pub fn open(&self, at: Timestamp) -> Account<'_> {
        let mut books = self.books();
        let now = self.0.steady.as_ref().map_or(at, |steady| steady()).0.max(books.latest);
        books.latest = now;
        Account {
            ledger: self,
            books,
            now,
            said: at,
        }
    }

    /// A place for the windows of a budget; one that is there already for the same definition.
    pub(super) fn slot(&self, identity: &str, length: i64) -> Slot {
        let mut books = self.books();
        books.windows.retain(|_, (used, _)| used.strong_count() > 0);
        if let Some(slot) = books.slots.get(identity).and_then(Weak::upgrade) {
            return slot;
        }
        let slot: Slot = format!("{identity} {}", books.next).into();
        books.next += 1;
        books.slots.insert(identity.to_owned(), Arc::downgrade(&slot));
        // The key is another allocation than the slot, or it would keep itself.
        let window = (Arc::downgrade(&slot), Window::new(length));
        books.windows.insert(String::from(&*slot).into(), window);
        slot
    }

    /// From now on all that is allowed counts in these, too. Gives the era before.
    pub(super) fn announce(&self, budgets: &Arc<Budgets>) -> Arc<Era> {
        self.books().counted = Some(HashSet::new());
        self.0.era.swap(Era::of(Some(budgets.clone())))
    }

    /// What was announced does not come, unless it is in force.
    pub(super) fn give_up(&self, before: Option<&Arc<Budgets>>) {
        let mut books = self.books();
        if books.counted.take().is_some() {
            self.0.era.store(Era::of(before.cloned()));
            books.keep_slots(before.map(|before| &**before));
        }
    }

    /// These budgets are in force. Any other that comes back is read from the record again.
    ///
    /// SECURITY: what is allowed while a budget is not in force is not in its windows. Test:
    /// `a_budget_that_comes_back_is_read_from_the_record_again`.
    pub(super) fn come_into_force(&self, budgets: &Arc<Budgets>) {
        let mut books = self.books();
        books.counted = None;
        if !self.0.era.load().is_of(budgets) {
            self.0.era.store(Era::of(Some(budgets.clone())));
        }
        books.keep_slots(Some(budgets));
    }

    /// Whether a call is in the budgets that come, without the record.
    pub(super) fn has_counted(&self, call: &str) -> bool {
        self.books()
            .counted
            .as_ref()
            .is_some_and(|counted| counted.contains(call))
    }

    /// How many windows, calls under way and requests are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> (usize, usize, usize) {
        let books = self.books();
        let windows = books.windows.values().map(|(_, window)| window.kept()).sum();
        (windows, books.taken.len(), books.repeats.len())
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // A change of the books is whole before anything in it could panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The books, open at one moment.
pub struct Account<'a> {
    ledger: &'a Ledger,
    books: MutexGuard<'a, Books>,
    /// In the ledger's time.
    pub(super) now: i64,
    said: Timestamp,
}

impl Account<'_> {
    pub(super) fn total(&mut self, slot: &Slot, scope: &str) -> i128 {
        let now = self.now;
        self.window(slot).map_or(0, |window| window.total(scope, now))
    }

    /// When there is room for so much more than there is now, by the clock on the wall.
    pub(super) fn room_at(&mut self, slot: &Slot, scope: &str, room: i128) -> Option<Timestamp> {
        let time = self.window(slot)?.room_at(scope, room)?;
        Some(self.on_the_wall(time))
    }

    pub(super) fn states(&mut self, slot: &Slot) -> Vec<(State, Option<Timestamp>)> {
        let now = self.now;
        let states = self.window(slot).map(|window| window.states(now)).unwrap_or_default();
        let states = states.into_iter();
        states
            .map(|state| {
                let ends = state.oldest_ends.map(|time| self.on_the_wall(time));
                (state, ends)
            })
            .collect()
    }

    pub(super) fn largest(&mut self, slot: &Slot) -> i128 {
        let now = self.now;
        self.window(slot).map_or(0, |window| window.largest(now))
    }

    /// The call that was counted for this very request, if one was within a day and it is not known to have failed.
    pub fn counted_for(&mut self, print: &Print) -> Option<CallId> {
        let now = self.now;
        let books = &mut *self.books;
        while let Some((until, old)) = books.ends.front().filter(|(until, _)| *until <= now) {
            // A later request of the same print has an end of its own.
            if books.repeats.get(old).is_some_and(|repeat| repeat.until == *until) {
                books.repeats.remove(old);
            }
            books.ends.pop_front();
        }
        books.repeats.get(print).map(|repeat| repeat.call.clone())
    }

    /// Takes what a call that may leave needs, of its own budgets and of those beside them; nothing again if it is the same
    /// request as one that was counted. `unproven`: only what was not sent is given back.
    pub(super) fn reserve(
        &mut self,
        call: &CallId,
        print: Option<Print>,
        (own, beside): (&[Part], &[Part]),
        unproven: bool,
    ) -> Reservation {
        let known = print.and_then(|print| self.books.repeats.get(&print));
        let id = match known.map(|repeat| (repeat.taken, repeat.call.clone())) {
            Some((Some(id), first)) => {
                self.lean(id, [&first, call], beside);
                id
            }
            Some((None, _)) => return Reservation::new(|_| {}),
            None => {
                let mut placed = self.place(own.iter());
                placed.extend(self.place(beside.iter()));
                if !beside.is_empty() {
                    self.count([call]);
                }
                self.remember(call, print, placed)
            }
        };
        let ledger = self.ledger.clone();
        Reservation::new(move |end| ledger.books().settle(id, keeps(end, unproven)))
    }

    /// The call is the same request as the first: they take what the first took, and of budgets that come what it did not.
    fn lean(&mut self, id: u64, calls: [&CallId; 2], beside: &[Part]) {
        let Some(taken) = self.books.taken.get_mut(&id) else {
            return;
        };
        taken.holders += 1;
        let is_in = |(slot, _, _): &&Part| taken.parts.iter().any(|(name, _, _)| *name == *slot);
        let lacking: Vec<&Part> = beside.iter().filter(|part| !is_in(part)).collect();
        if lacking.is_empty() {
            return;
        }
        let placed = self.place(lacking.into_iter());
        if let Some(taken) = self.books.taken.get_mut(&id) {
            taken.parts.extend(placed);
        }
        self.count(calls);
    }

    fn place<'a>(&mut self, parts: impl Iterator<Item = &'a Part>) -> Vec<(Arc<str>, Place, i64)> {
        let now = self.now;
        let place = |(slot, scope, amount): &Part| {
            let place = self.window(slot)?.add(scope, now, now, *amount);
            // Another allocation than the slot: what a call took does not keep the windows.
            Some((Arc::from(&**slot), place, *amount))
        };
        parts.filter_map(place).collect()
    }

    /// These calls are in the budgets that come, if any do.
    fn count<const N: usize>(&mut self, calls: [&CallId; N]) {
        if let Some(counted) = &mut self.books.counted {
            counted.extend(calls.map(|call| call.as_str().to_owned()));
        }
    }

    fn remember(&mut self, call: &CallId, print: Option<Print>, parts: Vec<(Arc<str>, Place, i64)>) -> u64 {
        let until = Timestamp(self.now).plus(REPEATED_WITHIN).0;
        let books = &mut *self.books;
        let id = books.next;
        books.next += 1;
        let taken = Taken {
            parts,
            holders: 1,
            keeps: false,
            print,
        };
        books.taken.insert(id, taken);
        if let Some(print) = print {
            if books.ends.len() >= REMEMBERED
                && let Some((_, oldest)) = books.ends.pop_front()
            {
                books.repeats.remove(&oldest);
            }
            let (call, taken) = (call.clone(), Some(id));
            books.repeats.insert(print, Repeat { call, until, taken });
            books.ends.push_back((until, print));
        }
        id
    }

    /// Adds what the record says.
    pub(super) fn recall(&mut self, slot: &Slot, scope: &Arc<str>, time: i64, amount: i64) {
        let now = self.now;
        if let Some(window) = self.window(slot) {
            window.add(scope, time, now, amount);
        }
    }

    /// Whether what is on record is in a budget's windows.
    pub(super) fn is_recalled(&mut self, slot: &Slot) -> bool {
        self.window(slot).is_some_and(|window| window.recalled)
    }

    pub(super) fn recalled(&mut self, slot: &Slot) {
        if let Some(window) = self.window(slot) {
            window.recalled = true;
        }
    }

    fn window(&mut self, slot: &Slot) -> Option<&mut Window> {
        self.books.windows.get_mut(slot).map(|(_, window)| window)
    }

    fn on_the_wall(&self, time: i64) -> Timestamp {
        Timestamp(self.said.0.saturating_add(time.saturating_sub(self.now)))
    }
}

impl Books {
    /// Forgets where others than these have their windows.
    fn keep_slots(&mut self, budgets: Option<&Budgets>) {
        let slots: HashSet<&str> = budgets
            .into_iter()
            .flat_map(Budgets::slots)
            .map(|slot| &**slot)
            .collect();
        let stays = |slot: &Weak<str>| slot.upgrade().is_some_and(|slot| slots.contains(&*slot));
        self.slots.retain(|_, slot| stays(slot));
    }

    /// One of those who hold what was taken knows how it ended.
    fn settle(&mut self, id: u64, keeps: bool) {
        let Some(taken) = self.taken.get_mut(&id) else {
            return;
        };
        taken.keeps |= keeps;
        taken.holders -= 1;
        if taken.holders > 0 {
            return;
        }
        let Some(taken) = self.taken.remove(&id) else {
            return;
        };
        let repeat = taken.print.filter(|print| {
            let repeat = self.repeats.get(print);
            repeat.is_some_and(|repeat| repeat.taken == Some(id))
        });
        if taken.keeps {
            if let Some(repeat) = repeat.and_then(|print| self.repeats.get_mut(&print)) {
                repeat.taken = None;
            }
            return;
        }
        if let Some(print) = repeat {
            self.repeats.remove(&print);
        }
        for (slot, place, amount) in &taken.parts {
            if let Some((_, window)) = self.windows.get_mut(slot) {
                window.take_back(place, *amount);
            }
        }
    }
}

//! A call's way to the provider and back, as far as it is about what calls made.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use tokio::time::{Instant, timeout};

use super::things::{Change, Ended, Leaves, Making};
use super::{Fields, Made, Names};
use crate::gate::{Memory, Rules};
use crate::model::{Access, Action, Origin, Outcome, Tie, Timestamp};
use crate::policy::Permit;

/// For how long a change waits for calls that recalled what it names.
const WAITS: Duration = Duration::from_secs(10);
/// What is in doubt is over by itself.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What a call will have made, if it is done.
struct Makes {
    holder: [u8; 32],
    kind: Arc<str>,
    fields: Fields,
}

impl Makes {
    /// `None` where the mapping names nothing to remember, the call does not tell all of it itself, or the same request was
    /// counted before: its answer may be that one's.
    fn of(rules: &Rules, permit: &Permit) -> Option<Makes> {
        let action = permit.action();
        let remember = action.answer.remember.as_ref()?;
        let tells = action.tie == Tie::Tells && action.also.is_empty() && action.missing.is_empty();
        if !tells || permit.spending().repeats.is_some() {
            return None;
        }
        let names = remember.fields.iter();
        let fields = names.map(|name| action.fields.get_key_value(name.as_str()));
        let fields = fields.map(|field| field.map(|(name, value)| (name.clone(), value.clone())));
        Some(Makes {
            holder: rules.mappings().holder(permit.call())?,
            kind: remember.kind.as_str().into(),
            fields: fields.collect::<Option<_>>()?,
        })
    }
}

/// Why a call does not leave. Nothing of it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindered {
    /// What it recalled was changed since it was decided on.
    Changed,
    /// It may change what another call recalled that is still under way.
    Awaited,
}

/// One call's way. Whichever way it ends, dropped too, it is not under way any more.
pub struct Way {
    memory: Arc<Memory>,
    provider: Arc<str>,
    change: Change,
    makes: Option<Makes>,
    /// An agent stated it: it is made by another way than through here, at whichever provider.
    stated: bool,
    /// The answer is marked as none that was given before.
    anew: AtomicBool,
    state: Mutex<State>,
}

#[derive(Clone, Copy)]
enum State {
    Here,
    Left(u64),
    Ended,
}

impl Way {
    /// `None` where nothing is remembered of the provider, or nothing is changed.
    pub(in crate::gate) fn of(rules: &Rules, permit: &Permit) -> Option<Way> {
        let (call, action, memory) = (permit.call(), permit.action(), &rules.memory);
        let made = &memory.made;
        let stated = call.origin == Origin::Guard;
        let recalled = match &action.tie {
            Tie::Recalled { version, .. } => {
                let id = action.target.id.as_deref().unwrap_or_default();
                Some((made.hash(id), *version))
            }
            Tie::None | Tie::Tells | Tie::Asks => None,
        };
        let is_watched = |meaning: &&Action| {
            let provider = &meaning.provider;
            stated || recalled.is_some() || rules.mappings().remembers(provider) || made.knows(provider)
        };
        let changes = || action.meanings().filter(|meaning| meaning.access != Access::Read);
        let provider = changes().find(is_watched)?.provider.clone();
        // What goes through a connection nobody reads.
        let opens = call.method == Method::CONNECT || call.opens_stream();
        let known = stated || !(opens || changes().any(|meaning| meaning.unmapped));
        let names = match known {
            true => made.names(|tell| rules.mappings().names(call, action, tell)),
            false => Names::Any,
        };
        Some(Way {
            memory: memory.clone(),
            provider,
            change: Change { names, recalled },
            makes: Makes::of(rules, permit),
            stated,
            anew: AtomicBool::new(false),
            state: Mutex::new(State::Here),
        })
    }

    fn made(&self) -> &Made {
        &self.memory.made
    }

    /// To be called last before anything is written upstream. Waits for what is under way.
    ///
    /// # Errors
    /// Why it may not be sent.
    pub async fn leaves(&self) -> Result<(), Hindered> {
        let mut ended = self.made().ended.subscribe();
        let until = Instant::now() + WAITS;
        loop {
            ended.mark_unchanged();
            match self.leaves_now(Timestamp::now()) {
                Leaves::Left(_) => return Ok(()),
                Leaves::Stale => return Err(Hindered::Changed),
                Leaves::Waits if Instant::now() >= until => return Err(Hindered::Awaited),
                Leaves::Waits => {
                    let rest = until.saturating_duration_since(Instant::now());
                    // Whether something ended or time has passed, it is looked at again; the sender lives as long as `self`.
                    let _again = timeout(rest.min(LOOK_EVERY), ended.changed()).await;
                }
            }
        }
    }

    /// The same without waiting.
    pub(in crate::gate) fn leaves_now(&self, at: Timestamp) -> Leaves {
        let (made, change) = (self.made(), &self.change);
        let (now, life) = (made.now(at), made.life());
        if self.stated {
            made.change_all(|things| {
                things.forget(&change.names, None);
                things.changed(change.names.clone());
            });
            return Leaves::Left(0);
        }
        let leaves = made.change(&self.provider, |things| things.leave(change, now, life));
        if let Leaves::Left(number) = leaves {
            *self.state() = State::Left(number);
        }
        leaves
    }

    /// The provider's answer is to this call, and none that it gave before.
    pub fn answered_anew(&self) {
        self.anew.store(true, Ordering::Relaxed);
    }

    pub(in crate::gate) fn ended(&self, outcome: Outcome, status: Option<u16>, result_id: Option<&str>, at: Timestamp) {
        let ended = match (outcome, status) {
            (Outcome::NotSent, _) => Ended::NotSent,
            (Outcome::Success, _) => Ended::Done,
            // These may be about an earlier attempt, or come from something before the provider.
            (Outcome::Failure, Some(408 | 409 | 423 | 425 | 500..)) => Ended::Doubt,
            (Outcome::Failure, Some(_)) => Ended::Done,
            (Outcome::Failure, None) => Ended::Doubt,
            (Outcome::Error | Outcome::Unknown | Outcome::Abandoned, _) => Ended::Doubt,
        };
        let learns = outcome == Outcome::Success && self.anew.load(Ordering::Relaxed);
        self.end(ended, result_id.filter(|_| learns), at);
    }

    fn end(&self, ended: Ended, made_id: Option<&str>, at: Timestamp) {
        let before = std::mem::replace(&mut *self.state(), State::Ended);
        let State::Left(left) = before else {
            return;
        };
        let made = self.made();
        let making = self.makes.as_ref().zip(made_id).map(|(makes, id)| Making {
            id,
            name: made.hash(id),
            holder: makes.holder,
            kind: &makes.kind,
            fields: &makes.fields,
        });
        let now = made.now(at);
        made.change(&self.provider, |things| {
            things.end(left, &self.change, ended, making, now);
        });
        made.ended.send_replace(());
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// SECURITY: what never ended would be under way for ever, or not at all (test `a_call_that_is_lost_is_in_doubt`).
impl Drop for Way {
    fn drop(&mut self) {
        self.end(Ended::Doubt, None, Timestamp::now());
    }
}

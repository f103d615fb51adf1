//! What was made through this sidecar, by the id that the provider gave it: what a call is about that names the id and
//! nothing else (to confirm a payment, to refund a charge whole).
//!
//! It is kept in memory only. What is not remembered, or was changed since, is missing, and people are asked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Access, Action, Value};

/// Things that are remembered of one provider; the oldest are forgotten.
const MOST: usize = 10_000;

/// Fields and what they say.
pub(super) type Fields = Vec<(Arc<str>, Value)>;

#[derive(Default)]
pub(super) struct Made {
    providers: Mutex<HashMap<Arc<str>, Things>>,
}

#[derive(Default)]
struct Things {
    /// `None`: something changed it, so that nobody knows.
    by_id: HashMap<String, Option<Fields>>,
    in_order: VecDeque<String>,
}

impl Made {
    /// What was remembered of a thing.
    pub(super) fn of(&self, provider: &str, id: &str) -> Option<Fields> {
        let providers = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        providers.get(provider)?.by_id.get(id)?.clone()
    }

    /// A provider answered that it made this. What it told before stands.
    ///
    /// SECURITY: a call that is sent again by its idempotency key is answered as it was the first time, whatever the thing has
    /// become since (test `what_was_changed_is_not_learnt_again`).
    pub(super) fn learn(&self, provider: &Arc<str>, id: &str, fields: &Fields) {
        self.change(provider, |things| {
            let known = things.by_id.get(id);
            let agreed = known.is_none_or(|known| known.as_ref() == Some(fields));
            things.put(id, agreed.then(|| fields.clone()));
        });
    }

    /// A call leaves: what it changes is not what it was.
    ///
    /// SECURITY: an intent that is raised after it was made is confirmed for more than was remembered (tests
    /// `what_is_changed_is_forgotten`, `a_change_that_nobody_knows_forgets_all_of_its_provider`).
    pub(super) fn leaves(&self, action: &Action) {
        for meaning in action.meanings().filter(|meaning| meaning.access != Access::Read) {
            if meaning.unmapped {
                self.forget_all(&meaning.provider);
            } else if meaning.recalled.is_empty() {
                let named = match meaning.fields.get("resource_ids") {
                    Some(Value::List(ids)) => ids.as_slice(),
                    Some(Value::Bool(_) | Value::Int(_) | Value::Text(_)) | None => &[],
                };
                let ids: Vec<&String> = meaning.target.id.iter().chain(named).collect();
                if !ids.is_empty() {
                    self.change(&meaning.provider, |things| {
                        ids.iter().for_each(|id| things.put(id, None))
                    });
                }
            }
        }
    }

    fn forget_all(&self, provider: &str) {
        let mut providers = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(things) = providers.get_mut(provider) {
            things.by_id.values_mut().for_each(|fields| *fields = None);
        }
    }

    fn change(&self, provider: &Arc<str>, change: impl FnOnce(&mut Things)) {
        let mut providers = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        change(providers.entry(provider.clone()).or_default());
    }
}

impl Things {
    fn put(&mut self, id: &str, fields: Option<Fields>) {
        if self.by_id.insert(id.to_owned(), fields).is_none() {
            self.in_order.push_back(id.to_owned());
        }
        if self.in_order.len() > MOST
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }
}

/// What a call will have made, if it is done.
pub(super) struct Makes {
    provider: Arc<str>,
    fields: Fields,
}

impl Makes {
    /// `None` where the mapping names nothing to remember, or the call does not tell all of it.
    pub(super) fn of(action: &Action) -> Option<Makes> {
        let names = action.answer.remember.iter();
        let fields = names.map(|name| action.fields.get_key_value(name.as_str()));
        let fields: Fields = fields
            .map(|field| field.map(|(name, value)| (name.clone(), value.clone())))
            .collect::<Option<_>>()?;
        (!fields.is_empty()).then(|| Makes {
            provider: action.provider.clone(),
            fields,
        })
    }

    pub(super) fn made(&self, made: &Made, id: &str) {
        made.learn(&self.provider, id, &self.fields);
    }
}

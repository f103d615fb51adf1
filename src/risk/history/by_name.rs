//! Values by name, each behind a lock of its own: nobody waits for what is done to another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde::Serialize;

#[derive(Debug, Default)]
pub(super) struct ByName<T>(RwLock<HashMap<Arc<str>, Shared<T>>>);

type Shared<T> = Arc<Mutex<Known<T>>>;

#[derive(Debug, Default)]
struct Known<T> {
    value: T,
    /// Since it was written.
    changed: bool,
}

impl<T: Clone + Default + Serialize> ByName<T> {
    /// Does nothing where the name is not known.
    pub(super) fn look(&self, name: &str, look: impl FnOnce(&T)) {
        if let Some(known) = self.find(name) {
            look(&locked(&known).value);
        }
    }

    pub(super) fn change(&self, name: &Arc<str>, change: impl FnOnce(&mut T)) {
        let known = self.find(name).unwrap_or_else(|| self.make(name));
        let mut known = locked(&known);
        change(&mut known.value);
        known.changed = true;
    }

    /// As it is written already.
    pub(super) fn put(&self, name: &Arc<str>, value: T) {
        locked(&self.make(name)).value = value;
    }

    /// What changed since this was last asked, as JSON.
    pub(super) fn changed(&self) -> Vec<(Arc<str>, String)> {
        let all: Vec<_> = {
            let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
            all.iter().map(|(name, known)| (name.clone(), known.clone())).collect()
        };
        let changed = all.into_iter().filter_map(|(name, known)| {
            let value = {
                let mut known = locked(&known);
                std::mem::take(&mut known.changed).then(|| known.value.clone())
            }?;
            // Numbers and names: this cannot fail.
            Some((name, serde_json::to_string(&value).ok()?))
        });
        changed.collect()
    }

    fn find(&self, name: &str) -> Option<Shared<T>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn make(&self, name: &Arc<str>) -> Shared<T> {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(name.clone()).or_default().clone()
    }
}

fn locked<T>(known: &Mutex<Known<T>>) -> MutexGuard<'_, Known<T>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Things that cost seconds to start, shared by the tests that run at the same time.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// One value for all who hold it; made again when nobody did. A plain static would never be dropped, and leave processes behind.
pub struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    pub fn get(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.upgrade().unwrap_or_else(|| {
            let made = Arc::new(make());
            *slot = Arc::downgrade(&made);
            made
        })
    }
}

//! How many calls are under way to each provider that speaks HTTP/2. They share a connection, which takes as many streams as
//! the provider grants; those beyond would wait for others to end, and some take hours.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::model::Authority;

/// Providers grant 100 at least (RFC 9113, 6.5.2).
const SHARED: usize = 80;
/// Providers that are remembered.
const PROVIDERS: usize = 1024;

#[derive(Default)]
pub(super) struct Streams {
    /// Some provider speaks HTTP/2: until then there is nothing to count.
    any: AtomicBool,
    under_way: Mutex<HashMap<Authority, Arc<AtomicUsize>>>,
}

/// One call under way, until it is dropped.
#[derive(Clone)]
pub struct Stream {
    _held: Arc<Held>,
}

struct Held(Arc<AtomicUsize>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Streams {
    /// A stream to a provider that is known to speak HTTP/2, and whether the shared connection has room for it.
    pub(super) fn take(&self, provider: &Authority) -> Option<(Stream, bool)> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let count = self.under_way.lock().ok()?.get(provider)?.clone();
        let before = count.fetch_add(1, Ordering::Relaxed);
        let stream = Stream {
            _held: Arc::new(Held(count)),
        };
        Some((stream, before < SHARED))
    }

    /// The provider speaks HTTP/2.
    pub(super) fn learn(&self, provider: &Authority) {
        let Ok(mut under_way) = self.under_way.lock() else {
            return;
        };
        if under_way.len() >= PROVIDERS {
            under_way.retain(|_, count| count.load(Ordering::Relaxed) > 0);
        }
        under_way.entry(provider.clone()).or_default();
        self.any.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(name: &str) -> Authority {
        Authority::parse(name, Some(443)).unwrap()
    }

    #[test]
    fn what_is_beyond_a_connections_streams_is_told() {
        let (streams, provider) = (Streams::default(), provider("a.test"));
        assert!(streams.take(&provider).is_none(), "nobody knows");
        streams.learn(&provider);
        let mut taken: Vec<_> = (0..SHARED).map(|_| streams.take(&provider).unwrap()).collect();
        assert!(taken.iter().all(|(_, has_room)| *has_room));
        let beyond = streams.take(&provider).unwrap();
        assert!(!beyond.1);
        taken.truncate(SHARED - 1);
        drop(beyond);
        assert!(streams.take(&provider).unwrap().1);
    }

    #[test]
    fn providers_that_are_not_called_are_forgotten() {
        let streams = Streams::default();
        streams.learn(&provider("called.test"));
        let call = streams.take(&provider("called.test")).unwrap();
        (0..3 * PROVIDERS).for_each(|count| streams.learn(&provider(&format!("a{count}.test"))));
        assert!(streams.under_way.lock().unwrap().len() <= PROVIDERS);
        assert!(streams.take(&provider("called.test")).is_some());
        drop(call);
    }
}

//! What calls would wait for, read before they come.

use std::time::{Duration, Instant};

use super::Mappings;
use super::service::Service;

/// So long new rules wait for it at most: they may be stricter.
const PATIENCE: Duration = Duration::from_millis(500);

impl Mappings {
    /// Reads the generated files that those before have read: else the next call to each of their hosts would wait for it.
    pub fn read_as(&self, before: &Mappings) {
        let start = Instant::now();
        let same = |service: &Service| self.services.iter().position(|own| own.title == service.title);
        let now: Vec<_> = before.services.iter().map(same).collect();
        for (shelf, below) in self.generated.read_in(&before.generated) {
            let below = below.filter_map(|number| now.get(number).copied().flatten().map(Some));
            if start.elapsed() > PATIENCE {
                return;
            }
            for below in below.chain([None]) {
                // What cannot be used is refused where a call asks for it.
                drop(shelf.service(&self.vocabulary, &self.services, below));
            }
        }
    }
}

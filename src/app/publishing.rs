//! What publishing checkpoints needs of the house.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::Config;
use crate::control::health::Readiness;
use crate::metrics::Metrics;
use crate::publish::{self, Newest, Parts, Running};
use crate::store::Store;
use crate::upstream::{self, Errands};

/// Where checkpoints go besides the file, and the way there.
pub(super) struct Publishing {
    config: publish::Config,
    errands: Arc<Errands>,
    state: PathBuf,
}

impl Publishing {
    /// `None`: nowhere. The way out is that of calls, but for the places that the configuration names.
    ///
    /// # Errors
    /// As [`Errands::new`].
    pub(super) fn new(config: &Config, way_out: &upstream::Config) -> Result<Option<Self>, upstream::Error> {
        if config.publish.is_empty() {
            return Ok(None);
        }
        let errands = Errands::new(upstream::Config {
            destinations: config.publish.destinations.clone(),
            ..way_out.clone()
        })?;
        Ok(Some(Self {
            config: config.publish.clone(),
            errands: Arc::new(errands),
            state: config.home.state(),
        }))
    }

    pub(super) fn start(self, store: &Store, metrics: &Arc<Metrics>, readiness: &Arc<Readiness>) -> (Newest, Running) {
        let (telling, asking) = (readiness.clone(), readiness.clone());
        let parts = Parts {
            store: store.clone(),
            metrics: metrics.clone(),
            errands: self.errands,
            state: self.state,
            told: Box::new(move |place, well| telling.publishes(place, well)),
            ends: Box::new(move || asking.is_stopping()),
        };
        publish::start(&self.config, parts)
    }
}

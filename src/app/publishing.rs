//! What publishing checkpoints needs of the house.

use std::path::PathBuf;
use std::sync::Arc;

use crate::audit::Failing;
use crate::config::Config;
use crate::control::health::Readiness;
use crate::metrics::Metrics;
use crate::publish::{self, Came, Newest, Parts, Running};
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

    /// `failing`: what is on record of each place.
    pub(super) fn start(
        self,
        store: &Store,
        (metrics, readiness): (&Arc<Metrics>, &Arc<Readiness>),
        failing: Failing,
    ) -> (Newest, Running) {
        let (telling, asking) = (readiness.clone(), readiness.clone());
        let parts = Parts {
            store: store.clone(),
            metrics: metrics.clone(),
            errands: self.errands,
            state: self.state,
            failing,
            told: Box::new(move |place, came| match came {
                Came::Published => telling.publishes(place, true),
                Came::Failed => telling.publishes(place, false),
                Came::Contradicted => telling.contradicts(place),
            }),
            ends: Box::new(move || asking.is_stopping()),
        };
        publish::start(&self.config, parts)
    }
}

//! The sidecar beside the command: the one that runs, or one for as long as the command runs.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::confinement::Confinement;
use crate::app::{self, Sidecar};
use crate::cli::client::ClientError;
use crate::cli::run::{self, Prepared};
use crate::config::Config;
use crate::control::health::Live;
use crate::io::keys;
use crate::model::Diagnostic;

/// A sidecar that takes calls.
pub(super) struct Companion {
    listening: [SocketAddr; 2],
    ours: Option<Ours>,
}

/// One that this process is.
struct Ours {
    stop: oneshot::Sender<()>,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl Companion {
    /// The sidecar of the home; inside, what is wrong in its files.
    ///
    /// # Errors
    /// If there is something else in its place, or it cannot be started.
    pub(super) async fn find_or_start(
        config: &Config,
        confinement: &Confinement,
    ) -> anyhow::Result<Result<Companion, Vec<Diagnostic>>> {
        if is_running(config).await? {
            if config.proxy.address.port() == 0 {
                bail!("a sidecar runs on a port of its own choice: give `proxy.listen` a port, and restart it");
            }
            let listening = [config.proxy.address, config.control.address];
            return Ok(Ok(Companion { listening, ours: None }));
        }
        let Prepared { config, rules, store } = match run::prepare(config.home.clone())? {
            Ok(prepared) => prepared,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let notices = app::terminal(std::io::stderr())?;
        let sidecar = Sidecar::start(config, rules, store, notices, &confinement.enforcement()).await?;
        let listening = sidecar.listening();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(sidecar.serve(
            async {
                // Dropped or sent, it means the same.
                let _ = stopped.await;
            },
            std::future::pending(),
        ));
        let ours = Some(Ours { stop, serving });
        Ok(Ok(Companion { listening, ours }))
    }

    /// The addresses of the proxy and of control.
    pub(super) fn listening(&self) -> [SocketAddr; 2] {
        self.listening
    }

    /// Whose it is.
    pub(super) fn told(&self) -> &'static str {
        match self.ours {
            Some(_) => "started for this command",
            None => "was running; holds and blocks are shown where it was started",
        }
    }

    /// Ends it in order, if it was started here.
    ///
    /// # Errors
    /// If its end could not be recorded.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        let Some(Ours { stop, serving }) = self.ours else {
            return Ok(());
        };
        drop(stop);
        serving.await.context("the sidecar died")?
    }
}

/// Whether the sidecar of this home answers, and proves that it is.
async fn is_running(config: &Config) -> anyhow::Result<bool> {
    let Some(key) = keys::owner_key(&config.home.state())? else {
        return Ok(false);
    };
    match crate::cli::control(config, key)?.get::<Live>("/live").await {
        Ok(live) if live.takes_calls => Ok(true),
        Ok(_) => bail!("the sidecar of this home starts or stops just now: try again in a moment"),
        Err(ClientError::NotRunning { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

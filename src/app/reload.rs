//! Mappings and policies read again while running: when their files change, and on SIGHUP.
//!
//! They are read and checked off the data path and come into force as one set, or not at all. The trail has it before it
//! counts.

use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::audit;
use crate::config::Config;
use crate::gate::{Gate, Rules};
use crate::io::watch::Watch;
use crate::model::Diagnostic;
use crate::model::inert::inert;
use crate::proxy::hold::Notices;
use crate::store::Store;

/// Errors shown on the terminal; `runplane check` has all of them.
const SHOWN: usize = 20;

/// Keeps what is in force in step with the files.
pub(super) struct Reload {
    config: Arc<Config>,
    gate: Arc<Gate>,
    store: Store,
    notices: Arc<dyn Notices>,
    hangup: Signal,
    files: Option<Watch>,
    /// What was wrong when the files were last refused, so that it is said once.
    wrong: Vec<Diagnostic>,
}

impl Reload {
    pub(super) fn new(
        config: Config,
        gate: Arc<Gate>,
        store: Store,
        notices: Arc<dyn Notices>,
    ) -> anyhow::Result<Reload> {
        let home = &config.home;
        let files = Watch::start(home.path(), [home.mappings(), home.policies()]);
        Ok(Reload {
            files: files
                .inspect_err(|error| {
                    tracing::warn!(%error, "changed mappings and policies are not noticed: send SIGHUP to reload them");
                })
                .ok(),
            hangup: signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?,
            config: Arc::new(config),
            gate,
            store,
            notices,
            wrong: Vec::new(),
        })
    }

    /// Reloads until `stop`.
    pub(super) async fn watch(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        // Files may have changed between their first reading and the start of the watch.
        let mut asked = false;
        loop {
            self.reload(asked).await;
            asked = tokio::select! {
                () = &mut stop => return,
                () = settled(&mut self.files) => false,
                Some(()) = self.hangup.recv() => true,
            };
            if let Some(files) = &mut self.files {
                files.follow();
            }
        }
    }

    /// `asked`: by a person, who wants to hear of it whatever comes of it.
    async fn reload(&mut self, asked: bool) {
        let (config, store, running) = (self.config.clone(), self.store.clone(), self.gate.rules().digests());
        let read = tokio::task::spawn_blocking(move || {
            let sources = super::sources(&config.home)?;
            if sources.digests() == running {
                return Ok(None);
            }
            let people = store.people().map_err(|error| {
                let database = config.home.database().display().to_string();
                vec![Diagnostic::of_file(database, error.to_string())]
            })?;
            Rules::load(&sources, Some(&super::groups(&config, &people)), config.rates.clone()).map(Some)
        });
        match read.await {
            Ok(Ok(Some(rules))) => self.put_in_force(rules).await,
            Ok(Ok(None)) => {
                if asked || !self.wrong.is_empty() {
                    self.say("RELOAD: the files say what is in force already".to_owned());
                }
                self.wrong.clear();
            }
            Ok(Err(wrong)) => self.refuse(wrong, asked).await,
            Err(error) => {
                tracing::error!(%error, "the mappings and policies could not be read: what was in force stays")
            }
        }
    }

    async fn put_in_force(&mut self, rules: Rules) {
        let (digests, described) = (rules.digests(), rules.describe());
        if let Err(error) = self.store.write(audit::reload(&digests, &[])).await {
            tracing::error!(%error, "reload refused: what was in force stays");
            self.say("RELOAD REFUSED: it cannot be recorded; what was in force stays".to_owned());
            return;
        }
        self.wrong.clear();
        self.gate.replace(rules);
        tracing::info!(mappings = %digests.mappings, policies = %digests.policies, "reloaded");
        self.say(format!("RELOADED: {described}"));
    }

    async fn refuse(&mut self, wrong: Vec<Diagnostic>, asked: bool) {
        if wrong == self.wrong && !asked {
            return;
        }
        for error in &wrong {
            let (file, line, column) = (&error.file, error.line, error.column);
            tracing::error!(
                file,
                line,
                column,
                error = error.message,
                "reload refused: what was in force stays"
            );
        }
        let count = wrong.len();
        let errors = if count == 1 { "error" } else { "errors" };
        self.say(format!("RELOAD REFUSED: {count} {errors}; what was in force stays"));
        for error in wrong.iter().take(SHOWN) {
            self.say(format!("RELOAD REFUSED: {error}"));
        }
        if count > SHOWN {
            self.say(format!(
                "RELOAD REFUSED: and {} more: `runplane check` shows all",
                count - SHOWN
            ));
        }
        let places: Vec<String> = wrong.iter().map(place).collect();
        let refused = audit::reload(&self.gate.rules().digests(), &places);
        if let Err(error) = self.store.write(refused).await {
            tracing::error!(%error, "a refused reload could not be recorded");
        }
        self.wrong = wrong;
    }

    /// Line by line, inert: files may hold anything.
    fn say(&self, text: String) {
        for line in text.lines() {
            self.notices.line(inert(line).into_owned());
        }
    }
}

async fn settled(files: &mut Option<Watch>) {
    match files {
        Some(files) => files.settled().await,
        None => std::future::pending().await,
    }
}

/// A mistake without the text around it.
fn place(wrong: &Diagnostic) -> String {
    let wrong = Diagnostic {
        snippet: None,
        ..wrong.clone()
    };
    wrong.to_string()
}

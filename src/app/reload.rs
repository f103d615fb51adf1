//! Mappings and policies read again while running: when their files change, on SIGHUP, and every half minute, for not every
//! change is told (network file systems, links to elsewhere), and what was wrong may be right by now (a group that
//! somebody is in since then, a record that can be written again).
//!
//! They are read and checked off the data path and come into force as one set, or not at all. The trail has it before it
//! counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use super::certificates::Certificates;
use super::rotation::Rotations;
use crate::approval::Notices;
use crate::audit::{self, Digests};
use crate::authority::Authority;
use crate::budget::{Coming, RecallError};
use crate::config::Config;
use crate::control::health::Readiness;
use crate::gate::{Gate, Rules};
use crate::io::background;
use crate::io::watch::Watch;
use crate::model::inert::inert;
use crate::model::{Diagnostic, Timestamp};
use crate::store::{ReadError, Store};

/// When nothing is told.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// After a change that nobody told of, and that may not be whole yet; after one that could not be recorded.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// For how long calls that are decided may be on their way to the record.
const ON_RECORD_WITHIN: Duration = Duration::from_secs(10);
/// How long a file of people's own must have been gone before that counts.
const GONE_FOR: Duration = Duration::from_secs(10);
/// Errors shown on the terminal; `runplane check` has all of them.
const SHOWN: usize = 20;

/// Keeps what is in force in step with the files.
pub(super) struct Reload {
    config: Arc<Config>,
    certificates: Certificates,
    rotations: Rotations,
    gate: Arc<Gate>,
    store: Store,
    notices: Arc<dyn Notices>,
    readiness: Arc<Readiness>,
    hangup: Signal,
    files: Option<Watch>,
    /// What was wrong when the files were last refused, so that it is said once.
    wrong: Vec<Diagnostic>,
    /// What the files were when they were looked at last.
    seen: Option<Digests>,
    /// The files in force that are not shipped.
    own: BTreeSet<String>,
    /// Those of them that are gone, and since when.
    gone: Gone,
}

type Gone = BTreeMap<String, Instant>;

/// Why the files are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Somebody was seen to change them, and to be done.
    Change,
    /// A person asked, who wants to hear of it whatever comes of it.
    Request,
    /// Time has passed.
    Time,
}

impl Reload {
    pub(super) fn new(
        config: Config,
        gate: Arc<Gate>,
        store: Store,
        authority: Arc<Authority>,
        notices: Arc<dyn Notices>,
        readiness: Arc<Readiness>,
    ) -> anyhow::Result<Reload> {
        let home = &config.home;
        let files = Watch::start(home.path(), vec![home.mappings(), home.policies(), home.certs()]);
        Ok(Reload {
            files: files
                .inspect_err(|error| {
                    tracing::warn!(%error, "changed mappings and policies are not noticed: send SIGHUP to reload them");
                })
                .ok(),
            hangup: signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?,
            certificates: Certificates::of(&config),
            rotations: Rotations::new(authority, store.clone(), config.home.public()),
            config: Arc::new(config),
            gate,
            store,
            notices,
            readiness,
            wrong: Vec::new(),
            seen: None,
            own: BTreeSet::new(),
            gone: Gone::new(),
        })
    }

    /// Reloads until `stop`.
    pub(super) async fn watch(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        // Files may have changed between their first reading and the start of the watch.
        let mut cause = Cause::Change;
        loop {
            for line in self.certificates.reload() {
                self.say(line);
            }
            if let Some(line) = self.rotations.look().await {
                self.say(line);
            }
            let pause = self.reload(cause).await;
            cause = tokio::select! {
                () = &mut stop => return,
                cause = self.next(pause) => cause,
            };
        }
    }

    /// What makes us look again: at the latest, that `pause` has passed.
    async fn next(&mut self, pause: Duration) -> Cause {
        let cause = tokio::select! {
            () = settled(&mut self.files) => Cause::Change,
            Some(()) = self.hangup.recv() => Cause::Request,
            () = tokio::time::sleep(pause) => Cause::Time,
        };
        if let Some(files) = &mut self.files {
            files.follow();
            if files.is_unsettled() {
                files.settled().await;
            }
        }
        cause
    }

    /// Gives when to look again if nothing is told before.
    async fn reload(&mut self, cause: Cause) -> Duration {
        let (config, store, before) = (self.config.clone(), self.store.clone(), self.gate.rules());
        let (seen, own, gone) = (self.seen.take(), self.own.clone(), std::mem::take(&mut self.gone));
        let known: BTreeSet<String> = gone.keys().cloned().collect();
        // Thousands of rules take a second of a core, and calls want it meanwhile.
        let read = background::done("reload", move || {
            let sources = super::sources(&config.home, &config.home.policies())?;
            let digests = sources.digests();
            let names = sources.own();
            if digests == before.digests() {
                return Ok(Found::InForce(names));
            }
            // SECURITY: a directory that is replaced is empty for a while, and what is shipped may allow what the own rules
            // forbid. Whatever else changes meanwhile, each file has its time (tests
            // `a_file_that_is_gone_for_a_moment_stays_in_force`, `no_other_change_makes_a_file_be_gone_sooner`).
            let now = Instant::now();
            let since = |name: &String| (name.clone(), gone.get(name).copied().unwrap_or(now));
            let gone: Gone = own.difference(&names).map(since).collect();
            let left = gone.values().map(|since| GONE_FOR.saturating_sub(now - *since)).max();
            if let Some(left) = left.filter(|left| !left.is_zero() && cause != Cause::Request) {
                return Ok(Found::Gone(digests, gone, left));
            }
            // Nobody told of this change, so nobody tells when it is whole either: it is once it stays as it is.
            if cause == Cause::Time && seen.as_ref() != Some(&digests) {
                return Ok(Found::Changing(digests, gone));
            }
            let people = store.people().map_err(|error| {
                let database = config.home.database().display().to_string();
                vec![Diagnostic::of_file(database, error.to_string())]
            })?;
            let groups = super::groups(&config, &people);
            let rules = Rules::load(&sources, Some(&groups), config.gate.clone(), before.memory())?;
            rules.take_over(&before);
            Ok(Found::Rules(Box::new(rules), names))
        });
        match read.await {
            Ok(Ok(Found::Rules(rules, names))) => return self.put_in_force(*rules, names, cause).await,
            Ok(Ok(Found::Gone(digests, gone, left))) => {
                for name in gone.keys().filter(|name| !known.contains(*name)) {
                    let seconds = GONE_FOR.as_secs();
                    self.say(format!(
                        "RELOAD: {name} is gone: it stays in force for {seconds} s; SIGHUP takes it out now"
                    ));
                }
                (self.seen, self.gone) = (Some(digests), gone);
                return left;
            }
            Ok(Ok(Found::Changing(digests, gone))) => {
                (self.seen, self.gone) = (Some(digests), gone);
                return LOOK_AGAIN;
            }
            Ok(Ok(Found::InForce(names))) => {
                self.own = names;
                if cause == Cause::Request || !self.wrong.is_empty() {
                    self.say("RELOAD: the files say what is in force already".to_owned());
                }
                self.follows();
            }
            Ok(Err(wrong)) => self.refuse(wrong, cause).await,
            Err(error) => {
                tracing::error!(%error, "the mappings and policies could not be read: what was in force stays")
            }
        }
        LOOK_EVERY
    }

    async fn put_in_force(&mut self, rules: Rules, names: BTreeSet<String>, cause: Cause) -> Duration {
        let (digests, described) = (rules.digests(), rules.describe());
        let (rules, coming) = match self.ready(rules).await {
            Ok(ready) => ready,
            Err(error) => {
                let database = self.config.home.database().display().to_string();
                self.refuse(vec![Diagnostic::of_file(database, format!("{error:#}"))], cause)
                    .await;
                self.seen = Some(digests);
                return LOOK_AGAIN;
            }
        };
        self.follows();
        self.gate.replace(rules);
        drop(coming);
        self.own = names;
        tracing::info!(mappings = %digests.mappings, policies = %digests.policies, "reloaded");
        self.say(format!("RELOADED: {described}"));
        LOOK_EVERY
    }

    /// Rules whose budgets have all they would have counted, and that are on record: nothing is left but to replace those
    /// before.
    ///
    /// SECURITY: a budget that lacked what is decided meanwhile would allow that much on top of its limit. Test:
    /// `a_budget_that_a_reload_brings_under_load_holds_from_its_first_call`.
    async fn ready(&self, rules: Rules) -> anyhow::Result<(Rules, Coming)> {
        let coming = rules.announce();
        let alone = timeout(ON_RECORD_WITHIN, coming.alone()).await;
        alone.context("calls that were decided are not on record yet")?;
        self.store.flush().await.context("it cannot be recorded")?;
        let (store, digests) = (self.store.clone(), rules.digests());
        let recalled = tokio::task::spawn_blocking(move || {
            rules.recall(&store.reader().map_err(ReadError::from)?, Timestamp::now())?;
            Ok::<_, RecallError>(rules)
        });
        let rules = recalled.await?.context("what was taken of budgets cannot be read")?;
        let recorded = self.store.write(audit::reload(&digests, &[])).await;
        recorded.context("it cannot be recorded")?;
        Ok((rules, coming))
    }

    fn follows(&mut self) {
        self.wrong.clear();
        self.readiness.follows();
    }

    async fn refuse(&mut self, wrong: Vec<Diagnostic>, cause: Cause) {
        if wrong == self.wrong && cause != Cause::Request {
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
        let places: Vec<String> = wrong.iter().map(place).collect();
        // On record and in `/ready` before it is said: who reads what is said asks there for more.
        if let Some(first) = wrong.first() {
            self.readiness.refuses(&first.place(), count);
        }
        let refused = audit::reload(&self.gate.rules().digests(), &places);
        if let Err(error) = self.store.write(refused).await {
            tracing::error!(%error, "a refused reload could not be recorded");
        }
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
        self.wrong = wrong;
    }

    /// Line by line, inert: files may hold anything.
    fn say(&self, text: String) {
        for line in text.lines() {
            self.notices.line(inert(line).into_owned());
        }
    }
}

/// What the files are.
enum Found {
    InForce(BTreeSet<String>),
    /// Some of those in force are not there, and not for long; to be looked at again after this.
    Gone(Digests, Gone, Duration),
    /// Others than they were a moment ago.
    Changing(Digests, Gone),
    Rules(Box<Rules>, BTreeSet<String>),
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

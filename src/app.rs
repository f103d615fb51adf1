//! Floor 6: puts the house together. The only file that knows everything: configuration → open stores, bind, start, drain.

mod banner;
mod notices;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};

use crate::agent::Registry;
use crate::approval::{self, Approvals};
use crate::authority::Authority;
use crate::config::home::Home;
use crate::config::{Config, shipped};
use crate::gate::Gate;
use crate::io::body::Capture;
use crate::io::drain::{self, Drain};
use crate::io::keys::{self, Secrets};
use crate::mapping::Mappings;
use crate::model::change::PersonRow;
use crate::model::{Diagnostic, Timestamp};
use crate::policy::Policies;
use crate::proxy::Proxy;
use crate::store::Store;
use crate::upstream::{self, Upstream};
use crate::{audit, control, proxy};

use banner::Banner;
use notices::Terminal;

/// Mappings and policies, read and checked against each other.
pub struct Rules {
    mappings: Mappings,
    policies: Policies,
}

impl Rules {
    /// One line for people.
    pub fn describe(&self) -> String {
        let actions = self.mappings.vocabulary().actions.len();
        let titles: Vec<&str> = self.mappings.titles().collect();
        format!(
            "{actions} actions; mappings for {}; {} rules",
            titles.join(", "),
            self.policies.rules()
        )
    }
}

/// Reads the mappings and policies in force. `@approvers` may name `groups`; any group where nobody knows them (`None`).
///
/// # Errors
/// Everything that is wrong in any of the files.
pub fn load_rules(home: &Home, groups: Option<&BTreeSet<String>>) -> Result<Rules, Vec<Diagnostic>> {
    let (vocabulary, files) = shipped::mappings(&home.mappings())?;
    let mappings = Mappings::load(&vocabulary, &files)?;
    let policies = Policies::load(
        &shipped::policies(&home.policies())?,
        mappings.vocabulary().clone(),
        groups,
    )?;
    Ok(Rules { mappings, policies })
}

/// The groups of all people: those of the configuration and those of the store.
pub fn groups(config: &Config, people: &[PersonRow]) -> BTreeSet<String> {
    let known = people
        .iter()
        .flat_map(|person| person.groups.iter().map(ToString::to_string));
    config.groups().into_iter().chain(known).collect()
}

/// Makes the home if it is not there, and opens its record: first of all, since everything else is told by it.
///
/// # Errors
/// Whatever keeps the record from being written safely; the text says what to do.
pub fn open_store(home: &Home) -> anyhow::Result<Store> {
    make_private(home.path())?;
    Ok(Store::open(&home.database())?)
}

/// A sidecar whose stores are open and whose listeners are bound.
pub struct Sidecar {
    proxy: (TcpListener, Arc<proxy::Parts>, Drain),
    control: (TcpListener, control::Parts),
    ready: watch::Sender<bool>,
    banner: String,
}

impl Sidecar {
    /// Opens everything. Nothing is served before all of it stands.
    ///
    /// # Errors
    /// Whatever keeps the sidecar from keeping its promises; the text says what to do.
    pub async fn start(config: Config, rules: Rules, store: Store) -> anyhow::Result<Sidecar> {
        let state = config.home.state();
        let secrets = Secrets::load_or_create(&state)?;
        let authority = Authority::load_or_create(&config.home.certs())?;
        let (registry, first_start) = registry(&config, &store).await?;
        let proxy = bind("proxy", config.proxy_listen).await?;
        let control = bind("control", config.control_listen).await?;
        let listening = [proxy.local_addr()?, control.local_addr()?];
        let upstream = Upstream::new(upstream::Config {
            own_listeners: listening.to_vec(),
            own_authority: authority.public_key(),
            ..config.upstream.clone()
        })?;
        let described = rules.describe();
        let mappings = rules.mappings.with_account_currency(config.rates.account.as_deref());
        let (mappings, policies) = (Arc::new(mappings), Arc::new(rules.policies));
        let approvals = approvals(&config, &secrets, &store).await?;
        store.write(audit::recover(store.open_calls()?)).await?;
        remember_ends(&approvals, &store, remembered_since(&config))?;
        store.write(audit::boot(boot_members(&mappings, &policies))).await?;

        let banner = Banner {
            config: &config,
            listening,
            rules: &described,
            first_start,
            registry: &registry,
        };
        let banner = banner.text();
        let vocabulary = mappings.vocabulary().clone();
        let gate = Arc::new(Gate::new(policies, vocabulary.clone(), config.rates.clone()));
        let registry = Arc::new(registry);
        let (drain, (ready, is_ready)) = (Drain::default(), watch::channel(false));
        let control_parts = control::Parts {
            approvals: approvals.clone(),
            gate: gate.clone(),
            registry: registry.clone(),
            store: store.clone(),
            vocabulary,
            owner_may_approve: config.owner_may_approve,
            ready: is_ready,
            registering: Mutex::default(),
        };
        let parts = proxy::Parts {
            registry,
            mappings,
            gate,
            approvals,
            store,
            authority: Arc::new(authority),
            upstream,
            capture: Capture::new(config.limits.body, config.limits.bodies),
            patience: config.patience.clone(),
            notices: Arc::new(Terminal::start().context("cannot start a thread")?),
            home_option: config.home.option(),
            draining: drain.draining(),
            connections: config.limits.connections,
        };
        Ok(Sidecar {
            proxy: (proxy, Arc::new(parts), drain),
            control: (control, control_parts),
            ready,
            banner,
        })
    }

    /// What to show a person at start.
    pub fn banner(&self) -> &str {
        &self.banner
    }

    /// Serves until `stop`; then what is held is answered, what is under way gets a while, and the record is closed.
    ///
    /// # Errors
    /// If the end cannot be recorded.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Sidecar {
            proxy: (proxy, parts, drain),
            control: (control, control_parts),
            ready,
            ..
        } = self;
        let (store, approvals) = (parts.store.clone(), parts.approvals.clone());
        // People may decide until the last held call is answered: the control door closes after the proxy's.
        let (closing, closed) = watch::channel(false);
        let router = control::router(control_parts, control.local_addr()?);
        let control = tokio::spawn(control::serve(control, router, drain::stopping(closed.clone())));
        let sweep = tokio::spawn(control::expire(approvals, store.clone(), drain::stopping(closed)));
        ready.send_replace(true);
        Proxy::new(parts, drain).serve(proxy, stop).await;
        ready.send_replace(false);
        closing.send_replace(true);
        let (control, sweep) = tokio::join!(control, sweep);
        control.and(sweep).context("a task died")?;
        store.flush().await.context("the last outcomes could not be recorded")?;
        store
            .write(audit::shutdown())
            .await
            .context("the end could not be recorded")
    }
}

/// Agents and people in force; makes the person `owner` at the first start. True: it was made just now.
async fn registry(config: &Config, store: &Store) -> anyhow::Result<(Registry, bool)> {
    let registry = Registry::new(&config.declared, store.agents()?, store.people()?)?;
    let Some(owner) = registry.first_owner(&config.home.state())? else {
        // SECURITY: a key that others can read decides for them. Test: `keys_that_others_can_read_are_refused`.
        keys::owner_key(&config.home.state())?;
        return Ok((registry, false));
    };
    store.write(audit::person_put(&owner, "first start")).await?;
    registry.apply_person(owner);
    Ok((registry, true))
}

/// Approvals as they stood when the last run ended.
async fn approvals(config: &Config, secrets: &Secrets, store: &Store) -> anyhow::Result<Approvals> {
    let last = store.last_time()?;
    let keys = approval::Keys::new(secrets.fingerprint_key(), secrets.credential_key());
    let approvals = Approvals::new(
        config.approvals.clone(),
        keys,
        store.approvals(remembered_since(config))?,
    );
    if secrets.is_fresh() {
        control::expire_all(&approvals, store).await?;
    }
    control::mind_the_gap(&approvals, store, last).await?;
    Ok(approvals)
}

/// What was finished before this matters no more.
fn remembered_since(config: &Config) -> Timestamp {
    let remembered = Approvals::remembered(&config.approvals).as_millis();
    Timestamp(
        Timestamp::now()
            .0
            .saturating_sub(i64::try_from(remembered).unwrap_or(i64::MAX)),
    )
}

/// How the calls ended that approvals were spent on, so that a call that was never sent is not taken for executed.
fn remember_ends(approvals: &Approvals, store: &Store, since: Timestamp) -> anyhow::Result<()> {
    for spent in store.spent(since)? {
        approvals.ended(&spent.approval, &spent.call, spent.outcome, spent.status);
    }
    Ok(())
}

fn boot_members(mappings: &Mappings, policies: &Policies) -> Vec<(&'static str, String)> {
    vec![
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("enforcement", "advisory".to_owned()),
        ("mappings", mappings.digest().to_string()),
        ("policies", policies.digest().to_string()),
    ]
}

/// The home, for its owner alone if it has to be made.
fn make_private(home: &Path) -> anyhow::Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(home);
    made.with_context(|| format!("cannot make the home {}", home.display()))
}

async fn bind(what: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: end what listens there, or set `{what}.listen` in runplane.yaml")
    })
}

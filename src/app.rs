//! Floor 6: puts the house together. The only file that knows everything: configuration → open stores, bind, start, drain.

mod banner;
mod certificates;
mod enforcement;
mod habits;
mod listeners;
mod notices;
mod notifying;
pub mod public;
mod publishing;
mod recall;
mod reload;
mod retention;
mod rotation;
mod rules;
mod sealing;
pub mod wiring;

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::agent::Registry;
use crate::approval::{self, Notices};
use crate::authority::Authority;
use crate::config::Config;
use crate::config::home::Home;
use crate::control::health::Readiness;
use crate::gate::{Gate, Rules};
use crate::io::body::Capture;
use crate::io::drain::{self, Drain};
use crate::io::keys::{self, Secrets};
use crate::io::tls::Server;
use crate::metrics::Metrics;
use crate::model::Timestamp;
use crate::proxy::{Door, Proxy};
use crate::store::Store;
use crate::upstream::{self, Upstream};
use crate::{audit, control, notify, proxy};

use banner::Banner;
pub use enforcement::Enforcement;
use listeners::{Addresses, Listeners};
use notices::Terminal;
use publishing::Publishing;
use recall::{approvals, remember_ends, remembered_since};
use reload::Reload;
use retention::Retention;
pub use rules::{groups, known_groups, load_rules, load_rules_with, sources};
use sealing::Sealing;

/// For what was asked or clicked at last, and whose sender waits no longer, to come to its record: a second more than the
/// control door has for its own.
const LAST_WITHIN: Duration = Duration::from_secs(6);

/// Makes the home if it is not there, and opens its record: first of all, since everything else is told by it.
///
/// # Errors
/// Whatever keeps the record from being written safely; the text says what to do.
pub fn open_store(home: &Home) -> anyhow::Result<Store> {
    make_private(home.path())?;
    Ok(Store::open(&home.database())?)
}

/// Standard output or error, as the place where people are told of holds and blocks.
///
/// # Errors
/// If its thread cannot be started.
pub fn terminal(out: impl Write + Send + 'static) -> anyhow::Result<Arc<dyn Notices>> {
    Ok(Arc::new(Terminal::start(out).context("cannot start a thread")?))
}

/// A sidecar whose stores are open and whose listeners are bound.
pub struct Sidecar {
    proxy: (Vec<Door>, Arc<proxy::Parts>, Drain),
    control: (TcpListener, Option<Arc<Server>>, control::Parts),
    health: Option<TcpListener>,
    notifications: (notify::Config, notify::Parts),
    shutdown_within: Duration,
    reload: Reload,
    readiness: Arc<Readiness>,
    sealing: sealing::Running,
    retention: Retention,
    listening: [SocketAddr; 2],
    banner: String,
}

impl Sidecar {
    /// Opens everything. Nothing is served before all of it stands. People are told of holds and blocks by `notices`.
    ///
    /// # Errors
    /// Whatever keeps the sidecar from keeping its promises; the text says what to do.
    pub async fn start(
        config: Config,
        rules: Rules,
        store: Store,
        notices: Arc<dyn Notices>,
        enforcement: &Enforcement,
    ) -> anyhow::Result<Sidecar> {
        let state = config.home.state();
        let mut sealing = Sealing::open(&config, &store)?;
        let secrets = Secrets::load_or_create(&state)?;
        let authority = Authority::load_or_create(&config.home.certs())?;
        public::write_trust(&config.home.public(), &authority.trusted())?;
        let (registry, first_start) = registry(&config, &store).await?;
        let Listeners {
            doors,
            control,
            health,
            addresses,
        } = listeners::bind(&config).await?;
        let way_out = upstream::Config {
            own_listeners: addresses.sockets(),
            own_names: config.own_names(),
            own_authorities: own_keys(&authority),
            ..config.upstream.clone()
        };
        let errands = notifying::errands(&config, &way_out)?;
        let publishing = Publishing::new(&config, &way_out)?;
        let upstream = Upstream::new(way_out)?;
        notify::configure(&config.notifications, &store).await?;
        rules.memory().history.recall(store.habits()?)?;
        let described = rules.describe();
        let steady = approval::steady();
        let (approvals, began) = approvals(&config, &secrets, &store).await?;
        let open = store.open_calls()?;
        // A start that comes to nothing has no `boot`.
        sealing::of_one_piece(&store).await?;
        store.write(audit::recover(open)).await?;
        rules
            .recall(&store.reader()?, steady())
            .context("what was taken of budgets cannot be read")?;
        remember_ends(&approvals, &store, remembered_since(&config))?;
        let requests = proxy::Decided::recall(&store.reader()?, Timestamp::now())
            .context("what agents were allowed to do cannot be read")?;
        sealing::of_one_piece(&store).await?;
        store
            .write(audit::boot(
                boot_members(&config, &rules, &addresses, &authority, enforcement)
                    .chain(control::uptime_members(began.up, began.clock))
                    .chain(sealing.members())
                    .collect(),
            ))
            .await?;
        store.write(sealing.turns()).await?;
        let pauses = store.pauses()?;
        sealing.begin(&store).await?;
        for (key, value) in config.dangerous() {
            tracing::warn!("{key}: {value}");
        }
        config.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
        let paused = &rules.memory().paused;
        pauses.iter().for_each(|pause| paused.put(pause));
        let banner = Banner {
            config: &config,
            listening: &addresses,
            rules: &described,
            first_start,
            log_key: sealing.new_key(),
            registry: &registry,
            enforcement,
            paused: &paused.list(),
        };
        let banner = banner.text();
        let gate = Arc::new(Gate::new(rules));
        let (registry, authority) = (Arc::new(registry), Arc::new(authority));
        let (drain, readiness) = (
            Drain::default(),
            Arc::new(Readiness::new(store.clone(), authority.clone(), gate.clone())),
        );
        let (metrics, tasks) = (Arc::new(Metrics::default()), TaskTracker::new());
        let (shutdown_within, pruning) = (config.shutdown_within, Arc::default());
        let control_parts = control::Parts {
            approvals: approvals.clone(),
            gate: gate.clone(),
            registry: registry.clone(),
            store: store.clone(),
            metrics: metrics.clone(),
            owner_may_approve: config.owner_may_approve,
            reason_from_risk: config.reason_from_risk,
            readiness: readiness.clone(),
            registering: Mutex::default(),
            pruning: Arc::clone(&pruning),
            notices: notices.clone(),
            home_option: config.home.option(),
            secure: addresses.control.secure,
            public_host: config.public_url.as_ref().map(|url| url.host().clone()),
            public_url: config.public_url.as_ref().map(ToString::to_string),
            slack: notifying::desk(&config, &errands),
            tasks: tasks.clone(),
        };
        let parts = proxy::Parts {
            registry,
            gate,
            approvals,
            store,
            authority: authority.clone(),
            upstream,
            capture: Capture::new(config.limits.of_one_body(), config.limits.bodies),
            patience: config.patience.clone(),
            metrics,
            notices: notices.clone(),
            home_option: config.home.option(),
            draining: drain.draining(),
            connections: config.limits.connections,
            waits: proxy::Waits::default(),
            guard: requests,
            tasks,
        };
        let notifications = notifying::parts(&config, &parts, errands);
        let (gate, store) = (parts.gate.clone(), parts.store.clone());
        let retention = Retention {
            months: config.audit.retention,
            gate: gate.clone(),
            store: store.clone(),
            one_at_a_time: pruning,
            settles: config.audit.clock_settles,
        };
        let sealing = sealing.start(&store, (&parts.metrics, &readiness), publishing);
        let reload = Reload::new(config, gate, store, authority, notices, readiness.clone())?;
        Ok(Sidecar {
            proxy: (doors, Arc::new(parts), drain),
            control: (control.0, control.1, control_parts),
            health,
            notifications,
            shutdown_within,
            reload,
            readiness,
            sealing,
            retention,
            listening: [addresses.proxy.socket, addresses.control.socket],
            banner,
        })
    }

    /// The addresses of the proxy and of control.
    pub fn listening(&self) -> [SocketAddr; 2] {
        self.listening
    }

    /// What to show a person at start.
    pub fn banner(&self) -> &str {
        &self.banner
    }

    /// Serves until `stop`; then what is held is answered, what is under way gets a while, or until `at_once`, and the
    /// record is closed.
    ///
    /// # Errors
    /// If the end cannot be recorded.
    pub async fn serve(
        self,
        stop: impl Future<Output = ()> + Send + 'static,
        at_once: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let Sidecar {
            proxy: (doors, parts, drain),
            control: (control, tls, control_parts),
            health,
            notifications: (notified, notifications),
            shutdown_within,
            reload,
            readiness,
            sealing,
            retention,
            ..
        } = self;
        let (store, approvals) = (parts.store.clone(), parts.approvals.clone());
        let memory = parts.gate.memory().clone();
        // People may decide until the last held call is answered: the control door closes after the proxy's.
        let (closing, closed) = watch::channel(false);
        let guarded = parts.clone();
        let agents = proxy::guard_router(parts.clone());
        let (router, probed) = control::routers(control_parts, control.local_addr()?, agents);
        let health = health.map(|health| {
            let stop = drain::stopping(closed.clone());
            tokio::spawn(control::serve(health, None, probed, control::Bounds::PROBES, stop))
        });
        let control = tokio::spawn(control::serve(
            control,
            tls,
            router,
            control::Bounds::CONTROL,
            drain::stopping(closed.clone()),
        ));
        let watch = control::Watch {
            approvals,
            store: store.clone(),
            gate: parts.gate.clone(),
            notices: parts.notices.clone(),
            home_option: parts.home_option.clone(),
        };
        let sweep = tokio::spawn(control::expire(watch, drain::stopping(closed.clone())));
        let habits = tokio::spawn(habits::keep(memory, store.clone(), drain::stopping(closed.clone())));
        let retention = tokio::spawn(retention::keep(retention, drain::stopping(closed.clone())));
        let telling = tokio::spawn(notify::run(notified, notifications, closed.clone()));
        let reload = tokio::spawn(reload.watch(drain::stopping(closed)));
        readiness.serves();
        let stop = async {
            stop.await;
            let seconds = shutdown_within.as_secs();
            tracing::info!("stopping: calls under way have {seconds} s, a second signal ends them at once");
            readiness.stops();
        };
        Proxy::new(parts, drain)
            .serve(doors, stop, at_once, shutdown_within)
            .await;
        closing.send_replace(true);
        let last = Instant::now() + LAST_WITHIN;
        let (control, sweep, habits, reload) = tokio::join!(control, sweep, habits, reload);
        let (retention, telling) = tokio::join!(retention, telling);
        let ended = control.and(sweep).and(habits).and(reload).and(retention).and(telling);
        ended.context("a task died")?;
        if let Some(health) = health {
            health.await.context("a task died")?;
        }
        guarded.tasks.close();
        if timeout_at(last, guarded.tasks.wait()).await.is_err() {
            tracing::warn!("what was asked or clicked at last is cut off");
        }
        guarded.guard.close();
        store.flush().await.context("the last outcomes could not be recorded")?;
        store
            .end(sealing.last_words())
            .await
            .context("the end could not be recorded")?;
        sealing.finish().await
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

fn own_keys(authority: &Authority) -> Vec<Vec<u8>> {
    let trusted = authority.trusted().into_iter();
    trusted.map(|certificate| certificate.public_key).collect()
}

fn boot_members(
    config: &Config,
    rules: &Rules,
    addresses: &Addresses,
    authority: &Authority,
    enforcement: &Enforcement,
) -> impl Iterator<Item = (&'static str, String)> {
    let digests = rules.digests();
    let next = authority
        .successor()
        .map(|next| ("authority_next", next.certificate.fingerprint()));
    let members = [
        ("authority", authority.certificate().fingerprint()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("enforcement", enforcement.recorded()),
        ("listeners", addresses.described()),
        ("mappings", digests.mappings.to_string()),
        ("money", config.gate.money().to_string()),
        ("policies", digests.policies.to_string()),
    ];
    members.into_iter().chain(next).chain(config.dangerous())
}

/// The home, for its owner alone if it has to be made.
fn make_private(home: &Path) -> anyhow::Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(home);
    made.with_context(|| format!("cannot make the home {}", home.display()))
}

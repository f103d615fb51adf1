//! `runplane exec`: runs an agent wired to the sidecar, and kept from going round it.

mod child;
mod companion;
pub(super) mod confined;
mod confinement;
mod grants;
mod hidden;
mod inside;
mod mounts;
mod preload;
mod surroundings;
mod terminal;
mod user;
mod watch;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};

use super::agent_option::{self, AgentOption};
use super::env;
use crate::app::public;
use crate::app::wiring::Wiring;
use crate::config::Config;
use crate::config::home::Home;
use crate::model::secret::random_bytes;

use companion::Companion;
use confinement::{Confinement, Wish};
use surroundings::Surroundings;
use watch::Watch;

pub(super) use inside::{is_inside, refuse_inside};
pub(super) use surroundings::OTHER_WAYS;

/// Run a command whose calls go through the sidecar, and that cannot go round it.
///
/// Uses the sidecar of the home if one runs, else starts one for as long as the command runs. Ends with the exit code of
/// the command; 127 if it is not found, 126 if it cannot be started. What is confined, and what is not, is in
/// docs/exec.md.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    agent: AgentOption,
    /// Whether the command is kept from files of the home and from connections round the proxy (Landlock, Linux 6.7)
    #[arg(long, value_enum, default_value_t = Wish::Auto)]
    confine: Wish,
    /// Run the command as this user; needs root
    #[arg(long, value_name = "NAME|UID")]
    user: Option<String>,
    /// Let the command connect to this TCP port as well, on any host: for a database or a server of its own
    #[arg(long = "connect", value_name = "PORT")]
    ports: Vec<u16>,
    /// Do not load what wires those clients of Node and Python that variables do not reach
    #[arg(long)]
    no_preload: bool,
    /// Say so if no call has arrived after this many seconds; 0: never
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    warn_after: u64,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(super) fn run(home: Home, args: &Args) -> anyhow::Result<ExitCode> {
    if is_inside() {
        bail!("this is inside `runplane exec` already: its calls go through the sidecar");
    }
    super::run::log(super::run::LogFormat::Text, "warn");
    let config = match Config::load(home.clone()) {
        Ok(config) => config,
        Err(wrong) => return super::check::print(&wrong),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    runtime.block_on(async {
        let confinement = Confinement::choose(args.confine, args.user.as_deref())?;
        let companion = match Companion::find_or_start(&config, &confinement).await? {
            Ok(companion) => companion,
            Err(wrong) => return super::check::print(&wrong),
        };
        let code = accompany(&config, args, confinement, &companion).await;
        companion.stop().await?;
        code
    })
}

/// Runs the command beside the sidecar.
async fn accompany(
    config: &Config,
    args: &Args,
    confinement: Confinement,
    companion: &Companion,
) -> anyhow::Result<ExitCode> {
    let (caller, credentials) = args.agent.caller(&agent_option::registry(config)?)?;
    let [proxy, control] = companion.listening();
    let confinement = confinement.around([proxy, control], &args.ports)?;
    let public = Public::write(&config.home, confinement.user().is_some())?;
    let wiring = Wiring {
        proxy,
        secure: config.proxy.tls.is_some(),
        credentials,
        public: public.directory().to_owned(),
    };
    let preloads = match args.no_preload {
        true => None,
        false => Some(preload::write(public.directory())?),
    };
    let surroundings = Surroundings::new(
        &wiring,
        preloads.as_ref(),
        control,
        confinement.user(),
        std::env::vars_os(),
    );
    let home = config.home.path().display();
    say(format!(
        "agent {}, proxy {proxy} ({}), home {home}",
        caller.agent,
        companion.told()
    ));
    confinement.lines(config).into_iter().for_each(say);
    surroundings.lines().into_iter().for_each(say);

    let signals = child::Signals::new()?;
    let command = confinement.command(config, public.directory(), &args.command)?;
    let watch = Watch::new(config.home.database(), &caller.agent);
    let mut child = child::Running::start(surroundings.put_on(command))?;
    let warning = watch.warn_after(Duration::from_secs(args.warn_after));
    let status = tokio::select! {
        status = child.ended(signals) => status?,
        // Says what it has to say, and never ends.
        never = warning => match never {},
    };
    Ok(child::exit_code(status))
}

/// What the agent reads of ours: in the home, or aside where another user cannot reach the home.
enum Public {
    Home(PathBuf),
    Aside(PathBuf),
}

impl Public {
    fn write(home: &Home, aside: bool) -> anyhow::Result<Public> {
        if !aside {
            return env::publish(home).map(Public::Home);
        }
        let directory = std::env::temp_dir().join(format!("runplane-{}", hex::encode(random_bytes::<8>())));
        std::fs::create_dir(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let made = Public::Aside(directory);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(made.directory(), mode)
            .with_context(|| format!("cannot open {} to others", made.directory().display()))?;
        public::write_trust(made.directory(), &env::authorities(home)?)?;
        Ok(made)
    }

    fn directory(&self) -> &std::path::Path {
        match self {
            Self::Home(directory) | Self::Aside(directory) => directory,
        }
    }
}

impl Drop for Public {
    fn drop(&mut self) {
        if let Self::Aside(directory) = self
            && let Err(error) = std::fs::remove_dir_all(&*directory)
        {
            say(format!("{} could not be removed: {error}", directory.display()));
        }
    }
}

/// A line of ours among those of the command.
fn say(line: impl std::fmt::Display) {
    // Where standard error is closed, nobody wants to know.
    let _ = writeln!(std::io::stderr(), "runplane: {line}");
}

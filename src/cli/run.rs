//! `runplane run`: start the sidecar, say how to point an agent at it, and tell of holds and blocks as they come.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;

use crate::app::{self, Enforcement, Sidecar};
use crate::config::Config;
use crate::config::home::Home;
use crate::gate::Rules;
use crate::io::memory;
use crate::model::Diagnostic;
use crate::store::Store;

/// Start the sidecar.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Log format of standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

pub(super) fn run(home: Home, args: &Args) -> anyhow::Result<ExitCode> {
    log(args.log_format, "warn,runplane=info");
    if let Err(error) = memory::goes_back_soon() {
        tracing::warn!(%error, "this process cannot be started anew: a reload of many rules may delay a call by some milliseconds");
    }
    memory::goes_back().context("cannot start threads")?;
    let Prepared { config, rules, store } = match prepare(home)? {
        Ok(prepared) => prepared,
        Err(wrong) => return super::check::print(&wrong),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    runtime.block_on(async {
        let sidecar = Sidecar::start(
            config,
            rules,
            store,
            app::terminal(std::io::stdout())?,
            &Enforcement::Advisory,
        )
        .await?;
        let mut out = std::io::stdout();
        out.write_all(sidecar.banner().as_bytes())
            .and_then(|()| out.flush())
            .context("cannot write to standard output")?;
        sidecar.serve(stop_signal()?, stop_again()).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// What a sidecar starts with.
pub(super) struct Prepared {
    pub(super) config: Config,
    pub(super) rules: Rules,
    pub(super) store: Store,
}

/// Reads all files of a home and opens its record; inside, what is wrong in the files.
///
/// # Errors
/// If the record cannot be opened.
pub(super) fn prepare(home: Home) -> anyhow::Result<Result<Prepared, Vec<Diagnostic>>> {
    let config = match Config::load(home) {
        Ok(config) => config,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let store = app::open_store(&config.home)?;
    let groups = app::groups(&config, &store.people()?);
    let rules = app::load_rules(&config.home, Some(&groups), config.gate.clone());
    Ok(rules.map(|rules| Prepared { config, rules, store }))
}

/// Level by `RUNPLANE_LOG` (`info`, `debug`, `runplane=debug`, …), else `default`.
pub(super) fn log(format: LogFormat, default: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("RUNPLANE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
}

/// Resolves at the next SIGTERM or SIGINT once this is waited for.
async fn stop_again() {
    match stop_signal() {
        Ok(signal) => signal.await,
        Err(error) => {
            tracing::warn!(%error, "a second signal would not be noticed");
            std::future::pending().await
        }
    }
}

/// Resolves at the first SIGTERM or SIGINT.
pub(super) fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

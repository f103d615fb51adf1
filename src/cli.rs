//! Floor 7: the command line. One file per command; each gives an exit code.

mod actions;
mod agent_option;
pub mod agents;
pub mod approvals;
pub mod audit;
pub mod budgets;
mod ca;
mod check;
pub mod client;
mod demo;
mod doctor;
mod env;
mod exec;
mod explain;
mod gone;
pub mod grants;
mod import;
mod init;
mod mapping;
pub mod notifications;
pub mod page;
pub mod pause;
pub mod people;
mod period;
mod plain;
mod policy;
mod replay;
mod run;
mod targets;
mod test;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::config::home::Home;
use crate::io::tls;
use crate::model::Secret;
use client::{Client, ClientError};

/// The checkpoint between AI agents and the world: decides, holds and records every call they make.
#[derive(Debug, Parser)]
#[command(name = "runplane", version, max_term_width = 110)]
pub struct Cli {
    /// Directory of this sidecar (certs, mappings, policies, state, runplane.yaml). Default: $XDG_DATA_HOME/runplane; the
    /// working directory if it holds runplane.yaml or mappings/ and there is no other
    #[arg(long, global = true, env = "RUNPLANE_HOME", value_name = "DIR")]
    home: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the sidecar
    Run(run::Args),
    Exec(exec::Args),
    #[command(hide = true)]
    Confined(exec::confined::Args),
    Env(env::Args),
    Doctor(doctor::Args),
    Demo(demo::Args),
    Ca(ca::Args),
    /// Read configuration, mappings and policies, say everything that is wrong in them, and exit
    Check,
    Init(init::Args),
    Import(import::Args),
    Mapping(mapping::Args),
    Actions(actions::Args),
    Policy(policy::Args),
    Targets(targets::Args),
    Test(test::Args),
    Replay(replay::Args),
    /// Tell what would happen to a call, or what did
    Explain(Box<explain::Args>),
    /// See and decide what waits for people
    Approvals(approvals::Args),
    /// Consent to calls that are still to come
    Grants(grants::Args),
    /// What is used of each budget, and what is left
    Budgets(budgets::Args),
    /// The agents that may use this sidecar
    Agents(agents::Args),
    /// The people who may decide
    People(people::Args),
    Page(page::Args),
    Pause(pause::Pausing),
    Resume(pause::Resuming),
    Notifications(notifications::Args),
    /// Read the record
    Audit(audit::AuditArgs),
}

/// Runs the command line as typed.
///
/// # Errors
/// Whatever stops a command; the text is for the person at the terminal.
pub fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    if let Command::Confined(args) = &cli.command {
        // It knows no home: it is kept out of it.
        return Ok(exec::confined::run(args));
    }
    if let Command::Import(args) = &cli.command {
        // It reads no home.
        return import::run(args);
    }
    if let Command::Demo(args) = &cli.command {
        // It has a home of its own, whichever there are.
        return demo::run(cli.home, args);
    }
    if let Command::Audit(args) = &cli.command {
        return audit::run(args, || chosen(cli.home), &mut std::io::stdout().lock());
    }
    let home = chosen(cli.home.clone())?;
    match cli.command {
        Command::Run(args) => run::run(home, &args),
        Command::Exec(args) => exec::run(home, &args),
        Command::Confined(args) => Ok(exec::confined::run(&args)),
        Command::Env(args) => env::run(home, &args),
        Command::Doctor(args) => doctor::run(home, &args),
        // It takes no home that is there by default: it writes into it.
        Command::Demo(args) => demo::run(cli.home, &args),
        Command::Ca(args) => ca::run(&home, &args),
        Command::Check => check::run(home),
        Command::Init(args) => init::run(&home, &args),
        Command::Import(args) => import::run(&args),
        Command::Mapping(args) => mapping::run(home, &args),
        Command::Actions(args) => actions::run(&home, &args),
        Command::Policy(args) => policy::run(home, &args),
        Command::Targets(args) => targets::run(&home, &args),
        Command::Test(args) => test::run(home, &args),
        Command::Replay(args) => replay::run(home, &args),
        Command::Explain(args) => explain::run(home, &args),
        Command::Approvals(args) => ask(&home, "approvals", async |client, out| {
            approvals::run(&args, client, &home.option(), out).await
        }),
        Command::Grants(args) => ask(&home, "grants", async |client, out| {
            grants::run(&args, client, &home.option(), out).await
        }),
        Command::Budgets(args) => ask(&home, "budgets", async |client, out| {
            budgets::run(&args, client, out).await
        }),
        Command::Agents(args) => ask(&home, "agents", async |client, out| {
            agents::run(&args, client, out).await
        }),
        Command::People(args) => ask(&home, "people", async |client, out| {
            people::run(&args, client, out).await
        }),
        Command::Page(args) => ask(&home, "page", async |client, out| page::run(&args, client, out).await),
        Command::Pause(args) => ask(&home, "pause", async |client, out| {
            pause::pause(&args, client, &home.option(), out).await
        }),
        Command::Resume(args) => ask(&home, "resume", async |client, out| {
            pause::resume(&args, client, out).await
        }),
        Command::Notifications(args) => ask(&home, "notifications", async |client, out| {
            notifications::run(&args, client, out).await
        }),
        // It chooses its home itself: verifying needs none.
        Command::Audit(args) => audit::run(&args, || Ok(home), &mut std::io::stdout().lock()),
    }
}

/// The home; where it is the working directory without anybody having said so, that is told.
fn chosen(given: Option<PathBuf>) -> anyhow::Result<Home> {
    let said = given.is_some();
    let home = Home::choose(given)?;
    if !said && !home.option().is_empty() {
        let path = home.path().display();
        writeln!(std::io::stderr(), "runplane: the home is the working directory, {path}")?;
    }
    Ok(home)
}

/// The control port of a home's sidecar, by TLS with the very certificate that is configured if it has one.
fn control(config: &Config, key: Secret<String>) -> anyhow::Result<Client> {
    let client = Client::new(config.control.address, key);
    Ok(match &config.control.tls {
        Some(tls) => client.pinned(tls::pinned(tls.files())?),
        None => client,
    })
}

/// Asks the running sidecar of a home about `what`, with the person's key.
fn ask(
    home: &Home,
    what: &str,
    question: impl AsyncFnOnce(&Client, &mut (dyn Write + Send)) -> Result<(), ClientError>,
) -> anyhow::Result<ExitCode> {
    exec::refuse_inside(&format!("/api/v1/{what}"))?;
    let config = match Config::to_ask(home.clone()) {
        Ok(config) => config,
        Err(wrong) => return check::print(&wrong),
    };
    let client = control(&config, client::key(&home.state())?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(question(&client, &mut std::io::stdout()))?;
    Ok(ExitCode::SUCCESS)
}

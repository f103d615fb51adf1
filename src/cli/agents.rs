//! `runplane agents`: who may use this sidecar.

use std::io::Write;
use std::sync::Arc;

use clap::Subcommand;
use serde::Serialize;

use super::client::{Client, ClientError, segment, table};
use crate::control::view::{Added, Agent, Items};
use crate::model::inert::inert;

/// The agents that may use this sidecar.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register an agent and show its key, once
    Add {
        name: String,
        /// A role that policies name; may be given several times
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// The person answerable for it
        #[arg(long)]
        owner: Option<String>,
    },
    /// All agents
    List,
    /// Give an agent another key and show it, once; the key it had is refused from now on
    Rotate { name: String },
    /// Refuse an agent from now on
    Disable { name: String },
}

#[derive(Serialize)]
struct New<'a> {
    name: &'a str,
    roles: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
}

/// Runs the command and writes what it says to `out`.
///
/// # Errors
/// As [`ClientError`] says.
pub async fn run(args: &Args, client: &Client, out: &mut (dyn Write + Send)) -> Result<(), ClientError> {
    match &args.command {
        Command::Add { name, roles, owner } => {
            let new = New {
                name,
                roles,
                owner: owner.as_deref(),
            };
            show_key(out, &client.post("/api/v1/agents", &new).await?)?;
        }
        Command::Rotate { name } => {
            let path = format!("/api/v1/agents/{}/rotate", segment(name));
            show_key(out, &client.post(&path, &serde_json::json!({})).await?)?;
            writeln!(out, "The key it had is refused from now on.")?;
        }
        Command::List => {
            let list: Items<Agent> = client.get("/api/v1/agents").await?;
            write_list(out, &list.items)?;
        }
        Command::Disable { name } => {
            let path = format!("/api/v1/agents/{}/disable", segment(name));
            let agent: Agent = client.post(&path, &serde_json::json!({})).await?;
            writeln!(out, "Agent {} is disabled.", inert(&agent.name))?;
        }
    }
    Ok(())
}

fn show_key(out: &mut dyn Write, added: &Added<Agent>) -> std::io::Result<()> {
    let name = inert(&added.who.name);
    writeln!(out, "Agent {name} with the key (shown only now):\n")?;
    writeln!(out, "  {}\n", inert(&added.key))?;
    writeln!(
        out,
        "Point it here: HTTPS_PROXY=http://{name}:KEY@HOST:PORT (and HTTP_PROXY)"
    )
}

fn write_list(out: &mut dyn Write, agents: &[Agent]) -> std::io::Result<()> {
    if agents.is_empty() {
        return writeln!(
            out,
            "No agent is registered: every call is that of the agent `default`."
        );
    }
    let rows: Vec<Vec<String>> = agents
        .iter()
        .map(|agent| {
            vec![
                inert(&agent.name).into_owned(),
                names(&agent.roles),
                agent
                    .owner
                    .as_deref()
                    .map(|owner| inert(owner).into_owned())
                    .unwrap_or_default(),
                state(agent.disabled.as_deref(), agent.declared),
            ]
        })
        .collect();
    table(out, &["AGENT", "ROLES", "OWNER", "STATE"], &rows)
}

pub(super) fn names(names: &[Arc<str>]) -> String {
    let names: Vec<_> = names.iter().map(|name| inert(name)).collect();
    names.join(", ")
}

pub(super) fn state(disabled: Option<&str>, declared: bool) -> String {
    match (disabled, declared) {
        (Some(time), _) => format!("disabled {}", inert(time)),
        (None, true) => "active (runplane.yaml)".to_owned(),
        (None, false) => "active".to_owned(),
    }
}

//! `runplane pause` and `runplane resume`: the kill switch.

use std::io::Write;
use std::sync::Arc;

use clap::ArgGroup;
use serde::Serialize;

use super::client::{Client, ClientError, table};
use crate::control::view::{Items, Pause, Paused};
use crate::model::inert::inert;
use crate::model::pause::Whom;

/// Have no call of an agent sent any more, from this moment on; also after a restart
///
/// Its open WebSockets and tunnels are closed, and what waits for people is not sent. Requests that are under way already
/// come to their end. See docs/pause.md.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub struct Pausing {
    /// The agent, whether or not it is registered
    #[arg(long, group = "what", value_name = "NAME")]
    agent: Option<String>,
    /// Every agent
    #[arg(long, group = "what")]
    all: bool,
    /// Only show who is paused
    #[arg(long, group = "what")]
    list: bool,
    /// Why, for people and the record; the agent is not told
    #[arg(long, value_name = "TEXT", conflicts_with = "list")]
    reason: Option<String>,
}

/// Let a paused agent call again
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("whose").required(true))]
pub struct Resuming {
    /// The agent
    #[arg(long, group = "whose", value_name = "NAME")]
    agent: Option<String>,
    /// Lift the pause of every agent; who is paused by name stays so
    #[arg(long, group = "whose")]
    all: bool,
}

#[derive(Serialize)]
struct Switch<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    all: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Switch<'_> {
    fn whom(&self) -> Whom {
        self.agent.map_or(Whom::Everyone, |name| Whom::Agent(Arc::from(name)))
    }
}

/// Pauses or lists, and writes what came of it to `out`. `home` goes to the end of commands that are printed.
///
/// # Errors
/// As [`ClientError`] says.
pub async fn pause(
    args: &Pausing,
    client: &Client,
    home: &str,
    out: &mut (dyn Write + Send),
) -> Result<(), ClientError> {
    if args.list {
        let list: Items<Pause> = client.get("/api/v1/pause").await?;
        return Ok(write_list(out, &list.items)?);
    }
    let switch = Switch {
        agent: args.agent.as_deref(),
        all: args.all,
        reason: args.reason.as_deref(),
    };
    let Paused { pause: made, already } = client.post("/api/v1/pause", &switch).await?;
    let option = match &made.agent {
        Some(name) => format!("--agent {}", inert(name)),
        None => "--all".to_owned(),
    };
    writeln!(
        out,
        "Paused {}: nothing more is sent, until `runplane resume{home} {option}`.",
        switch.whom()
    )?;
    if already {
        writeln!(
            out,
            "It was paused before, by {} on {}; that stands as it was.",
            inert(&made.by),
            inert(&made.since)
        )?;
    }
    if !made.known {
        writeln!(
            out,
            "No agent of this name is registered by now: if one ever is, it is paused from its first call on."
        )?;
    }
    Ok(())
}

/// Lifts a pause, and writes to `out` what is paused all the same.
///
/// # Errors
/// As [`ClientError`] says.
pub async fn resume(args: &Resuming, client: &Client, out: &mut (dyn Write + Send)) -> Result<(), ClientError> {
    let switch = Switch {
        agent: args.agent.as_deref(),
        all: args.all,
        reason: None,
    };
    let left: Items<Pause> = client.post("/api/v1/resume", &switch).await?;
    writeln!(out, "Resumed {}.", switch.whom())?;
    if !left.items.is_empty() {
        writeln!(out, "Still paused:")?;
        write_list(out, &left.items)?;
    }
    Ok(())
}

fn write_list(out: &mut dyn Write, pauses: &[Pause]) -> std::io::Result<()> {
    if pauses.is_empty() {
        return writeln!(out, "Nobody is paused.");
    }
    let rows: Vec<Vec<String>> = pauses.iter().map(row).collect();
    table(out, &["PAUSED", "SINCE", "BY", "REASON"], &rows)
}

fn row(pause: &Pause) -> Vec<String> {
    let whom = pause.agent.clone().map_or(Whom::Everyone, Whom::Agent).to_string();
    let unknown = if pause.known { "" } else { " (not registered)" };
    vec![
        whom + unknown,
        inert(&pause.since).into_owned(),
        inert(&pause.by).into_owned(),
        pause
            .reason
            .as_deref()
            .map(|reason| inert(reason).into_owned())
            .unwrap_or_default(),
    ]
}

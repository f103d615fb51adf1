//! `runplane grants`: consent to calls that are still to come.

use std::collections::BTreeMap;
use std::io::Write;

use clap::Subcommand;
use serde::Serialize;

use super::approvals::assignment;
use super::client::{Client, ClientError, segment, table};
use super::period;
use crate::control::view::{Grant, Items};
use crate::model::inert::inert;

/// Consent to calls that are still to come: of one agent, one action and kind of target, within bounds.
///
/// It counts for the rules whose approvers you are among, in the text they have now; what is blocked stays blocked, and a call
/// that does not say what it does still asks. See docs/approvers.md.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Give one
    Add(Box<Add>),
    /// Those that stand, and those that came to an end lately
    List,
    /// End one: no call goes by it any more
    Revoke {
        /// Its id, or the beginning of it
        id: String,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Whose calls
    #[arg(long, value_name = "NAME")]
    agent: String,
    /// Of which action: process_refund
    #[arg(long)]
    action: String,
    /// On which kind of target: charge
    #[arg(long)]
    kind: String,
    /// Only on this one
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// Only there: test
    #[arg(long)]
    environment: Option<String>,
    /// The most that a call may say, amounts in minor units with their currency: amount=20000usd
    #[arg(long, value_name = "FIELD=MOST")]
    max: Vec<String>,
    /// For how long, at most 24h
    #[arg(long = "for", value_name = "SPAN")]
    span: String,
    /// For how many calls
    #[arg(long, value_name = "N")]
    uses: u32,
    /// Why, for the record
    #[arg(long)]
    reason: String,
}

#[derive(Serialize)]
struct New<'a> {
    agent: &'a str,
    action: &'a str,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'a str>,
    max: BTreeMap<&'a str, &'a str>,
    seconds: u64,
    uses: u32,
    reason: &'a str,
}

/// Runs the command and writes what it says to `out`. `home` goes to the end of commands that are printed.
///
/// # Errors
/// As [`ClientError`] says.
pub async fn run(args: &Args, client: &Client, home: &str, out: &mut (dyn Write + Send)) -> Result<(), ClientError> {
    match &args.command {
        Command::Add(add) => {
            let span = period::span(&add.span).ok_or_else(|| ClientError::NotASpan(add.span.clone()))?;
            let max = add.max.iter().map(|pair| assignment(pair)).collect::<Result<_, _>>()?;
            let new = New {
                agent: &add.agent,
                action: &add.action,
                kind: &add.kind,
                target: add.target.as_deref(),
                environment: add.environment.as_deref(),
                max,
                seconds: span.as_secs(),
                uses: add.uses,
                reason: &add.reason,
            };
            let grant: Grant = client.post("/api/v1/grants", &new).await?;
            writeln!(out, "Granted {}: {}", grant.id.short(), what(&grant))?;
            writeln!(out, "  it speaks for you to {}", inert(&grant.rules.join(", ")))?;
            writeln!(out, "  runplane grants revoke {}{home}", grant.id.short())?;
        }
        Command::List => {
            let list: Items<Grant> = client.get("/api/v1/grants").await?;
            write_list(out, &list.items)?;
        }
        Command::Revoke { id } => {
            let path = format!("/api/v1/grants/{}/revoke", segment(id));
            let grant: Grant = client.post(&path, &serde_json::json!({})).await?;
            let (used, uses) = (grant.used, grant.uses);
            writeln!(
                out,
                "Revoked {} after {used} of {uses} uses: {}",
                grant.id.short(),
                what(&grant)
            )?;
        }
    }
    Ok(())
}

/// `support-bot may process_refund of a charge, amount up to $200.00, 5 times until 2026-11-20T14:35:00Z`
fn what(grant: &Grant) -> String {
    let mut text = format!("{} may {} of {}", grant.agent, grant.action, grant.kind);
    if let Some(target) = &grant.target {
        text.push_str(&format!(" {target}"));
    }
    if let Some(environment) = &grant.environment {
        text.push_str(&format!(" in {environment}"));
    }
    for (field, most) in &grant.max {
        text.push_str(&format!(", {field} up to {most}"));
    }
    if let Some(approval) = &grant.corrects {
        text.push_str(&format!(", as {} was corrected", approval.short()));
    }
    let times = if grant.uses == 1 {
        "once"
    } else {
        &format!("{} times", grant.uses)
    };
    text.push_str(&format!(", {times} until {}", grant.expires));
    inert(&text).into_owned()
}

fn write_list(out: &mut dyn Write, grants: &[Grant]) -> std::io::Result<()> {
    if grants.is_empty() {
        return writeln!(out, "Nothing is granted beforehand.");
    }
    let rows: Vec<Vec<String>> = grants
        .iter()
        .map(|grant| {
            vec![
                grant.id.short().to_owned(),
                inert(&grant.state).into_owned(),
                format!("{}/{}", grant.used, grant.uses),
                inert(&grant.person).into_owned(),
                what(grant),
                inert(&grant.rules.join(", ")).into_owned(),
            ]
        })
        .collect();
    table(out, &["ID", "STATE", "USED", "BY", "WHAT", "RULES"], &rows)
}

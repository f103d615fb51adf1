//! `runplane approvals`: what waits for people, and their decision.

mod list;
mod queue;
mod show;
mod watch;

use std::collections::BTreeMap;
use std::io::Write;

use clap::Subcommand;
use serde::Serialize;

use self::list::{write_like, write_list};
use self::show::{write_approval, write_decision};
use super::client::{Client, ClientError, segment};
use crate::control::view::Approval;
use crate::model::State;

/// See and decide what waits for people.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What waits for people
    List {
        /// Also what was decided in the last minutes
        #[arg(long)]
        all: bool,
        /// Only those like this one: of the same agent, action, provider and target
        #[arg(long, value_name = "ID", conflicts_with = "all")]
        like: Option<String>,
    },
    /// What waits for people, live; over a pipe, a line for each change
    Watch,
    /// All that is to be known of one
    Show {
        /// Its id, or the beginning of it
        id: String,
    },
    /// Let exactly this call through, once
    Approve {
        /// Its id, or the beginning of it
        id: String,
        /// What the call does not say and the rules need, amounts in minor units: amount=51200
        #[arg(long, value_name = "FIELD=VALUE")]
        set: Vec<String>,
        /// Which state of it you saw, where it was changed since it was first asked for
        #[arg(long, value_name = "N")]
        revision: Option<u32>,
        /// Why, for the record
        #[arg(long)]
        reason: Option<String>,
    },
    /// Withdraw the question: nobody is asked any more, nothing goes through, and the same call asks anew
    Cancel {
        /// Its id, or the beginning of it
        id: String,
        /// Why; the agent is told
        #[arg(long)]
        reason: Option<String>,
    },
    /// Refuse it, and the same call for the next minutes; also after it was approved, if it has not gone through
    Deny {
        /// Its id, or the beginning of it
        id: String,
        /// Why; the agent is told
        #[arg(long)]
        reason: String,
        /// What would be right, amounts in minor units: the agent is told, and your consent waits for one call with exactly
        /// that: amount=5000
        #[arg(long, value_name = "FIELD=VALUE")]
        correct: Vec<String>,
        /// Which state of it you correct, where it was changed since it was first asked for
        #[arg(long, value_name = "N", requires = "correct")]
        revision: Option<u32>,
    },
}

#[derive(Serialize)]
struct Yes<'a> {
    set: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// A yes to what was changed since it was looked at is none.
    revision: u32,
}

#[derive(Serialize)]
struct No<'a> {
    reason: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    correct: BTreeMap<&'a str, &'a str>,
    /// So is a correction.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
}

#[derive(Serialize)]
struct Withdrawal<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// Runs the command and writes what it says to `out`. `home` goes to the end of commands that are printed.
///
/// # Errors
/// As [`ClientError`] says.
pub async fn run(args: &Args, client: &Client, home: &str, out: &mut (dyn Write + Send)) -> Result<(), ClientError> {
    match &args.command {
        Command::List { all, like } => {
            let list = queue::all(client, !*all).await?;
            match like {
                Some(id) => write_like(out, &list, id)?,
                None => write_list(out, &list)?,
            }
        }
        Command::Watch => watch::watch(client, out).await?,
        Command::Show { id } => {
            let approval: Approval = client.get(&path(id, "")).await?;
            write_approval(out, &approval, home)?;
        }
        Command::Approve {
            id,
            set,
            revision,
            reason,
        } => {
            let set: BTreeMap<&str, &str> = set.iter().map(|pair| assignment(pair)).collect::<Result<_, _>>()?;
            let (now, revision): (Approval, _) = (client.get(&path(id, "")).await?, revision.unwrap_or(0));
            if now.state == State::Pending && now.revision != revision {
                write_approval(out, &now, home)?;
                return Err(ClientError::Changed(now.id.short().to_owned()));
            }
            let yes = Yes {
                set,
                reason: reason.as_deref(),
                revision,
            };
            let approval: Approval = client.post(&path(now.id.as_str(), "/approve"), &yes).await?;
            write_decision(out, &approval, |field| yes.set.contains_key(field))?;
        }
        Command::Cancel { id, reason } => {
            let withdrawal = Withdrawal {
                reason: reason.as_deref(),
            };
            let approval: Approval = client.post(&path(id, "/cancel"), &withdrawal).await?;
            write_decision(out, &approval, |_| false)?;
        }
        Command::Deny {
            id,
            reason,
            correct,
            revision,
        } => {
            let correct: BTreeMap<&str, &str> =
                correct.iter().map(|pair| assignment(pair)).collect::<Result<_, _>>()?;
            let revision = (!correct.is_empty()).then(|| revision.unwrap_or(0));
            if let Some(seen) = revision {
                let now: Approval = client.get(&path(id, "")).await?;
                if now.state.is_open() && now.revision != seen {
                    write_approval(out, &now, home)?;
                    return Err(ClientError::Corrected(now.id.short().to_owned(), now.revision));
                }
            }
            let no = No {
                reason,
                correct,
                revision,
            };
            let approval: Approval = client.post(&path(id, "/deny"), &no).await?;
            write_decision(out, &approval, |_| false)?;
        }
    }
    Ok(())
}

fn path(id: &str, verb: &str) -> String {
    format!("/api/v1/approvals/{}{verb}", segment(id))
}

pub(super) fn assignment(pair: &str) -> Result<(&str, &str), ClientError> {
    pair.split_once('=')
        .filter(|(field, _)| !field.is_empty())
        .ok_or_else(|| ClientError::NotAnAssignment(pair.to_owned()))
}

#[cfg(test)]
mod tests;

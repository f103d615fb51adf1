//! `runplane notifications`: who is told of approvals, and what could not be told.

use std::io::Write;

use clap::Subcommand;
use serde_json::json;

use super::client::{Client, ClientError, table};
use crate::approval::shortened;
use crate::control::view::{Notification, Notifications, Receiver};
use crate::model::inert::inert;

/// Who is told of approvals, and what could not be told
///
/// See docs/notifications.md.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: NotificationsCommand,
}

#[derive(Debug, Subcommand)]
enum NotificationsCommand {
    /// Show the receivers, what they are still to be told, and what was given up
    List {
        /// Show what was delivered, too
        #[arg(long)]
        all: bool,
        /// Write it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Tell a receiver again that wanted nothing more (it answered 410); for owners
    Enable {
        /// As `list` shows it: webhook:NAME
        receiver: String,
    },
}

/// Lists or enables, and writes what came of it to `out`.
///
/// # Errors
/// As [`ClientError`] says.
pub async fn run(args: &Args, client: &Client, out: &mut (dyn Write + Send)) -> Result<(), ClientError> {
    match &args.command {
        NotificationsCommand::List { all, json } => {
            let path = format!("/api/v1/notifications?all={all}");
            let found: Notifications = client.get(&path).await?;
            if *json {
                serde_json::to_writer_pretty(&mut *out, &found).map_err(std::io::Error::from)?;
                writeln!(out)?;
                return Ok(());
            }
            Ok(write_list(out, &found)?)
        }
        NotificationsCommand::Enable { receiver } => {
            let which = json!({ "receiver": receiver });
            let _now: Notifications = client.post("/api/v1/notifications/enable", &which).await?;
            Ok(writeln!(
                out,
                "Enabled {}: it is told what happens from here on.",
                inert(receiver)
            )?)
        }
    }
}

fn write_list(out: &mut dyn Write, found: &Notifications) -> std::io::Result<()> {
    if found.receivers.is_empty() {
        return writeln!(
            out,
            "Nobody is told: `notifications:` in runplane.yaml names receivers."
        );
    }
    let rows: Vec<Vec<String>> = found.receivers.iter().map(receiver).collect();
    let head = ["RECEIVER", "STATE", "PENDING", "DELIVERED", "GIVEN UP", "LAST ERROR"];
    table(out, &head, &rows)?;
    if found.items.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let rows: Vec<Vec<String>> = found.items.iter().map(notification).collect();
    let head = [
        "TIME", "APPROVAL", "EVENT", "RECEIVER", "STATE", "ATTEMPTS", "NEXT", "ERROR",
    ];
    table(out, &head, &rows)
}

fn receiver(receiver: &Receiver) -> Vec<String> {
    let state = match (&receiver.disabled, &receiver.why) {
        (Some(since), why) => format!("disabled {since}: {}", why.as_deref().unwrap_or_default()),
        (None, _) => "enabled".to_owned(),
    };
    vec![
        inert(&receiver.name).into_owned(),
        inert(&shortened(&state, 120)).into_owned(),
        receiver.pending.to_string(),
        receiver.delivered.to_string(),
        receiver.given_up.to_string(),
        error(receiver.last_error.as_deref()),
    ]
}

fn notification(notification: &Notification) -> Vec<String> {
    vec![
        inert(&notification.created).into_owned(),
        notification.approval.short().to_owned(),
        inert(&notification.event).into_owned(),
        inert(&notification.receiver).into_owned(),
        notification.state.as_str().to_owned(),
        notification.attempts.to_string(),
        notification
            .due
            .as_deref()
            .map_or_else(|| "-".to_owned(), |due| inert(due).into_owned()),
        error(notification.error.as_deref()),
    ]
}

fn error(error: Option<&str>) -> String {
    error.map_or_else(|| "-".to_owned(), |error| inert(&shortened(error, 120)).into_owned())
}

//! `runplane page`: into the approvers' page, without typing a key into a browser.

use std::io::Write;

use super::client::{Client, ClientError};
use crate::control::page::Made;
use crate::model::inert::inert;

/// Make a link that signs you in to the page where people approve, once and for ten minutes
///
/// It is yours as your key is: whoever opens it first decides in your name. See docs/approvers.md.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The approval to look at first: its id, or the beginning of it
    id: Option<String>,
}

/// Runs the command and writes what it says to `out`.
///
/// # Errors
/// As [`ClientError`] says.
pub async fn run(args: &Args, client: &Client, out: &mut (dyn Write + Send)) -> Result<(), ClientError> {
    let wanted = serde_json::json!({ "to": args.id });
    let made: Made = client.post("/api/v1/page/link", &wanted).await?;
    let (person, minutes) = (inert(&made.person), made.seconds / 60);
    writeln!(
        out,
        "For {person}, once, within {minutes} minutes:\n\n  {}",
        inert(&made.url)
    )?;
    Ok(())
}

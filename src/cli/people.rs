//! `runplane people`: who may decide.

use std::io::Write;

use clap::Subcommand;
use serde::Serialize;

use super::agents::{names, state};
use super::client::{Client, ClientError, KEY_VARIABLE, segment, table};
use crate::control::view::{Added, Items, Person};
use crate::model::inert::inert;

/// The people who may decide.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register a person and show their key, once
    Add {
        name: String,
        /// A group that rules ask (`approver` by default, `owner` may approve anything); may be given several times
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<String>,
    },
    /// All people
    List,
    /// Refuse a person from now on
    Disable { name: String },
}

#[derive(Serialize)]
struct New<'a> {
    name: &'a str,
    groups: &'a [String],
}

/// Runs the command and writes what it says to `out`.
///
/// # Errors
/// As [`ClientError`] says.
pub async fn run(args: &Args, client: &Client, out: &mut (dyn Write + Send)) -> Result<(), ClientError> {
    match &args.command {
        Command::Add { name, groups } => {
            let added: Added<Person> = client.post("/api/v1/people", &New { name, groups }).await?;
            writeln!(
                out,
                "Person {} with the key (shown only now):\n",
                inert(&added.who.name)
            )?;
            writeln!(out, "  {}\n", inert(&added.key))?;
            writeln!(out, "They decide with {KEY_VARIABLE} set to it.")?;
        }
        Command::List => {
            let list: Items<Person> = client.get("/api/v1/people").await?;
            write_list(out, &list.items)?;
        }
        Command::Disable { name } => {
            let path = format!("/api/v1/people/{}/disable", segment(name));
            let person: Person = client.post(&path, &serde_json::json!({})).await?;
            writeln!(out, "Person {} is disabled.", inert(&person.name))?;
        }
    }
    Ok(())
}

fn write_list(out: &mut dyn Write, people: &[Person]) -> std::io::Result<()> {
    let rows: Vec<Vec<String>> = people
        .iter()
        .map(|person| {
            vec![
                inert(&person.name).into_owned(),
                names(&person.groups),
                state(person.disabled.as_deref(), person.declared),
            ]
        })
        .collect();
    table(out, &["PERSON", "GROUPS", "STATE"], &rows)
}

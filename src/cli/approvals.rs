//! `runplane approvals`: what waits for people, and their decision.

use std::collections::BTreeMap;
use std::io::Write;

use clap::Subcommand;
use serde::Serialize;

use super::client::{Client, ClientError, segment, table};
use crate::control::view::{Approval, Items, Missing};
use crate::model::inert::inert;
use crate::model::{State, Value, money};

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
    },
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
        /// Why, for the record
        #[arg(long)]
        reason: Option<String>,
    },
    /// Refuse it, and the same call for the next minutes
    Deny {
        /// Its id, or the beginning of it
        id: String,
        /// Why; the agent is told
        #[arg(long)]
        reason: String,
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
}

/// Runs the command and writes what it says to `out`. `home` goes to the end of commands that are printed.
///
/// # Errors
/// As [`ClientError`] says.
pub async fn run(args: &Args, client: &Client, home: &str, out: &mut (dyn Write + Send)) -> Result<(), ClientError> {
    match &args.command {
        Command::List { all } => {
            let filter = if *all { "" } else { "?state=pending" };
            let list: Items<Approval> = client.get(&format!("/api/v1/approvals{filter}")).await?;
            write_list(out, &list.items)?;
        }
        Command::Show { id } => {
            let approval: Approval = client.get(&path(id, "")).await?;
            write_approval(out, &approval, home)?;
        }
        Command::Approve { id, set, reason } => {
            let set: BTreeMap<&str, &str> = set.iter().map(|pair| assignment(pair)).collect::<Result<_, _>>()?;
            let seen: Approval = client.get(&path(id, "")).await?;
            let yes = Yes {
                set,
                reason: reason.as_deref(),
                revision: seen.revision,
            };
            let approval: Approval = client.post(&path(seen.id.as_str(), "/approve"), &yes).await?;
            write_decision(out, &approval, |field| yes.set.contains_key(field))?;
        }
        Command::Deny { id, reason } => {
            let approval: Approval = client.post(&path(id, "/deny"), &No { reason }).await?;
            write_decision(out, &approval, |_| false)?;
        }
    }
    Ok(())
}

fn path(id: &str, verb: &str) -> String {
    format!("/api/v1/approvals/{}{verb}", segment(id))
}

fn assignment(pair: &str) -> Result<(&str, &str), ClientError> {
    pair.split_once('=')
        .filter(|(field, _)| !field.is_empty())
        .ok_or_else(|| ClientError::NotAnAssignment(pair.to_owned()))
}

fn write_list(out: &mut dyn Write, approvals: &[Approval]) -> std::io::Result<()> {
    if approvals.is_empty() {
        return writeln!(out, "Nothing waits for people.");
    }
    let rows: Vec<Vec<String>> = approvals
        .iter()
        .map(|approval| {
            vec![
                approval.id.short().to_owned(),
                approval.state.as_str().to_owned(),
                inert(&approval.agent).into_owned(),
                line(&approval.summary, 80),
                rules(approval),
                until(approval).to_owned(),
            ]
        })
        .collect();
    table(out, &["ID", "STATE", "AGENT", "WHAT", "RULES", "UNTIL"], &rows)
}

/// Until when it is worth what its state says.
fn until(approval: &Approval) -> &str {
    match approval.state {
        State::Pending => &approval.expires,
        State::Approved => approval.grant_expires.as_deref().unwrap_or_default(),
        State::Denied | State::Expired | State::Consumed => "",
    }
}

fn rules(approval: &Approval) -> String {
    let rules: Vec<&str> = approval.rules.iter().map(|rule| &*rule.id).collect();
    rules.join(", ")
}

/// What we know comes first, what the agent wrote is one inert line.
fn write_approval(out: &mut dyn Write, approval: &Approval, home: &str) -> std::io::Result<()> {
    writeln!(out, "{}  {}", approval.id, approval.state.as_str())?;
    let roles: Vec<&str> = approval.roles.iter().map(|role| &**role).collect();
    let target = approval.target_id.as_deref().unwrap_or("(not named)");
    let entry = |out: &mut dyn Write, name: &str, text: &str| writeln!(out, "  {name:<12}{}", line(text, 500));
    entry(out, "what", &approval.summary)?;
    entry(out, "agent", &format!("{} ({})", approval.agent, roles.join(", ")))?;
    entry(
        out,
        "action",
        &format!("{} ({} {})", approval.action, approval.provider, approval.operation),
    )?;
    entry(
        out,
        "target",
        &format!("{} {target}, {}", approval.target_kind, approval.environment),
    )?;
    entry(out, "request", &approval.request_line)?;
    for (name, value) in &approval.fields {
        entry(out, "field", &format!("{name} = {}", shown(name, value, approval)))?;
    }
    for (name, value) in &approval.stated {
        entry(out, "stated", &format!("{name} = {}", shown(name, value, approval)))?;
    }
    for missing in approval.missing.iter().filter(|missing| missing.wanted) {
        entry(out, "missing", &format!("{}: {}", missing.field, missing.description))?;
    }
    for rule in &approval.rules {
        let approvers: Vec<&str> = rule.approvers.iter().map(|group| &**group).collect();
        let reason = rule
            .reason
            .as_deref()
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        entry(
            out,
            "rule",
            &format!("{} asks {}{reason}", rule.id, approvers.join(" or ")),
        )?;
        if !rule.unchecked.is_empty() {
            let unchecked: Vec<&str> = rule.unchecked.iter().map(|id| &**id).collect();
            entry(out, "", &format!("could not be checked: {}", unchecked.join(", ")))?;
        }
    }
    for vote in &approval.votes {
        let reason = vote
            .reason
            .as_deref()
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        entry(out, "yes", &format!("{} at {}{reason}", vote.person, vote.time))?;
    }
    if let Some(denial) = &approval.denial {
        entry(out, "no", &format!("{}: {}", denial.person, denial.reason))?;
    }
    entry(
        out,
        "asked",
        &format!("{} by {}", approval.created, approval.first_call),
    )?;
    if let (Some(call), Some(time)) = (&approval.consumed_by, &approval.consumed) {
        let outcome = approval
            .outcome
            .map_or("outcome not known here", |outcome| outcome.as_str());
        entry(out, "used", &format!("{time} by {call}, {outcome}"))?;
    }
    match approval.state {
        State::Pending => {
            let waiting = match approval.clients {
                0 => "no client is connected: the agent must repeat the call",
                _ => "the agent is connected and waits",
            };
            entry(out, "until", &format!("{}; {waiting}", approval.expires))?;
            writeln!(out, "\n{}", how_to_decide(approval, home))
        }
        State::Approved => entry(out, "until", until(approval)),
        State::Denied | State::Expired | State::Consumed => Ok(()),
    }
}

fn how_to_decide(approval: &Approval, home: &str) -> String {
    let short = approval.id.short();
    let set = to_state(&approval.missing);
    format!("runplane approvals approve {short}{set}{home}\nrunplane approvals deny {short} --reason REASON{home}")
}

fn to_state(missing: &[Missing]) -> String {
    let wanted = missing.iter().filter(|missing| missing.wanted);
    wanted.map(|missing| format!(" --set {}=…", missing.field)).collect()
}

/// `said`: whether the person at the terminal stated this field just now.
fn write_decision(out: &mut dyn Write, approval: &Approval, said: impl Fn(&str) -> bool) -> std::io::Result<()> {
    let short = approval.id.short();
    let what = line(&approval.summary, 200);
    let stated = |out: &mut dyn Write| {
        approval.stated.iter().try_for_each(|(name, value)| {
            let who = if said(name) { "you stated" } else { "stated before you:" };
            writeln!(out, "  {who} {name} = {}", shown(name, value, approval))
        })
    };
    match approval.state {
        State::Approved => {
            writeln!(out, "Approved {short}: {what}")?;
            stated(out)?;
            match approval.clients {
                0 => writeln!(
                    out,
                    "  goes through once, if the agent repeats it before {}",
                    until(approval)
                ),
                _ => writeln!(out, "  the agent is connected: it goes through now, once"),
            }
        }
        State::Denied => writeln!(out, "Denied {short}: {what}"),
        State::Consumed => writeln!(out, "Approved {short}, and gone through already: {what}"),
        State::Pending => {
            writeln!(
                out,
                "Your consent to {short} is recorded; it is not approved yet: {what}"
            )?;
            stated(out)?;
            for rule in &approval.rules {
                let approvers: Vec<&str> = rule.approvers.iter().map(|group| &**group).collect();
                writeln!(out, "  still waits for {} ({})", approvers.join(" or "), rule.id)?;
            }
            Ok(())
        }
        State::Expired => writeln!(out, "{short} has expired: {what}"),
    }
}

/// A value, and as money where it is an amount in a known currency.
fn shown(name: &str, value: &Value, approval: &Approval) -> String {
    let currency = match approval
        .fields
        .get("currency")
        .or_else(|| approval.stated.get("currency"))
    {
        Some(Value::Text(currency)) => Some(currency.as_str()),
        Some(Value::Bool(_) | Value::Int(_) | Value::List(_)) | None => None,
    };
    let text = inert(&value.to_string()).into_owned();
    match (name, value, currency) {
        ("amount", Value::Int(amount), Some(currency)) => {
            format!("{text} ({})", inert(&money::show(*amount, currency)))
        }
        _ => text,
    }
}

/// At most `limit` characters of a text, inert and on one line.
fn line(text: &str, limit: usize) -> String {
    let end = text.char_indices().nth(limit).map(|(end, _)| end);
    match end.and_then(|end| text.get(..end)) {
        Some(beginning) => format!("{}…", inert(beginning)),
        None => inert(text).into_owned(),
    }
}

#[cfg(test)]
mod tests;

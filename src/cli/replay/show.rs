//! A replay for people, and for machines.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::report::{Change, Example, Report, Sum};
use crate::cli::client::table;
use crate::model::inert::{inert, inert_json};
use crate::model::money;

pub(super) fn text(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let period = &report.period;
    let unchanged = report.calls - report.changed();
    writeln!(
        out,
        "Replayed {} from {} to {}: {unchanged} as recorded, {} otherwise.",
        calls(report.calls),
        period.since,
        period.until,
        report.changed()
    )?;
    if !report.lost.is_empty() {
        let lost: u64 = report.lost.values().sum();
        writeln!(out, "Not replayed: {}.", calls(lost))?;
        for (why, count) in &report.lost {
            writeln!(out, "  {count:>7}  {}", why.told().1)?;
        }
    }
    if report.changed() == 0 {
        return Ok(());
    }
    writeln!(out)?;
    let rows: Vec<Vec<String>> = changes(report)
        .into_iter()
        .map(|(name, change)| {
            let was = |decision| change.was.get(decision).map_or(0, |sum| sum.calls).to_string();
            let mut row = vec![format!("newly {name}"), change.sum.calls.to_string()];
            row.extend(["ALLOW", "REQUIRE_APPROVAL", "BLOCK"].map(was));
            row.extend([change.carried_out.to_string(), amount(report, change.sum.amount)]);
            row
        })
        .collect();
    table(
        out,
        &["", "CALLS", "WERE ALLOWED", "HELD", "BLOCKED", "CARRIED OUT", "MONEY"],
        &rows,
    )?;
    for (name, change) in changes(report) {
        if change.sum.calls > 0 {
            details(report, name, change, out)?;
        }
    }
    Ok(())
}

fn changes(report: &Report) -> [(&'static str, &Change); 3] {
    [
        ("blocked", &report.blocked),
        ("held", &report.held),
        ("allowed", &report.allowed),
    ]
}

fn details(report: &Report, name: &str, change: &Change, out: &mut dyn Write) -> io::Result<()> {
    let by = match name {
        "allowed" => "no longer stopped by",
        _ => "by rule",
    };
    writeln!(out, "\nNewly {name}, {by}:")?;
    for (rule, sum) in &change.rules {
        writeln!(
            out,
            "  {}  {}  {}",
            inert(rule),
            calls(sum.calls),
            amount(report, sum.amount)
        )?;
    }
    writeln!(out, "Such as:")?;
    for example in &change.examples {
        let Example {
            call, time, agent, was, ..
        } = example;
        writeln!(
            out,
            "  {call}  {time}  {}  was {was}  {}",
            inert(agent),
            inert(&example.summary)
        )?;
    }
    Ok(())
}

fn calls(count: u64) -> String {
    format!("{count} call{}", if count == 1 { "" } else { "s" })
}

fn amount(report: &Report, amount: i128) -> String {
    shown_amount(report.currency.as_deref(), amount)
}

/// Minor units of the account's currency, if it has one.
pub(in crate::cli) fn shown_amount(currency: Option<&str>, amount: i128) -> String {
    match (currency, clipped(amount)) {
        (_, 0) => "-".to_owned(),
        (Some(currency), amount) => money::show(amount, currency),
        (None, amount) => amount.to_string(),
    }
}

/// More than there is money in the world is told as the largest number.
fn clipped(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
}

#[derive(Serialize)]
struct Told<'a> {
    since: String,
    until: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    calls: u64,
    unchanged: u64,
    changed: u64,
    /// By code.
    not_replayed: BTreeMap<&'static str, u64>,
    /// Of each `amount_base`, which is in its minor units.
    currency: Option<&'a str>,
    newly_blocked: ToldChange<'a>,
    newly_held: ToldChange<'a>,
    newly_allowed: ToldChange<'a>,
}

#[derive(Serialize)]
struct ToldChange<'a> {
    calls: u64,
    amount_base: i64,
    carried_out: u64,
    was: BTreeMap<&'static str, ToldSum>,
    rules: BTreeMap<&'a str, ToldSum>,
    examples: Vec<ToldExample<'a>>,
}

#[derive(Serialize)]
struct ToldSum {
    calls: u64,
    amount_base: i64,
}

#[derive(Serialize)]
struct ToldExample<'a> {
    call: &'a str,
    /// Milliseconds since 1970.
    time: i64,
    agent: &'a str,
    was: &'static str,
    rules: Vec<&'a str>,
    amount_base: i64,
    summary: &'a str,
}

pub(super) fn json(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let told = Told {
        since: report.period.since.to_string(),
        until: report.period.until.to_string(),
        agent: report.period.agent.as_deref(),
        calls: report.calls,
        unchanged: report.calls - report.changed(),
        changed: report.changed(),
        not_replayed: report.lost.iter().map(|(why, count)| (why.told().0, *count)).collect(),
        currency: report.currency.as_deref(),
        newly_blocked: told_change(&report.blocked),
        newly_held: told_change(&report.held),
        newly_allowed: told_change(&report.allowed),
    };
    writeln!(out, "{}", inert_json(&serde_json::to_string(&told)?))
}

fn told_change(change: &Change) -> ToldChange<'_> {
    let sum = told_sum(&change.sum);
    let examples = change.examples.iter().map(|example| ToldExample {
        call: example.call.as_str(),
        time: example.time.0,
        agent: &example.agent,
        was: example.was,
        rules: example.rules.iter().map(|rule| &**rule).collect(),
        amount_base: example.amount,
        summary: &example.summary,
    });
    ToldChange {
        calls: sum.calls,
        amount_base: sum.amount_base,
        carried_out: change.carried_out,
        was: change.was.iter().map(|(was, sum)| (*was, told_sum(sum))).collect(),
        rules: change
            .rules
            .iter()
            .map(|(rule, sum)| (&**rule, told_sum(sum)))
            .collect(),
        examples: examples.collect(),
    }
}

fn told_sum(sum: &Sum) -> ToldSum {
    ToldSum {
        calls: sum.calls,
        amount_base: clipped(sum.amount),
    }
}

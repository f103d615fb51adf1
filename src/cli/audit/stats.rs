//! `runplane audit stats`: calls and money of the record, counted.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::filter::Filter;
use crate::audit::{Figures, Standing, Sum, Tally, Verdict};
use crate::cli::client::table;
use crate::cli::gone;
use crate::model::inert::{inert, inert_json};
use crate::model::{Timestamp, money};
use crate::store::{self, Reader};

/// Each call is counted once by what was decided of it (allowed, approved, held, blocked, observed), and once by what came of it
/// (done, doubtful, failed, stopped, waiting, again). A call that was refused while people were asked, and came again after
/// they consented, is two calls, of which the first is `again`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    filter: Filter,
    /// One JSON object instead of tables; money in minor units
    #[arg(long)]
    json: bool,
}

/// Carries it out for the home `home`.
///
/// # Errors
/// If there is no record, or it cannot be read or written out.
pub(super) fn run(args: &Args, home: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let reader = Reader::open(&home.join(store::FILE))?;
    let choice = args.filter.choice(&reader, home, Timestamp::now())?;
    let figures = Figures::of(&reader, &choice)?;
    gone::tell(&reader, choice.query.since)?;
    // The record has amounts in it, not what it is called: where no configuration can be read, they stand without a currency.
    let account = super::filter::account_currency(home).ok();
    let written = match args.json {
        true => Ok(writeln!(
            out,
            "{}",
            inert_json(&json(&figures, account.as_deref()).to_string())
        )?),
        false => text(&figures, account.as_deref(), out),
    };
    super::unless_gone(written.and_then(|()| Ok(out.flush()?)))
}

/// `$900.00`, or minor units where nobody knows the currency.
pub(super) fn shown(amount: i128, currency: &str) -> String {
    match i64::try_from(amount) {
        Ok(amount) if money::exponent(currency).is_some() => money::show(amount, currency),
        Ok(_) | Err(_) => format!("{amount} minor units"),
    }
}

fn text(figures: &Figures, account: Option<&str>, out: &mut dyn Write) -> anyhow::Result<()> {
    if figures.whole.all.calls == 0 {
        return Ok(writeln!(out, "No calls on record.")?);
    }
    for (heading, tallies) in [("ACTION", &figures.actions), ("AGENT", &figures.agents)] {
        let rows = tallies.iter().map(|(name, tally)| row(&inert(name), tally));
        let rows: Vec<Vec<String>> = rows.chain([row("all", &figures.whole)]).collect();
        let headings = [
            heading, "CALLS", "ALLOWED", "APPROVED", "HELD", "BLOCKED", "OBSERVED", "DONE", "DOUBTFUL", "FAILED",
            "STOPPED", "WAITING", "AGAIN",
        ];
        table(out, &headings, &rows)?;
        writeln!(out)?;
    }
    sums(&figures.whole, account, out)?;
    let unread = figures.whole.unread.calls;
    if unread > 0 {
        writeln!(
            out,
            "Without the money of {unread} calls: their values were erased, or are not on record."
        )?;
    }
    Ok(())
}

fn row(name: &str, tally: &Tally) -> Vec<String> {
    let verdicts = Verdict::ALL.map(|verdict| tally.verdicts.get(&verdict).map_or(0, |count| count.calls));
    let standings = Standing::ALL.map(|standing| tally.standings.get(&standing).map_or(0, |count| count.calls));
    let numbers = std::iter::once(tally.all.calls).chain(verdicts).chain(standings);
    std::iter::once(name.to_owned())
        .chain(numbers.map(|number| number.to_string()))
        .collect()
}

fn sums(tally: &Tally, account: Option<&str>, out: &mut dyn Write) -> anyhow::Result<()> {
    if tally.money.is_empty() && tally.base.is_empty() {
        return Ok(writeln!(out, "No money in them.")?);
    }
    let cells = |name: String, currency: &str, sums: &BTreeMap<Standing, Sum>| {
        let of = |standing: Standing| match sums.get(&standing) {
            None => "-".to_owned(),
            Some(sum) => format!("{} ({})", shown(sum.amount, currency), sum.count.calls),
        };
        let sums = Standing::ALL.map(of);
        std::iter::once(name).chain(sums).collect::<Vec<_>>()
    };
    let by_currency = tally.money.iter().map(|(currency, sums)| {
        let name = match currency.is_empty() {
            true => "none named".to_owned(),
            false => inert(&currency.to_ascii_uppercase()).into_owned(),
        };
        cells(name, currency, sums)
    });
    let mut rows: Vec<Vec<String>> = by_currency.collect();
    let unit = account.unwrap_or_default();
    rows.push(cells("in the account's".to_owned(), unit, &tally.base));
    table(
        out,
        &[
            "MONEY (CALLS)",
            "DONE",
            "DOUBTFUL",
            "FAILED",
            "STOPPED",
            "WAITING",
            "AGAIN",
        ],
        &rows,
    )?;
    let unconverted = tally.unconverted.calls;
    if unconverted > 0 {
        writeln!(
            out,
            "{unconverted} calls have an amount without worth in the account's currency."
        )?;
    }
    Ok(())
}

/// What [`text`] shows and the same of each action and agent.
pub(super) fn json(figures: &Figures, account: Option<&str>) -> Json {
    let all = |tallies: &BTreeMap<Arc<str>, Tally>| -> Map<String, Json> {
        tallies
            .iter()
            .map(|(name, tally)| (name.to_string(), whole(tally)))
            .collect()
    };
    let rules = figures
        .rules
        .iter()
        .map(|(rule, count)| (rule.to_string(), Json::from(count.calls)));
    json!({
        "account_currency": account,
        "actions": all(&figures.actions),
        "agents": all(&figures.agents),
        "all": whole(&figures.whole),
        "rules": rules.collect::<Map<_, _>>(),
    })
}

fn whole(tally: &Tally) -> Json {
    let verdicts = tally.verdicts.iter();
    let verdicts = verdicts.map(|(verdict, count)| (verdict.as_str().to_owned(), Json::from(count.calls)));
    let standings = tally.standings.iter();
    let standings = standings.map(|(standing, count)| (standing.as_str().to_owned(), Json::from(count.calls)));
    let sums = |sums: &BTreeMap<Standing, Sum>| -> Map<String, Json> {
        let told = |sum: &Sum| json!({ "amount": exact(sum.amount), "calls": sum.count.calls });
        sums.iter()
            .map(|(standing, sum)| (standing.as_str().to_owned(), told(sum)))
            .collect()
    };
    let money = tally
        .money
        .iter()
        .map(|(currency, of)| (currency.to_string(), Json::Object(sums(of))));
    json!({
        "base": sums(&tally.base),
        "calls": tally.all.calls,
        "decided": verdicts.collect::<Map<_, _>>(),
        "money": money.collect::<Map<_, _>>(),
        "stood": standings.collect::<Map<_, _>>(),
        "unconverted": tally.unconverted.calls,
        "unread": tally.unread.calls,
    })
}

/// A sum as a number, or as text where no number of JSON's readers holds it.
fn exact(amount: i128) -> Json {
    i64::try_from(amount).map_or_else(|_| amount.to_string().into(), Json::from)
}

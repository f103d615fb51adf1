//! `runplane budgets`: what is used of each budget, and what is left.

use std::io::Write;

use super::client::{Client, ClientError, table};
use crate::control::view::{Budget, Items};
use crate::model::inert::inert;

/// What is used of each budget, and what is left.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write them as JSON
    #[arg(long)]
    json: bool,
}

/// Asks the running sidecar and writes what it says to `out`.
///
/// # Errors
/// As [`ClientError`] says.
pub async fn run(args: &Args, client: &Client, out: &mut (dyn Write + Send)) -> Result<(), ClientError> {
    let budgets: Items<Budget> = client.get("/api/v1/budgets").await?;
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &budgets).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    Ok(write_list(out, &budgets.items)?)
}

fn write_list(out: &mut dyn Write, budgets: &[Budget]) -> std::io::Result<()> {
    if budgets.is_empty() {
        return writeln!(out, "There is no budget: policies/budgets.yaml names them.");
    }
    let rows: Vec<Vec<String>> = budgets
        .iter()
        .map(|budget| {
            let scope = match budget.scope.as_deref() {
                None => "nobody yet".to_owned(),
                Some(scope) if budget.per == "sidecar" => inert(scope).into_owned(),
                Some(scope) => format!("{} {}", budget.per, inert(scope)),
            };
            let ends = budget.oldest_ends.as_deref().unwrap_or("-");
            [
                &budget.budget,
                &scope,
                &budget.window,
                &budget.shown.used,
                &budget.shown.limit,
                &budget.shown.left,
                ends,
            ]
            .map(|cell: &str| inert(cell).into_owned())
            .to_vec()
        })
        .collect();
    let head = ["BUDGET", "OF", "WINDOW", "USED", "LIMIT", "LEFT", "OLDEST FALLS OUT"];
    table(out, &head, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::view::Shown;

    #[test]
    fn a_list_of_budgets_is_inert_and_says_who_used_what() {
        let budget = |scope: Option<&str>| Budget {
            budget: "refunds_per_day".to_owned(),
            measure: "amount_base".to_owned(),
            window: "1d".to_owned(),
            per: "target".to_owned(),
            scope: scope.map(str::to_owned),
            used: 90_000,
            limit: Some(100_000),
            left: Some(10_000),
            shown: Shown {
                used: "$900.00".to_owned(),
                limit: "$1000.00".to_owned(),
                left: "$100.00".to_owned(),
            },
            oldest_ends: Some("2026-11-20T14:05:00Z".to_owned()),
        };
        let mut out = Vec::new();
        write_list(&mut out, &[budget(Some("stripe/charge/ch_1\u{1b}[2J")), budget(None)]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains('\u{1b}'), "{text}");
        for told in [
            "target stripe/charge/ch_1",
            "$900.00",
            "$100.00",
            "2026-11-20T14:05:00Z",
            "nobody yet",
        ] {
            assert!(text.contains(told), "{told}: {text}");
        }
    }
}

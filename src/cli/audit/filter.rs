//! Which calls of the record: the same words for `show`, `export` and `stats`.

use std::path::Path;

use anyhow::{Context, bail};

use crate::audit::{Choice, Range};
use crate::cli::period::{Moment, moment};
use crate::config::Config;
use crate::config::home::Home;
use crate::model::{Timestamp, money};
use crate::store::{CallQuery, Reader};

#[derive(Debug, clap::Args)]
pub(super) struct Filter {
    /// Only of this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Only this action, as `process_refund`
    #[arg(long, value_name = "NAME")]
    action: Option<String>,
    /// Only what was decided so, last: `allow`, `block` or `hold`
    #[arg(long, value_name = "DECISION", value_parser = decision)]
    decision: Option<&'static str>,
    /// Only at this provider, as `stripe`
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// From when on: a span back from now (`90m`, `2h`, `7d`), a date (`2026-11-20`, in UTC) or a time
    /// (`2026-11-20T14:00:00Z`)
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Moment>,
    /// Before when
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<Moment>,
    /// Only what this person consented to, beforehand or when asked
    #[arg(long, value_name = "NAME")]
    approved_by: Option<String>,
    /// Only with at least so much money, as `500` or `99.95`: in the account's currency as it was worth then, or in --currency
    #[arg(long, value_name = "AMOUNT", value_parser = decimal)]
    min_amount: Option<String>,
    /// Only with at most so much
    #[arg(long, value_name = "AMOUNT", value_parser = decimal)]
    max_amount: Option<String>,
    /// Only with money in this currency, as `eur`
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<String>,
}

impl Filter {
    /// Whether it asks for nothing but an agent.
    pub(super) fn only_agent(&self) -> Option<Option<&str>> {
        let others = self.action.is_some()
            || self.decision.is_some()
            || self.provider.is_some()
            || self.since.is_some()
            || self.until.is_some()
            || self.approved_by.is_some()
            || self.min_amount.is_some()
            || self.max_amount.is_some()
            || self.currency.is_some();
        (!others).then_some(self.agent.as_deref())
    }

    /// As the record is asked, at the time `now`.
    ///
    /// # Errors
    /// If the record or the configuration cannot be read, or an amount has more places than its currency.
    pub(super) fn choice(&self, reader: &Reader, home: &Path, now: Timestamp) -> anyhow::Result<Choice> {
        let approved = self.approved_by.as_deref().map(|person| reader.approved_by(person));
        Ok(Choice {
            query: CallQuery {
                since: self.since.map(|since| since.at(now)),
                until: self.until.map(|until| until.at(now)),
                agent: self.agent.clone(),
                action: self.action.clone(),
                provider: self.provider.clone(),
                decision: self.decision,
                approvals: approved.transpose()?,
            },
            money: self.money(home)?,
        })
    }

    fn money(&self, home: &Path) -> anyhow::Result<Option<Range>> {
        if self.min_amount.is_none() && self.max_amount.is_none() && self.currency.is_none() {
            return Ok(None);
        }
        let unit = match &self.currency {
            Some(currency) => currency.clone(),
            None => account_currency(home).context("amounts are in the account's currency, or in --currency")?,
        };
        let amount = |text: &Option<String>| text.as_deref().map(|text| minor(text, &unit)).transpose();
        Ok(Some(Range {
            currency: self.currency.as_deref().map(Into::into),
            least: amount(&self.min_amount)?,
            most: amount(&self.max_amount)?,
        }))
    }
}

/// Of the configuration, lower case.
///
/// # Errors
/// If it cannot be read, or names none.
pub(super) fn account_currency(home: &Path) -> anyhow::Result<String> {
    let config = Config::load(Home::choose(Some(home.to_owned()))?);
    let Ok(config) = config else {
        bail!("the configuration cannot be read: `runplane check` tells why");
    };
    let account = config.gate.rates.account.as_deref();
    Ok(account
        .context("the configuration has no `money.account_currency`")?
        .to_owned())
}

fn decision(text: &str) -> Result<&'static str, String> {
    match text.to_ascii_lowercase().as_str() {
        "allow" | "allowed" => Ok("ALLOW"),
        "block" | "blocked" => Ok("BLOCK"),
        "hold" | "held" | "require_approval" => Ok("REQUIRE_APPROVAL"),
        _ => Err("expected `allow`, `block` or `hold`".to_owned()),
    }
}

fn currency(text: &str) -> Result<String, String> {
    match money::exponent(text) {
        Some(_) => Ok(text.to_ascii_lowercase()),
        None => Err("expected a currency of ISO 4217, as `eur`".to_owned()),
    }
}

fn decimal(text: &str) -> Result<String, String> {
    let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    match digits(whole) && digits(places) {
        true => Ok(text.to_owned()),
        false => Err("expected an amount such as 500 or 99.95".to_owned()),
    }
}

/// `99.95` as minor units of a currency.
fn minor(text: &str, currency: &str) -> anyhow::Result<i64> {
    let places = usize::try_from(money::exponent(currency).unwrap_or(2)).unwrap_or(2);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > places {
        bail!("`{text}`: an amount of {currency} has {places} decimal places");
    }
    Ok(format!("{whole}{fraction:0<places$}").parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_in_the_minor_units_of_its_currency() {
        for (text, currency, units) in [
            ("500", "usd", 50_000),
            ("99.95", "eur", 9_995),
            ("99.9", "eur", 9_990),
            ("0.10", "eur", 10),
            ("500", "jpy", 500),
            ("1.005", "kwd", 1_005),
        ] {
            assert_eq!(
                minor(&decimal(text).unwrap(), currency).unwrap(),
                units,
                "{text} {currency}"
            );
        }
        assert!(minor("1.5", "jpy").is_err() && minor("1.001", "usd").is_err());
        assert_eq!(minor("1.00", "jpy").unwrap(), 1);
        for wrong in ["", ".", "-1", "1,5", "1e3", "1.", ".5", "٣", "1234567890123456"] {
            assert!(decimal(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn decisions_and_currencies_have_names() {
        assert_eq!(decision("Hold"), Ok("REQUIRE_APPROVAL"));
        assert_eq!(decision("REQUIRE_APPROVAL"), Ok("REQUIRE_APPROVAL"));
        assert_eq!(decision("block"), Ok("BLOCK"));
        assert!(decision("maybe").is_err());
        assert_eq!(currency("EUR"), Ok("eur".to_owned()));
        assert!(currency("euros").is_err() && currency("xxx").is_err());
    }
}

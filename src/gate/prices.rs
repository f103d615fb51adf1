//! `policies/prices.yaml`: what machines cost, for the estimated monthly cost of what is provisioned.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Deserialize;

use crate::io::yaml::{self, Located};
use crate::model::money::{self, Rates};
use crate::model::{Action, Diagnostic, Source, diagnostic};

/// Hours in a month, as providers reckon.
const HOURS: i128 = 730;
/// Prices are kept as whole parts of this.
const ONE: i128 = 1_000_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Of all prices.
    currency: Located<String>,
    /// When they were looked up, for people.
    #[serde(rename = "as_of")]
    _as_of: String,
    providers: BTreeMap<Arc<str>, Located<List>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// Where they hold, for people.
    #[serde(rename = "region")]
    _region: String,
    #[serde(default)]
    hourly: BTreeMap<Arc<str>, Located<String>>,
    #[serde(default)]
    monthly: BTreeMap<Arc<str>, Located<String>>,
}

/// Prices by provider and type.
#[derive(Debug, Default)]
pub(super) struct Prices {
    currency: Box<str>,
    /// Of a month, in billionths of the currency's unit.
    monthly: HashMap<Arc<str>, HashMap<Arc<str>, i128>>,
}

impl Prices {
    /// `providers`: of which there are mappings; `None` where nobody knows.
    ///
    /// # Errors
    /// All that is wrong in the file, with its places.
    pub(super) fn load(source: &Source, providers: Option<&[&str]>) -> Result<Prices, Vec<Diagnostic>> {
        yaml::load_with(source, |file| Self::read(source, &file, providers))
    }

    fn read(source: &Source, file: &File, providers: Option<&[&str]>) -> Result<Prices, Vec<Diagnostic>> {
        let mut wrong = Vec::new();
        let currency = money::named(&file.currency.value).unwrap_or_else(|message| {
            wrong.push(file.currency.diagnostic(source, message));
            String::new()
        });
        let mut monthly: HashMap<Arc<str>, HashMap<Arc<str>, i128>> = HashMap::new();
        for (provider, list) in &file.providers {
            let strange = |known: &&[&str]| !known.contains(&&**provider);
            if let Some(known) = providers.filter(strange) {
                let message = diagnostic::no_provider(provider, known.iter().copied());
                wrong.push(list.diagnostic(source, message));
            }
            let list = &list.value;
            let known = monthly.entry(provider.clone()).or_default();
            for (times, prices) in [(HOURS, &list.hourly), (1, &list.monthly)] {
                for (kind, price) in prices {
                    let Some(billionths) = billionths(&price.value) else {
                        let found = &price.value;
                        let message =
                            format!("`{kind}`: expected a price as 0.0416, with at most 9 places, found `{found}`");
                        wrong.push(price.diagnostic(source, message));
                        continue;
                    };
                    if known.insert(kind.clone(), billionths * times).is_some() {
                        wrong.push(
                            price.diagnostic(source, format!("`{kind}` has a price by the hour and one by the month")),
                        );
                    }
                }
            }
        }
        match wrong.is_empty() {
            true => Ok(Prices {
                currency: currency.into(),
                monthly,
            }),
            false => Err(wrong),
        }
    }

    /// What the machines of an action cost in a month, in minor units of the account's currency, rounded up; `None` where
    /// their type has no price, or how many there are is not known.
    pub(super) fn monthly(&self, action: &Action, rates: &Rates) -> Option<i64> {
        let kind = action.text("instance_type")?;
        // Google names types by URL: `zones/us-central1-a/machineTypes/e2-medium`.
        let kind = kind.rsplit('/').next()?;
        let price = *self.monthly.get(&action.provider)?.get(kind)?;
        let count = i128::from(action.int("instance_count")?.max(0));
        let unit = 10i128.pow(money::exponent(&self.currency)?);
        let minor = price.checked_mul(count)?.checked_mul(unit)?;
        let rounded = minor.checked_add(ONE - 1)? / ONE;
        rates.base(i64::try_from(rounded).ok()?, &self.currency)
    }
}

fn billionths(price: &str) -> Option<i128> {
    let (whole, places) = price.split_once('.').unwrap_or((price, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || places.len() > 9 || !digits(whole) || !digits(places) {
        return None;
    }
    format!("{whole}{places:0<9}").parse().ok()
}

#[cfg(test)]
mod tests;

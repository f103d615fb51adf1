//! `money:` of `runplane.yaml`: the currency of calls that name none, and rates.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::scalar::{Currency, KeyHash, Name, Rate, Span};
use crate::io::yaml::Located;
use crate::model::accounts::{Account, Accounts, Whose};
use crate::model::money::Rates;
use crate::model::{Diagnostic, Source};

/// What stands for every account without an entry of its own.
const ANY: &str = "*";

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Section {
    /// The currency of calls that name none, and of `amount_base`; `null`: such calls have no amount in it.
    account_currency: Option<Currency>,
    /// Providers, keys and accounts in other currencies.
    accounts: Vec<Located<Entry>>,
    /// Worth of one unit of a currency in the account's, as text so that no digit is lost.
    rates: BTreeMap<Currency, Rate>,
    /// For how long what was made through here is remembered, with its amount.
    recall: Life,
}

/// `1h` at most; 0 or `false`: not at all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life(pub(super) Duration);

/// Whoever changes things by another way than this sidecar is not seen.
const LONGEST: Duration = Duration::from_secs(3600);

impl<'de> Deserialize<'de> for Life {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl Visitor<'_> for Seen {
            type Value = Life;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time of at most 1h with its unit, as 15m, or `false`")
            }

            fn visit_bool<E: Error>(self, on: bool) -> Result<Life, E> {
                match on {
                    false => Ok(Life(Duration::ZERO)),
                    true => Err(E::invalid_value(Unexpected::Bool(on), &self)),
                }
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Life, E> {
                match number {
                    0 => Ok(Life(Duration::ZERO)),
                    _ => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
                }
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Life, E> {
                match u64::try_from(number) {
                    Ok(number) => self.visit_u64(number),
                    Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
                }
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Life, E> {
                let span = Span::try_from(text.to_owned()).ok().map(|span| span.0);
                span.filter(|span| *span <= LONGEST)
                    .map(Life)
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Seen)
    }
}

/// One of `accounts`, as typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    provider: Located<Name>,
    /// Of the provider's key.
    #[serde(default)]
    key_sha256: Option<Located<KeyHash>>,
    /// That calls name beside their key, or `*`.
    #[serde(default)]
    account: Option<Located<AccountName>>,
    /// To be said; `null`: nobody can tell.
    #[serde(deserialize_with = "currency")]
    currency: Option<Currency>,
}

fn currency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Currency>, D::Error> {
    Option::deserialize(deserializer)
}

/// As header fields have it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct AccountName(String);

impl TryFrom<String> for AccountName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        match plain && !text.is_empty() && (text == ANY || !text.contains('*')) {
            true => Ok(AccountName(text)),
            false => Err(format!(
                "expected an account as the provider calls it, as acct_1032D82eZvKYlo2C, or `*` for all, found `{text}`"
            )),
        }
    }
}

impl Default for Section {
    fn default() -> Self {
        Self {
            account_currency: Some(Currency("usd".to_owned())),
            accounts: Vec::new(),
            rates: BTreeMap::new(),
            recall: Life(LONGEST),
        }
    }
}

impl Section {
    pub(super) fn rates(&self) -> Result<Rates, String> {
        let mut rates = Rates::new(self.account_currency.as_ref().map(|currency| currency.0.as_str()));
        for (currency, rate) in &self.rates {
            rates
                .insert(&currency.0, &rate.0)
                .map_err(|error| format!("`money.rates.{}`: {error}", currency.0))?;
        }
        Ok(rates)
    }

    pub(super) fn recall(&self) -> Duration {
        self.recall.0
    }

    /// `source`: the file it stands in.
    ///
    /// # Errors
    /// Every entry that says two things, or what another one said.
    pub(super) fn accounts(&self, source: &Source) -> Result<Accounts, Vec<Diagnostic>> {
        let (mut accounts, mut wrong) = (Accounts::default(), Vec::new());
        for located in &self.accounts {
            let entry = &located.value;
            let whose = match entry.whose(source) {
                Ok(whose) => whose,
                Err(both) => {
                    wrong.push(both);
                    continue;
                }
            };
            let provider = &entry.provider.value.0;
            let unknown = entry.provider.diagnostic(
                source,
                format!("`money.accounts`: no mapping is for the provider `{provider}`"),
            );
            let account = Account {
                currency: entry.currency.as_ref().map(|currency| currency.0.as_str().into()),
                place: unknown.place(),
            };
            if let Err(before) = accounts.insert(provider, whose, account, unknown) {
                let is = before.currency.as_deref().unwrap_or("not known");
                let message = format!("`money.accounts`: {} says it already: {is}", before.place);
                wrong.push(entry.at().map_or_else(
                    || located.diagnostic(source, message.clone()),
                    |(line, column)| Diagnostic::at(&source.file, &source.text, line, column, message.clone()),
                ));
            }
        }
        if wrong.is_empty() { Ok(accounts) } else { Err(wrong) }
    }
}

impl Entry {
    fn whose(&self, source: &Source) -> Result<Whose, Diagnostic> {
        match (&self.key_sha256, &self.account) {
            (None, None) => Ok(Whose::Provider),
            (Some(key), None) => Ok(Whose::Key(key.value.0.as_str().into())),
            (None, Some(account)) if account.value.0 == ANY => Ok(Whose::AnyAccount),
            (None, Some(account)) => Ok(Whose::Account(account.value.0.as_str().into())),
            (Some(_), Some(account)) => Err(account.diagnostic(
                source,
                "`money.accounts`: expected `key_sha256` or `account`, found both: an account that a call names beside its key \
                 is in one currency, whichever key that is",
            )),
        }
    }

    /// Where it says whose.
    fn at(&self) -> Option<(usize, usize)> {
        let key = self.key_sha256.as_ref().map(|key| (key.line, key.column));
        key.or_else(|| self.account.as_ref().map(|account| (account.line, account.column)))
    }
}

#[cfg(test)]
mod tests;

//! Which currency the accounts at providers are in: of amounts in calls that name none.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{Diagnostic, Missing, Value, Why};

const AMOUNT: &str = "amount";

/// What is said of single providers, of their keys and of their accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts(BTreeMap<Arc<str>, Provider>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Provider {
    entries: BTreeMap<Whose, Account>,
    /// What to say where no mapping is of this provider.
    unknown: Vec<Diagnostic>,
}

/// Whose currency an entry says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub enum Whose {
    /// All keys without an entry of their own.
    Provider,
    /// SHA-256 of the key, in hex.
    Key(Arc<str>),
    /// An account that calls name beside their key.
    Account(Arc<str>),
    /// Every such account without an entry of its own.
    AnyAccount,
}

/// As ` key 3a7f19c0…`, after the provider's name.
impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whose::Provider => Ok(()),
            Whose::Key(hash) => write!(f, " key {}…", hash.get(..8).unwrap_or(hash)),
            Whose::Account(id) => write!(f, " account {id}"),
            Whose::AnyAccount => f.write_str(" other accounts"),
        }
    }
}

/// What one entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// In lower case; `None`: nobody can tell, so that people are asked.
    pub currency: Option<Arc<str>>,
    /// `runplane.yaml:4`
    pub place: String,
}

/// Which account a call names beside its key's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'a> {
    Own,
    Other(&'a str),
    /// One that cannot be read, or several.
    Unreadable,
}

/// What amounts without a currency are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// What an entry says.
    Said(&'a Account),
    /// Whatever the account is in that all calls are taken for.
    Usual,
    /// Nobody said it of this account.
    Unknown,
}

impl Accounts {
    /// `unknown`: what to say where no mapping is of this provider.
    ///
    /// # Errors
    /// What was said of the same before.
    pub fn insert(
        &mut self,
        provider: &str,
        whose: Whose,
        account: Account,
        unknown: Diagnostic,
    ) -> Result<(), Account> {
        let known = self.0.entry(provider.into()).or_default();
        if let Some(before) = known.entries.get(&whose) {
            return Err(before.clone());
        }
        known.entries.insert(whose, account);
        known.unknown.push(unknown);
        Ok(())
    }

    /// Every entry, by provider.
    pub fn entries(&self) -> impl Iterator<Item = (&Arc<str>, &Whose, &Account)> {
        self.0.iter().flat_map(|(provider, known)| {
            let entries = known.entries.iter();
            entries.map(move |(whose, account)| (provider, whose, account))
        })
    }

    /// Entries of providers that are none of these.
    pub fn strange(&self, known: &[&str]) -> Vec<Diagnostic> {
        let strange = self.0.iter().filter(|(provider, _)| !known.contains(&&***provider));
        let told = strange.flat_map(|(provider, entries)| {
            let meant = super::diagnostic::meant(provider, known.iter().copied());
            let hint = meant.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"));
            entries.unknown.iter().map(move |unknown| Diagnostic {
                message: format!("{}{hint}", unknown.message),
                ..unknown.clone()
            })
        });
        told.collect()
    }

    /// The most exact that is said of a call. `key`: its hash; only asked for where keys are told apart. Of a provider of which
    /// nothing is said all calls are as usual.
    ///
    /// SECURITY: where accounts are told apart, a key that cannot be told, or has no entry, may be one of another currency, and
    /// another account is not in the currency of the key's: none is taken for what all others are in. Tests:
    /// `a_key_that_cannot_be_read_is_of_no_known_currency`, `a_key_without_an_entry_is_of_no_known_currency`,
    /// `another_account_is_not_in_the_currency_of_the_key`.
    pub fn of(&self, provider: &str, key: impl FnOnce() -> Option<String>, named: Named<'_>) -> Told<'_> {
        let Some(known) = self.0.get(provider) else {
            return Told::Usual;
        };
        let said = |whose: Whose| known.entries.get(&whose).map(Account::told);
        match named {
            Named::Own if known.tells_keys_apart() => match key() {
                Some(key) => said(Whose::Key(key.into())).unwrap_or_else(|| known.by_default()),
                None => Told::Unknown,
            },
            Named::Own => known.by_default(),
            Named::Other(id) => said(Whose::Account(id.into()))
                .or_else(|| said(Whose::AnyAccount))
                .unwrap_or(Told::Unknown),
            Named::Unreadable => Told::Unknown,
        }
    }

    /// Whether anything is said of a provider.
    pub fn are_told_of(&self, provider: &str) -> bool {
        self.0.contains_key(provider)
    }

    /// What is said of a provider's keys without an entry of their own.
    pub fn by_default(&self, provider: &str) -> Told<'_> {
        self.0.get(provider).map_or(Told::Usual, Provider::by_default)
    }
}

impl Provider {
    fn tells_keys_apart(&self) -> bool {
        self.entries.keys().any(|whose| matches!(whose, Whose::Key(_)))
    }

    fn by_default(&self) -> Told<'_> {
        match self.entries.get(&Whose::Provider) {
            Some(account) => account.told(),
            None if self.tells_keys_apart() => Told::Unknown,
            None => Told::Usual,
        }
    }
}

impl Account {
    fn told(&self) -> Told<'_> {
        match self.currency {
            Some(_) => Told::Said(self),
            None => Told::Unknown,
        }
    }
}

impl<'a> Told<'a> {
    /// `usual`: what all calls are taken for of which nothing more exact is said.
    pub fn currency(self, usual: Option<&'a str>) -> Option<&'a str> {
        match self {
            Told::Said(account) => account.currency.as_deref(),
            Told::Usual => usual,
            Told::Unknown => None,
        }
    }

    /// Gives an action the currency (`name`) that its call does not name. Where nobody can tell it and there is an amount, or
    /// should be, it is missing. One that is there but cannot be read stays so.
    pub fn put(
        self,
        usual: Option<&str>,
        name: &Arc<str>,
        fields: &mut BTreeMap<Arc<str>, Value>,
        missing: &mut Vec<Missing>,
    ) {
        let mut of_currency = missing.iter().filter(|missing| missing.field == *name);
        if fields.contains_key(name) || of_currency.any(|missing| missing.why != Why::Absent) {
            return;
        }
        let amount = fields.contains_key(AMOUNT) || missing.iter().any(|missing| &*missing.field == AMOUNT);
        match (self.currency(usual), self) {
            (Some(currency), _) => {
                missing.retain(|missing| missing.field != *name);
                fields.insert(name.clone(), Value::Text(currency.to_owned()));
            }
            // Not `absent`: no other default is for it, and the record says so to whoever decides it again.
            (None, Told::Unknown) if amount => {
                missing.retain(|missing| missing.field != *name);
                missing.push(Missing {
                    field: name.clone(),
                    why: Why::Unreadable,
                });
            }
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests;

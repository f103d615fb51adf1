//! Which configuration money is decided by, for the record.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::Config;
use crate::model::accounts::Whose;

impl Config {
    /// SHA-256 (hex) over all of `money:` that decisions go by: the account's currency, rates, the accounts in others and for how
    /// long what was made is remembered. Where a line stands in the file does not matter.
    pub fn money(&self) -> Arc<str> {
        let accounts = self.accounts.entries();
        let accounts: Vec<(&str, &Whose, Option<&str>)> = accounts
            .map(|(provider, whose, account)| (&**provider, whose, account.currency.as_deref()))
            .collect();
        // All of it is numbers and names: this cannot fail.
        let text = serde_json::to_string(&(&self.rates, accounts, self.recall.as_millis())).unwrap_or_default();
        hex::encode(Sha256::digest(text)).into()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Diagnostic;
    use crate::model::accounts::Account;
    use crate::model::money::Rates;

    fn config(account: &str, rate: &str, entries: &[(Whose, Option<&str>, &str)], seconds: u64) -> Config {
        let mut rates = Rates::new(Some(account));
        rates.insert("gbp", rate).unwrap();
        let mut config = Config {
            rates,
            recall: Duration::from_secs(seconds),
            ..Config::default()
        };
        for (whose, currency, place) in entries {
            let account = Account {
                currency: currency.map(Into::into),
                place: (*place).to_owned(),
            };
            let unknown = Diagnostic::of_file(*place, "unknown");
            config
                .accounts
                .insert("stripe", whose.clone(), account, unknown)
                .unwrap();
        }
        config
    }

    #[test]
    fn each_setting_of_money_is_in_the_digest_and_nothing_else_is() {
        let key = || Whose::Key("ab".repeat(32).into());
        let id = || Whose::Account("ab".repeat(32).into());
        let usual = config("usd", "1.3", &[(key(), Some("eur"), "a:1")], 60).money();
        let same = config("USD", "1.30", &[(key(), Some("eur"), "b:9")], 60);
        let same = Config {
            zone: crate::model::time::Zone::named("Europe/Berlin").unwrap(),
            ..same
        };
        assert_eq!(usual, same.money());
        assert_eq!(usual.len(), 64);
        let others = [
            config("cad", "1.3", &[(key(), Some("eur"), "a:1")], 60),
            config("usd", "1.300000001", &[(key(), Some("eur"), "a:1")], 60),
            config("usd", "1.3", &[], 60),
            config("usd", "1.3", &[(id(), Some("eur"), "a:1")], 60),
            config("usd", "1.3", &[(key(), None, "a:1")], 60),
            config("usd", "1.3", &[(key(), Some("chf"), "a:1")], 60),
            config("usd", "1.3", &[(key(), Some("eur"), "a:1")], 0),
        ];
        let mut all: Vec<_> = others.iter().map(Config::money).collect();
        all.push(usual);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 8, "each is another");
    }
}

//! What `run` prints first: where everything is, what is in force, and what to export.

use super::enforcement::Enforcement;
use super::listeners::{Address, Addresses};
use super::wiring::{SOMEBODY, Wiring};
use crate::agent::Registry;
use crate::config::Config;
use crate::config::home::quoted;
use crate::model::Secret;
use crate::model::pause::Pause;

/// What there is to tell at start.
pub(super) struct Banner<'a> {
    pub(super) config: &'a Config,
    pub(super) listening: &'a Addresses,
    pub(super) rules: &'a str,
    pub(super) registry: &'a Registry,
    /// The owner's key was made just now.
    pub(super) first_start: bool,
    /// The public half of the key of checkpoints, where it was made just now.
    pub(super) log_key: Option<String>,
    pub(super) enforcement: &'a Enforcement,
    pub(super) paused: &'a [Pause],
}

impl Banner<'_> {
    pub(super) fn text(&self) -> String {
        let home = &self.config.home;
        let Addresses {
            proxy,
            control,
            health,
            reverse,
        } = self.listening;
        let mut text = String::new();
        let mut line = |shown: String| {
            text.push_str(&shown);
            text.push('\n');
        };
        line(format!("runplane {}", env!("CARGO_PKG_VERSION")));
        line(format!("  proxy     {proxy}"));
        let public = self.config.public_url.as_ref();
        let public = public.map(|url| format!(" (for people: {url})")).unwrap_or_default();
        line(format!("  control   {control}{public}"));
        if let Some(health) = health {
            line(format!("  health    {health} (/live, /ready, /metrics)"));
        }
        for (address, reverse) in reverse {
            for route in &reverse.routes {
                let prefix = route.prefix.as_deref().unwrap_or_default();
                line(format!("  reverse   {address}{prefix} → {}", route.provider()));
            }
        }
        line(format!("  home      {}", home.path().display()));
        line(format!("  CA        {}", home.certs().join("ca.pem").display()));
        line(format!("  trail     {}", home.database().display()));
        line(format!("  in force  {}", self.rules));
        line(format!("  money     {}", self.money()));
        line(format!("  enforced? {}", self.enforcement.told()));
        for (key, value) in self.config.dangerous() {
            line(format!("  DANGER    {key}: {value}"));
        }
        for pause in self.paused {
            line(format!(
                "  PAUSED    {} by {} since {}",
                pause.whom, pause.by, pause.since
            ));
        }
        if self.first_start {
            line(format!(
                "\nThe owner's key, which decides what waits for people, was made: {}",
                home.owner_key().display()
            ));
        }
        if let Some(key) = &self.log_key {
            line(format!(
                "\nThe trail's checkpoints are signed by a new key. Keep its public half elsewhere, to verify the trail by it:\n  {key}"
            ));
        }
        line(format!(
            "\nStart an agent with `runplane exec{} -- COMMAND`, or point one at it:\n{}",
            home.option(),
            self.exports(*proxy)
        ));
        text
    }

    fn money(&self) -> String {
        let rates = &self.config.gate.rates;
        let mut told = match &rates.account {
            Some(currency) => format!("calls that name no currency are in {currency} (money.account_currency)"),
            None => "calls that name no currency have no amount (money.account_currency is not set)".to_owned(),
        };
        for (provider, whose, account) in self.config.gate.accounts.entries() {
            let currency = match account.currency.as_deref() {
                None => "not known: people are asked".to_owned(),
                Some(currency) if rates.base(1, currency).is_none() => {
                    format!("{currency}, which has no rate: people are asked")
                }
                Some(currency) => currency.to_owned(),
            };
            told.push_str(&format!("\n            {provider}{whose}: {currency}"));
        }
        told
    }

    /// The variables, those of one value on one line.
    fn exports(&self, proxy: Address) -> String {
        let asked = self.registry.authenticate(None).is_err();
        let wiring = Wiring {
            proxy: proxy.socket,
            secure: proxy.secure,
            credentials: asked.then(|| Secret::new(SOMEBODY.to_owned())),
            public: self.config.home.public(),
        };
        let mut exports = String::new();
        let mut last = None;
        for (name, value) in wiring.variables() {
            match last.as_ref() == Some(&value) {
                true => exports.push(' '),
                false if last.is_none() => exports.push_str("  export "),
                false => exports.push_str("\n  export "),
            }
            exports.push_str(&format!("{name}={}", quoted(value.as_ref())));
            last = Some(value);
        }
        exports + "\n"
    }
}

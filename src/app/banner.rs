//! What `run` prints first: where everything is, what is in force, and what to export.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use crate::agent::Registry;
use crate::config::Config;

/// What there is to tell at start.
pub(super) struct Banner<'a> {
    pub(super) config: &'a Config,
    /// Of the proxy and of control.
    pub(super) listening: [SocketAddr; 2],
    pub(super) rules: &'a str,
    pub(super) registry: &'a Registry,
    /// The owner's key was made just now.
    pub(super) first_start: bool,
}

impl Banner<'_> {
    pub(super) fn text(&self) -> String {
        let home = &self.config.home;
        let [proxy, control] = self.listening;
        let ca = home.certs().join("ca.pem");
        let mut text = String::new();
        let mut line = |shown: String| {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{shown}");
        };
        line(format!("runplane {}", env!("CARGO_PKG_VERSION")));
        line(format!("  proxy     http://{}", proxy));
        line(format!("  control   http://{}", control));
        line(format!("  home      {}", home.path().display()));
        line(format!("  CA        {}", ca.display()));
        line(format!("  trail     {}", home.database().display()));
        line(format!("  in force  {}", self.rules));
        line(format!("  money     {}", self.money()));
        line(
            "  enforced? advisory: an agent under the same user can go round this proxy and read these files"
                .to_owned(),
        );
        if self.first_start {
            line(format!(
                "\nThe owner's key, which decides what waits for people, was made: {}",
                home.owner_key().display()
            ));
        }
        line(format!("\nPoint an agent at it:\n{}", self.exports(proxy, &ca)));
        text
    }

    fn money(&self) -> String {
        match &self.config.rates.account {
            Some(currency) => format!("calls that name no currency are in {currency} (money.account_currency)"),
            None => "calls that name no currency have no amount (money.account_currency is not set)".to_owned(),
        }
    }

    fn exports(&self, proxy: SocketAddr, ca: &Path) -> String {
        let who = if self.registry.authenticate(None).is_ok() {
            ""
        } else {
            "NAME:KEY@"
        };
        let proxy = format!("http://{who}{proxy}");
        let quoted = format!("'{}'", ca.display().to_string().replace('\'', r"'\''"));
        let mut exports =
            format!("  export HTTPS_PROXY={proxy} HTTP_PROXY={proxy} https_proxy={proxy} http_proxy={proxy}\n");
        exports.push_str("  export NO_PROXY= no_proxy=\n  export");
        for name in [
            "SSL_CERT_FILE",
            "CURL_CA_BUNDLE",
            "REQUESTS_CA_BUNDLE",
            "AWS_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
        ] {
            exports.push_str(&format!(" {name}={quoted}"));
        }
        exports.push('\n');
        exports
    }
}

//! The one table of what an agent's environment must say, so that its clients come to us and trust us. `run` prints it, `env`
//! writes it for shells and containers, `exec` sets it.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::public;
use crate::model::Secret;

/// What goes to no proxy: the machine itself.
pub const NO_PROXY: &str = "localhost,127.0.0.1,::1";
/// The only variable that others have something to say in, too.
pub const JAVA: &str = "JAVA_TOOL_OPTIONS";

/// Names of a file of CAs; each replaces what its clients trust.
pub const BUNDLES: [&str; 10] = [
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "DENO_CERT",
    "HTTPLIB2_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
];
/// Names a file of CAs that is trusted beside the others.
pub const ADDED: &str = "NODE_EXTRA_CA_CERTS";

/// Takes the place of an agent's name and key where they are not known.
pub const SOMEBODY: &str = "NAME:KEY";

/// How an agent reaches us.
#[derive(Debug)]
pub struct Wiring {
    pub proxy: SocketAddr,
    /// Its port speaks TLS.
    pub secure: bool,
    /// `NAME:KEY` of the agent, where one is asked for.
    pub credentials: Option<Secret<String>>,
    /// Where [`public::write_trust`] wrote.
    pub public: PathBuf,
}

impl Wiring {
    /// Each variable with its value. A later one never depends on an earlier one.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let proxy = self.url();
        let path = |path: PathBuf| path.display().to_string();
        let bundle = path(public::bundle(&self.public));
        let mut variables = Vec::new();
        let mut add = |names: &[&'static str], value: &str| {
            variables.extend(names.iter().map(|name| (*name, value.to_owned())));
        };
        // Lower case too: curl and wget read `http_proxy` in lower case only.
        add(&["HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"], &proxy);
        add(&["NO_PROXY", "no_proxy"], NO_PROXY);
        add(&BUNDLES, &bundle);
        if self.secure {
            // git has another one for the proxy itself.
            add(&["GIT_PROXY_SSL_CAINFO"], &bundle);
        }
        add(&["SSL_CERT_DIR"], &path(self.public.clone()));
        // Node has roots of its own, and the port's certificate may be signed by one of the system's.
        let added = if self.secure {
            bundle
        } else {
            path(public::authority(&self.public))
        };
        add(&[ADDED], &added);
        add(&["NODE_USE_ENV_PROXY"], "1");
        add(&["UV_NATIVE_TLS"], "true");
        add(&[JAVA], &self.java_options());
        variables
    }

    fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        match &self.credentials {
            Some(credentials) => format!("{scheme}://{}@{}", credentials.expose(), self.proxy),
            None => format!("{scheme}://{}", self.proxy),
        }
    }

    fn java_options(&self) -> String {
        let (host, port) = (self.proxy.ip(), self.proxy.port());
        let store = public::trust_store(&self.public).display().to_string();
        [
            format!("-Dhttp.proxyHost={host} -Dhttp.proxyPort={port}"),
            format!("-Dhttps.proxyHost={host} -Dhttps.proxyPort={port}"),
            "-Dhttp.nonProxyHosts=localhost|127.*|[::1]".to_owned(),
            java_word(&format!("-Djavax.net.ssl.trustStore={store}")),
            "-Djavax.net.ssl.trustStoreType=PKCS12".to_owned(),
        ]
        .join(" ")
    }
}

/// The virtual machine takes words between blanks, and quotes of either kind around parts of them; it knows no escapes.
fn java_word(word: &str) -> String {
    match (word.contains(char::is_whitespace), word.contains('\'')) {
        (false, false) => word.to_owned(),
        (_, true) => format!("\"{word}\""),
        (true, false) => format!("'{word}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wiring(public: &str) -> Wiring {
        Wiring {
            proxy: SocketAddr::from(([127, 0, 0, 1], 8080)),
            secure: false,
            credentials: None,
            public: PathBuf::from(public),
        }
    }

    #[test]
    fn no_variable_is_named_twice() {
        let secure = Wiring {
            secure: true,
            ..wiring("/p")
        };
        let mut names: Vec<_> = secure.variables().into_iter().map(|(name, _)| name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn an_agents_key_goes_into_the_proxys_url_only() {
        let with_key = Wiring {
            credentials: Some(Secret::new("bot:rp_secret".to_owned())),
            ..wiring("/p")
        };
        for (name, value) in with_key.variables() {
            assert_eq!(
                value.contains("rp_secret"),
                name.to_lowercase().ends_with("s_proxy") || name.to_lowercase() == "http_proxy",
                "{name}"
            );
        }
    }

    #[test]
    fn a_path_with_blanks_stays_one_word_for_java() {
        let store = |public: &str| wiring(public).java_options();
        assert!(store("/p").contains(" -Djavax.net.ssl.trustStore=/p/bundle.p12 "));
        assert!(store("/a b").contains(" '-Djavax.net.ssl.trustStore=/a b/bundle.p12' "));
        assert!(store("/it's").contains(" \"-Djavax.net.ssl.trustStore=/it's/bundle.p12\" "));
    }
}

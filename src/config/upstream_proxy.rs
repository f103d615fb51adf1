//! `upstream_proxy:` of `runplane.yaml`: the one way out of a corporate network. Never taken from an environment.

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::home::Home;
use crate::io::keys;
use crate::io::yaml::Located;
use crate::model::{Authority, Diagnostic, Scheme, Secret, Source};
use crate::upstream::{Bypass, Proxy};

/// The longest password that is read from a file, in bytes.
const LONGEST_PASSWORD: u64 = 1024;

/// As typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    url: Located<Url>,
    /// Holds the password alone; a path in the home.
    password_file: Option<Located<PathBuf>>,
    #[serde(default)]
    no_proxy: Vec<Bypass>,
}

/// `http://proxy.corp:3128`, with `user:password@` in front of the host if it wants them, percent-encoded.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Url {
    scheme: Scheme,
    authority: Authority,
    user: Option<String>,
    password: Option<Secret<String>>,
}

impl TryFrom<String> for Url {
    type Error = String;

    // What was found is not said: it may hold a password.
    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!("expected a proxy as http://proxy.corp:3128 or http://user:password@proxy.corp:3128: {why}")
        };
        let (scheme, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (Scheme::Http, rest),
            (None, Some(rest)) => (Scheme::Https, rest),
            (None, None) => return Err(wrong("it begins with http:// or https:// (SOCKS is not spoken)")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(wrong(
                "it has no path; write / ? # @ : in a password as %2F %3F %23 %40 %3A",
            ));
        }
        let (credentials, host) = match rest.rsplit_once('@') {
            Some((credentials, host)) => (Some(credentials), host),
            None => (None, rest),
        };
        let authority =
            Authority::parse(host, Some(scheme.default_port())).map_err(|error| wrong(&error.to_string()))?;
        let (user, password) = match credentials.map(|text| text.split_once(':').unwrap_or((text, ""))) {
            Some((user, password)) => (Some(user), Some(password).filter(|password| !password.is_empty())),
            None => (None, None),
        };
        let decoded = |text: &str| {
            let text = percent_decode_str(text).decode_utf8();
            text.map(String::from)
                .map_err(|_| wrong("user and password are UTF-8 when decoded"))
        };
        let user = user.map(decoded).transpose()?;
        if user
            .as_deref()
            .is_some_and(|user| user.is_empty() || user.contains(':'))
        {
            return Err(wrong("a user name is not empty and has no colon"));
        }
        Ok(Self {
            scheme,
            authority,
            user,
            password: password.map(decoded).transpose()?.map(Secret::new),
        })
    }
}

impl Section {
    /// Where the password is, if in a file.
    pub(super) fn file(&self, home: &Home) -> Option<PathBuf> {
        let file = self.password_file.as_ref();
        file.map(|file| home.path().join(&file.value))
    }

    /// # Errors
    /// A password that is missing, there twice, or in a file that others can read.
    pub(super) fn proxy(self, home: &Home, source: &Source) -> Result<Proxy, Diagnostic> {
        let url = &self.url.value;
        let password = self.password(home, source)?;
        let authorization = match (&url.user, password.as_ref().or(url.password.as_ref())) {
            (None, _) => None,
            (Some(user), password) => {
                let password = password.map_or("", |password| password.expose().as_str());
                let mut value = HeaderValue::try_from(format!(
                    "Basic {}",
                    BASE64_STANDARD.encode(format!("{user}:{password}"))
                ))
                .map_err(|error| self.url.diagnostic(source, error.to_string()))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        Ok(Proxy {
            secure: url.scheme == Scheme::Https,
            authority: url.authority.clone(),
            authorization,
            bypass: self.no_proxy,
        })
    }

    fn password(&self, home: &Home, source: &Source) -> Result<Option<Secret<String>>, Diagnostic> {
        let Some(file) = &self.password_file else {
            return Ok(None);
        };
        let url = &self.url.value;
        if url.user.is_none() || url.password.is_some() {
            let message = "expected a user and no password in `url`, as http://user@proxy.corp:3128: the password is in this file";
            return Err(file.diagnostic(source, message));
        }
        let path = home.path().join(&file.value);
        let content = keys::secret_file(&path, LONGEST_PASSWORD);
        let content = content.map_err(|error| file.diagnostic(source, error.to_string()))?;
        let text =
            std::str::from_utf8(content.expose()).map_err(|_| file.diagnostic(source, "the file is not UTF-8"))?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(file.diagnostic(source, format!("`{}` holds no password", path.display()))),
            password => Ok(Some(Secret::new(password.to_owned()))),
        }
    }
}

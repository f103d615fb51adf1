//! Our own ports in `runplane.yaml`: where, and by which certificate.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use super::home::Home;
use super::scalar::Listen;
use crate::io::tls::{Files, Server};
use crate::io::yaml::Located;
use crate::model::{Authority, Diagnostic, Host, Scheme, Source};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Proxy {
    listen: Option<Located<Listen>>,
    tls: Option<Located<Tls>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Control {
    listen: Option<Located<Listen>>,
    tls: Option<Located<Tls>>,
    /// By which people reach it.
    pub(super) public_url: Option<PublicUrl>,
}

/// For probes and monitoring.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Health {
    // In clear anywhere: it tells no secret and changes nothing, and probes show no certificate.
    pub(super) listen: Option<Listen>,
}

/// Paths in the home.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
}

/// One port of ours.
#[derive(Clone, Debug)]
pub struct Port {
    pub address: SocketAddr,
    pub tls: Option<Arc<Server>>,
}

impl Proxy {
    pub(super) fn port(&self, home: &Home, source: &Source) -> Result<Port, Diagnostic> {
        port(self.listen.as_ref(), 8080, self.tls.as_ref(), home, source)
    }
}

impl Control {
    pub(super) fn port(&self, home: &Home, source: &Source) -> Result<Port, Diagnostic> {
        port(self.listen.as_ref(), 8081, self.tls.as_ref(), home, source)
    }
}

fn port(
    listen: Option<&Located<Listen>>,
    by_default: u16,
    tls: Option<&Located<Tls>>,
    home: &Home,
    source: &Source,
) -> Result<Port, Diagnostic> {
    let tls = tls.map(|tls| server(tls, home, source)).transpose()?;
    if let Some(listen) = listen {
        check(listen, tls.is_some(), source)?;
    }
    let by_default = SocketAddr::from(([127, 0, 0, 1], by_default));
    Ok(Port {
        address: listen.map_or(by_default, |listen| listen.value.0),
        tls,
    })
}

// SECURITY: beyond loopback, agents' and people's keys would cross the network in the clear.
// Test: `a_listener_beyond_loopback_needs_a_certificate`.
pub(super) fn check(listen: &Located<Listen>, has_tls: bool, source: &Source) -> Result<(), Diagnostic> {
    let address = listen.value.0;
    match has_tls || address.ip().is_loopback() {
        true => Ok(()),
        false => Err(listen.diagnostic(
            source,
            format!(
                "expected a loopback address, or `tls: {{ certificate: FILE, key: FILE }}` beside it, found {address}: keys would cross the network in the clear"
            ),
        )),
    }
}

/// The certificate and its key, read.
pub(super) fn server(tls: &Located<Tls>, home: &Home, source: &Source) -> Result<Arc<Server>, Diagnostic> {
    let files = Files {
        certificate: home.path().join(&tls.value.certificate),
        key: home.path().join(&tls.value.key),
    };
    let server = Server::load(files).map(Arc::new);
    server.map_err(|error| tls.diagnostic(source, error.to_string()))
}

/// `https://runplane.corp`, or in clear on loopback.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PublicUrl {
    scheme: Scheme,
    authority: Authority,
}

impl TryFrom<String> for PublicUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!("expected the URL by which people reach control, as https://runplane.corp, {why}, found `{text}`")
        };
        let (scheme, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (Scheme::Https, rest),
            (None, Some(rest)) => (Scheme::Http, rest),
            (None, None) => return Err(wrong("with https://")),
        };
        let authority = Authority::parse(rest.strip_suffix('/').unwrap_or(rest), Some(scheme.default_port()));
        let authority = authority.map_err(|error| wrong(&error.to_string()))?;
        let local = match &authority.host {
            Host::Name(name) => &**name == "localhost",
            Host::Address(address) => address.is_loopback(),
        };
        match scheme == Scheme::Https || local {
            true => Ok(Self { scheme, authority }),
            false => Err(wrong("in clear on loopback only")),
        }
    }
}

impl PublicUrl {
    pub fn host(&self) -> &Host {
        &self.authority.host
    }
}

impl std::fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority.written(self.scheme))
    }
}

//! Who answers where the variables lead.

use std::net::{IpAddr, SocketAddr};

use http::Uri;
use serde::Deserialize;

use crate::cli::doctor::sidecar::{PATIENCE, Place};
use crate::cli::plain::ProxyUrl;

/// Who answers a request to the sidecar's own name.
pub(in crate::cli::doctor) enum Reached {
    Sidecar(Told),
    /// It wants the key of an agent, and got none that it knows.
    Refused,
    /// Something else.
    Foreign(u16),
    Nobody(String),
    /// There is no proxy to ask.
    Unknown,
}

/// What the sidecar tells of itself.
#[derive(Debug, Deserialize)]
pub(in crate::cli::doctor) struct Told {
    pub(in crate::cli::doctor) runplane: String,
    pub(in crate::cli::doctor) nonce: String,
    pub(in crate::cli::doctor) agent: String,
    pub(in crate::cli::doctor) authorities: Vec<Authority>,
}

#[derive(Debug, Deserialize)]
pub(in crate::cli::doctor) struct Authority {
    pub(in crate::cli::doctor) sha256: String,
}

/// Whether a URL leads there, as far as that can be told without asking for a name.
pub(super) fn is_at(url: &ProxyUrl, own: SocketAddr) -> bool {
    let host = match (url.host.as_str(), url.host.parse::<IpAddr>()) {
        ("localhost", _) => own.ip().is_loopback() || own.ip().is_unspecified(),
        (_, Ok(address)) => address == own.ip() || own.ip().is_unspecified(),
        // A name of this machine.
        (_, Err(_)) => true,
    };
    host && url.port == own.port()
}

/// Asks the proxy for its own name: that of the variables, else that of the home.
pub(super) fn reach(place: &Place, proxy: Option<&Result<ProxyUrl, String>>, nonce: &str) -> Reached {
    let beside = match place {
        Place::Home(beside) => Some(beside),
        Place::Inside | Place::Elsewhere { .. } => None,
    };
    let own = beside.and_then(|beside| beside.proxy);
    let own = own.map(|own| {
        format!(
            "http{}://{own}",
            if beside.is_some_and(|beside| beside.tls.is_some()) {
                "s"
            } else {
                ""
            }
        )
    });
    let asked = match proxy {
        Some(Ok(proxy)) => Some(proxy.clone()),
        Some(Err(_)) | None => own.and_then(|own| ProxyUrl::parse(&own).ok()),
    };
    let (Some(asked), Ok(url)) = (asked, format!("http://runplane.internal/doctor/{nonce}").parse::<Uri>()) else {
        return Reached::Unknown;
    };
    let tls = beside.and_then(|beside| beside.tls.clone());
    if asked.secure && tls.is_none() {
        // Its certificate is not known here; what clients make of it tells.
        return Reached::Unknown;
    }
    match asked.ask("GET", &url, tls.filter(|_| asked.secure), PATIENCE) {
        Ok(answer) if answer.status == 407 => Reached::Refused,
        Ok(answer) => match serde_json::from_str::<Told>(&answer.content) {
            Ok(told) if told.nonce == nonce => Reached::Sidecar(told),
            Ok(_) | Err(_) => Reached::Foreign(answer.status),
        },
        Err(error) => Reached::Nobody(format!("{error:#}")),
    }
}

//! `reverse:` of `runplane.yaml`: which port or prefix of a path leads to which provider.

use std::net::SocketAddr;

use serde::Deserialize;

use super::home::Home;
use super::listen::{self, Port, Tls};
use super::scalar::{Listen, Name};
use crate::io::yaml::Located;
use crate::model::{Authority, Diagnostic, Host, Scheme, Source};
use crate::proxy::reverse::{Reverse, Route};
use crate::upstream;

/// One entry, as typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// A listener of its own; without one, the proxy's.
    listen: Option<Located<Listen>>,
    /// What the paths begin with; without one, all of the listener.
    prefix: Option<Located<Prefix>>,
    to: Located<Provider>,
    /// Who calls, where the request does not prove it.
    agent: Option<Name>,
    /// Of the listener: one entry of it says it for all.
    tls: Option<Located<Tls>>,
    /// Names by which clients may call the listener besides the loopback's.
    #[serde(default)]
    hosts: Vec<ListenerName>,
}

/// A listener that leads to providers.
#[derive(Debug)]
pub struct Listener {
    pub port: Port,
    pub reverse: Reverse,
}

/// The beginning of a path: whole segments of letters, digits and `-._~`, so that it is spelt in one way only.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Prefix(String);

impl TryFrom<String> for Prefix {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
        match text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment)) {
            true => Ok(Prefix(text)),
            false => Err(format!(
                "expected the beginning of a path, as /stripe or /eu/stripe, of letters, digits and -._~, found `{text}`"
            )),
        }
    }
}

/// A provider's address, as `https://api.stripe.com`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Provider(Scheme, Authority);

impl TryFrom<String> for Provider {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| format!("expected a provider as https://api.stripe.com, {why}, found `{text}`");
        let (scheme, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (Scheme::Https, rest),
            (None, Some(rest)) => (Scheme::Http, rest),
            (None, None) => return Err(wrong("with its scheme")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(wrong("without a path: what follows the prefix is passed on as it is"));
        }
        let authority = Authority::parse(rest, Some(scheme.default_port()));
        authority
            .map(|authority| Provider(scheme, authority))
            .map_err(|error| wrong(&error.to_string()))
    }
}

/// A host that a listener of ours is called by, at one port or all.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct ListenerName(Host, Option<u16>);

impl TryFrom<String> for ListenerName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Authority::parts(&text)
            .map(|(host, port)| ListenerName(host, port))
            .map_err(|error| {
                format!("expected a host, as sidecar.internal or sidecar.internal:8090, found `{text}`: {error}")
            })
    }
}

/// The listeners that the entries make; the one at `proxy` is the proxy's own, if any entry is without `listen`.
///
/// # Errors
/// Every entry that contradicts another one or what else is configured, at its place.
pub(super) fn listeners(
    entries: &[Located<Entry>],
    own: (SocketAddr, SocketAddr),
    upstream: &upstream::Config,
    home: &Home,
    source: &Source,
) -> Result<Vec<Listener>, Vec<Diagnostic>> {
    let (mut listeners, mut wrong) = (Vec::<Listener>::new(), Vec::new());
    for located in entries {
        let entry = &located.value;
        if let Err(diagnostic) = check(located, own, upstream, source) {
            wrong.push(diagnostic);
            continue;
        }
        let address = entry.listen.as_ref().map_or(own.0, |listen| listen.value.0);
        let route = entry.route();
        let hosts = entry.hosts.iter().map(|name| (name.0.clone(), name.1));
        // Ports that the system chooses are no two times the same.
        let known = listeners
            .iter_mut()
            .find(|known| known.port.address == address && address.port() != 0);
        match known {
            Some(known) => match known.reverse.routes.iter().find(|other| overlap(other, &route)) {
                Some(other) => {
                    let at = entry
                        .prefix
                        .as_ref()
                        .map(|prefix| prefix.diagnostic(source, contradicts(other)));
                    wrong.push(at.unwrap_or_else(|| located.diagnostic(source, contradicts(other))));
                }
                None => {
                    known.reverse.routes.push(route);
                    known.reverse.hosts.extend(hosts);
                }
            },
            None => listeners.push(Listener {
                port: Port { address, tls: None },
                reverse: Reverse {
                    routes: vec![route],
                    hosts: hosts.collect(),
                    shared: entry.listen.is_none(),
                },
            }),
        }
    }
    for located in entries {
        wrong.extend(certify(&mut listeners, &located.value, home, source).err());
    }
    // Once all that give one have given it.
    for listen in entries.iter().filter_map(|located| located.value.listen.as_ref()) {
        let mut listeners = listeners.iter();
        let has_tls = listeners.any(|known| known.port.address == listen.value.0 && known.port.tls.is_some());
        wrong.extend(listen::check(listen, has_tls, source).err());
    }
    if wrong.is_empty() { Ok(listeners) } else { Err(wrong) }
}

/// Gives the listener of an entry its certificate.
fn certify(listeners: &mut [Listener], entry: &Entry, home: &Home, source: &Source) -> Result<(), Diagnostic> {
    let Some(tls) = &entry.tls else {
        return Ok(());
    };
    let Some(listen) = &entry.listen else {
        return Err(tls.diagnostic(source, "this is the proxy's port: `proxy.tls` is its certificate"));
    };
    let server = listen::server(tls, home, source)?;
    let mut known = listeners
        .iter_mut()
        .filter(|known| known.port.address == listen.value.0);
    let Some(known) = known.next() else {
        return Ok(());
    };
    match &known.port.tls {
        Some(other) if other.files() != server.files() => {
            Err(tls.diagnostic(source, "another entry for this listener has another certificate"))
        }
        Some(_) => Ok(()),
        None => {
            known.port.tls = Some(server);
            Ok(())
        }
    }
}

impl Entry {
    fn route(&self) -> Route {
        let Provider(scheme, authority) = &self.to.value;
        Route {
            prefix: self.prefix.as_ref().map(|prefix| prefix.value.0.clone()),
            scheme: *scheme,
            authority: authority.clone(),
            agent: self.agent.as_ref().map(Name::arc),
        }
    }
}

/// What is wrong with one entry by itself.
fn check(
    located: &Located<Entry>,
    own: (SocketAddr, SocketAddr),
    upstream: &upstream::Config,
    source: &Source,
) -> Result<(), Diagnostic> {
    let entry = &located.value;
    match &entry.listen {
        None if entry.prefix.is_none() => {
            let message = "expected `listen:` (a port of its own), or `prefix:` (a path on the proxy's port), or both";
            return Err(located.diagnostic(source, message));
        }
        Some(listen) if listen.value.0.port() != 0 && (listen.value.0 == own.0 || listen.value.0 == own.1) => {
            let message = match listen.value.0 == own.0 {
                true => {
                    "the proxy listens there: leave `listen` out for a prefix of the proxy's port, or give another port"
                }
                false => "control listens there, which agents must not reach: give another port",
            };
            return Err(listen.diagnostic(source, message));
        }
        Some(_) | None => {}
    }
    let Provider(scheme, authority) = &entry.to.value;
    // SECURITY: the provider's key would cross the network in the clear without anybody's having asked for that.
    // Test: `entries_that_contradict_each_other_are_refused_at_their_place`.
    if *scheme == Scheme::Http && !upstream.names(authority) {
        let message = format!(
            "expected https://, for keys would cross the network in the clear; a service of your own is named under `destinations:` as well (\"{authority}\")"
        );
        return Err(entry.to.diagnostic(source, message));
    }
    Ok(())
}

/// Whether a path could fit both.
fn overlap(one: &Route, other: &Route) -> bool {
    let (Some(one), Some(other)) = (&one.prefix, &other.prefix) else {
        return true;
    };
    let begins = |long: &str, short: &str| {
        long.strip_prefix(short)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    begins(one, other) || begins(other, one)
}

fn contradicts(other: &Route) -> String {
    match &other.prefix {
        Some(prefix) => format!("another entry for this listener has `prefix: {prefix}`: no path may fit both"),
        None => "another entry has all of this listener: give each entry its own `listen`, or all of them a `prefix`"
            .to_owned(),
    }
}

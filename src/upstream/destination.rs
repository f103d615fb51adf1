//! Where calls may go: what the configuration names, and what follows from it for an address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::str::FromStr;

use ipnet::IpNet;
use serde::Deserialize;

use super::address;
use super::dial::DialError;
use crate::model::host::ParseHostError;
use crate::model::{Authority, Host};

/// A text that names no destination.
#[derive(Debug, thiserror::Error)]
pub enum ParseDestinationError {
    #[error("expected `host`, `host:port`, an address or a network as 10.0.0.0/8, found `{found}`")]
    Host {
        found: String,
        #[source]
        source: ParseHostError,
    },
    #[error("expected a network as 10.0.0.0/8 or [fd00::/8]:443, found `{0}`")]
    Network(String),
}

/// A host, at one port or all: `api.stripe.com:443`, `api.stripe.com`, `10.1.2.3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint {
    host: String,
    port: Option<u16>,
}

impl FromStr for Endpoint {
    type Err = ParseDestinationError;

    fn from_str(text: &str) -> Result<Self, ParseDestinationError> {
        let (host, port) = host_and_port(text)?;
        Ok(Self {
            host: host.to_string(),
            port,
        })
    }
}

impl TryFrom<String> for Endpoint {
    type Error = ParseDestinationError;

    fn try_from(text: String) -> Result<Self, ParseDestinationError> {
        text.parse()
    }
}

fn host_and_port(text: &str) -> Result<(Host, Option<u16>), ParseDestinationError> {
    match text.parse::<IpAddr>() {
        Ok(address) => Ok((Host::Address(address), None)),
        Err(_) => Authority::parts(text).map_err(|source| ParseDestinationError::Host {
            found: text.to_owned(),
            source,
        }),
    }
}

/// What may be dialled although its address is not global: an address, a network or a host name, at one port or all.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Destination {
    what: Named,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Network(IpNet),
    Host(Host),
}

impl FromStr for Destination {
    type Err = ParseDestinationError;

    fn from_str(text: &str) -> Result<Self, ParseDestinationError> {
        if text.contains('/') {
            let wrong = || ParseDestinationError::Network(text.to_owned());
            let (network, port) = match text.parse::<IpNet>() {
                Ok(network) => (network, None),
                Err(_) => {
                    let (network, port) = text.rsplit_once(':').ok_or_else(wrong)?;
                    let network = network.trim_start_matches('[').trim_end_matches(']');
                    let port = port.parse().map_err(|_| wrong())?;
                    (network.parse().map_err(|_| wrong())?, Some(port))
                }
            };
            return Ok(Self {
                what: Named::Network(network),
                port,
            });
        }
        let (host, port) = host_and_port(text)?;
        let what = match host {
            Host::Address(address) => Named::Network(address.into()),
            name @ Host::Name(_) => Named::Host(name),
        };
        Ok(Self { what, port })
    }
}

impl TryFrom<String> for Destination {
    type Error = ParseDestinationError;

    fn try_from(text: String) -> Result<Self, ParseDestinationError> {
        text.parse()
    }
}

impl Destination {
    fn names(&self, asked: &Authority, address: SocketAddr) -> bool {
        match &self.what {
            Named::Network(network) => {
                network.contains(&address.ip()) && self.port.is_none_or(|port| port == address.port())
            }
            Named::Host(host) => *host == asked.host && self.port.is_none_or(|port| port == asked.port),
        }
    }
}

/// Names of this machine on every machine, besides `localhost` and what ends so.
const LOOPBACK: [&str; 7] = [
    "localhost.localdomain",
    "localhost4",
    "localhost4.localdomain4",
    "localhost6",
    "localhost6.localdomain6",
    "ip6-localhost",
    "ip6-loopback",
];
/// Names by which the machines of clouds find what tells them their credentials.
const METADATA: [&str; 4] = ["metadata", "metadata.google.internal", "metadata.goog", "instance-data"];
/// Where that is, by whatever name.
const METADATA_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// The configuration's word on where calls may go.
#[derive(Debug, Default)]
pub(super) struct Rules {
    resolve: BTreeMap<Endpoint, SocketAddr>,
    destinations: Vec<Destination>,
    own_listeners: Vec<SocketAddr>,
    own_names: Vec<(Host, Option<u16>)>,
    /// The name that the system gives this machine, in lower case.
    machine: Option<String>,
}

impl Rules {
    pub(super) fn new(
        resolve: BTreeMap<Endpoint, SocketAddr>,
        destinations: Vec<Destination>,
        own_listeners: Vec<SocketAddr>,
        own_names: Vec<(Host, Option<u16>)>,
        machine: Option<String>,
    ) -> Self {
        Self {
            resolve,
            destinations,
            own_listeners,
            own_names,
            machine,
        }
    }

    /// The address that is set for an authority, so that DNS is not asked.
    pub(super) fn set_address(&self, asked: &Authority) -> Option<SocketAddr> {
        if self.resolve.is_empty() {
            return None;
        }
        let host = asked.host.to_string();
        let exact = self.resolve.get(&Endpoint {
            host: host.clone(),
            port: Some(asked.port),
        });
        exact
            .or_else(|| self.resolve.get(&Endpoint { host, port: None }))
            .copied()
    }

    /// Whether the configuration names this authority, or the address that is set for it, as a destination.
    pub(super) fn names(&self, asked: &Authority) -> bool {
        let literal = match asked.host {
            Host::Address(address) => Some(SocketAddr::new(address, asked.port)),
            Host::Name(_) => None,
        };
        // No network holds the address of a name that nobody has resolved.
        let nowhere = SocketAddr::from(([0, 0, 0, 0], asked.port));
        let address = self.set_address(asked).or(literal).unwrap_or(nowhere);
        self.destinations
            .iter()
            .any(|destination| destination.names(asked, address))
    }

    /// Whether all of these addresses may be dialled for this authority.
    ///
    /// # Errors
    /// One that may not refuses them all.
    // SECURITY: an answer that mixes public and private addresses is an attempt to reach the private one: the whole answer
    // is refused (`one_bad_address_refuses_the_whole_answer`). The addresses that were checked are the ones dialled, so a
    // second DNS answer changes nothing.
    pub(super) fn admit(&self, asked: &Authority, addresses: &[SocketAddr]) -> Result<(), DialError> {
        addresses.iter().try_for_each(|address| self.admit_one(asked, *address))
    }

    /// Whether an authority may be asked of a proxy that resolves names itself: checked is what the name itself tells.
    ///
    /// # Errors
    /// An address, or a name of this machine's own, that may not be dialled.
    // SECURITY: `169.254.169.254` and `localhost`, by whatever name everyone knows them, are the proxy's own network and itself: what lies there is not on the
    // public internet either. Test: `what_is_private_by_its_spelling_is_not_asked_of_the_proxy`.
    // Nor does the proxy lead back to us by a name or an address of ours: `the_proxy_is_not_asked_to_lead_back_to_us`.
    pub(super) fn admit_unresolved(&self, asked: &Authority) -> Result<(), DialError> {
        let is_asked =
            |(host, port): &(Host, Option<u16>)| *host == asked.host && port.is_none_or(|port| port == asked.port);
        if self.own_names.iter().any(is_asked) || self.names_our_port(asked) {
            return Err(DialError::OwnListener);
        }
        let address = match &asked.host {
            Host::Address(address) => *address,
            Host::Name(name) => match known_address(name) {
                Some(address) => address.into(),
                None => return Ok(()),
            },
        };
        let address = SocketAddr::new(address, asked.port);
        match self.listens_everywhere(asked.port) && is_of_this_machine(address.ip()) {
            true => Err(DialError::OwnListener),
            false => self.admit_one(asked, address),
        }
    }

    /// Whether the proxy may be dialled: the operator named it, so anywhere but at ourselves.
    ///
    /// # Errors
    /// One of our own listeners.
    pub(super) fn admit_proxy(&self, addresses: &[SocketAddr]) -> Result<(), DialError> {
        match addresses.iter().any(|address| self.is_own_listener(*address)) {
            true => Err(DialError::OwnListener),
            false => Ok(()),
        }
    }

    fn admit_one(&self, asked: &Authority, address: SocketAddr) -> Result<(), DialError> {
        if self.is_own_listener(address) {
            return Err(DialError::OwnListener);
        }
        if self
            .destinations
            .iter()
            .any(|destination| destination.names(asked, address))
        {
            return Ok(());
        }
        match address::not_global(address.ip()) {
            None => Ok(()),
            Some(class) => Err(DialError::NotGlobal {
                host: asked.host.clone(),
                class,
            }),
        }
    }

    // SECURITY: through our own listeners an agent could approve its own calls, or send us round in circles. No
    // configuration opens them. Test: `our_own_listeners_are_never_dialled`.
    fn is_own_listener(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        self.own_listeners.iter().any(|own| {
            let own_ip = own.ip().to_canonical();
            // 0.0.0.0 and :: reach this machine, as does every address of 127.0.0.0/8.
            let local = own_ip.is_loopback() || own_ip.is_unspecified();
            let reaches = own_ip == ip || ip.is_unspecified() || (local && ip.is_loopback());
            own.port() == address.port() && reaches
        })
    }

    /// Whether a connection that stands has ended at one of our own listeners after all (one that listens on every
    /// address of this machine, dialled by a name of the machine).
    pub(super) fn came_home(&self, from: SocketAddr, to: SocketAddr) -> bool {
        let own_address = from.ip().to_canonical() == to.ip().to_canonical();
        own_address && self.listens_everywhere(to.port())
    }

    /// Whether a port of ours is asked for by the name of this machine.
    fn names_our_port(&self, asked: &Authority) -> bool {
        let machine = |name: &str| self.machine.as_deref() == Some(name);
        let ours = self.own_listeners.iter().any(|own| own.port() == asked.port);
        ours && matches!(&asked.host, Host::Name(name) if machine(name))
    }

    /// Whether a listener of ours has this port of every address of this machine.
    fn listens_everywhere(&self, port: u16) -> bool {
        let mut own = self.own_listeners.iter();
        own.any(|own| own.port() == port && own.ip().is_unspecified())
    }
}

/// The name that Linux gives this machine; elsewhere it is not known.
pub(super) fn machine() -> Option<String> {
    // Without it a name less is refused, and the ports are refused by their other names.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

/// Where a name leads on any machine. `name`: in lower case.
fn known_address(name: &str) -> Option<Ipv4Addr> {
    if name == "localhost" || name.ends_with(".localhost") || LOOPBACK.contains(&name) {
        return Some(Ipv4Addr::LOCALHOST);
    }
    let metadata = METADATA.contains(&name) || name.starts_with("instance-data.");
    metadata.then_some(METADATA_ADDRESS)
}

/// Whether this machine has the address: nobody else can bind it.
fn is_of_this_machine(address: IpAddr) -> bool {
    UdpSocket::bind((address.to_canonical(), 0)).is_ok()
}

#[cfg(test)]
mod tests;

//! Our own ports.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;

use crate::config::{Config, Port};
use crate::io::tls::Server;
use crate::proxy::Door;
use crate::proxy::reverse::Reverse;

/// All that listen, bound.
pub(super) struct Listeners {
    /// Where agents come in: the proxy's first.
    pub(super) doors: Vec<Door>,
    pub(super) control: (TcpListener, Option<Arc<Server>>),
    /// For probes.
    pub(super) health: Option<TcpListener>,
    pub(super) addresses: Addresses,
}

/// Where they listen.
pub(super) struct Addresses {
    pub(super) proxy: Address,
    pub(super) control: Address,
    pub(super) health: Option<Address>,
    /// With what each leads to.
    pub(super) reverse: Vec<(Address, Arc<Reverse>)>,
}

/// Shown as a URL.
#[derive(Clone, Copy)]
pub(super) struct Address {
    pub(super) socket: SocketAddr,
    /// It speaks TLS.
    pub(super) secure: bool,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.socket)
    }
}

impl Addresses {
    pub(super) fn sockets(&self) -> Vec<SocketAddr> {
        let reverse = self.reverse.iter().map(|(address, _)| address.socket);
        let health = self.health.map(|address| address.socket);
        [self.proxy.socket, self.control.socket]
            .into_iter()
            .chain(health)
            .chain(reverse)
            .collect()
    }

    /// All of them with what they speak, for the record.
    pub(super) fn described(&self) -> String {
        let reverse = self.reverse.iter().map(|(address, _)| format!(", reverse {address}"));
        let health = self.health.map(|address| format!(", health {address}"));
        let more: String = health.into_iter().chain(reverse).collect();
        format!("proxy {}, control {}{more}", self.proxy, self.control)
    }
}

/// # Errors
/// A port that cannot be had; the text says what to do.
pub(super) async fn bind(config: &Config) -> anyhow::Result<Listeners> {
    let (socket, at) = listen("proxy.listen", &config.proxy).await?;
    let mut proxy = Door {
        socket,
        tls: config.proxy.tls.clone(),
        reverse: None,
    };
    let (control, control_at) = listen("control.listen", &config.control).await?;
    let health = match config.health {
        Some(address) => Some(listen("health.listen", &Port { address, tls: None }).await?),
        None => None,
    };
    let (health, health_at) = health.unzip();
    let mut addresses = Addresses {
        proxy: at,
        control: control_at,
        health: health_at,
        reverse: Vec::new(),
    };
    let mut doors = Vec::new();
    for listener in &config.reverse {
        let reverse = Arc::new(listener.reverse.clone());
        if reverse.shared {
            proxy.reverse = Some(reverse.clone());
            addresses.reverse.push((addresses.proxy, reverse));
            continue;
        }
        let (socket, at) = listen("reverse: listen", &listener.port).await?;
        addresses.reverse.push((at, reverse.clone()));
        doors.push(Door {
            socket,
            tls: listener.port.tls.clone(),
            reverse: Some(reverse),
        });
    }
    doors.insert(0, proxy);
    Ok(Listeners {
        doors,
        control: (control, config.control.tls.clone()),
        health,
        addresses,
    })
}

async fn listen(what: &str, port: &Port) -> anyhow::Result<(TcpListener, Address)> {
    let address = port.address;
    let socket = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: end what listens there, or set `{what}` in runplane.yaml")
    })?;
    let at = Address {
        socket: socket.local_addr()?,
        secure: port.tls.is_some(),
    };
    Ok((socket, at))
}

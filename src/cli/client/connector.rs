//! The way to one control listener, in clear or by TLS.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::io::socket::Socket;
use crate::io::stream::Stream;

#[derive(Debug)]
pub(super) struct Connector {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
}

impl Connector {
    /// To a listener of this machine; one that listens everywhere is reached by the loopback.
    pub(super) fn to(mut address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(v4) if v4.ip().is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            SocketAddr::V6(v6) if v6.ip().is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            SocketAddr::V4(_) | SocketAddr::V6(_) => {}
        }
        Self { address, tls: None }
    }

    pub(super) fn with(self, tls: ClientConfig) -> Self {
        Self {
            tls: Some(Arc::new(tls)),
            ..self
        }
    }

    pub(super) async fn connect(&self) -> io::Result<TokioIo<Stream>> {
        let stream = Socket::from(TcpStream::connect(self.address).await?);
        let stream = match &self.tls {
            None => Stream::Clear(stream),
            Some(tls) => {
                let name = ServerName::from(self.address.ip());
                let tls = TlsConnector::from(tls.clone());
                Stream::Tls(Box::new(tls.connect(name, stream).await?.into()))
            }
        };
        Ok(TokioIo::new(stream))
    }
}

/// Whether it was TLS that failed, and not the connection.
pub(super) fn is_of_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

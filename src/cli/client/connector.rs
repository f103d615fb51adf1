//! The way to one control listener, in clear or by TLS.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::io::stream::Stream;

#[derive(Clone)]
pub(super) struct Connector {
    address: SocketAddr,
    tls: Option<TlsConnector>,
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
            tls: Some(Arc::new(tls).into()),
            ..self
        }
    }

    async fn connect(self) -> io::Result<TokioIo<Stream>> {
        let stream = TcpStream::connect(self.address).await?;
        let stream = match self.tls {
            None => Stream::Clear(stream),
            Some(tls) => {
                let name = ServerName::from(self.address.ip());
                Stream::Tls(Box::new(tls.connect(name, stream).await?.into()))
            }
        };
        Ok(TokioIo::new(stream))
    }
}

/// Whether it was TLS that failed, and not the connection.
pub(super) fn is_of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
        }
        cause = error.source();
    }
    false
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

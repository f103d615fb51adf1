//! From a name to a connection: resolve once, check every address, dial the checked ones, verify.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::destination::Rules;
use super::paced::Paced;
use super::proxy::{Fault, Proxy, Way};
use crate::io::stream::Stream;
use crate::model::host::ParseHostError;
use crate::model::{Authority, Host, Reason};

const RESOLVE_WITHIN: Duration = Duration::from_secs(5);
/// For each address; the next is tried after that.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
pub(super) const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Addresses tried of one answer.
const MOST_ADDRESSES: usize = 8;

/// Why there is no connection. No byte of a request was written.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    // The address itself stays out of the message: an agent must not map an internal network through our refusals.
    #[error("{host} has an address that is {class}, and the configuration does not name it under `destinations`")]
    NotGlobal { host: Host, class: &'static str },
    #[error("the destination is Runplane itself")]
    OwnListener,
    #[error("the host cannot be dialled")]
    Host(#[from] ParseHostError),
    #[error("{0} could not be resolved to an address")]
    Resolve(Host, #[source] Option<io::Error>),
    #[error("{0} did not accept a connection")]
    Connect(Authority, #[source] Option<io::Error>),
    #[error("the TLS certificate or handshake of {0} was not accepted: {1}")]
    Tls(Authority, #[source] io::Error),
    #[error("{0} did not finish the TLS handshake in time")]
    TlsTimeout(Authority),
    #[error("the corporate proxy on the way out (`upstream_proxy`) {1}, so {0} was not reached")]
    Proxy(Authority, Fault),
}

impl DialError {
    pub(super) fn reason(&self) -> Reason {
        match self {
            DialError::NotGlobal { .. } | DialError::OwnListener => Reason::DestinationRefused,
            DialError::Host(_)
            | DialError::Resolve(..)
            | DialError::Connect(..)
            | DialError::Tls(..)
            | DialError::TlsTimeout(_)
            | DialError::Proxy(..) => Reason::UpstreamUnreachable,
        }
    }
}

/// Makes connections, for hyper's client too.
#[derive(Clone)]
pub(super) struct Dialer {
    rules: Arc<Rules>,
    tls: TlsConnector,
    proxy: Option<Arc<Way>>,
}

impl Dialer {
    pub(super) fn new(rules: Arc<Rules>, tls: Arc<ClientConfig>, proxy: Option<Proxy>) -> Self {
        let proxy = proxy.map(|proxy| Arc::new(Way::new(proxy, &tls)));
        Self {
            rules,
            tls: tls.into(),
            proxy,
        }
    }

    /// The proxy that an authority is reached by. One whose address is set is dialled as it is set.
    pub(super) fn proxy(&self, asked: &Authority) -> Option<&Way> {
        let way = self.proxy.as_deref()?;
        (way.leads_to(asked) && self.rules.set_address(asked).is_none()).then_some(way)
    }

    /// A connection to a checked address of the authority, or through the proxy to wherever it finds it.
    pub(super) async fn connect(&self, asked: &Authority) -> Result<Stream, DialError> {
        let Some(way) = self.proxy(asked) else {
            let addresses = self.resolve(asked).await?;
            self.rules.admit(asked, &addresses)?;
            return self
                .dial_one(asked, addresses)
                .await
                .map(|stream| Stream::Clear(stream.into()));
        };
        let stream = self.reach(way, asked).await?;
        let opened = way.tunnel(stream, asked).await;
        opened.map_err(|fault| DialError::Proxy(asked.clone(), fault))
    }

    /// A connection to the proxy itself, on the way to an authority.
    async fn reach(&self, way: &Way, asked: &Authority) -> Result<Stream, DialError> {
        self.rules.admit_unresolved(asked)?;
        let fault = |fault| DialError::Proxy(asked.clone(), fault);
        let addresses = self.resolve(way.authority()).await;
        let addresses = addresses.map_err(|_| fault(Fault::Unresolved))?;
        self.rules.admit_proxy(&addresses)?;
        match self.dial_one(way.authority(), addresses).await {
            Ok(stream) => way.greet(stream).await.map_err(fault),
            Err(home @ DialError::OwnListener) => Err(home),
            Err(_) => Err(fault(Fault::Unconnected)),
        }
    }

    /// The same, offering nothing but HTTP/1.1.
    pub(super) fn http1_only(&self) -> Self {
        self.offering(&[b"http/1.1"])
    }

    /// The same, offering these protocols (ALPN) instead.
    pub(super) fn offering(&self, protocols: &[&[u8]]) -> Self {
        let mut tls = ClientConfig::clone(self.tls.config());
        tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Self {
            rules: self.rules.clone(),
            tls: Arc::new(tls).into(),
            proxy: self.proxy.clone(),
        }
    }

    async fn dial_one(&self, asked: &Authority, addresses: Vec<SocketAddr>) -> Result<TcpStream, DialError> {
        let mut last = None;
        for address in addresses.into_iter().take(MOST_ADDRESSES) {
            match timeout(CONNECT_WITHIN, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return self.ready(asked, stream),
                Ok(Err(error)) => last = Some(error),
                Err(_) => last = Some(io::ErrorKind::TimedOut.into()),
            }
        }
        Err(DialError::Connect(asked.clone(), last))
    }

    async fn resolve(&self, asked: &Authority) -> Result<Vec<SocketAddr>, DialError> {
        if let Some(address) = self.rules.set_address(asked) {
            return Ok(vec![address]);
        }
        let name = match &asked.host {
            Host::Address(address) => return Ok(vec![SocketAddr::new(*address, asked.port)]),
            Host::Name(name) => name,
        };
        let none = |error| DialError::Resolve(asked.host.clone(), error);
        let answer = timeout(RESOLVE_WITHIN, lookup_host((&**name, asked.port))).await;
        let answer = answer.map_err(|_| none(None))?.map_err(|error| none(Some(error)))?;
        let addresses: Vec<SocketAddr> = answer.collect();
        match addresses.is_empty() {
            true => Err(none(None)),
            false => Ok(addresses),
        }
    }

    fn ready(&self, asked: &Authority, stream: TcpStream) -> Result<TcpStream, DialError> {
        let lost = |error| DialError::Connect(asked.clone(), Some(error));
        if self
            .rules
            .came_home(stream.local_addr().map_err(lost)?, stream.peer_addr().map_err(lost)?)
        {
            return Err(DialError::OwnListener);
        }
        stream.set_nodelay(true).map_err(lost)?;
        Ok(stream)
    }

    /// For requests: what goes in clear through the proxy is asked of the proxy itself.
    async fn dial(self, uri: Uri) -> Result<TokioIo<Transport>, DialError> {
        let (asked, secure) = asked(&uri)?;
        match self.proxy(&asked) {
            Some(way) if !secure => {
                let stream = self.reach(way, &asked).await?;
                Ok(TokioIo::new(Transport::Proxied(stream)))
            }
            Some(_) | None => self.dial_provider(asked, secure).await,
        }
    }

    /// For handshakes: whatever is said reaches the provider alone, in clear too.
    // SECURITY: a proxy that is spoken to as if it were the provider reads what it has no part in, and what it answers is
    // taken for the provider's. Test: `a_websocket_in_clear_goes_by_connect_too`.
    pub(super) async fn dial_through(self, uri: Uri) -> Result<TokioIo<Transport>, DialError> {
        let (asked, secure) = asked(&uri)?;
        self.dial_provider(asked, secure).await
    }

    async fn dial_provider(&self, asked: Authority, secure: bool) -> Result<TokioIo<Transport>, DialError> {
        let stream = self.connect(&asked).await?;
        match secure {
            true => self.secure(asked, stream).await.map(TokioIo::new),
            false => Ok(TokioIo::new(Transport::Plain(stream))),
        }
    }

    /// TLS over a connection, with whom it leads to.
    pub(super) async fn secure(&self, asked: Authority, stream: Stream) -> Result<Transport, DialError> {
        let name = server_name(&asked.host)?;
        match timeout(HANDSHAKE_WITHIN, self.tls.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Transport::Tls(Box::new(Paced::new(stream)))),
            Ok(Err(error)) => Err(DialError::Tls(asked, error)),
            Err(_) => Err(DialError::TlsTimeout(asked)),
        }
    }
}

/// The authority of a URI, and whether it is spoken to by TLS.
fn asked(uri: &Uri) -> Result<(Authority, bool), ParseHostError> {
    let secure = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
    let text = uri.authority().map_or("", http::uri::Authority::as_str);
    Ok((Authority::parse(text, Some(if secure { 443 } else { 80 }))?, secure))
}

/// The name that a host proves itself with.
pub(super) fn server_name(host: &Host) -> Result<ServerName<'static>, ParseHostError> {
    match host {
        Host::Name(name) => ServerName::try_from(name.to_string()).map_err(|_| ParseHostError::Character),
        Host::Address(address) => Ok(ServerName::from(*address)),
    }
}

impl tower::Service<Uri> for Dialer {
    type Response = TokioIo<Transport>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Transport>, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().dial(uri))
    }
}

/// A connection to a provider.
pub(super) enum Transport {
    Plain(Stream),
    /// To a proxy, which wants whole URIs.
    Proxied(Stream),
    Tls(Box<Paced<TlsStream<Stream>>>),
}

impl Connection for Transport {
    fn connected(&self) -> Connected {
        match self {
            Transport::Tls(stream) if stream.get_ref().get_ref().1.alpn_protocol() == Some(b"h2") => {
                Connected::new().negotiated_h2()
            }
            Transport::Tls(_) | Transport::Plain(_) => Connected::new(),
            Transport::Proxied(_) => Connected::new().proxy(true),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Transport::Plain(stream) | Transport::Proxied(stream) => Pin::new(stream).poll_read(context, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Transport::Plain(stream) | Transport::Proxied(stream) => Pin::new(stream).poll_write(context, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Transport::Plain(stream) | Transport::Proxied(stream) => {
                Pin::new(stream).poll_write_vectored(context, slices)
            }
            Transport::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Transport::Plain(stream) | Transport::Proxied(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Transport::Plain(stream) | Transport::Proxied(stream) => Pin::new(stream).poll_flush(context),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Transport::Plain(stream) | Transport::Proxied(stream) => Pin::new(stream).poll_shutdown(context),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

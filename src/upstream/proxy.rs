//! The way out of networks that have but one: a proxy of the operator's, asked to open a connection (CONNECT), or to pass
//! a request on where the provider speaks clear HTTP.
//!
//! It resolves names, so addresses are not ours to check then: what is an address by its spelling is checked as ever, and
//! TLS to the provider is ours from end to end.

use std::fmt;
use std::future::ready;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use ipnet::{IpNet, Ipv4Net};
use rustls::ClientConfig;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower::ServiceExt;

use super::dial::{self, HANDSHAKE_WITHIN};
use crate::io::socket::Socket;
use crate::io::stream::Stream;
use crate::model::{Authority, Host};

/// For the answer to CONNECT: by then it has resolved the name and connected.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Which proxy, and what goes without it.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub authority: Authority,
    /// TLS to the proxy itself.
    pub secure: bool,
    /// Secret: `Basic …`.
    pub authorization: Option<HeaderValue>,
    pub bypass: Vec<Bypass>,
}

/// What is dialled without the proxy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Bypass {
    /// A host, at one port or all.
    Host(Host, Option<u16>),
    /// `.corp`: all names below `corp`.
    Below(String),
    /// Addresses, where a call names one.
    Network(IpNet),
}

/// A text that names nothing to be dialled without the proxy.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected a host as git.corp or git.corp:443, all names below one as .corp, or a network as 10.0.0.0/8, found `{0}`"
)]
pub struct ParseBypassError(String);

impl FromStr for Bypass {
    type Err = ParseBypassError;

    fn from_str(text: &str) -> Result<Self, ParseBypassError> {
        let wrong = || ParseBypassError(text.to_owned());
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Bypass::Network(network));
        }
        if let Some(name) = text.strip_prefix('.') {
            return match name.parse() {
                Ok(Host::Name(name)) => Ok(Bypass::Below(format!(".{name}"))),
                Ok(Host::Address(_)) | Err(_) => Err(wrong()),
            };
        }
        match text.parse() {
            Ok(address) => Ok(Bypass::Host(Host::Address(address), None)),
            Err(_) => Authority::parts(text)
                .map(|(host, port)| Bypass::Host(host, port))
                .map_err(|_| wrong()),
        }
    }
}

impl TryFrom<String> for Bypass {
    type Error = ParseBypassError;

    fn try_from(text: String) -> Result<Self, ParseBypassError> {
        text.parse()
    }
}

impl Proxy {
    /// The same, but that this machine is never reached by it.
    ///
    /// SECURITY: what may be said in clear because it stays here (a password of the mail server's, what people are asked) would
    /// be said to the proxy, and to whatever it takes for `localhost` (test
    /// `what_goes_to_this_machine_does_not_go_by_the_proxy`).
    pub(super) fn never_to_this_machine(mut self) -> Self {
        let networks = [
            IpNet::from(Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8)),
            IpAddr::V6(Ipv6Addr::LOCALHOST).into(),
        ];
        self.bypass.extend(networks.map(Bypass::Network));
        self.bypass.push(Bypass::Host(Host::Name("localhost".into()), None));
        self
    }
}

impl Bypass {
    fn covers(&self, asked: &Authority) -> bool {
        match (self, &asked.host) {
            (Bypass::Host(host, port), asked_host) => host == asked_host && port.is_none_or(|port| port == asked.port),
            (Bypass::Below(suffix), Host::Name(name)) => name.ends_with(suffix.as_str()),
            (Bypass::Network(network), Host::Address(address)) => network.contains(address),
            (Bypass::Below(_), Host::Address(_)) | (Bypass::Network(_), Host::Name(_)) => false,
        }
    }
}

/// What the proxy did not do.
#[derive(Debug)]
pub(super) enum Fault {
    Unresolved,
    Unconnected,
    Tls(io::Error),
    /// It answered CONNECT with something else than yes, or not at all.
    Refused(String),
    Silent,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Unresolved => f.write_str("could not be resolved to an address"),
            Fault::Unconnected => f.write_str("did not accept a connection"),
            Fault::Tls(error) => write!(f, "could not prove who it is: {error}"),
            Fault::Refused(error) => write!(f, "did not open a connection ({error})"),
            Fault::Silent => write!(f, "did not answer within {} s", ANSWER_WITHIN.as_secs()),
        }
    }
}

/// The proxy with all that it takes to reach it.
pub(super) struct Way {
    proxy: Proxy,
    tls: TlsConnector,
}

impl Way {
    /// `tls` as towards providers, but for the protocol.
    pub(super) fn new(proxy: Proxy, tls: &ClientConfig) -> Self {
        let mut tls = tls.clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self {
            proxy,
            tls: Arc::new(tls).into(),
        }
    }

    pub(super) fn leads_to(&self, asked: &Authority) -> bool {
        !self.proxy.bypass.iter().any(|bypass| bypass.covers(asked))
    }

    pub(super) fn authority(&self) -> &Authority {
        &self.proxy.authority
    }

    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.proxy.authorization.as_ref()
    }

    /// Speaks to the proxy as it wants to be spoken to.
    pub(super) async fn greet(&self, stream: TcpStream) -> Result<Stream, Fault> {
        if !self.proxy.secure {
            return Ok(Stream::Clear(stream.into()));
        }
        let name =
            dial::server_name(&self.proxy.authority.host).map_err(|error| Fault::Tls(io::Error::other(error)))?;
        match timeout(HANDSHAKE_WITHIN, self.tls.connect(name, Socket::from(stream))).await {
            Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream.into()))),
            Ok(Err(error)) => Err(Fault::Tls(error)),
            Err(_) => Err(Fault::Tls(io::ErrorKind::TimedOut.into())),
        }
    }

    /// Has the proxy connect to the authority. Nothing of a call is in what it is told.
    pub(super) async fn tunnel(&self, stream: Stream, asked: &Authority) -> Result<Stream, Fault> {
        let refused = |error: String| Fault::Refused(error);
        let uri = |authority: String| {
            let uri = Uri::builder().scheme("https").authority(authority).path_and_query("/");
            uri.build().map_err(|error| Fault::Refused(error.to_string()))
        };
        let mut stream = Some(TokioIo::new(Sips(stream)));
        let once = tower::service_fn(move |_: Uri| ready(stream.take().ok_or(io::ErrorKind::NotConnected)));
        let once = once.map_err(io::Error::from);
        let mut tunnel = Tunnel::new(uri(self.proxy.authority.to_string())?, once);
        if let Some(authorization) = &self.proxy.authorization {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        match timeout(ANSWER_WITHIN, tunnel.oneshot(uri(asked.to_string())?)).await {
            Ok(Ok(stream)) => Ok(stream.into_inner().0),
            Ok(Err(error)) => Err(refused(error.to_string())),
            Err(_) => Err(Fault::Silent),
        }
    }
}

/// Reads byte by byte, so that what follows the answer to CONNECT stays on the connection: it belongs to whoever is at the
/// tunnel's other end, and a provider that speaks first would lose it.
struct Sips(Stream);

impl AsyncRead for Sips {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        let read = Pin::new(&mut self.get_mut().0).poll_read(context, &mut one);
        buffer.put_slice(one.filled());
        read
    }
}

impl AsyncWrite for Sips {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(bypass: &str, asked: &str) -> bool {
        let bypass: Bypass = bypass.parse().unwrap();
        bypass.covers(&Authority::parse(asked, Some(443)).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_proxy_that_says_nothing_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (_server, _) = listener.accept().await.unwrap();
        let roots = tempfile::tempdir().unwrap();
        let tls = super::super::trust::client_config(roots.path(), &[]).unwrap();
        let proxy = Proxy {
            authority: Authority::parse("proxy.corp:3128", None).unwrap(),
            secure: false,
            authorization: None,
            bypass: Vec::new(),
        };
        let asked = Authority::parse("api.stripe.test:443", None).unwrap();
        let tunnel = Way::new(proxy, &tls).tunnel(Stream::Clear(client.into()), &asked).await;
        assert!(matches!(tunnel, Err(Fault::Silent)));
    }

    #[test]
    fn what_goes_without_the_proxy_is_a_host_a_suffix_or_a_network() {
        for (bypass, asked) in [
            ("git.corp", "git.corp:8443"),
            ("GIT.corp", "git.corp."),
            ("git.corp:443", "git.corp"),
            (".corp", "a.b.corp"),
            ("10.0.0.0/8", "10.1.2.3"),
            ("10.1.2.3", "10.1.2.3"),
            ("fd00::/8", "[fd00::1]"),
        ] {
            assert!(covers(bypass, asked), "{bypass} {asked}");
        }
        for (bypass, asked) in [
            ("git.corp", "a.git.corp"),
            ("git.corp", "notgit.corp"),
            ("git.corp:443", "git.corp:80"),
            (".corp", "corp"),
            (".corp", "evilcorp"),
            (".corp", "a.corp.evil.test"),
            ("10.0.0.0/8", "10.1.2.3.evil.test"),
            ("10.0.0.0/8", "11.1.2.3"),
        ] {
            assert!(!covers(bypass, asked), "{bypass} {asked}");
        }
        for wrong in [
            "",
            ".",
            "*",
            "*.corp",
            "10.0.0.0/99",
            "a b",
            ".10.0.0.1",
            "https://git.corp",
        ] {
            assert!(wrong.parse::<Bypass>().is_err(), "{wrong}");
        }
    }
}

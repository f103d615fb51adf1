//! Errands of our own: messages to receivers that the configuration names. No agent's call goes this way, and none of ours
//! goes the way of calls: what is named for one is not named for the other.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::dial::{DialError, Dialer, Transport};
use super::{Config, Error, Proxy, destination, trust};
use crate::model::{Authority, Host};

/// From the first name asked for to the head of the answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Why an errand failed. Safe to show to people who may decide, not to agents.
#[derive(Debug, thiserror::Error)]
pub enum ErrandError {
    #[error(
        "{host} has an address that is {class}, and the configuration does not name it under `notifications.destinations` (of \
         checkpoints: `audit.publish.destinations`)"
    )]
    NotGlobal { host: Host, class: &'static str },
    #[error("{0}")]
    Unreachable(String),
    #[error("no answer within {} s", ANSWER_WITHIN.as_secs())]
    TimedOut,
}

impl From<&DialError> for ErrandError {
    fn from(error: &DialError) -> Self {
        match error {
            DialError::NotGlobal { host, class } => Self::NotGlobal {
                host: host.clone(),
                class,
            },
            DialError::Connect(_, Some(source)) => Self::Unreachable(format!("{error}: {source}")),
            DialError::OwnListener
            | DialError::Host(_)
            | DialError::Resolve(..)
            | DialError::Connect(..)
            | DialError::Tls(..)
            | DialError::TlsTimeout(_)
            | DialError::Proxy(..) => Self::Unreachable(error.to_string()),
        }
    }
}

impl From<DialError> for ErrandError {
    fn from(error: DialError) -> Self {
        Self::from(&error)
    }
}

/// The way out for messages of our own: the same checks of addresses, roots and proxy as for calls.
pub struct Errands {
    client: Client<Dialer, Full<Bytes>>,
    /// Offers no protocol: for what is not HTTP.
    bare: Dialer,
}

impl std::fmt::Debug for Errands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Errands").finish_non_exhaustive()
    }
}

impl Errands {
    /// `config.destinations`: what receivers may be although their address is not global.
    ///
    /// # Errors
    /// Roots that cannot be read, or that hold our own authority.
    pub fn new(config: Config) -> Result<Self, Error> {
        let tls = trust::client_config(&config.roots, &config.own_authorities)?;
        let rules = destination::Rules::new(
            config.resolve,
            config.destinations,
            config.own_listeners,
            config.own_names,
            destination::machine(),
        );
        let dialer = Dialer::new(
            Arc::new(rules),
            Arc::new(tls),
            config.proxy.map(Proxy::never_to_this_machine),
        );
        let bare = dialer.offering(&[]);
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .retry_canceled_requests(false)
            .build(dialer.http1_only());
        Ok(Self { client, bare })
    }

    /// Posts once. Gives status and head of the answer; its content is not read, and redirects are not followed.
    ///
    /// # Errors
    /// There was no answer. Whether the receiver has the message is not known then.
    pub async fn post(
        &self,
        uri: Uri,
        headers: HeaderMap,
        content: Bytes,
    ) -> Result<(StatusCode, HeaderMap), ErrandError> {
        let request = posting(uri, headers, content);
        // SECURITY: whatever a receiver answers with, however long, is dropped with its connection unread. Test:
        // `an_answer_without_end_is_not_read`.
        match timeout(ANSWER_WITHIN, self.client.request(request)).await {
            Ok(Ok(answer)) => {
                let (head, _) = answer.into_parts();
                Ok((head.status, head.headers))
            }
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(ErrandError::TimedOut),
        }
    }

    /// Posts once. Gives status, head and content of the answer, which is `longest` bytes at most; redirects are not followed.
    ///
    /// # Errors
    /// There was no answer, or it is longer. Whether the receiver has the message is not known then.
    pub async fn ask(
        &self,
        uri: Uri,
        headers: HeaderMap,
        content: Bytes,
        longest: usize,
    ) -> Result<(StatusCode, HeaderMap, Bytes), ErrandError> {
        let request = posting(uri, headers, content);
        let asking = async {
            let answer = self.client.request(request).await.map_err(|error| failed(&error))?;
            let (head, content) = answer.into_parts();
            let content = Limited::new(content, longest).collect().await;
            let content =
                content.map_err(|error| ErrandError::Unreachable(format!("the answer broke off: {error}")))?;
            Ok((head.status, head.headers, content.to_bytes()))
        };
        timeout(ANSWER_WITHIN, asking)
            .await
            .unwrap_or(Err(ErrandError::TimedOut))
    }

    /// A connection for another protocol than HTTP; `secure`: TLS from the first byte on.
    ///
    /// # Errors
    /// There is none.
    pub async fn line(&self, asked: &Authority, secure: bool) -> Result<Line, ErrandError> {
        let stream = self.bare.connect(asked).await?;
        Ok(Line(match secure {
            true => self.bare.secure(asked.clone(), stream).await?,
            false => Transport::Plain(stream),
        }))
    }

    /// TLS over a connection that was in clear so far.
    ///
    /// # Errors
    /// The other side does not prove that it is `asked`, or the line was secure already.
    pub async fn secure(&self, asked: &Authority, line: Line) -> Result<Line, ErrandError> {
        match line.0 {
            Transport::Plain(stream) => Ok(Line(self.bare.secure(asked.clone(), stream).await?)),
            Transport::Proxied(_) | Transport::Tls(_) => Err(ErrandError::Unreachable(
                "the connection is under TLS already".to_owned(),
            )),
        }
    }
}

fn posting(uri: Uri, headers: HeaderMap, content: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(content));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}

fn failed(error: &legacy::Error) -> ErrandError {
    let mut cause = error.source();
    let mut last = error.to_string();
    while let Some(inner) = cause {
        if let Some(dial) = inner.downcast_ref::<DialError>() {
            return dial.into();
        }
        last = inner.to_string();
        cause = inner.source();
    }
    ErrandError::Unreachable(last)
}

/// A connection that an errand is run on.
pub struct Line(Transport);

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
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
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn errands(destinations: &[&str], own_listeners: Vec<SocketAddr>) -> Errands {
        Errands::new(Config {
            destinations: destinations
                .iter()
                .map(|destination| destination.parse().unwrap())
                .collect(),
            own_listeners,
            ..Config::default()
        })
        .unwrap()
    }

    async fn listener() -> (TcpListener, Uri, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, format!("http://{address}/").parse().unwrap(), address)
    }

    #[tokio::test]
    async fn an_answer_without_end_is_not_read() {
        let (listener, uri, _) = listener().await;
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            // Until nobody takes it any more.
            while stream.write_all(&[b'a'; 65_536]).await.is_ok() {}
        });
        let errands = errands(&["127.0.0.1"], Vec::new());
        let answer = errands.post(uri, HeaderMap::new(), Bytes::from_static(b"{}"));
        assert_eq!(answer.await.unwrap().0, 200);
        server.await.unwrap();
    }

    /// A webhook and a mail server in clear, which only this machine may be spoken to in; and one elsewhere, which it leads to.
    #[tokio::test]
    async fn what_goes_to_this_machine_does_not_go_by_the_proxy() {
        let (proxy, _, proxy_address) = listener().await;
        let errands = Errands::new(Config {
            destinations: vec!["localhost".parse().unwrap(), "127.0.0.1".parse().unwrap()],
            proxy: Some(Proxy {
                authority: Authority::parse(&proxy_address.to_string(), None).unwrap(),
                secure: false,
                authorization: None,
                bypass: Vec::new(),
            }),
            ..Config::default()
        })
        .unwrap();
        for host in ["localhost", "127.0.0.1"] {
            let (server, _, address) = listener().await;
            let asked = Authority::parse(&format!("{host}:{}", address.port()), None).unwrap();
            let (line, accepted) = tokio::join!(errands.line(&asked, false), server.accept());
            assert!(line.is_ok() && accepted.is_ok(), "{host}");
            let uri: Uri = format!("http://{asked}/hook").parse().unwrap();
            let post = errands.post(uri, HeaderMap::new(), Bytes::new());
            let answered = async {
                let (mut stream, _) = server.accept().await.unwrap();
                let mut head = [0; 5];
                stream.read_exact(&mut head).await.unwrap();
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
                head
            };
            let (answer, head) = tokio::join!(post, answered);
            assert_eq!((answer.unwrap().0.as_u16(), &head), (204, b"POST "));
        }
        let elsewhere = Authority::parse("mail.example:25", None).unwrap();
        tokio::select! {
            visit = proxy.accept() => assert!(visit.is_ok()),
            line = errands.line(&elsewhere, false) => panic!("others go by it: {:?}", line.err()),
        }
    }

    #[tokio::test]
    async fn what_is_not_named_or_is_ourselves_is_not_dialled() {
        let (_listener, uri, address) = listener().await;
        let post = async |errands: Errands| {
            errands
                .post(uri.clone(), HeaderMap::new(), Bytes::new())
                .await
                .unwrap_err()
        };
        let error = post(errands(&["10.0.0.0/8"], Vec::new())).await;
        assert!(matches!(error, ErrandError::NotGlobal { .. }), "{error}");
        let error = post(errands(&["127.0.0.1"], vec![address])).await;
        assert!(error.to_string().contains("Runplane itself"), "{error}");
        let asked = Authority::parse(&address.to_string(), None).unwrap();
        let error = errands(&[], Vec::new()).line(&asked, false).await.unwrap_err();
        assert!(matches!(error, ErrandError::NotGlobal { .. }), "{error}");
    }
}

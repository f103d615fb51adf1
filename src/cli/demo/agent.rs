//! An agent's way out: an HTTPS client that goes through the proxy and trusts the sidecar's CA, and nothing else.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::script::{AGENTS, Step};
use super::story::Event;
use crate::model::{Reason, Secret};

/// Longer than any connection is held.
const PATIENCE: Duration = Duration::from_secs(400);
/// Longest answer that is read, in bytes.
const MAX_ANSWER: usize = 4 << 20;
/// How the agents call themselves: a client that no hold profile knows.
const USER_AGENT: &str = concat!("runplane-demo/", env!("CARGO_PKG_VERSION"));

/// What an agent was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The provider's, with its status.
    Provider(u16),
    /// Runplane's: why not, in a code and in words.
    Refused(Option<Reason>, String),
    /// No answer.
    Failed(String),
}

/// Whoever can send: knows the proxy, its own keys, and whom to trust.
pub(super) struct Wire {
    proxy: SocketAddr,
    /// `Proxy-Authorization` of each agent.
    credentials: Vec<String>,
    tls: TlsConnector,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Wire {
    /// `ca`: the certificate that agents are told to trust.
    ///
    /// # Errors
    /// If the certificate cannot be read.
    pub(super) fn new(proxy: SocketAddr, keys: &[Secret<String>], ca: &Path) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca)?)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let credentials = AGENTS.iter().zip(keys);
        Ok(Self {
            proxy,
            credentials: credentials
                .map(|((name, _), key)| format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{}", key.expose()))))
                .collect(),
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Makes the call, and waits as long as Runplane holds it.
    pub(super) async fn send(&self, step: &Step) -> Answer {
        match timeout(PATIENCE, self.exchange(step)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Answer::Failed(error.to_string()),
            Err(_) => Answer::Failed(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn exchange(&self, step: &Step) -> Result<Answer, Failure> {
        let host = step.provider.host();
        let name = ServerName::try_from(host)?;
        let stream = self.tls.connect(name, TokioIo::new(self.tunnel(step).await?)).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the answer, or with this call.
        let connection = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(step.path)
            .header(header::HOST, host)
            .header(header::USER_AGENT, USER_AGENT);
        for (name, value) in &step.headers {
            request = request.header(*name, value);
        }
        let answer = sender.send_request(request.body(Full::new(step.body.clone()))?).await?;
        let (head, content) = answer.into_parts();
        let content = Limited::new(content, MAX_ANSWER).collect().await?.to_bytes();
        connection.abort();
        Ok(match head.headers.contains_key("runplane-decision") {
            true => refused(&content),
            false => Answer::Provider(head.status.as_u16()),
        })
    }

    async fn tunnel(&self, step: &Step) -> Result<hyper::upgrade::Upgraded, Failure> {
        let stream = TcpStream::connect(self.proxy).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection.with_upgrades());
        let authority = format!("{}:443", step.provider.host());
        let mut request = Request::builder()
            .method(Method::CONNECT)
            .uri(&authority)
            .header(header::HOST, &authority);
        if let Some(credentials) = self.credentials.get(step.agent) {
            request = request.header(header::PROXY_AUTHORIZATION, credentials);
        }
        let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
        match answer.status().is_success() {
            true => Ok(hyper::upgrade::on(answer).await?),
            false => Err(format!("the proxy refused the tunnel ({})", answer.status()).into()),
        }
    }
}

/// Sends the call, and the very same again while people have not decided, as refusals tell agents to. Approvals expire, so
/// this ends.
pub(super) async fn insist(
    wire: Arc<Wire>,
    step: Arc<Step>,
    place: usize,
    events: UnboundedSender<Event>,
    again: bool,
) {
    loop {
        let answer = wire.send(&step).await;
        let undecided = matches!(
            answer,
            Answer::Refused(Some(Reason::ApprovalPending | Reason::ApprovedRepeat), _)
        );
        let last = !(undecided && again);
        let told = events.send(Event::Answer {
            step: place,
            answer,
            last,
        });
        if last || told.is_err() {
            return;
        }
    }
}

/// Reads a refusal as the provider's own SDK would: code and message stand in its shape.
fn refused(content: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(content);
    let reason = Reason::ALL.into_iter().find(|reason| text.contains(reason.as_str()));
    let json = serde_json::from_slice::<serde_json::Value>(content).unwrap_or_default();
    let message = ["/error/message", "/errors/0/message", "/message", "/detail"]
        .into_iter()
        .find_map(|place| json.pointer(place)?.as_str().map(str::to_owned))
        .or_else(|| Some(between(&text, "<Message>", "</Message>")?.to_owned()))
        .unwrap_or_default();
    let code = reason.map(|reason| format!("{reason}: ")).unwrap_or_default();
    let message = message.strip_prefix(&code).unwrap_or(&message).to_owned();
    Answer::Refused(reason, message)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(found, _)| found)
}

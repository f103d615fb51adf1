//! The providers, on loopback: one TLS listener that plays them all, and a list of what reached it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::LazyConfigAcceptor;

use super::script::{EARLIER_CHARGE, Provider};
use crate::authority::Authority;
use crate::fakes::{self, Answer, Aws, SendGrid, Slack, Stripe};
use crate::model::Host;

/// Content of one request, in bytes.
const MAX_CONTENT: usize = 16 << 20;

/// A request that reached a fake.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) provider: Provider,
    /// What it did there, in the fake's words.
    pub(super) done: Option<String>,
}

/// The fakes, listening. They end with it.
pub(super) struct World {
    address: SocketAddr,
    fakes: Arc<Fakes>,
    serving: JoinHandle<()>,
}

struct Fakes {
    authority: Authority,
    stripe: Stripe,
    aws: Aws,
    sendgrid: SendGrid,
    slack: Slack,
    received: Mutex<Vec<Received>>,
}

impl World {
    /// # Errors
    /// If there is no free port on loopback.
    pub(super) async fn start(authority: Authority) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("cannot listen on 127.0.0.1 for the fakes")?;
        let (charge, amount) = EARLIER_CHARGE;
        let fakes = Arc::new(Fakes {
            authority,
            stripe: Stripe::with_charge(charge, amount),
            aws: Aws::default(),
            sendgrid: SendGrid,
            slack: Slack,
            received: Mutex::default(),
        });
        Ok(Self {
            address: listener.local_addr()?,
            serving: tokio::spawn(accept(listener, fakes.clone())),
            fakes,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that reached the fakes so far, in the order it came.
    pub(super) fn received(&self) -> Vec<Received> {
        self.fakes.received().clone()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Fakes {
    fn received(&self) -> std::sync::MutexGuard<'_, Vec<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, provider: Provider, request: &fakes::Request<'_>) -> Answer {
        match provider {
            Provider::Stripe => self.stripe.answer(request),
            Provider::Ec2 | Provider::DynamoDb => self.aws.answer(request),
            Provider::SendGrid => self.sendgrid.answer(request),
            Provider::Slack => self.slack.answer(request),
        }
    }
}

async fn accept(listener: TcpListener, fakes: Arc<Fakes>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, fakes.clone()));
    }
}

/// A connection whose TLS names no provider, or breaks off, is closed: only Runplane knows this port.
async fn serve(stream: TcpStream, fakes: Arc<Fakes>) -> Option<()> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await.ok()?;
    let name = start.client_hello().server_name()?.to_owned();
    let provider = Provider::ALL.into_iter().find(|provider| provider.host() == name)?;
    let config = fakes.authority.server_config(&name.parse::<Host>().ok()?).ok()?;
    // What is served below.
    let mut config = ServerConfig::clone(&config);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = start.into_stream(Arc::new(config)).await.ok()?;
    let service = service_fn(|request| respond(request, provider, fakes.clone()));
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok()
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn respond(
    request: Request<Incoming>,
    provider: Provider,
    fakes: Arc<Fakes>,
) -> Result<Response<Full<Bytes>>, Failure> {
    let (head, content) = request.into_parts();
    let content = Limited::new(content, MAX_CONTENT).collect().await?.to_bytes();
    let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    };
    let headers: Vec<(String, String)> = head.headers.iter().map(text).collect();
    let target = head.uri.to_string();
    let answer = fakes.answer(
        provider,
        &fakes::Request {
            method: head.method.as_str(),
            target: &target,
            headers: &headers,
            body: &content,
        },
    );
    fakes.received().push(Received {
        provider,
        done: answer.done,
    });
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(answer.body))?)
}

//! An origin of ours: TLS for every name, and a record of everything that reached it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use runplane::fakes::{self, Anthropic, Aws, GitHub, Google, OpenAi, SendGrid, Slack, Stripe, Twilio};

use super::certificates::{Flaw, server_config};
use super::runtime;

mod reply;
mod socket;
mod sources;
mod tap;
pub mod things;

pub use reply::{Gate, Reply};

/// What every charge that nobody made here was over, in cents.
const EARLIER_CHARGE: i64 = 100_000_000;

/// One request that reached an origin.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which connection it came on, counted from 1.
    pub connection: u64,
    pub method: String,
    pub version: Version,
    /// As in the request line, or in `:path`.
    pub target: String,
    /// `:authority`
    pub authority: Option<String>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// Whether the content came to its end.
    pub complete: bool,
    pub trailers: Vec<(String, String)>,
    /// SHA-256 of the content it was answered with, where that is one piece.
    pub answered: Option<String>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

type Handler = Arc<dyn Fn(Seen) -> BoxFuture<'static, Reply> + Send + Sync>;
type Hook = Arc<dyn Fn(&Seen) + Send + Sync>;

/// A listening origin. Closed when dropped.
pub struct Origin {
    address: SocketAddr,
    state: Arc<State>,
    tasks: Mutex<Vec<tokio::task::JoinHandle<()>>>,
}

struct State {
    handler: Handler,
    tls: Mutex<Option<TlsAcceptor>>,
    seen: Mutex<Vec<Seen>>,
    /// Bytes read per connection, after TLS.
    raw: Mutex<Vec<Arc<Mutex<Vec<u8>>>>>,
    next: Mutex<VecDeque<Reply>>,
    hook: Mutex<Option<Hook>>,
    /// How many connections are sockets now.
    sockets: Arc<AtomicUsize>,
}

impl Origin {
    /// Answers like Stripe, where every charge is there, and has room for many refunds.
    pub fn stripe() -> Self {
        let stripe = Stripe::with_any_charge(EARLIER_CHARGE);
        Self::playing(move |request| stripe.answer(request))
    }

    /// Answers like EC2 and DynamoDB; what needs more of AWS has `Moto`.
    pub fn aws() -> Self {
        let aws = Aws::default();
        Self::playing(move |request| aws.answer(request))
    }

    /// Answers like SendGrid.
    pub fn sendgrid() -> Self {
        Self::playing(|request| SendGrid.answer(request))
    }

    /// Answers like Slack's Web API.
    pub fn slack() -> Self {
        Self::playing(|request| Slack.answer(request))
    }

    /// Answers as this does for Slack's Web API.
    pub fn of_slack_app(app: impl Fn(&fakes::Request<'_>) -> fakes::Answer + Send + Sync + 'static) -> Self {
        Self::playing(app)
    }

    /// Answers like Twilio.
    pub fn twilio() -> Self {
        Self::playing(|request| Twilio.answer(request))
    }

    /// Answers like GitHub's REST API.
    pub fn github() -> Self {
        Self::playing(|request| GitHub.answer(request))
    }

    /// Answers like OpenAI.
    pub fn openai() -> Self {
        Self::playing(|request| OpenAi.answer(request))
    }

    /// Answers like Anthropic.
    pub fn anthropic() -> Self {
        Self::playing(|request| Anthropic.answer(request))
    }

    /// Answers like Google's token endpoint and Cloud Storage.
    pub fn google() -> Self {
        Self::playing(|request| Google.answer(request))
    }

    /// Answers as the product's own fake does, the one that `runplane demo` shows.
    fn playing(fake: impl Fn(&fakes::Request<'_>) -> fakes::Answer + Send + Sync + 'static) -> Self {
        let handler = move |seen: Seen| -> BoxFuture<'static, Reply> {
            let reply = Reply::from(fake(&fakes::Request {
                method: &seen.method,
                target: &seen.target,
                headers: &seen.headers,
                body: &seen.body,
            }));
            Box::pin(async move { reply })
        };
        Self::start(true, None, Arc::new(handler))
    }

    /// Answers with whatever the path asks for; see `things`.
    pub fn of_things() -> Self {
        Self::start(true, None, Arc::new(|seen| Box::pin(things::answer(seen))))
    }

    /// The same without TLS.
    pub fn of_things_in_clear() -> Self {
        Self::start(false, None, Arc::new(|seen| Box::pin(things::answer(seen))))
    }

    /// The same with something wrong with its certificate.
    pub fn with_flaw(flaw: Flaw) -> Self {
        Self::start(true, Some(flaw), Arc::new(|seen| Box::pin(things::answer(seen))))
    }

    /// Hands every request on, unchanged, to a server in clear.
    pub fn before(server: SocketAddr) -> Self {
        Self::start(
            true,
            None,
            Arc::new(move |seen| Box::pin(reply::from_server(server, seen))),
        )
    }

    fn start(tls: bool, flaw: Option<Flaw>, handler: Handler) -> Self {
        let state = Arc::new(State {
            handler,
            tls: Mutex::new(tls.then(|| TlsAcceptor::from(server_config(flaw, &["http/1.1"])))),
            seen: Mutex::default(),
            raw: Mutex::default(),
            next: Mutex::default(),
            hook: Mutex::default(),
            sockets: Arc::default(),
        });
        let listener = runtime().block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let tasks = Mutex::new(vec![runtime().spawn(accept(listener, state.clone()))]);
        Self { address, state, tasks }
    }

    /// From now on it is at this port of the loopback, too.
    pub fn comes_to(&self, port: u16) {
        let listener = runtime()
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port)))
            .unwrap();
        let task = runtime().spawn(accept(listener, self.state.clone()));
        self.tasks.lock().unwrap().push(task);
    }

    /// The same by HTTP/2, where the other side speaks it.
    pub fn over_http2(self) -> Self {
        *self.state.tls.lock().unwrap() = Some(TlsAcceptor::from(server_config(None, &["h2", "http/1.1"])));
        self
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that reached it, in the order of the request heads.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// What reached it by this method and path.
    pub fn calls(&self, method: &str, path: &str) -> Vec<Seen> {
        let mut seen = self.seen();
        seen.retain(|seen| seen.method == method && seen.path() == path);
        seen
    }

    /// How many connections were opened to it, whatever came on them.
    pub fn connections(&self) -> usize {
        self.state.raw.lock().unwrap().len()
    }

    /// How many WebSockets are open.
    pub fn sockets(&self) -> usize {
        self.state.sockets.load(Ordering::SeqCst)
    }

    /// The bytes that came on a connection.
    pub fn raw(&self, connection: u64) -> Vec<u8> {
        let raw = self.state.raw.lock().unwrap();
        raw[connection as usize - 1].lock().unwrap().clone()
    }

    /// Answers the next request with this instead.
    pub fn answer_next_with(&self, reply: Reply) {
        self.state.next.lock().unwrap().push_back(reply);
    }

    /// Does this whenever a request's head arrives, before anything else.
    pub fn on_arrival(&self, hook: impl Fn(&Seen) + Send + Sync + 'static) {
        *self.state.hook.lock().unwrap() = Some(Arc::new(hook));
    }

    /// # Panics
    /// If anything reached it.
    pub fn assert_untouched(&self) {
        let seen = self.seen();
        assert!(seen.is_empty(), "reached the origin: {seen:#?}");
        assert_eq!(self.connections(), 0, "something connected to the origin");
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.tasks.lock().unwrap().iter().for_each(|task| task.abort());
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    let mut count = 0;
    while let Ok((stream, _)) = listener.accept().await {
        count += 1;
        let raw = Arc::new(Mutex::new(Vec::new()));
        state.raw.lock().unwrap().push(raw.clone());
        connections.spawn(serve(stream, count, raw, state.clone()));
    }
}

async fn serve(stream: TcpStream, connection: u64, raw: Arc<Mutex<Vec<u8>>>, state: Arc<State>) {
    let service = service_fn(|request| answer(request, connection, state.clone()));
    let builder = hyper::server::conn::http1::Builder::new();
    let tls = state.tls.lock().unwrap().clone();
    // A connection that ends in an error is the other side's affair, or what the test wanted.
    let _ = match &tls {
        None => {
            builder
                .serve_connection(TokioIo::new(tap::Tap::new(stream, raw)), service)
                .with_upgrades()
                .await
        }
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .max_concurrent_streams(100)
                    .serve_connection(TokioIo::new(tap::Tap::new(stream, raw)), service)
                    .await
            }
            Ok(stream) => {
                builder
                    .serve_connection(TokioIo::new(tap::Tap::new(stream, raw)), service)
                    .with_upgrades()
                    .await
            }
            Err(_) => return,
        },
    };
}

async fn answer(
    request: Request<Incoming>,
    connection: u64,
    state: Arc<State>,
) -> Result<Response<reply::Content>, reply::Broken> {
    let (mut parts, mut incoming) = request.into_parts();
    let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    };
    let mut seen = Seen {
        connection,
        method: parts.method.as_str().to_owned(),
        version: parts.version,
        target: match parts.version {
            Version::HTTP_2 => parts.uri.path_and_query().unwrap().to_string(),
            _ => parts.uri.to_string(),
        },
        authority: parts.uri.authority().map(ToString::to_string),
        headers: parts.headers.iter().map(text).collect(),
        body: Bytes::new(),
        complete: false,
        trailers: Vec::new(),
        answered: None,
    };
    let place = {
        let mut all = state.seen.lock().unwrap();
        all.push(seen.clone());
        all.len() - 1
    };
    let hook = state.hook.lock().unwrap().clone();
    if let Some(hook) = hook {
        tokio::task::block_in_place(|| hook(&seen));
    }
    if seen.path() == "/stall" {
        // Never reads what is sent: the pressure must reach the sender.
        std::future::pending::<Infallible>().await;
    }
    if seen.path() == "/socket" && seen.header("upgrade").is_some() {
        return Ok(socket::open(&mut parts, state.sockets.clone()));
    }
    let mut body = Vec::new();
    seen.complete = loop {
        match incoming.frame().await {
            None => break true,
            Some(Err(_)) => break false,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => body.extend_from_slice(&data),
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    seen.trailers = trailers.iter().map(text).collect();
                }
            },
        }
    };
    seen.body = body.into();
    state.seen.lock().unwrap()[place] = seen.clone();
    let next = state.next.lock().unwrap().pop_front();
    let reply = match next {
        Some(reply) => reply,
        None => (state.handler)(seen).await,
    };
    state.seen.lock().unwrap()[place].answered = reply.digest();
    reply.into_response().await
}

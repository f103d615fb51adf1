use std::sync::Mutex;

use http_body_util::BodyExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::model::{CallId, Caller, Host, Origin, Timestamp};

mod connections;
mod requests;

/// A provider on the loopback: TLS with a certificate of its own root, and a record of all it read.
struct Provider {
    address: SocketAddr,
    connections: Arc<Mutex<Vec<Vec<u8>>>>,
    roots: TempDir,
}

/// What a connection of the provider does once it has read a request's head.
#[derive(Clone, Copy)]
enum Habit {
    /// Answers each request.
    Answers(&'static str),
    /// Answers the first request of a connection, and breaks off at the second.
    AnswersOnce,
    BreaksOff,
    /// Answers, and closes the connection at once without saying so.
    AnswersAndCloses,
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn acceptor(roots: &TempDir, name: &str) -> TlsAcceptor {
    let (root_key, leaf_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut root = CertificateParams::default();
    root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    std::fs::write(
        roots.path().join("root.pem"),
        root.self_signed(&root_key).unwrap().pem(),
    )
    .unwrap();
    let leaf = CertificateParams::new([name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &Issuer::new(root, root_key)).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn provider(name: &str, habit: Habit) -> Provider {
    let roots = TempDir::new().unwrap();
    let (acceptor, listener) = (acceptor(&roots, name), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    let connections: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let seen = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, seen) = (acceptor.clone(), seen.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let number = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(Vec::new());
                    seen.len() - 1
                };
                behave(stream, habit, move |bytes| {
                    seen.lock().unwrap()[number].extend_from_slice(bytes)
                })
                .await;
            });
        }
    });
    Provider {
        address,
        connections,
        roots,
    }
}

async fn behave<S>(mut stream: S, habit: Habit, saw: impl Fn(&[u8]))
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut read = Vec::new();
    for turn in 0.. {
        while !is_whole(&read) {
            let mut buffer = [0; 4096];
            let Ok(1..) = stream.read(&mut buffer).await.inspect(|length| {
                read.extend_from_slice(&buffer[..*length]);
                saw(&buffer[..*length]);
            }) else {
                return;
            };
        }
        read.clear();
        match habit {
            Habit::Answers(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            Habit::AnswersOnce if turn == 0 => stream.write_all(OK.as_bytes()).await.unwrap(),
            Habit::AnswersAndCloses => {
                stream.write_all(OK.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
                return;
            }
            Habit::AnswersOnce | Habit::BreaksOff => return,
        }
    }
}

/// Whether a request has been read to its end (as far as these tests send them).
fn is_whole(read: &[u8]) -> bool {
    let text = String::from_utf8_lossy(read);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    match head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
        Some(length) => body.len() >= length.parse().unwrap(),
        None if head.contains("transfer-encoding: chunked") => body.ends_with("0\r\n\r\n"),
        None => true,
    }
}

impl Provider {
    fn upstream(&self, host: &str) -> Upstream {
        let resolve = [(host.parse().unwrap(), self.address)].into();
        let destinations = vec![self.address.to_string().parse().unwrap()];
        let roots = self.roots.path().to_owned();
        Upstream::new(Config {
            resolve,
            destinations,
            roots,
            ..Config::default()
        })
        .unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.lock().unwrap().len()
    }

    fn requests(&self) -> usize {
        self.connections
            .lock()
            .unwrap()
            .iter()
            .map(|seen| String::from_utf8_lossy(seen).matches(" HTTP/1.1\r\n").count())
            .sum()
    }

    fn text(&self) -> String {
        self.connections
            .lock()
            .unwrap()
            .iter()
            .map(|seen| String::from_utf8_lossy(seen).into_owned())
            .collect()
    }
}

fn call(host: &str, method: Method, body: Body) -> Call {
    let authority = crate::model::Authority::parse(host, Some(443)).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(HOST, host.parse().unwrap());
    Call {
        id: CallId::random(),
        origin: Origin::Wire,
        caller: Caller {
            agent: "a".into(),
            roles: Arc::from([]),
            owner: None,
        },
        received: Timestamp::now(),
        scheme: Scheme::Https,
        authority,
        method,
        path: "/v1/things".to_owned(),
        query: Some("a=%20b&&".to_owned()),
        headers,
        body,
    }
}

fn get(host: &str) -> Call {
    call(host, Method::GET, Body::Absent)
}

async fn send(upstream: &Upstream, call: Call) -> Result<String, SendError> {
    let response = upstream.deliver(call, Content::FromCall, false).await?;
    Ok(String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap())
}

/// A request's stream as hyper hands it to us, made of a real connection.
async fn streaming(request: &'static str) -> Unread {
    let (mut client, server) = tokio::io::duplex(4096);
    let (given, taken) = tokio::sync::oneshot::channel();
    let given = Mutex::new(Some(given));
    tokio::spawn(async move {
        let service = service_fn(move |request: Request<Incoming>| {
            let given = given.lock().unwrap().take();
            async move {
                drop(given.unwrap().send(request.into_body()));
                std::future::pending::<Result<Response<Outgoing>, std::convert::Infallible>>().await
            }
        });
        drop(
            http1::Builder::new()
                .serve_connection(TokioIo::new(server), service)
                .await,
        );
    });
    client.write_all(request.as_bytes()).await.unwrap();
    let body = taken.await.unwrap();
    // The connection has to live until the content has been read.
    tokio::spawn(async move { client.read_to_end(&mut Vec::new()).await });
    Unread::new(body, &HeaderMap::new())
}

#[tokio::test]
async fn a_call_goes_out_as_it_was_judged_and_once() {
    let provider = provider("api.stripe.test", Habit::Answers(OK)).await;
    let upstream = provider.upstream("api.stripe.test");
    let mut charge = call(
        "api.stripe.test",
        Method::POST,
        Body::Captured(Bytes::from_static(b"amount=100")),
    );
    charge.headers.append("stripe-account", "acct_1".parse().unwrap());
    charge.headers.append("content-length", "10".parse().unwrap());
    assert_eq!(send(&upstream, charge).await.unwrap(), "ok");
    let sent = provider.text();
    assert!(
        sent.starts_with("POST /v1/things?a=%20b&& HTTP/1.1\r\nhost: api.stripe.test\r\n"),
        "{sent}"
    );
    assert!(sent.ends_with("\r\n\r\namount=100"), "{sent}");
    assert_eq!(
        (
            sent.matches("stripe-account: acct_1").count(),
            sent.matches("content-length: 10").count()
        ),
        (1, 1)
    );
    send(&upstream, get("api.stripe.test")).await.unwrap();
    assert_eq!(
        (provider.requests(), provider.connections()),
        (2, 1),
        "the connection is used again"
    );
}

#[tokio::test]
async fn a_certificate_for_another_name_or_by_another_root_is_refused() {
    let named_otherwise = provider("other.test", Habit::Answers(OK)).await;
    let error = send(&named_otherwise.upstream("api.stripe.test"), get("api.stripe.test"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.refusal.reason, error.outcome),
        (Reason::UpstreamUnreachable, Outcome::NotSent)
    );
    let unknown_root = provider("api.stripe.test", Habit::Answers(OK)).await;
    std::fs::remove_file(unknown_root.roots.path().join("root.pem")).unwrap();
    let error = send(&unknown_root.upstream("api.stripe.test"), get("api.stripe.test"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.refusal.reason, error.outcome),
        (Reason::UpstreamUnreachable, Outcome::NotSent)
    );
    assert_eq!(named_otherwise.requests() + unknown_root.requests(), 0);
}

#[tokio::test]
async fn an_address_that_is_not_named_is_refused_before_it_is_dialled() {
    let provider = provider("api.stripe.test", Habit::Answers(OK)).await;
    let resolve = [("api.stripe.test".parse().unwrap(), provider.address)].into();
    let upstream = Upstream::new(Config {
        resolve,
        ..Config::default()
    })
    .unwrap();
    let error = send(&upstream, get("api.stripe.test")).await.unwrap_err();
    assert_eq!(
        (error.refusal.reason, error.outcome),
        (Reason::DestinationRefused, Outcome::NotSent)
    );
    assert!(
        !error.to_string().contains("127.0.0.1"),
        "an agent learns nothing of the inside: {error}"
    );
    let metadata = call("169.254.169.254", Method::GET, Body::Absent);
    let error = send(&upstream, metadata).await.unwrap_err();
    assert_eq!(error.refusal.reason, Reason::DestinationRefused);
    assert_eq!(provider.connections(), 0);
}

#[tokio::test]
async fn nobody_there_is_not_sent() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let destinations = vec!["127.0.0.1".parse().unwrap()];
    let upstream = Upstream::new(Config {
        destinations,
        ..Config::default()
    })
    .unwrap();
    let error = send(&upstream, get(&gone.to_string())).await.unwrap_err();
    assert_eq!(
        (error.refusal.reason, error.outcome),
        (Reason::UpstreamUnreachable, Outcome::NotSent)
    );
}

/// O28, and that hyper's client drops no content of a GET.
#[tokio::test]
async fn trailers_are_not_sent_on() {
    let provider = provider("api.stripe.test", Habit::Answers(OK)).await;
    let upstream = provider.upstream("api.stripe.test");
    let request = "GET / HTTP/1.1\r\nHost: a\r\nTrailer: authorization\r\nTransfer-Encoding: chunked\r\n\r\n\
                   5\r\nhello\r\n0\r\nAuthorization: Bearer late\r\n\r\n";
    let mut streams = call("api.stripe.test", Method::GET, Body::Streaming { length: None });
    streams.headers.insert("trailer", "authorization".parse().unwrap());
    let stream = Content::Stream(streaming(request).await);
    let response = upstream.deliver(streams, stream, false).await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let sent = provider.text();
    assert!(
        sent.contains("hello") && !sent.to_lowercase().contains("late"),
        "{sent}"
    );
}

#[tokio::test]
async fn content_other_than_the_judged_is_refused() {
    let provider = provider("api.stripe.test", Habit::Answers(OK)).await;
    let upstream = provider.upstream("api.stripe.test");
    let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\namount=900";
    for judged in [Body::Absent, Body::Captured(Bytes::from_static(b"amount=1"))] {
        let other = Content::Stream(streaming(request).await);
        let error = upstream
            .deliver(call("api.stripe.test", Method::POST, judged), other, false)
            .await
            .unwrap_err();
        assert_eq!(error.outcome, Outcome::NotSent);
    }
    let unread = call("api.stripe.test", Method::POST, Body::Streaming { length: Some(10) });
    let error = upstream.deliver(unread, Content::FromCall, false).await.unwrap_err();
    assert_eq!(error.outcome, Outcome::NotSent);
    assert_eq!(provider.connections(), 0);
}

#[tokio::test]
async fn a_target_that_would_change_on_the_way_is_refused() {
    let upstream = Upstream::new(Config::default()).unwrap();
    for (path, query) in [
        ("/v1/charges#x", None),
        ("/v1/a b", None),
        ("/v1", Some("a#b")),
        ("/v1\r\nX: y", None),
    ] {
        let mut changed = get("api.stripe.test");
        (changed.path, changed.query) = (path.to_owned(), query.map(str::to_owned));
        let error = send(&upstream, changed).await.unwrap_err();
        assert_eq!(
            (error.refusal.reason, error.outcome),
            (Reason::Malformed, Outcome::NotSent),
            "{path}"
        );
    }
    let mut without_host = get("api.stripe.test");
    without_host.headers.remove(HOST);
    assert_eq!(
        send(&upstream, without_host).await.unwrap_err().outcome,
        Outcome::NotSent
    );
    assert_eq!(
        "api.stripe.test".parse::<Host>().unwrap().to_string(),
        "api.stripe.test"
    );
}

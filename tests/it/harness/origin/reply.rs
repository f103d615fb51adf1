//! What an origin answers with, faults included.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;

use runplane::fakes;

use super::Seen;
use crate::harness::sha256;

pub type Content = UnsyncBoxBody<Bytes, io::Error>;
/// The connection is closed instead of answered.
pub type Broken = io::Error;

/// Stays shut until it is opened.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    pub fn shut() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn passed(&self) {
        let mut watch = self.0.subscribe();
        let _ = watch.wait_for(|open| *open).await;
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// `None`: the connection is closed without an answer.
    status: Option<u16>,
    headers: Vec<(String, String)>,
    pieces: VecDeque<Piece>,
    wait: Option<Gate>,
}

#[derive(Clone, Debug)]
enum Piece {
    Bytes(Bytes),
    Wait(Gate),
    Trailers(Vec<(String, String)>),
    /// The connection breaks here.
    Break,
}

impl Reply {
    pub fn new(status: u16) -> Self {
        Self {
            status: Some(status),
            headers: Vec::new(),
            pieces: VecDeque::new(),
            wait: None,
        }
    }

    pub fn json(status: u16, value: &serde_json::Value) -> Self {
        let text = serde_json::to_string_pretty(value).unwrap();
        Self::new(status).header("content-type", "application/json").bytes(text)
    }

    /// The connection is closed after the request was read, with no answer.
    pub fn none() -> Self {
        Self {
            status: None,
            ..Self::new(200)
        }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        self.pieces.push_back(Piece::Bytes(bytes.into()));
        self
    }

    /// Nothing, not even the head, before the gate opens.
    pub fn after(mut self, gate: &Gate) -> Self {
        self.wait = Some(gate.clone());
        self
    }

    /// What follows waits for the gate.
    pub fn gate(mut self, gate: &Gate) -> Self {
        self.pieces.push_back(Piece::Wait(gate.clone()));
        self
    }

    /// After its content; over HTTP/2.
    pub fn trailers(mut self, lines: &[(&str, &str)]) -> Self {
        let lines = lines
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.pieces.push_back(Piece::Trailers(lines.collect()));
        self
    }

    pub fn and_break(mut self) -> Self {
        self.pieces.push_back(Piece::Break);
        self
    }

    pub(super) fn digest(&self) -> Option<String> {
        let mut all = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => all.extend_from_slice(bytes),
                Piece::Trailers(_) => {}
                Piece::Wait(_) | Piece::Break => return None,
            }
        }
        Some(sha256(all))
    }

    pub(super) async fn into_response(self) -> Result<Response<Content>, Broken> {
        if let Some(gate) = &self.wait {
            gate.passed().await;
        }
        let Some(status) = self.status else {
            return Err(io::Error::other("as the test wants it"));
        };
        let chunked = self.headers.iter().any(|(name, _)| name == "transfer-encoding");
        let whole = match (self.pieces.len(), self.pieces.front()) {
            (0, _) => Some(Bytes::new()),
            (1, Some(Piece::Bytes(bytes))) => Some(bytes.clone()),
            _ => None,
        };
        let content = match whole {
            Some(bytes) if !chunked => Full::new(bytes).map_err(|never| match never {}).boxed_unsync(),
            _ => StreamBody::new(stream::unfold(self.pieces, next)).boxed_unsync(),
        };
        let mut response = Response::new(content);
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "transfer-encoding") {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            response
                .headers_mut()
                .append(name, HeaderValue::from_str(value).unwrap());
        }
        Ok(response)
    }
}

impl From<fakes::Answer> for Reply {
    fn from(answer: fakes::Answer) -> Self {
        let mut reply = Self::new(answer.status);
        for (name, value) in answer.headers {
            reply = reply.header(name, value);
        }
        match answer.body.is_empty() {
            true => reply,
            false => reply.bytes(answer.body),
        }
    }
}

async fn next(mut pieces: VecDeque<Piece>) -> Option<(io::Result<Frame<Bytes>>, VecDeque<Piece>)> {
    loop {
        match pieces.pop_front()? {
            Piece::Bytes(bytes) => return Some((Ok(Frame::data(bytes)), pieces)),
            Piece::Wait(gate) => gate.passed().await,
            Piece::Trailers(lines) => {
                let trailers: HeaderMap = lines
                    .iter()
                    .map(|(name, value)| {
                        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                        (name, HeaderValue::from_str(value).unwrap())
                    })
                    .collect();
                return Some((Ok(Frame::trailers(trailers)), pieces));
            }
            Piece::Break => {
                // What was given before is on its way by then; at once, hyper would drop it with the connection.
                tokio::time::sleep(Duration::from_millis(100)).await;
                return Some((Err(io::Error::other("as the test wants it")), VecDeque::new()));
            }
        }
    }
}

/// What a server in clear answers to the same request.
pub(super) async fn from_server(server: SocketAddr, seen: Seen) -> Reply {
    let stream = TcpStream::connect(server)
        .await
        .expect("the server behind this origin takes connections");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let mut request = http::Request::builder().method(seen.method.as_str()).uri(&seen.target);
    for (name, value) in seen
        .headers
        .iter()
        .filter(|(name, _)| name != "transfer-encoding" && name != "content-length")
    {
        request = request.header(name, value);
    }
    let answer = sender
        .send_request(request.body(Full::new(seen.body)).unwrap())
        .await
        .unwrap();
    let (parts, content) = answer.into_parts();
    let mut reply = Reply::new(parts.status.as_u16()).bytes(content.collect().await.unwrap().to_bytes());
    for (name, value) in &parts.headers {
        if !matches!(name.as_str(), "connection" | "transfer-encoding" | "content-length") {
            reply = reply.header(name.as_str(), value.to_str().unwrap());
        }
    }
    connection.abort();
    reply
}

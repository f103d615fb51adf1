//! Speaks to the control API of a running sidecar.

mod connector;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::ClientConfig;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::connector::Connector;
use crate::control::problem::ProblemBody;
use crate::io::keys::{self, KeyError};
use crate::io::proof::{self, Challenge, Proof};
use crate::model::Secret;
use crate::model::inert::inert;

/// Where the person's key may be given.
pub const KEY_VARIABLE: &str = "RUNPLANE_KEY";
/// An answer takes no longer than this.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer, in bytes.
const MAX_ANSWER: usize = 32 << 20;

/// Why a command did not do what it should. The text is for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("no sidecar answers at {address}; start one with `runplane run`, or name its home with --home")]
    NotRunning { address: SocketAddr },
    #[error(
        "what answers at {address} does not show the certificate that `control.tls` names, so nothing was sent to it: if that was replaced just now, send the sidecar SIGHUP"
    )]
    AnotherCertificate { address: SocketAddr },
    #[error("the sidecar at {address} did not answer within {} s", PATIENCE.as_secs())]
    Silent { address: SocketAddr },
    #[error("no key: set {KEY_VARIABLE} to a person's key, or name the home of the sidecar with --home (`{}` holds no owner.key)", .0.display())]
    NoKey(PathBuf),
    #[error("{KEY_VARIABLE} holds no key: expected `rp_` and 43 characters")]
    NotAKey,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("{detail}")]
    Refused { status: u16, detail: String },
    #[error("what answers at {address} is no runplane control API (HTTP {status})")]
    Foreign { address: SocketAddr, status: u16 },
    #[error(
        "what answers at {address} cannot prove that it knows this key, so it was not sent: the key is nobody's there, or this is not the sidecar of this home"
    )]
    Unproven { address: SocketAddr },
    #[error("the answer of {address} broke off")]
    Broken {
        address: SocketAddr,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("`{0}`: expected a span such as 90s, 30m or 24h")]
    NotASpan(String),
    #[error("`{0}`: expected FIELD=VALUE")]
    NotAnAssignment(String),
    #[error(
        "nothing is approved: {0} was changed since you saw it. It is shown above as it is now, with the command that approves that"
    )]
    Changed(String),
    #[error(
        "nothing is decided: {0} was changed since you saw it. It is shown above as it is now; if that is what you correct, say so with `--revision {1}`"
    )]
    Corrected(String, u32),
    #[error("cannot write the answer")]
    Output(#[from] std::io::Error),
}

/// A person's way to the control API.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    key: Secret<String>,
    connector: Connector,
}

/// A connection to whoever listens there.
type Connection = SendRequest<Full<Bytes>>;

/// The person's key: from `RUNPLANE_KEY`, else the owner's from the directory `state` of the home.
///
/// # Errors
/// If there is none, or it is no key, or others can read its file.
pub fn key(state: &Path) -> Result<Secret<String>, ClientError> {
    key_from(std::env::var(KEY_VARIABLE).ok(), state)
}

fn key_from(variable: Option<String>, state: &Path) -> Result<Secret<String>, ClientError> {
    if let Some(key) = variable.filter(|key| !key.trim().is_empty()) {
        return keys::parse(&key).ok_or(ClientError::NotAKey);
    }
    keys::owner_key(state)?.ok_or_else(|| ClientError::NoKey(state.to_owned()))
}

impl Client {
    /// For the control listener at `address` of this machine.
    pub fn new(address: SocketAddr, key: Secret<String>) -> Self {
        Self {
            address,
            key,
            connector: Connector::to(address),
        }
    }

    /// The same where the listener speaks TLS; `tls` knows its certificate.
    pub fn pinned(self, tls: ClientConfig) -> Self {
        Self {
            connector: Connector::to(self.address).with(tls),
            ..self
        }
    }

    /// # Errors
    /// As [`ClientError`] says.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// # Errors
    /// As [`ClientError`] says.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, content: &impl Serialize) -> Result<T, ClientError> {
        let content = serde_json::to_vec(content).map_err(|error| self.broken(error))?;
        self.ask(Method::POST, path, content.into()).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, content: Bytes) -> Result<T, ClientError> {
        // SECURITY: another connection may lead to another listener, so each one proves itself and is used for what follows
        // its proof alone. Test: `the_key_goes_nowhere_but_where_the_proof_came_from`.
        let mut connection = self.in_time(self.connect()).await?;
        self.prove(&mut connection).await?;
        let key = Some(self.key.expose().as_str());
        let (status, content) = self.exchange(&mut connection, method, path, key, content).await?;
        if (200..300).contains(&status) {
            return serde_json::from_slice(&content).map_err(|_| self.foreign(status));
        }
        let problem: ProblemBody = serde_json::from_slice(&content).map_err(|_| self.foreign(status))?;
        Err(ClientError::Refused {
            status,
            detail: inert(&problem.detail).into_owned(),
        })
    }

    async fn connect(&self) -> Result<Connection, ClientError> {
        let stream = self.connector.connect().await;
        let stream = stream.map_err(|error| match connector::is_of_tls(&error) {
            true => ClientError::AnotherCertificate { address: self.address },
            false => ClientError::NotRunning { address: self.address },
        })?;
        let (requests, connection) = http1::handshake(stream).await.map_err(|error| self.broken(error))?;
        // What ends it is told to whoever waits for an answer.
        tokio::spawn(async { connection.await.is_ok() });
        Ok(requests)
    }

    /// That who listens there knows this key. See [`crate::io::proof`].
    async fn prove(&self, connection: &mut Connection) -> Result<(), ClientError> {
        let digest = keys::digest(self.key.expose());
        let challenge = Challenge::new(&digest);
        let path = format!("{}?key={}&nonce={}", proof::PATH, challenge.key, challenge.nonce);
        let (_, content) = self
            .exchange(connection, Method::GET, &path, None, Bytes::new())
            .await?;
        // What is no proof proves nothing: without one the key is not sent.
        let proof: Option<Proof> = serde_json::from_slice(&content).ok();
        match proof.is_some_and(|proof| challenge.is_met_by(&proof, &digest, self.address)) {
            true => Ok(()),
            false => Err(ClientError::Unproven { address: self.address }),
        }
    }

    async fn exchange(
        &self,
        connection: &mut Connection,
        method: Method,
        path: &str,
        key: Option<&str>,
        content: Bytes,
    ) -> Result<(u16, Bytes), ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        let request = request.body(Full::new(content)).map_err(|error| self.broken(error))?;
        self.in_time(self.send(connection, request)).await
    }

    async fn in_time<T>(&self, answer: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        answer.map_err(|_| ClientError::Silent { address: self.address })?
    }

    async fn send(
        &self,
        connection: &mut Connection,
        request: Request<Full<Bytes>>,
    ) -> Result<(u16, Bytes), ClientError> {
        connection.ready().await.map_err(|error| self.broken(error))?;
        let response = connection
            .send_request(request)
            .await
            .map_err(|error| self.broken(error))?;
        let status = response.status().as_u16();
        let content = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        Ok((status, content.map_err(|error| self.broken(error))?.to_bytes()))
    }

    fn foreign(&self, status: u16) -> ClientError {
        ClientError::Foreign {
            address: self.address,
            status,
        }
    }

    fn broken(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
        ClientError::Broken {
            address: self.address,
            source: source.into(),
        }
    }
}

/// What a person typed, as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Rows under headings, in columns as wide as they need to be.
pub(super) fn table(out: &mut dyn Write, headings: &[&str], rows: &[Vec<String>]) -> std::io::Result<()> {
    let head: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let width = |column: usize| {
        let cells = std::iter::once(&head)
            .chain(rows)
            .filter_map(move |row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    for row in std::iter::once(&head).chain(rows) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! WebSocket handshakes (RFC 6455, 4): each on a connection of its own, in HTTP/1.1, kept by nobody else.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, HeaderMap, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderName, HeaderValue, Response, Uri, response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use sha1::{Digest, Sha1};
use tokio::time::timeout;

use super::{SendError, Upstream, exchange_failed, outgoing, request};
use crate::io::body::Outgoing;
use crate::model::{Call, Outcome, Reason, Refusal};
use crate::policy::Permit;
use crate::store::Recorded;
use crate::upstream::Content;

/// Nothing has to be thought about for an answer to a handshake.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// What the server adds to the key before it digests it.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a provider says to a handshake.
#[derive(Debug)]
pub enum Handshake {
    /// The connection is a WebSocket from here on.
    Opened(Box<response::Parts>, Upgraded),
    /// It stays HTTP: this is an answer like any other.
    Declined(Box<Response<Incoming>>),
}

impl Upstream {
    /// Sends the WebSocket handshake of a permitted call, once.
    ///
    /// # Errors
    /// With the outcome, as [`Upstream::send`]; `Unknown` also where the provider says 101 to something else.
    pub async fn handshake(&self, permit: Recorded<Permit>) -> Result<Handshake, SendError> {
        self.shake(permit.into_inner().into_call()).await
    }

    pub(super) async fn shake(&self, call: Call) -> Result<Handshake, SendError> {
        let host = call.authority.host.to_string();
        if !call.opens_stream() {
            return Err(SendError::not_sent(
                Reason::Malformed,
                "the call is no WebSocket handshake",
            ));
        }
        let key = call.headers.get(SEC_WEBSOCKET_KEY).cloned();
        let content = outgoing(&call.body, Content::FromCall)?;
        let mut request = request(call, content)?;
        let target = request.uri().clone();
        request
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        // On a connection of its own the target goes in origin form.
        *request.uri_mut() = target.path_and_query().cloned().map(Uri::from).unwrap_or_default();
        match timeout(ANSWER_WITHIN, self.ask(&host, target, request)).await {
            Ok(answer) => decided(&host, key.as_ref(), answer?).await,
            Err(_) => Err(SendError {
                refusal: Refusal::new(
                    Reason::UpstreamTimeout,
                    format!(
                        "{host} did not answer the handshake within {} s",
                        ANSWER_WITHIN.as_secs()
                    ),
                ),
                outcome: Outcome::Unknown,
            }),
        }
    }

    async fn ask(
        &self,
        host: &str,
        target: Uri,
        request: http::Request<Outgoing>,
    ) -> Result<Response<Incoming>, SendError> {
        let dialled = self.handshakes.clone().dial_through(target).await;
        let stream = dialled.map_err(|error| SendError::not_sent(error.reason(), error.to_string()))?;
        let broken = |error: hyper::Error| exchange_failed(host, &error);
        let (mut sender, connection) = http1::handshake(stream).await.map_err(broken)?;
        // Ends with the answer, or hands the connection over; what goes wrong with it is told by the answer.
        drop(tokio::spawn(connection.with_upgrades()));
        sender.send_request(request).await.map_err(broken)
    }
}

/// What the answer comes to.
// SECURITY: a server that says 101 without having understood the handshake (it echoes, or speaks another protocol) would
// get bytes that nobody reads on our word. Tests: `an_answer_that_does_not_know_the_key_opens_nothing`,
// `ws_a_101_to_something_else`.
async fn decided(
    host: &str,
    key: Option<&HeaderValue>,
    mut answer: Response<Incoming>,
) -> Result<Handshake, SendError> {
    if answer.status().as_u16() != 101 {
        return Ok(Handshake::Declined(Box::new(answer)));
    }
    let doubt = |what: &str| SendError::in_doubt(Outcome::Unknown, format!("{host} {what}"));
    let accepted = key.is_some_and(|key| accepts(key.as_bytes(), answer.headers()));
    if !accepted {
        return Err(doubt(
            "changed the protocol, but not to the WebSocket that it was asked for",
        ));
    }
    let upgraded = hyper::upgrade::on(&mut answer).await;
    let upgraded = upgraded.map_err(|_| doubt("broke off after the handshake"))?;
    Ok(Handshake::Opened(Box::new(answer.into_parts().0), upgraded))
}

fn accepts(key: &[u8], headers: &HeaderMap) -> bool {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let says = |name: &HeaderName, wanted: &[u8]| {
        let mut values = headers.get_all(name).into_iter();
        let value = values.next().map(HeaderValue::as_bytes);
        values.next().is_none() && value.is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    };
    let accept = headers.get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    says(&UPGRADE, b"websocket") && accept == Some(STANDARD.encode(digest).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_does_not_know_the_key_opens_nothing() {
        let head = |fields: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            accepts(b"dGhlIHNhbXBsZSBub25jZQ==", &headers)
        };
        // The example of RFC 6455, 1.3.
        let accept = ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(head(&[("upgrade", "websocket"), accept]));
        assert!(head(&[("upgrade", "WebSocket"), accept]));
        assert!(!head(&[accept]));
        assert!(!head(&[("upgrade", "websocket")]));
        assert!(!head(&[("upgrade", "h2c"), accept]));
        assert!(!head(&[("upgrade", "websocket"), ("upgrade", "h2c"), accept]));
        assert!(!head(&[
            ("upgrade", "websocket"),
            ("sec-websocket-accept", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        ]));
    }
}

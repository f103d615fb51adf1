//! The one table of refusals, and how each looks to the client that gets it.

mod grpc;
mod shape;
mod words;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};
use http::{Response, StatusCode, Version, response};
use hyper::ext::ReasonPhrase;

use super::Refused;
use super::follow::Body;
use super::parse::{HOP_BY_HOP, named_in_connection};
use crate::model::{CallId, ErrorShape, Reason, Refusal};

pub(super) use words::{meaning, told, undelivered, unrecorded};

const DECISION: HeaderName = HeaderName::from_static("runplane-decision");
const REQUEST_ID: HeaderName = HeaderName::from_static("runplane-request-id");
const APPROVAL_ID: HeaderName = HeaderName::from_static("runplane-approval-id");
const STRIPE_SHOULD_RETRY: HeaderName = HeaderName::from_static("stripe-should-retry");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// Headers of this kind are ours alone.
const OURS: &str = "runplane-";

/// Whether the client's own library may try again by itself. Never `Retry-After`: some take it for an invitation with 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retry {
    /// It would be refused again, or do harm.
    No,
    /// As it does with every failing network: it knows its idempotency keys.
    AsUsual,
}

/// Whether the call was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Executed {
    No,
    /// It may have been.
    Unknown,
    /// Not this time, but before.
    Earlier,
}

impl Executed {
    fn as_str(self) -> &'static str {
        match self {
            Executed::No => "no",
            Executed::Unknown => "unknown",
            Executed::Earlier => "earlier",
        }
    }
}

/// One row of the table.
struct Row {
    status: StatusCode,
    retry: Retry,
    executed: Executed,
    /// The gate's word, if it had one.
    decision: Option<&'static str>,
}

/// The table: code → status → retry headers → executed or not. 403 without Retry-After is the one answer that hardly any
/// client library retries; a 2xx would be read as done.
fn row(reason: Reason) -> Row {
    use {Executed as E, Reason as R, Retry::AsUsual, Retry::No, StatusCode as S};
    const BLOCK: Option<&str> = Some("BLOCK");
    const HOLD: Option<&str> = Some("REQUIRE_APPROVAL");
    let (status, retry, executed, decision) = match reason {
        R::PolicyBlocked => (S::FORBIDDEN, No, E::No, BLOCK),
        R::IncompleteAction => (S::FORBIDDEN, No, E::No, BLOCK),
        R::PolicyError => (S::FORBIDDEN, No, E::No, BLOCK),
        R::ApprovalPending => (S::FORBIDDEN, No, E::No, HOLD),
        R::ApprovalDenied => (S::FORBIDDEN, No, E::No, HOLD),
        R::ApprovalExpired => (S::FORBIDDEN, No, E::No, HOLD),
        R::ApprovedRepeat => (S::FORBIDDEN, No, E::No, HOLD),
        R::AlreadyExecuted => (S::FORBIDDEN, No, E::Earlier, HOLD),
        R::BudgetExceeded => (S::FORBIDDEN, No, E::No, BLOCK),
        R::Paused => (S::FORBIDDEN, No, E::No, None),
        R::ChangedMeanwhile => (S::FORBIDDEN, No, E::No, None),
        R::DestinationRefused => (S::FORBIDDEN, No, E::No, None),
        R::Malformed => (S::BAD_REQUEST, No, E::No, None),
        R::LengthRequired => (S::LENGTH_REQUIRED, No, E::No, None),
        R::TooLarge => (S::PAYLOAD_TOO_LARGE, No, E::No, None),
        R::NotInspectable => (S::UNSUPPORTED_MEDIA_TYPE, No, E::No, None),
        R::AuthorityMismatch => (S::MISDIRECTED_REQUEST, No, E::No, None),
        R::AgentUnknown => (S::PROXY_AUTHENTICATION_REQUIRED, No, E::No, None),
        R::UpstreamUnreachable => (S::BAD_GATEWAY, AsUsual, E::Unknown, None),
        R::UpstreamTimeout => (S::GATEWAY_TIMEOUT, AsUsual, E::Unknown, None),
        R::AuditUnavailable => (S::SERVICE_UNAVAILABLE, AsUsual, E::No, None),
        R::Overloaded => (S::SERVICE_UNAVAILABLE, AsUsual, E::No, None),
    };
    Row {
        status,
        retry,
        executed,
        decision,
    }
}

impl Row {
    /// What may have been executed was not where nothing of it was written.
    fn executed(&self, refused: &Refused) -> Executed {
        match self.executed {
            Executed::Unknown if !refused.written => Executed::No,
            executed @ (Executed::No | Executed::Unknown | Executed::Earlier) => executed,
        }
    }

    /// Nobody is invited to make twice what may have been made. What heeds no header goes by the status alone, and is found again
    /// by its approval, if it has one.
    fn retry(&self, refused: &Refused) -> Retry {
        match self.executed(refused) {
            Executed::Unknown if !refused.harmless => Retry::No,
            Executed::No | Executed::Unknown | Executed::Earlier => self.retry,
        }
    }

    /// The status in the provider's own way of saying no: Slack's libraries read a 200 and try anything else again,
    /// which is right for what failed on the way only. git reads no content but that of a 200, and gRPC's libraries a status of
    /// their own.
    fn status(&self, refused: &Refused) -> StatusCode {
        match (refused.shape, self.retry(refused)) {
            (ErrorShape::Grpc, _) => StatusCode::OK,
            (ErrorShape::Slack | ErrorShape::GitPush, Retry::No) if refused.refusal.reason != Reason::AgentUnknown => {
                StatusCode::OK
            }
            _ => self.status,
        }
    }
}

/// A refusal as the client gets it; without its content where HEAD was asked. `reverse`: the client knows of no proxy.
pub(super) fn refuse(refused: &Refused, id: &CallId, head_only: bool, reverse: bool) -> Response<Body> {
    let mut row = row(refused.refusal.reason);
    let unknown = refused.refusal.reason == Reason::AgentUnknown;
    // A 407 is a broken connection to clients that asked no proxy (fetch).
    if unknown && reverse {
        row.status = StatusCode::UNAUTHORIZED;
    }
    let (kind, content) = shape::content(refused, &row, id);
    let content = (!head_only && !content.is_empty()).then(|| Bytes::from(content));
    let mut response = Response::new(Body::Whole(content));
    *response.status_mut() = row.status(refused);
    if let Some(phrase) = phrase(&refused.refusal) {
        response.extensions_mut().insert(phrase);
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if refused.shape == ErrorShape::Grpc {
        grpc::tell(headers, refused);
    }
    if row.retry(refused) == Retry::No {
        headers.insert(STRIPE_SHOULD_RETRY, HeaderValue::from_static("false"));
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    if let Some(decision) = row.decision {
        headers.insert(DECISION, HeaderValue::from_static(decision));
    }
    if let Some(approval) = refused
        .approval
        .as_ref()
        .and_then(|id| HeaderValue::from_str(id.as_str()).ok())
    {
        headers.insert(APPROVAL_ID, approval);
    }
    if unknown {
        let (name, challenge) = match reverse {
            // No scheme that a client would answer with the credentials it has for the provider.
            true => (WWW_AUTHENTICATE, "Runplane header=\"Proxy-Authorization\""),
            false => (PROXY_AUTHENTICATE, "Basic realm=\"Runplane\", charset=\"UTF-8\""),
        };
        headers.insert(name, HeaderValue::from_static(challenge));
    }
    stamp(response, id)
}

/// The sentence in the status line of HTTP/1.1, which is all that some clients show of a refusal: pip, `raise_for_status` of
/// requests, Python's urllib. Whatever is not of ASCII's visible characters stays out of it.
fn phrase(refusal: &Refusal) -> Option<ReasonPhrase> {
    let sentence = format!("{}: {}", refusal.reason, refusal.detail);
    let visible = sentence
        .bytes()
        .map(|byte| if (b' '..=b'~').contains(&byte) { byte } else { b'?' });
    ReasonPhrase::try_from(visible.take(LONGEST_PHRASE).collect::<Vec<u8>>()).ok()
}

/// Bytes. Clients bound a status line by 8 KiB or more.
const LONGEST_PHRASE: usize = 512;

/// Every answer names the call it belongs to.
pub(super) fn stamp(mut response: Response<Body>, id: &CallId) -> Response<Body> {
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The answer to a CONNECT that is taken.
pub(super) fn connected() -> Response<Body> {
    Response::new(Body::Whole(None))
}

/// The answer to a WebSocket handshake that the provider took: its own, with the fields that open the connection.
pub(super) fn switching(mut head: response::Parts) -> Response<Body> {
    clean(&mut head, None);
    head.headers.remove(CONTENT_LENGTH);
    head.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    head.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    Response::from_parts(head, Body::Whole(None))
}

/// The same as the connection's last answer.
pub(super) fn and_close(mut response: Response<Body>) -> Response<Body> {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The provider's head as it goes on to the agent: framing and what speaks of our connection are ours. `length`: of the
/// content, if it is known.
pub(super) fn clean(head: &mut response::Parts, length: Option<u64>) {
    let headers = &mut head.headers;
    head.version = Version::HTTP_11;
    // SECURITY: an answer with both is read by Transfer-Encoding; passing its Content-Length on would split the agent's
    // connection in the wrong place. Test: `a_length_beside_chunked_is_dropped`.
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    } else if headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
        headers.remove(CONTENT_LENGTH);
        if let Some(length) = length {
            headers.insert(CONTENT_LENGTH, length.into());
        }
    }
    if headers.contains_key(CONNECTION) {
        for name in named_in_connection(headers) {
            headers.remove(name);
        }
    }
    for name in HOP_BY_HOP.iter().chain([&PROXY_AUTHENTICATE]) {
        headers.remove(name);
    }
    remove_ours(headers);
}

/// The provider's trailers as they go on to the agent.
pub(super) fn clean_trailers(trailers: &mut HeaderMap) {
    for name in HOP_BY_HOP.iter().chain([&CONTENT_LENGTH]) {
        trailers.remove(name);
    }
    remove_ours(trailers);
}

// SECURITY: a provider that speaks in our name could tell an agent that its call was approved, or held.
// Tests: `a_provider_does_not_speak_in_our_name`, `trailers_do_not_speak_in_our_name`.
fn remove_ours(headers: &mut HeaderMap) {
    let forged: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(OURS))
        .cloned()
        .collect();
    for name in forged {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests;

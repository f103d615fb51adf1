//! One outbound call as it was asked for: who, what, of whom.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, UPGRADE};
use http::{HeaderMap, HeaderValue, Method};

use super::{CallId, Refusal, Timestamp};

/// One call of an agent to the outside, before anything is known of its meaning.
#[derive(Clone)]
pub struct Call {
    pub id: CallId,
    pub origin: Origin,
    pub caller: Caller,
    pub received: Timestamp,
    pub scheme: Scheme,
    /// The one authority that CONNECT, SNI and Host agreed on.
    pub authority: Authority,
    pub method: Method,
    /// The path exactly as sent, never empty, always starting with `/`.
    pub path: String,
    /// What followed `?`, exactly as sent, without the `?`.
    pub query: Option<String>,
    /// End-to-end header fields as sent; hop-by-hop fields and our own proxy credentials are gone, but for the Upgrade of a
    /// WebSocket handshake, which makes it one.
    pub headers: HeaderMap,
    pub body: Body,
}

/// Through which door a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Read off the wire by the proxy.
    Wire,
    /// Given as an action to the Guard API.
    Guard,
}

/// The agent a call was made by, as it proved itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub agent: Arc<str>,
    pub roles: Arc<[Arc<str>]>,
    /// The person answerable for the agent.
    pub owner: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// Host and port (RFC 9110, 4.3), the port always explicit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    pub host: Host,
    pub port: u16,
}

impl Authority {
    /// As a client writes it: without the scheme's own port.
    pub fn written(&self, scheme: Scheme) -> String {
        match self.port == scheme.default_port() {
            true => self.host.to_string(),
            false => self.to_string(),
        }
    }
}

/// A host: a DNS name (lower-case ASCII, no trailing dot) or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    Name(Arc<str>),
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What is known of the request content.
#[derive(Clone)]
pub enum Body {
    /// The request has none.
    Absent,
    /// Read whole; exactly these bytes go upstream.
    Captured(Bytes),
    /// The same, under a content coding.
    Coded(Coded),
    /// Still on the connection, unread; the declared length in bytes if any.
    Streaming { length: Option<u64> },
}

/// Content under a content coding, read whole.
#[derive(Clone)]
pub struct Coded {
    /// As it came, and as it goes upstream.
    pub wire: Bytes,
    /// What it says, or why that cannot be told.
    pub decoded: Result<Bytes, Refusal>,
}

impl Body {
    /// The bytes that were read, as they came: empty where there is no content, `None` where it was not read.
    pub fn captured(&self) -> Option<&[u8]> {
        match self {
            Body::Absent => Some(&[]),
            Body::Captured(bytes) => Some(bytes),
            Body::Coded(coded) => Some(&coded.wire),
            Body::Streaming { .. } => None,
        }
    }
}

// SECURITY: credentials stand in headers, queries, paths (`/services/T0/B0/token`) and bodies, so a log line or a panic
// that prints a call shows none of these. Test: debug_of_a_call_shows_no_header_path_query_or_body.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("id", &self.id)
            .field("origin", &self.origin)
            .field("agent", &self.caller.agent)
            .field("scheme", &self.scheme)
            .field("authority", &self.authority)
            .field("method", &self.method)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Absent => f.write_str("Absent"),
            Body::Captured(bytes) => write!(f, "Captured({} bytes)", bytes.len()),
            Body::Coded(coded) => write!(f, "Coded({} bytes)", coded.wire.len()),
            Body::Streaming { length } => write!(f, "Streaming({length:?} bytes)"),
        }
    }
}

/// Whether the content is gRPC's. It can only come over HTTP/2; see `proxy::parse`.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    headers.get(CONTENT_TYPE).is_some_and(|kind| {
        let (name, rest) = kind.as_bytes().split_at_checked(GRPC.len()).unwrap_or_default();
        name.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
    })
}

impl Call {
    pub fn is_grpc(&self) -> bool {
        is_grpc(&self.headers)
    }

    /// Whether it is a WebSocket handshake: no other call keeps its Upgrade.
    pub fn opens_stream(&self) -> bool {
        self.headers.contains_key(UPGRADE)
    }

    /// A header field's value, if it is there once and is visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }
}

/// What of a call a decision rests on besides its action. Survives the call: an approval is
/// judged by it when nobody is connected.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Facts {
    pub agent: Arc<str>,
    pub roles: Arc<[Arc<str>]>,
    /// Host without port, as policies name it.
    pub host: String,
    pub method: String,
}

/// What makes two calls the same call: everything the provider would act on, without what changes when the same call
/// is made again (dates, signatures, retry counters, and what the mapping calls volatile).
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The stable part of the credential: an AWS access key id, else the credential itself. Secret.
    pub credential: Vec<u8>,
    /// Method, scheme, authority, path, query, significant headers and content, each with its length before it. Secret.
    pub content: Vec<u8>,
    /// The same as `content` without the `sources`; empty where there are none. Secret.
    pub rest: Vec<u8>,
    /// What single fields are read from, where that is one value that can be told from the rest.
    pub sources: Vec<FieldSource>,
    /// What it says besides its action, its fields and its target; `None` where that cannot be told. Secret.
    pub beyond: Option<Vec<Saying>>,
    /// The provider's idempotency key, if the call has one: not part of what it is, but of which request it is.
    pub idempotency_key: Option<String>,
    /// Whether that key is a header field of the provider's, which it looks at whatever is asked of it.
    pub key_is_header: bool,
}

/// Something that a call says by name.
#[derive(Clone, PartialEq, Eq)]
pub struct Saying {
    pub name: String,
    pub value: serde_json::Value,
    /// It stands where everything is text: numbers are digits.
    pub text: bool,
}

// SECURITY: as of a call: values may be secret. Test: `debug_of_a_call_shows_no_header_path_query_or_body`.
impl fmt::Debug for Saying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Saying").finish_non_exhaustive()
    }
}

impl Saying {
    /// Whether it is what somebody said in JSON.
    pub fn is(&self, said: &serde_json::Value) -> bool {
        use serde_json::Value;
        match (&self.value, said) {
            (Value::String(text), Value::Number(number)) if self.text => text == number.as_str(),
            (Value::String(text), Value::Bool(said)) if self.text => text == if *said { "true" } else { "false" },
            (value, said) => value == said,
        }
    }
}

/// What one field of a call is read from.
#[derive(Clone, PartialEq, Eq)]
pub struct FieldSource {
    pub field: Arc<str>,
    /// The value as it stands there, or that there is none. Secret.
    pub content: Vec<u8>,
}

/// Bytes of content up to which it may lie in what the connection read ahead, beside the head.
const READ_AHEAD: usize = 64 << 10;

impl Call {
    /// Copies the head and a short content out of the buffer that the connection read them into: a call that waits would
    /// keep all of it.
    pub fn lies_apart(&mut self) {
        for value in self.headers.values_mut() {
            if let Ok(mut copy) = HeaderValue::from_bytes(value.as_bytes()) {
                copy.set_sensitive(value.is_sensitive());
                *value = copy;
            }
        }
        if let Body::Captured(bytes) | Body::Coded(Coded { wire: bytes, .. }) = &mut self.body
            && bytes.len() <= READ_AHEAD
        {
            *bytes = Bytes::copy_from_slice(bytes);
        }
    }

    pub fn facts(&self) -> Facts {
        Facts {
            agent: self.caller.agent.clone(),
            roles: self.caller.roles.clone(),
            host: self.authority.host.to_string(),
            method: self.method.as_str().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(headers: HeaderMap, body: Body) -> Call {
        Call {
            id: CallId::random(),
            origin: Origin::Wire,
            caller: Caller {
                agent: "support-bot".into(),
                roles: Arc::from([]),
                owner: None,
            },
            received: Timestamp(0),
            scheme: Scheme::Https,
            authority: Authority {
                host: Host::Name("api.example.com".into()),
                port: 443,
            },
            method: Method::POST,
            path: "/services/hunter2".to_owned(),
            query: Some("token=hunter2".to_owned()),
            headers,
            body,
        }
    }

    #[test]
    fn a_call_that_waits_keeps_nothing_of_what_its_connection_read() {
        let read = Bytes::from(b"Bearer hunter2 and a content".to_vec());
        let mut headers = HeaderMap::new();
        let mut value = HeaderValue::from_maybe_shared(read.slice(..14)).unwrap();
        value.set_sensitive(true);
        headers.insert("authorization", value);
        let mut call = post(headers, Body::Captured(read.slice(19..)));
        assert!(!read.is_unique());
        call.lies_apart();
        assert!(read.is_unique());
        let value = &call.headers["authorization"];
        assert_eq!((value.as_bytes(), value.is_sensitive()), (&read[..14], true));
        assert_eq!(call.body.captured(), Some(&read[19..]));
    }

    #[test]
    fn debug_of_a_call_shows_no_header_path_query_or_body() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("Bearer hunter2"));
        let call = post(headers, Body::Captured(Bytes::from_static(b"hunter2")));
        let saying = Saying {
            name: "hunter2".to_owned(),
            value: "hunter2".into(),
            text: true,
        };
        let shown = format!("{call:?} {saying:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
        assert!(shown.contains("support-bot") && shown.contains("7 bytes"), "{shown}");
    }
}

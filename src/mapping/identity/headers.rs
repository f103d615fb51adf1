//! Which header fields are no part of what a call is, where every other is.

use http::header::{SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::mapping::service::{IdempotencyKey, Service};

/// Those that differ between two sendings of one call, or that the call's other parts already tell.
pub(in crate::mapping) const IGNORED: [&str; 48] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "expect",
    "user-agent",
    "date",
    "x-amz-date",
    "authorization",
    "proxy-authorization",
    "signature",
    "signature-input",
    "x-amz-security-token",
    "traceparent",
    "tracestate",
    "baggage",
    "b3",
    "x-request-id",
    "x-correlation-id",
    "x-client-request-id",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "sentry-trace",
    "uber-trace-id",
    "x-retry-count",
    "x-stainless-retry-count",
    "amz-sdk-request",
    "amz-sdk-invocation-id",
    "idempotency-key",
    "x-stripe-client-telemetry",
    "x-stripe-client-user-agent",
    "x-goog-api-client",
    "priority",
    "grpc-timeout",
    "grpc-previous-rpc-attempts",
    "grpc-trace-bin",
    "grpc-tags-bin",
];
/// The same, by how names begin.
pub(in crate::mapping) const IGNORED_PREFIXES: [&str; 3] = ["grpc-accept-", "x-b3-", "x-datadog-"];

/// The content's digest, or how S3 is to read the content.
const CONTENT_SHA256: &str = "x-amz-content-sha256";

/// The names of those that are part of what a call is, in their order.
pub(in crate::mapping) fn counted<'a>(headers: &'a HeaderMap, service: Option<&Service>) -> Vec<&'a HeaderName> {
    let mut names: Vec<_> = headers
        .keys()
        .filter(|name| !is_ignored(name, headers, service))
        .collect();
    names.sort_unstable_by_key(|name| name.as_str());
    names
}

/// Whether a field differs between two sendings of one call, or the call's other parts tell it.
fn is_ignored(name: &HeaderName, headers: &HeaderMap, service: Option<&Service>) -> bool {
    let key = service.and_then(|service| service.idempotency.as_ref());
    let text = name.as_str();
    IGNORED.contains(&text)
        || IGNORED_PREFIXES.iter().any(|prefix| text.starts_with(prefix))
        || matches!(key, Some(IdempotencyKey::Header(key)) if key == name)
        || service.is_some_and(|service| service.volatile_headers.contains(name))
        || (text == CONTENT_SHA256 && is_digest(headers))
        || (*name == SEC_WEBSOCKET_KEY && headers.contains_key(UPGRADE))
}

/// Whether the field is the content's digest, which the content tells.
///
/// SECURITY: `STREAMING-…` makes S3 take a frame off the content that `UNSIGNED-PAYLOAD` leaves in what is stored (test
/// `how_s3_is_to_read_the_content_counts`).
fn is_digest(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_SHA256).iter().map(HeaderValue::as_bytes);
    let first = values.next().unwrap_or_default();
    first.len() == 64 && first.iter().all(u8::is_ascii_hexdigit) && values.next().is_none()
}

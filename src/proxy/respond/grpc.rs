//! A refusal as gRPC tells it: trailers only, in the answer's head.

use std::fmt::Write as _;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::model::Reason;
use crate::proxy::Refused;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// Bytes of a message before they are escaped: clients take heads of 8 KiB.
const LONGEST: usize = 2000;

/// Says no in the fields that gRPC's libraries read.
pub(super) fn tell(headers: &mut HeaderMap, refused: &Refused) {
    headers.insert(STATUS, HeaderValue::from_static(status(refused)));
    let approval = refused
        .approval
        .as_ref()
        .map(|id| format!(" ({id})"))
        .unwrap_or_default();
    let message = format!("{}: {}{approval}", refused.refusal.reason, refused.refusal.detail);
    if let Ok(message) = HeaderValue::try_from(escaped(&message)) {
        headers.insert(MESSAGE, message);
    }
}

/// `PERMISSION_DENIED`, unless a library may try again by itself (`UNAVAILABLE`) or the caller has to do something else.
/// `UNKNOWN` is tried again by none.
fn status(refused: &Refused) -> &'static str {
    match refused.refusal.reason {
        Reason::UpstreamUnreachable | Reason::UpstreamTimeout if refused.written && !refused.harmless => "2",
        Reason::PolicyBlocked
        | Reason::IncompleteAction
        | Reason::PolicyError
        | Reason::ApprovalPending
        | Reason::ApprovalDenied
        | Reason::ApprovalExpired
        | Reason::ApprovedRepeat
        | Reason::AlreadyExecuted
        | Reason::BudgetExceeded
        | Reason::Paused
        | Reason::ChangedMeanwhile
        | Reason::DestinationRefused
        | Reason::NotInspectable => "7",
        // INVALID_ARGUMENT
        Reason::Malformed | Reason::LengthRequired | Reason::AuthorityMismatch => "3",
        // RESOURCE_EXHAUSTED
        Reason::TooLarge => "8",
        // UNAUTHENTICATED
        Reason::AgentUnknown => "16",
        // DEADLINE_EXCEEDED
        Reason::UpstreamTimeout => "4",
        Reason::UpstreamUnreachable | Reason::AuditUnavailable | Reason::Overloaded => "14",
    }
}

/// Percent-encoded as gRPC over HTTP/2 has it: everything but visible ASCII and spaces, and `%` itself.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes().take(LONGEST) {
        match byte {
            b' '..=b'$' | b'&'..=b'~' => out.push(char::from(byte)),
            // A String takes everything.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_of_visible_ascii() {
        assert_eq!(escaped("100% of é\n\u{7f}"), "100%25 of %C3%A9%0A%7F");
        assert_eq!(escaped(&"x".repeat(5000)).len(), LONGEST);
    }
}

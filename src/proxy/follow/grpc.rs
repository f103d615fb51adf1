//! How a call by gRPC ended, by gRPC's own status.

use http::header::{HeaderMap, HeaderName};

use crate::model::Outcome;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// What `grpc-status` said so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    NotYet,
    Success,
    Failure,
}

impl Told {
    /// Reads trailers, or the head of an answer that has nothing but a head. Said twice, it is not said.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(STATUS).iter();
        match (values.next(), values.next()) {
            (Some(status), None) if status.as_bytes() == b"0" => Told::Success,
            (Some(_), None) => Told::Failure,
            (None, _) | (Some(_), Some(_)) => Told::NotYet,
        }
    }

    /// At the end of an answer with this status. What never told is no answer, unless something before the server said no.
    pub(super) fn outcome(self, status: u16) -> Outcome {
        match self {
            Told::Success if status == 200 => Outcome::Success,
            Told::NotYet if status == 200 => Outcome::Error,
            Told::Success | Told::NotYet | Told::Failure => Outcome::Failure,
        }
    }
}

//! What a monitoring system reads of a running sidecar: counts and times, by closed sets of words. Floor 1.
//!
//! Counting is a few atomic additions and nothing else: each count has its place from the start, and text is made only where
//! it is asked for. No name of an agent, a host or a call is in it: whoever may read it learns how much is going on, not what.

mod histogram;
mod requests;
mod text;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::model::observed::Would;
use crate::model::{Reason, State};

use histogram::Histogram;
use requests::Requests;
pub use requests::{Ruled, Tally};
pub use text::{CONTENT_TYPE, Now};

/// Upper ends of buckets in seconds, for what should take no time: 100 µs to 10 s.
const QUICK: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0,
];
/// For what is as quick as somebody else: 5 ms to 5 min.
const REMOTE: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];
/// For people: 1 s to a day.
const PEOPLE: &[f64] = &[
    1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 14400.0, 86400.0,
];

/// For scores: a point is kept as a second is.
const SCORES: &[f64] = &[10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0];

/// Everything that is counted on the way of a call.
#[derive(Debug)]
pub struct Metrics {
    requests: Requests,
    decision: Histogram,
    risk: Histogram,
    upstream: Histogram,
    tls_failures: [AtomicU64; TlsFailure::ALL.len()],
    bypasses: AtomicU64,
    observed: [AtomicU64; OBSERVED.len()],
    notified: [AtomicU64; Notified::ALL.len()],
    sealed: [AtomicU64; Sealed::ALL.len()],
    published: [[AtomicU64; PUBLISHED.len()]; Publisher::ALL.len()],
}

/// What would have been decided of calls that are only observed.
const OBSERVED: [&str; 2] = ["BLOCK", "REQUIRE_APPROVAL"];

/// What came of an attempt to publish a checkpoint.
const PUBLISHED: [&str; 2] = ["published", "failed"];

/// Where checkpoints are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publisher {
    File,
    Webhook,
    Witness,
}

impl Publisher {
    const ALL: [Self; 3] = [Self::File, Self::Webhook, Self::Witness];

    pub fn as_str(self) -> &'static str {
        match self {
            Publisher::File => "file",
            Publisher::Webhook => "webhook",
            Publisher::Witness => "witness",
        }
    }
}

/// Why a TLS handshake of an agent came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFailure {
    /// The client says that it does not trust our certificate.
    Untrusted,
    /// The client left in the middle.
    Closed,
    TimedOut,
    /// Anything else that is no handshake we could agree on.
    Protocol,
    /// Whatever it was, on a port of ours that speaks TLS itself.
    OwnPort,
}

impl TlsFailure {
    const ALL: [TlsFailure; 5] = [
        TlsFailure::Untrusted,
        TlsFailure::Closed,
        TlsFailure::TimedOut,
        TlsFailure::Protocol,
        TlsFailure::OwnPort,
    ];

    fn as_str(self) -> &'static str {
        match self {
            TlsFailure::Untrusted => "untrusted",
            TlsFailure::Closed => "closed",
            TlsFailure::TimedOut => "timed_out",
            TlsFailure::Protocol => "protocol",
            TlsFailure::OwnPort => "own_port",
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Requests::default(),
            decision: Histogram::new(QUICK),
            risk: Histogram::new(SCORES),
            upstream: Histogram::new(REMOTE),
            tls_failures: Default::default(),
            bypasses: AtomicU64::new(0),
            observed: Default::default(),
            notified: Default::default(),
            sealed: Default::default(),
            published: Default::default(),
        }
    }
}

impl Metrics {
    /// A request that was refused before there was a decision on it.
    pub fn undecided(&self, reason: Reason) {
        self.requests.count(None, None, None);
        self.refused(reason);
    }

    /// A decision is on disk that was asked for at `since`, on a call with this score.
    pub fn decided(&self, since: Instant, score: Option<i64>) {
        self.decision.observe(since.elapsed());
        if let Some(score) = score.and_then(|score| u64::try_from(score).ok()) {
            self.risk.observe(Duration::from_secs(score));
        }
    }

    /// A request whose decision is `ruled`, to be counted once, when the tally is dropped.
    pub fn tally(self: &Arc<Self>, ruled: Ruled) -> Tally {
        Tally::new(self.clone(), ruled)
    }

    /// Something was refused. Counts what tried to come to other places than it said, or to where nothing may go.
    pub fn refused(&self, reason: Reason) {
        if matches!(reason, Reason::AuthorityMismatch | Reason::DestinationRefused) {
            self.bypasses.fetch_add(1, Relaxed);
        }
    }

    /// A call is sent although this would have been decided.
    pub fn observed(&self, would: Would) {
        let counts = OBSERVED.iter().zip(&self.observed);
        for (_, count) in counts.filter(|(decision, _)| **decision == would.decision) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub fn notified(&self, what: Notified) {
        // As in `tls_failed`.
        if let Some(count) = self.notified.get(what as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub fn sealed(&self, result: Sealed) {
        // As in `tls_failed`.
        if let Some(count) = self.sealed.get(result as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub fn published(&self, to: Publisher, well: bool) {
        // The places stand in the order of `ALL`, which is that of the variants.
        let Some([published, failed]) = self.published.get(to as usize) else {
            return;
        };
        let count = if well { published } else { failed };
        count.fetch_add(1, Relaxed);
    }

    pub fn tls_failed(&self, why: TlsFailure) {
        // The places stand in the order of `ALL`, which is that of the variants.
        if let Some(count) = self.tls_failures.get(why as usize) {
            count.fetch_add(1, Relaxed);
        }
    }
}

/// What came of an attempt to tell somebody of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notified {
    Delivered,
    /// It is tried again.
    Failed,
    GivenUp,
}

impl Notified {
    const ALL: [Notified; 3] = [Notified::Delivered, Notified::Failed, Notified::GivenUp];

    fn as_str(self) -> &'static str {
        match self {
            Notified::Delivered => "delivered",
            Notified::Failed => "failed",
            Notified::GivenUp => "given_up",
        }
    }
}

/// What came of an attempt to sign a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    Signed,
    /// It is tried again.
    Failed,
    /// The trail is not what was written: nothing is signed any more.
    Changed,
}

impl Sealed {
    const ALL: [Sealed; 3] = [Sealed::Signed, Sealed::Failed, Sealed::Changed];

    fn as_str(self) -> &'static str {
        match self {
            Sealed::Signed => "signed",
            Sealed::Failed => "failed",
            Sealed::Changed => "changed",
        }
    }
}

/// What came of approvals since the start.
#[derive(Debug)]
pub struct Decisions {
    approved: AtomicU64,
    denied: AtomicU64,
    expired: AtomicU64,
    cancelled: AtomicU64,
    waited: Histogram,
}

impl Default for Decisions {
    fn default() -> Self {
        Self {
            approved: AtomicU64::new(0),
            denied: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            waited: Histogram::new(PEOPLE),
        }
    }
}

impl Decisions {
    /// An approval that waited for people has another state. `waited`: for how long.
    pub fn count(&self, state: State, waited: Option<Duration>) {
        let (count, by_people) = match state {
            State::Approved => (&self.approved, true),
            State::Denied => (&self.denied, true),
            State::Expired => (&self.expired, false),
            State::Cancelled => (&self.cancelled, false),
            // It waits on; and what is spent was approved first.
            State::Pending | State::Returned | State::Consumed => return,
        };
        count.fetch_add(1, Relaxed);
        if let Some(waited) = waited.filter(|_| by_people) {
            self.waited.observe(waited);
        }
    }
}

#[cfg(test)]
mod tests;

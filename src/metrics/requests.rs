//! Requests, by what they would do, what was decided, and how the provider answered.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

use super::Metrics;
use crate::model::{Access, Reason};

/// The gate's word on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruled {
    Allow(Access),
    Block(Access),
    RequireApproval(Access),
}

const NONE: &str = "none";
/// Of what an action may do; the first: no action was recognised.
const CLASSES: [&str; 5] = [NONE, "read", "write", "delete", "admin"];
/// As the trail has them; the first: refused before there was one.
const DECISIONS: [&str; 4] = [NONE, "ALLOW", "BLOCK", "REQUIRE_APPROVAL"];
/// Of the provider's answer; the first: there was none.
const STATUSES: [&str; 6] = [NONE, "1xx", "2xx", "3xx", "4xx", "5xx"];

/// A count for each combination.
#[derive(Debug)]
pub(super) struct Requests(Box<[AtomicU64]>);

impl Default for Requests {
    fn default() -> Self {
        let places = CLASSES.len() * DECISIONS.len() * STATUSES.len();
        Self((0..places).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Requests {
    pub(super) fn count(&self, class: Option<Access>, decision: Option<Ruled>, status: Option<u16>) {
        let class = match class {
            None => 0,
            Some(Access::Read) => 1,
            Some(Access::Write) => 2,
            Some(Access::Delete) => 3,
            Some(Access::Admin) => 4,
        };
        let decision = match decision {
            None => 0,
            Some(Ruled::Allow(_)) => 1,
            Some(Ruled::Block(_)) => 2,
            Some(Ruled::RequireApproval(_)) => 3,
        };
        let status = match status {
            None => 0,
            Some(status) => usize::from(status / 100).min(STATUSES.len() - 1),
        };
        let place = (class * DECISIONS.len() + decision) * STATUSES.len() + status;
        if let Some(count) = self.0.get(place) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Those that ever came.
    pub(super) fn encode(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        let combinations = CLASSES.iter().flat_map(|class| {
            let each = move |decision| STATUSES.iter().map(move |status| (class, decision, status));
            DECISIONS.iter().flat_map(each)
        });
        for ((class, decision, status), count) in combinations.zip(&self.0) {
            let count = count.load(Relaxed);
            if count > 0 {
                let labels = [
                    ("action_class", *class),
                    ("decision", *decision),
                    ("upstream_status_class", *status),
                ];
                let mut one = encoder.encode_family(&labels)?;
                one.encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
            }
        }
        Ok(())
    }
}

impl Ruled {
    fn access(self) -> Access {
        match self {
            Ruled::Allow(access) | Ruled::Block(access) | Ruled::RequireApproval(access) => access,
        }
    }
}

/// One request that was decided. Counted when this is dropped, however it ended.
#[derive(Debug)]
pub struct Tally {
    metrics: Arc<Metrics>,
    ruled: Option<Ruled>,
    status: Option<u16>,
    sent: Option<Instant>,
}

impl Tally {
    pub(super) fn new(metrics: Arc<Metrics>, ruled: Ruled) -> Self {
        Self {
            metrics,
            ruled: Some(ruled),
            status: None,
            sent: None,
        }
    }

    /// It goes to the provider now.
    pub fn sending(&mut self) {
        self.sent = Some(Instant::now());
    }

    /// The head of the provider's answer is here.
    pub fn answered(&mut self, status: u16) {
        self.status = Some(status);
        if let Some(sent) = self.sent.take() {
            self.metrics.upstream.observe(sent.elapsed());
        }
    }

    /// Why it came to nothing.
    pub fn refused(&self, reason: Reason) {
        self.metrics.refused(reason);
    }

    /// Somebody else counts it.
    pub fn hand_over(&mut self) {
        self.ruled = None;
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if let Some(ruled) = self.ruled {
            self.metrics
                .requests
                .count(Some(ruled.access()), Some(ruled), self.status);
        }
    }
}

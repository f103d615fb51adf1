//! All of it as text: OpenMetrics 1.0, which Prometheus reads.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::{Decisions, Histogram, Metrics, Notified, OBSERVED, PUBLISHED, Publisher, Sealed, TlsFailure};

/// Of what [`Metrics::text`] gives.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What every name begins with.
const PREFIX: &str = "runplane";

/// What is not counted here, but known to others at the moment of asking.
#[derive(Debug)]
pub struct Now {
    /// Approvals that wait for people.
    pub pending: usize,
    pub decisions: Arc<Decisions>,
    /// Entries in the trail.
    pub entries: u64,
    /// Digests of what is in force.
    pub mappings: String,
    pub policies: String,
    /// What is left of each budget with a limit, as a part of it, where least is left.
    pub budgets: Vec<(Arc<str>, f64)>,
}

impl Metrics {
    /// Everything, as it is now.
    ///
    /// # Errors
    /// None: text is written to memory.
    pub fn text(self: &Arc<Self>, now: Now) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix(PREFIX);
        let metrics = self.clone();
        registry.register_collector(Box::new(Reading { metrics, now }));
        let mut text = String::new();
        text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

#[derive(Debug)]
struct Reading {
    metrics: Arc<Metrics>,
    now: Now,
}

impl Collector for Reading {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let Reading { metrics, now } = self;
        let to = &mut to;
        let help = "Requests of agents, by what they would do, what was decided, and how the provider answered";
        let mut requests = to.encode_descriptor("requests", help, None, MetricType::Counter)?;
        metrics.requests.encode(&mut requests)?;
        let help = "From the head of a request to its decision on disk, the reading of its content included";
        seconds(to, "decision_duration", help, &metrics.decision)?;
        let help = "Scores of the calls that were decided";
        let scores = to.encode_descriptor("risk_score", help, None, MetricType::Histogram)?;
        metrics.risk.encode(scores)?;
        let help = "From the sending of a call to the head of the provider's answer";
        seconds(to, "upstream_duration", help, &metrics.upstream)?;

        let mut pending = to.encode_descriptor(
            "approvals_pending",
            "Approvals that wait for people",
            None,
            MetricType::Gauge,
        )?;
        pending.encode_gauge(&now.pending)?;
        let help = "From the question to the answer of people; what expired is not in it";
        seconds(to, "approval_wait", help, &now.decisions.waited)?;
        let Decisions {
            approved,
            denied,
            expired,
            cancelled,
            ..
        } = &*now.decisions;
        let results = [
            ("approved", approved),
            ("denied", denied),
            ("expired", expired),
            ("cancelled", cancelled),
        ];
        family(to, "approval_decisions", "What came of approvals", "result", results)?;

        let help = "What is left of a budget with a limit, as a part of it: of the agent, target … that has least left";
        let mut left = to.encode_descriptor("budget_remaining_ratio", help, None, MetricType::Gauge)?;
        for (budget, ratio) in &now.budgets {
            let labels = [("budget", &**budget)];
            left.encode_family(&labels)?.encode_gauge(ratio)?;
        }

        counter(
            to,
            "audit_entries",
            "Entries in the trail, since its first",
            now.entries,
        )?;
        let failures = TlsFailure::ALL.map(TlsFailure::as_str).into_iter();
        let help = "TLS handshakes of agents that came to nothing";
        family(
            to,
            "tls_handshake_failures",
            help,
            "reason",
            failures.zip(&metrics.tls_failures),
        )?;
        let help = "Requests and connections refused for naming two hosts, or a place where nothing may go";
        counter(to, "bypass_rejected", help, metrics.bypasses.load(Relaxed))?;

        let help = "Calls that were sent only because they are observed, by what would have been decided";
        let observed = OBSERVED.into_iter().zip(&metrics.observed);
        family(to, "observed", help, "would", observed)?;

        let notified = Notified::ALL.map(Notified::as_str).into_iter();
        let help = "Attempts to tell receivers of approvals, by what came of them";
        family(to, "notifications", help, "result", notified.zip(&metrics.notified))?;

        let sealed = Sealed::ALL.map(Sealed::as_str).into_iter();
        let help = "Attempts to sign a checkpoint of the trail, by what came of them";
        family(to, "audit_seals", help, "result", sealed.zip(&metrics.sealed))?;

        let help = "Attempts to put a checkpoint where `audit.publish` says, by what came of them";
        let mut published = to.encode_descriptor("audit_publications", help, None, MetricType::Counter)?;
        for (publisher, counts) in Publisher::ALL.into_iter().zip(&metrics.published) {
            for (result, count) in PUBLISHED.into_iter().zip(counts) {
                let labels = [("to", publisher.as_str()), ("result", result)];
                let mut one = published.encode_family(&labels)?;
                one.encode_counter::<NoLabelSet, u64, f64>(&count.load(Relaxed), None)?;
            }
        }

        info(to, "build", "What runs", &[("version", env!("CARGO_PKG_VERSION"))])?;
        let digests = [("mappings", &*now.mappings), ("policies", &*now.policies)];
        info(
            to,
            "policy_bundle",
            "SHA-256 of the mappings and policies in force",
            &digests,
        )
    }
}

fn seconds(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, times: &Histogram) -> fmt::Result {
    times.encode(to.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?)
}

fn counter(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, count: u64) -> fmt::Result {
    let mut counter = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    counter.encode_counter::<NoLabelSet, u64, f64>(&count, None)
}

fn family<'a>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &'static str,
    counts: impl IntoIterator<Item = (&'static str, &'a AtomicU64)>,
) -> fmt::Result {
    let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (value, count) in counts {
        let labels = [(label, value)];
        let mut one = family.encode_family(&labels)?;
        one.encode_counter::<NoLabelSet, u64, f64>(&count.load(Relaxed), None)?;
    }
    Ok(())
}

fn info(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, labels: &[(&'static str, &str)]) -> fmt::Result {
    let mut info = to.encode_descriptor(name, help, None, MetricType::Info)?;
    info.encode_info(&labels)
}

//! Weights and scales: configuration, with defaults.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::model::risk::{Basis, Flag, Measure};
use crate::model::time::LocalTime;
use crate::model::{Diagnostic, Vocabulary};

/// Counts with the digest: the tables and formulas that are not configuration.
const FORMULA: u32 = 2;

/// Of what is large by its nature: money moves between accounts by the thousands, while refunds are of what one customer paid.
const OF_ACTIONS: [(&str, Measure, Scale); 1] = [(
    "transfer_funds",
    Measure::AmountBase,
    Scale {
        lo: 1_000_000,
        hi: 100_000_000,
    },
)];

/// What a score is worked out with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    weights: Weights,
    scales: Scales,
    actions: BTreeMap<Arc<str>, ActionScales>,
    working_hours: Option<WorkingHours>,
    version: Arc<str>,
}

/// A weight for each factor, in basis points below the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Weights {
    pub action: i64,
    pub reversibility: i64,
    pub sensitivity: i64,
    pub scale: i64,
    pub size: i64,
    pub rate: i64,
    pub novelty: i64,
    pub external_recipient: i64,
    pub unmapped: i64,
    pub off_hours: i64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            action: 5_000,
            reversibility: 1_500,
            sensitivity: 3_000,
            scale: 5_000,
            size: 4_000,
            rate: 3_500,
            novelty: 3_500,
            external_recipient: 3_000,
            unmapped: 1_500,
            off_hours: 1_500,
        }
    }
}

/// From where on much is something (`lo`), and from where on more makes no difference (`hi`); 1 ≤ lo < hi.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Scale {
    pub lo: i64,
    pub hi: i64,
}

/// One for each measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Scales {
    pub amount_base: Scale,
    pub record_count: Scale,
    pub recipient_count: Scale,
    pub instance_count: Scale,
}

impl Default for Scales {
    /// Amounts in minor units: from 10 to 10,000 of a currency with cents.
    fn default() -> Self {
        let scale = |lo, hi| Scale { lo, hi };
        Self {
            amount_base: scale(1_000, 1_000_000),
            record_count: scale(10, 10_000),
            recipient_count: scale(10, 10_000),
            instance_count: scale(1, 100),
        }
    }
}

/// Scales of one action, where they are others than everybody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionScales {
    pub scales: BTreeMap<Measure, Scale>,
    /// What to say where the vocabulary has no such action.
    pub unknown: Diagnostic,
}

/// When somebody is at work, in the configured time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WorkingHours {
    /// In English, lower case.
    pub days: Vec<String>,
    /// The first hour, 0 to 23, and the first that is not one any more, up to 24.
    pub from: i64,
    pub to: i64,
}

impl WorkingHours {
    fn hold(&self, time: &LocalTime) -> bool {
        (self.from..self.to).contains(&time.hour) && self.days.iter().any(|day| day == time.weekday)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new(Weights::default(), Scales::default(), BTreeMap::new(), None)
    }
}

impl Settings {
    /// Without `working_hours` nothing is outside of them.
    pub fn new(
        weights: Weights,
        scales: Scales,
        actions: BTreeMap<Arc<str>, ActionScales>,
        working_hours: Option<WorkingHours>,
    ) -> Settings {
        let of_actions: BTreeMap<&Arc<str>, &BTreeMap<Measure, Scale>> =
            actions.iter().map(|(name, action)| (name, &action.scales)).collect();
        // All of it is numbers and names: this cannot fail.
        let text = serde_json::to_string(&(FORMULA, &weights, &scales, of_actions, &working_hours)).unwrap_or_default();
        let digest = hex::encode(Sha256::digest(text));
        let version = Arc::from(digest.get(..16).unwrap_or(&digest));
        Settings {
            weights,
            scales,
            actions,
            working_hours,
            version,
        }
    }

    /// Half of what tells a configuration from all others.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// Actions that are named, and that the vocabulary has not.
    pub fn unknown(&self, vocabulary: &Vocabulary) -> Vec<Diagnostic> {
        let actions = self.actions.iter();
        let unknown = actions.filter(|(name, _)| !vocabulary.actions.contains_key(*name));
        unknown.map(|(_, action)| action.unknown.clone()).collect()
    }

    pub(super) fn is_off_hours(&self, time: &LocalTime) -> bool {
        self.working_hours.as_ref().is_some_and(|hours| !hours.hold(time))
    }

    pub(super) fn scale(&self, action: &str, measure: Measure) -> Scale {
        let own = self.actions.get(action).and_then(|action| action.scales.get(&measure));
        // Who says what is much in general says it of these, too.
        let unchanged = self.scales == Scales::default();
        let shipped = OF_ACTIONS
            .iter()
            .find(|(name, of, _)| unchanged && (*name, *of) == (action, measure));
        own.or(shipped.map(|(_, _, scale)| scale))
            .copied()
            .unwrap_or(match measure {
                Measure::AmountBase => self.scales.amount_base,
                Measure::RecordCount => self.scales.record_count,
                Measure::RecipientCount => self.scales.recipient_count,
                Measure::InstanceCount => self.scales.instance_count,
            })
    }

    pub(super) fn weight(&self, basis: &Basis) -> i64 {
        let weights = &self.weights;
        match basis {
            Basis::Action { .. } => weights.action,
            Basis::Reversibility { .. } => weights.reversibility,
            Basis::Sensitivity { .. } => weights.sensitivity,
            Basis::Scale { .. } => weights.scale,
            Basis::Size { .. } => weights.size,
            Basis::Rate { .. } => weights.rate,
            Basis::Novelty { .. } => weights.novelty,
            Basis::Flag(Flag::ExternalRecipient) => weights.external_recipient,
            Basis::Flag(Flag::Unmapped) => weights.unmapped,
            Basis::Flag(Flag::OffHours) => weights.off_hours,
        }
    }
}

//! How risky a call is, and why: a score with all that it was worked out from, so that it can be worked out again.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Access;
use super::vocabulary::{ActionClass, Reversible};

/// What weights and factors are counted in: ten thousand basis points are the whole.
pub const WHOLE: i64 = 10_000;

/// The risk of a call: of its riskiest meaning. Integers and names only, members in the order of RFC 8785.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Risk {
    /// The meaning that was scored, a name of the vocabulary.
    pub action: Arc<str>,
    pub factors: Vec<Factor>,
    /// 0 to 100.
    pub score: i64,
    /// Which configuration the weights and scales are of: the beginning of its SHA-256, in hex.
    pub weights: Arc<str>,
}

/// One reason for a score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    /// What was looked at: `x` follows from it.
    pub basis: Basis,
    /// Its share of the score. The shares of all factors are the score.
    pub points: i64,
    /// Its weight, in basis points.
    pub w: i64,
    /// How much of it there is, in basis points.
    pub x: i64,
}

/// What a factor was worked out from. Members in the order of RFC 8785.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Basis {
    /// What is done.
    Action { access: Access, class: ActionClass },
    /// Whether it can be undone.
    Reversibility { reversible: Reversible },
    /// To what it is done: the environment, and what its target is labelled as.
    Sensitivity {
        environment: Arc<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<Arc<str>>,
    },
    /// How much is done at once, between `lo` (nothing special) and `hi`. Without a value it could be anything.
    Scale {
        field: Measure,
        hi: i64,
        lo: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<i64>,
    },
    /// How much that is by what is usual: `mean` and standard deviation `sd` of ln(1 + value) over `n` calls, in millionths.
    Size {
        by: Whose,
        field: Measure,
        mean: i64,
        n: i64,
        sd: i64,
        value: i64,
    },
    /// How often it is done: `calls` in 5 minutes with this one, where `mean` (in thousandths) is usual, over `n` such times.
    Rate { calls: i64, mean: i64, n: i64 },
    /// The agent never did this before: of `n` things it did, `n1` were done once.
    Novelty { n: i64, n1: i64, new: New },
    /// A circumstance that counts wherever it is there.
    Flag(Flag),
}

/// A field that tells how much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    AmountBase,
    RecordCount,
    RecipientCount,
    InstanceCount,
}

/// Whose habits a call is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// This agent's own, with this action.
    Agent,
    /// Everybody's, with this action: the agent has too few of its own.
    Everybody,
}

/// What of a call is new for the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum New {
    Action,
    Host,
    /// The kind of target.
    Kind,
}

/// A circumstance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Somebody outside of the organisation gets it, or who gets it could not be read.
    ExternalRecipient,
    /// No mapping names the operation.
    Unmapped,
    /// Outside of the configured working hours.
    OffHours,
}

/// How high a score is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    /// 0 to 29.
    Low,
    /// 30 to 59.
    Medium,
    /// 60 to 84.
    High,
    /// 85 to 100.
    Critical,
}

impl Band {
    pub fn of(score: i64) -> Band {
        match score {
            ..30 => Band::Low,
            30..60 => Band::Medium,
            60..85 => Band::High,
            85.. => Band::Critical,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Band::Low => "low",
            Band::Medium => "medium",
            Band::High => "high",
            Band::Critical => "critical",
        }
    }
}

impl Measure {
    pub const ALL: [Measure; 4] = [
        Measure::AmountBase,
        Measure::RecordCount,
        Measure::RecipientCount,
        Measure::InstanceCount,
    ];

    /// The field of the vocabulary.
    pub fn as_str(self) -> &'static str {
        match self {
            Measure::AmountBase => "amount_base",
            Measure::RecordCount => "record_count",
            Measure::RecipientCount => "recipient_count",
            Measure::InstanceCount => "instance_count",
        }
    }
}

impl Risk {
    /// Enough executed calls are behind it to say what is usual. Else the score knows of no deviation.
    pub fn has_baseline(&self) -> bool {
        let mut bases = self.factors.iter().map(|factor| &factor.basis);
        bases.any(|basis| matches!(basis, Basis::Size { n, .. } | Basis::Rate { n, .. } if *n >= BASELINE_FROM))
    }

    /// The factors that count, the weightiest first.
    pub fn reasons(&self) -> Vec<&Factor> {
        let mut reasons: Vec<&Factor> = self.factors.iter().filter(|factor| factor.points > 0).collect();
        reasons.sort_by_key(|factor| std::cmp::Reverse(factor.points));
        reasons
    }

    /// `74 high`
    pub fn short(&self) -> String {
        format!("{} {}", self.score, Band::of(self.score).as_str())
    }

    /// `74 high (action 30, scale 18, sensitivity 17, reversibility 9)`; says where there is no baseline yet.
    pub fn in_one_line(&self) -> String {
        let reasons = self.reasons();
        let reasons: Vec<String> = reasons
            .iter()
            .map(|factor| format!("{} {}", factor.basis.name(), factor.points))
            .collect();
        let cold = match self.has_baseline() {
            true => "",
            false => "; no baseline yet",
        };
        let why = match reasons.is_empty() {
            true => String::new(),
            false => format!(" ({})", reasons.join(", ")),
        };
        format!("{}{why}{cold}", self.short())
    }
}

/// Calls before which nothing is unusual.
pub const BASELINE_FROM: i64 = 30;

impl Basis {
    /// The factor's name, as its weight is called in runplane.yaml.
    pub fn name(&self) -> &'static str {
        match self {
            Basis::Action { .. } => "action",
            Basis::Reversibility { .. } => "reversibility",
            Basis::Sensitivity { .. } => "sensitivity",
            Basis::Scale { .. } => "scale",
            Basis::Size { .. } => "size",
            Basis::Rate { .. } => "rate",
            Basis::Novelty { .. } => "novelty",
            Basis::Flag(Flag::ExternalRecipient) => "external_recipient",
            Basis::Flag(Flag::Unmapped) => "unmapped",
            Basis::Flag(Flag::OffHours) => "off_hours",
        }
    }
}

impl fmt::Display for Basis {
    /// What was found, and what is usual.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Basis::Action { access, class } => write!(f, "{}, {}", word(class), access.as_str()),
            Basis::Reversibility { reversible } => write!(f, "can be undone: {}", word(reversible)),
            Basis::Sensitivity { environment, label } => match label {
                Some(label) => write!(f, "{label}, in {environment}"),
                None => write!(f, "no label, in {environment}"),
            },
            Basis::Scale { field, hi, lo, value } => match value {
                Some(value) => write!(f, "{} {value}, from {lo} to {hi}", field.as_str()),
                None => write!(f, "{} is not known, so as if {hi}", field.as_str()),
            },
            Basis::Size {
                by,
                field,
                mean,
                n,
                sd,
                value,
            } => write!(
                f,
                "{} {value}; {} {n} calls: ln(1+v) is {} ± {}",
                field.as_str(),
                match by {
                    Whose::Agent => "in the agent's",
                    Whose::Everybody => "in all agents'",
                },
                decimal(*mean, 1_000_000),
                decimal(*sd, 1_000_000),
            ),
            Basis::Rate { calls, mean, n } => {
                let usual = decimal(*mean, 1_000);
                write!(f, "{calls} in 5 minutes; {usual} is usual, over {n} such times")
            }
            Basis::Novelty { n, n1, new } => {
                write!(
                    f,
                    "the first time with this {}; of {n} such the agent did {n1} once",
                    word(new)
                )
            }
            Basis::Flag(flag) => f.write_str(match flag {
                Flag::ExternalRecipient => "somebody outside gets it, or nobody knows who",
                Flag::Unmapped => "no mapping names this operation",
                Flag::OffHours => "outside of working hours",
            }),
        }
    }
}

/// A unit variant as it is written.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// `3.45` for 3450000 millionths.
fn decimal(number: i64, unit: i64) -> String {
    let hundredths = number.saturating_mul(100) / unit.max(1);
    format!("{}.{:02}", hundredths / 100, hundredths.abs() % 100)
}

//! `risk:` of runplane.yaml.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::io::yaml::Located;
use crate::model::Source;
use crate::model::action::MAX_INT;
use crate::model::risk::{Measure, WHOLE};
use crate::risk::{self, ActionScales, Settings};

/// Every key has its default: docs/risk.md.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Section {
    weights: Weights,
    scales: Scales,
    /// Scales of single actions.
    actions: BTreeMap<String, Located<BTreeMap<Measure, Scale>>>,
    working_hours: Option<WorkingHours>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Weights {
    action: Option<Weight>,
    reversibility: Option<Weight>,
    sensitivity: Option<Weight>,
    scale: Option<Weight>,
    size: Option<Weight>,
    rate: Option<Weight>,
    novelty: Option<Weight>,
    external_recipient: Option<Weight>,
    unmapped: Option<Weight>,
    off_hours: Option<Weight>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Scales {
    amount_base: Option<Scale>,
    record_count: Option<Scale>,
    recipient_count: Option<Scale>,
    instance_count: Option<Scale>,
}

/// In basis points.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "f64")]
struct Weight(i64);

impl TryFrom<f64> for Weight {
    type Error = String;

    /// A weight of 1 would make a factor the only one that counts.
    fn try_from(weight: f64) -> Result<Self, String> {
        let points = (weight * WHOLE as f64).round();
        let exact = (points / WHOLE as f64 - weight).abs() < 1e-9;
        match (0.0..1.0).contains(&weight) && points < WHOLE as f64 && exact {
            true => Ok(Weight(points as i64)),
            false => Err(format!(
                "expected a weight from 0 to 0.9999, with at most four decimals, found {weight}"
            )),
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    lo: i64,
    hi: i64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "Bounds")]
struct Scale(risk::Scale);

impl TryFrom<Bounds> for Scale {
    type Error = String;

    fn try_from(Bounds { lo, hi }: Bounds) -> Result<Self, String> {
        match 1 <= lo && lo < hi && hi <= MAX_INT {
            true => Ok(Scale(risk::Scale { lo, hi })),
            false => Err(format!("expected 1 ≤ lo < hi ≤ {MAX_INT}, found lo {lo} and hi {hi}")),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hours {
    days: Vec<Day>,
    from: i64,
    to: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    /// As `context.time.weekday` has it.
    fn as_str(self) -> &'static str {
        match self {
            Day::Monday => "monday",
            Day::Tuesday => "tuesday",
            Day::Wednesday => "wednesday",
            Day::Thursday => "thursday",
            Day::Friday => "friday",
            Day::Saturday => "saturday",
            Day::Sunday => "sunday",
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Hours")]
struct WorkingHours(risk::WorkingHours);

impl TryFrom<Hours> for WorkingHours {
    type Error = String;

    fn try_from(hours: Hours) -> Result<Self, String> {
        let Hours { days, from, to } = hours;
        if !(0 <= from && from < to && to <= 24) {
            return Err(format!(
                "expected whole hours, 0 ≤ from < to ≤ 24, found from {from} to {to}"
            ));
        }
        if days.is_empty() {
            return Err("expected at least one day; without `working_hours` no call is outside of them".to_owned());
        }
        let days: BTreeSet<Day> = days.into_iter().collect();
        let days = days.into_iter().map(|day| day.as_str().to_owned()).collect();
        Ok(WorkingHours(risk::WorkingHours { days, from, to }))
    }
}

impl Section {
    /// `source`: the file it stands in.
    pub(super) fn settings(self, source: &Source) -> Settings {
        let (weights, scales) = (self.weights.weights(), self.scales.scales());
        let actions = self.actions.into_iter().map(|(name, own)| {
            let unknown = format!("`risk.actions.{name}`: no action has this name (`runplane actions` lists them)");
            let unknown = own.diagnostic(source, unknown);
            let scales = own
                .value
                .into_iter()
                .map(|(measure, scale)| (measure, scale.0))
                .collect();
            (name.into(), ActionScales { scales, unknown })
        });
        let hours = self.working_hours.map(|hours| hours.0);
        Settings::new(weights, scales, actions.collect(), hours)
    }
}

impl Weights {
    fn weights(&self) -> risk::Weights {
        let default = risk::Weights::default();
        let or = |weight: Option<Weight>, default: i64| weight.map_or(default, |weight| weight.0);
        risk::Weights {
            action: or(self.action, default.action),
            reversibility: or(self.reversibility, default.reversibility),
            sensitivity: or(self.sensitivity, default.sensitivity),
            scale: or(self.scale, default.scale),
            size: or(self.size, default.size),
            rate: or(self.rate, default.rate),
            novelty: or(self.novelty, default.novelty),
            external_recipient: or(self.external_recipient, default.external_recipient),
            unmapped: or(self.unmapped, default.unmapped),
            off_hours: or(self.off_hours, default.off_hours),
        }
    }
}

impl Scales {
    fn scales(&self) -> risk::Scales {
        let default = risk::Scales::default();
        let or = |scale: Option<Scale>, default: risk::Scale| scale.map_or(default, |scale| scale.0);
        risk::Scales {
            amount_base: or(self.amount_base, default.amount_base),
            record_count: or(self.record_count, default.record_count),
            recipient_count: or(self.recipient_count, default.recipient_count),
            instance_count: or(self.instance_count, default.instance_count),
        }
    }
}

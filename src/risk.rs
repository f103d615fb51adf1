//! A score from 0 to 100 for each call, of factors that add up. Stage, floor 2.
//!
//! Noisy-OR: `100·(1 − Π(1 − w·x))`, where `w` is a factor's weight and `x` how much of it there is. No factor lowers what
//! another one says; what is not known counts as much as it could. Rules read the score as `context.risk`, and may only be
//! stricter for it.
//!
//! The same on every machine, and at any later time: whole numbers in, arithmetic that IEEE 754 fixes, no clock, and every
//! factor is stored with what it was worked out from ([`check`] does it again). What is usual of an agent comes from
//! [`History`], which learns from executed calls only. docs/risk.md has the tables.

mod check;
mod factors;
mod history;
mod number;
mod score;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::model::risk::{Basis, Factor, Flag, Measure, New, Risk, Whose};
use crate::model::time::LocalTime;
use crate::model::vocabulary::ActionDefinition;
use crate::model::{Action, GUARD, Value, Vocabulary};

pub use self::check::{Disagreement, check};
pub use self::history::{Deed, History, Unreadable};
pub use self::settings::{ActionScales, Scale, Scales, Settings, Weights, WorkingHours};

/// Of a call that cannot be scored: nothing is known of it.
pub const UNKNOWN: i64 = 100;

/// What is done to many by its nature: where the call does not tell to how many, it could be to all.
const OF_MANY: [&str; 3] = ["bulk_update", "delete_records", "export_data"];

/// A call, ready to be scored.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Completed: amounts in the account's currency are there, or missing.
    pub action: &'a Action,
    pub vocabulary: &'a Vocabulary,
    /// In the configured time zone.
    pub time: &'a LocalTime,
}

/// What is usual, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    /// One for each measure, in the order of [`Measure::ALL`].
    pub sizes: [Option<Usual>; Measure::ALL.len()],
    pub rate: Option<Often>,
    /// What is new, with how many things the agent did of that sort, and how many of them once.
    pub novelty: [Option<(New, i64, i64)>; 3],
}

/// What sizes are usual: of ln(1 + value), in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usual {
    pub by: Whose,
    pub mean: i64,
    pub sd: i64,
    /// How many calls it rests on.
    pub n: i64,
}

/// How often something is done within 5 minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Often {
    /// This call and those of the last 5 minutes.
    pub calls: i64,
    /// What is usual, in thousandths.
    pub mean: i64,
    /// How many such times that rests on.
    pub n: i64,
}

/// The risk of a call: that of its riskiest meaning. `None` where no meaning is in the vocabulary.
///
/// `label` tells how sensitive the target of a meaning is, where somebody said so; `habits` what is usual of a meaning.
// SECURITY: a call that does more than one thing is as risky as the worst of them, or a harmless one beside it would hide it.
// Test: `the_riskiest_meaning_is_the_risk`.
pub fn assess(
    settings: &Settings,
    subject: &Subject<'_>,
    label: impl Fn(&Action) -> Option<Arc<str>>,
    habits: impl Fn(&Action) -> Habits,
) -> Option<Box<Risk>> {
    let mut riskiest: Option<Risk> = None;
    for meaning in subject.action.meanings() {
        let Some(definition) = subject.vocabulary.actions.get(&meaning.name) else {
            continue;
        };
        let risk = of_meaning(settings, subject, meaning, definition, label(meaning), &habits(meaning));
        if riskiest.as_ref().is_none_or(|so_far| risk.score > so_far.score) {
            riskiest = Some(risk);
        }
    }
    let mut risk = riskiest?;
    score::share_out(risk.score, &mut risk.factors);
    Some(Box::new(risk))
}

/// The score of one meaning; points are not shared out yet.
fn of_meaning(
    settings: &Settings,
    subject: &Subject<'_>,
    action: &Action,
    definition: &ActionDefinition,
    label: Option<Arc<str>>,
    habits: &Habits,
) -> Risk {
    let mut factors = Factors(Vec::with_capacity(MOST), settings);
    factors.add(Basis::Action {
        access: action.access,
        class: definition.class,
    });
    // A transfer that is stated may be one between accounts of one's own, which can be undone; a provider's cannot.
    if *action.provider != *GUARD || *action.name != *TRANSFER {
        factors.add(Basis::Reversibility {
            reversible: definition.reversible,
        });
    }
    factors.add(Basis::Sensitivity {
        environment: action.environment().clone(),
        label,
    });
    factors.add_most(Measure::ALL.into_iter().filter_map(|measure| {
        let Scale { lo, hi } = settings.scale(&action.name, measure);
        let value = value(action, definition, measure)?;
        Some(Basis::Scale {
            field: measure,
            hi,
            lo,
            value,
        })
    }));
    factors.add_most(Measure::ALL.into_iter().zip(habits.sizes).filter_map(|(field, usual)| {
        let Usual { by, mean, sd, n } = usual?;
        let value = action.int(field.as_str())?;
        Some(Basis::Size {
            by,
            field,
            mean,
            n,
            sd,
            value,
        })
    }));
    factors.add_most(
        habits
            .rate
            .map(|Often { calls, mean, n }| Basis::Rate { calls, mean, n }),
    );
    let novelty = habits.novelty.into_iter().flatten();
    factors.add_most(novelty.map(|(new, n, n1)| Basis::Novelty { n, n1, new }));
    for (flag, there) in flags(settings, subject, action) {
        if there {
            factors.add(Basis::Flag(flag));
        }
    }
    Risk {
        action: action.name.clone(),
        score: score::score(&factors.0),
        factors: factors.0,
        weights: settings.version().clone(),
    }
}

/// What moves money, and says nothing of whose it is afterwards.
const TRANSFER: &str = "transfer_funds";

/// Factors that a risk can have.
const MOST: usize = 10;

struct Factors<'a>(Vec<Factor>, &'a Settings);

impl Factors<'_> {
    /// A factor that there is nothing of is left out, but for what is usual: people want to see that too.
    fn add(&mut self, basis: Basis) {
        let x = factors::x(&basis);
        if x > 0 || matches!(basis, Basis::Size { .. } | Basis::Rate { .. }) {
            let w = self.1.weight(&basis);
            self.0.push(Factor { basis, points: 0, w, x });
        }
    }

    /// The one of these that there is most of.
    fn add_most(&mut self, bases: impl IntoIterator<Item = Basis>) {
        let bases = bases.into_iter();
        let most = bases.reduce(|most, basis| {
            if factors::x(&basis) > factors::x(&most) {
                basis
            } else {
                most
            }
        });
        if let Some(most) = most {
            self.add(most);
        }
    }
}

/// How much is done, by this measure. `None`: it says nothing of this action. `Some(None)`: it does, and is not known.
// SECURITY: missing is never zero: a full refund names no amount. Test: `what_is_missing_scales_as_the_most`.
fn value(action: &Action, definition: &ActionDefinition, measure: Measure) -> Option<Option<i64>> {
    let field = measure.as_str();
    let mut fields = definition.required.iter().chain(&definition.optional);
    if !fields.any(|known| &**known == field) {
        return None;
    }
    let unbounded = action.is_missing("unbounded") || action.fields.get("unbounded") == Some(&Value::Bool(true));
    if measure == Measure::RecordCount && unbounded {
        return Some(None);
    }
    match action.int(field) {
        Some(value) => Some(Some(value)),
        None if action.is_missing(field) => Some(None),
        None if definition.required.iter().any(|required| &**required == field) => Some(None),
        None => OF_MANY.contains(&&*action.name).then_some(None),
    }
}

fn flags(settings: &Settings, subject: &Subject<'_>, action: &Action) -> [(Flag, bool); 3] {
    const EXTERNAL: &str = "external_recipient_count";
    let external = action.is_missing(EXTERNAL) || action.int(EXTERNAL).is_some_and(|count| count > 0);
    [
        (Flag::ExternalRecipient, external),
        (Flag::Unmapped, action.unmapped),
        (Flag::OffHours, settings.is_off_hours(subject.time)),
    ]
}

//! Parts of an approval as they are shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::agent::Person;
use crate::control::page::words::{Field, Text};
use crate::control::view;
use crate::model::Value;
use crate::model::change::ApprovalRow;
use crate::model::risk::Band;
use crate::model::vocabulary::FieldType;
use crate::store::CallRecord;

/// Of an action.
type Values = BTreeMap<Arc<str>, Value>;

pub(super) struct Risk {
    pub(super) score: i64,
    pub(super) band: &'static str,
    pub(super) factors: Vec<(&'static str, i64, Text)>,
    pub(super) cold: bool,
}

pub(super) struct Rule {
    pub(super) id: String,
    pub(super) reason: Option<Text>,
    pub(super) asks: String,
    pub(super) yours: bool,
    pub(super) unchecked: String,
}

pub(super) struct Also {
    pub(super) action: String,
    pub(super) operation: Text,
    pub(super) target_kind: String,
    pub(super) target: Text,
    pub(super) fields: Vec<Field>,
}

pub(super) struct Missing {
    pub(super) field: String,
    pub(super) description: String,
    pub(super) why: &'static str,
    pub(super) wanted: bool,
    /// `amount`, `number`, `bool` or `text`.
    pub(super) input: &'static str,
}

pub(super) struct Vote {
    pub(super) person: String,
    pub(super) time: String,
    pub(super) proof: String,
    pub(super) reason: Option<Text>,
    pub(super) rules: String,
}

pub(super) struct Denial {
    pub(super) person: String,
    pub(super) reason: Text,
    pub(super) corrected: Vec<Field>,
    pub(super) until: String,
}

pub(super) struct Before {
    pub(super) call: String,
    pub(super) time: String,
    pub(super) decision: &'static str,
    pub(super) outcome: &'static str,
    pub(super) summary: Text,
}

impl From<CallRecord> for Before {
    fn from(call: CallRecord) -> Self {
        Self {
            call: call.row.id.to_string(),
            time: call.row.time.to_string(),
            decision: call.row.decision,
            outcome: call.row.outcome.map_or("", |outcome| outcome.as_str()),
            summary: Text::new(&call.row.summary),
        }
    }
}

impl From<&crate::model::Risk> for Risk {
    fn from(risk: &crate::model::Risk) -> Self {
        let factors = risk.reasons().into_iter();
        Self {
            score: risk.score,
            band: Band::of(risk.score).as_str(),
            factors: factors
                .map(|factor| (factor.basis.name(), factor.points, Text::new(&factor.basis.to_string())))
                .collect(),
            cold: !risk.has_baseline(),
        }
    }
}

impl Rule {
    pub(super) fn all(row: &ApprovalRow, person: &Person) -> Vec<Rule> {
        let rules = row.rules.iter().map(|rule| Rule {
            id: rule.id.to_string(),
            reason: rule.reason.as_deref().map(Text::new),
            asks: rule.asks(),
            yours: person.may_speak_for(rule),
            unchecked: rule.unchecked.join(", "),
        });
        rules.collect()
    }
}

impl Also {
    pub(super) fn new(also: &view::Also, fields: impl Fn(&Values) -> Vec<Field>) -> Self {
        Self {
            action: also.action.to_string(),
            operation: Text::new(&also.operation),
            target_kind: also.target_kind.to_string(),
            target: Text::new(also.target_id.as_deref().unwrap_or("(not named)")),
            fields: fields(&also.fields),
        }
    }
}

impl Missing {
    pub(super) fn new(missing: &view::Missing, in_currency: bool) -> Self {
        Self {
            field: missing.field.to_string(),
            description: missing.description.clone(),
            why: missing.why.as_str(),
            wanted: missing.wanted,
            input: match missing.kind {
                Some(FieldType::Int) if &*missing.field == "amount" && in_currency => "amount",
                Some(FieldType::Int) => "number",
                Some(FieldType::Bool) => "bool",
                Some(FieldType::String | FieldType::Strings) | None => "text",
            },
        }
    }
}

impl From<&view::Vote> for Vote {
    fn from(vote: &view::Vote) -> Self {
        Self {
            person: vote.person.to_string(),
            time: vote.time.clone(),
            proof: vote.proof.to_string(),
            reason: vote.reason.as_deref().map(Text::new),
            rules: vote.rules.join(", "),
        }
    }
}

impl Denial {
    pub(super) fn new(denial: &view::Denial, fields: impl Fn(&Values) -> Vec<Field>) -> Self {
        let correction = denial.correction.as_ref();
        Self {
            person: denial.person.to_string(),
            reason: Text::new(&denial.reason),
            corrected: correction
                .map(|correction| fields(&correction.fields))
                .unwrap_or_default(),
            until: correction
                .map(|correction| correction.until.clone())
                .unwrap_or_default(),
        }
    }
}

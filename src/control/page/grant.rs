//! What a person may say beside yes and no: what would be right, and yes to what is still to come.

use std::sync::Arc;

use super::words::{Field, Text};
use crate::gate::Rules;
use crate::model::change::ApprovalRow;
use crate::model::vocabulary::FieldType;
use crate::model::{Action, Value, Vocabulary, money};

/// A field that a correction may say anew.
pub(super) struct Correctable {
    pub(super) name: String,
    /// `amount`, `number` or `bool`.
    pub(super) input: &'static str,
    /// What the call says; `None`: nothing.
    pub(super) now: Option<Field>,
}

impl Correctable {
    /// As the API takes them.
    pub(super) fn all(row: &ApprovalRow, vocabulary: &Vocabulary, currency: Option<&str>) -> Vec<Self> {
        if !is_plain(&row.action) {
            return Vec::new();
        }
        let missing = row.action.missing.iter().map(|missing| &missing.field);
        let names = row.action.fields.keys().chain(missing);
        let found = names.filter_map(|name| {
            let definition = vocabulary
                .fields
                .get(name)
                .filter(|field| field.derived_from.is_none())?;
            let input = match definition.kind {
                FieldType::Int => number(name, currency),
                FieldType::Bool => "bool",
                FieldType::String | FieldType::Strings => return None,
            };
            let now = row
                .action
                .fields
                .get(name)
                .map(|value| Field::new(name, value, currency));
            Some(Self {
                name: name.to_string(),
                input,
                now,
            })
        });
        found.collect()
    }
}

/// A grant for calls like this one, as it is offered.
pub(super) struct Grantable {
    pub(super) target: Option<Text>,
    pub(super) bounds: Vec<Bound>,
}

/// The most that a field may say.
pub(super) struct Bound {
    pub(super) name: String,
    /// `amount`, `money` (minor units with their currency) or `number`.
    pub(super) input: &'static str,
    /// What this call says.
    pub(super) value: String,
}

impl Grantable {
    pub(super) fn of(row: &ApprovalRow, rules: &Rules, currency: Option<&str>) -> Option<Self> {
        let (action, vocabulary) = (&row.action, rules.vocabulary());
        let definition = vocabulary.actions.get(&action.name)?;
        if !is_plain(action) || !action.missing.is_empty() || rules.policies().holds(&action.name).next().is_none() {
            return None;
        }
        let has_currency = definition
            .required
            .iter()
            .chain(&definition.optional)
            .any(|field| &**field == "currency");
        let bound = |(name, value): (&Arc<str>, &Value)| {
            let kept = vocabulary
                .fields
                .get(name)
                .filter(|field| field.derived_from.is_none())?;
            let (FieldType::Int, Value::Int(value)) = (kept.kind, value) else {
                return None;
            };
            let input = match number(name, currency) {
                "number" if has_currency && &**name == "amount" => "money",
                other => other,
            };
            let value = match currency.filter(|_| input == "amount") {
                Some(currency) => major(*value, currency),
                None => value.to_string(),
            };
            Some(Bound {
                name: name.to_string(),
                input,
                value,
            })
        };
        Some(Self {
            target: action.target.id.as_deref().map(Text::new),
            bounds: action.fields.iter().filter_map(bound).collect(),
        })
    }
}

fn number(name: &str, currency: Option<&str>) -> &'static str {
    if name == "amount" && currency.is_some() {
        "amount"
    } else {
        "number"
    }
}

/// `51200` as `512.00`
fn major(amount: i64, currency: &str) -> String {
    let shown = money::show(amount, currency);
    shown
        .chars()
        .filter(|character| character.is_ascii_digit() || *character == '.')
        .collect()
}

/// It is read as one known action: only then more can be said of it than yes or no.
fn is_plain(action: &Action) -> bool {
    action.also.is_empty() && !action.unmapped && action.inspected
}

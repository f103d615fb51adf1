//! Missing values as an approver states them: read by the vocabulary's types, and only where something is missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::consent;
use super::problem::Problem;
use crate::agent::Person;
use crate::mapping::kept;
use crate::model::action::{AMOUNT_BASE, CURRENCY, MAX_INT};
use crate::model::approval::INCOMPLETE_ACTION;
use crate::model::change::ApprovalRow;
use crate::model::vocabulary::{FieldDefinition, FieldType};
use crate::model::{HoldRule, Value, Vocabulary};

/// Longest text that may be stated, in characters.
const MAX_TEXT: usize = 1_000;
/// Most items of a list that may be stated.
const MAX_ITEMS: usize = 1_000;

/// What `person` states, typed. Whoever speaks for `incomplete_action` states every missing value, in their own words or
/// in exactly those of somebody before them; nobody else states any.
///
/// SECURITY: a value that somebody stated who may not would go with another person's yes, who never looked at it. Test:
/// `a_missing_value_is_stated_by_those_who_may_and_by_nobody_else`.
pub(super) fn read(
    row: &ApprovalRow,
    person: &Person,
    set: &BTreeMap<String, String>,
    vocabulary: &Vocabulary,
) -> Result<BTreeMap<Arc<str>, Value>, Problem> {
    let mut stated = BTreeMap::new();
    for (name, text) in set {
        let (field, definition) = settable(row, name, vocabulary)?;
        let value = kept::value(definition.class, parse(name, definition.kind, text)?);
        match row.stated.get(&field) {
            Some(before) if *before != value => {
                return Err(Problem::conflict(format!(
                    "`{name}` is stated as {before} already, and people consented to that; deny it if that is wrong"
                )));
            }
            _ => stated.insert(field, value),
        };
    }
    let Some(incomplete) = incomplete(row) else {
        return only_repeats(row, &stated, || {
            "what the call leaves out is stated already: leave out what you state".to_owned()
        });
    };
    if !person.may_speak_for(incomplete) {
        return only_repeats(row, &stated, || {
            format!(
                "`{}` may not state what the call leaves out: that is for {}; without it your yes counts for the other rules",
                person.name,
                consent::groups(std::slice::from_ref(incomplete))
            )
        });
    }
    let open: Vec<String> = row
        .action
        .wanted(vocabulary)
        .into_iter()
        .filter(|field| !stated.contains_key(*field))
        .map(|field| describe(field, vocabulary))
        .collect();
    match open.is_empty() {
        true => Ok(stated),
        false => Err(Problem::unprocessable(format!(
            "the call does not say everything that the rules need; state what it will do: {}",
            open.join("; ")
        ))),
    }
}

/// What an amount is worth is worked out where its currency has a rate, and not stated.
///
/// SECURITY: the record would hold a worth that somebody stated and that did not count (test
/// `a_worth_is_stated_only_where_there_is_no_rate`).
pub(super) fn worth_follows(
    row: &ApprovalRow,
    stated: &BTreeMap<Arc<str>, Value>,
    has_rate: impl Fn(&str) -> bool,
) -> Result<(), Problem> {
    let said = |stated: &BTreeMap<Arc<str>, Value>| match stated.get(CURRENCY) {
        Some(Value::Text(code)) => Some(code.clone()),
        Some(Value::Bool(_) | Value::Int(_) | Value::List(_)) | None => None,
    };
    let currency = said(stated).or_else(|| said(&row.stated));
    match currency.filter(|code| stated.contains_key(AMOUNT_BASE) && has_rate(code)) {
        None => Ok(()),
        Some(code) => Err(Problem::unprocessable(format!(
            "`{AMOUNT_BASE}` follows from `{CURRENCY}`: {code} has a rate (money.rates); leave it out"
        ))),
    }
}

/// The rule by which people are still to state what is missing, if they are.
pub(super) fn incomplete(row: &ApprovalRow) -> Option<&HoldRule> {
    row.rules.iter().find(|rule| &*rule.id == INCOMPLETE_ACTION)
}

/// Nothing is stated by this person; saying what stands already is no harm.
fn only_repeats(
    row: &ApprovalRow,
    stated: &BTreeMap<Arc<str>, Value>,
    why: impl FnOnce() -> String,
) -> Result<BTreeMap<Arc<str>, Value>, Problem> {
    match stated.iter().all(|(field, value)| row.stated.get(field) == Some(value)) {
        true => Ok(BTreeMap::new()),
        false => Err(Problem::forbidden(why())),
    }
}

fn settable<'v>(
    row: &ApprovalRow,
    name: &str,
    vocabulary: &'v Vocabulary,
) -> Result<(Arc<str>, &'v FieldDefinition), Problem> {
    let Some((field, definition)) = vocabulary.fields.get_key_value(name) else {
        return Err(Problem::unprocessable(format!("there is no field `{name}`")));
    };
    if !row.action.lacks(name) {
        return Err(Problem::unprocessable(format!(
            "`{name}` is not missing from this call: only missing values can be stated, nothing that a call says is changed"
        )));
    }
    match row.action.source_of(name, vocabulary) {
        // A currency may have no rate: then people may say what it is worth.
        Some(source) if **source != *CURRENCY && !row.action.wanted(vocabulary).contains(&field) => Err(
            Problem::unprocessable(format!("`{name}` follows from `{source}`: state that")),
        ),
        Some(_) | None => Ok((field.clone(), definition)),
    }
}

pub(super) fn parse(name: &str, kind: FieldType, text: &str) -> Result<Value, Problem> {
    let expected = |what: &str| Problem::unprocessable(format!("`{name}`: expected {what}, found `{text}`"));
    let fits = |text: &str| !text.is_empty() && text.chars().count() <= MAX_TEXT && !text.chars().any(char::is_control);
    match kind {
        FieldType::Int => digits(text)
            .map(Value::Int)
            .ok_or_else(|| expected("a whole number, amounts in minor units (51200 for $512.00)")),
        FieldType::Bool => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(expected("`true` or `false`")),
        },
        FieldType::String if fits(text) => Ok(Value::Text(text.to_owned())),
        FieldType::String => Err(expected("a text of 1 to 1,000 characters on one line")),
        FieldType::Strings => {
            let items: Vec<String> = text.split(',').map(|item| item.trim().to_owned()).collect();
            match items.len() <= MAX_ITEMS && items.iter().all(|item| fits(item)) {
                true => Ok(Value::List(items)),
                false => Err(expected("texts with commas between them")),
            }
        }
    }
}

/// SECURITY: nothing but digits: what a person reads as 1,000.50 or 1e3 must not become another number, and a negative
/// amount would pass every rule that asks for less than (`an_amount_is_whole_minor_units`).
fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = text.parse().ok().filter(|_| plain)?;
    (value <= MAX_INT).then_some(value)
}

fn describe(field: &str, vocabulary: &Vocabulary) -> String {
    let description = vocabulary
        .fields
        .get(field)
        .map(|definition| format!(" ({})", definition.description))
        .unwrap_or_default();
    format!("`{field}`{description}")
}

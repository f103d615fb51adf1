//! The one line about a call that people decide by.

use std::fmt::Write as _;

use super::inert;
use crate::model::number::grouped;
use crate::model::{Action, Value, Why, money};

/// Items of a list that are shown.
const MAX_ITEMS: usize = 5;
/// Names that are not fields.
const OWN: [&str; 4] = ["target.kind", "target.id", "provider", "operation"];

/// `Refund {amount|the whole}[ of {target.id}] in {provider}`, read.
#[derive(Clone, Debug)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(Box<str>),
    /// A value, and what is said where there is none.
    Slot(Box<str>, Box<str>),
    /// Left out where one of its values is not there.
    Optional(Vec<Part>),
}

/// How providers and the account's currency are called.
#[derive(Clone, Copy)]
pub(super) struct Wording<'a> {
    pub title: &'a str,
    /// What an amount without a currency is in.
    pub account_currency: Option<&'a str>,
}

impl Template {
    /// Reads a template; `known` tells which fields it may name.
    pub(super) fn parse(text: &str, known: impl Fn(&str) -> bool) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['[', ']']) {
            let (before, after) = rest.split_at(at);
            slots(before, &known, &mut parts)?;
            let inner = after.strip_prefix('[').and_then(|inner| inner.split_once(']'));
            let Some((inner, after)) = inner.filter(|(inner, _)| !inner.contains('[')) else {
                return Err(format!("`[` and `]` do not pair in the summary `{text}`"));
            };
            let mut optional = Vec::new();
            slots(inner, &known, &mut optional)?;
            parts.push(Part::Optional(optional));
            rest = after;
        }
        slots(rest, &known, &mut parts)?;
        Ok(Self(parts))
    }

    /// The line for a call whose fields, missing fields and target are known.
    pub(super) fn render(&self, action: &Action, wording: Wording<'_>) -> String {
        let mut out = String::with_capacity(128);
        for part in &self.0 {
            part.render(action, wording, &mut out);
        }
        for missing in &action.missing {
            let how = match missing.why {
                Why::Absent => "not stated",
                Why::Unreadable => "not readable",
                Why::Derived => continue,
            };
            let _ = write!(out, " ({} {how})", missing.field.replace('_', " "));
        }
        out
    }
}

fn slots(text: &str, known: &impl Fn(&str) -> bool, parts: &mut Vec<Part>) -> Result<(), String> {
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        let Some((slot, after)) = after.strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
            return Err(format!("`{{` and `}}` do not pair in the summary `{text}`"));
        };
        let (name, otherwise) = slot.split_once('|').unwrap_or((slot, "not stated"));
        if !OWN.contains(&name) && !known(name) {
            return Err(format!(
                "the summary names `{name}`, which is no field of the action nor one of {}",
                OWN.join(", ")
            ));
        }
        if !before.is_empty() {
            parts.push(Part::Text(before.into()));
        }
        parts.push(Part::Slot(name.into(), otherwise.into()));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    Ok(())
}

impl Part {
    fn render(&self, action: &Action, wording: Wording<'_>, out: &mut String) {
        match self {
            Part::Text(text) => out.push_str(text),
            Part::Slot(name, otherwise) => {
                let unreadable = action
                    .missing
                    .iter()
                    .any(|missing| *missing.field == **name && missing.why == Why::Unreadable);
                if !show(name, action, wording, out) {
                    // Never say "the whole" of an amount that is there but could not be read.
                    out.push_str(if unreadable { "an unreadable value" } else { otherwise });
                }
            }
            Part::Optional(parts) => {
                let there = |part: &Part| match part {
                    Part::Slot(name, _) => is_there(name, action),
                    Part::Text(_) | Part::Optional(_) => true,
                };
                if parts.iter().all(there) {
                    parts.iter().for_each(|part| part.render(action, wording, out));
                }
            }
        }
    }
}

fn is_there(name: &str, action: &Action) -> bool {
    match name {
        "target.id" => action.target.id.is_some(),
        _ => OWN.contains(&name) || action.fields.contains_key(name),
    }
}

/// Adds a value; false if there is none.
fn show(name: &str, action: &Action, wording: Wording<'_>, out: &mut String) -> bool {
    match name {
        "target.kind" => inert::push(out, &action.target.kind),
        "provider" => inert::push(out, wording.title),
        "operation" => inert::push(out, &action.operation),
        "target.id" => match &action.target.id {
            Some(id) => inert::push(out, id),
            None => return false,
        },
        _ => match action.fields.get(name) {
            Some(Value::Int(amount)) if name == "amount" => amount_of(*amount, action, wording, out),
            Some(value) => field(value, out),
            None => return false,
        },
    }
    true
}

fn amount_of(amount: i64, action: &Action, wording: Wording<'_>, out: &mut String) {
    match action
        .text("currency")
        .or(wording.account_currency)
        .filter(|_| !action.is_missing("currency"))
    {
        Some(currency) if money::exponent(currency).is_some() => out.push_str(&money::show(amount, currency)),
        _ => drop(write!(out, "{amount} (minor units)")),
    }
}

fn field(value: &Value, out: &mut String) {
    match value {
        Value::Bool(value) => drop(write!(out, "{value}")),
        Value::Int(value) => out.push_str(&grouped(*value)),
        Value::Text(text) => inert::push(out, text),
        Value::List(items) => {
            for (at, item) in items.iter().take(MAX_ITEMS).enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                inert::push(out, item);
            }
            if let Some(more) = items.len().checked_sub(MAX_ITEMS).filter(|more| *more > 0) {
                let _ = write!(out, " and {more} more"); // a String takes everything
            }
        }
    }
}

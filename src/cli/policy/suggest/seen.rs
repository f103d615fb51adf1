//! What was seen in calls of one kind, as the bounds of the rule that covers them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use crate::cli::explain::advice::cedar_text;
use crate::model::vocabulary::{ActionDefinition, FieldType};
use crate::model::{Action, Value, Vocabulary};

/// Lists that say whom or what a call reaches: a rule names what was seen in them.
const LISTS: [&str; 3] = ["recipient_domains", "sql_tables", "tool_servers"];
/// Texts that say how large a thing is, and so what it costs, and what is done to which records: likewise.
const TEXTS: [&str; 4] = ["instance_type", "record_kind", "sql_verb", "tool"];
/// What is worked out only where a rule asks whether it is there: the call is held then where it cannot be.
const ON_DEMAND: &str = "estimated_monthly_cost";
/// Where more was seen than that, a rule leaves it open and says so.
const MOST_NAMES: usize = 20;

#[derive(Default)]
pub(super) struct Seen {
    pub(super) calls: u64,
    /// Of each number: how often it was there, and the largest.
    numbers: BTreeMap<Arc<str>, (u64, i64)>,
    /// Of what may be so or not: how often it was said. What it was is part of the kind.
    flags: BTreeMap<Arc<str>, u64>,
    /// Of [`LISTS`] and [`TEXTS`]: how often they were there, and all that was in them.
    lists: BTreeMap<Arc<str>, (u64, BTreeSet<String>)>,
}

/// What is so of a call.
pub(super) fn flags(action: &Action) -> BTreeSet<Arc<str>> {
    let so = |(field, value): (&Arc<str>, &Value)| matches!(value, Value::Bool(true)).then(|| field.clone());
    action.fields.iter().filter_map(so).collect()
}

impl Seen {
    pub(super) fn add(&mut self, action: &Action) {
        self.calls += 1;
        for (field, value) in &action.fields {
            match value {
                Value::Int(number) => {
                    let (times, most) = self.numbers.entry(field.clone()).or_insert((0, *number));
                    *times += 1;
                    *most = (*most).max(*number);
                }
                Value::Bool(_) => *self.flags.entry(field.clone()).or_default() += 1,
                Value::List(names) if LISTS.contains(&&**field) => {
                    let (times, seen) = self.lists.entry(field.clone()).or_default();
                    *times += 1;
                    seen.extend(names.iter().take(MOST_NAMES + 1).cloned());
                }
                Value::Text(name) if TEXTS.contains(&&**field) => {
                    let (times, seen) = self.lists.entry(field.clone()).or_default();
                    *times += 1;
                    if seen.len() <= MOST_NAMES {
                        seen.insert(name.clone());
                    }
                }
                Value::Text(_) | Value::List(_) => {}
            }
        }
    }

    /// For people, over the rule.
    pub(super) fn told(&self) -> String {
        let mut text = String::new();
        // Here and below: writing into a String cannot fail.
        for (field, (_, most)) in &self.numbers {
            let _ = write!(text, "; {field} up to {most}");
        }
        for (field, (_, seen)) in &self.lists {
            if seen.len() > MOST_NAMES {
                let _ = write!(
                    text,
                    "\n// {field}: more than {MOST_NAMES} were seen, so this rule permits any: narrow it by hand"
                );
            }
        }
        text
    }

    /// What was seen, as conditions: what never was there is not there, what was never said to be so is not so. `so`: what is so
    /// of all these calls.
    ///
    /// SECURITY: a number that no call had may be any in the next one (a service that was only restarted, scaled to 500). Tests:
    /// `what_was_never_there_is_not_permitted`, `what_is_so_of_one_call_is_not_permitted_of_the_others`.
    pub(super) fn bounds(
        &self,
        so: &BTreeSet<Arc<str>>,
        vocabulary: &Vocabulary,
        definition: &ActionDefinition,
    ) -> Vec<String> {
        let mut bounds = Vec::new();
        for field in definition.required.iter().chain(&definition.optional) {
            let is_required = definition.required.contains(field);
            let bounded = |times: u64, bound: String| match (is_required, times == self.calls) {
                (true, _) => bound,
                (false, true) => format!("context has {field} && {bound}"),
                (false, false) => format!("(if context has {field} then {bound} else true)"),
            };
            // Of how many of which type is bounded here, too.
            let on_demand = !is_required && **field == *ON_DEMAND;
            let never = || (!is_required && !on_demand).then(|| format!("!(context has {field})"));
            let bound = match vocabulary.fields.get(field).map(|known| known.kind) {
                Some(FieldType::Int) => match self.numbers.get(field) {
                    Some((times, _)) if on_demand && *times < self.calls => None,
                    Some((times, most)) => Some(bounded(*times, format!("context.{field} <= {most}"))),
                    None => never(),
                },
                Some(FieldType::Bool) => {
                    let times = self.flags.get(field).copied().unwrap_or_default();
                    Some(bounded(times, format!("context.{field} == {}", so.contains(field))))
                }
                _ if LISTS.contains(&&**field) || TEXTS.contains(&&**field) => match self.lists.get(field) {
                    Some((_, seen)) if seen.len() > MOST_NAMES => None,
                    Some((times, seen)) if seen.is_empty() => {
                        Some(bounded(*times, format!("context.{field}.isEmpty()")))
                    }
                    Some((times, seen)) => {
                        let names: Vec<String> = seen.iter().map(|name| cedar_text(name)).collect();
                        let (names, contains) = (names.join(", "), contains(field));
                        Some(bounded(*times, format!("[{names}].{contains}(context.{field})")))
                    }
                    None => never(),
                },
                _ => None,
            };
            bounds.extend(bound);
        }
        bounds
    }
}

/// The operator of Cedar by which one name, or a list of them, is among others.
fn contains(field: &str) -> &'static str {
    match TEXTS.contains(&field) {
        true => "contains",
        false => "containsAll",
    }
}

//! By what budgets count calls, and what is left of that.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::Members;
use crate::model::entry::Kind;
use crate::model::{CallId, Outcome, Timestamp};
use crate::store::{Kept, Written};

/// The decision by which a call was allowed: by it, budgets count the call.
#[derive(Debug)]
pub struct Allowed {
    pub call: CallId,
    /// As it stands there, and as it would.
    pub before: Kept,
    pub after: Kept,
    /// As the clock is set now.
    pub time: Timestamp,
    pub end: Option<(Outcome, Option<u16>)>,
}

impl Allowed {
    /// `None`: by this entry nothing was allowed. `names`: of values that go.
    pub(super) fn read(
        entry: &Written,
        members: &Members,
        committed: &Map<String, Json>,
        names: &[String],
    ) -> Option<Self> {
        let is_allowed = entry.kind == Kind::Decided.as_str() && members.decision.as_deref() == Some("ALLOW");
        Some(Self {
            call: entry.call.as_deref().filter(|_| is_allowed)?.parse().ok()?,
            before: kept(entry, committed, &[]),
            after: kept(entry, committed, names),
            time: entry.time,
            end: None,
        })
    }
}

#[derive(Deserialize)]
struct Spent {
    scope: String,
}

impl Spent {
    /// What cannot be read counts nowhere.
    fn read(value: &Json) -> Vec<Spent> {
        serde_json::from_value(value.clone()).unwrap_or_default()
    }
}

/// Whether budgets counted it by the name of its target. Such a name begins with the provider, and no other scope does.
pub(super) fn is_of_target(members: &Members, budgets: Option<&Json>) -> bool {
    let spent = budgets.and_then(|budgets| budgets.get("value"));
    let spent: Vec<Spent> = spent.map(Spent::read).unwrap_or_default();
    let begins = format!("{}/", members.provider.as_deref().unwrap_or_default());
    spent.iter().any(|spent| spent.scope.starts_with(&begins))
}

/// An entry as it is read back, without these values.
fn kept(entry: &Written, committed: &Map<String, Json>, without: &[String]) -> Kept {
    let mut kept = Kept {
        bytes: entry.bytes.clone(),
        values: BTreeMap::new(),
        changed: Vec::new(),
        erased: without.to_vec(),
    };
    for (name, told) in committed.iter().filter(|(name, _)| !without.contains(name)) {
        if told.get("erased").is_some() {
            kept.erased.push(name.clone());
        } else if let Some(value) = told.get("value") {
            kept.values.insert(name.clone(), value.to_string());
        }
    }
    kept
}

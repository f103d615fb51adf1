//! Values taken out of the record: which go together, and the entries that say so. The entries that committed to them stay.

mod search;
mod without;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::model::change::{ApprovalRow, CallErased};
use crate::model::entry::{Committed, Kind};
use crate::model::erasure::spell;
use crate::model::grant::{Grant, GrantRow, Scope};
use crate::model::{ApprovalId, CallId, Change, Entry, GrantId, State, Timestamp};
use crate::store::{ReadError, Reader, Written};

use search::search;

/// Entries read at once.
const PAGE: u32 = 500;
/// Entries that one `erased` names.
const TOLD: usize = 1_000;

/// Kinds of entries that are about calls. What others commit to is not erased.
const ERASABLE: [Kind; 13] = [
    Kind::Decided,
    Kind::Held,
    Kind::Approved,
    Kind::Denied,
    Kind::Expired,
    Kind::Cancelled,
    Kind::Escalated,
    Kind::Consumed,
    Kind::Returned,
    Kind::Outcome,
    Kind::Grant,
    Kind::Refused,
    Kind::Notification,
];

/// What somebody wants erased: all that is known of these, and of whatever has such a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Calls, and numbers of entries.
    pub ids: Vec<String>,
    /// A canonical field, or `target`, and what it says.
    pub field: Option<(String, String)>,
}

/// Why nothing is erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("nothing is erased: there is no call and no entry `{0}`")]
    Unknown(String),
    #[error(
        "nothing is erased: entry {seq} (`{kind}`) is about no call; only what is beside calls, approvals, grants and refusals is erased"
    )]
    OfNoCall { seq: i64, kind: String },
    #[error("nothing is erased: the call {0} has not ended")]
    Open(CallId),
    #[error(
        "nothing is erased: the approval {approval} is {}, so that a call can still be sent by it; decide it, cancel it or let it expire first",
        state.as_str()
    )]
    Undecided { approval: ApprovalId, state: State },
    #[error("nothing is erased: the grant {0} is still open; revoke it first (`runplane grants revoke {0}`)")]
    Given(GrantId),
    #[error("nothing is erased: nothing on record has such a value, or all that has was erased before")]
    Nothing,
}

/// What a call took of a budget of its target, whose name is what would be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfTarget {
    pub call: CallId,
    pub budget: Arc<str>,
    pub time: Timestamp,
}

/// What goes.
#[derive(Debug, Default)]
pub struct Erasure {
    /// By the place of the entry, the names of its values.
    values: BTreeMap<i64, Vec<String>>,
    /// Whether the operation is text of the agent's; `None`: it was refused before it was a call.
    calls: BTreeMap<CallId, Option<bool>>,
    approvals: BTreeMap<ApprovalId, ApprovalRow>,
    grants: BTreeMap<GrantId, Grant>,
    /// What would not be counted any more.
    pub of_targets: Vec<OfTarget>,
}

/// Members that say what belongs together.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Members {
    approval: Option<ApprovalId>,
    grant: Option<GrantId>,
    decision: Option<String>,
    provider: Option<String>,
    unmapped: i64,
}

#[derive(Deserialize)]
struct Spent {
    budget: Arc<str>,
    scope: String,
}

impl Erasure {
    /// All that belongs to what is wanted: of a call every entry, of its approvals every call that asked for them.
    ///
    /// # Errors
    /// If the database cannot be read, or something of it can still be used.
    pub fn plan(reader: &Reader, wanted: &Wanted) -> Result<Self, EraseError> {
        let mut plan = Self::default();
        let mut found = Vec::new();
        for id in &wanted.ids {
            found.push(named(reader, id)?);
        }
        if let Some((field, value)) = &wanted.field {
            search(reader, field, value, &mut found)?;
        }
        let (mut calls, mut grants) = (Vec::new(), BTreeSet::new());
        for found in found {
            match found {
                Named::Call(call) => calls.push(call),
                Named::Entry(entry) => {
                    calls.extend(entry.call.as_deref().and_then(|call| call.parse::<CallId>().ok()));
                    grants.extend(members(&entry).grant.filter(|_| entry.kind == Kind::Grant.as_str()));
                    plan.entry(&entry);
                }
            }
        }
        while let Some(call) = calls.pop() {
            if !plan.calls.contains_key(&call) {
                plan.call(reader, &call, &mut calls)?;
            }
        }
        plan.grants(reader, &grants)?;
        match plan.values.is_empty() {
            true => Err(EraseError::Nothing),
            false => Ok(plan),
        }
    }

    /// A call with its approvals; what asked for these, too, is put to `calls`.
    fn call(&mut self, reader: &Reader, call: &CallId, calls: &mut Vec<CallId>) -> Result<(), EraseError> {
        let row = reader.call(call)?;
        if row.as_ref().is_some_and(|row| row.row.outcome.is_none()) {
            return Err(EraseError::Open(call.clone()));
        }
        let mut approvals: BTreeSet<ApprovalId> = row.iter().filter_map(|row| row.row.approval.clone()).collect();
        self.calls.insert(call.clone(), row.as_ref().map(|_| false));
        for entry in reader.entries_of(call)? {
            let members = members(&entry);
            if entry.kind == Kind::Decided.as_str() {
                self.calls
                    .insert(call.clone(), row.as_ref().map(|_| members.unmapped != 0));
            }
            approvals.extend(members.approval);
            self.entry(&entry);
        }
        for id in approvals {
            if self.approvals.contains_key(&id) {
                continue;
            }
            let Some(approval) = reader.approval(&id)? else {
                continue;
            };
            if matches!(approval.state, State::Pending | State::Approved | State::Returned) {
                return Err(EraseError::Undecided {
                    approval: id,
                    state: approval.state,
                });
            }
            calls.push(approval.first_call.clone());
            calls.extend(approval.consumed_by.clone());
            calls.extend(reader.calls_by(&id)?);
            self.approvals.insert(id, approval);
        }
        Ok(())
    }

    /// Grants that are named, and those that came of an approval: a correction says what the call said.
    fn grants(&mut self, reader: &Reader, named: &BTreeSet<GrantId>) -> Result<(), EraseError> {
        for GrantRow { grant, used, ended } in reader.all_grants()? {
            let of = match &grant.scope {
                Scope::Within(_) => None,
                Scope::Exactly(corrected) => Some(&corrected.approval),
                Scope::Stated(approved) => Some(&approved.approval),
            };
            if !named.contains(&grant.id) && !of.is_some_and(|of| self.approvals.contains_key(of)) {
                continue;
            }
            if ended.is_none() && used < grant.uses {
                return Err(EraseError::Given(grant.id));
            }
            self.grants.insert(grant.id.clone(), grant);
        }
        if self.grants.is_empty() {
            return Ok(());
        }
        each(reader, &[Kind::Grant.as_str()], |entry| {
            let grant = members(&entry).grant;
            if grant.is_some_and(|grant| self.grants.contains_key(&grant)) {
                self.entry(&entry);
            }
        })
    }

    /// The values of one entry, but those that a budget counts by.
    fn entry(&mut self, entry: &Written) {
        let committed: Map<String, Json> = read(entry.committed.as_deref());
        let members = members(entry);
        let of_target = self.of_target(entry, &members, committed.get("budgets"));
        let goes = |(name, value): (&String, &Json)| {
            let stays = value.get("salt").is_none() || (name == "budgets" && !of_target);
            (!stays).then(|| name.clone())
        };
        let names: Vec<String> = committed.iter().filter_map(goes).collect();
        if !names.is_empty() {
            self.values.insert(entry.seq, names);
        }
    }

    /// Whether budgets counted it by the name of its target. Such a name begins with the provider, and no other scope does.
    fn of_target(&mut self, entry: &Written, members: &Members, budgets: Option<&Json>) -> bool {
        let spent = budgets.and_then(|budgets| budgets.get("value"));
        let spent: Vec<Spent> = spent.map(Spent::read).unwrap_or_default();
        let begins = format!("{}/", members.provider.as_deref().unwrap_or_default());
        let of_target: Vec<Spent> = spent
            .into_iter()
            .filter(|spent| spent.scope.starts_with(&begins))
            .collect();
        let is_of_target = !of_target.is_empty();
        let call = entry.call.as_deref().and_then(|call| call.parse::<CallId>().ok());
        if let (Some(call), Some("ALLOW")) = (call, members.decision.as_deref()) {
            self.of_targets.extend(of_target.into_iter().map(|spent| OfTarget {
                call: call.clone(),
                budget: spent.budget,
                time: entry.time,
            }));
        }
        is_of_target
    }

    /// How many values, and of how many entries, calls, approvals and grants.
    pub fn counts(&self) -> [usize; 5] {
        let values = self.values.values().map(Vec::len).sum();
        [
            values,
            self.values.len(),
            self.calls.len(),
            self.approvals.len(),
            self.grants.len(),
        ]
    }

    /// The entries that say so, each followed by what it takes away.
    pub fn changes(&self, person: &Arc<str>, reason: &str, field: Option<&str>) -> Vec<Change> {
        let mut changes = Vec::new();
        let all: Vec<(i64, Vec<String>)> = self.values.clone().into_iter().collect();
        for part in all.chunks(TOLD) {
            let entry = of_values(part, person, reason, field);
            changes.extend([Change::Append(entry), Change::ValuesErased(part.to_vec())]);
        }
        let calls = self.calls.iter().filter_map(|(call, unmapped)| {
            Some(Change::CallErased(CallErased {
                call: call.clone(),
                unmapped: (*unmapped)?,
            }))
        });
        changes.extend(calls);
        for row in self.approvals.values().cloned().map(without::values) {
            let entry = of_approval(&row, person);
            changes.extend([Change::Append(entry), Change::ApprovalErased(Box::new(row))]);
        }
        for grant in self.grants.values().cloned().map(without::scope) {
            let entry = of_grant(&grant, person);
            changes.extend([Change::Append(entry), Change::GrantErased(Box::new(grant))]);
        }
        changes
    }
}

/// Values were taken away beside these entries, in order.
pub(super) fn of_values(part: &[(i64, Vec<String>)], person: &str, reason: &str, field: Option<&str>) -> Entry {
    let places: Vec<i64> = part.iter().map(|(seq, _)| *seq).collect();
    let names: BTreeSet<&str> = part.iter().flat_map(|(_, names)| names).map(String::as_str).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let count: usize = part.iter().map(|(_, names)| names.len()).sum();
    Entry::new(Kind::Erased)
        .with("entries", spell(&places))
        .with_some("field", field)
        .with("names", names.join(","))
        .with("person", person)
        .with("values", i64::try_from(count).unwrap_or(i64::MAX))
        .commit("reason", Committed::keep(&reason))
}

/// The row of an approval has no values any more.
pub(super) fn of_approval(row: &ApprovalRow, person: &str) -> Entry {
    let entry = Entry::new(Kind::Erased).with("approval", row.id.as_str());
    entry.with("person", person).commit("row", Committed::hide(row))
}

/// The row of a grant has no values any more.
pub(super) fn of_grant(grant: &Grant, person: &str) -> Entry {
    let entry = Entry::new(Kind::Erased).with("grant", grant.id.as_str());
    entry.with("person", person).commit("row", Committed::hide(grant))
}

impl Spent {
    /// What cannot be read counts nowhere.
    fn read(value: &Json) -> Vec<Spent> {
        serde_json::from_value(value.clone()).unwrap_or_default()
    }
}

enum Named {
    Call(CallId),
    Entry(Box<Written>),
}

fn named(reader: &Reader, id: &str) -> Result<Named, EraseError> {
    let unknown = || EraseError::Unknown(id.to_owned());
    if let Ok(seq) = id.parse::<i64>() {
        let entry = reader.written(seq, seq.saturating_add(1), &[], 1)?.into_iter().next();
        let entry = entry.ok_or_else(unknown)?;
        return match ERASABLE.iter().any(|kind| kind.as_str() == entry.kind) {
            true => Ok(Named::Entry(Box::new(entry))),
            false => Err(EraseError::OfNoCall { seq, kind: entry.kind }),
        };
    }
    let call: CallId = id.parse().map_err(|_| unknown())?;
    match reader.entries_of(&call)?.is_empty() {
        true => Err(unknown()),
        false => Ok(Named::Call(call)),
    }
}

fn each(reader: &Reader, kinds: &[&str], mut see: impl FnMut(Written)) -> Result<(), EraseError> {
    let mut from = 1;
    loop {
        let page = reader.written(from, i64::MAX, kinds, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        from = last.seq.saturating_add(1);
        page.into_iter().for_each(&mut see);
    }
}

fn members(entry: &Written) -> Members {
    serde_json::from_slice(&entry.bytes).unwrap_or_default()
}

fn read(committed: Option<&str>) -> Map<String, Json> {
    committed
        .and_then(|committed| serde_json::from_str(committed).ok())
        .unwrap_or_default()
}

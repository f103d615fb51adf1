//! Values taken out of the record: which go together, and the entries that say so. The entries that committed to them stay.

mod again;
mod counted;
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

use again::Again;
use counted::{Allowed, is_of_target};
pub use search::TARGET;
use search::search;

/// Entries read at once.
const PAGE: u32 = 500;
/// Entries that one `erased` names.
const TOLD: usize = 1_000;
/// What stands in the way, as far as it is told at once.
const BLOCKERS: usize = 20;

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
    /// All of them, that nobody has to ask once for each.
    #[error("nothing is erased: {0}")]
    Blocked(String),
    #[error("nothing is erased: nothing on record has such a value")]
    Nothing,
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
    /// By the place of the entry.
    allowed: BTreeMap<i64, Allowed>,
    /// What can still be used, in words.
    blockers: BTreeSet<String>,
    /// Nothing goes: it went before, or never was.
    again: Option<Again>,
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
    set_forward_ms: i64,
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
        plan.notifications(reader)?;
        plan.set_forward(reader)?;
        if !plan.blockers.is_empty() {
            return Err(EraseError::Blocked(some_of(&plan.blockers)));
        }
        if plan.values.is_empty() {
            plan = Self {
                again: Some(Again::read(reader)?.ok_or(EraseError::Nothing)?),
                ..Self::default()
            };
        }
        Ok(plan)
    }

    /// A call with its approvals; what asked for these, too, is put to `calls`.
    fn call(&mut self, reader: &Reader, call: &CallId, calls: &mut Vec<CallId>) -> Result<(), EraseError> {
        let row = reader.call(call)?;
        if row.as_ref().is_some_and(|row| row.row.outcome.is_none()) {
            self.calls.insert(call.clone(), None);
            self.blockers.insert(format!("the call {call} has not ended"));
            return Ok(());
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
            if let Some(allowed) = self.allowed.get_mut(&entry.seq) {
                allowed.end = row.as_ref().and_then(|row| Some((row.row.outcome?, row.status)));
            }
        }
        for id in approvals {
            if self.approvals.contains_key(&id) {
                continue;
            }
            let Some(approval) = reader.approval(&id)? else {
                continue;
            };
            if matches!(approval.state, State::Pending | State::Approved | State::Returned) {
                self.blockers.insert(format!(
                    "the approval {id} is {}, so that a call can still be sent by it; decide it, cancel it or let it expire first",
                    approval.state.as_str()
                ));
                continue;
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
                let id = &grant.id;
                let open = format!("the grant {id} is still open; revoke it first (`runplane grants revoke {id}`)");
                self.blockers.insert(open);
                continue;
            }
            self.grants.insert(grant.id.clone(), grant);
        }
        if self.grants.is_empty() {
            return Ok(());
        }
        Ok(each(reader, &[Kind::Grant.as_str()], |entry| {
            let grant = members(&entry).grant;
            if grant.is_some_and(|grant| self.grants.contains_key(&grant)) {
                self.entry(&entry);
            }
        })?)
    }

    /// Who could not be told of its approvals.
    fn notifications(&mut self, reader: &Reader) -> Result<(), EraseError> {
        if self.approvals.is_empty() {
            return Ok(());
        }
        Ok(each(reader, &[Kind::Notification.as_str()], |entry| {
            let approval = members(&entry).approval;
            if approval.is_some_and(|approval| self.approvals.contains_key(&approval)) {
                self.entry(&entry);
            }
        })?)
    }

    /// Where the clock was set forward later, a call is newer than it looks.
    fn set_forward(&mut self, reader: &Reader) -> Result<(), EraseError> {
        if self.allowed.is_empty() {
            return Ok(());
        }
        Ok(each(reader, &[Kind::Gap.as_str()], |gap| {
            let forward = members(&gap).set_forward_ms.max(0);
            for (_, allowed) in self.allowed.range_mut(..gap.seq) {
                allowed.time = Timestamp(allowed.time.0.saturating_add(forward));
            }
        })?)
    }

    /// The values of one entry, but those that a budget counts by.
    fn entry(&mut self, entry: &Written) {
        let committed: Map<String, Json> = read(entry.committed.as_deref());
        let members = members(entry);
        let of_target = is_of_target(&members, committed.get("budgets"));
        let goes = |(name, value): (&String, &Json)| {
            let stays = value.get("salt").is_none() || (name == "budgets" && !of_target);
            (!stays).then(|| name.clone())
        };
        let names: Vec<String> = committed.iter().filter_map(goes).collect();
        if names.is_empty() {
            return;
        }
        if let Some(allowed) = Allowed::read(entry, &members, &committed, &names) {
            self.allowed.entry(entry.seq).or_insert(allowed);
        }
        self.values.insert(entry.seq, names);
    }

    /// If nothing is left to erase, but it may still be in memory, and traces of it in the file.
    pub fn again(&mut self) -> Option<Again> {
        self.again.take()
    }

    /// Decisions of which values go, by which budgets count.
    pub fn allowed(&self) -> impl Iterator<Item = &Allowed> {
        self.allowed.values()
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

/// As many as people read.
fn some_of(blockers: &BTreeSet<String>) -> String {
    let told: Vec<&str> = blockers.iter().take(BLOCKERS).map(String::as_str).collect();
    match blockers.len().saturating_sub(BLOCKERS) {
        0 => told.join(". "),
        more => format!("{}. And {more} more", told.join(". ")),
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

pub(super) fn each(reader: &Reader, kinds: &[&str], mut see: impl FnMut(Written)) -> Result<(), ReadError> {
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

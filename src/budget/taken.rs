//! What a call on record took of budgets: by what it said, or, where that was erased, by what its decision says it took.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::counting::UNKNOWN_PROVIDER;
use super::{Budget, Budgets, Use, Uses, keeps};
use crate::model::recorded::Also;
use crate::model::{Access, Action, Answer, Facts, Outcome, Target, Tie, Timestamp};
use crate::store::Kept;

/// Values by which a call counts.
const COUNTED: [&str; 3] = ["also", "fields", "target"];

/// What it took then.
const BUDGETS: &str = "budgets";

/// Members of entries, as far as they matter here.
#[derive(Debug, Deserialize)]
pub(super) struct Members {
    pub(super) kind: String,
    pub(super) time: i64,
    pub(super) call: Option<String>,
    agent: Option<Arc<str>>,
    pub(super) decision: Option<String>,
    roles: Option<String>,
    action: Option<Arc<str>>,
    access: Option<Access>,
    environment: Option<Arc<str>>,
    provider: Option<Arc<str>>,
    #[serde(default)]
    unmapped: i64,
    pub(super) outcome: Option<Outcome>,
    pub(super) status: Option<u16>,
    pub(super) repeats: Option<String>,
    #[serde(default)]
    pub(super) set_forward_ms: i64,
}

/// What a call took, as its decision tells it.
#[derive(Debug, Deserialize)]
struct Taken {
    amount: i64,
    budget: Arc<str>,
    scope: Arc<str>,
}

/// By the place of the budget and whose window it is.
type Amounts = BTreeMap<(usize, Arc<str>), i64>;

/// What a call came to.
pub type End = Option<(Outcome, Option<u16>)>;

/// How far back what is read into a window of this length reaches: a bucket more, and what the clocks may differ by.
pub(super) fn reach(length: i64) -> i64 {
    length.saturating_add(length / 30).saturating_add(10_000)
}

/// The first value by which the call counts that is not as it was written.
pub(super) fn changed(entry: &Kept) -> Option<&String> {
    let counts = |name: &&String| COUNTED.contains(&name.as_str()) || (*name == BUDGETS && is_erased(entry));
    entry.changed.iter().find(counts)
}

/// Whether something is erased by which it would count.
fn is_erased(entry: &Kept) -> bool {
    entry.erased.iter().any(|name| COUNTED.contains(&name.as_str()))
}

impl Budgets {
    /// The budget that reaches back furthest, and since when it counts.
    pub fn counts_since(&self, now: Timestamp) -> Option<(Arc<str>, Timestamp)> {
        let longest = self.all.iter().max_by_key(|budget| budget.length)?;
        let since = now.0.saturating_sub(reach(longest.length));
        Some((longest.name.clone(), Timestamp(since)))
    }

    /// The budget that counts longest a call of `time` otherwise by what is left of its decision, `after`, than by what
    /// stands there `before`, and until when it is read back into the books. `None`: each counts it the same.
    ///
    /// SECURITY: an erasure would make room in a budget at the next start. Tests: `what_a_budget_of_a_target_still_counts_is_not_erased`,
    /// `what_budgets_in_force_would_count_otherwise_is_told`.
    pub fn counts_otherwise(
        &self,
        (before, after): (&Kept, &Kept),
        end: End,
        time: Timestamp,
    ) -> Option<(Arc<str>, Timestamp)> {
        // What cannot be read may count: it differs in every budget (below), and is not erased.
        let members: Option<Members> = serde_json::from_slice(&before.bytes).ok();
        if members
            .as_ref()
            .is_some_and(|members| members.decision.as_deref() != Some("ALLOW"))
        {
            return None;
        }
        let differs = |place: usize| {
            let Some(members) = &members else { return true };
            let [was, is] = [before, after].map(|entry| self.of_budget(place, members, entry, end));
            was != is || (members.repeats.is_some() && !was.is_empty())
        };
        let differing = self.all.iter().enumerate().filter(|(place, _)| differs(*place));
        let (_, longest) = differing.max_by_key(|(_, budget)| budget.length)?;
        Some((
            longest.name.clone(),
            Timestamp(time.0.saturating_add(reach(longest.length))),
        ))
    }

    /// What a call that ended so counts in the windows of one budget.
    fn of_budget(&self, place: usize, members: &Members, entry: &Kept, end: End) -> Amounts {
        let uses = self.taken(members, entry);
        let uses = uses.filter(|uses| end.is_none() || keeps(end, uses.unproven));
        let mut amounts = Amounts::new();
        for part in uses.into_iter().flat_map(|uses| uses.parts) {
            if part.budget == place {
                let sum = amounts.entry((part.budget, part.scope)).or_default();
                *sum = part.amount.saturating_add(*sum);
            }
        }
        amounts
    }

    /// What an allowed call took of these budgets, unless nothing was done by it.
    pub(super) fn taken(&self, members: &Members, entry: &Kept) -> Option<Uses> {
        match is_erased(entry) {
            true => Some(self.remembered(members, entry)),
            false => self.said(members, entry),
        }
    }

    /// By what the call said.
    fn said(&self, members: &Members, entry: &Kept) -> Option<Uses> {
        let roles = members.roles.as_deref().unwrap_or_default().split(',');
        let facts = Facts {
            agent: members.agent.clone()?,
            roles: roles.filter(|role| !role.is_empty()).map(Arc::from).collect(),
            host: String::new(),
            method: String::new(),
        };
        let also: Vec<Also> = value(entry, "also").unwrap_or_default();
        let target = value(entry, "target").unwrap_or_else(|| Target {
            kind: "unknown".into(),
            id: None,
        });
        let first = action(members, members.action.clone()?, members.access?, target)?;
        let also = also.into_iter().filter_map(|also| {
            let action = action(members, also.action, also.access, also.target)?;
            Some(Action {
                environment: also.environment.unwrap_or_else(|| action.environment.clone()),
                fields: also.fields,
                ..action
            })
        });
        let action = Action {
            fields: value(entry, "fields").unwrap_or_default(),
            also: also.collect(),
            ..first
        };
        self.uses(&facts, &action)
    }

    /// Of a call whose values were erased: what it took of the budgets that counted it then, which is kept.
    fn remembered(&self, members: &Members, entry: &Kept) -> Uses {
        let taken: Option<Vec<Taken>> = value(entry, BUDGETS);
        let mut parts = Vec::new();
        for taken in taken.unwrap_or_default() {
            let of_it = |(_, budget): &(usize, &Budget)| *taken.budget == *budget.name;
            parts.extend(self.all.iter().enumerate().filter(of_it).map(|(place, _)| Use {
                budget: place,
                scope: taken.scope.clone(),
                amount: taken.amount,
            }));
        }
        let is_unknown = members.provider.as_deref() == Some(UNKNOWN_PROVIDER);
        Uses {
            parts,
            // What else it did is not known any more.
            unproven: members.unmapped != 0 || is_unknown || entry.erased.iter().any(|name| name == "also"),
            ..Uses::default()
        }
    }
}

/// An action as far as budgets look at it.
fn action(members: &Members, name: Arc<str>, access: Access, target: Target) -> Option<Action> {
    Some(Action {
        provider: members.provider.clone()?,
        operation: "".into(),
        name,
        access,
        fields: BTreeMap::new(),
        missing: Vec::new(),
        target,
        environment: members.environment.clone()?,
        labels: None,
        risk: None,
        unmapped: members.unmapped != 0,
        inspected: true,
        summary: String::new(),
        request_line: String::new(),
        answer: Arc::new(Answer::default()),
        also: Vec::new(),
        tie: Tie::default(),
    })
}

/// A value that was kept beside an entry.
fn value<T: DeserializeOwned>(entry: &Kept, name: &str) -> Option<T> {
    serde_json::from_str(entry.values.get(name)?).ok()
}

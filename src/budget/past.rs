//! What is on record, back into the books: at start, and for budgets that a reload brings or changes.
//!
//! The trail is read from its end backwards, as far as the longest window reaches. Every call that was allowed counts as it
//! would now, unless its outcome says that nothing was done. What has no outcome yet counts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::counting::refuses;
use super::{Budget, Budgets, Ledger, Use, Uses};
use crate::model::recorded::Also;
use crate::model::{Access, Action, Answer, Facts, Outcome, Target, Timestamp};
use crate::store::{Kept, ReadError};

/// Why it cannot be told what was taken of budgets. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RecallError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("an entry of the trail cannot be read: {WHAT_TO_DO}")]
    Unreadable,
    #[error("`{name}` of the call {call} is not what its entry commits to, or was taken away: {WHAT_TO_DO}")]
    Changed { call: String, name: String },
}

const WHAT_TO_DO: &str = "something changed the database. Keep a copy, look at it with `runplane audit verify`, and restore it from a backup";

/// Books being filled from the trail.
pub struct Past<'a> {
    budgets: &'a Budgets,
    ledger: &'a Ledger,
    now: Timestamp,
    /// Budgets whose windows are not filled yet, and those that are.
    filled: Vec<bool>,
    /// Nothing before this matters.
    since: i64,
    /// By how much older entries are newer than they look: the clock was set forward after them.
    forward: i64,
    /// Calls that were not sent.
    unsent: HashSet<String>,
    /// Calls of which nothing was done, if who answered is known.
    refused: HashSet<String>,
    /// Why it cannot be told what was taken.
    wrong: Option<RecallError>,
    /// By the call that they repeat: requests that were not counted because that one was.
    leaning: HashMap<String, (i64, Uses)>,
}

/// Values by which a call counts.
const COUNTED: [&str; 3] = ["also", "fields", "target"];

/// Members of entries, as far as they matter here.
#[derive(Debug, Deserialize)]
struct Members {
    kind: String,
    time: i64,
    call: Option<String>,
    agent: Option<Arc<str>>,
    decision: Option<String>,
    roles: Option<String>,
    action: Option<Arc<str>>,
    access: Option<Access>,
    environment: Option<Arc<str>>,
    provider: Option<Arc<str>>,
    #[serde(default)]
    unmapped: i64,
    outcome: Option<Outcome>,
    status: Option<u16>,
    repeats: Option<String>,
    /// Those that counted it.
    budgets: Option<String>,
    #[serde(default)]
    set_forward_ms: i64,
}

/// What a call took, as its decision tells it.
#[derive(Debug, Deserialize)]
struct Taken {
    amount: i64,
    budget: Arc<str>,
    scope: Arc<str>,
}

impl<'a> Past<'a> {
    /// `None`: the books have all of it already.
    pub fn new(budgets: &'a Budgets, ledger: &'a Ledger, now: Timestamp) -> Option<Self> {
        let mut account = ledger.open(now);
        let filled: Vec<bool> = budgets.all.iter().map(|one| account.is_recalled(&one.slot)).collect();
        drop(account);
        let open = budgets.all.iter().zip(&filled).filter(|(_, filled)| !**filled);
        let longest = open.map(|(budget, _)| budget.length).max()?;
        Some(Self {
            budgets,
            ledger,
            now,
            filled,
            // A bucket more than the window, and what the clocks may differ by.
            since: now.0.saturating_sub(longest).saturating_sub(longest / 30 + 10_000),
            forward: 0,
            unsent: HashSet::new(),
            refused: HashSet::new(),
            wrong: None,
            leaning: HashMap::new(),
        })
    }

    /// Takes an entry, each before those that were written before it. False: nothing older matters, or this one is not as it was
    /// written.
    ///
    /// SECURITY: what was taken away would be zero, and a budget full again after a restart. Test:
    /// `what_was_taken_is_not_told_from_a_trail_that_was_changed`.
    pub fn see(&mut self, entry: &Kept) -> bool {
        let Ok(members) = serde_json::from_slice::<Members>(&entry.bytes) else {
            self.wrong = Some(RecallError::Unreadable);
            return false;
        };
        let time = members.time.saturating_add(self.forward);
        if time < self.since {
            return false;
        }
        match (members.kind.as_str(), members.decision.as_deref()) {
            ("gap", _) => self.forward = self.forward.saturating_add(members.set_forward_ms.max(0)),
            ("outcome", _) => {
                if members.outcome == Some(Outcome::NotSent) {
                    self.unsent.extend(members.call);
                } else if members.outcome == Some(Outcome::Failure) && refuses(members.status) {
                    self.refused.extend(members.call);
                }
            }
            ("decided", Some("ALLOW")) => match entry.changed.iter().find(|name| COUNTED.contains(&name.as_str())) {
                Some(name) => {
                    self.wrong = Some(RecallError::Changed {
                        call: members.call.unwrap_or_default(),
                        name: name.clone(),
                    });
                }
                None => self.allowed(&members, entry, time),
            },
            _ => {}
        }
        self.wrong.is_none()
    }

    fn allowed(&mut self, members: &Members, entry: &Kept, time: i64) {
        let Some(call) = &members.call else {
            return;
        };
        let leaning = self.leaning.remove(call);
        if self.ledger.has_counted(call) {
            return;
        }
        let uses = match self.unsent.contains(call) {
            true => None,
            false if entry.erased.iter().any(|name| COUNTED.contains(&name.as_str())) => self.taken(members, entry),
            false => self.uses(members, entry),
        };
        let uses = uses.filter(|uses| uses.unproven || !self.refused.contains(call));
        match (uses, &members.repeats) {
            // Counted with the first of its kind, unless nothing was done by that one.
            (Some(uses), Some(first)) => drop(self.leaning.insert(first.clone(), (time, uses))),
            (Some(uses), None) => self.count(time, &uses),
            (None, _) => {
                if let Some((time, uses)) = leaning {
                    self.count(time, &uses);
                }
            }
        }
    }

    fn uses(&self, members: &Members, entry: &Kept) -> Option<Uses> {
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
        let first = self.action(members, members.action.clone()?, members.access?, target)?;
        let also = also.into_iter().filter_map(|also| {
            let action = self.action(members, also.action, also.access, also.target)?;
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
        self.budgets.uses(&facts, &action)
    }

    /// Of a call whose values were erased: what it took of the budgets that counted it then, which is kept.
    fn taken(&self, members: &Members, entry: &Kept) -> Option<Uses> {
        let taken: Option<Vec<Taken>> = value(entry, "budgets");
        if let (Some(budgets), None) = (&members.budgets, &taken) {
            let call = members.call.as_deref().unwrap_or_default();
            tracing::warn!(
                call,
                budgets,
                "its values are erased, and it counts no more in budgets of its target"
            );
        }
        let mut parts = Vec::new();
        for taken in taken.unwrap_or_default() {
            let of_it = |(_, budget): &(usize, &Budget)| *taken.budget == *budget.name;
            parts.extend(self.budgets.all.iter().enumerate().filter(of_it).map(|(place, _)| Use {
                budget: place,
                scope: taken.scope.clone(),
                amount: taken.amount,
            }));
        }
        Some(Uses {
            parts,
            // What else it did is not known any more.
            unproven: members.unmapped != 0 || entry.erased.iter().any(|name| name == "also"),
            ..Uses::default()
        })
    }

    /// An action as far as budgets look at it.
    fn action(&self, members: &Members, name: Arc<str>, access: Access, target: Target) -> Option<Action> {
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
        })
    }

    fn count(&self, time: i64, uses: &Uses) {
        let mut account = self.ledger.open(self.now);
        for one in &uses.parts {
            if self.filled.get(one.budget) == Some(&false)
                && let Some(budget) = self.budgets.all.get(one.budget)
            {
                // The ledger's clock may tell another time than the wall's.
                let time = account.now.saturating_sub(self.now.0.saturating_sub(time).max(0));
                account.recall(&budget.slot, &one.scope, time, one.amount);
            }
        }
    }

    /// To be called when all that matters was seen.
    ///
    /// # Errors
    /// If something of it was not as it was written: then the books are not filled.
    pub fn end(self) -> Result<(), RecallError> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let mut account = self.ledger.open(self.now);
        for budget in &self.budgets.all {
            account.recalled(&budget.slot);
        }
        Ok(())
    }
}

/// A value that was kept beside an entry.
fn value<T: DeserializeOwned>(entry: &Kept, name: &str) -> Option<T> {
    serde_json::from_str(entry.values.get(name)?).ok()
}

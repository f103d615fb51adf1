//! What agents stated and were allowed, until it is over: a call that is the same takes over what was taken of budgets for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::budget::{Print, Uses};
use crate::model::grant::Stated;
use crate::model::{Action, CallId};

/// By agent. How many there may be is up to whoever keeps the decisions open.
#[derive(Default)]
pub struct Statements(Mutex<HashMap<Arc<str>, Vec<Statement>>>);

struct Statement {
    call: CallId,
    stated: Stated,
    uses: Uses,
    /// Of the policies and budgets by which it was counted.
    rules: Arc<str>,
    /// A call took over what was counted for it.
    taken: bool,
}

/// Tells what a decision took of budgets from what any other did.
pub(super) fn print(call: &CallId) -> Print {
    Sha256::digest(format!("stated {call}")).into()
}

impl Statements {
    pub(super) fn allowed(&self, agent: &Arc<str>, call: &CallId, action: &Action, uses: Uses, rules: &Arc<str>) {
        if let Some(stated) = Stated::of(action) {
            let (call, rules) = (call.clone(), rules.clone());
            self.all().entry(agent.clone()).or_default().push(Statement {
                call,
                stated,
                uses,
                rules,
                taken: false,
            });
        }
    }

    /// The decision that a call is the same action as, if all that it takes of budgets was taken for that.
    ///
    /// SECURITY: a budget that counts the call and did not count what was stated would not have it. Test:
    /// `a_call_takes_over_only_what_was_taken_for_it`.
    pub(super) fn find(&self, agent: &Arc<str>, action: &Action, uses: &Uses, rules: &Arc<str>) -> Option<CallId> {
        let all = self.all();
        let same =
            |one: &&Statement| !one.taken && one.rules == *rules && uses.is_within(&one.uses) && one.stated.is(action);
        Some(all.get(agent)?.iter().find(same)?.call.clone())
    }

    /// A call takes it over: a second call is another one.
    pub(super) fn take(&self, agent: &str, call: &CallId) {
        let mut all = self.all();
        let mut statements = all.get_mut(agent).into_iter().flatten();
        if let Some(taken) = statements.find(|statement| statement.call == *call) {
            taken.taken = true;
        }
    }

    /// Whether a call took it over.
    pub fn is_taken(&self, agent: &str, call: &CallId) -> bool {
        let all = self.all();
        let mut statements = all.get(agent).into_iter().flatten();
        statements.any(|statement| statement.taken && statement.call == *call)
    }

    /// It ended.
    pub fn end(&self, agent: &str, call: &CallId) {
        let mut all = self.all();
        if let Some(statements) = all.get_mut(agent) {
            statements.retain(|statement| statement.call != *call);
            if statements.is_empty() {
                all.remove(agent);
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Arc<str>, Vec<Statement>>> {
        // Every change is whole before anything in it could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

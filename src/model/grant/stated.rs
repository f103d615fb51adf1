//! What an agent stated and people approved, as the call that it becomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::action::HIDDEN;
use crate::model::{Action, ApprovalId, GUARD, Saying, Value};

/// A statement that was approved, and by which approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    pub approval: ApprovalId,
    pub stated: Stated,
    /// What else was said by name and shown whole to who approved it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub said: BTreeMap<Arc<str>, serde_json::Value>,
}

impl Approved {
    /// SECURITY: whoever approved it saw what was stated; what a call says besides its fields they saw only if that was stated by
    /// the same name (test `a_yes_to_what_was_stated_is_for_nothing_that_was_not_said`). If they saw a provider, it is for no
    /// other one (test `a_yes_to_what_is_for_one_provider_is_for_no_other`).
    pub(super) fn covers(&self, action: &Action, beyond: Option<&[Saying]>) -> bool {
        let provider = self.said.get(PROVIDER).filter(|said| !said.is_null());
        let there = provider.is_none_or(|said| {
            said.as_str()
                .is_some_and(|name| name.eq_ignore_ascii_case(&action.provider))
        });
        if !there {
            return false;
        }
        let shown = |saying: &Saying| self.said.get(&*saying.name).is_some_and(|said| saying.is(said));
        self.stated.is(action) && beyond.is_some_and(|beyond| beyond.iter().all(shown))
    }
}

/// What makes a call the one that an agent stated before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    pub action: Arc<str>,
    /// The target's id.
    pub target: String,
    /// As the agent claims it to be.
    pub environment: Option<Arc<str>>,
    /// All of them, those that follow from others too.
    pub fields: BTreeMap<Arc<str>, Value>,
}

/// Providers' ids of what is acted on: a mapping tells the target among them.
const RESOURCE_IDS: &str = "resource_ids";
/// By which a statement names the provider that it is about.
pub const PROVIDER: &str = "provider";

impl Stated {
    /// Of a completed action as an agent stated it. `None`: nobody knows what it is, or it leaves something out.
    pub fn of(action: &Action) -> Option<Stated> {
        let known = &*action.provider == GUARD && !action.unmapped && action.missing.is_empty();
        let claimed = action.also.first().map(|claimed| claimed.environment.clone());
        let target = action.target.id.clone().filter(|_| known)?;
        Some(Stated {
            action: action.name.clone(),
            target,
            environment: claimed,
            fields: action.fields.clone(),
        })
    }

    /// Whether a completed call is this: the same action, target and fields, and no other environment than was claimed.
    ///
    /// SECURITY: people approved what was stated; a call that says one thing more, or does it elsewhere, is another one; so may be one
    /// of which a part is hidden. Tests: `a_call_is_what_was_stated_only_if_all_of_it_is`, `what_is_hidden_in_part_is_covered_by_no_grant`.
    pub fn is(&self, action: &Action) -> bool {
        let plain = action.also.is_empty() && action.missing.is_empty() && !action.unmapped && action.inspected;
        plain
            && *action.provider != *GUARD
            && action.name == self.action
            && action.target.id.as_ref() == Some(&self.target)
            && self
                .environment
                .as_ref()
                .is_none_or(|claimed| claimed == action.environment())
            && self
                .fields
                .iter()
                .all(|(name, value)| action.fields.get(name) == Some(value))
            && action.fields.iter().all(|(name, value)| self.says(name, value))
            && !self.target.contains(HIDDEN)
            && self.fields.values().all(Value::is_whole)
    }

    fn says(&self, name: &Arc<str>, value: &Value) -> bool {
        let names_target =
            || matches!(value, Value::List(ids) if **name == *RESOURCE_IDS && *ids == [self.target.as_str()]);
        self.fields
            .get(name)
            .map_or_else(names_target, |stated| stated == value)
    }
}

//! What people consented to beforehand: calls of one agent within bounds, or one call as a person corrected it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::HIDDEN;
use super::change::ApprovalRow;
use super::{Action, ApprovalId, Evidence, Facts, GrantId, HoldRule, Saying, Target, Timestamp, Value, Vote, money};

mod stated;

pub use stated::{Approved, PROVIDER, Stated};

/// No grant lives longer.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// No grant has more uses.
pub const MOST_USES: u32 = 100;

/// A person's consent to calls that are still to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub id: GrantId,
    pub agent: Arc<str>,
    pub scope: Scope,
    /// Whose word it is, why, and the rules (id and digest) that it counts for.
    pub vote: Vote,
    /// How many calls it is for: 1 to [`MOST_USES`].
    pub uses: u32,
    pub created: Timestamp,
    /// At most [`LONGEST`] after `created`.
    pub expires: Timestamp,
}

/// A grant as it stands on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    pub grant: Grant,
    /// At most `uses`.
    pub used: u32,
    pub ended: Option<GrantEnd>,
}

/// How a grant came to its end before it was used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantEnd {
    pub time: Timestamp,
    /// Who revoked it; `None`: its time was over.
    pub by: Option<Arc<str>>,
}

/// Which calls a grant is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Calls of one action on one kind of target.
    Within(Bounds),
    /// The call that a person said would be right in place of another.
    Exactly(Box<Corrected>),
    /// What an agent stated and people approved, made as a call.
    Stated(Box<Approved>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    pub action: Arc<str>,
    pub kind: Arc<str>,
    /// Only this one of the kind.
    pub target: Option<String>,
    pub environment: Option<Arc<str>>,
    /// The most that fields may say. A field that is named here must be told, and not be negative.
    pub most: BTreeMap<Arc<str>, Most>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Most {
    /// Of an amount in minor units.
    pub value: i64,
    /// In lower case, of an amount.
    pub currency: Option<Arc<str>>,
}

/// A call with the values it should have had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrected {
    /// That was denied.
    pub approval: ApprovalId,
    pub host: String,
    pub method: String,
    pub provider: Arc<str>,
    pub operation: Arc<str>,
    pub action: Arc<str>,
    pub target: Target,
    pub environment: Arc<str>,
    /// All of them.
    pub fields: BTreeMap<Arc<str>, Value>,
    /// Those that a person corrected.
    #[serde(default)]
    pub corrected: BTreeSet<Arc<str>>,
    /// Rules of the denied call that asked further people by then: whoever corrected it may be one of them.
    #[serde(default)]
    pub escalated: Vec<Arc<str>>,
    /// All else that the denied call said.
    #[serde(default)]
    pub remainder: Option<Remainder>,
}

/// What a call says besides what single fields are read from, and each of these: HMAC-SHA256 (hex), so that it tells nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remainder {
    /// Agent, credential, method, authority, path, query, header fields that count and content, without the sources.
    pub rest: String,
    /// What stands where a field is read from, by field.
    pub sources: BTreeMap<Arc<str>, String>,
}

impl Remainder {
    /// The same with other values of these fields; the one of them that cannot be told from the rest, if there is one.
    fn without(&self, fields: &BTreeSet<Arc<str>>) -> Result<Self, Arc<str>> {
        if let Some(inseparable) = fields.iter().find(|field| !self.sources.contains_key(*field)) {
            return Err(inseparable.clone());
        }
        let mut kept = self.clone();
        kept.sources.retain(|field, _| !fields.contains(field));
        Ok(kept)
    }
}

impl Grant {
    /// Whether a call is one that it is for. `action` completed; `remainder` of the call, `beyond`: what it says besides that.
    ///
    /// SECURITY: nothing that is not told is within a bound, and a call that does more than one thing is none of these: an
    /// agent would have the other done by the same word. Tests: `a_grant_covers_what_it_says_and_nothing_beside_it`,
    /// `what_is_not_told_is_within_no_bound`.
    pub fn covers(
        &self,
        facts: &Facts,
        action: &Action,
        remainder: Option<&Remainder>,
        beyond: Option<&[Saying]>,
    ) -> bool {
        let plain = action.also.is_empty() && action.missing.is_empty() && !action.unmapped && action.inspected;
        plain && facts.agent == self.agent && self.scope.covers(facts, action, remainder, beyond)
    }
}

impl Scope {
    fn covers(&self, facts: &Facts, action: &Action, remainder: Option<&Remainder>, beyond: Option<&[Saying]>) -> bool {
        match self {
            Scope::Within(bounds) => bounds.hold(action),
            Scope::Exactly(corrected) => corrected.is(facts, action, remainder),
            Scope::Stated(approved) => approved.covers(action, beyond),
        }
    }

    /// A rule as it asked when this was said.
    pub fn as_asked(&self, rule: &HoldRule) -> HoldRule {
        match self {
            Scope::Exactly(corrected) if corrected.escalated.contains(&rule.id) => rule.clone().escalated(),
            Scope::Exactly(_) | Scope::Within(_) | Scope::Stated(_) => rule.clone(),
        }
    }

    /// The action's name.
    pub fn action(&self) -> &Arc<str> {
        match self {
            Scope::Within(bounds) => &bounds.action,
            Scope::Exactly(corrected) => &corrected.action,
            Scope::Stated(approved) => &approved.stated.action,
        }
    }
}

impl Bounds {
    fn hold(&self, action: &Action) -> bool {
        // SECURITY: two names that are hidden in part may be two (test `what_is_hidden_in_part_is_covered_by_no_grant`).
        let is = |wanted: &Option<String>, found: &Option<String>| match wanted {
            Some(name) => wanted == found && !name.contains(HIDDEN),
            None => true,
        };
        let here = |wanted: &Arc<str>| action.environment() == wanted;
        action.name == self.action
            && action.target.kind == self.kind
            && is(&self.target, &action.target.id)
            && self.environment.as_ref().is_none_or(here)
            && self.most.iter().all(|(field, most)| most.holds(field, action))
    }
}

impl Most {
    fn holds(&self, field: &str, action: &Action) -> bool {
        let currency = |wanted: &Arc<str>| action.text("currency").is_some_and(|found| found == &**wanted);
        action.int(field).is_some_and(|value| (0..=self.value).contains(&value))
            && self.currency.as_ref().is_none_or(currency)
    }

    /// `$200.00`, or the number where it is no amount.
    pub fn told(&self) -> String {
        match &self.currency {
            Some(currency) => money::show(self.value, currency),
            None => self.value.to_string(),
        }
    }
}

impl Corrected {
    /// `action` is what the call of `row` is with other values of these fields.
    ///
    /// # Errors
    /// The first field whose source cannot be told from the rest of that call.
    pub fn new(
        row: &ApprovalRow,
        facts: &Facts,
        action: &Action,
        corrected: BTreeSet<Arc<str>>,
    ) -> Result<Self, Arc<str>> {
        let none = Remainder::default();
        let remainder = row.remainder.as_ref().unwrap_or(&none).without(&corrected)?;
        Ok(Self {
            approval: row.id.clone(),
            host: facts.host.clone(),
            method: facts.method.clone(),
            provider: action.provider.clone(),
            operation: action.operation.clone(),
            action: action.name.clone(),
            target: action.target.clone(),
            environment: action.environment().clone(),
            fields: action.fields.clone(),
            corrected,
            escalated: row.escalated.clone(),
            remainder: Some(remainder),
        })
    }

    /// SECURITY: what the mapping has no field for is all that a person did not correct: credential, accounts, means of payment,
    /// texts. It has to be as it was (tests `what_was_corrected_is_that_call_and_no_other`,
    /// `a_corrected_call_is_the_denied_one_but_for_what_was_corrected`).
    fn is(&self, facts: &Facts, action: &Action, remainder: Option<&Remainder>) -> bool {
        let rest = remainder.and_then(|remainder| remainder.without(&self.corrected).ok());
        rest.is_some()
            && rest == self.remainder
            && self.host == facts.host
            && self.method == facts.method
            && self.provider == action.provider
            && self.operation == action.operation
            && self.action == action.name
            && self.target == action.target
            && self.environment == *action.environment()
            && self.fields == action.fields
    }
}

impl Vote {
    /// The grant by which it was given, if it was.
    pub fn grant(&self) -> Option<GrantId> {
        self.proof.parse().ok()
    }
}

impl Evidence {
    /// The grants by which consent was given.
    pub fn grants(&self) -> Vec<GrantId> {
        self.votes.iter().filter_map(Vote::grant).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GUARD;
    use crate::model::{Access, Missing, Tie, Why};

    fn action(provider: &str) -> Action {
        Action {
            provider: provider.into(),
            operation: "refunds.create".into(),
            name: "process_refund".into(),
            access: Access::Write,
            fields: BTreeMap::from([
                ("amount".into(), Value::Int(90_000)),
                ("currency".into(), Value::Text("usd".to_owned())),
            ]),
            missing: Vec::new(),
            target: Target {
                kind: "charge".into(),
                id: Some("ch_1".to_owned()),
            },
            environment: "production".into(),
            labels: None,
            unmapped: false,
            inspected: true,
            summary: String::new(),
            request_line: String::new(),
            answer: Arc::default(),
            also: Vec::new(),
            tie: Tie::default(),
            risk: None,
        }
    }

    #[test]
    fn what_is_hidden_in_part_is_covered_by_no_grant() {
        let hooked = |provider: &str, hook: &str| {
            let mut action = action(provider);
            let hooks = vec![hook.to_owned()];
            action.fields.insert("url_fields".into(), Value::List(hooks));
            action
        };
        for (hook, covered) in [("https://a.example/in", true), ("https://a.example/…", false)] {
            let stated = Stated::of(&hooked(GUARD, hook)).unwrap();
            assert_eq!(stated.is(&hooked("stripe", hook)), covered, "{hook}");
            let named = |provider: &str| Action {
                target: Target {
                    kind: "target".into(),
                    id: Some(hook.to_owned()),
                },
                ..action(provider)
            };
            assert_eq!(
                Stated::of(&named(GUARD)).unwrap().is(&named("stripe")),
                covered,
                "{hook}"
            );
            let bounds = Bounds {
                action: "process_refund".into(),
                kind: "target".into(),
                target: Some(hook.to_owned()),
                environment: None,
                most: BTreeMap::new(),
            };
            assert_eq!(bounds.hold(&named("stripe")), covered, "{hook}");
        }
    }

    #[test]
    fn a_call_is_what_was_stated_only_if_all_of_it_is() {
        let stated = Stated::of(&action(GUARD)).unwrap();
        let call = action("stripe");
        assert!(stated.is(&call));
        let with = |name: &str, value: Value| {
            let mut other = call.clone();
            other.fields.insert(name.into(), value);
            other
        };
        let ids = |ids: &[&str]| Value::List(ids.iter().map(|id| (*id).to_owned()).collect());
        assert!(
            stated.is(&with("resource_ids", ids(&["ch_1"]))),
            "the target by its name"
        );
        let (mut target, mut name, mut less, mut also) = (call.clone(), call.clone(), call.clone(), call.clone());
        target.target.id = Some("ch_2".to_owned());
        name.name = "create_charge".into();
        less.fields.remove("currency");
        also.also.push(call.clone());
        // SECURITY: one that is stated again, in other words, is a second one.
        let again = action(GUARD);
        let unmapped = Action {
            unmapped: true,
            ..call.clone()
        };
        let missing = Action {
            missing: vec![Missing {
                field: "amount_base".into(),
                why: Why::Derived,
            }],
            ..call.clone()
        };
        for other in [
            with("amount", Value::Int(90_001)),
            with("destination", Value::Text("acct_1".to_owned())),
            with("resource_ids", ids(&["ch_1", "ch_2"])),
            target,
            name,
            less,
            also,
            again,
            unmapped,
            missing,
        ] {
            assert!(!stated.is(&other), "{other:?}");
        }
    }

    #[test]
    fn what_is_claimed_to_be_a_test_is_no_call_in_production() {
        let (mut claimed, test) = (action(GUARD), || "test".into());
        let as_claimed = |action: Action| Action {
            environment: test(),
            ..action
        };
        claimed.also.push(as_claimed(claimed.clone()));
        let stated = Stated::of(&claimed).unwrap();
        assert!(!stated.is(&action("stripe")));
        assert!(stated.is(&as_claimed(action("stripe"))));
        assert!(Stated::of(&action("stripe")).is_none());
    }
}

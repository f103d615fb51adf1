//! What may come of a call, and the proof that it is allowed.

use std::fmt;
use std::sync::Arc;

use super::trial::would;
use crate::model::observed::{Trial, Would};
use crate::model::{Action, ApprovalId, Call, HoldRule, Reason, Spending};

/// The decision on one call. Each variant owns the call. No `Default`: nothing is allowed by omission.
#[derive(Debug)]
pub enum Decision {
    Allow(Permit),
    Block(Blocked),
    RequireApproval(Hold),
}

/// Proof that policy allows exactly this call. Only the policy engine makes one, and nobody can copy it.
pub struct Permit {
    call: Call,
    action: Action,
    rules: Vec<Arc<str>>,
    approval: Option<ApprovalId>,
    spending: Spending,
    basis: Basis,
    trial: Option<Box<Trial>>,
}

/// What a permit rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The rules, and people where they ask for them.
    Rules,
    /// Nothing but the configuration, which has this agent's calls observed: what would have been decided.
    Observed(Would),
}

impl Permit {
    /// One of the two places a permit comes from: `Policies::decide` after a verdict of `Allow`.
    pub(super) fn new(
        call: Call,
        action: Action,
        rules: Vec<Arc<str>>,
        approval: Option<ApprovalId>,
        trial: Option<Box<Trial>>,
    ) -> Self {
        Self {
            call,
            action,
            rules,
            approval,
            spending: Spending::default(),
            basis: Basis::Rules,
            trial,
        }
    }

    /// The other: of a call that `stopped` does not stop, because it is only observed.
    pub(super) fn observed(call: Call, action: Action, stopped: Verdict, trial: Option<Box<Trial>>) -> Self {
        let basis = Basis::Observed(would(&stopped));
        let rules = match stopped {
            Verdict::Allow { rules } => rules,
            Verdict::Block { rules, .. } => rules.into_iter().map(|rule| rule.id).collect(),
            Verdict::RequireApproval { rules } => rules.into_iter().map(|rule| rule.id).collect(),
        };
        Self {
            call,
            action,
            rules,
            approval: None,
            spending: Spending::default(),
            basis,
            trial,
        }
    }

    /// With what it takes of budgets.
    pub fn with_spending(self, spending: Spending) -> Self {
        Self { spending, ..self }
    }

    pub fn spending(&self) -> &Spending {
        &self.spending
    }

    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// What would have been decided, of a call that is only observed.
    pub fn would(&self) -> Option<Would> {
        match self.basis {
            Basis::Rules => None,
            Basis::Observed(would) => Some(would),
        }
    }

    /// What rules on trial made of it, if they had anything to say.
    pub fn trial(&self) -> Option<&Trial> {
        self.trial.as_deref()
    }

    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The action as it was judged: with the values that an approver stated, if any.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// Ids of the permits that were satisfied, sorted; of a call that is only observed, of the rules that would have stopped it.
    pub fn rules(&self) -> &[Arc<str>] {
        &self.rules
    }

    /// The approval this rests on, if people were asked.
    pub fn approval(&self) -> Option<&ApprovalId> {
        self.approval.as_ref()
    }

    pub fn into_call(self) -> Call {
        self.call
    }
}

/// A call that must not leave, and why.
pub struct Blocked {
    pub call: Call,
    /// The action as the call states it.
    pub action: Action,
    pub reason: Reason,
    /// The rules that blocked, by id.
    pub rules: Vec<RuleReason>,
    /// What it would have taken of budgets.
    pub spending: Spending,
    /// What rules on trial made of it, if they had anything to say.
    pub trial: Option<Box<Trial>>,
}

/// A call that may leave once people consent to each of these rules.
pub struct Hold {
    pub call: Call,
    /// The action as the call states it.
    pub action: Action,
    /// The rules that still want consent, by id. Never empty.
    pub rules: Vec<HoldRule>,
    /// What it would take of budgets, were it allowed now.
    pub spending: Spending,
    /// What rules on trial made of it, if they had anything to say.
    pub trial: Option<Box<Trial>>,
}

/// A rule that blocked, in its author's words. `id` is `default` where nothing permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleReason {
    pub id: Arc<str>,
    pub reason: Option<String>,
}

/// What the policies say, without a call to permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ids of the permits that were satisfied, sorted.
    Allow {
        rules: Vec<Arc<str>>,
    },
    Block {
        reason: Reason,
        rules: Vec<RuleReason>,
    },
    /// The rules that still want consent, by id.
    RequireApproval {
        rules: Vec<HoldRule>,
    },
}

impl Verdict {
    /// `ALLOW`, `BLOCK` or `REQUIRE_APPROVAL`, as the record has it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Verdict::Allow { .. } => "ALLOW",
            Verdict::Block { .. } => "BLOCK",
            Verdict::RequireApproval { .. } => "REQUIRE_APPROVAL",
        }
    }

    /// Ids of the rules that decided.
    pub fn rules(&self) -> Vec<&str> {
        match self {
            Verdict::Allow { rules } => rules.iter().map(|id| &**id).collect(),
            Verdict::Block { rules, .. } => rules.iter().map(|rule| &*rule.id).collect(),
            Verdict::RequireApproval { rules } => rules.iter().map(|rule| &*rule.id).collect(),
        }
    }
}

// SECURITY: a permit in a log line must not show the call's credentials or content. `Call` shows neither, but the
// action's fields and summary come from the content too: only names are printed here.
// Test: debug_of_a_decision_shows_no_header_query_or_body.
impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("call", &self.call)
            .field("action", &self.action.name)
            .field("rules", &self.rules)
            .field("approval", &self.approval)
            .field("basis", &self.basis)
            .finish()
    }
}

impl fmt::Debug for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocked")
            .field("call", &self.call)
            .field("action", &self.action.name)
            .field("reason", &self.reason)
            .field("rules", &self.rules)
            .finish()
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("call", &self.call)
            .field("action", &self.action.name)
            .field("rules", &self.rules)
            .finish()
    }
}

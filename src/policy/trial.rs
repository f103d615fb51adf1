//! Rules on trial (`@mode("observe")`): asked like the others, and obeyed by nobody.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::evaluate::Findings;
use super::{Verdict, strictest};
use crate::model::observed::{Trial, Would};

/// What comes of a call, and what would if the rules on trial were in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Weighed {
    pub(super) verdict: Verdict,
    /// None: no rule on trial has anything to say.
    pub(super) trial: Option<Tried>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) verdict: Verdict,
    pub(super) rules: BTreeSet<Arc<str>>,
    pub(super) failed: BTreeSet<Arc<str>>,
}

impl Weighed {
    /// What comes of it with rules on trial and without.
    pub(super) fn of_all(verdict: Verdict) -> Weighed {
        Weighed { verdict, trial: None }
    }

    /// Of a call that means both.
    pub(super) fn and(self, other: Weighed) -> Weighed {
        let trial = match (self.trial, other.trial) {
            (None, None) => None,
            (Some(one), None) => Some(one.and(Tried::without(other.verdict.clone()))),
            (None, Some(other)) => Some(Tried::without(self.verdict.clone()).and(other)),
            (Some(one), Some(other)) => Some(one.and(other)),
        };
        Weighed {
            verdict: strictest::of(self.verdict, other.verdict),
            trial,
        }
    }
}

impl Tried {
    /// Where no rule on trial says anything, all is as it is.
    fn without(verdict: Verdict) -> Self {
        Self {
            verdict,
            rules: BTreeSet::new(),
            failed: BTreeSet::new(),
        }
    }

    pub(super) fn new(findings: &Findings, verdict: Verdict) -> Self {
        let failed = findings.broken.keys().chain(&findings.lacking);
        Self {
            verdict,
            rules: findings.satisfied.clone(),
            failed: failed.cloned().collect(),
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.rules.extend(other.rules);
        self.failed.extend(other.failed);
        Self {
            verdict: strictest::of(self.verdict, other.verdict),
            ..self
        }
    }

    /// For the record.
    pub(super) fn told(self) -> Trial {
        Trial {
            rules: self.rules.into_iter().collect(),
            failed: self.failed.into_iter().collect(),
            would: would(&self.verdict),
        }
    }
}

pub(super) fn would(verdict: &Verdict) -> Would {
    let (decision, reason) = match verdict {
        Verdict::Allow { .. } => ("ALLOW", None),
        Verdict::Block { reason, .. } => ("BLOCK", Some(*reason)),
        Verdict::RequireApproval { .. } => ("REQUIRE_APPROVAL", None),
    };
    Would { decision, reason }
}

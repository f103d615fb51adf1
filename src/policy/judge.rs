//! What satisfied rules come to.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::evaluate::Findings;
use super::rule::{DEFAULT, Kind};
use super::{Policies, RuleReason, Verdict};
use crate::model::{Evidence, HoldRule, Reason};

impl Policies {
    /// The verdict on a complete action; `Err`: rules that failed.
    pub(super) fn judge(&self, findings: &Findings, evidence: Option<&Evidence>) -> Result<Verdict, Vec<RuleReason>> {
        self.all_evaluated(findings, true)?;
        let said = self.sort(&findings.satisfied)?;
        if let Some(blocked) = said.blocked() {
            return Ok(blocked);
        }
        if said.permits.is_empty() {
            return Ok(not_permitted());
        }
        let rules = unmet(said.holds, evidence);
        match rules.is_empty() {
            true => Ok(Verdict::Allow { rules: said.permits }),
            false => Ok(Verdict::RequireApproval { rules }),
        }
    }

    /// Refuses where any rule failed. A field that is not there is a failure too, unless the action is known to lack it.
    pub(super) fn all_evaluated(&self, findings: &Findings, complete: bool) -> Result<(), Vec<RuleReason>> {
        let lacking = findings
            .lacking
            .iter()
            .filter(|_| complete)
            .map(|id| (id, "a field is missing"));
        let broken = findings.broken.iter().map(|(id, how)| (id, *how));
        let mut failed: Vec<RuleReason> = lacking
            .chain(broken)
            .map(|(id, how)| RuleReason {
                id: id.clone(),
                reason: Some(format!("this rule could not be evaluated: {how}")),
            })
            .collect();
        failed.sort_by(|one, other| one.id.cmp(&other.id));
        if failed.is_empty() { Ok(()) } else { Err(failed) }
    }

    /// Satisfied rules by what they do. An id that no rule has cannot be judged.
    pub(super) fn sort(&self, satisfied: &BTreeSet<Arc<str>>) -> Result<Said, Vec<RuleReason>> {
        let mut said = Said::default();
        for id in satisfied {
            let Some(rule) = self.rules.get(id) else {
                return Err(vec![RuleReason {
                    id: id.clone(),
                    reason: None,
                }]);
            };
            match &rule.kind {
                Kind::Permit => said.permits.push(id.clone()),
                Kind::Hold(hold) => said.holds.push(hold.clone()),
                Kind::Forbid => said.forbids.push(RuleReason {
                    id: id.clone(),
                    reason: rule.reason.clone(),
                }),
            }
        }
        Ok(said)
    }
}

/// Satisfied rules, each list by id.
#[derive(Default)]
pub(super) struct Said {
    pub(super) permits: Vec<Arc<str>>,
    forbids: Vec<RuleReason>,
    pub(super) holds: Vec<HoldRule>,
}

impl Said {
    pub(super) fn blocked(&self) -> Option<Verdict> {
        (!self.forbids.is_empty()).then(|| Verdict::Block {
            reason: Reason::PolicyBlocked,
            rules: self.forbids.clone(),
        })
    }
}

pub(super) fn not_permitted() -> Verdict {
    Verdict::Block {
        reason: Reason::PolicyBlocked,
        rules: vec![RuleReason {
            id: DEFAULT.into(),
            reason: None,
        }],
    }
}

/// The holds that nobody who may has consented to yet.
pub(super) fn unmet(holds: Vec<HoldRule>, evidence: Option<&Evidence>) -> Vec<HoldRule> {
    let met = |hold: &HoldRule| evidence.is_some_and(|evidence| evidence.satisfies(hold));
    holds.into_iter().filter(|hold| !met(hold)).collect()
}

//! Actions that do not state all they must.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy::PolicySet;

use super::evaluate::Findings;
use super::judge::{not_permitted, unmet};
use super::kinds;
use super::rule::{DEFAULT_APPROVERS, INCOMPLETE_ACTION, Kind, Rule, digest};
use super::{Policies, RuleReason, Verdict};
use crate::model::vocabulary::{ActionDefinition, Incomplete};
use crate::model::{Action, Evidence, HoldRule, Reason, Why};

impl Policies {
    /// The verdict on an incomplete action: never `Allow`, whatever the evidence.
    pub(super) fn judge_incomplete(
        &self,
        action: &Action,
        definition: &ActionDefinition,
        findings: &Findings,
        evidence: Option<&Evidence>,
    ) -> Result<Verdict, Vec<RuleReason>> {
        self.all_evaluated(findings, false)?;
        let said = self.sort(&findings.satisfied)?;
        if let Some(blocked) = said.blocked() {
            return Ok(blocked);
        }
        let unchecked = findings.lacking.clone();
        let may_permit = |id: &Arc<str>| matches!(self.rules.get(id), Some(rule) if matches!(rule.kind, Kind::Permit));
        if said.permits.is_empty() && !unchecked.iter().any(may_permit) {
            return Ok(not_permitted());
        }
        let incomplete = self.incomplete(action, unchecked);
        match definition.incomplete {
            Incomplete::Block => Ok(Verdict::Block {
                reason: Reason::IncompleteAction,
                rules: vec![RuleReason {
                    id: incomplete.id,
                    reason: incomplete.reason,
                }],
            }),
            Incomplete::Hold => {
                let mut rules = unmet(said.holds, evidence);
                rules.push(incomplete);
                rules.sort_by(|one, other| one.id.cmp(&other.id));
                Ok(Verdict::RequireApproval { rules })
            }
        }
    }

    /// Rules whose `has` answered "no" because a field could not be read, or that saw some of the names of what is changed
    /// only: they did not err, but were not checked either (test
    /// `a_rule_about_records_that_nobody_can_name_is_not_checked`).
    pub(super) fn tests_missing<'a>(
        &self,
        action: &Action,
        sets: impl Iterator<Item = &'a PolicySet>,
    ) -> BTreeSet<Arc<str>> {
        let mut found = BTreeSet::new();
        for policy in sets.flat_map(PolicySet::policies) {
            let rule = self.rules.get_key_value(AsRef::<str>::as_ref(policy.id()));
            let tests = |rule: &Rule| {
                action.missing.iter().any(|missing| {
                    let field = &*missing.field;
                    rule.tests.contains(field) || rule.reads_kinds && kinds::FIELDS.contains(&field)
                })
            };
            found.extend(rule.filter(|(_, rule)| tests(rule)).map(|(id, _)| id.clone()));
        }
        found
    }

    /// The built-in hold of an incomplete action.
    fn incomplete(&self, action: &Action, unchecked: BTreeSet<Arc<str>>) -> HoldRule {
        let rules = unchecked.iter().filter_map(|id| self.rules.get(id));
        let holds = rules.clone().filter_map(|rule| match &rule.kind {
            Kind::Hold(hold) => Some(hold),
            Kind::Permit | Kind::Forbid => None,
        });
        let mut approvers: BTreeSet<Arc<str>> = holds.clone().flat_map(|hold| hold.approvers.clone()).collect();
        if approvers.is_empty() {
            approvers.insert(DEFAULT_APPROVERS.into());
        }
        let fields: BTreeSet<&str> = action.missing.iter().map(|missing| &*missing.field).collect();
        let digests = rules.map(|rule| &*rule.digest);
        HoldRule {
            id: INCOMPLETE_ACTION.into(),
            reason: Some(what_is_missing(action)),
            approvers: approvers.into_iter().collect(),
            quorum: 1,
            timeout: holds.filter_map(|hold| hold.timeout).min(),
            escalation: None,
            digest: digest(
                [INCOMPLETE_ACTION]
                    .into_iter()
                    .chain(fields)
                    .chain(["rules"])
                    .chain(digests),
            ),
            unchecked: unchecked.iter().cloned().collect(),
        }
    }
}

fn what_is_missing(action: &Action) -> String {
    let sentence = |why: Why| match why {
        Why::Absent => "is not stated",
        Why::Unreadable => "could not be read",
        Why::Derived => "could not be worked out",
    };
    let missing = action.missing.iter();
    let parts: BTreeMap<&str, &str> = missing
        .map(|missing| (&*missing.field, sentence(missing.why)))
        .collect();
    if parts.is_empty() {
        return "what a budget comes to with it is not known".to_owned();
    }
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(field, why)| format!("`{field}` {why}"))
        .collect();
    parts.join(", ")
}

//! One test: what the rules say, and whether that is what was expected.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::fixture::{Case, Expected, Subject, Wanted};
use crate::gate::Rules;
use crate::io::body::Limits;
use crate::model::Refusal;
use crate::policy::Verdict;
use crate::proxy::described::judge;

/// A test and what came of it.
pub(super) struct Ran<'a> {
    pub(super) case: &'a Case,
    pub(super) found: Result<Verdict, Refusal>,
    /// What is not as expected, in sentences.
    pub(super) otherwise: Vec<String>,
    pub(super) took: Duration,
}

impl Ran<'_> {
    pub(super) fn passed(&self) -> bool {
        self.otherwise.is_empty()
    }
}

pub(super) fn run<'a>(case: &'a Case, rules: &Rules, limits: &Limits) -> Ran<'a> {
    let start = Instant::now();
    let found = match &case.subject {
        Subject::Request { described, caller } => {
            let judged = || judge(rules, caller.clone(), described.clone(), limits);
            judged().and_then(|first| {
                let at = first.call.received;
                let _taken = rules.suppose_taken(&first.call.facts(), &first.action, at, &case.taken);
                judged().map(|judged| judged.verdict)
            })
        }
        Subject::Action { action, facts, at } => {
            let _taken = rules.suppose_taken(facts, action, *at, &case.taken);
            Ok(rules.review(facts, action, None, *at))
        }
    };
    let otherwise = compare(&case.expected, &found, rules);
    Ran {
        case,
        found,
        otherwise,
        took: start.elapsed(),
    }
}

fn compare(expected: &Expected, found: &Result<Verdict, Refusal>, rules: &Rules) -> Vec<String> {
    let (decision, wanted_rules, reason) = match (expected, found) {
        (Expected::Refused(reason), Err(refusal)) if *reason == refusal.reason => return Vec::new(),
        (Expected::Refused(reason), _) => return vec![format!("expected to be refused as {reason}")],
        (
            Expected::Decision {
                decision,
                rules,
                reason,
            },
            _,
        ) => (decision, rules, reason),
    };
    let Ok(verdict) = found else {
        return vec![format!("expected {decision}")];
    };
    let mut otherwise = Vec::new();
    if verdict.as_str() != *decision {
        otherwise.push(format!("expected {decision}"));
    }
    if let Some(Wanted { ids, exactly }) = wanted_rules {
        let (wanted, found): (BTreeSet<&str>, BTreeSet<&str>) = (
            ids.iter().map(String::as_str).collect(),
            verdict.rules().into_iter().collect(),
        );
        for id in wanted.difference(&found) {
            let gone = match rules.policies().place(id) {
                Some(place) => format!(", which stands at {place}"),
                None if BUILT_IN.contains(id) => String::new(),
                None => ", and there is no such rule".to_owned(),
            };
            otherwise.push(format!("expected the rule {id}{gone}"));
        }
        for id in found.difference(&wanted).filter(|_| *exactly) {
            otherwise.push(format!("did not expect the rule {id}"));
        }
    }
    if let Some(wanted) = reason
        && !reasons(verdict, rules)
            .iter()
            .any(|reason| reason.contains(wanted.as_str()))
    {
        otherwise.push(format!("expected the reason `{wanted}`"));
    }
    otherwise
}

/// Rules that stand in no file.
const BUILT_IN: [&str; 3] = [crate::policy::DEFAULT, crate::policy::INCOMPLETE_ACTION, "policy_error"];

/// The code of a block, and why the rules that decided are there.
fn reasons(verdict: &Verdict, rules: &Rules) -> Vec<String> {
    let mut reasons: Vec<String> = match verdict {
        Verdict::Block { reason, rules } => {
            let told = rules.iter().filter_map(|rule| rule.reason.clone());
            told.chain([reason.to_string()]).collect()
        }
        Verdict::RequireApproval { rules } => rules.iter().filter_map(|rule| rule.reason.clone()).collect(),
        Verdict::Allow { .. } => Vec::new(),
    };
    let written = verdict.rules().into_iter().filter_map(|id| rules.policies().reason(id));
    reasons.extend(written.map(str::to_owned));
    reasons
}

//! Rows as they are left when values are erased.

use std::collections::BTreeMap;

use crate::model::change::ApprovalRow;
use crate::model::erasure::ERASED;
use crate::model::grant::{Bounds, Grant, Scope};
use crate::model::{Action, Target};

/// What is kept of an approval: who asked what kind of thing, by which rules, and who decided it when.
pub(super) fn values(mut row: ApprovalRow) -> ApprovalRow {
    let erased = || ERASED.to_owned();
    action(&mut row.action);
    row.facts.host = erased();
    row.remainder = None;
    row.stated.clear();
    for rule in &mut row.rules {
        // That of a budget tells its target, and how much.
        rule.reason = None;
    }
    for vote in &mut row.votes {
        vote.reason = vote.reason.take().map(|_| erased());
    }
    if let Some(denial) = &mut row.denial {
        denial.reason = erased();
        if let Some(correction) = &mut denial.correction {
            correction.fields.clear();
        }
    }
    row.revision = row.revision.saturating_add(1);
    row
}

fn action(action: &mut Action) {
    if action.unmapped {
        action.operation = ERASED.into();
    }
    action.fields.clear();
    action.target = target();
    action.risk = None;
    action.summary = ERASED.to_owned();
    action.request_line = ERASED.to_owned();
    action.also.iter_mut().for_each(self::action);
}

fn target() -> Target {
    Target {
        kind: ERASED.into(),
        id: Some(ERASED.to_owned()),
    }
}

/// It covers nothing: there is no such kind.
pub(super) fn scope(mut grant: Grant) -> Grant {
    grant.scope = Scope::Within(Bounds {
        action: grant.scope.action().clone(),
        kind: ERASED.into(),
        target: Some(ERASED.to_owned()),
        environment: None,
        most: BTreeMap::new(),
    });
    grant.vote.reason = grant.vote.reason.take().map(|_| ERASED.to_owned());
    grant
}

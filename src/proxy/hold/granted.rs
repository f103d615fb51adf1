//! A held call that people consented to beforehand.

use std::sync::Arc;

use super::{Asking, Held, OpenCall, Parts, Refused, Step, put, require_approval, say};
use crate::approval::{Draft, Ticket, Uses};
use crate::audit;
use crate::gate::Rules;
use crate::model::Vote;
use crate::policy::Hold;

/// The change by which a call goes by what people said, with the uses of their grants.
pub(super) struct Granted {
    draft: Draft,
    uses: Uses,
}

/// Of a call that nobody was asked about; else the change that asks.
pub(super) fn anew(parts: &Parts, asking: &Asking, hold: &Hold, draft: Draft) -> Result<Granted, Draft> {
    match uses(parts, asking, hold, &[]) {
        Some(uses) => Ok(Granted {
            draft: draft.granted(uses.votes().to_vec()),
            uses,
        }),
        None => Err(draft),
    }
}

/// Of a call that people are being asked about, if nobody decides it at this moment.
pub(super) fn meanwhile(parts: &Parts, asking: &Asking, hold: &Hold, ticket: &Ticket) -> Option<Granted> {
    let review = parts.approvals.review(ticket.approval()).ok()?;
    let uses = uses(parts, asking, hold, &review.row().votes)?;
    Some(Granted {
        draft: review.granted(uses.votes().to_vec()),
        uses,
    })
}

fn uses(parts: &Parts, asking: &Asking, hold: &Hold, given: &[Vote]) -> Option<Uses> {
    let speaks = |person: &str, rule: &_| parts.registry.speaks(person, rule);
    let (facts, print) = (hold.call.facts(), &asking.fingerprint);
    parts
        .approvals
        .by_grants(&facts, &hold.action, print, &hold.rules, given, speaks)
}

/// The call, the consent to it and the uses of the grants in one commit; then it goes as any other that is approved.
pub(super) async fn go_on(
    parts: &Parts,
    granted: Granted,
    rules: Arc<Rules>,
    hold: Hold,
    ticket: Ticket,
) -> Result<Step, Refused> {
    let Granted { draft, uses } = granted;
    let open = OpenCall::new(parts, &hold);
    let mut changes = require_approval(&rules, &hold, Some(&draft.row().id));
    changes.extend(audit::granted(draft.row(), uses.votes()));
    let line = say::granted(&hold, uses.votes());
    let held = put(
        parts,
        Held::new(rules, hold, ticket, open),
        changes,
        Some((draft, Some(uses))),
    )
    .await?;
    parts.notices.line(line);
    Ok(Step::Wait(Box::new(held)))
}

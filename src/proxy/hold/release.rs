//! With people's consent to the gate again, and what it says then.

use super::open::OpenCall;
use super::{Answer, Held, Parts, Refused, Step, park, respond, say};
use crate::approval::{Claim, Draft, Fingerprint, Ticket, Wait};
use crate::audit::{self, Ruling};
use crate::model::{Reason, Refusal};
use crate::policy::{Blocked, Decision, Permit};
use crate::proxy::say::blocked as blocked_line;
use crate::store::{CommitError, to_its_end};

/// Asks the gate again with people's consent, and spends it if that is what the gate wanted.
pub(super) async fn release(
    parts: &Parts,
    fingerprint: &Fingerprint,
    wait: &Wait,
    mut claim: Claim,
    held: Held,
) -> Result<Step, Refused> {
    let Held { hold, ticket, open } = held;
    let refused = Answer::of_held(&hold, Some(ticket.approval()));
    claim.keep_votes(|person| parts.registry.is_active_person(person));
    match parts.gate.decide(hold.call, hold.action, Some(&claim.evidence())) {
        Decision::Allow(permit) => {
            let draft = claim.consume(&permit.call().id, fingerprint);
            spend(parts, draft, permit, open, refused).await
        }
        Decision::Block(blocked) => {
            // Policy may change again before the grant is over: it is put back, not taken away.
            drop(claim);
            Err(block(parts, blocked, ticket, open).await)
        }
        Decision::RequireApproval(hold) => {
            let draft = claim.reopen(hold.rules.clone());
            park(parts, wait, draft, Held { hold, ticket, open }).await
        }
    }
}

/// The grant, the decision and the call in one commit; from then on the grant is spent.
///
/// SECURITY: a grant spent in memory only would be there again after a crash, and send the call twice
/// (`what_was_pending_or_approved_is_so_again_after_a_restart_and_spent_once`).
async fn spend(
    parts: &Parts,
    draft: Draft,
    permit: Permit,
    mut open: OpenCall,
    refused: Answer,
) -> Result<Step, Refused> {
    let ruling = Ruling {
        decision: "ALLOW",
        reason: None,
        rules: permit.rules(),
        approval: Some(&draft.row().id),
    };
    let mut changes = audit::decided(permit.call(), permit.action(), &ruling, &parts.digests());
    changes.extend(audit::consumed(draft.row()));
    let store = parts.store.clone();
    open.because(Reason::AuditUnavailable);
    let (permit, open) = to_its_end(async move {
        let permit = match store.commit(permit, changes).await {
            Ok(permit) => permit,
            Err((error, _)) => {
                draft.failed(&store, &error);
                if let CommitError::Unavailable(_) = error {
                    // It may be on disk all the same; then so is its end, that nothing was sent.
                    open.recorded();
                }
                return Err(error);
            }
        };
        let row = draft.committed();
        open.recorded();
        open.spent(row.id);
        // Dropped with its call where the client has left meanwhile: nothing is sent for nobody.
        Ok((permit, open))
    })
    .await
    .map_err(|error| refused.with(respond::unrecorded(&error)))?;
    open.hand_over();
    Ok(Step::Go(Box::new(permit)))
}

/// The gate says no by now. The decision closes the call.
async fn block(parts: &Parts, blocked: Blocked, ticket: Ticket, mut open: OpenCall) -> Refused {
    let refusal = Refusal::new(blocked.reason, say::blocked(&blocked));
    let answer = Answer::of_blocked(&blocked, ticket.approval());
    let rules: Vec<_> = blocked.rules.iter().map(|rule| rule.id.clone()).collect();
    let ruling = Ruling {
        decision: "BLOCK",
        reason: Some(blocked.reason),
        rules: &rules,
        approval: Some(ticket.approval()),
    };
    let changes = audit::decided(&blocked.call, &blocked.action, &ruling, &parts.digests());
    let store = parts.store.clone();
    open.because(Reason::AuditUnavailable);
    let written = to_its_end(async move {
        store.write(changes).await?;
        open.hand_over();
        Ok::<(), CommitError>(())
    })
    .await;
    match written {
        Ok(()) => {
            parts.notices.line(blocked_line(&blocked));
            answer.with(refusal)
        }
        Err(error) => answer.with(respond::unrecorded(&error)),
    }
}

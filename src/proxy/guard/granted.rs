//! What people approved of a statement is approved of the call that it becomes: a grant for that one call.

use crate::approval::NoGrant;
use crate::audit;
use crate::model::grant::{Approved, Grant, GrantEnd, Scope, Stated};
use crate::model::{Evidence, GrantId, Timestamp, Vote};
use crate::policy::Permit;
use crate::proxy::Parts;
use crate::store::{CommitError, to_its_end};

/// The grants of those who consented, on disk; nothing where the call could not be told from another, or is covered by a
/// grant of its own.
pub(super) async fn give(parts: &Parts, permit: &Permit, evidence: &Evidence) -> Vec<Grant> {
    let Some(stated) = Stated::of(permit.action()).filter(|_| evidence.stated.is_empty()) else {
        return Vec::new();
    };
    let said = parts.gate.rules().mappings().shown_whole(permit.call());
    let (created, agent) = (Timestamp::now(), permit.call().caller.agent.clone());
    let own = evidence.votes.iter().filter(|vote| vote.grant().is_none());
    let grants = own.map(|vote| Grant {
        id: GrantId::random(),
        agent: agent.clone(),
        scope: Scope::Stated(Box::new(Approved {
            approval: evidence.approval.clone(),
            stated: stated.clone(),
            said: said.clone(),
        })),
        vote: Vote::clone(vote),
        uses: 1,
        created,
        expires: created.plus(parts.approvals.grant_life()),
    });
    let grants: Vec<Grant> = grants.collect();
    let changes: Vec<_> = grants.iter().flat_map(audit::given).collect();
    if changes.is_empty() {
        return grants;
    }
    let (store, giving) = (parts.store.clone(), parts.approvals.giving(grants.clone()));
    let written = to_its_end(async move {
        let written = store.write(changes).await;
        written.inspect_err(|error| store.later(audit::never_given(giving.grants(), error)))?;
        giving.given();
        Ok::<(), CommitError>(())
    });
    match written.await {
        Ok(()) => grants,
        Err(error) => {
            tracing::warn!(%error, "a grant could not be recorded: people are asked again if the same comes as a call");
            Vec::new()
        }
    }
}

/// It was done by another way: no call is to be made by them any more. True: none was, and that is on disk.
///
/// SECURITY: one approval would do the same twice (test `what_is_told_as_done_is_not_done_again_by_the_grant`).
pub(super) async fn end(parts: &Parts, grants: &[GrantId]) -> bool {
    let mut unused = true;
    for id in grants {
        let ended = parts.approvals.take_back(id.as_str(), None, |_| Ok::<(), NoGrant>(()));
        // Used, revoked or over by itself.
        let Ok(grant) = ended else {
            unused = false;
            end_calls(parts, id).await;
            continue;
        };
        let end = GrantEnd {
            time: Timestamp::now(),
            by: None,
        };
        let (store, approvals) = (parts.store.clone(), parts.approvals.clone());
        // Also where whoever asked for it is gone meanwhile: else the grant would be neither used nor ended until the next start.
        let ended = to_its_end(async move {
            let ended = store.write(audit::grant_ended(&grant, &end)).await;
            match &ended {
                Ok(()) | Err(CommitError::Lost) => approvals.grant_ended(&grant.id, end),
                Err(error) => {
                    tracing::warn!(%error, "the end of a grant could not be recorded");
                    approvals.grant_not_ended(&grant.id);
                }
            }
            ended
        });
        unused &= ended.await.is_ok();
    }
    unused
}

/// Calls that went by a grant, found nobody and may be made again: they may not any more.
///
/// SECURITY: what was done by another way would be done once more (test
/// `what_is_told_as_done_is_not_done_again_by_a_call_that_found_nobody`).
async fn end_calls(parts: &Parts, grant: &GrantId) {
    for draft in parts.approvals.end_by_grant(grant) {
        let changes = audit::expired(draft.row());
        let store = parts.store.clone();
        let written = to_its_end(async move { draft.write(&store, changes).await });
        if let Err(error) = written.await {
            tracing::warn!(%error, "the end of what was approved by a grant could not be recorded");
        }
    }
}

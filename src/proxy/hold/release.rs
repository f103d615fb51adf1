//! With people's consent to the gate again, and what it says then.

use super::open::OpenCall;
use super::{Answer, Approved, Asking, Held, Parts, Refused, Step, park, respond, say, turned_away};
use crate::approval::{Claim, Draft, Fingerprint, Ticket};
use crate::audit::{self, Ruling};
use crate::gate::Rules;
use crate::metrics::Ruled;
use crate::model::labels::Labels;
use crate::model::{Action, Caller, Evidence, Origin, Reason, Refusal, Timestamp, Vote};
use crate::policy::{Blocked, Decision, Hold, Permit};
use crate::proxy::say::blocked as blocked_line;
use crate::store::{CommitError, to_its_end};

/// Asks the gate again with people's consent, and spends it if that is what the gate wanted.
pub(super) async fn release(parts: &Parts, asking: &Asking, mut claim: Claim, held: Held) -> Result<Step, Refused> {
    let Held {
        rules,
        mut hold,
        ticket,
        open,
    } = held;
    let now = parts.gate.rules();
    let again = caller_again(parts, asking, &hold).and_then(|caller| {
        let action =
            read_again(parts, &rules, &now, asking, &hold).ok_or_else(|| say::read_otherwise(ticket.approval()))?;
        // SECURITY: people were shown an amount that is not the call's own (test
        // `a_held_call_whose_thing_was_changed_is_not_sent_and_its_approval_is_not_used_up`).
        match parts.gate.still_holds(&action, Timestamp::now()) {
            true => Ok((caller, action)),
            false => Err(say::made_otherwise(ticket.approval())),
        }
    });
    match again {
        Ok((caller, action)) => (hold.call.caller, hold.action) = (caller, action),
        Err(refusal) => return Err(give_up(parts, &rules, &hold, &ticket, open, refusal).await),
    }
    let refused = Answer::of_held(&hold, Some(ticket.approval()));
    // SECURITY: people consented to what they were shown. A corrected mapping may read more in the same bytes, what was
    // shown as `staging` may be labelled `production` since, and nobody has said yes to that. Tests:
    // `a_mapping_that_reads_another_amount_asks_again`, `a_target_that_is_labelled_otherwise_asks_again`.
    let as_shown = alike(&claim.row().action, &hold.action);
    let at = Timestamp::now();
    let wanted = now.wanted(&hold.call.facts(), &hold.action, &claim.evidence(), at);
    let counts = |vote: &Vote| vote.grant().is_none_or(|grant| parts.approvals.grant_counts(&grant));
    claim.keep_votes(|vote, rule| counts(vote) && parts.registry.still_speaks(&vote.person, rule, &wanted));
    let evidence = as_shown.then(|| claim.evidence());
    match now.decide(hold.call, hold.action, evidence.as_ref(), at) {
        Decision::Allow(permit) => {
            let draft = claim.consume(&permit.call().id, &asking.fingerprint);
            spend(parts, &now, draft, permit, evidence, open, refused).await
        }
        Decision::Block(blocked) => {
            // Policy may change again before the grant is over: it is put back, not taken away.
            drop(claim);
            Err(block(parts, &now, blocked, ticket, open).await)
        }
        Decision::RequireApproval(hold) => {
            let draft = match as_shown {
                true => claim.weighed(hold.action.risk.clone()).reopen(hold.rules.clone()),
                false => claim.ask_anew(hold.action.clone(), hold.rules.clone()),
            };
            park(parts, asking, draft, Held::new(now, hold, ticket, open)).await
        }
    }
}

/// The agent as it is by now.
///
/// SECURITY: who has only a key that was rotated or disabled meanwhile must not get what was approved. Test:
/// `a_call_held_with_a_key_that_was_rotated_meanwhile_is_not_sent`. Nor whose agent is paused:
/// `what_is_approved_while_its_agent_is_paused_waits_for_the_resume`.
fn caller_again(parts: &Parts, asking: &Asking, hold: &Hold) -> Result<Caller, Refusal> {
    let caller = asking
        .credentials
        .active(parts)
        .map_err(|refusal| match refusal.reason == Reason::Paused {
            true => respond::told(&refusal),
            false => refusal,
        })?;
    match caller.agent == hold.call.caller.agent {
        true => Ok(caller),
        false => Err(Refusal::new(
            Reason::AgentUnknown,
            "another agent asked when this call was held",
        )),
    }
}

/// Ends the call without asking the gate. The grant is put back, for whoever may use it.
async fn give_up(
    parts: &Parts,
    rules: &Rules,
    hold: &Hold,
    ticket: &Ticket,
    mut open: OpenCall,
    refusal: Refusal,
) -> Refused {
    if !open.is_recorded() {
        open.hand_over();
        return turned_away(parts, rules, hold, Some(ticket.approval()), refusal).await;
    }
    open.because(refusal.reason);
    Answer::of_held(hold, Some(ticket.approval())).with(refusal)
}

/// What the mappings in force by now read in the call, with what else follows from the files of now (labels of targets,
/// prices). `None` if to them it is another call.
fn read_again(parts: &Parts, before: &Rules, now: &Rules, asking: &Asking, hold: &Hold) -> Option<Action> {
    if before.mappings().digest() == now.mappings().digest() {
        return Some(now.complete(hold.action.clone(), &hold.call.facts().host));
    }
    let (mappings, call) = (now.mappings(), &hold.call);
    let read = match call.origin {
        Origin::Guard => mappings.stated(call).ok()?,
        Origin::Wire if call.opens_stream() => mappings.stream(call).ok()?,
        Origin::Wire => mappings.resolve(call, mappings.route(call).ok()?).ok()?,
    };
    let mut action = now.complete(read, &call.facts().host);
    let identity = mappings.identify(call, &action).ok()?;
    let same = Fingerprint::new(parts.approvals.keys(), &call.caller.agent, &action, &identity) == asking.fingerprint;
    asking.fingerprint.mark(&mut action.summary);
    same.then_some(action)
}

/// Whether people were shown of one action, in all it means, what the other is.
fn alike(shown: &Action, action: &Action) -> bool {
    shown.also.len() == action.also.len()
        && shown
            .meanings()
            .zip(action.meanings())
            .all(|(one, other)| same(one, other))
}

fn same(shown: &Action, action: &Action) -> bool {
    let said = |action: &Action| {
        (
            action.name.clone(),
            action.access,
            action.target.clone(),
            action.environment().clone(),
            labels(action),
            action.fields.clone(),
            action.missing.clone(),
        )
    };
    said(shown) == said(action)
}

/// What the operator says of the target, wherever the file says it; the environment is told apart.
fn labels(action: &Action) -> Labels {
    Labels {
        environment: None,
        by: Vec::new(),
        ..action.labels.as_deref().cloned().unwrap_or_default()
    }
}

/// The grant, the decision and the call in one commit; from then on the grant is spent.
///
/// SECURITY: a grant spent in memory only would be there again after a crash, and send the call twice
/// (`what_was_pending_or_approved_is_so_again_after_a_restart_and_spent_once`).
async fn spend(
    parts: &Parts,
    rules: &Rules,
    draft: Draft,
    permit: Permit,
    evidence: Option<Evidence>,
    mut open: OpenCall,
    refused: Answer,
) -> Result<Step, Refused> {
    let ruling = Ruling {
        decision: "ALLOW",
        reason: None,
        rules: permit.rules(),
        approval: Some(&draft.row().id),
        spending: Some(permit.spending()),
        would: permit.would(),
        trial: permit.trial(),
    };
    let changes = audit::decided(permit.call(), permit.action(), &ruling, &rules.digests());
    let grants = evidence.as_ref().map(Evidence::grants).unwrap_or_default();
    let mut changes = audit::by_grants(changes, &grants);
    changes.extend(audit::consumed(draft.row()));
    let store = parts.store.clone();
    open.because(Reason::AuditUnavailable);
    let (approved, open) = to_its_end(async move {
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
        permit.get().spending().passage.ends();
        let row = draft.committed();
        open.recorded();
        open.spent(row.id.clone());
        // Dropped with its call where the client has left meanwhile: nothing is sent for nobody.
        let approval = row.id;
        Ok((
            Approved {
                permit,
                approval,
                evidence,
            },
            open,
        ))
    })
    .await
    .map_err(|error| refused.with(respond::unrecorded(&error)))?;
    open.hand_over();
    Ok(Step::Go(Box::new(approved)))
}

/// The gate says no by now. The decision closes the call.
async fn block(parts: &Parts, judged_by: &Rules, blocked: Blocked, ticket: Ticket, mut open: OpenCall) -> Refused {
    let refusal = Refusal::new(blocked.reason, say::blocked(&blocked));
    let answer = Answer::of_blocked(&blocked, ticket.approval());
    let rules: Vec<_> = blocked.rules.iter().map(|rule| rule.id.clone()).collect();
    let ruling = Ruling {
        decision: "BLOCK",
        reason: Some(blocked.reason),
        rules: &rules,
        approval: Some(ticket.approval()),
        spending: Some(&blocked.spending),
        would: None,
        trial: blocked.trial.as_deref(),
    };
    let changes = audit::decided(&blocked.call, &blocked.action, &ruling, &judged_by.digests());
    let mut tally = parts.metrics.tally(Ruled::Block(blocked.action.access));
    let store = parts.store.clone();
    open.because(Reason::AuditUnavailable);
    let written = to_its_end(async move {
        let written = store.write(changes).await;
        match written {
            Ok(()) => open.hand_over(),
            Err(_) => tally.hand_over(),
        }
        written
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::approval::tests::action;
    use crate::model::labels::{Label, Place, Sensitivity};

    fn labelled(labels: Labels) -> Action {
        Action {
            labels: Some(Arc::new(labels)),
            ..action()
        }
    }

    #[test]
    fn who_consented_to_other_labels_is_asked_anew() {
        let [staging, production] = ["staging", "production"].map(|environment| Labels {
            environment: Some(environment.into()),
            ..Labels::default()
        });
        let restricted = Labels {
            sensitivity: Sensitivity::Restricted,
            ..staging.clone()
        };
        let tagged = Labels {
            tags: vec!["pii".into()],
            ..staging.clone()
        };
        for other in [production, restricted, tagged] {
            assert!(
                !alike(&labelled(staging.clone()), &labelled(other.clone())),
                "{other:?}"
            );
            assert!(!alike(&action(), &labelled(other.clone())), "{other:?}");
            let also = |also: Action| Action {
                also: vec![also],
                ..action()
            };
            assert!(!alike(&also(action()), &also(labelled(other))));
        }
    }

    #[test]
    fn a_label_that_only_stands_elsewhere_in_the_file_asks_nobody() {
        let at = |line| {
            let place = Place { line, column: 5 };
            labelled(Labels {
                environment: Some(action().environment),
                by: vec![(Label::Environment, place)],
                ..Labels::default()
            })
        };
        assert!(alike(&at(3), &at(4)));
        assert!(alike(&action(), &at(3)));
    }
}

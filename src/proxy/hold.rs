//! A call that people are asked about: look up, park or attach, wait, decide again, spend.
//!
//! Each step that changes an approval runs to its end even if the client leaves in its middle: what is on disk is then in
//! memory too. A call that is in the trail and not handed over is closed there as not sent, whichever way it ends.

mod granted;
mod open;
mod release;
mod say;

use std::sync::Arc;
use std::time::Instant;

use self::open::OpenCall;
use self::release::release;
use super::say::Draft as Answer;
use super::{Credentials, Parts, Refused, respond};
use crate::approval::{Draft, Fingerprint, Found, Standing, Ticket, Uses, Wait, Wake};
use crate::audit::{self, Ruling};
use crate::gate::Rules;
use crate::io::drain::stopping;
use crate::io::socket::Presence;
use crate::metrics::Ruled;
use crate::model::change::{CallClosed, Change};
use crate::model::{ApprovalId, Evidence, Origin, Outcome, Reason, Refusal, State, Timestamp};
use crate::policy::{Hold, Permit};
use crate::store::{CommitError, Recorded, to_its_end};

/// A call that is in the trail and waits.
struct Held {
    /// What it was judged by.
    rules: Arc<Rules>,
    hold: Hold,
    ticket: Ticket,
    open: OpenCall,
}

/// Who waits for what, and how long.
struct Asking {
    fingerprint: Fingerprint,
    wait: Wait,
    /// What the agent proves itself with; asked again before anything is spent.
    credentials: Credentials,
    /// Whether it is there.
    presence: Presence,
}

/// A call that people are asked about, the rules that hold it, and when its request came.
pub type Asked = Box<(Arc<Rules>, Hold, Instant)>;

/// A call that may leave, and the approval that was spent on it.
pub struct Approved {
    pub permit: Recorded<Permit>,
    pub approval: ApprovalId,
    /// What people consented to, if it was for this that the call may leave.
    pub evidence: Option<Evidence>,
}

enum Step {
    Wait(Box<Held>),
    Go(Box<Approved>),
}

/// Gets people's consent to a call that `rules` hold, or tells why there is none. The content of the call must have been
/// captured, and the caller be the one whom `credentials` prove.
///
/// The instant is when the request came. Waits no longer than somebody is there for the answer, and may be dropped when the client
/// leaves: the approval stays, and nothing is spent.
///
/// # Errors
/// Everything but a consent that was spent on exactly this call, on disk.
pub async fn wait(
    parts: &Parts,
    credentials: &Credentials,
    presence: &Presence,
    asked: Asked,
) -> Result<Approved, Refused> {
    // What waits is small: the steps before and after it are allocated where they are taken.
    let (asking, mut step) = Box::pin(ask(parts, credentials, presence, asked)).await?;
    loop {
        match step {
            Step::Go(approved) => return Ok(*approved),
            Step::Wait(held) => step = decided(parts, &asking, held).await?,
        }
    }
}

/// What people are asked, and the first step to it.
async fn ask(
    parts: &Parts,
    credentials: &Credentials,
    presence: &Presence,
    held: Asked,
) -> Result<(Asking, Step), Refused> {
    let (rules, mut hold, asked) = *held;
    hold.call.lies_apart();
    let wait = match hold.call.origin {
        Origin::Wire => Wait::start(parts.patience.of(hold.call.header("user-agent"))),
        // Who states an action is answered at once.
        Origin::Guard => Wait::none(),
    };
    let identity = match rules.mappings().identify(&hold.call, &hold.action) {
        Ok(identity) => identity,
        Err(refusal) => return Err(turned_away(parts, &rules, &hold, None, refusal).await),
    };
    let fingerprint = Fingerprint::new(parts.approvals.keys(), &hold.call.caller.agent, &hold.action, &identity);
    fingerprint.mark(&mut hold.action.summary);
    let asking = Asking {
        fingerprint,
        wait,
        credentials: credentials.clone(),
        presence: presence.clone(),
    };
    let score = hold.action.score();
    let step = join(parts, &asking, rules, hold).await?;
    parts.metrics.decided(asked, score);
    Ok((asking, step))
}

/// Finds the approval this call goes by, or asks for one.
async fn join(parts: &Parts, asking: &Asking, rules: Arc<Rules>, hold: Hold) -> Result<Step, Refused> {
    loop {
        let (standing, refusal) = match parts.approvals.look_up(&asking.fingerprint, &hold) {
            Found::Settling(settling) => {
                settling.settled().await;
                continue;
            }
            Found::Approved(claim, ticket) => {
                let open = OpenCall::new(parts, &hold);
                return release(parts, asking, claim, Held::new(rules, hold, ticket, open)).await;
            }
            Found::Pending(ticket) => {
                return match granted::meanwhile(parts, asking, &hold, &ticket) {
                    Some(granted) => granted::go_on(parts, granted, rules, hold, ticket).await,
                    None => attach(parts, asking, rules, hold, ticket).await,
                };
            }
            Found::New(draft, ticket) => {
                let draft = match granted::anew(parts, asking, &hold, draft) {
                    Ok(granted) => return granted::go_on(parts, granted, rules, hold, ticket).await,
                    Err(draft) => draft,
                };
                let open = OpenCall::new(parts, &hold);
                return park(parts, asking, draft, Held::new(rules, hold, ticket, open)).await;
            }
            Found::Denied(standing) => {
                let refusal = say::denied(&standing);
                (Some(standing), refusal)
            }
            Found::Executed(standing) => {
                let refusal = say::executed(&standing);
                (Some(standing), refusal)
            }
            Found::Full { pending, draft, ticket } => match granted::anew(parts, asking, &hold, draft) {
                Ok(granted) => return granted::go_on(parts, granted, rules, hold, ticket).await,
                // Dropped, it was never asked for.
                Err(_) => (None, say::full(pending)),
            },
        };
        let correction = standing.as_deref().and_then(say::correction);
        let approval = standing.map(|standing| standing.row.id);
        let refused = turned_away(parts, &rules, &hold, approval.as_ref(), refusal).await;
        return Err(Refused { correction, ..refused });
    }
}

/// A new approval, or one that asks again: the call and the request for consent in one commit.
async fn park(parts: &Parts, asking: &Asking, draft: Draft, held: Held) -> Result<Step, Refused> {
    let mut changes = require_approval(&held.rules, &held.hold, Some(&draft.row().id));
    changes.extend(audit::held(draft.row()));
    let (revision, expires) = (draft.row().revision, draft.row().expires);
    let held = put(parts, held, changes, Some((draft, None))).await?;
    let asked = say::Asked {
        approval: held.ticket.approval(),
        revision,
        rules: &held.hold.rules,
        expires,
    };
    parts.notices.line(say::held(parts, &held, &asked, &asking.wait));
    Ok(Step::Wait(Box::new(held)))
}

/// The call alone: people are being asked already.
async fn attach(
    parts: &Parts,
    asking: &Asking,
    rules: Arc<Rules>,
    hold: Hold,
    ticket: Ticket,
) -> Result<Step, Refused> {
    let open = OpenCall::new(parts, &hold);
    let changes = require_approval(&rules, &hold, Some(ticket.approval()));
    let held = put(parts, Held::new(rules, hold, ticket, open), changes, None).await?;
    if let Some(standing) = held.ticket.standing() {
        let asked = say::Asked {
            approval: &standing.row.id,
            revision: standing.row.revision,
            rules: &standing.row.rules,
            expires: standing.row.expires,
        };
        parts.notices.line(say::held(parts, &held, &asked, &asking.wait));
    }
    Ok(Step::Wait(Box::new(held)))
}

/// `draft`: what changes of the approval, with the uses of grants that go with it.
async fn put(
    parts: &Parts,
    mut held: Held,
    changes: Vec<Change>,
    draft: Option<(Draft, Option<Uses>)>,
) -> Result<Held, Refused> {
    let refused = Answer::of_held(&held.hold, Some(held.ticket.approval()));
    let store = parts.store.clone();
    held.open.because(Reason::AuditUnavailable);
    to_its_end(async move {
        let (draft, uses) = draft.unzip();
        let written = match draft {
            // Where it may be on disk all the same, so is its end, and that of the approval.
            Some(draft) => draft.or_undone(audit::expired).write(&store, changes).await.map(drop),
            None => store.write(changes).await,
        };
        if let (Some(uses), Ok(()) | Err(CommitError::Unavailable(_))) = (uses.flatten(), &written) {
            uses.keep();
        }
        if let Err(error) = written {
            if let CommitError::Unavailable(_) = error {
                held.open.recorded();
            }
            return Err(error);
        }
        held.open.recorded();
        held.open.because(Reason::ApprovalPending);
        Ok(held)
    })
    .await
    .map_err(|error| refused.with(respond::unrecorded(&error)))
}

/// Waits for people, and acts on what they said.
async fn decided(parts: &Parts, asking: &Asking, mut held: Box<Held>) -> Result<Step, Refused> {
    let wake = tokio::select! {
        biased;
        // SECURITY: what was approved would be spent on a call whose client is gone, and sent for nobody. Whoever reads the connection
        // sees its end only behind all that was sent. Test: `nothing_is_sent_for_a_client_that_left_bytes_behind`.
        () = asking.presence.ends() => interrupted(held.ticket.standing()),
        wake = held.ticket.decided(&asking.wait) => wake,
        () = stopping(parts.draining.clone()) => interrupted(held.ticket.standing()),
        // People may still decide, and what they say counts once the agent is resumed.
        paused = parts.gate.paused().stops(&held.hold.call.caller.agent) => {
            held.open.because(Reason::Paused);
            return Err(Answer::of_held(&held.hold, Some(held.ticket.approval())).with(respond::told(&paused)));
        }
    };
    let correction = match &wake {
        Wake::Denied(standing) => say::correction(standing),
        Wake::Approved(_)
        | Wake::TooLate(_)
        | Wake::Cancelled(_)
        | Wake::Expired
        | Wake::Executed(_)
        | Wake::TimeUp(_) => None,
    };
    let refusal = match wake {
        Wake::Approved(claim) => return Box::pin(release(parts, asking, claim, *held)).await,
        Wake::TooLate(standing) => say::repeat(&standing),
        Wake::Denied(standing) => say::denied(&standing),
        Wake::Cancelled(standing) => say::cancelled(&standing),
        Wake::Executed(standing) => say::executed(&standing),
        Wake::TimeUp(standing) => say::pending(&standing),
        Wake::Expired => say::expired(held.ticket.approval()),
    };
    held.open.because(refusal.reason);
    let refused = Answer::of_held(&held.hold, Some(held.ticket.approval())).with(refusal);
    Err(Refused { correction, ..refused })
}

/// The wait was ended by us: what the approval says at this moment.
fn interrupted(standing: Option<Standing>) -> Wake {
    let Some(standing) = standing.map(Box::new) else {
        return Wake::Expired;
    };
    match standing.state {
        State::Pending => Wake::TimeUp(standing),
        State::Approved | State::Returned => Wake::TooLate(standing),
        State::Denied => Wake::Denied(standing),
        State::Cancelled => Wake::Cancelled(standing),
        State::Consumed => Wake::Executed(standing),
        State::Expired => Wake::Expired,
    }
}

/// A call that gets no hold: decided and closed in one commit, before it is answered.
async fn turned_away(
    parts: &Parts,
    rules: &Rules,
    hold: &Hold,
    approval: Option<&ApprovalId>,
    refusal: Refusal,
) -> Refused {
    drop(parts.metrics.tally(Ruled::RequireApproval(hold.action.access)));
    parts.metrics.refused(refusal.reason);
    let mut changes = require_approval(rules, hold, approval);
    let closed = CallClosed {
        call: hold.call.id.clone(),
        time: Timestamp::now(),
        outcome: Outcome::NotSent,
        reason: Some(refusal.reason),
        status: None,
        result_id: None,
        carried: None,
    };
    changes.extend(audit::closed(&hold.call.caller.agent, closed));
    let refusal = match parts.store.write(changes).await {
        Ok(()) => refusal,
        Err(error) => respond::unrecorded(&error),
    };
    Answer::of_held(hold, approval).with(refusal)
}

fn require_approval(judged_by: &Rules, hold: &Hold, approval: Option<&ApprovalId>) -> Vec<Change> {
    let rules: Vec<_> = hold.rules.iter().map(|rule| rule.id.clone()).collect();
    let ruling = Ruling {
        decision: "REQUIRE_APPROVAL",
        reason: None,
        rules: &rules,
        approval,
        spending: Some(&hold.spending),
        would: None,
        trial: hold.trial.as_deref(),
    };
    audit::decided(&hold.call, &hold.action, &ruling, &judged_by.digests())
}

impl Held {
    fn new(rules: Arc<Rules>, hold: Hold, ticket: Ticket, open: OpenCall) -> Self {
        Self {
            rules,
            hold,
            ticket,
            open,
        }
    }
}

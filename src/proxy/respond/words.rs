//! What is told of a refusal, in words for a language model: that nothing was executed, what happened, what to do next.

use crate::model::{Outcome, Reason, Refusal};
use crate::store::CommitError;
use crate::upstream::SendError;

const NO_OTHER_WAY: &str = "Do not attempt it another way. Tell the person you work for.";
const SAME_AGAIN: &str = "Do not attempt it another way. Repeat exactly this call later.";
const MEND: &str = "Mend the request before you send it again.";
const TRY_AGAIN: &str = "Try the same call again later.";
const LOOK_FIRST: &str = "Look up at the provider whether it was executed before you repeat it.";
const COMPLETE: &str = "State what is missing in the call.";
const NOW: &str = "Repeat exactly this call now.";
const DECIDED_AGAIN: &str = "Send it again: it is then decided anew.";
const NEVER: &str = "Do not repeat it.";
const SMALLER: &str = "Send it in smaller parts.";
const LATER: &str = "Do not attempt it another way, and do not split it up. Repeat it once there is room, or tell the person you work for.";
const GET_A_KEY: &str = "Ask the person you work for for a valid key.";

/// What happened in a few words, and what to do next.
pub(in crate::proxy) fn meaning(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::PolicyBlocked => ("Blocked by policy", NO_OTHER_WAY),
        Reason::IncompleteAction => ("The action is incomplete", COMPLETE),
        Reason::PolicyError => ("A policy could not be evaluated", NO_OTHER_WAY),
        Reason::ApprovalPending => ("Waiting for a person's approval", SAME_AGAIN),
        Reason::ApprovalDenied => ("Denied by a person", NO_OTHER_WAY),
        Reason::ApprovalExpired => ("Not approved in time", SAME_AGAIN),
        Reason::ApprovedRepeat => ("Approved: repeat the call", NOW),
        Reason::AlreadyExecuted => ("Executed before", NEVER),
        Reason::BudgetExceeded => ("Over a budget", LATER),
        Reason::Paused => ("The agent is paused", NO_OTHER_WAY),
        Reason::ChangedMeanwhile => ("What it is about changed meanwhile", DECIDED_AGAIN),
        Reason::DestinationRefused => ("Destination refused", NO_OTHER_WAY),
        Reason::Malformed => ("Malformed request", MEND),
        Reason::LengthRequired => ("Length required", MEND),
        Reason::TooLarge => ("Too large to be judged", SMALLER),
        Reason::NotInspectable => ("Cannot be judged", NO_OTHER_WAY),
        Reason::AuthorityMismatch => ("Host does not match the connection", MEND),
        Reason::AgentUnknown => ("Agent unknown", GET_A_KEY),
        Reason::UpstreamUnreachable => ("Provider not reached", TRY_AGAIN),
        Reason::UpstreamTimeout => ("No answer in time", LOOK_FIRST),
        Reason::AuditUnavailable => ("The call could not be recorded", TRY_AGAIN),
        Reason::Overloaded => ("Too much at once", TRY_AGAIN),
    }
}

pub(super) fn title(reason: Reason) -> &'static str {
    meaning(reason).0
}

/// A stage's refusal of a call that was not executed.
pub(in crate::proxy) fn told(refusal: &Refusal) -> Refusal {
    let (_, next) = meaning(refusal.reason);
    Refusal::new(refusal.reason, format!("NOT executed: {}. {next}", refusal.detail))
}

/// A call that could not be written down.
pub(in crate::proxy) fn unrecorded(error: &CommitError) -> Refusal {
    let (reason, detail) = match error {
        CommitError::Overloaded => (Reason::Overloaded, "too many calls are waiting to be recorded"),
        CommitError::Lost | CommitError::Unavailable(_) => (
            Reason::AuditUnavailable,
            "the call could not be recorded, and nothing is sent that is not",
        ),
    };
    told(&Refusal::new(reason, detail))
}

/// A call that was not sent, or not answered.
pub(in crate::proxy) fn undelivered(error: &SendError) -> Refusal {
    match error.outcome {
        Outcome::NotSent | Outcome::Failure => told(&error.refusal),
        Outcome::Success | Outcome::Error | Outcome::Unknown | Outcome::Abandoned => {
            let Refusal { reason, detail } = &error.refusal;
            Refusal::new(*reason, format!("It MAY have been executed: {detail}. {LOOK_FIRST}"))
        }
    }
}

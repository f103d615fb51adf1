//! What the record says of the story's calls: read beside the sidecar, as `runplane audit show` does.

use super::agent::Answer;
use super::script::Step;
use crate::config::home::Home;
use crate::model::change::ApprovalRow;
use crate::model::inert::inert;
use crate::model::{Reason, State};
use crate::store::{CallFilter, CallRecord, Reader};

/// More than the story has calls, those made again included.
const MOST_CALLS: u32 = 10_000;

/// The calls on record.
pub(super) struct Known(Vec<KnownCall>);

/// A call, and the approval it goes by.
#[derive(Clone)]
pub(super) struct KnownCall {
    pub(super) call: CallRecord,
    pub(super) approval: Option<ApprovalRow>,
}

impl Known {
    /// # Errors
    /// If the record cannot be read.
    pub(super) fn read(home: &Home) -> anyhow::Result<Self> {
        let reader = Reader::open(&home.database())?;
        let calls = reader.calls(&CallFilter {
            agent: None,
            limit: MOST_CALLS,
        })?;
        let with_approval = |call: CallRecord| {
            let approval = match &call.row.approval {
                Some(id) => reader.approval(id)?,
                None => None,
            };
            anyhow::Ok(KnownCall { call, approval })
        };
        calls
            .into_iter()
            .map(with_approval)
            .collect::<anyhow::Result<_>>()
            .map(Self)
    }

    /// The latest call of a step.
    pub(super) fn of(&self, step: &Step) -> Option<KnownCall> {
        let made = |known: &&KnownCall| *known.call.row.operation == *step.operation;
        self.0.iter().rev().find(made).cloned()
    }
}

impl KnownCall {
    /// What it was, in the record's words.
    pub(super) fn summary(&self) -> String {
        inert(&self.call.row.summary).into_owned()
    }

    /// Why people are asked, in the words of the rules.
    pub(super) fn reasons(&self) -> Vec<String> {
        let rules = self.approval.iter().flat_map(|row| &row.rules);
        rules.filter_map(|rule| rule.reason.clone()).collect()
    }

    /// Who decided; `None` while nobody has.
    pub(super) fn decided_by(&self) -> Option<String> {
        let row = self.approval.as_ref()?;
        let yes = row.votes.iter().map(|vote| format!("{}: yes", inert(&vote.person)));
        let no = row.denial.iter().map(|denial| format!("{}: no", inert(&denial.person)));
        let all: Vec<String> = yes.chain(no).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// A line in the manner of the sidecar's own, for what it tells no line of: what was allowed, and what became of what
    /// was held. `None` for a block, which has a line, and where there is no answer.
    pub(super) fn verdict(&self, answer: &Answer) -> Option<String> {
        let row = &self.call.row;
        let what = format!("{}: {}", inert(&row.agent), self.summary());
        let Some(approval) = &self.approval else {
            let allowed = matches!(answer, Answer::Provider(_));
            return allowed.then(|| format!("ALLOWED {what} ({})", inert(&row.rules.join(", "))));
        };
        let word = match answer {
            Answer::Provider(_) => "APPROVED",
            Answer::Refused(Some(Reason::ApprovalPending), _) => "UNDECIDED",
            Answer::Refused(Some(Reason::ApprovedRepeat), _) => "APPROVED LATE",
            Answer::Refused(Some(Reason::ApprovalDenied), _) => "DENIED",
            Answer::Refused(Some(Reason::ApprovalExpired), _) => "EXPIRED",
            Answer::Refused(..) | Answer::Failed(_) => return None,
        };
        let by = self.decided_by().map(|by| format!(" ({by})")).unwrap_or_default();
        Some(format!("{word} {} {what}{by}", approval.id.short()))
    }

    /// People said yes and it was used.
    pub(super) fn was_approved(&self) -> bool {
        let state = self.approval.as_ref().map(|row| row.state);
        matches!(state, Some(State::Approved | State::Returned | State::Consumed))
    }
}

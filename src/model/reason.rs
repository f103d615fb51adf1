//! Why a call did not go through, and how calls end. One code per reason, the same string in body, header, log and trail.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The code of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    PolicyBlocked,
    IncompleteAction,
    PolicyError,
    ApprovalPending,
    ApprovalDenied,
    ApprovalExpired,
    ApprovedRepeat,
    AlreadyExecuted,
    BudgetExceeded,
    Paused,
    ChangedMeanwhile,
    DestinationRefused,
    Malformed,
    LengthRequired,
    TooLarge,
    NotInspectable,
    AuthorityMismatch,
    AgentUnknown,
    UpstreamUnreachable,
    UpstreamTimeout,
    AuditUnavailable,
    Overloaded,
}

impl Reason {
    pub const ALL: [Reason; 22] = [
        Reason::PolicyBlocked,
        Reason::IncompleteAction,
        Reason::PolicyError,
        Reason::ApprovalPending,
        Reason::ApprovalDenied,
        Reason::ApprovalExpired,
        Reason::ApprovedRepeat,
        Reason::AlreadyExecuted,
        Reason::BudgetExceeded,
        Reason::Paused,
        Reason::ChangedMeanwhile,
        Reason::DestinationRefused,
        Reason::Malformed,
        Reason::LengthRequired,
        Reason::TooLarge,
        Reason::NotInspectable,
        Reason::AuthorityMismatch,
        Reason::AgentUnknown,
        Reason::UpstreamUnreachable,
        Reason::UpstreamTimeout,
        Reason::AuditUnavailable,
        Reason::Overloaded,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Reason::PolicyBlocked => "policy_blocked",
            Reason::IncompleteAction => "incomplete_action",
            Reason::PolicyError => "policy_error",
            Reason::ApprovalPending => "approval_pending",
            Reason::ApprovalDenied => "approval_denied",
            Reason::ApprovalExpired => "approval_expired",
            Reason::ApprovedRepeat => "approved_repeat",
            Reason::AlreadyExecuted => "already_executed",
            Reason::BudgetExceeded => "budget_exceeded",
            Reason::Paused => "paused",
            Reason::ChangedMeanwhile => "changed_meanwhile",
            Reason::DestinationRefused => "destination_refused",
            Reason::Malformed => "malformed",
            Reason::LengthRequired => "length_required",
            Reason::TooLarge => "too_large",
            Reason::NotInspectable => "not_inspectable",
            Reason::AuthorityMismatch => "authority_mismatch",
            Reason::AgentUnknown => "agent_unknown",
            Reason::UpstreamUnreachable => "upstream_unreachable",
            Reason::UpstreamTimeout => "upstream_timeout",
            Reason::AuditUnavailable => "audit_unavailable",
            Reason::Overloaded => "overloaded",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a stage would not go on with a call: the code, and a sentence for whoever reads the refusal.
/// The sentence holds no value of the call's that may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Refusal {
    pub reason: Reason,
    pub detail: String,
}

impl Refusal {
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

/// How a decided call ended. Facts, told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The provider said yes.
    Success,
    /// The provider said no.
    Failure,
    /// The request was written, but no answer came.
    Error,
    /// It may or may not have been carried out.
    Unknown,
    /// No byte of the request was written.
    NotSent,
    /// The agent left before the answer ended.
    Abandoned,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Failure => "failure",
            Outcome::Error => "error",
            Outcome::Unknown => "unknown",
            Outcome::NotSent => "not_sent",
            Outcome::Abandoned => "abandoned",
        }
    }
}

//! Who is told of approvals, and what came of telling them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ApprovalId, Timestamp};

/// What receivers can be told: that people are asked, and what an approval came to. As [`super::State`] says them, but for
/// the first.
pub const REQUESTED: &str = "requested";
pub const EVENTS: [&str; 7] = [
    REQUESTED,
    "approved",
    "denied",
    "expired",
    "cancelled",
    "consumed",
    "returned",
];

/// The way something is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Webhook,
    Email,
    Slack,
}

impl Channel {
    pub const ALL: [Channel; 3] = [Channel::Webhook, Channel::Email, Channel::Slack];

    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Webhook => "webhook",
            Channel::Email => "email",
            Channel::Slack => "slack",
        }
    }
}

/// One who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// `webhook:NAME`, `email:ADDRESS`, `slack:CHANNEL`.
    pub name: Arc<str>,
    pub channel: Channel,
    /// SHA-256 (hex) of where it is: another place is another receiver, which nobody has switched off.
    pub place: String,
    /// Told of approvals that ask one of these groups; `None`: of all.
    pub groups: Option<Vec<Arc<str>>>,
    /// Of [`EVENTS`].
    pub events: Vec<Arc<str>>,
}

/// A change of what is still to be told. New deliveries are made by the store, with the change of the approval itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboxChange {
    /// These are told from here on, and nobody else: what others were still to be told is given up.
    Receivers(Vec<Receiver>, Timestamp),
    /// An attempt ended. Finding the delivery over fails the commit's call.
    Attempted(Attempt),
    /// An approval is shown there, in place of where it was shown before.
    Posted(Post),
    /// The receiver wants nothing more: what it was still to be told is given up. Finding it off fails the commit's call.
    Disabled {
        receiver: Arc<str>,
        why: String,
        time: Timestamp,
    },
    /// Told again from here on. Finding it on, or gone, fails the commit's call.
    Enabled(Arc<str>),
    /// What ended before this is forgotten.
    Forget(Timestamp),
    /// Everything that waits for its time is due: the clock that says so was set back.
    AtOnce,
}

/// The message of a chat that shows an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    pub approval: ApprovalId,
    pub receiver: Arc<str>,
    /// As the chat calls it.
    pub channel: String,
    /// The message in it, as the chat calls that.
    pub ts: String,
    pub time: Timestamp,
    /// The message that it is an answer to.
    pub thread: Option<String>,
}

/// What came of trying to tell somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub delivery: i64,
    pub time: Timestamp,
    pub end: End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Delivered,
    /// There is nothing to tell any more: people are asked no longer. Nothing was tried.
    Superseded,
    /// It is tried again then.
    Later {
        due: Timestamp,
        error: String,
    },
    GivenUp {
        error: String,
    },
}

/// One event that one receiver is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: i64,
    pub approval: ApprovalId,
    /// Of the approval, when it happened: with it, the name of the event.
    pub revision: u32,
    /// Of [`EVENTS`], or `changed` where what is shown is to be shown anew.
    pub event: String,
    pub receiver: Arc<str>,
    pub created: Timestamp,
    pub state: DeliveryState,
    /// Those that failed, and the one that did not.
    pub attempts: u32,
    /// When it is tried next, while it is pending.
    pub due: Timestamp,
    /// What went wrong last.
    pub error: Option<String>,
}

impl Delivery {
    /// The same for every attempt and every receiver: by it receivers know what they had already.
    pub fn event_id(&self) -> String {
        event_id(self.approval.as_str(), self.revision)
    }
}

/// Of what happened to an approval as it came to this revision.
pub fn event_id(approval: &str, revision: u32) -> String {
    format!("evt_{}_{revision}", approval.trim_start_matches(ApprovalId::PREFIX))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Pending,
    Delivered,
    Superseded,
    GivenUp,
}

impl DeliveryState {
    pub const ALL: [DeliveryState; 4] = [
        DeliveryState::Pending,
        DeliveryState::Delivered,
        DeliveryState::Superseded,
        DeliveryState::GivenUp,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Pending => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Superseded => "superseded",
            DeliveryState::GivenUp => "given_up",
        }
    }
}

/// A receiver, and how it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverStanding {
    pub name: Arc<str>,
    pub channel: Channel,
    /// Since when it is told nothing, and why.
    pub disabled: Option<(Timestamp, String)>,
    /// How many deliveries of it are pending, and were delivered or given up of late.
    pub pending: i64,
    pub delivered: i64,
    pub given_up: i64,
    /// What went wrong last.
    pub last_error: Option<String>,
}

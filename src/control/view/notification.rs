//! Notifications as the control API shows them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::ApprovalId;
use crate::model::outbox::{Channel, Delivery, DeliveryState, ReceiverStanding};

/// Who is told of approvals, and what is still to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notifications {
    pub receivers: Vec<Receiver>,
    /// The latest, oldest first.
    pub items: Vec<Notification>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    pub name: Arc<str>,
    pub channel: Channel,
    /// Since when it is told nothing (RFC 3339), and why.
    pub disabled: Option<String>,
    pub why: Option<String>,
    /// How many are still to be told, and were told or given up of late.
    pub pending: i64,
    pub delivered: i64,
    pub given_up: i64,
    /// May be words of the receiver's: show it inert.
    pub last_error: Option<String>,
}

/// One event for one receiver. Times are RFC 3339, UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// By which the receiver knows the event.
    pub event_id: String,
    pub event: String,
    pub approval: ApprovalId,
    pub receiver: Arc<str>,
    pub state: DeliveryState,
    pub attempts: u32,
    pub created: String,
    /// When it is tried next, where that is not at once.
    pub due: Option<String>,
    pub error: Option<String>,
}

impl From<ReceiverStanding> for Receiver {
    fn from(standing: ReceiverStanding) -> Self {
        let (disabled, why) = standing.disabled.unzip();
        Self {
            name: standing.name,
            channel: standing.channel,
            disabled: disabled.map(|time| time.to_string()),
            why,
            pending: standing.pending,
            delivered: standing.delivered,
            given_up: standing.given_up,
            last_error: standing.last_error,
        }
    }
}

impl From<Delivery> for Notification {
    fn from(delivery: Delivery) -> Self {
        let waits = delivery.state == DeliveryState::Pending && delivery.due.0 > 0;
        Self {
            event_id: delivery.event_id(),
            event: delivery.event,
            approval: delivery.approval,
            receiver: delivery.receiver,
            state: delivery.state,
            attempts: delivery.attempts,
            created: delivery.created.to_string(),
            due: waits.then(|| delivery.due.to_string()),
            error: delivery.error,
        }
    }
}

//! Who was not told, and who is told no more. That somebody was told is not an event of the trail.

use crate::model::entry::{Committed, Kind};
use crate::model::outbox::{Attempt, Channel, Delivery, End, OutboxChange};
use crate::model::{Change, Entry, Timestamp};

/// A receiver may be somebody's address: it is committed to.
fn about(channel: Channel, receiver: &str, result: &'static str) -> Entry {
    Entry::new(Kind::Notification)
        .with("channel", channel.as_str())
        .with("result", result)
        .commit("receiver", Committed::keep(&receiver))
}

fn of(delivery: &Delivery, channel: Channel, result: &'static str, error: &str) -> Entry {
    about(channel, &delivery.receiver, result)
        .with("approval", delivery.approval.as_str())
        .with("event", delivery.event.as_str())
        .commit("error", Committed::keep(&error))
}

/// An attempt to tell somebody ended; an event only where it was the last and failed.
pub fn attempted(delivery: &Delivery, channel: Channel, attempt: Attempt) -> Vec<Change> {
    let entry = match &attempt.end {
        End::GivenUp { error } => Some(Change::Append(of(delivery, channel, "given_up", error))),
        End::Delivered | End::Superseded | End::Later { .. } => None,
    };
    let change = Change::Outbox(OutboxChange::Attempted(attempt));
    entry.into_iter().chain([change]).collect()
}

/// A webhook's receiver said that it wants nothing more.
pub fn receiver_disabled(delivery: &Delivery, why: &str, time: Timestamp) -> Vec<Change> {
    vec![
        Change::Append(of(delivery, Channel::Webhook, "disabled", why)),
        Change::Outbox(OutboxChange::Disabled {
            receiver: delivery.receiver.clone(),
            why: why.to_owned(),
            time,
        }),
    ]
}

/// The person `by` has it told again.
pub fn receiver_enabled(channel: Channel, receiver: &str, by: &str) -> Vec<Change> {
    vec![
        Change::Append(about(channel, receiver, "enabled").with("by", by)),
        Change::Outbox(OutboxChange::Enabled(receiver.into())),
    ]
}

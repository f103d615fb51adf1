//! One task for each receiver: what is due is told, and what came of it written down.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::message::{Alike, Before, Message};
use super::rest::Rest;
use super::slack::{Telling, Thread, only_on_the_page};
use super::{Config, Parts, Target, backoff};
use crate::audit;
use crate::io::drain;
use crate::metrics::Notified;
use crate::model::alike::{Beside, Past, TOLD_FOR, asks_more};
use crate::model::change::ApprovalRow;
use crate::model::outbox::{Attempt, Channel, Delivery, End, OutboxChange, Post, REQUESTED};
use crate::model::{Change, State, Timestamp};
use crate::store::{CommitError, OpenError, ReadError, Reader, Store};

/// How often a receiver looks for what nobody told it of.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How long what was told stays to be looked at.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const FORGET_EVERY: Duration = Duration::from_secs(60 * 60);
/// For an attempt under way when we are to end.
const END_WITHIN: Duration = Duration::from_secs(3);
/// Between two tries to write down what came of an attempt.
const WRITE_AGAIN: Duration = Duration::from_secs(1);
/// News come thick when calls do: a look at the disk for each would cost more than the calls.
const GATHER: Duration = Duration::from_millis(100);
/// Calls that an agent made just before.
const BEFORE: u32 = 3;
/// Answers to calls like the one that is told that are read, at most.
const MOST_ANSWERS: u32 = 100;

/// What came of an attempt.
#[derive(Debug)]
pub enum Failure {
    /// It may work another time; `Some`: the receiver says when.
    Now(String, Option<Duration>),
    /// It will not.
    Never(String),
    /// The receiver wants nothing more at all.
    Gone(String),
}

/// Why a receiver could not be worked for.
#[derive(Debug, thiserror::Error)]
enum OutboxError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("a task died")]
    Died(#[from] tokio::task::JoinError),
}

/// Tells everybody what they are to be told, until `stop` is true.
pub async fn run(config: Config, parts: Parts, stop: watch::Receiver<bool>) {
    let parts = Arc::new(parts);
    let mut tasks = JoinSet::new();
    // One token's channels are one sender to Slack.
    let of_slack = Arc::new(Rest::by_method());
    for target in config.targets() {
        let rest = match target {
            Target::Slack { .. } => of_slack.clone(),
            Target::Webhook(_) | Target::Mailbox { .. } => Arc::default(),
        };
        tasks.spawn(serve(parts.clone(), target, rest, stop.clone()));
    }
    if !tasks.is_empty() {
        tasks.spawn(forget(parts.store.clone(), stop));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a receiver is told nothing more until the next start");
        }
    }
}

/// Forgets what was told long ago.
async fn forget(store: Store, stop: watch::Receiver<bool>) {
    loop {
        let before = Timestamp(
            Timestamp::now()
                .0
                .saturating_sub(i64::try_from(REMEMBERED.as_millis()).unwrap_or(i64::MAX)),
        );
        if let Err(error) = store.write(vec![Change::Outbox(OutboxChange::Forget(before))]).await {
            tracing::warn!(%error, "old notifications could not be forgotten: tried again in an hour");
        }
        tokio::select! {
            () = drain::stopping(stop.clone()) => return,
            () = sleep(FORGET_EVERY) => {}
        }
    }
}

/// What a receiver does next.
enum Next {
    Tell(Box<Due>),
    /// Nothing, for so long.
    Wait(Duration),
}

/// What is to be told now.
struct Due {
    delivery: Delivery,
    row: ApprovalRow,
    before: Vec<Before>,
    /// Where the receiver is shown the approval already.
    post: Option<Post>,
    /// Calls like it, and the message that starts the receiver's conversation about them.
    alike: Alike,
    conversation: Option<Thread>,
}

async fn serve(parts: Arc<Parts>, target: Target, rest: Arc<Rest>, stop: watch::Receiver<bool>) {
    let receiver = target.receiver();
    let mut news = parts.store.news();
    while !*stop.borrow() {
        news.mark_unchanged();
        let wanted = match (rest.left(true), rest.left(false)) {
            (Some(asking), Some(others)) => Ok(Next::Wait(asking.min(others))),
            (None, Some(left)) => next(&parts, &receiver.name, Some(true), left).await,
            (Some(left), None) => next(&parts, &receiver.name, Some(false), left).await,
            (None, None) => next(&parts, &receiver.name, None, LOOK_AGAIN).await,
        };
        let wait = match wanted {
            Ok(Next::Tell(due)) => {
                let telling = tell(&parts, (&target, &rest), receiver.channel, &due);
                tokio::pin!(telling);
                tokio::select! {
                    () = &mut telling => {}
                    () = drain::stopping(stop.clone()) => {
                        // Cut off, it is told again after the next start.
                        let _told_in_time = timeout(END_WITHIN, telling).await.is_ok();
                    }
                }
                continue;
            }
            Ok(Next::Wait(wait)) => wait,
            Err(error) => {
                tracing::warn!(%error, receiver = %receiver.name, "what is to be told could not be read");
                LOOK_AGAIN
            }
        };
        tokio::select! {
            () = drain::stopping(stop.clone()) => return,
            () = sleep(wait) => {}
            changed = news.changed() => match changed {
                Ok(()) => sleep(GATHER).await,
                Err(_) => return,
            },
        }
    }
}

/// What is due, or when something will be; within `longest`. `asks`: only what asks people, or only what does not.
async fn next(parts: &Parts, receiver: &Arc<str>, asks: Option<bool>, longest: Duration) -> Result<Next, OutboxError> {
    let (store, receiver) = (parts.store.clone(), receiver.clone());
    let look = move || {
        let (reader, now) = (store.reader()?, Timestamp::now());
        let Some((delivery, row)) = reader.next_delivery(&receiver, now, asks)? else {
            let due = reader.next_due(&receiver, asks)?;
            let wait = due.map_or(LOOK_AGAIN, |due| due.since(now).min(LOOK_AGAIN));
            return Ok(Next::Wait(wait.min(longest)));
        };
        let calls = reader.calls_before(&row.facts.agent, &row.first_call, row.created, BEFORE)?;
        let before = calls.into_iter().map(Before::from).collect();
        let post = reader.post(&delivery.approval, &receiver)?;
        let alike = alike(&reader, &row, now)?;
        let conversation = match alike.beside {
            Some(_) => reader.conversation(&row, &receiver, now)?,
            None => None,
        };
        let conversation = conversation.map(|(channel, ts, first)| Thread {
            channel,
            ts,
            aloud: asks_more(&first, &row),
        });
        Ok(Next::Tell(Box::new(Due {
            delivery,
            row,
            before,
            post,
            alike,
            conversation,
        })))
    };
    tokio::task::spawn_blocking(look).await?
}

/// Calls like the one that is told, as they are now.
fn alike(reader: &Reader, row: &ApprovalRow, now: Timestamp) -> Result<Alike, ReadError> {
    if row.state != State::Pending || row.expires <= now {
        return Ok(Alike {
            waiting: reader.others_waiting_like(row, now)?,
            ..Alike::default()
        });
    }
    let since = Timestamp(
        now.0
            .saturating_sub(i64::try_from(TOLD_FOR.as_millis()).unwrap_or(i64::MAX)),
    );
    let lately = Past::of(row, &reader.answered_like(row, since, MOST_ANSWERS)?);
    let beside = reader
        .first_waiting_like(row, now)?
        .and_then(|(first, before)| Beside::new(&first, row, before.saturating_add(1), before.saturating_add(1)));
    Ok(Alike {
        beside,
        lately,
        waiting: 0,
    })
}

/// One attempt, and what came of it on disk.
async fn tell(parts: &Parts, (target, rest): (&Target, &Rest), channel: Channel, due: &Due) {
    let (delivery, row) = (&due.delivery, &due.row);
    let asks = delivery.event == REQUESTED;
    let waits = row.state == State::Pending && Timestamp::now() < row.expires;
    let nothing_to_tell = match channel {
        Channel::Webhook => false,
        Channel::Email => asks && !waits,
        // What nobody was shown needs no change.
        Channel::Slack => (asks && !waits) || (!asks && due.post.is_none()),
    };
    if nothing_to_tell {
        return write(parts, delivery, channel, ended(delivery, End::Superseded), None).await;
    }
    let owner = parts.registry.named(&row.facts.agent).and_then(|caller| caller.owner);
    let message = Message::new(&parts.words, owner.as_deref(), delivery, row, &due.before).among(row, &due.alike);
    let (failed, now) = (delivery.attempts.saturating_add(1), Timestamp::now());
    let (attempt, post) = match send(parts, target, due, &message).await {
        Ok(post) => (ended(delivery, End::Delivered), post),
        Err(Failure::Never(error)) => (ended(delivery, End::GivenUp { error }), None),
        Err(Failure::Now(error, wanted)) => {
            rest.wanted(asks, wanted);
            match backoff::next(delivery.created, now, failed, asks && waits, wanted) {
                Some(due) => (ended(delivery, End::Later { due, error }), None),
                None => (ended(delivery, End::GivenUp { error }), None),
            }
        }
        Err(Failure::Gone(why)) => {
            tracing::error!(receiver = %delivery.receiver, why, "the receiver wants no more notifications, and gets none");
            parts.metrics.notified(Notified::GivenUp);
            return put(parts, audit::receiver_disabled(delivery, &why, now)).await;
        }
    };
    let posted = post.is_some();
    write(parts, delivery, channel, attempt, post).await;
    // People are asked first; what is out of date is changed once that is written down.
    if let (Target::Slack { slack, .. }, Some(older), true) = (target, &due.post, asks && posted) {
        slack.retire(&parts.errands, older, &message).await;
    }
}

/// Once, by whichever way. `Some`: where it is shown from here on.
async fn send(parts: &Parts, target: &Target, due: &Due, message: &Message) -> Result<Option<Post>, Failure> {
    let (errands, asks) = (&parts.errands, due.delivery.event == REQUESTED);
    match target {
        Target::Webhook(webhook) => webhook.post(errands, message).await.map(|()| None),
        Target::Mailbox { email, address, .. } => email.send(errands, address, message).await.map(|()| None),
        Target::Slack { slack, channel, .. } => {
            let telling = Telling {
                channel,
                approval: &due.row.id,
                message,
                only_on_the_page: only_on_the_page(&due.row, parts.words.reason_from_risk),
                // Who is asked again is to hear of it: a message that changes makes no sound.
                post: due.post.as_ref().filter(|_| !asks),
                thread: due.conversation.as_ref(),
            };
            let shown = slack.tell(errands, &telling).await?;
            Ok(Some(shown.post(&due.delivery.approval, &due.delivery.receiver)))
        }
    }
}

fn ended(delivery: &Delivery, end: End) -> Attempt {
    Attempt {
        delivery: delivery.id,
        time: Timestamp::now(),
        end,
    }
}

async fn write(parts: &Parts, delivery: &Delivery, channel: Channel, attempt: Attempt, post: Option<Post>) {
    let (approval, receiver) = (&delivery.approval, &delivery.receiver);
    match &attempt.end {
        End::Delivered => parts.metrics.notified(Notified::Delivered),
        End::Superseded => {}
        End::Later { error, .. } => {
            parts.metrics.notified(Notified::Failed);
            tracing::warn!(%approval, %receiver, error, "not told yet");
        }
        End::GivenUp { error } => {
            parts.metrics.notified(Notified::GivenUp);
            tracing::error!(%approval, %receiver, error, "given up: not told");
        }
    }
    let mut changes = audit::attempted(delivery, channel, attempt);
    changes.extend(post.map(|post| Change::Outbox(OutboxChange::Posted(post))));
    put(parts, changes).await;
}

/// What was told must not be told again and again because the disk is full: nothing else is told before it is written.
async fn put(parts: &Parts, changes: Vec<Change>) {
    loop {
        match parts.store.write(changes.clone()).await {
            Ok(()) => return,
            // The receiver was switched off, or is not configured any more, at the same moment.
            Err(CommitError::Lost) => return,
            Err(error @ (CommitError::Unavailable(_) | CommitError::Overloaded)) => {
                tracing::warn!(%error, "what came of a notification could not be written yet");
                sleep(WRITE_AGAIN).await;
            }
        }
    }
}

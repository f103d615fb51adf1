//! Who is told of approvals, and what is still to be told: `receivers`, `deliveries` and `posts`. New deliveries are made by triggers
//! of `approvals`.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::calls::{list, one as changed, parsed, unreadable, word};
use super::group::Refused;
use crate::model::ApprovalId;
use crate::model::Timestamp;
use crate::model::change::ApprovalRow;
use crate::model::outbox::{
    Attempt, Channel, Delivery, DeliveryState, End, OutboxChange, Post, Receiver, ReceiverStanding,
};

pub(super) fn change(connection: &Connection, change: &OutboxChange) -> Result<(), Refused> {
    match change {
        OutboxChange::Receivers(receivers, now) => configured(connection, receivers, *now),
        OutboxChange::Attempted(attempt) => attempted(connection, attempt),
        OutboxChange::Posted(post) => posted(connection, post),
        OutboxChange::Disabled { receiver, why, time } => {
            let written = connection
                .prepare_cached("UPDATE receivers SET disabled = ?2, why = ?3 WHERE name = ?1 AND disabled IS NULL")?
                .execute(params![receiver, time.0, why])?;
            changed(written)?;
            give_up(connection, *time)
        }
        OutboxChange::Enabled(receiver) => {
            let written = connection
                .prepare_cached(
                    "UPDATE receivers SET disabled = NULL, why = NULL WHERE name = ?1 AND active AND disabled IS NOT NULL",
                )?
                .execute([receiver])?;
            changed(written)
        }
        OutboxChange::AtOnce => {
            connection
                .prepare_cached("UPDATE deliveries SET due = 0 WHERE state = 'pending'")?
                .execute([])?;
            Ok(())
        }
        OutboxChange::Forget(before) => {
            connection
                .prepare_cached("DELETE FROM deliveries WHERE ended < ?1")?
                .execute([before.0])?;
            connection
                .prepare_cached(
                    "DELETE FROM posts WHERE created < ?1
                    AND approval NOT IN (SELECT id FROM approvals WHERE state IN ('pending', 'approved', 'returned'))",
                )?
                .execute([before.0])?;
            Ok(())
        }
    }
}

fn configured(connection: &Connection, receivers: &[Receiver], now: Timestamp) -> Result<(), Refused> {
    connection
        .prepare_cached("UPDATE receivers SET active = 0")?
        .execute([])?;
    for receiver in receivers {
        connection
            .prepare_cached(
                "INSERT INTO receivers (name, channel, place, groups, events, active) VALUES (?1, ?2, ?3, ?4, ?5, 1)
                ON CONFLICT (name) DO UPDATE SET channel = excluded.channel, groups = excluded.groups,
                    events = excluded.events, active = 1, place = excluded.place,
                    disabled = iif(place = excluded.place, disabled, NULL),
                    why = iif(place = excluded.place, why, NULL)",
            )?
            .execute(params![
                receiver.name,
                receiver.channel.as_str(),
                receiver.place,
                receiver.groups.as_ref().map(list).transpose()?,
                list(&receiver.events)?,
            ])?;
    }
    give_up(connection, now)?;
    connection
        .prepare_cached("DELETE FROM receivers WHERE NOT active")?
        .execute([])?;
    Ok(())
}

/// What nobody is told any more.
fn give_up(connection: &Connection, now: Timestamp) -> Result<(), Refused> {
    connection
        .prepare_cached(
            "UPDATE deliveries SET state = 'given_up', ended = ?1, error = CASE
                WHEN EXISTS (SELECT 1 FROM receivers WHERE name = receiver AND active) THEN 'the receiver is disabled'
                ELSE 'the receiver is not configured any more' END
            WHERE state = 'pending'
                AND NOT EXISTS (SELECT 1 FROM receivers WHERE name = receiver AND active AND disabled IS NULL)",
        )?
        .execute([now.0])?;
    Ok(())
}

fn attempted(connection: &Connection, attempt: &Attempt) -> Result<(), Refused> {
    let (state, tried, due, error) = match &attempt.end {
        End::Delivered => (DeliveryState::Delivered, 1, None, None),
        End::Superseded => (DeliveryState::Superseded, 0, None, None),
        End::Later { due, error } => (DeliveryState::Pending, 1, Some(due.0), Some(error)),
        End::GivenUp { error } => (DeliveryState::GivenUp, 1, None, Some(error)),
    };
    let written = connection
        .prepare_cached(
            "UPDATE deliveries SET state = ?2, attempts = attempts + ?3, due = coalesce(?4, due),
                error = coalesce(?5, error), ended = iif(?2 = 'pending', NULL, ?6)
            WHERE id = ?1 AND state = 'pending'",
        )?
        .execute(params![
            attempt.delivery,
            state.as_str(),
            tried,
            due,
            error,
            attempt.time.0
        ])?;
    changed(written)
}

fn posted(connection: &Connection, post: &Post) -> Result<(), Refused> {
    connection
        .prepare_cached(
            "INSERT INTO posts (approval, receiver, channel, ts, created, thread) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (approval, receiver) DO UPDATE SET channel = excluded.channel, ts = excluded.ts,
                thread = excluded.thread",
        )?
        .execute(params![
            post.approval.as_str(),
            post.receiver,
            post.channel,
            post.ts,
            post.time.0,
            post.thread
        ])?;
    Ok(())
}

/// Where a receiver is shown an approval.
pub(super) fn post(connection: &Connection, approval: &ApprovalId, receiver: &str) -> rusqlite::Result<Option<Post>> {
    connection
        .prepare("SELECT channel, ts, created, thread FROM posts WHERE approval = ?1 AND receiver = ?2")?
        .query_row(params![approval.as_str(), receiver], |row| {
            Ok(Post {
                approval: approval.clone(),
                receiver: receiver.into(),
                channel: row.get(0)?,
                ts: row.get(1)?,
                time: Timestamp(row.get(2)?),
                thread: row.get(3)?,
            })
        })
        .optional()
}

/// As [`delivery`] reads them.
const COLUMNS: &str =
    "deliveries.id, approval, deliveries.revision, event, receiver, deliveries.created, deliveries.state,
    attempts, due, error";

/// Nothing is put off for so many milliseconds: what is due later still is due since a clock that was set back then.
const FARTHEST: i64 = 2 * 60 * 60 * 1000;

/// What a receiver is to be told next, with the approval as it is now; `None` if nothing is due.
pub(super) fn next(
    connection: &Connection,
    receiver: &str,
    now: Timestamp,
    asks: Option<bool>,
) -> rusqlite::Result<Option<(Delivery, ApprovalRow)>> {
    connection
        .prepare(&format!(
            "SELECT {COLUMNS}, row FROM deliveries JOIN approvals ON approvals.id = approval
            WHERE receiver = ?1 AND deliveries.state = 'pending' AND (due <= ?2 OR due > ?2 + {FARTHEST})
                AND (?3 IS NULL OR (event = 'requested') = ?3)
            ORDER BY due, deliveries.id LIMIT 1"
        ))?
        .query_row(params![receiver, now.0, asks], |row| {
            let text: String = row.get(10)?;
            let approval = serde_json::from_str(&text).map_err(|error| unreadable(10, error))?;
            Ok((delivery(row)?, approval))
        })
        .optional()
}

/// When the next delivery to a receiver is due.
pub(super) fn next_due(
    connection: &Connection,
    receiver: &str,
    asks: Option<bool>,
) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare(
            "SELECT min(due) FROM deliveries
            WHERE receiver = ?1 AND state = 'pending' AND (?2 IS NULL OR (event = 'requested') = ?2)",
        )?
        .query_row(params![receiver, asks], |row| {
            Ok(row.get::<_, Option<i64>>(0)?.map(Timestamp))
        })
}

/// The latest deliveries, oldest first; `all`: those too that were delivered or had nothing to tell any more.
pub(super) fn latest(connection: &Connection, all: bool, limit: u32) -> rusqlite::Result<Vec<Delivery>> {
    let mut found: Vec<Delivery> = connection
        .prepare(&format!(
            "SELECT {COLUMNS} FROM deliveries WHERE ?1 OR state IN ('pending', 'given_up') ORDER BY id DESC LIMIT ?2"
        ))?
        .query_map(params![all, limit], delivery)?
        .collect::<rusqlite::Result<_>>()?;
    found.reverse();
    Ok(found)
}

/// Everybody who is told, by name.
pub(super) fn receivers(connection: &Connection) -> rusqlite::Result<Vec<ReceiverStanding>> {
    connection
        .prepare(
            "SELECT name, channel, disabled, why,
                (SELECT count(*) FROM deliveries WHERE receiver = name AND state = 'pending'),
                (SELECT count(*) FROM deliveries WHERE receiver = name AND state = 'delivered'),
                (SELECT count(*) FROM deliveries WHERE receiver = name AND state = 'given_up'),
                (SELECT error FROM deliveries WHERE receiver = name AND error IS NOT NULL ORDER BY id DESC LIMIT 1)
            FROM receivers WHERE active ORDER BY name",
        )?
        .query_map([], |row| {
            let disabled: Option<i64> = row.get(2)?;
            let why: Option<String> = row.get(3)?;
            Ok(ReceiverStanding {
                name: row.get(0)?,
                channel: named(row, 1, Channel::ALL, Channel::as_str)?,
                disabled: disabled.map(Timestamp).zip(why),
                pending: row.get(4)?,
                delivered: row.get(5)?,
                given_up: row.get(6)?,
                last_error: row.get(7)?,
            })
        })?
        .collect()
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        id: row.get(0)?,
        approval: parsed(row, 1)?,
        revision: row.get(2)?,
        event: row.get(3)?,
        receiver: row.get(4)?,
        created: Timestamp(row.get(5)?),
        state: named(row, 6, DeliveryState::ALL, DeliveryState::as_str)?,
        attempts: row.get(7)?,
        due: Timestamp(row.get(8)?),
        error: row.get(9)?,
    })
}

fn named<T: Copy, const N: usize>(
    row: &Row<'_>,
    column: usize,
    all: [T; N],
    name: fn(T) -> &'static str,
) -> rusqlite::Result<T> {
    word(row, column, all, name)?.ok_or_else(|| unreadable(column, "a word"))
}

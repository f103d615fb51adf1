//! The trail itself: `entries` and what they commit to, `entry_values`.

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{Entry, Timestamp};

/// The end of the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Of the last entry; 0 before the first.
    pub(super) seq: i64,
    /// Of the last entry: no later one has an earlier time.
    pub(super) time: Timestamp,
}

pub(super) fn last_place(connection: &Connection) -> rusqlite::Result<Place> {
    let last = connection
        .query_row("SELECT seq, time FROM entries ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, Timestamp(row.get(1)?)))
        })
        .optional()?;
    let (seq, time) = last.unwrap_or((0, Timestamp(i64::MIN)));
    Ok(Place { seq, time })
}

pub(super) fn append(
    connection: &Connection,
    place: &mut Place,
    now: Timestamp,
    entry: &Entry,
) -> rusqlite::Result<()> {
    let seq = place.seq + 1;
    let time = now.max(place.time);
    let bytes = entry.bytes(seq, time);
    connection
        .prepare_cached("INSERT INTO entries (seq, time, kind, call, bytes) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            seq,
            time.0,
            entry.kind.as_str(),
            entry.call.as_ref().map(|call| call.as_str()),
            bytes
        ])?;
    for (name, committed) in &entry.values {
        connection
            .prepare_cached("INSERT INTO entry_values (seq, name, salt, value) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![seq, name, committed.salt, committed.kept])?;
    }
    *place = Place { seq, time };
    Ok(())
}

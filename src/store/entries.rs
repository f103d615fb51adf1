//! The trail itself: `entries` and what they commit to, `entry_values`.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{ApprovalId, CallId, Entry, Timestamp};

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

/// An entry as it is kept, with what it commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// RFC 8785 JSON.
    pub bytes: Vec<u8>,
    /// RFC 8785 JSON by name; without those of which only the commitment is kept, or that were erased.
    pub values: BTreeMap<String, String>,
}

/// The entries about a call and about `approval`, in order.
pub(super) fn about(
    connection: &Connection,
    call: &CallId,
    approval: Option<&ApprovalId>,
) -> rusqlite::Result<Vec<Kept>> {
    let mut values = connection.prepare("SELECT name, value FROM entry_values WHERE seq = ?1 AND value IS NOT NULL")?;
    connection
        .prepare(
            "SELECT seq, bytes FROM entries
            WHERE call = ?1 OR (?2 IS NOT NULL AND call IS NULL AND json_extract(CAST(bytes AS TEXT), '$.approval') = ?2)
            ORDER BY seq",
        )?
        .query_map(
            params![call.as_str(), approval.map(|approval| approval.as_str())],
            |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)),
        )?
        .map(|found| {
            let (seq, bytes) = found?;
            let values = values.query_map([seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(Kept {
                bytes,
                values: values.collect::<rusqlite::Result<_>>()?,
            })
        })
        .collect()
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
        .prepare_cached("INSERT OR FAIL INTO entries (seq, time, kind, call, bytes) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            seq,
            time.0,
            entry.kind.as_str(),
            entry.call.as_ref().map(|call| call.as_str()),
            bytes
        ])?;
    // One row at a time: several rows in one statement SQLite would first gather in a table, because of the trigger.
    let mut insert = connection
        .prepare_cached("INSERT OR FAIL INTO entry_values (seq, name, salt, value) VALUES (?1, ?2, ?3, ?4)")?;
    for (name, committed) in &entry.values {
        insert.execute(params![seq, name, committed.salt, committed.kept])?;
    }
    *place = Place { seq, time };
    Ok(())
}

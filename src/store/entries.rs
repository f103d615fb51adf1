//! The trail itself: `entries` and what they commit to, `entry_values`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::entry::Committed;
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
        .prepare_cached("INSERT INTO entries (seq, time, kind, call, bytes) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            seq,
            time.0,
            entry.kind.as_str(),
            entry.call.as_ref().map(|call| call.as_str()),
            bytes
        ])?;
    let mut values = entry.values.iter().peekable();
    while values.peek().is_some() {
        insert_values(connection, seq, values.by_ref().take(AT_ONCE).collect())?;
    }
    *place = Place { seq, time };
    Ok(())
}

/// Values of one statement: each costs a good part of what its row costs.
const AT_ONCE: usize = 6;

fn insert_values(connection: &Connection, seq: i64, values: Vec<(&&str, &Committed)>) -> rusqlite::Result<()> {
    /// By the number of rows, from one.
    static STATEMENTS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let row = |at: usize| format!("(?1, ?{}, ?{}, ?{})", 3 * at + 2, 3 * at + 3, 3 * at + 4);
        let rows = |count| (0..count).map(row).collect::<Vec<_>>().join(", ");
        let statement = |count| {
            format!(
                "INSERT INTO entry_values (seq, name, salt, value) VALUES {}",
                rows(count)
            )
        };
        (1..=AT_ONCE).map(statement).collect()
    });
    let Some(sql) = values.len().checked_sub(1).and_then(|at| STATEMENTS.get(at)) else {
        return Ok(());
    };
    let mut statement = connection.prepare_cached(sql)?;
    statement.raw_bind_parameter(1, seq)?;
    for (at, (name, committed)) in values.into_iter().enumerate() {
        statement.raw_bind_parameter(3 * at + 2, name)?;
        statement.raw_bind_parameter(3 * at + 3, committed.salt)?;
        statement.raw_bind_parameter(3 * at + 4, committed.kept.as_deref())?;
    }
    statement.raw_execute().map(drop)
}

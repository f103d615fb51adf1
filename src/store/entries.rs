//! The trail itself: `entries` and what they commit to, `entry_values`.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::calls::unreadable;
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

/// An entry of a page of the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    pub seq: i64,
    pub kind: String,
    /// `None` where its values cannot be read.
    pub kept: Option<Kept>,
}

/// The place of the first entry at or after `time`; behind the last one if there is none. By halving, for times follow each
/// other as entries do, and there may be millions.
pub(super) fn first_at(connection: &Connection, time: Timestamp) -> rusqlite::Result<i64> {
    let ends = "SELECT coalesce(min(seq), 1), coalesce(max(seq), 0) + 1 FROM entries";
    let (mut first, mut behind): (i64, i64) = connection.query_row(ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut at = connection.prepare("SELECT time FROM entries WHERE seq = ?1")?;
    while first < behind {
        let middle = first + (behind - first) / 2;
        match at.query_row([middle], |row| row.get::<_, i64>(0))? < time.0 {
            true => first = middle + 1,
            false => behind = middle,
        }
    }
    Ok(first)
}

/// Entries of these kinds from `from` on and before `behind`, at most `limit` of them.
pub(super) fn page(
    connection: &Connection,
    from: i64,
    behind: i64,
    kinds: [&str; 2],
    limit: u32,
) -> rusqlite::Result<Vec<Placed>> {
    connection
        .prepare_cached(
            "SELECT seq, kind, bytes, committed FROM entries LEFT JOIN entry_values USING (seq)
            WHERE seq >= ?1 AND seq < ?2 AND kind IN (?3, ?4) ORDER BY seq LIMIT ?5",
        )?
        .query_map(params![from, behind, kinds[0], kinds[1], limit], |row| {
            let bytes = row.get(2)?;
            let values = row
                .get::<_, Option<String>>(3)?
                .map_or(Ok(BTreeMap::new()), |text| values(&text));
            Ok(Placed {
                seq: row.get(0)?,
                kind: row.get(1)?,
                kept: values.ok().map(|values| Kept { bytes, values }),
            })
        })?
        .collect()
}

/// The entries about a call and about `approval`, in order.
pub(super) fn about(
    connection: &Connection,
    call: &CallId,
    approval: Option<&ApprovalId>,
) -> rusqlite::Result<Vec<Kept>> {
    connection
        .prepare(
            "SELECT bytes, committed FROM entries LEFT JOIN entry_values USING (seq)
            WHERE call = ?1 OR (?2 IS NOT NULL AND call IS NULL AND json_extract(CAST(bytes AS TEXT), '$.approval') = ?2)
            ORDER BY seq",
        )?
        .query_map(
            params![call.as_str(), approval.map(|approval| approval.as_str())],
            |row| {
                Ok(Kept {
                    bytes: row.get(0)?,
                    values: row.get::<_, Option<String>>(1)?.map_or(Ok(BTreeMap::new()), |text| values(&text))?,
                })
            },
        )?
        .collect()
}

/// The values in a row of `entry_values`, as they stand there.
fn values(committed: &str) -> rusqlite::Result<BTreeMap<String, String>> {
    #[derive(Deserialize)]
    struct Told<'a> {
        #[serde(borrow)]
        value: Option<&'a RawValue>,
    }
    let told: BTreeMap<String, Told<'_>> = serde_json::from_str(committed).map_err(|error| unreadable(1, error))?;
    let kept = told
        .into_iter()
        .filter_map(|(name, told)| Some((name, told.value?.get().to_owned())));
    Ok(kept.collect())
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
    if let Some(committed) = entry.committed() {
        connection
            .prepare_cached("INSERT OR FAIL INTO entry_values (seq, committed) VALUES (?1, ?2)")?
            .execute(params![seq, committed])?;
    }
    *place = Place { seq, time };
    Ok(())
}

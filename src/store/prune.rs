//! The first entries taken out of the trail, with what they made: their hashes stay in the tiles.

use rusqlite::{Connection, OptionalExtension, params};

use super::group::Refused;
use super::reader::{ReadError, Reader};
use crate::model::Timestamp;
use crate::model::change::Pruning;

/// What is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The last of the entries.
    pub upto: i64,
    /// The entry that says so.
    pub by: i64,
}

/// An entry without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bare {
    pub seq: i64,
    pub time: Timestamp,
    pub kind: String,
    pub call: Option<String>,
    pub bytes: Vec<u8>,
}

/// `by`: the place of the entry that says so.
///
/// SECURITY: what is counted, asked or open would be forgotten with its rows; a row that is not as the entry says takes it all
/// back. Test: `what_is_open_is_not_pruned`.
pub(super) fn prune(connection: &Connection, by: i64, pruning: &Pruning) -> Result<(), Refused> {
    // In this order: an insert that turns into an update would have to pass the rule for the first one.
    let further = "UPDATE pruned SET upto = ?1, by = ?2";
    if connection.prepare_cached(further)?.execute([pruning.upto, by])? == 0 {
        let first = "INSERT INTO pruned (only, upto, by) VALUES (1, ?1, ?2)";
        connection.prepare_cached(first)?.execute([pruning.upto, by])?;
    }
    let kept = json(&pruning.kept);
    let mut gone = 0;
    for table in ["entry_values", "entries"] {
        let sql = format!("DELETE FROM {table} WHERE seq <= ?1 AND seq NOT IN (SELECT value FROM json_each(?2))");
        gone = connection.prepare_cached(&sql)?.execute(params![pruning.upto, kept])?;
    }
    exactly(i64::try_from(gone).ok() == Some(pruning.entries))?;
    let [calls, approvals, grants] = pruning.rows;
    let [open_calls, open_approvals, open_grants] = pruning.open.each_ref().map(|ids| json(ids));
    let goes = "ordinal <= ?1 AND id NOT IN (SELECT value FROM json_each(?2))";
    let of_approvals = format!("approval IN (SELECT id FROM approvals WHERE {goes})");
    for (table, open, upto, ids) in [
        ("calls", "outcome IS NULL", calls, &open_calls),
        (
            "approvals",
            "state IN ('pending', 'approved', 'returned')",
            approvals,
            &open_approvals,
        ),
        ("grants", "ended IS NULL AND used < uses", grants, &open_grants),
    ] {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE {goes} AND {open})");
        let is_open: bool = connection
            .prepare_cached(&sql)?
            .query_row(params![upto, ids], |row| row.get(0))?;
        exactly(!is_open)?;
    }
    for (table, which, upto, ids) in [
        ("deliveries", &*of_approvals, approvals, &open_approvals),
        ("posts", &*of_approvals, approvals, &open_approvals),
        ("calls", goes, calls, &open_calls),
        ("approvals", goes, approvals, &open_approvals),
        ("grants", goes, grants, &open_grants),
    ] {
        let sql = format!("DELETE FROM {table} WHERE {which}");
        connection.prepare_cached(&sql)?.execute(params![upto, ids])?;
    }
    let mut follows = [0; 3];
    for ((table, ids), follow) in [
        ("calls", open_calls),
        ("approvals", open_approvals),
        ("grants", open_grants),
    ]
    .into_iter()
    .zip(&mut follows)
    {
        let sql = format!(
            "SELECT coalesce((SELECT ordinal - 1 FROM {table} WHERE id NOT IN (SELECT value FROM json_each(?1)) ORDER BY ordinal LIMIT 1),
                (SELECT max(ordinal) FROM {table}), 0)"
        );
        *follow = connection.prepare_cached(&sql)?.query_row([ids], |row| row.get(0))?;
    }
    exactly(follows == pruning.follows)
}

fn json<T: Clone + Into<serde_json::Value>>(list: &[T]) -> String {
    serde_json::Value::from(list).to_string()
}

fn exactly(fits: bool) -> Result<(), Refused> {
    if fits { Ok(()) } else { Err(Refused::Lost) }
}

pub(super) fn gone(connection: &Connection) -> rusqlite::Result<Option<Gone>> {
    connection
        .prepare_cached("SELECT upto, by FROM pruned WHERE only = 1")?
        .query_row([], |row| {
            Ok(Gone {
                upto: row.get(0)?,
                by: row.get(1)?,
            })
        })
        .optional()
}

/// Entries from there on, at most `limit` of them.
fn bare(connection: &Connection, from: i64, limit: u32) -> rusqlite::Result<Vec<Bare>> {
    connection
        .prepare_cached("SELECT seq, time, kind, call, bytes FROM entries WHERE seq >= ?1 ORDER BY seq LIMIT ?2")?
        .query_map(params![from, limit], |row| {
            Ok(Bare {
                seq: row.get(0)?,
                time: Timestamp(row.get(1)?),
                kind: row.get(2)?,
                call: row.get(3)?,
                bytes: row.get(4)?,
            })
        })?
        .collect()
}

/// Whether there are rows of calls, approvals and grants behind these ordinals.
fn are_behind(connection: &Connection, rows: [i64; 3]) -> rusqlite::Result<[bool; 3]> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM calls WHERE ordinal > ?1), EXISTS (SELECT 1 FROM approvals WHERE ordinal > ?2),
                EXISTS (SELECT 1 FROM grants WHERE ordinal > ?3)",
        )?
        .query_row(rows, |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))
}

/// The ordinals of these calls, approvals and grants.
fn ordinals(connection: &Connection, ids: &[Vec<String>; 3]) -> rusqlite::Result<[Vec<i64>; 3]> {
    let mut found = [const { Vec::new() }; 3];
    for ((table, ids), found) in ["calls", "approvals", "grants"].into_iter().zip(ids).zip(&mut found) {
        let sql = format!("SELECT ordinal FROM {table} WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY ordinal");
        *found = connection
            .prepare_cached(&sql)?
            .query_map([json(ids)], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
    }
    Ok(found)
}

/// Bytes of some entries with their values.
fn weight(connection: &Connection, upto: i64) -> rusqlite::Result<i64> {
    connection.query_row(
        "SELECT coalesce(sum(length(bytes) + coalesce(length(committed), 0)), 0)
        FROM entries LEFT JOIN entry_values USING (seq) WHERE seq <= ?1",
        [upto],
        |row| row.get(0),
    )
}

impl Reader {
    /// From here on it reads the record as it is now, whatever is written or pruned meanwhile.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn stand_still(&self) -> Result<(), ReadError> {
        Ok(self.connection.execute_batch("BEGIN")?)
    }

    /// What was pruned; `None`: nothing ever was.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn gone(&self) -> Result<Option<Gone>, ReadError> {
        Ok(gone(&self.connection)?)
    }

    /// Entries from the place `from` on without their values, at most `limit` of them.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn bare(&self, from: i64, limit: u32) -> Result<Vec<Bare>, ReadError> {
        Ok(bare(&self.connection, from, limit)?)
    }

    /// Whether there are rows of calls, approvals and grants behind these ordinals.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn are_behind(&self, rows: [i64; 3]) -> Result<[bool; 3], ReadError> {
        Ok(are_behind(&self.connection, rows)?)
    }

    /// The ordinals of these calls, approvals and grants, by their ids, in order.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn ordinals(&self, ids: &[Vec<String>; 3]) -> Result<[Vec<i64>; 3], ReadError> {
        Ok(ordinals(&self.connection, ids)?)
    }

    /// Bytes of the entries up to the place `upto`, with their values.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn weight(&self, upto: i64) -> Result<i64, ReadError> {
        Ok(weight(&self.connection, upto)?)
    }
}

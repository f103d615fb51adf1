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
    let kept = serde_json::Value::from(pruning.kept.as_slice()).to_string();
    let mut gone = 0;
    for table in ["entry_values", "entries"] {
        let sql = format!("DELETE FROM {table} WHERE seq <= ?1 AND seq NOT IN (SELECT value FROM json_each(?2))");
        gone = connection.prepare_cached(&sql)?.execute(params![pruning.upto, kept])?;
    }
    exactly(i64::try_from(gone).ok() == Some(pruning.entries))?;
    let [calls, approvals, grants] = pruning.rows;
    let of_approvals = "approval IN (SELECT id FROM approvals WHERE ordinal <= ?1)";
    let open: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM calls WHERE ordinal <= ?1 AND outcome IS NULL)
                OR EXISTS (SELECT 1 FROM approvals WHERE ordinal <= ?2 AND state IN ('pending', 'approved', 'returned'))
                OR EXISTS (SELECT 1 FROM grants WHERE ordinal <= ?3 AND ended IS NULL AND used < uses)",
        )?
        .query_row([calls, approvals, grants], |row| row.get(0))?;
    exactly(!open)?;
    for (sql, upto) in [
        (format!("DELETE FROM deliveries WHERE {of_approvals}"), approvals),
        (format!("DELETE FROM posts WHERE {of_approvals}"), approvals),
        ("DELETE FROM calls WHERE ordinal <= ?1".to_owned(), calls),
        ("DELETE FROM approvals WHERE ordinal <= ?1".to_owned(), approvals),
        ("DELETE FROM grants WHERE ordinal <= ?1".to_owned(), grants),
    ] {
        connection.prepare_cached(&sql)?.execute([upto])?;
    }
    let follows: [i64; 3] = connection
        .prepare_cached(
            "SELECT coalesce((SELECT min(ordinal) FROM calls) - 1, 0), coalesce((SELECT min(ordinal) FROM approvals) - 1, 0),
                coalesce((SELECT min(ordinal) FROM grants) - 1, 0)",
        )?
        .query_row([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
    exactly(follows == pruning.follows)
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

    /// Bytes of the entries up to the place `upto`, with their values.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn weight(&self, upto: i64) -> Result<i64, ReadError> {
        Ok(weight(&self.connection, upto)?)
    }
}

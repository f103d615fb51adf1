//! The Merkle tree of the trail: `tiles` and `checkpoints`. Written by groups as everything else, but apart from the entries:
//! whoever commits a call waits for the hash of its own entries only.

use rusqlite::{Connection, OptionalExtension, params};

use super::calls::{one, unreadable};
use super::group::Refused;
use super::reader::{ReadError, Reader};
use crate::model::change::Seal;
use crate::model::merkle::Hash;

/// A checkpoint as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// From 1, without gaps.
    pub ordinal: i64,
    /// Entries that it is over.
    pub size: u64,
    /// C2SP signed note.
    pub note: String,
}

/// Lost where another checkpoint was put meanwhile.
pub(super) fn seal(connection: &Connection, seal: &Seal) -> Result<(), Refused> {
    let written = connection
        .prepare_cached(
            "INSERT OR FAIL INTO checkpoints (ordinal, size, note)
            SELECT ?1, ?2, ?3 WHERE ?1 = (SELECT coalesce(max(ordinal), 0) + 1 FROM checkpoints)",
        )?
        .execute(params![seal.ordinal, number(seal.size)?, seal.note])?;
    one(written)?;
    let mut put = connection.prepare_cached(
        "INSERT INTO tiles (level, n, hashes) VALUES (?1, ?2, ?3)
        ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes",
    )?;
    for tile in &seal.tiles {
        put.execute(params![tile.level, number(tile.index)?, tile.hashes.as_flattened()])?;
    }
    Ok(())
}

pub(super) fn last(connection: &Connection) -> rusqlite::Result<Option<Checkpoint>> {
    connection
        .prepare_cached("SELECT ordinal, size, note FROM checkpoints ORDER BY ordinal DESC LIMIT 1")?
        .query_row([], |row| {
            Ok(Checkpoint {
                ordinal: row.get(0)?,
                size: u64::try_from(row.get::<_, i64>(1)?).map_err(|error| unreadable(1, error))?,
                note: row.get(2)?,
            })
        })
        .optional()
}

/// The note of the last checkpoint over at most `size` entries.
pub(super) fn note_up_to(connection: &Connection, size: i64) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT note FROM checkpoints WHERE size <= ?1 ORDER BY ordinal DESC LIMIT 1")?
        .query_row([size], |row| row.get(0))
        .optional()
}

/// The hashes of a tile; empty where there is none.
pub(super) fn tile(connection: &Connection, level: u32, index: u64) -> rusqlite::Result<Vec<Hash>> {
    let mut statement = connection.prepare_cached("SELECT hashes FROM tiles WHERE level = ?1 AND n = ?2")?;
    let mut rows = statement.query(params![level, number(index)?])?;
    let Some(row) = rows.next()? else {
        return Ok(Vec::new());
    };
    let bytes = row.get_ref(0)?.as_blob()?;
    match bytes.as_chunks() {
        (hashes, []) => Ok(hashes.to_vec()),
        _ => Err(unreadable(0, "a tile that is cut")),
    }
}

/// The bytes of the entries behind the first `from`, at most `limit`. An error where one is missing.
pub(super) fn behind(
    connection: &Connection,
    from: u64,
    limit: u32,
    mut each: impl FnMut(&[u8]),
) -> Result<(), ReadError> {
    let mut statement =
        connection.prepare_cached("SELECT seq, bytes FROM entries WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    let mut rows = statement.query(params![number(from)?, limit])?;
    let mut expected = number(from)?;
    while let Some(row) = rows.next()? {
        expected += 1;
        if row.get::<_, i64>(0)? != expected {
            let entry = u64::try_from(expected).unwrap_or_default();
            return Err(ReadError::Missing { entry });
        }
        // What is no BLOB is none of ours.
        each(row.get_ref(1)?.as_bytes().unwrap_or_default());
    }
    Ok(())
}

impl Reader {
    /// The note of the last checkpoint over at most `size` entries.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn note_up_to(&self, size: i64) -> Result<Option<String>, ReadError> {
        Ok(note_up_to(&self.connection, size)?)
    }
}

fn number(number: u64) -> rusqlite::Result<i64> {
    i64::try_from(number).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

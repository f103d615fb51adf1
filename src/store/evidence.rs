//! The database as evidence: read in one piece, as it lies there, without changing or trusting anything in it.

use std::path::{Path, PathBuf};

use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Rows, Statement};

use super::connect::Stamp;
use super::open::{OpenError, explain};
use super::reader::ReadError;
use super::{Gone, connect, prune, schema, tree};
use crate::model::merkle::Hash;

impl ReadError {
    /// Whether the database is not as it was written, and was not only out of reach.
    pub fn is_damage(&self) -> bool {
        match self {
            ReadError::Open(error) => error.is_damage(),
            ReadError::Missing { .. } | ReadError::NoTile { .. } => true,
            ReadError::Read(error) => !matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::FileLockingProtocolFailed
                        | ErrorCode::CannotOpen
                        | ErrorCode::PermissionDenied
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::OutOfMemory
                        | ErrorCode::OperationInterrupted
                )
            ),
        }
    }
}

/// A database at one moment.
#[derive(Debug)]
pub struct Evidence {
    connection: Connection,
    path: PathBuf,
    /// What the file was like, where nothing keeps writers out.
    stamp: Option<Stamp>,
    /// Of its tables.
    version: i64,
}

/// An entry's bytes, and the values beside it.
type Written = (Vec<u8>, Option<String>);

/// What to read, in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// `seq, time, kind, call, bytes, committed`
    Entries,
    /// `seq, time, kind, call, bytes`
    BareEntries,
    /// `seq, committed`, whether there is such an entry or not.
    Values,
    /// `ordinal`, then as the table has them.
    Calls,
    Approvals,
    Grants,
    Agents,
    People,
    /// `agent, by, reason, since`
    Pauses,
    /// `level, n`, hashes
    Tiles,
    /// `ordinal, size, note`
    Checkpoints,
}

impl Table {
    pub fn name(self) -> &'static str {
        match self {
            Table::Entries | Table::BareEntries => "entries",
            Table::Values => "entry_values",
            Table::Calls => "calls",
            Table::Approvals => "approvals",
            Table::Grants => "grants",
            Table::Agents => "agents",
            Table::People => "people",
            Table::Pauses => "pauses",
            Table::Tiles => "tiles",
            Table::Checkpoints => "checkpoints",
        }
    }

    /// The version of the tables that brought it; those with checkpoints have the rest.
    fn since(self) -> i64 {
        match self {
            Table::Grants => 6,
            Table::Entries
            | Table::BareEntries
            | Table::Values
            | Table::Calls
            | Table::Approvals
            | Table::Agents
            | Table::People
            | Table::Pauses
            | Table::Tiles
            | Table::Checkpoints => schema::SEALED,
        }
    }

    fn sql(self) -> &'static str {
        match self {
            Table::Entries => {
                "SELECT seq, time, kind, call, bytes, committed FROM entries LEFT JOIN entry_values USING (seq)
                ORDER BY seq"
            }
            Table::BareEntries => "SELECT seq, time, kind, call, bytes FROM entries ORDER BY seq",
            Table::Values => "SELECT seq, committed FROM entry_values ORDER BY seq",
            Table::Calls => {
                "SELECT ordinal, id, time, agent, provider, operation, action, environment, decision, rules, approval,
                    reason, outcome, closed, status, result_id, summary, request_line, target_kind, target_id, sent,
                    received, milliseconds, would, risk FROM calls ORDER BY ordinal"
            }
            Table::Approvals => {
                "SELECT ordinal, id, revision, state, agent, fingerprint, created, expires, decided, grant_expires,
                    consumed_by, consumed, row FROM approvals ORDER BY ordinal"
            }
            Table::Grants => {
                "SELECT ordinal, id, agent, person, uses, used, created, expires, ended, ended_by, row FROM grants
                ORDER BY ordinal"
            }
            Table::Agents => "SELECT name, roles, owner, key_sha256, created, disabled FROM agents ORDER BY name",
            Table::People => "SELECT name, groups, key_sha256, created, disabled FROM people ORDER BY name",
            Table::Pauses => "SELECT agent, by, reason, since FROM pauses ORDER BY agent",
            Table::Tiles => "SELECT level, n, length(hashes) / 32 FROM tiles ORDER BY level, n",
            Table::Checkpoints => "SELECT ordinal, size, note FROM checkpoints ORDER BY ordinal",
        }
    }
}

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    /// Whatever else it is.
    Bytes(&'a [u8]),
}

impl<'a> Cell<'a> {
    pub fn text(self) -> Option<&'a str> {
        match self {
            Cell::Text(text) => Some(text),
            Cell::Null | Cell::Int(_) | Cell::Bytes(_) => None,
        }
    }

    /// `None`: it is neither a text nor nothing.
    ///
    /// SECURITY: bytes that are no text would pass for nothing. Test: `every_column_of_every_table_is_held_to_the_trail`.
    pub fn text_or_null(self) -> Option<Option<&'a str>> {
        match self {
            Cell::Null => Some(None),
            Cell::Text(text) => Some(Some(text)),
            Cell::Int(_) | Cell::Bytes(_) => None,
        }
    }

    pub fn int(self) -> Option<i64> {
        match self {
            Cell::Int(number) => Some(number),
            Cell::Null | Cell::Text(_) | Cell::Bytes(_) => None,
        }
    }

    pub fn bytes(self) -> &'a [u8] {
        match self {
            Cell::Text(text) => text.as_bytes(),
            Cell::Bytes(bytes) => bytes,
            Cell::Null | Cell::Int(_) => &[],
        }
    }
}

impl Evidence {
    /// Opens the database at `path`: of a running sidecar, or a copy with or without its `-wal`.
    ///
    /// # Errors
    /// If it is missing, not ours, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let (connection, stamp) = connect::evidence(path)?;
        Ok(Self {
            version: schema::version(&connection).map_err(|source| explain(path, source))?,
            connection,
            path: path.to_owned(),
            stamp,
        })
    }

    /// What a store of this process holds, at this moment.
    pub(super) fn of(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| explain(path, source);
        let connection = connect::reader(path)?;
        connection.execute_batch("BEGIN").map_err(failed)?;
        Ok(Self {
            version: schema::version(&connection).map_err(failed)?,
            connection,
            path: path.to_owned(),
            stamp: None,
        })
    }

    /// Whether the file is still as it was when it was opened: else what was read of it is of no one moment.
    pub fn is_still(&self) -> bool {
        self.stamp.is_none_or(|stamp| stamp == Stamp::of(&self.path))
    }

    /// What of its tables, indices and triggers is not as this program makes it: its name, and why.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn strange(&self) -> Result<Vec<(String, &'static str)>, ReadError> {
        Ok(schema::strange(&self.connection)?)
    }

    /// What SQLite itself finds wrong with the file, the first of it: pages, indexes that lack rows, rules of tables.
    ///
    /// SECURITY: a row that is as it was, but that an index leaves out, is seen by who verifies and not by who asks for calls
    /// of a period. Test: `a_call_that_an_index_hides_is_found`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn damage(&self) -> Result<Option<String>, ReadError> {
        let mut statement = self.connection.prepare("PRAGMA integrity_check(8)")?;
        let told: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok((told != ["ok"]).then(|| told.join("; ").replace('\n', " ")))
    }

    /// Rows to read, all of the same moment.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn query(&self, table: Table) -> Result<Query<'_>, ReadError> {
        let sql = match table.since() <= self.version {
            true => table.sql(),
            // There were none yet.
            false => "SELECT 0 WHERE 0",
        };
        Ok(Query(self.connection.prepare(sql)?))
    }

    /// The hashes of a tile; empty where there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn tile(&self, level: u32, index: u64) -> Result<Vec<Hash>, ReadError> {
        Ok(tree::tile(&self.connection, level, index)?)
    }

    /// An entry's bytes, and what is kept of what it commits to.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn entry(&self, seq: i64) -> Result<Option<Written>, ReadError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT bytes, committed FROM entries LEFT JOIN entry_values USING (seq) WHERE seq = ?1")?;
        Ok(statement
            .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?)
    }

    /// What was pruned, as its row says.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn gone(&self) -> Result<Option<Gone>, ReadError> {
        match self.version < schema::PRUNED {
            true => Ok(None),
            false => Ok(prune::gone(&self.connection)?),
        }
    }

    /// What kind of entry stands there.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn kind(&self, seq: u64) -> Result<Option<String>, ReadError> {
        let seq = i64::try_from(seq).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare("SELECT kind FROM entries WHERE seq = ?1")?;
        Ok(statement.query_row([seq], |row| row.get(0)).optional()?)
    }

    /// How many entries of these kinds there are behind the first `size`.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn count_behind(&self, size: u64, kinds: &[&str]) -> Result<u64, ReadError> {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare("SELECT kind FROM entries WHERE seq > ?1")?;
        let mut rows = statement.query([size])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            count += u64::from(kinds.contains(&row.get_ref(0)?.as_str().unwrap_or_default()));
        }
        Ok(count)
    }

    /// The bytes of the entries of kind `key` among the first `size`, in order.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn key_entries(&self, size: u64) -> Result<Vec<Vec<u8>>, ReadError> {
        let keys = "SELECT bytes FROM entries WHERE kind = 'key' AND seq <= ?1 ORDER BY seq";
        let mut statement = self.connection.prepare(keys)?;
        let bytes = statement.query_map([i64::try_from(size).unwrap_or(i64::MAX)], |row| row.get(0))?;
        Ok(bytes.collect::<Result<_, _>>()?)
    }

    /// The note of the last checkpoint.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn last_note(&self) -> Result<Option<String>, ReadError> {
        Ok(tree::last(&self.connection)?.map(|last| last.note))
    }

    /// The note of the last checkpoint over at most `size` entries.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn note_up_to(&self, size: i64) -> Result<Option<String>, ReadError> {
        Ok(tree::note_up_to(&self.connection, size)?)
    }

    /// Place of the last entry; 0 before the first.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn last_entry(&self) -> Result<i64, ReadError> {
        let last = "SELECT coalesce(max(seq), 0) FROM entries";
        Ok(self.connection.query_row(last, [], |row| row.get(0))?)
    }

    /// The largest size that a checkpoint's row says; `None` without checkpoints.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn sealed(&self) -> Result<Option<i64>, ReadError> {
        let last = "SELECT max(size) FROM checkpoints";
        Ok(self.connection.query_row(last, [], |row| row.get(0))?)
    }
}

/// Rows that are about to be read.
pub struct Query<'a>(Statement<'a>);

impl Query<'_> {
    /// # Errors
    /// If they cannot be read.
    pub fn lines(&mut self) -> Result<Lines<'_>, ReadError> {
        Ok(Lines(self.0.query([])?))
    }
}

/// Rows, one after the other.
pub struct Lines<'a>(Rows<'a>);

impl Lines<'_> {
    /// # Errors
    /// If the next one cannot be read.
    pub fn line(&mut self) -> Result<Option<Line<'_>>, ReadError> {
        Ok(self.0.next()?.map(Line))
    }

    /// The row that was read last.
    pub fn last(&self) -> Option<Line<'_>> {
        FallibleStreamingIterator::get(&self.0).map(Line)
    }
}

/// A row.
pub struct Line<'a>(&'a Row<'a>);

impl<'a> Line<'a> {
    pub fn cell(&self, column: usize) -> Cell<'a> {
        match self.0.get_ref(column) {
            Ok(ValueRef::Integer(number)) => Cell::Int(number),
            Ok(ValueRef::Text(text)) => std::str::from_utf8(text).map_or(Cell::Bytes(text), Cell::Text),
            Ok(ValueRef::Blob(bytes)) => Cell::Bytes(bytes),
            Ok(ValueRef::Real(_)) => Cell::Bytes(b"a number with a fraction"),
            Ok(ValueRef::Null) | Err(_) => Cell::Null,
        }
    }
}

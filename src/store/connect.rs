//! Connections: identified before anything is changed, configured, checked whole, migrated.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::open::{OpenError, explain, unusable};
use super::schema;
use crate::model::inert::inert;

/// How long to wait for another program's lock. A commit that waits is a call that waits: better to refuse it.
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);
/// The log shrinks back to this many bytes when it starts again from its beginning. More than it grows to under load, for
/// a file that is written over costs less than one that grows.
const LOG_KEPT: i64 = 16 * 1024 * 1024;
/// Statements kept prepared: more than the writer has.
const STATEMENTS: usize = 64;

/// The writer's connection: identified, checked whole, configured, migrated.
pub(super) fn writer(path: &Path) -> Result<Connection, OpenError> {
    let connection = attach(path)?;
    let damage = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
        .map_err(|source| explain(path, source))?;
    if damage != "ok" {
        return Err(OpenError::Damaged {
            path: path.to_owned(),
            detail: damage,
        });
    }
    // Before anything is written by it: a migration is what a trigger would wait for.
    let strange = schema::strange(&connection).map_err(|source| explain(path, source))?;
    if let Some((name, wrong)) = strange.into_iter().next() {
        return Err(OpenError::Altered {
            path: path.to_owned(),
            name: inert(&name).into_owned(),
            wrong,
        });
    }
    schema::migrate(&connection).map_err(|source| explain(path, source))?;
    Ok(connection)
}

/// A connection that writes, configured, to a database that was looked at before (or is new).
pub(super) fn attach(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|source| explain(path, source))?;
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(|source| explain(path, source))?;
    // Before the first setting: nothing may be changed in a file that is not ours.
    identify(&connection, path, Stranger::MayBeNew)?;
    configure(&connection, path)?;
    Ok(connection)
}

/// A connection that only reads; works beside a running sidecar and without one.
pub(super) fn reader(path: &Path) -> Result<Connection, OpenError> {
    read_only(path, Stranger::IsForeign)
}

fn read_only(path: &Path, oldest: Stranger) -> Result<Connection, OpenError> {
    if !path.exists() {
        return Err(OpenError::Missing(path.to_owned()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |source| explain(path, source);
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    distrust(&connection).map_err(failed)?;
    identify(&connection, path, oldest)?;
    Ok(connection)
}

/// A connection for evidence: it reads one state of the database from beginning to end, and leaves no trace beside the file.
/// With it, what the file was like if nobody may write to it meanwhile.
pub(super) fn evidence(path: &Path) -> Result<(Connection, Option<Stamp>), OpenError> {
    let failed = |source| explain(path, source);
    let before = Stamp::of(path);
    let logged = before.log > 0;
    let connection = match logged {
        true => read_only(path, Stranger::IsEvidence).map_err(|error| {
            if let OpenError::ReadOnly(path) = error {
                return OpenError::Logged(path);
            }
            error
        })?,
        // Without a log, nobody writes to it: SQLite would make one, and refuse where it may not.
        false => {
            if !path.exists() {
                return Err(OpenError::Missing(path.to_owned()));
            }
            let name = path.canonicalize().map_err(|source| unusable(path, source))?;
            let name = percent_encode(name.as_os_str().as_bytes(), NON_ALPHANUMERIC);
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
            let uri = format!("file:{name}?immutable=1");
            let connection = Connection::open_with_flags(uri, flags).map_err(failed)?;
            distrust(&connection).map_err(failed)?;
            identify(&connection, path, Stranger::IsEvidence)?;
            connection
        }
    };
    connection.execute_batch("BEGIN").map_err(failed)?;
    Ok((connection, (!logged).then_some(before)))
}

/// What tells that a file was written to. Without a log, nothing keeps writers out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Bytes of its log.
    log: u64,
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let found = path.metadata().ok();
        Self {
            length: found.as_ref().map_or(0, std::fs::Metadata::len),
            modified: found.and_then(|found| found.modified().ok()),
            log: Path::new(&log).metadata().map_or(0, |log| log.len()),
        }
    }
}

fn distrust(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")
}

/// What to make of a database without our mark and without tables.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stranger {
    MayBeNew,
    IsForeign,
    /// Of whichever version has checkpoints.
    IsEvidence,
}

impl Stranger {
    /// The oldest version that is read.
    fn oldest(self) -> i64 {
        match self {
            Stranger::MayBeNew => 0,
            Stranger::IsForeign => schema::VERSION,
            Stranger::IsEvidence => schema::SEALED,
        }
    }
}

fn identify(connection: &Connection, path: &Path, stranger: Stranger) -> Result<(), OpenError> {
    let number = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|source| explain(path, source))
    };
    let mark = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let known = schema::VERSION;
    let path = path.to_owned();
    match (mark, version, tables) {
        (0, 0, 0) if stranger == Stranger::MayBeNew => Ok(()),
        (schema::APPLICATION_ID, found, _) if found > known => Err(OpenError::Newer { path, found, known }),
        (schema::APPLICATION_ID, found, _) if found < stranger.oldest() => Err(OpenError::Older { path, found, known }),
        (schema::APPLICATION_ID, _, _) => Ok(()),
        _ => Err(OpenError::Foreign(path)),
    }
}

/// Sets what durability and safety rest on, and looks whether each setting took.
fn configure(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let settings: [(&'static str, &str); 10] = [
        ("journal_mode = WAL", "wal"),
        ("synchronous = FULL", "2"),
        // Only macOS has a weaker fsync to be told about; elsewhere this changes nothing.
        ("fullfsync = ON", "1"),
        ("foreign_keys = ON", "1"),
        ("trusted_schema = OFF", "0"),
        // An erased value must not be left in free pages.
        ("secure_delete = ON", "1"),
        ("cell_size_check = ON", "1"),
        // Savepoints keep their undo in memory instead of a file.
        ("temp_store = MEMORY", "2"),
        // The log is folded back by `checkpoint`, off the writer's path.
        ("wal_autocheckpoint = 0", "0"),
        ("locking_mode = NORMAL", "normal"),
    ];
    for (pragma, wanted) in settings {
        let found = set(connection, pragma).map_err(|source| explain(path, source))?;
        if found != wanted {
            return Err(OpenError::Setting {
                path: path.to_owned(),
                pragma,
                found,
            });
        }
    }
    connection
        .pragma_update(None, "journal_size_limit", LOG_KEPT)
        .and_then(|()| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true))
        .map_err(|source| explain(path, source))?;
    Ok(())
}

/// Runs `PRAGMA name = value` and then asks `PRAGMA name`.
fn set(connection: &Connection, pragma: &str) -> rusqlite::Result<String> {
    connection.execute_batch(&format!("PRAGMA {pragma}"))?;
    let name = pragma.split(' ').next().unwrap_or(pragma);
    connection.query_row(&format!("PRAGMA {name}"), [], |row| {
        Ok(match row.get_ref(0)? {
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => String::new(),
        })
    })
}

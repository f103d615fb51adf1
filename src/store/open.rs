//! What may be opened: the directory, the lock, the file and its modes; and what a failure means to people.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the database was not opened. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot use `{}`; check that it exists and that this user may read and write it", path.display())]
    Unusable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "another runplane is running on `{}` (it holds `{}`); stop it, or give this one a home of its own with --home",
        state.display(), lock.display()
    )]
    InUse { state: PathBuf, lock: PathBuf },
    #[error(
        "`{}` is open to other users (mode {found:04o}), and the record is in it; type: chmod {wanted:o} {}",
        path.display(), path.display()
    )]
    LaxMode { path: PathBuf, found: u32, wanted: u32 },
    #[error("there is no database at `{}`: runplane has not run in this home yet", .0.display())]
    Missing(PathBuf),
    #[error(
        "`{}` is not a runplane database, or its first page is overwritten; it was left as it is: move it away, or restore it from a backup",
        .0.display()
    )]
    Foreign(PathBuf),
    #[error("`{}` was written by a newer runplane (schema {found}, this one knows up to {known}); run that one", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("`{}` is of an older runplane (schema {found}, this one reads {known}); `runplane run` brings it up to date", path.display())]
    Older { path: PathBuf, found: i64, known: i64 },
    #[error("another program has locked `{}` (a backup, or sqlite3 at a prompt); let it finish or close it, then start again", .0.display())]
    Locked(PathBuf),
    #[error(
        "`{}` is damaged ({detail}); it was left as it is: keep a copy, then restore it from a backup, or move it and `log.last` away to begin a new trail",
        path.display()
    )]
    Damaged { path: PathBuf, detail: String },
    #[error(
        "the tables of `{}` are not those that runplane makes (`{name}`: {wrong}): somebody changed them. It was left as it is: keep a copy, and \
         look at it with `runplane audit verify`; then undo that, restore it from a backup, or move it and `log.last` away to begin a new trail",
        path.display()
    )]
    Altered {
        path: PathBuf,
        name: String,
        wrong: &'static str,
    },
    #[error(
        "`{}` cannot be written; check the owner and modes of it and of its directory, and that its file system is not read-only",
        .0.display()
    )]
    ReadOnly(PathBuf),
    #[error(
        "`{}` has a log (`-wal`) beside it that is part of it, and cannot be read where nothing may be written: copy both to where you may \
         write, and read that",
        .0.display()
    )]
    Logged(PathBuf),
    #[error("the file system under `{}` is full; make room, then start again", .0.display())]
    Full(PathBuf),
    #[error("`{}` did not take `PRAGMA {pragma}` (it answered `{found}`); the record would not be durable there: use a local file system", path.display())]
    Setting {
        path: PathBuf,
        pragma: &'static str,
        found: String,
    },
    #[error("cannot open `{}`", path.display())]
    Database {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
}

impl OpenError {
    /// Whether it is a database of ours that is not as it was written.
    pub fn is_damage(&self) -> bool {
        match self {
            OpenError::Damaged { .. } | OpenError::Altered { .. } => true,
            // A form of file that SQLite never wrote.
            OpenError::Database { source, .. } => source.sqlite_error_code() == Some(ErrorCode::Unknown),
            OpenError::Unusable { .. }
            | OpenError::InUse { .. }
            | OpenError::LaxMode { .. }
            | OpenError::Missing(_)
            | OpenError::Foreign(_)
            | OpenError::Newer { .. }
            | OpenError::Older { .. }
            | OpenError::Locked(_)
            | OpenError::ReadOnly(_)
            | OpenError::Logged(_)
            | OpenError::Full(_)
            | OpenError::Setting { .. } => false,
        }
    }
}

/// What a failure of SQLite at `path` means to the one who started us.
pub(super) fn explain(path: &Path, source: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign(path),
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged {
            path,
            detail: source.to_string(),
        },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            OpenError::Locked(path)
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => OpenError::ReadOnly(path),
        Some(ErrorCode::DiskFull) => OpenError::Full(path),
        _ => OpenError::Database { path, source },
    }
}

/// What the system would not do for `path`.
pub(super) fn unusable(path: &Path, source: io::Error) -> OpenError {
    OpenError::Unusable {
        path: path.to_owned(),
        source,
    }
}

/// Makes the directory and the file if they are missing, refuses them if others can read them, and takes the lock that
/// keeps a second process out for as long as the returned file lives.
pub(super) fn claim(path: &Path) -> Result<File, OpenError> {
    let state = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(state)
        .map_err(|source| unusable(state, source))?;
    refuse_lax(state, 0o700)?;

    let lock_path = state.join("lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&lock_path)
        .map_err(|source| unusable(&lock_path, source))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(OpenError::InUse {
                state: state.to_owned(),
                lock: lock_path,
            });
        }
        Err(TryLockError::Error(source)) => return Err(unusable(&lock_path, source)),
    }

    // Made by us, so that neither SQLite's own mode nor a umask decides who reads it; its log inherits the mode.
    match OpenOptions::new().create_new(true).write(true).mode(0o600).open(path) {
        Ok(_) => sync_directories(state).map_err(|source| unusable(state, source))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => refuse_lax(path, 0o600)?,
        Err(source) => return Err(unusable(path, source)),
    }
    Ok(lock)
}

/// A new file survives a power cut only once its directory entry does, and its directory's.
fn sync_directories(state: &Path) -> io::Result<()> {
    File::open(state)?.sync_all()?;
    match state.canonicalize()?.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// SECURITY: summaries and fields of calls lie in clear beside the trail (T12: the agent reads files).
/// Test: `a_state_that_others_can_read_is_refused`.
fn refuse_lax(path: &Path, wanted: u32) -> Result<(), OpenError> {
    let metadata = fs::metadata(path).map_err(|source| unusable(path, source))?;
    let found = metadata.permissions().mode() & 0o7777;
    if found & 0o077 != 0 {
        return Err(OpenError::LaxMode {
            path: path.to_owned(),
            found,
            wanted,
        });
    }
    Ok(())
}

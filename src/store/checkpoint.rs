//! Folds the write-ahead log back into the database, on a connection and a thread of its own: a checkpoint in the
//! writer would stall every call that waits for its commit.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

use super::connect;

/// Entries after which a checkpoint is due; each takes a page or so of the log.
const ENTRIES: i64 = 1_000;
/// A checkpoint is due at the latest after this time, if anything was written.
const INTERVAL: Duration = Duration::from_secs(1);
/// Pages in the log from which on the writer lends a hand (8 MiB). Under constant load the log always grows while it is
/// folded back, so that only a pause between two groups lets it start again; by then little is left to fold.
const MAX_FRAMES: i64 = 2 * 1024;

/// What writer and checkpointer tell each other.
#[derive(Debug)]
pub(super) struct Progress {
    due: Mutex<Due>,
    wake: Condvar,
    behind: AtomicBool,
}

#[derive(Debug, Default)]
struct Due {
    entries: i64,
    stop: bool,
}

impl Progress {
    fn new() -> Self {
        Self {
            due: Mutex::default(),
            wake: Condvar::new(),
            behind: AtomicBool::new(false),
        }
    }

    /// The writer has committed this many entries more.
    pub(super) fn written(&self, entries: i64) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.entries += entries.max(1);
        if due.entries >= ENTRIES {
            self.wake.notify_one();
        }
    }

    /// Whether the log has outgrown what the checkpointer alone can fold back.
    pub(super) fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    /// Folds back as much as can be without waiting for anyone.
    pub(super) fn fold(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.behind.store(false, Ordering::Relaxed);
        connection
            .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
            .query_row([], |_| Ok(()))
    }

    /// Waits until a checkpoint is due. False: the store is closing.
    fn wait(&self) -> bool {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut due, _) = self
            .wake
            .wait_timeout_while(due, INTERVAL, |due| !due.stop && due.entries < ENTRIES)
            .unwrap_or_else(PoisonError::into_inner);
        while due.entries == 0 && !due.stop {
            due = self
                .wake
                .wait_timeout(due, INTERVAL)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        due.entries = 0;
        !due.stop
    }

    fn stop(&self) {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.wake.notify_one();
    }
}

/// The running thread; ends when dropped.
#[derive(Debug)]
pub(super) struct Checkpointer {
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread for a database that exists and was checked.
    pub(super) fn start(path: PathBuf) -> io::Result<Self> {
        let progress = Arc::new(Progress::new());
        let shared = progress.clone();
        let thread = thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || run(&path, &shared))?;
        Ok(Self {
            progress,
            thread: Some(thread),
        })
    }

    pub(super) fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.progress.stop();
        if let Some(thread) = self.thread.take() {
            // What it did not fold back stays in the log, where the next start finds it.
            let _ = thread.join();
        }
    }
}

fn run(path: &std::path::Path, progress: &Progress) {
    let mut connection: Option<Connection> = None;
    while progress.wait() {
        // Commits do not depend on this thread: a failure is told and tried again, and the writer meets it by itself
        // if it is one of the disk.
        match &connection {
            Some(open) => {
                if let Err(error) = checkpoint(open, progress) {
                    tracing::warn!(%error, "checkpoint");
                    connection = None;
                }
            }
            None => match connect::attach(path) {
                Ok(opened) => {
                    if let Err(error) = checkpoint(&opened, progress) {
                        tracing::warn!(%error, "checkpoint");
                    }
                    connection = Some(opened);
                }
                Err(error) => tracing::warn!(%error, "cannot open for a checkpoint"),
            },
        }
    }
}

fn checkpoint(connection: &Connection, progress: &Progress) -> rusqlite::Result<()> {
    let frames: i64 = connection
        .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
        .query_row([], |row| row.get(1))?;
    progress.behind.store(frames > MAX_FRAMES, Ordering::Relaxed);
    Ok(())
}

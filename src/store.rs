//! The only user of SQLite: one writer thread with group commit, read-only connections beside it, and [`Recorded`],
//! the proof that something is on disk. Floor 1.
//!
//! - [`Store::commit`] is the only maker of `Recorded`. Whatever queued while the last group was being written is
//!   written next, in one transaction and with one fsync. Where one loses a race, the group is written again with each
//!   submission in a savepoint, so that it undoes that submission only and its places in the trail are given to the next
//!   one: no gaps.
//! - A group whose COMMIT fails is refused whole ([`CommitError::Unavailable`]); the writer then gives up its
//!   connection, opens and checks the database again, and serves only when that went well.
//! - A dropped `commit` future is harmless: dropped before it was first polled it has submitted nothing; dropped later,
//!   its changes are committed or refused as a whole all the same, and only the answer is lost.
//! - The write-ahead log is folded back into the database by a thread of its own, not by whoever commits.
//!
//! Files: `open` (what may be opened), `connect` (how), `schema` (migrations), `queue`, `group` (one transaction), `writer`,
//! `checkpoint`, `reader`, and one file per group of tables: `entries`, `calls`, `approvals` (`alike`: those that are alike), `grants`,
//! `registry`, `pauses`, `habits`, `outbox`, `tree`; `erase` takes values out of them, `prune` the first entries; `find` reads calls and entries as people ask for them,
//! `evidence` all but what people are told for `verify`, `start` what a start takes up.

mod alike;
mod approvals;
mod calls;
mod checkpoint;
mod connect;
mod entries;
mod erase;
mod evidence;
mod find;
mod finish;
mod grants;
mod group;
mod habits;
mod open;
mod outbox;
mod pauses;
mod prune;
mod queue;
mod reader;
mod registry;
mod schema;
mod start;
mod tree;
mod writer;
mod written;

#[cfg(test)]
pub(crate) mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::model::change::ApprovalRow;
use crate::model::merkle::Hash;
use crate::model::{ApprovalId, Change, Timestamp};

pub use approvals::Spent;

pub use calls::{CallFilter, CallRecord, OpenCall, TargetSeen};
pub use entries::{Kept, Placed};
pub use evidence::{Cell, Evidence, Line, Lines, Query, Table};
pub use find::{CallQuery, Consent, Cursor, Found, Order, Written};
pub use finish::to_its_end;
pub use open::OpenError;
pub use prune::{Bare, Gone};
pub use reader::{ReadError, Reader};
pub use tree::Checkpoint;
pub use written::Wrote;

use checkpoint::Checkpointer;
use queue::Queue;

/// Where the database lies in a home.
pub const FILE: &str = "state/runplane.db";

/// Proof that the changes given with `T` are durable. Made by [`Store::commit`] only.
#[derive(Debug)]
pub struct Recorded<T>(T);

impl<T> Recorded<T> {
    pub fn get(&self) -> &T {
        &self.0
    }

    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Why changes were not made durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A conditional change found another state than it needed (a lost race). Nothing of this submission was written.
    #[error("something else changed the same record first")]
    Lost,
    /// The trail cannot be written (disk full, I/O error, the writer is being reopened). After a failed fsync nobody
    /// can tell whether the changes will be there at the next start: nothing may rest on them. Whoever decided a call
    /// gives its end (`not_sent`) to [`Store::later`]: it is written if the decision turns out to be there.
    #[error("the trail cannot be written: {0}")]
    Unavailable(String),
    /// Too many commits are waiting.
    #[error("too many commits are waiting")]
    Overloaded,
}

/// The database of one sidecar, open for writing. Clones share it; the last one dropped writes what is left and closes.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    queue: Arc<Queue>,
    writer: Option<JoinHandle<()>>,
    checkpointer: Option<Checkpointer>,
    /// Approvals were written by commits that somebody waited for.
    told: watch::Sender<()>,
    /// Held for as long as anything of ours may write; given back by the system however the process ends.
    _lock: File,
}

impl Store {
    /// Opens or creates the database at `path` (and its directory, mode 0700), takes the exclusive lock `lock` beside
    /// it, checks it whole, migrates it and starts the writer thread.
    ///
    /// # Errors
    /// Whatever keeps the trail from being written safely; the message says what to do.
    pub fn open(path: &Path) -> Result<Store, OpenError> {
        let path_of_writer = path.to_owned();
        Self::start(path, Box::new(move || connect::writer(&path_of_writer)))
    }

    /// `connect` gives the writer its connection, now and whenever it must be opened again.
    fn start(path: &Path, mut connect: writer::Connect) -> Result<Store, OpenError> {
        let lock = open::claim(path)?;
        let connection = connect()?;
        let queue = Arc::new(Queue::new());
        let checkpointer = Checkpointer::start(path.to_owned()).map_err(|source| open::unusable(path, source))?;
        let writer = writer::start(connection, connect, queue.clone(), checkpointer.progress(), path)?;
        Ok(Store {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                queue,
                writer: Some(writer),
                checkpointer: Some(checkpointer),
                told: watch::Sender::new(()),
                _lock: lock,
            }),
        })
    }

    /// Makes `changes` durable, all or none, in the next group commit; only then hands `subject` back as [`Recorded`].
    ///
    /// # Errors
    /// As [`CommitError`] says; `subject` comes back with it. Without an entry for the trail nothing would be recorded:
    /// that is refused as Unavailable.
    pub async fn commit<T>(&self, subject: T, changes: Vec<Change>) -> Result<Recorded<T>, (CommitError, T)> {
        // SECURITY: an empty commit succeeds without touching the disk, and would prove a record that is not there.
        // Test: `a_commit_without_an_entry_proves_nothing`.
        if !changes.iter().any(|change| matches!(change, Change::Append(_))) {
            return Err((
                CommitError::Unavailable("there is no entry to record".to_owned()),
                subject,
            ));
        }
        match self.write(changes).await {
            Ok(()) => Ok(Recorded(subject)),
            Err(error) => Err((error, subject)),
        }
    }

    /// [`Store::commit`] for changes that carry nothing.
    ///
    /// # Errors
    /// As [`CommitError`] says.
    pub async fn write(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        let of_an_approval = changes.iter().any(Change::is_of_an_approval);
        queue::answer(self.inner.queue.submit(changes)?).await?;
        if of_an_approval {
            self.inner.told.send_replace(());
        }
        Ok(())
    }

    /// [`Store::write`] of the last entry of a run: what comes after it is not written, but for checkpoints.
    ///
    /// # Errors
    /// As [`CommitError`] says.
    pub async fn end(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        queue::answer(self.inner.queue.end(changes)?).await
    }

    /// [`Store::write`] of what takes values away; then the file is written anew, so that nothing of them is left in it, and all
    /// else waits for that. What comes back is why traces may be left all the same.
    ///
    /// # Errors
    /// As [`CommitError`] says.
    pub async fn erase(&self, changes: Vec<Change>) -> Result<Option<String>, CommitError> {
        self.write(changes).await?;
        Ok(self.inner.queue.traces())
    }

    /// Tells when there may be something new to tell receivers. Not of every change: what nobody waits for is not told here.
    pub fn news(&self) -> watch::Receiver<()> {
        self.inner.told.subscribe()
    }

    /// Changes that may ride on a later commit (outcomes). Never dropped while the process lives: kept in order and
    /// tried again, and while any cannot be written, new commits fail as Unavailable. What turns out to be lost (a call
    /// closed twice) is logged and left out, for there is nothing to write.
    ///
    /// It has no bound: what a stranger can cause at will (a refused connection) goes through [`Store::write`].
    pub fn later(&self, changes: Vec<Change>) {
        self.inner.queue.later(changes);
    }

    /// Waits until all that was given to [`Store::later`] before is on disk.
    ///
    /// # Errors
    /// Unavailable while it cannot be written; it is tried again all the same.
    pub async fn flush(&self) -> Result<(), CommitError> {
        queue::answer(self.inner.queue.flush()?).await
    }

    /// Whether commits are taken: not from a failed one until the database was opened again, checked and written to.
    pub fn is_writable(&self) -> bool {
        self.inner.queue.is_serving()
    }

    /// A read-only connection of its own. What was committed before it was opened is seen.
    ///
    /// # Errors
    /// If the database cannot be opened.
    pub fn reader(&self) -> Result<Reader, OpenError> {
        Reader::open(&self.inner.path)
    }

    /// The database as evidence, as it is now.
    ///
    /// # Errors
    /// If the database cannot be opened.
    pub fn evidence(&self) -> Result<Evidence, OpenError> {
        Evidence::of(&self.inner.path)
    }

    /// At start: approvals that are not finished, or left `pending` or were spent at or after `since`; oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn approvals(&self, since: Timestamp) -> Result<Vec<ApprovalRow>, ReadError> {
        self.reader()?.approvals(since)
    }

    /// One approval as it is on disk.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn approval(&self, id: &ApprovalId) -> Result<Option<ApprovalRow>, ReadError> {
        self.reader()?.approval(id)
    }

    /// Whether an approval that was found on disk is one that this process put there.
    pub fn is_ours(&self, row: &ApprovalRow) -> bool {
        self.inner.queue.ours.has(row)
    }

    /// How the calls ended that approvals were spent on at or after `since`, those that have an end.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn spent(&self, since: Timestamp) -> Result<Vec<Spent>, ReadError> {
        self.reader()?.spent(since)
    }

    /// How many entries the trail has, since its first.
    pub fn entries(&self) -> u64 {
        self.inner.queue.entries()
    }

    /// What this process wrote behind the first `from` entries and no checkpoint is over yet, at most `most` entries of it.
    pub fn wrote(&self, from: u64, most: usize) -> Wrote {
        self.inner.queue.written.behind(from, most)
    }

    /// Nothing is recorded any more until the next start: what stands in the trail is not what was written there.
    pub fn condemn(&self, why: &str) {
        self.inner.queue.condemn(why);
    }

    /// Whether nobody else wrote to the database from when it was opened until the last commit: what was read in between is then
    /// of one piece, but for what this process wrote.
    pub fn is_undisturbed(&self) -> bool {
        !self.inner.queue.is_disturbed()
    }

    /// That somebody changed the trail; nothing is recorded any more then.
    pub fn changed(&self) -> Option<&str> {
        self.inner.queue.changed()
    }

    /// Why nothing is recorded any more.
    pub fn condemned(&self) -> Option<&str> {
        self.inner.queue.condemned()
    }

    /// Waits until so many entries are without a checkpoint that one is due.
    pub async fn grown(&self) {
        self.inner.queue.grown().await;
    }

    /// Has a checkpoint signed soon, if anything is without one.
    pub fn seal_soon(&self) {
        self.inner.queue.seal_soon();
    }

    /// The last entry that a checkpoint is over.
    pub fn is_sealed_up_to(&self) -> i64 {
        self.inner.queue.sealed_up_to()
    }

    /// A checkpoint over the first `size` entries is on disk, which have this root.
    pub fn sealed(&self, size: u64, root: Hash) {
        self.inner.queue.sealed(size, root);
    }

    /// What was signed last: so many entries, and their root. From memory: who can write the database does not say it.
    pub fn signed(&self) -> (u64, Hash) {
        self.inner.queue.signed()
    }

    /// When the last entry of the trail was written.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn last_time(&self) -> Result<Timestamp, ReadError> {
        self.reader()?.last_time()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has said so itself; there is nothing left to save here.
            let _ = writer.join();
        }
        // The writer goes first: whoever closes the database last folds the log back into it.
        drop(self.checkpointer.take());
    }
}

//! The one thread that writes: takes groups, answers them, and mends what failed.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::checkpoint::Progress;
use super::entries::{self, Place, Tail};
use super::erase;
use super::group::{GroupError, transact};
use super::open::{self, OpenError};
use super::queue::{Answer, Queue, Submission};
use crate::model::merkle::Hash;

/// How to get a checked connection, at the start and after a failure.
pub(super) type Connect = Box<dyn FnMut() -> Result<Connection, OpenError> + Send>;

/// The first pause before the database is opened again; it doubles up to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Why the writer does not serve again yet.
#[derive(Debug, thiserror::Error)]
enum RecoverError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error("a reader holds the log back")]
    Reader,
    #[error("the trail ends at {found}, but {known} entries were written: the database was replaced or cut")]
    Shorter { found: i64, known: i64 },
    #[error("the trail ends at {found}, but only {known} entries were written: somebody else put entries there")]
    Longer { found: i64, known: i64 },
    #[error(transparent)]
    Group(#[from] GroupError),
}

impl RecoverError {
    /// Whether somebody else wrote what is there: that it goes away does not mend it.
    fn is_change(&self) -> bool {
        match self {
            RecoverError::Shorter { .. } | RecoverError::Longer { .. } => true,
            RecoverError::Group(error) => error.is_change(),
            RecoverError::Open(_) | RecoverError::Database(_) | RecoverError::Reader => false,
        }
    }
}

struct Writer {
    queue: Arc<Queue>,
    connect: Connect,
    /// `None` after a failure, until it was opened again.
    connection: Option<Connection>,
    place: Place,
    /// The file that `connection` writes to.
    file: FileId,
    /// What SQLite counts of the commits of others, as `connection` saw it first.
    others: i64,
    progress: Arc<Progress>,
    path: PathBuf,
}

/// Device and inode.
type FileId = (u64, u64);

fn file_id(path: &Path) -> io::Result<FileId> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// A group of which nobody knows whether it is on disk.
struct Doubt {
    /// Place of its last entry. Nobody else appends, so an entry at this place is that one.
    last: Place,
    /// Of all its entries.
    leaves: Vec<Hash>,
    /// How many of its submissions were put back.
    put_back: usize,
    /// Whether something is to be gone with it.
    erases: bool,
}

/// What became of a group that could not be written: unanswered, it comes back.
struct Unwritten {
    group: Vec<Submission>,
    error: GroupError,
    doubt: Option<Doubt>,
}

/// Starts the thread on a connection fresh from `connect`.
pub(super) fn start(
    connection: Connection,
    connect: Connect,
    queue: Arc<Queue>,
    progress: Arc<Progress>,
    path: &Path,
) -> Result<JoinHandle<()>, OpenError> {
    let place = entries::last_place(&connection).map_err(|source| open::explain(path, source))?;
    let file = file_id(path).map_err(|source| open::unusable(path, source))?;
    let others = others(&connection).map_err(|source| open::explain(path, source))?;
    queue.begins(place.seq);
    let mut writer = Writer {
        queue,
        connect,
        connection: Some(connection),
        place,
        file,
        others,
        progress,
        path: path.to_owned(),
    };
    thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || writer.run())
        .map_err(|source| open::unusable(path, source))
}

/// Changes with every commit of another connection, and with none of this one.
fn others(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

impl Writer {
    fn run(&mut self) {
        while let Some(group) = self.queue.take() {
            if !self.serve(group) {
                return;
            }
        }
    }

    /// Writes a group and answers it; after a failure returns only when the next one can be served (true), or when the
    /// store was closed meanwhile (false).
    fn serve(&mut self, group: Vec<Submission>) -> bool {
        let Err(unwritten) = self.write(group) else {
            return true;
        };
        let Unwritten { group, error, doubt } = *unwritten;
        tracing::error!(%error, database = %self.path.display(), "the trail cannot be written");
        // Before it is looked at again, when all may be put back.
        self.mind_change(&error, error.is_change());
        self.queue.fail(&error.to_string(), group);
        self.recover(doubt)
    }

    /// One transaction. On failure the group comes back unanswered and the connection is gone.
    fn write(&mut self, group: Vec<Submission>) -> Result<(), Box<Unwritten>> {
        let before = self.place;
        let mut tail = Tail::at(before);
        let written = self.refuse_another_file().and_then(|()| match &self.connection {
            Some(connection) => transact(connection, &mut tail, &group),
            None => Err(GroupError::Closed),
        });
        match written {
            Ok(verdicts) => {
                self.mind_others();
                self.place = tail.place;
                let entries = self.place.seq - before.seq;
                self.queue.reached(self.place.seq, tail.leaves);
                if group
                    .iter()
                    .zip(&verdicts)
                    .any(|(one, verdict)| verdict.is_ok() && one.erases())
                {
                    self.clean();
                }
                // All are answered before anything is freed: that takes time, and there are hundreds of pieces.
                let answered = group.into_iter().zip(verdicts);
                let written: Vec<_> = answered.map(|(one, verdict)| one.answer(verdict)).collect();
                drop(written);
                self.fold_back(entries);
                Ok(())
            }
            Err(error) => {
                let put_back = group.iter().filter(|one| matches!(one.answer, Answer::Nobody)).count();
                let in_doubt = matches!(error, GroupError::Commit(_)) && tail.place.seq > before.seq;
                let doubt = in_doubt.then_some(Doubt {
                    last: tail.place,
                    leaves: tail.leaves,
                    put_back,
                    erases: group.iter().any(Submission::erases),
                });
                self.give_up();
                Err(Box::new(Unwritten { group, error, doubt }))
            }
        }
    }

    /// What is written to a file that was removed or replaced is gone with the next start.
    fn refuse_another_file(&self) -> Result<(), GroupError> {
        match file_id(&self.path).map_err(GroupError::Removed)? {
            found if found == self.file => Ok(()),
            _ => Err(GroupError::Replaced),
        }
    }

    /// What a start reads before this is not of one piece where somebody else wrote.
    fn mind_others(&self) {
        if self.queue.is_disturbed() {
            return;
        }
        match self.connection.as_ref().map(others) {
            Some(Ok(now)) if now == self.others => {}
            Some(_) | None => self.queue.disturb(),
        }
    }

    /// Undoes what may be open and closes the connection: after a failure nothing is known of its state.
    fn give_up(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "rollback after a failure");
        }
    }

    /// Lets the checkpointer know, and helps it where it cannot keep up: between two groups nobody adds to the log, so
    /// that it can be folded back to its end and start again.
    fn fold_back(&mut self, entries: i64) {
        self.progress.written(entries);
        if !self.progress.is_behind() {
            return;
        }
        if let Some(connection) = &self.connection
            && let Err(error) = self.progress.fold(connection)
        {
            tracing::warn!(%error, "checkpoint by the writer");
        }
    }

    /// Leaves nothing of what was erased in the file and its log. The erasure stands, whatever comes of this.
    fn clean(&mut self) {
        let Some(connection) = &self.connection else { return };
        let traces = erase::clean(connection).err().map(|error| error.to_string());
        if let Some(why) = &traces {
            tracing::error!(why, database = %self.path.display(), "traces of what was erased may be left in the file");
        }
        self.queue.cleaned(traces);
    }

    /// Opens the database again, as often as it takes, and writes what was put back. Returns when commits are served
    /// again (true), or when the store is closed (false): then one last attempt was made.
    fn recover(&mut self, mut doubt: Option<Doubt>) -> bool {
        let mut pause = FIRST_PAUSE;
        loop {
            let closing = self.queue.rest(pause);
            let began = Instant::now();
            match self.reopen(&mut doubt) {
                Ok(()) => {
                    tracing::info!(entries = self.place.seq, "the trail can be written again");
                    return true;
                }
                Err(error) => {
                    tracing::error!(%error, "the trail still cannot be written");
                    self.mind_change(&error, error.is_change());
                }
            }
            if closing {
                return false;
            }
            // Checking a large database takes time: most of it is left to others.
            pause = (pause * 2).min(LONGEST_PAUSE).max(began.elapsed() * 5);
        }
    }

    /// SECURITY: somebody else wrote the trail, and a start could hold that to nothing: it would take up, and sign, consent that
    /// nobody gave. So it stays known, even if all is put back. Tests:
    /// `an_entry_that_somebody_else_put_behind_ours_is_not_taken_up_by_the_next_start`, `what_was_put_back_in_time_is_known_all_the_same`.
    fn mind_change(&self, error: &dyn std::error::Error, is_change: bool) {
        if !is_change || self.queue.changed().is_some() {
            return;
        }
        self.queue.condemn(&error.to_string());
        tracing::error!(%error, "the trail was changed: nothing is signed or recorded any more");
    }

    fn reopen(&mut self, doubt: &mut Option<Doubt>) -> Result<(), RecoverError> {
        self.give_up();
        // Another file is not even looked at: SQLite would throw away a log that does not fit it.
        self.refuse_another_file()?;
        let connection = (self.connect)()?;
        // After a failed fsync the system may show us pages that never reached the disk. Folding the whole log back
        // writes and syncs what we see once more, so that what we build on is there.
        let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy {
            return Err(RecoverError::Reader);
        }
        let found = entries::last_place(&connection)?;
        if found.seq < self.place.seq {
            return Err(RecoverError::Shorter {
                found: found.seq,
                known: self.place.seq,
            });
        }
        // A group is on disk whole or not at all. Who waited for it was refused and has sent nothing.
        let doubted = doubt.take_if(|doubted| found.seq >= doubted.last.seq);
        let mut is_to_clean = false;
        if let Some(doubted) = doubted {
            self.queue.forget(doubted.put_back);
            self.place = doubted.last;
            self.queue.reached(doubted.last.seq, doubted.leaves);
            is_to_clean = doubted.erases;
        }
        // SECURITY: who puts an entry behind ours makes every commit fail, and must not have it taken for ours after that. Test:
        // `an_entry_that_somebody_else_put_there_is_not_gone_on_from`.
        if found.seq > self.place.seq {
            return Err(RecoverError::Longer {
                found: found.seq,
                known: self.place.seq,
            });
        }
        // SECURITY: the time in the database's last row may be anybody's, and every later entry and checkpoint would have it or
        // a later one: ours is the one that counts. Test: `the_time_goes_on_from_what_was_written_not_from_what_is_found`.
        *doubt = None;
        // In between anybody may have written.
        self.queue.disturb();
        self.connection = Some(connection);
        if is_to_clean {
            self.clean();
        }
        while let Some(group) = self.queue.take_backlog() {
            if let Err(unwritten) = self.write(group) {
                *doubt = unwritten.doubt;
                self.queue.fail(&unwritten.error.to_string(), unwritten.group);
                return Err(RecoverError::Group(unwritten.error));
            }
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.connection = None;
        let lost = self.queue.stop();
        if lost > 0 {
            tracing::error!(
                changes = lost,
                "closed while the trail could not be written: these are lost"
            );
        }
    }
}

#[cfg(test)]
mod tests;

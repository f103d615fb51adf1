//! Checkpoints: what the trail is, signed, so that nothing before can be changed unseen.

use std::io;

use crate::io::keys::{KeyError, LastNote, LogKeys};
use crate::model::change::Seal;
use crate::model::merkle::{self, Edge};
use crate::model::note::{self, Note, NoteError, VerifierKey};
use crate::model::{Change, Timestamp};
use crate::store::{Checkpoint, CommitError, OpenError, ReadError, Reader, Store};

use grow::{Grown, grow, resume, unless_gone};

mod grow;
#[cfg(test)]
mod tests;

/// Entries of one checkpoint at most: more wait for the next one, for a commit holds up those behind it.
const AT_MOST: u32 = 16 * 1024;

/// Why the trail was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the checkpoint cannot be written")]
    Commit(#[from] CommitError),
    #[error("its last checkpoint cannot be read: {0}")]
    Note(NoteError),
    #[error(
        "the tree in the database is not the one that its last checkpoint was signed over: something changed it. Keep a copy, and look at it \
         with `runplane audit verify`; then restore it from a backup, or move it and `log.last` away to begin a new trail"
    )]
    Broken,
    #[error(
        "the trail ends at entry {found}, and its last checkpoint is over {size}: its end was cut off. Keep a copy; then restore it from a \
         backup, or move it and `log.last` away to begin a new trail"
    )]
    Cut { found: u64, size: u64 },
    #[error(
        "the trail is older than the checkpoint that was signed last (`log.last`, beside the key): that one is over {signed} entries, and the \
         last one in the database is over {found}. Somebody put an earlier database in its place, or removed checkpoints: restore the latest one. \
         To go on from here nonetheless, which is recorded, set `dangerously_accept_rollback: true` for one start"
    )]
    SetBack { signed: u64, found: u64 },
    #[error(
        "the trail is not the one that the checkpoint that was signed last (`log.last`, beside the key) is over: its first {signed} entries are \
         others. Restore the database that belongs to it. To go on from here nonetheless, which is recorded, set \
         `dangerously_accept_rollback: true` for one start"
    )]
    Another { signed: u64 },
    #[error(
        "entry {entry} of the database is not what this sidecar wrote there: somebody changed it before a checkpoint was over it. Nothing is \
         signed or recorded any more, and so nothing leaves. Keep a copy; the next start says how to go on"
    )]
    Rewritten { entry: u64 },
    #[error("what was signed last cannot be told")]
    Last(#[from] KeyError),
    #[error("a task died")]
    Died,
}

impl SealError {
    /// Whether somebody changed the trail: trying again does not mend that.
    pub fn is_change(&self) -> bool {
        match self {
            SealError::Note(_)
            | SealError::Broken
            | SealError::Cut { .. }
            | SealError::SetBack { .. }
            | SealError::Another { .. }
            | SealError::Rewritten { .. } => true,
            SealError::Open(_) | SealError::Read(_) | SealError::Commit(_) | SealError::Last(_) | SealError::Died => {
                false
            }
        }
    }
}

/// Grows the tree with the trail and signs it.
#[derive(Debug)]
pub struct Sealer {
    keys: LogKeys,
    file: LastNote,
    /// What was signed last, as it is known outside the database; what is read there must go on from it.
    known: Option<Known>,
    /// As it was sealed last; `None` after a failure, until it is read again.
    sealed: Option<Sealed>,
    /// Kept from one checkpoint to the next: opening one reads the whole schema.
    reader: Option<Reader>,
    /// What the trail was held against at start.
    pub held: Last,
}

/// What the trail was held against: what its key signed last.
#[derive(Debug)]
pub enum Last {
    /// It goes on from there; over so many entries.
    From(u64),
    /// There is none: nothing was signed yet, or its file was moved away.
    Unknown,
    /// It does not go on from the checkpoint over `signed` entries, and the operator goes on from the one over `found`.
    Accepted { signed: u64, found: u64 },
}

/// A checkpoint that was signed here.
#[derive(Clone, Copy, Debug)]
struct Known {
    size: u64,
    root: merkle::Hash,
    seconds: u64,
}

/// The tree as the last checkpoint has it.
#[derive(Clone, Debug, Default)]
struct Sealed {
    edge: Edge,
    /// Of the last checkpoint.
    ordinal: i64,
    /// When it was signed, and no later entry or checkpoint is before it.
    seconds: u64,
}

/// A checkpoint that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub size: u64,
    /// C2SP signed note.
    pub note: String,
}

impl Sealer {
    /// Takes up the tree where its last checkpoint left it; `file` says what that was. `accept`: the operator goes on with
    /// one that was set back.
    ///
    /// # Errors
    /// If it cannot be read, is not what was signed, or does not go on from what was signed last.
    pub fn open(store: &Store, keys: impl Into<LogKeys>, file: LastNote, accept: bool) -> Result<Self, SealError> {
        let keys = keys.into();
        let known = file.read()?.map(|text| Known::new(&text)).transpose()?;
        let (reader, entries, all) = (store.reader()?, store.entries(), keys.all());
        let read = |known| Sealed::read(&reader, entries, &all, known);
        let (sealed, held) = match (read(known), known) {
            (Err(SealError::SetBack { signed, .. } | SealError::Another { signed }), _) if accept => {
                let sealed = read(None)?;
                let found = sealed.edge.size();
                (sealed, Last::Accepted { signed, found })
            }
            (sealed, Some(known)) => (sealed?, Last::From(known.size)),
            (sealed, None) => (sealed?, Last::Unknown),
        };
        store.sealed(sealed.edge.size(), sealed.edge.root());
        Ok(Self {
            keys,
            file,
            known: sealed.known(),
            sealed: Some(sealed),
            reader: None,
            held,
        })
    }

    /// Entries that the last checkpoint is over, and their root.
    pub fn sealed(&self) -> (u64, merkle::Hash) {
        let edge = self.sealed.as_ref().map(|sealed| &sealed.edge);
        edge.map_or_else(|| (0, merkle::root(&[])), |edge| (edge.size(), edge.root()))
    }

    /// The keys that sign.
    pub fn keys(&self) -> &LogKeys {
        &self.keys
    }

    /// Forgets the key before the present one where its time is over; to be called once the present one has signed.
    ///
    /// # Errors
    /// If its file cannot be removed.
    pub fn retire(&mut self) -> io::Result<()> {
        self.keys.retire(now())
    }

    /// The key before the present one, if its time is over.
    pub fn retires(&self) -> Option<&VerifierKey> {
        let (key, until) = self.keys.previous()?;
        (until <= now()).then_some(key)
    }

    /// Whether the present key has signed none of this trail's checkpoints that are now the last.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn is_new(&self, reader: &Reader) -> Result<bool, SealError> {
        let last = reader.checkpoint()?;
        let note = last
            .map(|last| Note::parse(&last.note))
            .transpose()
            .map_err(SealError::Note)?;
        let by = [self.keys.public().clone()];
        Ok(note.is_some_and(|note| note.verify(&by).is_err()))
    }

    /// When the last checkpoint was signed, in seconds since 1970; `None`: none ever was.
    pub fn signed_at(&self) -> Option<u64> {
        self.known.map(|known| known.seconds)
    }

    /// Entries that the last checkpoint is over, as far as known.
    pub fn size(&self) -> u64 {
        self.sealed.as_ref().map_or(0, |sealed| sealed.edge.size())
    }

    /// Signs the trail as it is on disk, even if it has not grown. A long tail takes several calls.
    ///
    /// SECURITY: who can write the database can keep the trail from being signed, change what was written meanwhile, and let the
    /// key sign that. What this process wrote is held to what it wrote; once that does not fit, nothing is recorded any more, so
    /// that nothing is signed either, whatever is put back. Test: `entries_that_were_changed_before_they_were_sealed_are_not_signed`.
    ///
    /// # Errors
    /// If it cannot be read or written; the next call tries again.
    pub async fn seal(&mut self, store: &Store) -> Result<Signed, SealError> {
        let signed = self.seal_once(store).await;
        if let Err(error @ SealError::Rewritten { .. }) = &signed {
            store.condemn(&error.to_string());
        }
        signed
    }

    async fn seal_once(&mut self, store: &Store) -> Result<Signed, SealError> {
        let (before, reader, known, all) = (self.sealed.take(), self.reader.take(), self.known, self.keys.all());
        let from = store.clone();
        let grown = tokio::task::spawn_blocking(move || {
            let reader = reader.map_or_else(|| from.reader(), Ok)?;
            grow(before, known, &all, &from, &reader).map(|grown| (grown, reader))
        });
        let (grown, reader) = grown.await.map_err(|_| SealError::Died)??;
        let Grown {
            sealed,
            full,
            until,
            is_all,
        } = grown;
        let Sealed { edge, ordinal, seconds } = sealed;
        // What is behind a piece of a long tail was written before now, and is not to look as if the clock had been set back.
        let signed = if is_all { now() } else { 0 };
        let seconds = signed.max(until).max(seconds);
        let (ordinal, size, root) = (ordinal + 1, edge.size(), edge.root());
        let origin = self.keys.public().name.clone();
        let note = self.keys.sign(&note::Checkpoint { origin, size, root }, seconds);
        let seal = Seal {
            ordinal,
            size,
            note: note.clone(),
            tiles: full.into_iter().chain(edge.partial()).collect(),
        };
        store.write(vec![Change::Sealed(Box::new(seal))]).await?;
        store.sealed(size, root);
        // Not before: what it read may have been another file, which no commit succeeds on.
        self.reader = Some(reader);
        self.known = Some(Known { size, root, seconds });
        self.sealed = Some(Sealed { edge, ordinal, seconds });
        // Behind the commit: a file that is some behind is gone on from, and one that is ahead is not.
        let (file, text) = (self.file.clone(), note.clone());
        let kept = tokio::task::spawn_blocking(move || file.keep(&text)).await;
        kept.map_err(|_| SealError::Died)??;
        Ok(Signed { size, note })
    }

    /// The root of the first `size` entries as they are on disk; `None` if there are fewer.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn root_at(&self, reader: &Reader, size: u64) -> Result<Option<merkle::Hash>, SealError> {
        let Some(Sealed { edge, .. }) = &self.sealed else {
            return Ok(None);
        };
        if size <= edge.size() {
            return Ok(Some(merkle::root_at(reader, size)?));
        }
        let mut edge = edge.clone();
        while edge.size() < size {
            let before = edge.size();
            let wanted = u32::try_from(size - before).unwrap_or(AT_MOST).min(AT_MOST);
            reader.behind(before, wanted, |bytes| edge.push(merkle::leaf(bytes), drop))?;
            if edge.size() == before {
                return Ok(None);
            }
        }
        Ok(Some(edge.root()))
    }
}

impl Known {
    fn new(note: &str) -> Result<Self, SealError> {
        let note = Note::parse(note).map_err(SealError::Note)?;
        let note::Checkpoint { size, root, .. } = *note.claims();
        let seconds = note.claimed_seconds();
        Ok(Self { size, root, seconds })
    }
}

impl Sealed {
    /// SECURITY: the tree is signed again and again, so one that was changed must not go on; nor one that is whole in itself, and
    /// not what the key signed last: who can write the database can make that of it, and have it signed and published. Tests:
    /// `a_tree_that_was_changed_is_not_signed_again`, `a_history_that_was_rewritten_is_not_signed`.
    fn read(reader: &Reader, entries: u64, keys: &[VerifierKey], known: Option<Known>) -> Result<Self, SealError> {
        let Some(Checkpoint { ordinal, size, note }) = reader.checkpoint()? else {
            return match known {
                None => Ok(Self::default()),
                Some(Known { size: signed, .. }) => Err(SealError::SetBack { signed, found: 0 }),
            };
        };
        if size > entries {
            return Err(SealError::Cut { found: entries, size });
        }
        let note = Note::parse(&note).map_err(SealError::Note)?;
        let edge = resume(reader, size)?;
        if (note.claims().size, note.claims().root) != (edge.size(), edge.root()) {
            return Err(SealError::Broken);
        }
        if let Some(Known { size: signed, root, .. }) = known {
            if signed > size {
                return Err(SealError::SetBack { signed, found: size });
            }
            if merkle::root_at(reader, signed).map_err(unless_gone)? != root {
                return Err(SealError::Another { signed });
            }
        }
        let believed = believed(note, keys);
        let seconds = match known.filter(|known| known.size == size) {
            Some(known) => believed.unwrap_or_default().max(known.seconds),
            None => believed?,
        };
        Ok(Self { edge, ordinal, seconds })
    }

    fn known(&self) -> Option<Known> {
        (self.ordinal > 0).then(|| Known {
            size: self.edge.size(),
            root: self.edge.root(),
            seconds: self.seconds,
        })
    }
}

/// When a note was signed.
///
/// SECURITY: all later checkpoints are truly signed with this time or a later one, so it is not taken from just any note. Test:
/// `no_time_is_taken_from_a_note_that_the_key_did_not_sign`.
fn believed(note: Note, keys: &[VerifierKey]) -> Result<u64, SealError> {
    let of_ours = keys.iter().any(|key| key.name == note.claims().origin);
    match note.verify(keys) {
        Ok(signed) => Ok(signed.seconds),
        Err(_) if of_ours => Err(SealError::Broken),
        // Of a key that was moved away: the time of the entries is what remains.
        Err(_) => Ok(0),
    }
}

fn now() -> u64 {
    seconds_of(Timestamp::now().0)
}

fn seconds_of(milliseconds: i64) -> u64 {
    u64::try_from(milliseconds / 1_000).unwrap_or_default()
}

//! The anchor: a copy of the last checkpoint outside the database, by which a trail that was set back is known.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::seal::{SealError, Sealer};
use crate::io::replace::replace;
use crate::model::Timestamp;
use crate::model::note::{MAX_NOTE, Note, NoteError};
use crate::store::Reader;

/// A file that takes each checkpoint in the place of the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    file: PathBuf,
    /// What it held when the trail was held against it, or what was put there since.
    known: Option<String>,
}

/// What the trail was held against at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// The checkpoint in the file is one of this trail, over so many entries and signed then.
    Against { size: u64, time: Timestamp },
    /// There is none yet.
    Nothing,
    /// The file cannot be read.
    Unreadable(String),
}

/// Why the trail does not go on from the anchor.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    #[error(
        "the trail is older than the checkpoint in `{}`: that one is over {anchored} entries, and the trail has {found}. Somebody put an earlier \
         database in its place, or cut it: restore the latest one. To go on from here nonetheless, which is recorded, set \
         `dangerously_accept_rollback: true` for one start",
        file.display()
    )]
    Older { file: PathBuf, anchored: u64, found: u64 },
    #[error(
        "the trail is not the one that the checkpoint in `{}` was signed over ({anchored} entries): its first entries are others. Restore the \
         database that belongs to it. To go on from here nonetheless, which is recorded, set `dangerously_accept_rollback: true` for one start",
        file.display()
    )]
    Another { file: PathBuf, anchored: u64 },
    #[error(
        "`{}` holds no checkpoint of this trail: {source}. Name another file under `audit.publish.file`, or move this one away; it was left as \
         it is. After `state/log.key` was moved away it is the last one of the old key: keep it, and move it away",
        file.display()
    )]
    Foreign {
        file: PathBuf,
        #[source]
        source: NoteError,
    },
    #[error("`{}` is a link, and would be replaced by a file: name the file that it leads to under `audit.publish.file`", .0.display())]
    Link(PathBuf),
    #[error(
        "`{}` lies beside the trail, where it is set back with it: name a file elsewhere under `audit.publish.file`, best on another machine's disk",
        .0.display()
    )]
    Beside(PathBuf),
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Why a checkpoint was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error(transparent)]
    File(#[from] io::Error),
    #[error(
        "it holds something else than what the trail was held against at start, or what was published last, and was left as it is: look at \
         it, and restart the sidecar, which holds the trail against it"
    )]
    Changed,
}

impl PublishError {
    /// In a word, for the record.
    pub fn code(&self) -> &'static str {
        match self {
            PublishError::File(_) => "unwritable",
            PublishError::Changed => "changed",
        }
    }
}

impl RollbackError {
    /// Whether the operator may go on all the same.
    pub fn is_acceptable(&self) -> bool {
        match self {
            RollbackError::Older { .. } | RollbackError::Another { .. } => true,
            RollbackError::Foreign { .. }
            | RollbackError::Link(_)
            | RollbackError::Beside(_)
            | RollbackError::Seal(_) => false,
        }
    }
}

impl Anchor {
    /// The trail lies in the directory `state`.
    ///
    /// # Errors
    /// If the file lies there, too, or is a link.
    pub fn new(file: PathBuf, state: &Path) -> Result<Self, RollbackError> {
        let around = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        // A directory that is not there, or cannot be reached, is none of ours: publishing into it fails, and says so.
        let place = |path: &Path| fs::canonicalize(path).ok();
        if let (Some(around), Some(state)) = (place(around.unwrap_or(Path::new("."))), place(state))
            && around.starts_with(state)
        {
            return Err(RollbackError::Beside(file));
        }
        match fs::symlink_metadata(&file).is_ok_and(|found| found.is_symlink()) {
            true => Err(RollbackError::Link(file)),
            false => Ok(Self { file, known: None }),
        }
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    /// SECURITY: who puts back yesterday's database takes back what was done since, and the tree that is grown from there is
    /// whole in itself; only what lies outside tells. Test: `a_trail_that_was_set_back_is_not_gone_on_with`.
    ///
    /// # Errors
    /// If the trail does not begin with the entries of the checkpoint in the file, or that one is not of this log.
    pub fn hold(&mut self, sealer: &Sealer, reader: &Reader, entries: u64) -> Result<Held, RollbackError> {
        let bytes = match self.read() {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Held::Nothing),
            Err(error) => return Ok(Held::Unreadable(error.to_string())),
        };
        let file = || self.file.clone();
        let text = String::from_utf8(bytes).map_err(|_| NoteError::Malformed("it is not text"));
        let note = text.and_then(|text| Ok((Note::parse(&text)?.verify(&sealer.keys().all())?, text)));
        let (anchored, text) = note.map_err(|source| RollbackError::Foreign { file: file(), source })?;
        self.known = Some(text);
        let time = Timestamp(
            i64::try_from(anchored.seconds)
                .unwrap_or(i64::MAX)
                .saturating_mul(1_000),
        );
        let (anchored, file) = (anchored.checkpoint, self.file.clone());
        match sealer.root_at(reader, anchored.size)? {
            None => Err(RollbackError::Older {
                file,
                anchored: anchored.size,
                found: entries,
            }),
            Some(root) if root != anchored.root => Err(RollbackError::Another {
                file,
                anchored: anchored.size,
            }),
            Some(_) => Ok(Held::Against {
                size: anchored.size,
                time,
            }),
        }
    }

    /// `None`: there is no such file.
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        match bytes(&self.file) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a checkpoint in the place of the last one: whole or not at all, and over nothing else.
    ///
    /// # Errors
    /// If the file or its directory cannot be written, or the file holds what the trail was not held against.
    pub fn publish(&mut self, note: &str) -> Result<(), PublishError> {
        let found = self.read()?;
        let is_known = |found: &Vec<u8>| self.known.as_ref().is_some_and(|known| known.as_bytes() == found);
        let linked = fs::symlink_metadata(&self.file).is_ok_and(|found| found.is_symlink());
        // SECURITY: what else lies there may be somebody's only copy, or tell of a history that is not this one. Test:
        // `nothing_is_published_over_what_the_trail_was_not_held_against`.
        if linked || !found.as_ref().is_none_or(is_known) {
            return Err(PublishError::Changed);
        }
        replace(&self.file, note.as_bytes(), 0o644)?;
        self.known = Some(note.to_owned());
        Ok(())
    }
}

/// A checkpoint in a file; longer files are cut, and then no checkpoints.
///
/// # Errors
/// If it cannot be read, or is not text.
pub fn read_note(file: &Path) -> io::Result<String> {
    String::from_utf8(bytes(file)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text"))
}

fn bytes(file: &Path) -> io::Result<Vec<u8>> {
    let most = u64::try_from(MAX_NOTE).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(file)?.take(most + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Held::Against { size, time } => write!(f, "held against its checkpoint over {size} entries, signed {time}"),
            Held::Nothing => f.write_str("no checkpoint is there yet"),
            Held::Unreadable(error) => write!(f, "unreadable: {error}"),
        }
    }
}

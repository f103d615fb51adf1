//! An authority that follows another one. It lies in `next/` of the certificates with the time from which on it signs; until
//! then agents are to trust both. Only the sidecar has it take over; whoever asks for it only puts it there.
//!
//! Each step leaves a pair that works: `next/` comes into being whole, and what a takeover that broke off left is carried on.

mod lock;

use std::error::Error as _;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::certificate::Certificate;
use super::files::{self, Paths, exists, sync_directory};
use super::{Error, file_error};
use crate::model::Timestamp;
use crate::model::secret::random_bytes;

/// What a directory begins with that is to become `next/`.
const DRAFT: &str = ".next-";

/// An authority that is trusted, and does not sign yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    pub certificate: Certificate,
    /// From then on it signs, and the one before is trusted no more.
    pub signs_from: Timestamp,
}

impl Successor {
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.signs_from <= now
    }
}

struct Next {
    directory: PathBuf,
    pair: Paths,
    signs_from: PathBuf,
}

impl Next {
    fn of(certs: &Path) -> Next {
        Self::at(certs.join("next"))
    }

    fn at(directory: PathBuf) -> Next {
        Next {
            pair: Paths::in_directory(&directory),
            signs_from: directory.join("signs-from"),
            directory,
        }
    }

    /// Removes what a takeover left there, and nothing else.
    fn clear(&self) -> Result<(), Error> {
        remove_if_there(&self.signs_from, fs::remove_file(&self.signs_from))?;
        remove_if_there(&self.directory, fs::remove_dir(&self.directory))
    }
}

fn draft(certs: &Path) -> PathBuf {
    certs.join(format!("{DRAFT}{}", hex::encode(random_bytes::<8>())))
}

/// The authority that follows, if one is there.
///
/// # Errors
/// If it cannot be read, or is none.
pub fn successor(certs: &Path) -> Result<Option<Successor>, Error> {
    let next = Next::of(certs);
    let certificate = match Certificate::read(&next.pair.certificate) {
        Ok(certificate) => certificate,
        // What is left of a takeover, or nothing.
        Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let text = fs::read_to_string(&next.signs_from).map_err(file_error("read", &next.signs_from))?;
    let signs_from = text.trim().parse::<jiff::Timestamp>();
    let signs_from = signs_from.map_err(|_| Error::NotATime(next.signs_from.clone()))?;
    Ok(Some(Successor {
        certificate,
        signs_from: Timestamp(signs_from.as_millisecond()),
    }))
}

/// All that agents of these certificates are to trust: the authority in force first.
///
/// # Errors
/// If they cannot be read.
pub fn trusted(certs: &Path) -> Result<Vec<Certificate>, Error> {
    // In this order: one that takes over meanwhile is seen in one place or the other.
    let successor = successor(certs)?.map(|successor| successor.certificate);
    let current = Certificate::read(&Paths::in_directory(certs).certificate)?;
    let successor = successor.filter(|next| *next != current);
    Ok([current].into_iter().chain(successor).collect())
}

/// Makes an authority that follows the present one after `overlap`, or when that ends if that is sooner.
///
/// # Errors
/// If there is none to follow, or one that follows already, or files cannot be written.
pub fn rotate(certs: &Path, overlap: Duration) -> Result<Successor, Error> {
    let current = Paths::in_directory(certs).certificate;
    if !exists(&current)? {
        return Err(Error::NothingToFollow(current));
    }
    let _alone = lock::alone(certs)?;
    let current = Certificate::read(&current)?;
    if let Some(found) = successor(certs)? {
        return Err(Error::FollowedAlready(found.signs_from));
    }
    remove_drafts(certs)?;
    let next = Next::of(certs);
    next.clear()?;
    let now = Timestamp::now();
    let signs_from = now.plus(overlap).min(current.not_after).max(now);
    let draft = Next::at(draft(certs));
    let make = fs::DirBuilder::new().mode(0o700).create(&draft.directory);
    make.map_err(file_error("create", &draft.directory))?;
    files::create(&draft.directory, &draft.pair)?;
    write_time(&draft.signs_from, signs_from)?;
    sync_directory(&draft.directory)?;
    fs::rename(&draft.directory, &next.directory).map_err(file_error("create", &next.directory))?;
    sync_directory(certs)?;
    successor(certs)?.ok_or(Error::NothingToFollow(next.directory))
}

/// Has the one that follows already sign from now on.
///
/// # Errors
/// If there is none, or its file cannot be written.
pub fn hasten(certs: &Path) -> Result<Successor, Error> {
    let next = Next::of(certs);
    let none = || Error::NothingToFollow(next.directory.clone());
    successor(certs)?.ok_or_else(none)?;
    let _alone = lock::alone(certs)?;
    let aside = draft(certs);
    write_time(&aside, Timestamp::now())?;
    let moved = fs::rename(&aside, &next.signs_from).map_err(file_error("replace", &next.signs_from));
    if moved.is_err() {
        fs::remove_file(&aside).map_err(file_error("remove", &aside))?;
    }
    moved?;
    sync_directory(&next.directory)?;
    successor(certs)?.ok_or_else(none)
}

/// Ends what a takeover that broke off has begun, and has a successor take over whose time has come. To be called by the sidecar
/// only: it is alone in its home.
///
/// # Errors
/// If what is there does not fit together: then nothing is touched.
pub(super) fn settle(certs: &Path) -> Result<(), Error> {
    let next = Next::of(certs);
    let begun = exists(&next.pair.certificate)? && !exists(&next.pair.key)?;
    let due = successor(certs)?.is_some_and(|successor| successor.is_due(Timestamp::now()));
    match begun || due {
        true => take_over(certs),
        false => Ok(()),
    }
}

/// The successor's, wherever its key is: a takeover that broke off may have put it in place.
fn pair_to_be(certs: &Path) -> Result<Paths, Error> {
    let next = Next::of(certs).pair;
    let key = match exists(&next.key)? {
        true => next.key,
        false => Paths::in_directory(certs).key,
    };
    let pair = Paths { key, ..next };
    files::load(&pair)?;
    Ok(pair)
}

/// Puts the successor in the place of the authority before. The old key is gone then.
pub(super) fn take_over(certs: &Path) -> Result<(), Error> {
    let _alone = lock::alone(certs)?;
    let current = Paths::in_directory(certs);
    // Nothing is replaced by what would not start.
    let next = pair_to_be(certs)?;
    if next.key != current.key {
        replace(&next.key, &current.key, certs)?;
    }
    replace(&next.certificate, &current.certificate, certs)?;
    // It has happened: who is told that it failed would go on with the key that is gone. What somebody else has put there is
    // for people to remove, and until then `rotate` asks for that.
    if let Err(error) = Next::of(certs).clear() {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(%error, cause, "the CA has taken over, and left something behind");
    }
    Ok(())
}

/// On disk before the next step: whichever of them a crash leaves, the next start knows how to go on.
fn replace(from: &Path, to: &Path, certs: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(file_error("replace", to))?;
    sync_directory(certs)
}

fn write_time(path: &Path, time: Timestamp) -> Result<(), Error> {
    let write = || {
        let mut file = fs::File::create_new(path)?;
        writeln!(file, "{time}")?;
        file.sync_all()
    };
    write().map_err(file_error("create", path))
}

/// That it was not there is as good as that it was `removed`.
fn remove_if_there(path: &Path, removed: std::io::Result<()>) -> Result<(), Error> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(file_error("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What was cut off before it became `next/`.
fn remove_drafts(certs: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(certs).map_err(file_error("read", certs))? {
        let path = entry.map_err(file_error("read", certs))?.path();
        let is_draft = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(DRAFT));
        match (is_draft, path.is_dir()) {
            (true, true) => remove_if_there(&path, fs::remove_dir_all(&path))?,
            (true, false) => fs::remove_file(&path).map_err(file_error("remove", &path))?,
            (false, _) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

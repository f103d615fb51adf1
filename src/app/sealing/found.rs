//! That the trail was found changed, in a file beside the database: a restart does not make that unsaid.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::model::Timestamp;
use crate::model::inert::inert;
use crate::store::Store;

const FILE: &str = "trail.changed";
/// A time and a sentence are shorter.
const MOST: u64 = 4 * 1024;

/// `state/trail.changed`: when it was found, and what.
pub(super) struct Finding {
    path: PathBuf,
    /// It is on disk, with what this run found.
    kept: bool,
}

impl Finding {
    pub(super) fn of(state: &Path) -> Self {
        let path = state.join(FILE);
        Self { path, kept: false }
    }

    /// When the run before found a change, where the operator goes on with that.
    ///
    /// SECURITY: who changes entries that no checkpoint is over yet is found while the sidecar runs; a start can hold these to
    /// nothing, and would sign them. Test:
    /// `a_trail_that_is_changed_before_it_is_sealed_is_not_signed_and_nothing_leaves_any_more`.
    ///
    /// # Errors
    /// If one is there, and the operator does not go on with it; or if what is there could not be removed once that is on record.
    pub(super) fn accepted(&self, config: &Config) -> anyhow::Result<Option<String>> {
        let Some((when, what)) = self.read() else {
            return Ok(None);
        };
        anyhow::ensure!(
            config.audit.accept_rollback,
            "{}: at {when} the sidecar found that the trail had been changed: {what}. It has signed and recorded nothing since. Keep a copy of the \
             database and look at it with `runplane audit verify`, which can hold what is behind the last checkpoint to nothing; then restore it \
             from a backup. To go on with the database that is there now, which is recorded, set `dangerously_accept_rollback: true` for one start",
            self.path.display()
        );
        anyhow::ensure!(
            !self.path.is_dir() || self.path.is_symlink(),
            "{}: a directory is there, and no sidecar made it; move it away",
            self.path.display()
        );
        tracing::error!(
            when,
            what,
            "the trail was found changed: accepted, as `dangerously_accept_rollback` says"
        );
        // What stands in the entry is kept for ever: a time, and nothing else that somebody may have put into the file.
        let is_time = when
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"-:.TZ".contains(&byte));
        Ok(Some(if is_time { when } else { "no time is told".to_owned() }))
    }

    /// Whatever lies there says that something was found.
    fn read(&self) -> Option<(String, String)> {
        let unknown = |why: String| Some(("a time that cannot be read".to_owned(), why));
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return unknown(error.to_string()),
            Ok(found) if !found.is_file() => return unknown("what lies there is no file".to_owned()),
            Ok(_) => {}
        }
        let mut bytes = Vec::new();
        if let Err(error) = File::open(&self.path).and_then(|file| file.take(MOST).read_to_end(&mut bytes)) {
            return unknown(error.to_string());
        }
        let text = String::from_utf8_lossy(&bytes);
        match text.trim_end().split_once(' ') {
            Some((when, what)) => Some((inert(when).into_owned(), inert(what).into_owned())),
            None => unknown(inert(text.trim_end()).into_owned()),
        }
    }

    /// Keeps what change was found. What was found first stays; what cannot be written is tried again.
    pub(super) fn keep(&mut self, store: &Store) {
        let Some(why) = store.changed().filter(|_| !self.kept) else {
            return;
        };
        match self.create(why) {
            Ok(()) => self.kept = true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.kept = true,
            Err(error) => {
                tracing::error!(%error, file = %self.path.display(), "that the trail was changed could not be kept for the next start");
            }
        }
    }

    fn create(&self, why: &str) -> io::Result<()> {
        // The first sentence tells what it is; what to do then is for the start to say.
        let what = why.split(". ").next().unwrap_or(why);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.path)?;
        file.write_all(format!("{} {what}\n", Timestamp::now()).as_bytes())?;
        file.sync_all()?;
        self.sync()
    }

    /// What the directory says of it is on disk.
    fn sync(&self) -> io::Result<()> {
        let state = self.path.parent().unwrap_or(Path::new("."));
        File::open(state)?.sync_all()
    }

    /// It is on record now.
    ///
    /// # Errors
    /// If the file cannot be removed.
    pub(super) fn forget(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Ok(()) => self.sync(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_was_found_first_stays_for_its_owner_alone() {
        let state = tempfile::tempdir().unwrap();
        let finding = Finding::of(state.path());
        assert_eq!(finding.read(), None);
        finding.create("entry 7 is another. Do this.").unwrap();
        let again = finding.create("another").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        let (when, what) = finding.read().unwrap();
        assert!(when.ends_with('Z') && what == "entry 7 is another", "{when} {what}");
        let mode = fs::metadata(&finding.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        finding.forget().unwrap();
        finding.forget().unwrap();
        assert_eq!(finding.read(), None);
    }

    #[test]
    fn whatever_lies_there_is_a_finding() {
        let state = tempfile::tempdir().unwrap();
        let finding = Finding::of(state.path());
        for content in ["", "\u{1b}[2J", "half"] {
            fs::write(&finding.path, content).unwrap();
            let (when, what) = finding.read().unwrap();
            assert!(
                when.contains("cannot be read") && !what.contains('\u{1b}'),
                "{when} {what}"
            );
        }
        finding.forget().unwrap();
        fs::create_dir(&finding.path).unwrap();
        assert!(finding.read().unwrap().1.contains("no file") && finding.forget().is_err());
        fs::remove_dir(&finding.path).unwrap();
        symlink("nowhere", &finding.path).unwrap();
        assert!(finding.read().is_some());
        assert!(finding.create("one").is_err());
    }
}

//! Directories watched for changes of their files.
//!
//! Editors write a file aside and rename it, and whole directories are replaced by renaming a link: directories are
//! watched, not files, and the directory above them for those that come and go.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// After the last change, before anybody looks.
const QUIET: Duration = Duration::from_millis(300);
/// After the first change somebody looks, however busy the files are.
const BUSY: Duration = Duration::from_secs(2);
/// The same where a file that was changed is still open in its writer's hands.
const WRITING: Duration = Duration::from_secs(10);
/// Changes remembered while nobody looks; those beyond tell nothing new.
const REMEMBERED: usize = 1024;

/// Some directories of one parent.
pub struct Watch {
    watcher: RecommendedWatcher,
    directories: Vec<PathBuf>,
    changes: mpsc::Receiver<Change>,
    /// Changes that nobody was told of yet.
    unsettled: Option<Unsettled>,
}

struct Unsettled {
    since: Instant,
    /// Files that are still open in their writers' hands.
    writing: HashSet<PathBuf>,
}

enum Change {
    /// A file's content changed, so somebody has it open.
    Written(PathBuf),
    /// A writer closed it, or it is gone.
    Done(PathBuf),
    Other,
}

impl Watch {
    /// Watches `directories`, which may not be there yet, inside `parent`, which must be.
    ///
    /// # Errors
    /// If the system gives no means to watch.
    pub fn start(parent: &Path, directories: Vec<PathBuf>) -> notify::Result<Watch> {
        let (sender, changes) = mpsc::channel(REMEMBERED);
        let (above, inside) = (parent.to_owned(), directories.clone());
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            for change in changes_of(event, &above, &inside) {
                // Full: whoever looks has enough to look at.
                let _ = sender.try_send(change);
            }
        })?;
        let mut watch = Watch {
            watcher,
            directories,
            changes,
            unsettled: None,
        };
        watch.watcher.watch(parent, RecursiveMode::NonRecursive)?;
        watch.follow();
        Ok(watch)
    }

    /// Watches the directories as they are now: one that was replaced is another one of the same name. To be called
    /// before the files are read, so that no later change is missed.
    pub fn follow(&mut self) {
        for directory in &self.directories {
            // Not watched, or not there: the parent tells when it comes.
            let _ = self.watcher.unwatch(directory);
            match self.watcher.watch(directory, RecursiveMode::NonRecursive) {
                Err(error) if directory.exists() => {
                    tracing::warn!(directory = %directory.display(), %error, "not watched: its changes are noticed late");
                }
                Ok(()) | Err(_) => {}
            }
        }
    }

    /// Resolves once something has changed and whoever changed it is done. Dropped before, it forgets nothing.
    pub async fn settled(&mut self) {
        loop {
            let limit = match &self.unsettled {
                None => None,
                Some(Unsettled { since, writing }) if writing.is_empty() => {
                    Some((Instant::now() + QUIET).min(*since + BUSY))
                }
                Some(Unsettled { since, .. }) => Some(*since + WRITING),
            };
            let change = match limit {
                None => self.changes.recv().await,
                Some(limit) => match timeout_at(limit, self.changes.recv()).await {
                    Ok(change) => change,
                    Err(_) => break,
                },
            };
            match change {
                Some(change) => self.note(change),
                // The watcher is ours, so it cannot be gone; were it, nothing would change any more.
                None => return std::future::pending().await,
            }
        }
        self.unsettled = None;
    }

    /// Whether something is changing right now.
    pub fn is_unsettled(&mut self) -> bool {
        while let Ok(change) = self.changes.try_recv() {
            self.note(change);
        }
        self.unsettled.is_some()
    }

    fn note(&mut self, change: Change) {
        let unsettled = self.unsettled.get_or_insert_with(|| Unsettled {
            since: Instant::now(),
            writing: HashSet::new(),
        });
        match change {
            Change::Written(path) => drop(unsettled.writing.insert(path)),
            Change::Done(path) => drop(unsettled.writing.remove(&path)),
            Change::Other => {}
        }
    }
}

/// What an event says of the directories; of the parent only whether one of them came or went.
fn changes_of(event: notify::Result<Event>, parent: &Path, directories: &[PathBuf]) -> Vec<Change> {
    // Something was missed: all there is to do is to look.
    let Ok(event) = event else {
        return vec![Change::Other];
    };
    if event.need_rescan() {
        return vec![Change::Other];
    }
    let concerns = |path: &PathBuf| directories.contains(path) || path.parent() != Some(parent);
    let paths = event.paths.into_iter().filter(concerns);
    match event.kind {
        // Only where closing is told as well: else every write would be waited for in vain.
        EventKind::Modify(ModifyKind::Data(_)) if cfg!(target_os = "linux") => paths.map(Change::Written).collect(),
        // An empty file is a policy too, one that says nothing. A link is never closed, for it is not open.
        EventKind::Create(CreateKind::File) if cfg!(target_os = "linux") => paths
            .map(|path| match path.is_symlink() {
                true => Change::Other,
                false => Change::Written(path),
            })
            .collect(),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Remove(_) => {
            paths.map(Change::Done).collect()
        }
        EventKind::Modify(ModifyKind::Name(_)) => paths.map(Change::Done).collect(),
        // Reading is what we do ourselves.
        EventKind::Access(_) => Vec::new(),
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Other => {
            paths.map(|_| Change::Other).collect()
        }
    }
}

#[cfg(test)]
mod tests;

//! Who changes which authority follows is alone in it: a person's `ca rotate` and the sidecar, or two persons'.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::super::{Error, file_error};

const NAME: &str = ".lock";
/// Each takes a moment.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until nobody else changes what follows; nobody does until what this gives is dropped.
///
/// SECURITY: whoever can open a file can lock it, and would keep the sidecar from starting: the file is for us alone, unlike its
/// directory (test `who_only_reads_the_directory_keeps_nobody_from_rotating`).
///
/// # Errors
/// If another one is at it all the time, or the lock cannot be had at all.
pub(super) fn alone(certs: &Path) -> Result<File, Error> {
    let path = certs.join(NAME);
    let lock = open(&path).map_err(file_error("open", &path))?;
    let until = Instant::now() + PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => return Err(Error::Busy(path)),
            Err(TryLockError::WouldBlock) => sleep(PAUSE),
            Err(TryLockError::Error(source)) => return Err(file_error("lock", &path)(source)),
        }
    }
}

/// Made by whoever comes first, and opened to read: that it was written to would be one more change for who watches.
fn open(path: &Path) -> io::Result<File> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => File::open(path),
        made => made,
    }
}

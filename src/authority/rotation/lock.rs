//! Who changes which authority follows is alone in it: a person's `ca rotate` and the sidecar, or two persons'.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::super::{Error, file_error};

/// Each takes a moment.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until nobody else changes what follows; nobody does until what this gives is dropped.
///
/// # Errors
/// If another one is at it all the time, or the lock cannot be had at all.
pub(super) fn alone(certs: &Path) -> Result<File, Error> {
    // The directory itself: a file for it would be one more change for who watches.
    let lock = File::open(certs).map_err(file_error("open", certs))?;
    let until = Instant::now() + PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => return Err(Error::Busy(certs.to_owned())),
            Err(TryLockError::WouldBlock) => sleep(PAUSE),
            Err(TryLockError::Error(source)) => return Err(file_error("lock", certs)(source)),
        }
    }
}

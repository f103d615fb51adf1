//! When memory that was freed goes back to the system, and on whose time.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::hint::black_box;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::background;

/// Milliseconds after which whichever thread takes or frees memory next gives back what was freed. Read by the allocator before
/// anything of ours runs.
const DELAY: &str = "MIMALLOC_PURGE_DELAY";
/// An hour, which begins anew each time that [`goes_back`] does it.
const NOT_BY_CALLS: &str = "3600000";
const EVERY: Duration = Duration::from_secs(1);

/// Starts this process anew, under the same id, where no call gives back memory that was freed, unless the environment says when
/// it goes back. That is then for [`goes_back`] alone.
///
/// By itself the allocator does it after a second, all that came together, in a thread that has something else to do: behind a
/// reload of 10,000 rules that was a call, which waited 10 ms and more for 98 MB (`cargo bench --bench gate`).
///
/// # Errors
/// If that cannot be done: all goes on as it was.
pub fn goes_back_soon() -> io::Result<()> {
    if env::var_os(DELAY).is_some() {
        return Ok(());
    }
    let mut arguments = env::args_os();
    let (Some(name), executable) = (arguments.next(), env::current_exe()?) else {
        return Ok(());
    };
    if !is_called(&name, &executable, &env::var_os("PATH").unwrap_or_default()) {
        return Err(io::Error::other(format!(
            "it was started as {}, and runs {}",
            name.display(),
            executable.display()
        )));
    }
    Err(Command::new(executable)
        .arg0(name)
        .args(arguments)
        .env(DELAY, NOT_BY_CALLS)
        .exec())
}

/// Has what was freed go back once a second, on a thread of its own that calls come before; not where the environment said when.
///
/// # Errors
/// If there can be no more threads.
pub fn goes_back() -> io::Result<()> {
    if env::var_os(DELAY).is_some_and(|said| said != NOT_BY_CALLS) {
        return Ok(());
    }
    background::start("memory", || {
        loop {
            thread::sleep(EVERY);
            ask_for_too_much();
        }
    })
}

/// Where it has not enough, the allocator gives back all that is free and in no thread's hands before it tries once more: nothing
/// else has it do so that is safe to call. Nobody has half of what can be addressed.
fn ask_for_too_much() {
    let mut asks = Vec::<u8>::new();
    let refused = asks.try_reserve_exact(isize::MAX.unsigned_abs() / 2);
    // What nobody looks at is not asked for: a release build leaves it out.
    drop(black_box((asks, refused)));
}

/// Whether a shell finds this file by that name. A program that was started through its loader (`ld-linux-x86-64.so.2 ./runplane run`)
/// runs the loader's file, which knows nothing of our arguments.
fn is_called(name: &OsStr, executable: &Path, path: &OsStr) -> bool {
    let name = Path::new(name);
    let places: Vec<PathBuf> = match name.components().count() {
        1 => env::split_paths(path).map(|place| place.join(name)).collect(),
        _ => vec![name.to_owned()],
    };
    let is = |place: &PathBuf| fs::canonicalize(place).is_ok_and(|found| found == executable);
    places.iter().any(is)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_a_program_that_a_shell_finds_by_its_name_is_started_anew() {
        let executable = env::current_exe().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("runplane");
        symlink(&executable, &link).unwrap();
        let called = |name: &OsStr, path: &Path| is_called(name, &executable, path.as_os_str());
        assert!(called(executable.as_os_str(), Path::new("")));
        assert!(called(link.as_os_str(), Path::new("")));
        assert!(called(OsStr::new("runplane"), directory.path()));
        assert!(!called(OsStr::new("runplane"), Path::new("/nowhere")));
        // By its loader: the file that runs is another one.
        assert!(!called(OsStr::new("/bin/sh"), directory.path()));
        assert!(!called(OsStr::new(""), directory.path()));
    }
}

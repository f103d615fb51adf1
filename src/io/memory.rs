//! How soon memory that was freed goes back to the system.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Read by the allocator before anything of ours runs: milliseconds.
const DELAY: &str = "MIMALLOC_PURGE_DELAY";

/// Starts this process anew, under the same id, with memory going back 10 ms after it was freed, unless the environment says
/// when already.
///
/// The allocator does it a second later, with all that came together, in whichever thread frees something next: behind a reload
/// of 10,000 rules that was a call, which waited 9 ms for 95 MB. So soon after, it is less at a time (`cargo bench --bench gate` shows
/// what is left of it).
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
        .env(DELAY, "10")
        .exec())
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

//! Other programs, each for a limited time and with a limited answer.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::trust::trusted;
use crate::app::wiring::{ADDED, BUNDLES};
use crate::model::secret::random_bytes;

/// Bytes of each of its two streams.
const LONGEST: u64 = 64 << 10;
/// Between two looks at whether it has ended.
const PAUSE: Duration = Duration::from_millis(20);
/// For what it has written by its end.
const LAST: Duration = Duration::from_secs(2);

/// What lines begin with that name the trouble; advice comes after them.
const COMPLAINTS: [&str; 3] = ["curl: (", "fatal: ", "error: "];

/// How a program ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// `None`: it was ended because its time was over.
    pub(super) status: Option<ExitStatus>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Ended {
    pub(super) fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// What it says of a failure: the line that says so, else the last that says anything.
    pub(super) fn complaint(&self) -> String {
        let said = |text: &str| {
            let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
            let says_so = |line: &&str| COMPLAINTS.iter().any(|start| line.starts_with(start));
            lines().find(says_so).or_else(|| lines().next_back()).map(str::to_owned)
        };
        match (self.status, said(&self.err).or_else(|| said(&self.out))) {
            (None, _) => "it did not end in time".to_owned(),
            (Some(_), Some(line)) => line,
            (Some(status), None) => status.to_string(),
        }
    }
}

/// A program that only root and we can have put where it is.
pub(super) struct Program {
    /// As the path names it.
    pub(super) named: PathBuf,
    /// Where that leads, which is what was looked at.
    place: PathBuf,
}

impl Program {
    /// SECURITY: what was looked at is run, and not what its name leads to by then. It is told its name, by which some know what
    /// they are. Test: `what_is_run_is_what_was_looked_at`.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.place);
        command.arg0(&self.named);
        command
    }
}

/// Where a program is, and what of that name was passed over, with the reason.
pub(super) struct Found {
    pub(super) program: Option<Program>,
    pub(super) passed: Vec<(PathBuf, &'static str)>,
}

/// Where a program is, as a shell finds it; but none that others than its owner may have put there.
pub(super) fn find(name: &str) -> Found {
    let runs = |path: &Path| {
        let found = fs::metadata(path);
        found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let mut passed = Vec::new();
    let mut programs = path().map(|directory| directory.join(name)).filter(|path| runs(path));
    let program = programs.find_map(|named| match judged(&named) {
        Ok(place) => Some(Program { named, place }),
        Err(why) => {
            passed.push((named, why));
            None
        }
    });
    Found { program, passed }
}

/// Where a program's name leads. The directory that the name lies in is looked at, too: a link is put there by whoever may
/// write there.
fn judged(named: &Path) -> Result<PathBuf, &'static str> {
    trusted(named.parent().unwrap_or(named))?;
    trusted(named)
}

/// The entries of the path that mean the same wherever one is.
fn path() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let entries: Vec<_> = std::env::split_paths(&path).collect();
    entries.into_iter().filter(|directory| directory.is_absolute())
}

/// What names a file from where we were called is to name it for whoever runs elsewhere.
fn absolute(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name).map(PathBuf::from)?;
    let relative = !value.as_os_str().is_empty() && value.is_relative();
    relative.then(|| std::path::absolute(value).ok()).flatten()
}

/// Runs a program in the environment that we have and in an empty directory, and ends it with all that it started if it takes
/// longer than `limit`.
///
/// # Errors
/// If it cannot be started.
pub(super) fn run(mut command: Command, limit: Duration) -> std::io::Result<Ended> {
    // SECURITY: an agent that is confined writes to its working directory, and a person calls us there: a module or a
    // repository that is planted there would be theirs to run. Test: `nothing_that_lies_in_the_working_directory_is_run_or_read`.
    let empty = Scratch::new()?;
    let trusted = std::env::join_paths(path().filter(|directory| trusted(directory).is_ok()));
    let files = BUNDLES
        .into_iter()
        .chain([ADDED, "GIT_PROXY_SSL_CAINFO", "SSL_CERT_DIR"]);
    let mut child = command
        .current_dir(&empty.0)
        // What it starts itself, it finds there.
        .env("PATH", trusted.map_err(std::io::Error::other)?)
        .envs(files.filter_map(|name| Some((name, absolute(name)?))))
        .env("PYTHONSAFEPATH", "1")
        // A repository may lie around the empty directory, too.
        .envs(empty.0.parent().map(|around| ("GIT_CEILING_DIRECTORIES", around)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let (out, err) = (read(child.stdout.take()), read(child.stderr.take()));
    let until = Instant::now() + limit;
    let status = loop {
        match child.try_wait()? {
            Some(status) => break Some(status),
            None if Instant::now() >= until => break None,
            None => std::thread::sleep(PAUSE),
        }
    };
    if status.is_none() {
        end(&mut child)?;
    }
    Ok(Ended {
        status,
        out: taken(&out),
        err: taken(&err),
    })
}

/// By the shell's `kill`, which reaches what it has started, too.
fn end(child: &mut Child) -> std::io::Result<()> {
    Command::new("/bin/sh")
        .args(["-c", "kill -s KILL -- \"-$1\"", "kill", &child.id().to_string()])
        .stderr(Stdio::null())
        .status()?;
    child.kill()?;
    child.wait().map(drop)
}

fn read(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut read = Vec::new();
        if let Some(stream) = stream {
            // What was read before an error is told, and nobody may want it any more.
            let _ = stream.take(LONGEST).read_to_end(&mut read);
        }
        let _ = sender.send(read); // whoever waited may have given up at its limit
    });
    receiver
}

fn taken(stream: &Receiver<Vec<u8>>) -> String {
    let read = stream.recv_timeout(LAST).unwrap_or_default();
    String::from_utf8_lossy(&read).into_owned()
}

/// A directory of our own, removed when dropped.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    /// # Errors
    /// If it cannot be made.
    pub(super) fn new() -> std::io::Result<Scratch> {
        let name = format!("runplane-doctor-{}", hex::encode(random_bytes::<8>()));
        let path = std::path::absolute(std::env::temp_dir())?.join(name);
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Scratch(path))
    }

    /// # Errors
    /// If it cannot be written.
    pub(super) fn write(&self, name: &str, text: &str) -> std::io::Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, directory = %self.0.display(), "not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Ended {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        run(command, limit).unwrap()
    }

    #[test]
    fn what_hangs_is_ended_with_all_that_it_started() {
        let start = Instant::now();
        let ended = shell("echo before; sleep 1000 & echo $!; wait", Duration::from_millis(300));
        assert!(ended.status.is_none() && ended.complaint().contains("did not end in time"));
        let started: u32 = ended.out.lines().nth(1).unwrap().parse().unwrap();
        // Killed, and waited for by whoever inherits it: at most a zombie for a moment.
        let gone = || {
            let state = fs::read_to_string(format!("/proc/{started}/stat")).unwrap_or_default();
            state.is_empty() || state.contains(") Z ")
        };
        while !gone() {
            assert!(start.elapsed() < Duration::from_secs(60), "it lives on");
            std::thread::sleep(PAUSE);
        }
    }

    #[test]
    fn a_complaint_is_the_line_that_names_the_trouble_and_not_the_advice_after_it() {
        let said = |script: &str| shell(script, Duration::from_secs(60)).complaint();
        let curl =
            "echo 'curl: (60) SSL certificate problem' >&2; echo 'More details here: https://curl.se' >&2; exit 60";
        assert_eq!(said(curl), "curl: (60) SSL certificate problem");
        assert_eq!(said("echo only here; exit 1"), "only here");
        assert_eq!(said("exit 4"), "exit status: 4");
    }

    #[test]
    fn an_endless_answer_is_cut_and_a_complaint_is_its_last_line() {
        let ended = shell(
            "yes | head -c 300000; echo first >&2; echo 'it broke' >&2; exit 3",
            Duration::from_secs(60),
        );
        assert_eq!(ended.complaint(), "it broke");
        assert_eq!(ended.out.len() as u64, LONGEST);
        assert!(!ended.is_success());
    }

    #[test]
    fn what_is_run_is_what_was_looked_at() {
        let place = Scratch::new().unwrap();
        let named = place.0.join("named");
        std::os::unix::fs::symlink("/bin/sh", &named).unwrap();
        let program = Program {
            place: judged(&named).unwrap(),
            named: named.clone(),
        };
        fs::remove_file(&named).unwrap();
        fs::write(&named, "another").unwrap();
        let mut command = program.command();
        command.args(["-c", "echo \"$0\""]);
        assert_eq!(
            run(command, Duration::from_secs(60)).unwrap().out.trim(),
            named.display().to_string()
        );
    }

    #[test]
    fn nothing_is_left_of_a_scratch_directory() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.write("a", "b").unwrap();
        assert!(path.exists());
        drop(scratch);
        assert!(!path.parent().unwrap().exists());
    }
}

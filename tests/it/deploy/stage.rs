//! Namespaces of this machine's kernel in place of a container engine.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use crate::harness::{Trail, bounded, said};

/// A process that keeps namespaces alive; they end with it.
pub struct Stage(Child);

impl Stage {
    /// Namespaces of these kinds (as `unshare` names them), set up by a script.
    pub fn new(kinds: &[&str], script: &str) -> Self {
        let mut unshare = Command::new("unshare");
        unshare.args(kinds).args(["--propagation", "private"]);
        Self::begin(unshare, script)
    }

    /// A network of its own, and the files of another stage.
    pub fn beside(&self, script: &str) -> Self {
        let mut enter = self.enter();
        enter.args(["unshare", "--net"]);
        Self::begin(enter, script)
    }

    fn begin(mut command: Command, script: &str) -> Self {
        let script = format!("set -eu\n{script}\necho it stands\nexec sleep infinity");
        command
            .args(["sh", "-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("util-linux is there: tests/run sees to it");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let stands = lines.any(|line| line.is_ok_and(|line| line == "it stands"));
        let stage = Self(child);
        assert!(stands, "namespaces could not be had: {script}");
        stage
    }

    pub fn id(&self) -> String {
        self.0.id().to_string()
    }

    /// A path inside, as it is seen from here.
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.0.id()))
    }

    /// What a sidecar inside left on its disk, once it has ended.
    pub fn trail(&self) -> Trail {
        // SQLite follows links, and the way through /proc is one.
        let copy = tempfile::tempdir().unwrap();
        let state = copy.path().join("state");
        std::fs::create_dir(&state).unwrap();
        let database = self.path("/var/lib/runplane/state/runplane.db");
        std::fs::copy(database, state.join("runplane.db")).unwrap();
        Trail::read(copy.path())
    }

    /// What begins a command inside.
    pub fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.id(), "--mount", "--net", "--"]);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        command
    }

    /// The same as a user of no privilege at all.
    pub fn enter_as(&self, user: u32) -> Command {
        let mut command = self.enter();
        let id = user.to_string();
        command.args(["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"]);
        command.args(["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]);
        command
    }

    /// Runs a script inside, which must succeed.
    pub fn sh(&self, script: &str) -> Output {
        let mut command = self.enter();
        command.args(["sh", "-euc", script]);
        let output = bounded(command);
        assert!(output.status.success(), "{script}: {}", said(&output));
        output
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A sidecar inside; killed by its own process id when dropped.
pub struct Inside {
    child: Child,
    pub output: crate::harness::Output,
}

impl Inside {
    pub fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = crate::harness::Output::default();
        output.follow(child.stdout.take().unwrap());
        output.follow(child.stderr.take().unwrap());
        Self { child, output }
    }

    /// Asks it to end, and waits until it has.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status();
        assert!(sent.unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the sidecar printed:\n{}\n---", self.output.text());
        }
    }
}

/// Whether namespaces can be had: they need root.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if !root {
        eprintln!("NOT SHOWN: this needs root, for namespaces");
    }
    root
}

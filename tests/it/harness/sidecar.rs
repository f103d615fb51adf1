//! The real binary, running.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::output;
use super::record::Trail;
use super::{Configuration, HttpAnswer, PATIENCE, api, approval_id, eventually, key};

/// A running sidecar. Killed, by its own process id, when dropped.
pub struct Sidecar {
    configuration: Configuration,
    child: Mutex<Child>,
    output: output::Output,
    /// Up to where the lines of held calls were looked at.
    held: Mutex<usize>,
}

impl Sidecar {
    /// What it is to be told comes first: `Sidecar::new().resolve(…).start()`.
    #[expect(clippy::new_ret_no_self, reason = "reads as a sentence that ends in start()")]
    pub fn new() -> Configuration {
        Configuration::new()
    }

    pub(super) fn start(configuration: Configuration) -> Self {
        let output = output::Output::default();
        let child = spawn(&configuration, &output);
        let sidecar = Self {
            configuration,
            child: Mutex::new(child),
            output,
            held: Mutex::new(0),
        };
        sidecar.wait_until_ready();
        sidecar
    }

    fn wait_until_ready(&self) {
        eventually("the sidecar is ready", || {
            if let Ok(Some(status)) = self.child.lock().unwrap().try_wait() {
                panic!("the sidecar ended at start with {status}");
            }
            if self.configuration.is_control_secure() {
                // The ports listen before the banner is printed.
                return self.printed().contains("point one at it");
            }
            api::request(self.control_port(), "GET", "/ready", None, None).is_ok_and(|answer| answer.status == 200)
        });
    }

    pub fn proxy_port(&self) -> u16 {
        self.configuration.proxy_port
    }

    pub fn control_port(&self) -> u16 {
        self.configuration.control_port
    }

    pub fn home(&self) -> &Path {
        self.configuration.home.path()
    }

    pub fn pid(&self) -> u32 {
        self.child.lock().unwrap().id()
    }

    /// The most memory that it ever had, in MiB.
    pub fn peak(&self) -> usize {
        self.megabytes("VmHWM:")
    }

    /// What it has now, in MB.
    pub fn resident(&self) -> usize {
        self.megabytes("VmRSS:")
    }

    fn megabytes(&self, of: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(of)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() >> 10
    }

    /// How much more than before that is. The kernel counts on each processor for itself: a little less is none.
    pub fn grown(&self, before: usize) -> usize {
        self.peak().saturating_sub(before)
    }

    pub fn ca_file(&self) -> PathBuf {
        self.home().join("certs/ca.pem")
    }

    pub fn ca_pem(&self) -> String {
        std::fs::read_to_string(self.ca_file()).unwrap()
    }

    pub fn owner_key(&self) -> String {
        std::fs::read_to_string(self.home().join("state/owner.key"))
            .unwrap()
            .trim()
            .to_owned()
    }

    /// Everything it printed so far.
    pub fn printed(&self) -> String {
        self.output.text()
    }

    /// What is on its disk.
    pub fn trail(&self) -> Trail {
        Trail::read(self.home())
    }

    /// The short id of the next held call, from the line that its terminal shows.
    pub fn next_held(&self) -> String {
        let line = self.next_held_line();
        approval_id(&line).unwrap_or_else(|| panic!("no approval's id in: {line}"))
    }

    /// The whole line.
    pub fn next_held_line(&self) -> String {
        let mut held = self.held.lock().unwrap();
        let found = self.output.wait(*held, PATIENCE, |line| line.starts_with("HELD "));
        let (line, index) = found.unwrap_or_else(|| panic!("no call was held within {PATIENCE:?}"));
        *held = index;
        line
    }

    /// Whether a line comes up that holds all of these.
    pub fn prints(&self, words: &[&str]) -> bool {
        self.output
            .wait(0, Duration::from_secs(20), |line| {
                words.iter().all(|word| line.contains(word))
            })
            .is_some()
    }

    /// The command line of the product, as the owner uses it on the same machine.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        self.cli_as(None, arguments)
    }

    /// The same by a person who shows their key.
    pub fn cli_as(&self, key: Option<&str>, arguments: &[&str]) -> Output {
        let mut command = runplane();
        command.args(arguments).env("RUNPLANE_HOME", self.home());
        if let Some(key) = key {
            command.env("RUNPLANE_KEY", key);
        }
        bounded(command)
    }

    /// The same where it must succeed; gives what it printed.
    pub fn told(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments);
        assert!(
            output.status.success(),
            "runplane {}: {}",
            arguments.join(" "),
            said(&output)
        );
        said(&output)
    }

    /// The variables that `runplane env` prints, for an agent that shows `key(agent)`.
    pub fn wiring(&self, agent: Option<&str>) -> Vec<(String, String)> {
        let mut command = runplane();
        command
            .args(["env", "--shell", "docker"])
            .env("RUNPLANE_HOME", self.home());
        if let Some(agent) = agent {
            command.args(["--agent", agent]).env("RUNPLANE_AGENT_KEY", key(agent));
        }
        let output = bounded(command);
        assert!(output.status.success(), "{}", said(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().filter_map(|line| line.split_once('='));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    pub fn approve(&self, id: &str) {
        self.told(&["approvals", "approve", id]);
    }

    /// Where it was changed since it was first asked for.
    pub fn approve_at(&self, id: &str, revision: u32) {
        self.told(&["approvals", "approve", id, "--revision", &revision.to_string()]);
    }

    pub fn deny(&self, id: &str, reason: &str) {
        self.told(&["approvals", "deny", id, "--reason", reason]);
    }

    /// A request to the control API.
    pub fn api(&self, method: &str, path: &str, key: &str, body: Option<&serde_json::Value>) -> HttpAnswer {
        self.try_api(method, path, key, body).unwrap()
    }

    /// The same where the sidecar may be gone.
    pub fn try_api(
        &self,
        method: &str,
        path: &str,
        key: &str,
        body: Option<&serde_json::Value>,
    ) -> std::io::Result<HttpAnswer> {
        api::request(self.control_port(), method, path, Some(key), body)
    }

    /// The approvals in a state, as the owner sees them.
    pub fn approvals(&self, state: &str) -> Vec<serde_json::Value> {
        let answer = self.api(
            "GET",
            &format!("/api/v1/approvals?state={state}"),
            &self.owner_key(),
            None,
        );
        assert_eq!(answer.status, 200, "{answer:?}");
        api::list(&answer.json())
    }

    /// Pulls the plug.
    pub fn kill9(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts it again on the same home and ports; one that runs still is asked to end first.
    pub fn restart(&self) {
        if self.child.lock().unwrap().try_wait().unwrap().is_none() {
            self.terminate();
            assert!(self.ended().success());
        }
        *self.child.lock().unwrap() = spawn(&self.configuration, &self.output);
        self.wait_until_ready();
    }

    /// Pulls the plug and starts it again.
    pub fn restart_hard(&self) {
        self.kill9();
        self.restart();
    }

    /// Asks it to end, as a service manager does.
    pub fn terminate(&self) {
        let kill = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.pid())])
            .status()
            .unwrap();
        assert!(kill.success());
    }

    /// How it ended.
    pub fn ended(&self) -> ExitStatus {
        let mut child = self.child.lock().unwrap();
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "the sidecar did not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        if let Ok(child) = self.child.get_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- the sidecar printed:\n{}\n---", self.output.text());
        }
    }
}

/// The binary with nothing of the surroundings that could change what it does.
pub fn runplane() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runplane"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let ours = name.starts_with("RUNPLANE_") || name.to_lowercase().ends_with("_proxy");
        if ours || matches!(name.as_str(), "RUST_LOG" | "SSL_CERT_FILE" | "SSL_CERT_DIR") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn spawn(configuration: &Configuration, output: &output::Output) -> Child {
    let mut command = runplane();
    let environment = &configuration.environment;
    command
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .arg("run")
        .arg("--home")
        .arg(configuration.home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    output.follow(child.stdout.take().unwrap());
    output.follow(child.stderr.take().unwrap());
    child
}

/// Runs a command that ends by itself; one that does not is ended, and the test with it.
pub fn bounded(mut command: Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let id = child.id();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(PATIENCE) {
        Ok(output) => output.unwrap(),
        Err(_) => {
            let _ = Command::new("sh").args(["-c", &format!("kill -KILL {id}")]).status();
            panic!("did not end within {PATIENCE:?}: {command:?}");
        }
    }
}

/// Starts the sidecar where it must refuse to.
pub(super) fn refuses(home: &Path) -> Output {
    let mut command = runplane();
    command.arg("run").arg("--home").arg(home);
    let output = bounded(command);
    assert!(
        !output.status.success(),
        "it started, or ended as if all were well: {}",
        said(&output)
    );
    output
}

/// What a command printed, both streams.
pub fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
